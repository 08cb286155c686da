/**
 * The story of tests/clients/README.md, told with the generated types: whatever openapi.json says wrongly does not compile
 * here, or fails. It knows the service through openapi.json alone.
 */
import assert from "node:assert/strict";
import createClient, { type Client } from "openapi-fetch";
import { Vestibule, type Tokens } from "./client.js";
import type { components, paths } from "./vestibule.js";

type Token = components["schemas"]["Token"];

const baseUrl = setting("BASE_URL");
const limitedUrl = setting("LIMITED_BASE_URL");
const adminPassword = setting("ADMIN_PASSWORD");
const adminUsername = setting("ADMIN_USERNAME");
const unique = `ts-${Date.now().toString(36)}`;
const password = "correct horse battery staple";
const form = { "Content-Type": "application/x-www-form-urlencoded" } as const;

function setting(name: string): string {
  const value = process.env[name];
  assert.ok(value, `set ${name}`);
  return value;
}

function as(accessToken: string): Client<paths> {
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${accessToken}` } });
}

async function logIn(username: string, secret: string): Promise<Token> {
  const { data, error } = await nobody.POST("/auth/token", {
    headers: form,
    body: { grant_type: "password", username, password: secret },
  });
  assert.ok(data, JSON.stringify(error));
  return data;
}

const nobody = createClient<paths>({ baseUrl });

async function register() {
  const body = { email: `${unique}@example.com`, username: unique, password };
  const params = { header: { "Idempotency-Key": crypto.randomUUID() } };
  const { data: registered, error, response } = await nobody.POST("/auth/register", { params, body });
  const user = registered?.user;
  // Without one where REQUIRE_EMAIL_VERIFICATION keeps to itself whether there is an account.
  assert.ok(user && registered.status === "created", JSON.stringify(error ?? registered));
  assert.equal(user.username, unique);
  assert.deepEqual(user.roles, ["user"]);
  assert.equal(response.headers.get("Location"), "/users/me");
  const again = await nobody.POST("/auth/register", { params, body });
  assert.deepEqual(again.data, registered);
  const reused = await nobody.POST("/auth/register", { params, body: { ...body, username: `${unique}-2` } });
  assert.ok(reused.error?.code === "idempotency_key_reused");

  const sameEmail = await nobody.POST("/auth/register", { body: { ...body, username: `${unique}-2` } });
  assert.equal(sameEmail.response.status, 409);
  assert.ok(sameEmail.error?.code === "email_taken");
  const sameName = await nobody.POST("/auth/register", { body: { ...body, email: `2${body.email}` } });
  assert.ok(sameName.error?.code === "username_taken");
  const invalid = await nobody.POST("/auth/register", { body: { email: "no address", username: "!", password: "x" } });
  assert.ok(invalid.error?.code === "validation_failed" && "errors" in invalid.error);
  assert.deepEqual(invalid.error.errors?.map((wrong) => wrong.field).sort(), ["email", "password", "username"]);
}

async function ownAccount(token: Token): Promise<Token> {
  const me = as(token.access_token);
  const { data: user, response } = await me.GET("/users/me");
  assert.ok(user);
  assert.equal(user.email, `${unique}@example.com`);
  assert.equal(user.full_name, null);
  const params = { header: { "If-Match": response.headers.get("ETag") ?? "" } };
  const { data: patched } = await me.PATCH("/users/me", { params, body: { full_name: "Ada" } });
  assert.equal(patched?.full_name, "Ada");
  const stale = await me.PATCH("/users/me", { params, body: { full_name: "Grace" } });
  assert.equal(stale.response.status, 412);
  assert.ok(stale.error?.code === "precondition_failed");
  const { data: put } = await me.PUT("/users/me", { body: { username: unique, full_name: "Ada Lovelace" } });
  assert.equal(put?.full_name, "Ada Lovelace");
  const { data: removed } = await me.PATCH("/users/me", { body: { full_name: null } });
  assert.equal(removed?.full_name, null);

  const { data: renewed } = await nobody.POST("/auth/refresh", { body: { refresh_token: token.refresh_token } });
  assert.ok(renewed);
  assert.notEqual(renewed.refresh_token, token.refresh_token);
  return renewed;
}

async function refusals(token: Token) {
  const anonymous = await nobody.GET("/users/me");
  assert.equal(anonymous.response.status, 401);
  assert.ok(anonymous.error?.code === "not_authenticated");
  const forged = await as("no.real.token").GET("/users/me");
  assert.ok(forged.error?.code === "invalid_access_token");
  const denied = await as(token.access_token).GET("/users");
  assert.equal(denied.response.status, 403);
  assert.ok(denied.error?.code === "permission_denied");
  const unknown = await nobody.POST("/auth/refresh", { body: { refresh_token: "none" } });
  assert.ok(unknown.error?.code === "invalid_refresh_token");
  const wrong = await nobody.POST("/auth/token", { headers: form, body: { username: unique, password: "wrong" } });
  assert.equal(wrong.response.status, 400);
  assert.ok(wrong.error && "error" in wrong.error);
  assert.equal(wrong.error.error, "invalid_grant");
}

async function administration(admin: Client<paths>) {
  const created: string[] = [];
  for (const number of [1, 2, 3, 4, 5]) {
    const username = `${unique}-page-${number}`;
    const { data, error } = await admin.POST("/users", { body: { email: `${username}@example.com`, username, password } });
    assert.ok(data, JSON.stringify(error));
    created.push(data.id);
  }
  const listed: string[] = [];
  let cursor: string | null | undefined;
  do {
    const { data: page } = await admin.GET("/users", {
      params: { query: { q: `${unique}-page-`, limit: 2, ...(cursor == null ? {} : { cursor }) } },
    });
    assert.ok(page);
    listed.push(...page.items.map((user) => user.id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(listed, created.reverse());

  const malformed = await admin.GET("/users", { params: { query: { cursor: "?" } } });
  assert.equal(malformed.response.status, 400);
  assert.ok(malformed.error?.code === "malformed_request");
  const missing = await admin.GET("/users/{id}", { params: { path: { id: crypto.randomUUID() } } });
  assert.equal(missing.response.status, 404);
  assert.ok(missing.error?.code === "not_found");

  const [id] = created;
  assert.ok(id);
  const path = { id };
  const { data: found, response } = await admin.GET("/users/{id}", { params: { path } });
  assert.ok(found);
  const header = { "If-Match": response.headers.get("ETag") ?? "" };
  const session = await logIn(found.username, password);
  const body = { is_active: false };
  const { data: disabled, error } = await admin.PATCH("/users/{id}", { params: { path }, body });
  assert.equal(disabled?.is_active, false, JSON.stringify(error));
  const stale = await admin.PATCH("/users/{id}", { params: { path, header }, body });
  assert.ok(stale.error?.code === "precondition_failed");
  assert.equal((await as(session.access_token).GET("/users/me")).error?.code, "invalid_access_token");
}

async function rateLimit() {
  const limited = createClient<paths>({ baseUrl: limitedUrl });
  for (let call = 0; call < 20; call += 1) {
    const { error, response } = await limited.GET("/users/me");
    if (response.status !== 429) continue;
    assert.ok(error?.code === "rate_limited");
    assert.match(response.headers.get("Retry-After") ?? "", /^[1-9]\d*$/);
    return;
  }
  assert.fail("no call was refused for its rate");
}

/** Sends requests, and counts those to each path. */
function countingFetch() {
  const counts = new Map<string, number>();
  const send = async (request: Request) => {
    const { pathname } = new URL(request.url);
    counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
    return await fetch(request);
  };
  return { fetch: send, count: (pathname: string) => counts.get(pathname) ?? 0 };
}

async function resilience() {
  const kept: (Tokens | undefined)[] = [];
  const token = await logIn(unique, password);
  const dead = { access: `${token.access_token}x`, refresh: token.refresh_token };
  const counting = countingFetch();
  const client = new Vestibule({ baseUrl, tokens: dead, fetch: counting.fetch, onTokens: (tokens) => kept.push(tokens) });

  // Bodies as well: half of the calls have one, which is sent twice.
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, number) =>
      number % 2 === 0
        ? await client.api.GET("/users/me")
        : await client.api.PATCH("/users/me", { body: { full_name: `Ada ${number}` } }),
    ),
  );
  for (const { data, error } of answers) assert.ok(data, JSON.stringify(error));
  assert.equal(counting.count("/auth/refresh"), 1);
  assert.equal(counting.count("/users/me"), 40);
  assert.equal(kept.length, 1);

  await client.logOut();
  assert.deepEqual(kept.at(-1), undefined);
  assert.ok(!client.isLoggedIn);
  assert.equal((await client.api.GET("/users/me")).error?.code, "not_authenticated");

  const ends = countingFetch();
  let ended = 0;
  const lost = new Vestibule({
    baseUrl,
    tokens: { access: "dead", refresh: "dead" },
    fetch: ends.fetch,
    onTokens: () => (ended += 1),
  });
  const refused = await Promise.all(Array.from({ length: 20 }, async () => await lost.api.GET("/users/me")));
  assert.ok(refused.every(({ error }) => error?.code === "invalid_access_token"));
  assert.equal(ends.count("/auth/refresh"), 1);
  assert.equal(ended, 1);
}

async function patience() {
  const counting = countingFetch();
  const client = new Vestibule({ baseUrl: limitedUrl, fetch: counting.fetch });
  // The login may come too early as well, and is no call to be repeated blindly.
  while ((await client.logIn(adminUsername, adminPassword)).response.status === 429) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  const begun = performance.now();
  const names: (string | undefined)[] = [];
  for (let call = 0; call < 4; call += 1) names.push((await client.api.GET("/users/me")).data?.username);
  assert.deepEqual(new Set(names), new Set([adminUsername]));
  assert.ok(counting.count("/users/me") > 4, "a call was refused for its rate, and repeated");
  assert.ok(performance.now() - begun >= 1000, "it was repeated when it was told to be");

  for (const number of [1, 2, 3]) {
    const username = `${unique}-key-${number}`;
    const { data, error } = await client.api.POST("/users", {
      params: { header: { "Idempotency-Key": crypto.randomUUID() } },
      body: { email: `${username}@example.com`, username },
    });
    assert.ok(data, JSON.stringify(error));
  }
  assert.ok(counting.count("/users") > 3, "a POST with a key is repeated");
  while ((await client.api.POST("/auth/reauthenticate", { body: { password: "wrong" } })).response.status !== 429);
  const before = counting.count("/auth/reauthenticate");
  await client.api.POST("/auth/reauthenticate", { body: { password: "wrong" } });
  assert.equal(counting.count("/auth/reauthenticate"), before + 1, "a POST without a key is not repeated");
}

await register();
const token = await ownAccount(await logIn(unique, password));
await refusals(token);
const admin = as((await logIn(adminUsername, adminPassword)).access_token);
await administration(admin);
await rateLimit();
await resilience();
await patience();
assert.equal((await as(token.access_token).POST("/auth/logout")).response.status, 204);
assert.equal((await as(token.access_token).GET("/users/me")).error?.code, "invalid_access_token");
