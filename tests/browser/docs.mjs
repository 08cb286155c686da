// The documentation as a newcomer meets it, in a browser without any other network: everything that the pages fill in by
// themselves has to work as it stands.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { VIEWS, launch, open, screenshot } from "./guarded.mjs";
import { SwaggerUi } from "./swagger.mjs";

const { ADMIN_USERNAME, ADMIN_PASSWORD, BASE_URL } = process.env;
const ADA = { username: "ada", password: "correct horse battery staple" };

// What each page shows once it has read the specification.
const PAGES = [["/docs", ".opblock"], ["/reference", "text=Register an account"]];

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

async function docs(view) {
  const opened = await open(browser, "/docs", view);
  await opened.page.locator(".opblock").first().waitFor();
  return { ...opened, ui: new SwaggerUi(opened.page) };
}

// Nothing more has come for half a second after what the page shows is there. A browser that takes files from its cache does
// not always tell that the network is idle.
async function isComplete(page, shown) {
  await page.locator(shown).first().waitFor({ state: "attached" });
  await page.evaluate(async () => {
    const loaded = () => performance.getEntriesByType("resource").length;
    let before;
    do {
      before = loaded();
      await new Promise((resolve) => setTimeout(resolve, 500));
    } while (loaded() !== before);
  });
}

const isProblem = (answer, status, code) => {
  assert.equal(answer.status, status);
  assert.equal(answer.body.code, code);
};

for (const [name, view] of Object.entries(VIEWS)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`both pages, ${name}, ${colorScheme}`, async () => {
      for (const [path, shown] of PAGES) {
        const { page, faults } = await open(browser, path, { ...view, colorScheme });
        await isComplete(page, shown);
        await screenshot(page, `${path.slice(1)}-${name}-${colorScheme}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${path} is ${overflow} pixels too wide`);
        assert.deepEqual(faults, []);
        await page.context().close();
      }
    });
  }
}

test("operations stand in the order of need, and each page leads to the other", async () => {
  const { page, faults } = await docs();
  const paths = await page.locator("#operations-tag-auth + * .opblock-summary-path").allInnerTexts();
  const plain = paths.map((path) => path.replaceAll("\u200b", ""));
  assert.deepEqual(plain.slice(0, 3), ["/auth/register", "/auth/token", "/auth/refresh"]);
  await page.getByRole("link", { name: "Reference" }).click();
  await page.getByText("Register an account").first().waitFor();
  await page.getByRole("link", { name: "Try it out" }).click();
  await page.locator(".opblock").first().waitFor();
  assert.deepEqual(faults, []);
});

test("a newcomer registers, logs in, changes the account and logs out", async () => {
  const { page, ui, faults } = await docs();
  const registered = await ui.execute("registerUser");
  assert.equal(registered.status, 201);
  assert.equal(registered.body.user.username, ADA.username);
  await screenshot(ui.block("registerUser"), "registered");
  isProblem(await ui.execute("registerUser"), 409, "email_taken");
  await ui.fold("registerUser");

  const refusal = await ui.login(ADA.username, "wrong", () => screenshot(page, "login-refused"));
  assert.match(refusal, /Wrong username or password/);
  const success = await ui.login(ADA.username, ADA.password, () => screenshot(page, "logged-in"));
  assert.match(success, /Authorized/);

  assert.equal((await ui.execute("getCurrentUser")).body.username, ADA.username);
  assert.equal((await ui.execute("updateCurrentUser")).status, 200);
  assert.equal((await ui.execute("logout")).status, 204);
  const late = await ui.execute("getCurrentUser");
  isProblem(late, 401, "invalid_access_token");
  assert.match(await late.shown.innerText(), /expired or revoked/);
  await screenshot(ui.block("getCurrentUser"), "logged-out");
  assert.deepEqual(faults, []);
});

test("a token that was issued by hand is pasted", async () => {
  const { ui, faults } = await docs();
  const issued = await ui.execute("issueToken");
  assert.equal(issued.status, 200);
  await screenshot(ui.block("issueToken"), "token-issued");
  await ui.useToken("nonsense");
  isProblem(await ui.execute("getCurrentUser"), 401, "invalid_access_token");
  await ui.forget();
  isProblem(await ui.execute("getCurrentUser"), 401, "not_authenticated");
  await ui.useToken(issued.body.access_token);
  assert.equal((await ui.execute("getCurrentUser")).body.username, ADA.username);
  assert.deepEqual(faults, []);
});

test("an administrator lists, creates and looks at users", async () => {
  const { ui, faults } = await docs();
  await ui.login(ADMIN_USERNAME, ADMIN_PASSWORD);
  const listed = await ui.execute("listUsers");
  assert.equal(listed.status, 200);
  const names = listed.body.items.map((user) => user.username);
  assert.ok(names.includes(ADA.username) && names.includes(ADMIN_USERNAME), `${names} are listed`);
  await screenshot(ui.block("listUsers"), "users-listed");

  const created = await ui.execute("createUser");
  assert.equal(created.status, 201);
  const got = await ui.execute("getUser", { parameters: { id: created.body.id } });
  assert.deepEqual(got.body, created.body);
  assert.deepEqual(faults, []);
});

