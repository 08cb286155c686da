/**
 * The story of tests/clients/README.md, told with the generated types: whatever openapi.json says wrongly does not compile
 * here, or fails. It knows the service through openapi.json alone.
 */
import assert from "node:assert/strict";
import { createClient, createConfig, type Client } from "./vestibule/client/index.js";
import * as vestibule from "./vestibule/index.js";
import type { Token } from "./vestibule/index.js";

const baseUrl = setting("BASE_URL");
const limitedUrl = setting("LIMITED_BASE_URL");
const adminPassword = setting("ADMIN_PASSWORD");
const adminUsername = setting("ADMIN_USERNAME");
const unique = `hey-${Date.now().toString(36)}`;
const password = "correct horse battery staple";

function setting(name: string): string {
  const value = process.env[name];
  assert.ok(value, `set ${name}`);
  return value;
}

function as(accessToken: string): Client {
  return createClient(createConfig({ baseUrl, auth: accessToken }));
}

async function logIn(username: string, secret: string): Promise<Token> {
  const { data, error } = await vestibule.issueToken({
    client: nobody,
    body: { grant_type: "password", username, password: secret },
  });
  assert.ok(data, JSON.stringify(error));
  return data;
}

const nobody = createClient(createConfig({ baseUrl }));

async function register() {
  const body = { email: `${unique}@example.com`, username: unique, password };
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const { data: registered, error, response } = await vestibule.registerUser({ client: nobody, headers, body });
  const user = registered?.user;
  // Without one where REQUIRE_EMAIL_VERIFICATION keeps to itself whether there is an account.
  assert.ok(user && registered.status === "created", JSON.stringify(error ?? registered));
  assert.equal(user.username, unique);
  assert.deepEqual(user.roles, ["user"]);
  assert.equal(response.headers.get("Location"), "/users/me");
  const again = await vestibule.registerUser({ client: nobody, headers, body });
  assert.deepEqual(again.data, registered);
  const other = { ...body, username: `${unique}-2` };
  const reused = await vestibule.registerUser({ client: nobody, headers, body: other });
  assert.ok(reused.error?.code === "idempotency_key_reused");

  const sameEmail = await vestibule.registerUser({ client: nobody, body: { ...body, username: `${unique}-2` } });
  assert.equal(sameEmail.response.status, 409);
  assert.ok(sameEmail.error?.code === "email_taken");
  const sameName = await vestibule.registerUser({ client: nobody, body: { ...body, email: `2${body.email}` } });
  assert.ok(sameName.error?.code === "username_taken");
  const invalid = await vestibule.registerUser({ client: nobody, body: { email: "no address", username: "!", password: "x" } });
  assert.ok(invalid.error?.code === "validation_failed" && "errors" in invalid.error);
  assert.deepEqual(invalid.error.errors?.map((wrong) => wrong.field).sort(), ["email", "password", "username"]);
}

async function ownAccount(token: Token): Promise<Token> {
  const me = as(token.access_token);
  const { data: user, response } = await vestibule.getCurrentUser({ client: me });
  assert.ok(user);
  assert.equal(user.email, `${unique}@example.com`);
  assert.equal(user.full_name, null);
  const headers = { "If-Match": response.headers.get("ETag") ?? "" };
  const { data: patched } = await vestibule.updateCurrentUser({ client: me, headers, body: { full_name: "Ada" } });
  assert.equal(patched?.full_name, "Ada");
  const stale = await vestibule.updateCurrentUser({ client: me, headers, body: { full_name: "Grace" } });
  assert.equal(stale.response.status, 412);
  assert.ok(stale.error?.code === "precondition_failed");
  const { data: put } = await vestibule.replaceCurrentUser({ client: me, body: { username: unique, full_name: "Ada Lovelace" } });
  assert.equal(put?.full_name, "Ada Lovelace");
  const { data: removed } = await vestibule.updateCurrentUser({ client: me, body: { full_name: null } });
  assert.equal(removed?.full_name, null);

  const { data: renewed } = await vestibule.refreshToken({ client: nobody, body: { refresh_token: token.refresh_token } });
  assert.ok(renewed);
  assert.notEqual(renewed.refresh_token, token.refresh_token);
  return renewed;
}

