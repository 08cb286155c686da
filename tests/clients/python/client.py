"""A client of Vestibule that mends what a client can mend, for you to copy.

- Every call carries the access token. When it has died, it is renewed once, however many calls found it dead at the same
  moment, and those calls are sent again. When it cannot be renewed, the session ends: once, too.
- A call that was refused for a rate or a full queue (429, 503) waits as long as ``Retry-After`` says and is sent again, but
  only where sending it twice does what sending it once does.

Both hold for the blocking functions (``sync``), from as many threads as you like, and for those of ``asyncio``, in one event
loop. Needs the generated package beside it: ``openapi-python-client generate --path openapi.json``.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from vestibule_client import AuthenticatedClient
from vestibule_client.api.auth import issue_token, logout
from vestibule_client.models import OAuthError, RefreshRequest, Token, TokenRequest, TokenRequestGrantType
from vestibule_client.types import UNSET

TRIES = 4
"""A request is sent this often at most."""
LONGEST_WAIT = 60.0
"""A longer `Retry-After` is reported to the caller instead of waited for. In seconds."""
FIRST_WAIT = 0.2
"""The wait after a broken connection, doubled each time. In seconds."""
REFRESH_GRACE = 10.0
"""So long a refresh token that comes again gets the same successor; later it is taken for stolen. In seconds."""

_REPEATABLE = "vestibule.repeatable_after"
"""The extension of a request that may be sent again although its method does not say so: after so many seconds at most."""


@dataclass(frozen=True)
class Tokens:
    """What has to be kept to stay logged in."""

    access: str
    refresh: str


class LogInRefused(Exception):
    """What the token endpoint answered instead of tokens; ``None`` when it is nothing that the specification knows."""

    def __init__(self, answer: OAuthError | None) -> None:
        super().__init__(answer.error_description if answer else "the answer is not understood")
        self.answer = answer


class Vestibule:
    """The service, with or without a login. Give ``api`` to the generated functions."""

    def __init__(
        self,
        base_url: str,
        *,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens | None], None] = lambda tokens: None,
        transport: httpx.BaseTransport | None = None,
        async_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``on_tokens`` is called with the tokens after each login and renewal, to be kept, and with ``None`` when the session
        has ended; ``tokens`` are those that it was given last time. The transports are what sends the requests."""
        self._session = _Session(base_url, tokens, on_tokens)
        blocking = _Authorized(self._session, _Patient(transport or httpx.HTTPTransport()))
        asynchronous = _AsyncAuthorized(self._session, _AsyncPatient(async_transport or httpx.AsyncHTTPTransport()))
        # The session adds the token, so that the generated client is given none.
        self.api = AuthenticatedClient(base_url=base_url, token="")
        self.api.set_httpx_client(httpx.Client(base_url=base_url, transport=blocking))
        self.api.set_async_httpx_client(httpx.AsyncClient(base_url=base_url, transport=asynchronous))

    @property
    def is_logged_in(self) -> bool:
        return self._session.tokens is not None

    def log_in(self, username: str, password: str, scope: str | None = None) -> Token:
        """Logs in with a username or e-mail address. Raises ``LogInRefused``."""
        body = _password_grant(username, password, scope)
        return self._session.admit(issue_token.sync(client=self.api, body=body))

    async def log_in_async(self, username: str, password: str, scope: str | None = None) -> Token:
        body = _password_grant(username, password, scope)
        return self._session.admit(await issue_token.asyncio(client=self.api, body=body))

    def log_out(self) -> None:
        """Ends the session on the server as well. When the server cannot be asked, it ends here all the same."""
        try:
            logout.sync_detailed(client=self.api)
        finally:
            self._session.end()

    async def log_out_async(self) -> None:
        try:
            await logout.asyncio_detailed(client=self.api)
        finally:
            self._session.end()


def _password_grant(username: str, password: str, scope: str | None) -> TokenRequest:
    return TokenRequest(
        grant_type=TokenRequestGrantType.PASSWORD,
        username=username,
        password=password,
        scope=UNSET if scope is None else scope,
    )


