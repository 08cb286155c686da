// The pages that links of mails lead to, as people meet them: with scripts and without, by keyboard, in their language, on
// small screens and in the dark.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, open, screenshot } from "./guarded.mjs";
import { Person } from "./people.mjs";

const NEW_PASSWORD = "a stable of quiet batteries";

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

/** A page that has to be without faults when `act` has done with it. */
async function visit(path, view, act) {
  const { page, faults } = await open(browser, path, view);
  await act(page);
  assert.deepEqual(faults, []);
  await page.context().close();
}

// No line of it ends at a hyphen.
const heading = async (page) => (await page.getByRole("heading", { level: 1 }).innerText()).replaceAll("\u2011", "-");

async function press(page, name, done) {
  await page.getByRole("button", { name, exact: true }).click();
  await page.getByRole("heading", { name: done, exact: true }).waitFor();
  assert.equal(await page.getByRole("button").count(), 0);
}

/** Undoing and securing is for addresses that are known to be those of the account's owner. */
const confirm = async (person, view) =>
  visit(await person.link("verify_email"), view, (page) => press(page, "Confirm address", "Address confirmed"));

const isOver = (link, view) => visit(link, view, async (page) =>
  assert.equal(await heading(page), "This link no longer works"));

for (const [how, javaScriptEnabled] of [["with scripts", true], ["without", false]]) {
  const view = { javaScriptEnabled };
  const name = (stem) => (javaScriptEnabled ? stem : `${stem}-unscripted`);

  test(`an address is confirmed by the button alone, ${how}`, async () => {
    const person = await Person.registered(name("verify"));
    const link = await person.link("verify_email");
    await person.login();
    for (let times = 0; times < 2; times += 1) {
      await visit(link, view, async (page) => assert.equal(await heading(page), "Confirm your e-mail address"));
    }
    assert.equal((await person.account()).email_verified, false);
    await visit(link, view, (page) => press(page, "Confirm address", "Address confirmed"));
    assert.equal((await person.account()).email_verified, true);
    await isOver(link, view);
  });

  test(`a new password is chosen, ${how}`, async () => {
    const person = await Person.registered(name("reset"));
    await person.login();
    await person.requestPasswordReset();
    const link = await person.link("password_reset");
    await visit(link, view, async (page) => {
      assert.match(await page.locator("main").innerText(), new RegExp(`For the account ${person.username}\\.`));
      const field = page.getByLabel("New password");
      const button = page.getByRole("button", { name: "Set new password" });
      await field.fill("password1");
      await button.click();
      const problem = page.getByRole("alert");
      await problem.waitFor();
      assert.match(await problem.innerText(), /guess|common/);
      assert.equal(await field.inputValue(), "");
      assert.equal(await field.getAttribute("aria-invalid"), "true");
      const description = await field.getAttribute("aria-describedby");
      assert.ok(description.split(" ").includes(await problem.getAttribute("id")), description);
      assert.equal(await person.isLoggedIn(), true);
      await field.fill(NEW_PASSWORD);
      await press(page, "Set new password", "Your new password is set");
    });
    assert.equal(await person.isLoggedIn(), false);
    person.password = NEW_PASSWORD;
    await person.login();
    await isOver(link, view);
  });

  test(`an address is changed and gets back, ${how}`, async () => {
    const person = await Person.registered(name("move"));
    await confirm(person, view);
    await person.login();
    const address = `new-${person.email}`;
    await person.requestEmailChange(address);
    const link = await person.link("email_change", address);
    await visit(link, view, (page) => press(page, "Use this address", "Your address is changed"));
    assert.equal((await person.account()).email, address);
    await isOver(link, view);

    const undo = await person.link("email_changed");
    await visit(undo, view, (page) => press(page, "Get my address back", "You have your address back"));
    assert.equal(await person.isLoggedIn(), false);
    const reset = await person.link("account_secured");
    await visit(reset, view, async (page) => {
      // There is none by now, so it is no new one.
      await page.getByLabel("Password", { exact: true }).fill(NEW_PASSWORD);
      await press(page, "Set password", "Your password is set");
    });
    person.password = NEW_PASSWORD;
    await person.login();
    assert.equal((await person.account()).email, person.email);
    await isOver(undo, view);
  });

  test(`an account is secured by the link of a notice, ${how}`, async () => {
    const person = await Person.registered(name("secure"));
    await confirm(person, view);
    await person.login();
    await person.changePassword(NEW_PASSWORD);
    const link = await person.link("password_changed");
    await visit(link, view, (page) => press(page, "Log out all devices", "Your account is secured"));
    assert.equal(await person.isLoggedIn(), false);
    await person.link("account_secured");
    await isOver(link, view);
  });
}