async function refusals(token: Token) {
  const anonymous = await vestibule.getCurrentUser({ client: nobody });
  assert.equal(anonymous.response.status, 401);
  assert.ok(anonymous.error?.code === "not_authenticated");
  const forged = await vestibule.getCurrentUser({ client: as("no.real.token") });
  assert.ok(forged.error?.code === "invalid_access_token");
  const denied = await vestibule.listUsers({ client: as(token.access_token) });
  assert.equal(denied.response.status, 403);
  assert.ok(denied.error?.code === "permission_denied");
  const unknown = await vestibule.refreshToken({ client: nobody, body: { refresh_token: "none" } });
  assert.ok(unknown.error?.code === "invalid_refresh_token");
  const wrong = await vestibule.issueToken({ client: nobody, body: { username: unique, password: "wrong" } });
  assert.equal(wrong.response.status, 400);
  assert.ok(wrong.error && "error" in wrong.error);
  assert.equal(wrong.error.error, "invalid_grant");
}

async function administration(admin: Client) {
  const created: string[] = [];
  for (const number of [1, 2, 3, 4, 5]) {
    const username = `${unique}-page-${number}`;
    const { data, error } = await vestibule.createUser({ client: admin, body: { email: `${username}@example.com`, username, password } });
    assert.ok(data, JSON.stringify(error));
    created.push(data.id);
  }
  const listed: string[] = [];
  let cursor: string | null | undefined;
  do {
    const { data: page } = await vestibule.listUsers({
      client: admin,
      query: { q: `${unique}-page-`, limit: 2, ...(cursor == null ? {} : { cursor }) },
    });
    assert.ok(page);
    listed.push(...page.items.map((user) => user.id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(listed, created.reverse());

  const malformed = await vestibule.listUsers({ client: admin, query: { cursor: "?" } });
  assert.equal(malformed.response.status, 400);
  assert.ok(malformed.error?.code === "malformed_request");
  const missing = await vestibule.getUser({ client: admin, path: { id: crypto.randomUUID() } });
  assert.equal(missing.response.status, 404);
  assert.ok(missing.error?.code === "not_found");

  const [id] = created;
  assert.ok(id);
  const path = { id };
  const { data: found, response } = await vestibule.getUser({ client: admin, path });
  assert.ok(found);
  const headers = { "If-Match": response.headers.get("ETag") ?? "" };
  const session = await logIn(found.username, password);
  const body = { is_active: false };
  const { data: disabled } = await vestibule.updateUser({ client: admin, path, body });
  assert.equal(disabled?.is_active, false);
  const stale = await vestibule.updateUser({ client: admin, path, headers, body });
  assert.ok(stale.error?.code === "precondition_failed");
  assert.equal((await vestibule.getCurrentUser({ client: as(session.access_token) })).error?.code, "invalid_access_token");
}

async function rateLimit() {
  const limited = createClient(createConfig({ baseUrl: limitedUrl }));
  for (let call = 0; call < 20; call += 1) {
    const { error, response } = await vestibule.getCurrentUser({ client: limited });
    if (response.status !== 429) continue;
    assert.ok(error?.code === "rate_limited");
    assert.match(response.headers.get("Retry-After") ?? "", /^[1-9]\d*$/);
    return;
  }
  assert.fail("no call was refused for its rate");
}

await register();
const token = await ownAccount(await logIn(unique, password));
await refusals(token);
const admin = as((await logIn(adminUsername, adminPassword)).access_token);
await administration(admin);
await rateLimit();
assert.equal((await vestibule.logout({ client: as(token.access_token) })).response.status, 204);
assert.equal((await vestibule.getCurrentUser({ client: as(token.access_token) })).error?.code, "invalid_access_token");