class _Session:
    """The tokens, and what came of the last attempt to renew them. Sends nothing itself."""

    def __init__(self, base_url: str, tokens: Tokens | None, on_tokens: Callable[[Tokens | None], None]) -> None:
        self.tokens = tokens
        self.lock = threading.Lock()
        self.async_lock = asyncio.Lock()
        self.attempts = 0
        self.obstacle: httpx.Response | httpx.TransportError | None = None
        self._refresh_url = base_url.rstrip("/") + "/auth/refresh"
        self._on_tokens = on_tokens

    def admit(self, answer: Token | OAuthError | None) -> Token:
        if not isinstance(answer, Token):
            raise LogInRefused(answer)
        self._keep(answer)
        return answer

    def end(self) -> None:
        if self.tokens is not None:
            self.tokens = None
            self._on_tokens(None)

    def sign(self, request: httpx.Request) -> str | None:
        """Adds the access token, and answers which."""
        if self.tokens is None:
            return None
        request.headers["Authorization"] = f"Bearer {self.tokens.access}"
        return self.tokens.access

    def is_renewed(self, dead: str, attempts: int) -> bool:
        """Whether another call has renewed the token, or tried to, since a call with ``dead`` saw so many ``attempts``."""
        return self.tokens is None or self.tokens.access != dead or self.attempts != attempts

    def refresh_request(self, cause: httpx.Request) -> httpx.Request:
        assert self.tokens is not None, "is_renewed came first"
        body = RefreshRequest(refresh_token=self.tokens.refresh).to_dict()
        extensions = {**cause.extensions, _REPEATABLE: REFRESH_GRACE}
        return httpx.Request("POST", self._refresh_url, json=body, extensions=extensions)

    def settle(self, answer: httpx.Response | httpx.TransportError) -> None:
        """Takes the answer to the refresh request, which has been read, or why there is none."""
        self.attempts += 1
        self.obstacle = None
        if isinstance(answer, httpx.TransportError):
            self.obstacle = answer
        elif answer.is_success:
            self._keep(Token.from_dict(answer.json()))
        elif answer.status_code == httpx.codes.UNAUTHORIZED:
            self.end()
        else:
            self.obstacle = answer

    def verdict(self, own: httpx.Response) -> httpx.Response | None:
        """What a call whose token was dead is answered now; ``None`` if it is to be sent again."""
        if self.tokens is None:
            return own
        # The session may live: that the service cannot renew it now is what the caller has to know.
        if isinstance(self.obstacle, httpx.TransportError):
            raise httpx.NetworkError("the tokens could not be renewed") from self.obstacle
        if self.obstacle is None:
            return None
        headers = self.obstacle.headers
        kept = {name: headers[name] for name in ("Content-Type", "Retry-After") if name in headers}
        return httpx.Response(self.obstacle.status_code, headers=kept, content=self.obstacle.content)

    def _keep(self, token: Token) -> None:
        self.tokens = Tokens(token.access_token, token.refresh_token)
        self._on_tokens(self.tokens)


class _Authorized(httpx.BaseTransport):
    """Sends a request with the access token; with its successor when it turns out to be dead."""

    def __init__(self, session: _Session, inner: httpx.BaseTransport) -> None:
        self._session = session
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()  # to be able to send it again
        attempts = self._session.attempts
        token = self._session.sign(request)
        response = self._inner.handle_request(request)
        if token is None or not _says_token_is_dead(response):
            return response
        # The one place where calls meet: all that come while a renewal is under way wait for that one.
        with self._session.lock:
            if not self._session.is_renewed(token, attempts):
                self._renew(request)
            verdict = self._session.verdict(response)
        if verdict is response:
            return response
        response.close()
        if verdict is not None:
            return verdict
        self._session.sign(request)
        return self._inner.handle_request(request)

    def _renew(self, cause: httpx.Request) -> None:
        try:
            answer = self._inner.handle_request(self._session.refresh_request(cause))
            answer.read()
        except httpx.TransportError as error:
            self._session.settle(error)
        else:
            self._session.settle(answer)

    def close(self) -> None:
        self._inner.close()