test("the keyboard is enough", async () => {
  const person = await Person.registered("keys");
  const focused = (page) => page.evaluate(() => {
    const { tagName, type, name } = document.activeElement;
    return [tagName, type, name].filter(Boolean).join(" ");
  });
  await visit(await person.link("verify_email"), {}, async (page) => {
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "BUTTON submit");
    assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "solid");
    await screenshot(page, "page-button-focused");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Address confirmed" }).waitFor();
  });
  await person.requestPasswordReset();
  await visit(await person.link("password_reset"), {}, async (page) => {
    assert.equal(await focused(page), "INPUT password new_password");
    // Nothing typed: the browser itself says that something is missing, and stays.
    await page.keyboard.press("Enter");
    assert.equal(await page.getByRole("alert").count(), 0);
    await page.keyboard.type("short");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    assert.equal(await focused(page), "INPUT password new_password");
    await page.keyboard.type(NEW_PASSWORD);
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "BUTTON submit");
    await page.keyboard.press("Space");
    await page.getByRole("heading", { name: "Your new password is set" }).waitFor();
  });
});

test("a German reader gets German pages", async () => {
  const person = await Person.registered("anna", "de-AT,de;q=0.9,en;q=0.5");
  const view = { locale: "de-AT" };
  await visit(await person.link("verify_email"), view, async (page) => {
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    assert.equal(await heading(page), "E-Mail-Adresse bestätigen");
    await press(page, "Adresse bestätigen", "Adresse bestätigt");
  });
  await person.requestPasswordReset();
  const link = await person.link("password_reset");
  await visit(link, view, async (page) => {
    await page.getByLabel("Neues Passwort").fill("kurz");
    await page.keyboard.press("Enter");
    assert.match(await page.getByRole("alert").innerText(), /mindestens 8 Zeichen/);
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
  });
  await visit("/verify-email?token=nonsense", view, async (page) =>
    assert.equal(await heading(page), "Dieser Link gilt nicht mehr"));
  await visit(link, { locale: "fr-FR" }, async (page) =>
    assert.equal(await page.locator("html").getAttribute("lang"), "en"));
});

const WIDTHS = { desktop: 1000, phone: 360 };
// WCAG 2.2, 1.4.10: what a window of 1280 pixels is at 400 %.
const NARROWEST = 320;

/** The link to every page, of somebody whose name is as long as names get. */
async function everyPage() {
  const person = await Person.registered("m".repeat(32));
  const verify = await person.link("verify_email");
  await visit(verify, {}, (page) => press(page, "Confirm address", "Address confirmed"));
  await person.login();
  await person.requestEmailChange("first@example.com");
  await visit(await person.link("email_change", "first@example.com"), {}, (page) =>
    press(page, "Use this address", "Your address is changed"));
  const undo = await person.link("email_changed");
  person.email = "first@example.com";
  await person.changePassword(NEW_PASSWORD);
  const secure = await person.link("password_changed");
  await person.requestEmailChange("second@example.com");
  const change = await person.link("email_change", "second@example.com");
  await person.requestPasswordReset();
  const reset = await person.link("password_reset");
  const other = await Person.registered("n".repeat(32));
  return { unusable: verify, verify: await other.link("verify_email"), reset, change, undo, secure };
}

/** What text there is with less contrast to its ground than WCAG 2.2 asks for (1.4.3), or a field with less (1.4.11). */
const faint = (page) => page.evaluate(() => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const luminance = (color) => {
    const [red, green, blue] = color.slice(0, 3).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const found = [];
  for (const element of document.body.querySelectorAll("h1, p, label, button, input[type=password]")) {
    const { color, borderTopColor } = getComputedStyle(element);
    const ratio = contrast(channels(color), ground(element));
    if (ratio < 4.5) found.push(`${element.outerHTML}: ${ratio}`);
    if (element.tagName !== "INPUT") continue;
    const edge = contrast(channels(borderTopColor), ground(element.parentElement));
    if (edge < 3) found.push(`edge of ${element.outerHTML}: ${edge}`);
  }
  return found;
});

test("every page is fit to be seen: in light and dark, on wide and narrow screens", async () => {
  for (const [name, link] of Object.entries(await everyPage())) {
    for (const colorScheme of ["light", "dark"]) {
      for (const [screen, width] of Object.entries(WIDTHS)) {
        const view = { colorScheme, viewport: { width, height: 740 }, locale: screen === "phone" ? "de-DE" : "en-GB" };
        await visit(link, view, async (page) => {
          const file = (state) => `page-${state}-${screen}-${colorScheme}`;
          await screenshot(page, file(name));
          assert.deepEqual(await faint(page), []);
          if (name === "reset") {
            await page.locator("#new_password").fill("password1");
            await page.keyboard.press("Enter");
            await page.getByRole("alert").waitFor();
            await screenshot(page, file("reset-refused"));
            assert.deepEqual(await faint(page), []);
          }
          for (const button of await page.getByRole("button").all()) {
            const { height } = await button.boundingBox();
            assert.ok(height >= 44, `the button of ${name} is ${height} pixels high`);
          }
          await page.setViewportSize({ width: NARROWEST, height: 740 });
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`);
        });
      }
    }
  }
});