test("of parameters nothing but defaults is filled in", async () => {
  const { page, ui, faults } = await docs();
  const withParameters = await page.evaluate(async () => {
    const { paths } = await (await fetch("/openapi.json")).json();
    const operations = Object.values(paths).flatMap(Object.values);
    return operations.filter(({ parameters }) => parameters?.length).map(({ operationId }) => operationId);
  });
  assert.ok(withParameters.length > 5, `${withParameters}`);
  const filled = [];
  for (const operation of withParameters) {
    const block = await ui.unfold(operation);
    const rows = block.locator("tr[data-param-name]");
    const values = await rows.evaluateAll((rows) => rows.map((row) =>
      [row.dataset.paramName, row.querySelector("input, select, textarea").value]));
    assert.ok(values.length > 0, operation);
    for (const [name, value] of values) {
      if (!["", "50", "current"].includes(value)) filled.push(`${operation}: ${name} is ${value}`);
    }
    await ui.fold(operation);
  }
  assert.deepEqual(filled, []);
  assert.deepEqual(faults, []);
});

test("what is refused is folded away until it is asked for", async () => {
  const { ui, faults } = await docs();
  const block = await ui.unfold("registerUser");
  assert.ok(await block.locator(".response", { hasText: "201" }).first().isVisible());
  const refusals = block.locator(".refusal");
  assert.ok((await refusals.count()) > 5);
  assert.equal(await refusals.locator(".highlight-code").count(), 0);
  await refusals.filter({ hasText: "email_taken" }).locator("summary").click();
  await refusals.locator(".highlight-code").waitFor();
  assert.match(await refusals.locator(".highlight-code").innerText(), /"request_id"/);
  await screenshot(block, "refusal-unfolded");
  assert.deepEqual(faults, []);
});

test("the reference shows an operation, is searched and turns dark", async () => {
  const { page, faults } = await open(browser, "/reference");
  await page.getByRole("link", { name: "Register an account" }).first().click();
  await page.waitForURL(/#.*\/auth\/register$/);
  await page.getByRole("heading", { name: "Register an account" }).waitFor();
  const sample = page.locator(".scalar-card", { hasText: `curl ${BASE_URL}/auth/register` });
  await sample.first().waitFor();
  await screenshot(page, "reference-operation");

  await page.getByRole("link", { name: "Log in, or refresh, by OAuth 2.0" }).first().click();
  const login = page.locator(".scalar-card", { hasText: `curl ${BASE_URL}/auth/token` }).first();
  await login.getByText("username=ada").waitFor();
  const command = await login.innerText();
  for (const part of ["grant_type=password", "password=correct+horse+battery+staple"]) assert.ok(command.includes(part), command);
  for (const part of ["client_id", "client_secret", "refresh_token", "scope"]) assert.ok(!command.includes(part), command);
  await screenshot(page, "reference-login");

  await page.locator(".sidebar-search").click();
  await page.getByRole("combobox", { name: "Enter search query" }).fill("change your pass");
  const found = page.getByRole("option", { name: /Change your password/ });
  await found.waitFor();
  await screenshot(page, "reference-search");
  // What is found is drawn anew while the page behind it grows: now and then a click hits nothing, and one clicks again.
  for (let clicks = 0; clicks < 20 && await found.isVisible(); clicks += 1) {
    await found.click({ timeout: 2_000 }).catch(() => {});
    await found.waitFor({ state: "hidden", timeout: 2_000 }).catch(() => {});
  }
  await page.waitForURL(/#.*\/users\/me\/password$/);

  const theme = () => page.locator("body").getAttribute("class");
  assert.match(await theme(), /light-mode/);
  await page.locator("[class~='group/toggle']").click();
  assert.match(await theme(), /dark-mode/);
  assert.deepEqual(faults, []);
});

test("a reload loads nothing that is here already", async () => {
  // Where requests are intercepted nothing is kept.
  const page = await (await browser.newContext()).newPage();
  for (const [path, shown] of PAGES) {
    await page.goto(BASE_URL + path);
    await isComplete(page, shown);
    await page.reload();
    await isComplete(page, shown);
    const loaded = await page.evaluate(() => performance.getEntriesByType("resource")
      .map(({ name, transferSize, encodedBodySize }) => ({ name, transferSize, encodedBodySize })));
    assert.ok(loaded.length >= 4, JSON.stringify(loaded));
    for (const { name, transferSize, encodedBodySize } of loaded) {
      const isVersioned = name.includes("?v=");
      assert.ok(transferSize <= (isVersioned ? 0 : 1000), `${name}: ${transferSize} of ${encodedBodySize} bytes`);
    }
  }
});
