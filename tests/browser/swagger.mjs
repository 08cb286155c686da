// Swagger UI by what a person does with it.

export class SwaggerUi {
  constructor(page) {
    this.page = page;
  }

  /** The block of an operation. */
  block(operation) {
    return this.page.locator(`.opblock[id$="-${operation}"]`);
  }

  /** Unfolds an operation; one that is unfolded stays so. */
  async unfold(operation) {
    const block = this.block(operation);
    if (!(await block.locator(".opblock-body .execute").isVisible())) {
      await block.locator(".opblock-summary-control").click();
      await block.locator(".execute").waitFor();
    }
    return block;
  }

  async fold(operation) {
    await this.block(operation).locator(".opblock-summary-control").click();
  }

  /** Fills in what is given and leaves the rest as it stands; the status and the body of the answer that is shown. */
  async execute(operation, { parameters = {}, body } = {}) {
    const block = await this.unfold(operation);
    for (const [name, value] of Object.entries(parameters)) {
      await block.locator(`tr[data-param-name="${name}"] :is(input, select)`).fill(value);
    }
    if (body !== undefined) await block.locator("textarea.body-param__text").fill(JSON.stringify(body));
    const answered = this.page.waitForResponse((response) => response.request().method() !== "OPTIONS");
    await block.locator(".execute").click();
    const answer = await answered;
    const shown = block.locator(".live-responses-table .response");
    await shown.filter({ hasText: String(answer.status()) }).waitFor();
    const text = answer.status() === 204 ? "" : await answer.text();
    return { status: answer.status(), body: text === "" ? undefined : JSON.parse(text), shown };
  }

  async #inDialog(scheme, act) {
    await this.page.locator(".scheme-container .authorize").click();
    const part = this.page.locator(".auth-container", { hasText: scheme });
    await act(part);
    await this.page.locator(".close-modal").click();
  }

  /** Logs in by username and password; what the dialog says then. */
  async login(username, password, look = () => {}) {
    let said;
    await this.#inDialog("PasswordAuth", async (part) => {
      await part.locator("#oauth_username").fill(username);
      await part.locator("#oauth_password").fill(password);
      await this.page.keyboard.press("Enter");
      const outcome = part.locator(".errors, h6");
      await outcome.first().waitFor();
      said = await outcome.first().innerText();
      await look(part);
    });
    return said;
  }

  /** Pastes an access token. */
  useToken(token) {
    return this.#inDialog("BearerAuth", async (part) => {
      await part.locator("#auth-bearer-value").fill(token);
      await part.locator(".authorize").click();
      await part.locator("h6, code").first().waitFor();
    });
  }

  /** Forgets how one is logged in. */
  async forget() {
    for (const scheme of ["PasswordAuth", "BearerAuth"]) {
      await this.#inDialog(scheme, async (part) => {
        const button = part.getByRole("button", { name: "Remove authorization" });
        if (await button.isVisible()) await button.click();
      });
    }
  }
}
