/**
 * A client of Vestibule that mends what a client can mend, for you to copy.
 *
 * - Every call carries the access token. When it has died, it is renewed once, however many calls found it dead at the
 *   same moment, and those calls are sent again. When it cannot be renewed, the session ends: once, too.
 * - A call that was refused for a rate or a full queue (429, 503) waits as long as `Retry-After` says and is sent again,
 *   but only where sending it twice does what sending it once does.
 *
 * Needs `vestibule.d.ts` beside it: `npx openapi-typescript openapi.json -o vestibule.d.ts`.
 */
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./vestibule.js";

type Token = components["schemas"]["Token"];

/** What has to be kept to stay logged in. */
export interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

export interface Options {
  /** Such as `https://accounts.example.com`. */
  readonly baseUrl: string;
  /** Those that `onTokens` was given last time. */
  readonly tokens?: Tokens;
  /** Called with the tokens after each login and renewal, to be kept; with `undefined` when the session has ended. */
  readonly onTokens?: (tokens: Tokens | undefined) => void;
  /** What sends the requests; the platform's own otherwise. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** A request is sent this often at most. */
const TRIES = 4;
/** A longer `Retry-After` is reported to the caller instead of waited for. In milliseconds. */
const LONGEST_WAIT = 60_000;
/** The wait after a broken connection, doubled each time. In milliseconds. */
const FIRST_WAIT = 200;
/** For 10 s a refresh token that comes again gets the same successor; later it is taken for stolen. In milliseconds. */
const REFRESH_GRACE = 10_000;

export class Vestibule {
  /** Every operation of the API, typed. */
  readonly api: Client<paths>;
  readonly #baseUrl: string;
  readonly #fetch: (request: Request) => Promise<Response>;
  readonly #onTokens: (tokens: Tokens | undefined) => void;
  #tokens: Tokens | undefined;
  #renewal: Promise<Response | undefined> | undefined;

  constructor(options: Options) {
    this.#baseUrl = options.baseUrl;
    this.#fetch = options.fetch ?? ((request) => fetch(request));
    this.#onTokens = options.onTokens ?? (() => undefined);
    this.#tokens = options.tokens;
    this.api = createClient<paths>({
      baseUrl: options.baseUrl,
      fetch: (request) => this.#authorized(request),
    });
  }

  get isLoggedIn(): boolean {
    return this.#tokens !== undefined;
  }

  /** Logs in with a username or e-mail address. Answers what the token endpoint answered, which is not only a refusal. */
  async logIn(username: string, password: string, scope?: string) {
    const result = await this.api.POST("/auth/token", {
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: { grant_type: "password", username, password, ...(scope === undefined ? {} : { scope }) },
    });
    if (result.data !== undefined) this.#keep(result.data);
    return result;
  }

  /** Ends the session on the server as well. When the server cannot be asked, it ends here all the same. */
  async logOut(): Promise<void> {
    try {
      await this.api.POST("/auth/logout");
    } finally {
      this.#end();
    }
  }

  #keep(token: Token): void {
    this.#tokens = { access: token.access_token, refresh: token.refresh_token };
    this.#onTokens(this.#tokens);
  }

  #end(): void {
    if (this.#tokens === undefined) return;
    this.#tokens = undefined;
    this.#onTokens(undefined);
  }

  /** Sends a request with the access token; with its successor when it turns out to be dead. */
  async #authorized(request: Request): Promise<Response> {
    const token = this.#tokens?.access;
    if (token === undefined || request.headers.has("Authorization")) return await this.#patient(request);
    const response = await this.#patient(withToken(request, token));
    if (!saysTokenIsDead(response)) return response;
    const obstacle = await this.#renew(token);
    const successor = this.#tokens?.access;
    if (successor === undefined) return response;
    // The session may live: that the service is too busy to renew it is what the caller has to know.
    if (obstacle !== undefined) return obstacle.clone();
    return await this.#patient(withToken(request, successor));
  }

  /** Replaces the tokens, unless that has been done since `dead` was sent. Answers what stood in the way. */
  async #renew(dead: string): Promise<Response | undefined> {
    if (this.#tokens?.access !== dead) return undefined;
    // The one place where calls meet: all that come while a renewal is under way wait for that one.
    this.#renewal ??= this.#refresh(this.#tokens.refresh).finally(() => (this.#renewal = undefined));
    return await this.#renewal;
  }

  async #refresh(token: string): Promise<Response | undefined> {
    const body: components["schemas"]["RefreshRequest"] = { refresh_token: token };
    const request = new Request(new URL("/auth/refresh", this.#baseUrl), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const response = await this.#patient(request, { repeatable: true, longestWait: REFRESH_GRACE });
    if (response.ok) {
      this.#keep((await response.json()) as Token);
      return undefined;
    }
    if (response.status !== 401) return response;
    this.#end();
    return undefined;
  }

  /** Sends a request again while it is told to come back later or breaks off, where that does no harm. */
  async #patient(request: Request, { repeatable = isRepeatable(request), longestWait = LONGEST_WAIT } = {}): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt === TRIES || !repeatable;
      let wait = FIRST_WAIT * 2 ** (attempt - 1);
      try {
        // A clone, since a body can be sent only once.
        const response = await this.#fetch(request.clone());
        const told = retryAfter(response);
        if (isLast || told === undefined || told > longestWait) return response;
        wait = told;
        await response.body?.cancel();
      } catch (error) {
        // Broken connections are TypeErrors; what the caller aborted is none.
        if (isLast || !(error instanceof TypeError)) throw error;
      }
      await sleep(withJitter(wait), request.signal);
    }
  }
}

function withToken(request: Request, token: string): Request {
  const copy = request.clone();
  copy.headers.set("Authorization", `Bearer ${token}`);
  return copy;
}

/** RFC 6750 §3.1. Other 401s, such as that of a wrong current password, are none of the token's fault. */
function saysTokenIsDead(response: Response): boolean {
  return response.status === 401 && (response.headers.get("WWW-Authenticate") ?? "").includes('error="invalid_token"');
}

/** RFC 9110 §9.2.2. A POST is what its key makes it; a PATCH may have been done although its answer got lost. */
function isRepeatable(request: Request): boolean {
  return ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].includes(request.method) || request.headers.has("Idempotency-Key");
}

/** Milliseconds after which to come back, if the answer is an invitation to do so. */
function retryAfter(response: Response): number | undefined {
  if (response.status !== 429 && response.status !== 503) return undefined;
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

/** Up to a quarter longer, never shorter: those who were refused together are not to come back together. */
function withJitter(wait: number): number {
  return wait * (1 + Math.random() / 4);
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
  signal.throwIfAborted();
}
