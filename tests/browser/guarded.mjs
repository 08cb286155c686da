// A browser that lets a page reach its own origin alone, and takes down everything that a page may not do.

import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";

const { TOOLS, SCREENSHOTS, BASE_URL, CHROMIUM = "/usr/bin/chromium" } = process.env;
const { chromium } = createRequire(`${TOOLS}/`)("playwright-core");
mkdirSync(SCREENSHOTS, { recursive: true });

export const VIEWS = {
  desktop: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

// What Chromium logs about an answer that the test provoked.
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d /;

// For machines that are busy with other things; a page that works needs a few seconds.
const PATIENCE_MS = 90_000;

export function launch() {
  const args = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

/** A page at `path`, and `faults`: what it did that it may not. */
export async function open(browser, path, { colorScheme = "light", ...view } = VIEWS.desktop) {
  const context = await browser.newContext({ colorScheme, ...view });
  const faults = [];
  await context.route("**/*", (route) => {
    const url = route.request().url();
    if (new URL(url).origin === BASE_URL) return route.continue();
    faults.push(`request to ${url}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("console", (message) => {
    const isFault = ["error", "warning"].includes(message.type()) && !REFUSED.test(message.text());
    if (isFault) faults.push(`${message.type()} in the console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
  await page.exposeFunction("tellViolation", (what) => faults.push(`policy violated: ${what}`));
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      window.tellViolation(`${violatedDirective} by ${blockedURI}`)));
  await page.goto(BASE_URL + path);
  return { page, faults };
}

export const screenshot = (shown, name) => shown.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
