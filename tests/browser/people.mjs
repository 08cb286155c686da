// People who have accounts and read their mail, for tests of what the mails lead to.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const { BASE_URL, MAILS } = process.env;
const PATIENCE_MS = 30_000;

const read = new Set();

/** Somebody with an account of their own. */
export class Person {
  constructor(username) {
    this.username = username;
    this.email = `${username}@example.com`;
    this.password = "correct horse battery staple";
  }

  static async registered(username, language = "en") {
    const person = new Person(username);
    const { email, password } = person;
    await send("/auth/register", { json: { email, username, password }, headers: { "accept-language": language } });
    return person;
  }

  async login() {
    const form = new URLSearchParams({ grant_type: "password", username: this.username, password: this.password });
    this.token = (await send("/auth/token", { form })).access_token;
  }

  async isLoggedIn() {
    const { status } = await fetch(`${BASE_URL}/users/me`, { headers: this.#headers() });
    assert.ok([200, 401].includes(status), `${status}`);
    return status === 200;
  }

  account() {
    return send("/users/me", { headers: this.#headers() });
  }

  requestPasswordReset() {
    return send("/auth/password-reset/request", { json: { email: this.email } });
  }

  requestEmailChange(newEmail) {
    const json = { new_email: newEmail, current_password: this.password };
    return send("/users/me/email", { json, headers: this.#headers() });
  }

  async changePassword(newPassword) {
    const json = { current_password: this.password, new_password: newPassword };
    const answer = await send("/users/me/password", { method: "PUT", json, headers: this.#headers() });
    this.token = answer.access_token;
    this.password = newPassword;
  }

  /** The link, without its origin, of the next mail of this kind that nobody has read; by default to the own address. */
  async link(kind, address = this.email) {
    const text = plainText(await nextMail(kind, address));
    const link = text.split(/\s/).find((word) => word.startsWith(`${BASE_URL}/`));
    assert.ok(link, text);
    return link.slice(BASE_URL.length);
  }

  #headers() {
    return { authorization: `Bearer ${this.token}` };
  }
}

async function send(path, { json, form, headers, method = json || form ? "POST" : "GET" }) {
  const type = json && { "content-type": "application/json" };
  const body = json ? JSON.stringify(json) : form;
  const answer = await fetch(BASE_URL + path, { method, headers: { ...type, ...headers }, body });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

async function nextMail(kind, address) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(50)) {
    // The folder is made for the first mail.
    const names = await readdir(MAILS).catch(() => []);
    for (const name of names.sort()) {
      if (read.has(name) || name.startsWith(".") || !name.includes(`-${kind}-`)) continue;
      const mail = await readFile(join(MAILS, name), "latin1");
      if (!mail.includes(`\r\nTo: ${address}\r\n`)) continue;
      read.add(name);
      return mail;
    }
  }
  return assert.fail(`no mail ${kind} to ${address}`);
}

function plainText(mail) {
  const [, boundary] = /boundary="([^"]+)"/.exec(mail);
  const part = mail.split(`--${boundary}`).find((part) => /^content-type: text\/plain/im.test(part));
  const end = part.indexOf("\r\n\r\n");
  const [head, body] = [part.slice(0, end), part.slice(end)];
  const [, encoding] = /^content-transfer-encoding: (\S+)/im.exec(head) ?? [];
  if (encoding === "base64") return Buffer.from(body, "base64").toString();
  if (encoding !== "quoted-printable") return Buffer.from(body, "latin1").toString();
  const bytes = body.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/g, (_, byte) => String.fromCharCode(parseInt(byte, 16)));
  return Buffer.from(bytes, "latin1").toString();
}