class _AsyncAuthorized(httpx.AsyncBaseTransport):
    """``_Authorized`` for ``asyncio``."""

    def __init__(self, session: _Session, inner: httpx.AsyncBaseTransport) -> None:
        self._session = session
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        attempts = self._session.attempts
        token = self._session.sign(request)
        response = await self._inner.handle_async_request(request)
        if token is None or not _says_token_is_dead(response):
            return response
        async with self._session.async_lock:
            if not self._session.is_renewed(token, attempts):
                await self._renew(request)
            verdict = self._session.verdict(response)
        if verdict is response:
            return response
        await response.aclose()
        if verdict is not None:
            return verdict
        self._session.sign(request)
        return await self._inner.handle_async_request(request)

    async def _renew(self, cause: httpx.Request) -> None:
        try:
            answer = await self._inner.handle_async_request(self._session.refresh_request(cause))
            await answer.aread()
        except httpx.TransportError as error:
            self._session.settle(error)
        else:
            self._session.settle(answer)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Patient(httpx.BaseTransport):
    """Sends a request again while it is told to come back later or breaks off, where that does no harm."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for wait in _waits(request):
            try:
                response = self._inner.handle_request(request)
            except httpx.TransportError:
                if wait is None:
                    raise
                time.sleep(_with_jitter(wait))
                continue
            told = _retry_after(request, response)
            if wait is None or told is None:
                return response
            response.close()
            time.sleep(_with_jitter(told))
        raise AssertionError("the last of the waits is None")

    def close(self) -> None:
        self._inner.close()


class _AsyncPatient(httpx.AsyncBaseTransport):
    """``_Patient`` for ``asyncio``."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for wait in _waits(request):
            try:
                response = await self._inner.handle_async_request(request)
            except httpx.TransportError:
                if wait is None:
                    raise
                await asyncio.sleep(_with_jitter(wait))
                continue
            told = _retry_after(request, response)
            if wait is None or told is None:
                return response
            await response.aclose()
            await asyncio.sleep(_with_jitter(told))
        raise AssertionError("the last of the waits is None")

    async def aclose(self) -> None:
        await self._inner.aclose()


def _waits(request: httpx.Request) -> list[float | None]:
    """The waits after each try when the connection breaks; ``None`` after the last one."""
    return [*(FIRST_WAIT * 2**n for n in range(TRIES - 1)), None] if _is_repeatable(request) else [None]


def _is_repeatable(request: httpx.Request) -> bool:
    """RFC 9110 §9.2.2. A POST is what its key makes it; a PATCH may have been done although its answer got lost."""
    return (
        request.method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
        or "Idempotency-Key" in request.headers
        or _REPEATABLE in request.extensions
    )


def _retry_after(request: httpx.Request, response: httpx.Response) -> float | None:
    """Seconds after which to come back, if the answer is an invitation to do so that can be accepted."""
    told: str = response.headers.get("Retry-After", "")
    if response.status_code not in (429, 503) or not told.isdecimal():
        return None
    longest = float(request.extensions.get(_REPEATABLE, LONGEST_WAIT))
    return float(told) if float(told) <= longest else None


def _with_jitter(wait: float) -> float:
    """Up to a quarter longer, never shorter: those who were refused together are not to come back together."""
    return wait * random.uniform(1.0, 1.25)


def _says_token_is_dead(response: httpx.Response) -> bool:
    """RFC 6750 §3.1. Other 401s, such as that of a wrong current password, are none of the token's fault."""
    challenge: str = response.headers.get("WWW-Authenticate", "")
    return response.status_code == httpx.codes.UNAUTHORIZED and 'error="invalid_token"' in challenge
