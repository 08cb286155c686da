"""The story of tests/clients/README.md, told with the generated client: whatever openapi.json says wrongly does not pass the
type checker, or fails. It knows the service through openapi.json alone."""

import asyncio
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx

from client import LogInRefused, Tokens, Vestibule
from vestibule_client import AuthenticatedClient, Client
from vestibule_client.api.account import get_current_user, replace_current_user, update_current_user
from vestibule_client.api.auth import issue_token, logout, reauthenticate, refresh_token, register_user
from vestibule_client.api.users import create_user, get_user, list_users, update_user
from vestibule_client.models import (
    BadRequestProblem,
    CreateUserRequest,
    ForbiddenProblem,
    NotFoundProblem,
    OAuthError,
    PreconditionFailedProblem,
    ProfileReplacement,
    ProfileUpdate,
    ReauthenticateRequest,
    RefreshRequest,
    RefreshTokenUnauthorizedProblem,
    RegisterRequest,
    RegisterUserConflictProblem,
    RegisterUserUnprocessableContentProblem,
    RegistrationResult,
    Token,
    TokenRequest,
    TokenRequestGrantType,
    TooManyRequestsProblem,
    UnauthorizedProblem,
    UpdateUserRequest,
    User,
    UserPage,
)
from vestibule_client.types import UNSET, Unset

BASE_URL = os.environ["BASE_URL"]
LIMITED_URL = os.environ["LIMITED_BASE_URL"]
ADMIN = (os.environ["ADMIN_USERNAME"], os.environ["ADMIN_PASSWORD"])
UNIQUE = f"py-{time.time_ns():x}"
PASSWORD = "correct horse battery staple"

nobody = Client(base_url=BASE_URL)


def bearer(token: Token) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=BASE_URL, token=token.access_token)


def log_in(username: str, password: str) -> Token:
    body = TokenRequest(grant_type=TokenRequestGrantType.PASSWORD, username=username, password=password)
    token = issue_token.sync(client=nobody, body=body)
    assert isinstance(token, Token), token
    return token


def register() -> None:
    email = f"{UNIQUE}@example.com"

    def attempt(email: str, username: str, password: str = PASSWORD, key: str | Unset = UNSET) -> object:
        body = RegisterRequest(email=email, username=username, password=password)
        return register_user.sync(client=nobody, body=body, idempotency_key=key)

    key = str(uuid4())
    registered = attempt(email, UNIQUE, key=key)
    assert isinstance(registered, RegistrationResult), registered
    user = registered.user
    assert registered.status == "created" and isinstance(user, User)
    assert (user.username, user.roles, user.full_name) == (UNIQUE, ["user"], None)
    assert abs(user.created_at.timestamp() - time.time()) < 60

    again = attempt(email, UNIQUE, key=key)
    assert again == registered
    reused = attempt(email, f"{UNIQUE}-2", key=key)
    assert isinstance(reused, RegisterUserUnprocessableContentProblem)
    assert reused.code == "idempotency_key_reused"

    same_email = attempt(email, f"{UNIQUE}-2")
    assert (
        isinstance(same_email, RegisterUserConflictProblem)
        and same_email.code == "email_taken"
    )
    same_name = attempt(f"2{email}", UNIQUE)
    assert (
        isinstance(same_name, RegisterUserConflictProblem)
        and same_name.code == "username_taken"
    )
    invalid = attempt("no address", "!", "x")
    assert isinstance(invalid, RegisterUserUnprocessableContentProblem)
    assert invalid.code == "validation_failed"
    assert not isinstance(invalid.errors, Unset)
    assert {error.field for error in invalid.errors} == {"email", "username", "password"}
    assert "too_short" in {error.code for error in invalid.errors}


def own_account(token: Token) -> Token:
    me = bearer(token)
    seen = get_current_user.sync_detailed(client=me)
    assert isinstance(seen.parsed, User) and seen.parsed.email == f"{UNIQUE}@example.com"
    tag = seen.headers["ETag"]
    patched = update_current_user.sync(client=me, body=ProfileUpdate(full_name="Ada"), if_match=tag)
    assert isinstance(patched, User) and patched.full_name == "Ada"
    stale = update_current_user.sync(client=me, body=ProfileUpdate(full_name="Grace"), if_match=tag)
    assert isinstance(stale, PreconditionFailedProblem)
    assert stale.code == "precondition_failed"
    put = replace_current_user.sync(client=me, body=ProfileReplacement(username=UNIQUE, full_name="Ada Lovelace"))
    assert isinstance(put, User) and put.full_name == "Ada Lovelace"
    removed = update_current_user.sync(client=me, body=ProfileUpdate(full_name=None))
    assert isinstance(removed, User) and removed.full_name is None

    renewed = refresh_token.sync(client=nobody, body=RefreshRequest(refresh_token=token.refresh_token))
    assert isinstance(renewed, Token) and renewed.refresh_token != token.refresh_token
    return renewed


def refusals(token: Token) -> None:
    anonymous = get_current_user.sync_detailed(client=AuthenticatedClient(base_url=BASE_URL, token="", prefix=""))
    assert anonymous.status_code == 401
    assert (
        isinstance(anonymous.parsed, UnauthorizedProblem)
        and anonymous.parsed.code == "not_authenticated"
    )
    forged = get_current_user.sync(client=AuthenticatedClient(base_url=BASE_URL, token="no.real.token"))
    assert isinstance(forged, UnauthorizedProblem) and forged.code == "invalid_access_token"
    denied = list_users.sync_detailed(client=bearer(token))
    assert denied.status_code == 403
    assert isinstance(denied.parsed, ForbiddenProblem) and denied.parsed.code == "permission_denied"
    unknown = refresh_token.sync(client=nobody, body=RefreshRequest(refresh_token="none"))
    assert (
        isinstance(unknown, RefreshTokenUnauthorizedProblem)
        and unknown.code == "invalid_refresh_token"
    )
    wrong = issue_token.sync_detailed(client=nobody, body=TokenRequest(username=UNIQUE, password="wrong"))
    assert wrong.status_code == 400
    assert isinstance(wrong.parsed, OAuthError) and wrong.parsed.error == "invalid_grant"


def administration(admin: AuthenticatedClient) -> None:
    created: list[UUID] = []
    for number in range(5):
        username = f"{UNIQUE}-page-{number}"
        new = CreateUserRequest(email=f"{username}@example.com", username=username, password=PASSWORD)
        user = create_user.sync(client=admin, body=new)
        assert isinstance(user, User), user
        created.append(user.id)

    listed: list[UUID] = []
    cursor: str | None | Unset = UNSET
    while cursor is not None:
        page = list_users.sync(client=admin, q=f"{UNIQUE}-page-", limit=2, cursor=cursor)
        assert isinstance(page, UserPage), page
        listed += [user.id for user in page.items]
        cursor = page.next_cursor
    assert listed == created[::-1]

    malformed = list_users.sync_detailed(client=admin, cursor="?")
    assert malformed.status_code == 400
    assert (
        isinstance(malformed.parsed, BadRequestProblem) and malformed.parsed.code == "malformed_request"
    )
    missing = get_user.sync_detailed(client=admin, id=uuid4())
    assert missing.status_code == 404
    assert isinstance(missing.parsed, NotFoundProblem) and missing.parsed.code == "not_found"

    seen = get_user.sync_detailed(client=admin, id=created[0])
    found = seen.parsed
    assert isinstance(found, User)
    session = log_in(found.username, PASSWORD)
    body = UpdateUserRequest(is_active=False)
    disabled = update_user.sync(client=admin, id=found.id, body=body)
    assert isinstance(disabled, User) and not disabled.is_active
    stale = update_user.sync(client=admin, id=found.id, body=body, if_match=seen.headers["ETag"])
    assert isinstance(stale, PreconditionFailedProblem)
    dead(session)


def dead(token: Token) -> None:
    refused = get_current_user.sync(client=bearer(token))
    assert isinstance(refused, UnauthorizedProblem) and refused.code == "invalid_access_token"


def rate_limit() -> None:
    limited = AuthenticatedClient(base_url=LIMITED_URL, token="none")
    answers = (get_current_user.sync_detailed(client=limited) for _ in range(20))
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (
        isinstance(refused.parsed, TooManyRequestsProblem) and refused.parsed.code == "rate_limited"
    )
    assert int(refused.headers["Retry-After"]) >= 1


class Counting(httpx.HTTPTransport):
    """Sends requests, and counts those to each path."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.counts[request.url.path] += 1
        return super().handle_request(request)


class AsyncCounting(httpx.AsyncHTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.counts[request.url.path] += 1
        return await super().handle_async_request(request)


def resilience() -> None:
    token = log_in(UNIQUE, PASSWORD)
    kept: list[Tokens | None] = []
    counting = Counting()
    dead_tokens = Tokens(token.access_token + "x", token.refresh_token)
    client = Vestibule(BASE_URL, tokens=dead_tokens, on_tokens=kept.append, transport=counting)

    # Bodies as well: half of the calls have one, which is sent twice.
    def call(number: int) -> object:
        if number % 2 == 0:
            return get_current_user.sync(client=client.api)
        return update_current_user.sync(client=client.api, body=ProfileUpdate(full_name=f"Ada {number}"))

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(call, range(20)))
    assert all(isinstance(answer, User) for answer in answers), answers
    assert counting.counts["/auth/refresh"] == 1
    assert 20 < counting.counts["/users/me"] <= 40
    assert len(kept) == 1

    client.log_out()
    assert kept[1:] == [None] and not client.is_logged_in

    counting = Counting()
    client = Vestibule(BASE_URL, tokens=Tokens("dead", "dead"), on_tokens=kept.append, transport=counting)
    with ThreadPoolExecutor(20) as threads:
        refused = list(threads.map(lambda _: get_current_user.sync(client=client.api), range(20)))
    assert all(isinstance(answer, UnauthorizedProblem) for answer in refused)
    assert counting.counts["/auth/refresh"] == 1
    assert kept[2:] == [None], "the session ended once"

    try:
        client.log_in(UNIQUE, "wrong")
        raise AssertionError("a wrong password was taken")
    except LogInRefused as refusal:
        assert refusal.answer is not None and refusal.answer.error == "invalid_grant"


async def async_resilience() -> None:
    counting = AsyncCounting()
    client = Vestibule(BASE_URL, async_transport=counting)
    token = await client.log_in_async(UNIQUE, PASSWORD)
    dead_tokens = Tokens(token.access_token + "x", token.refresh_token)
    client = Vestibule(BASE_URL, tokens=dead_tokens, async_transport=counting)
    answers = await asyncio.gather(*(get_current_user.asyncio(client=client.api) for _ in range(20)))
    assert all(isinstance(answer, User) for answer in answers), answers
    assert counting.counts["/auth/refresh"] == 1
    await client.log_out_async()
    assert not client.is_logged_in


def patience() -> None:
    counting = Counting()
    client = Vestibule(LIMITED_URL, transport=counting)
    while not client.is_logged_in:
        # The login may come too early as well, and is no call to be repeated blindly.
        try:
            client.log_in(*ADMIN)
        except LogInRefused:
            time.sleep(1)
    begun = time.monotonic()
    for _ in range(4):
        user = get_current_user.sync(client=client.api)
        assert isinstance(user, User), user
    assert counting.counts["/users/me"] > 4, "a call was refused for its rate, and repeated"
    assert time.monotonic() - begun >= 1, "it was repeated when it was told to be"

    for number in range(3):
        username = f"{UNIQUE}-key-{number}"
        new = CreateUserRequest(email=f"{username}@example.com", username=username)
        created = create_user.sync(client=client.api, body=new, idempotency_key=str(uuid4()))
        assert isinstance(created, User), created
    assert counting.counts["/users"] > 3, "a POST with a key is repeated"

    def post() -> bool:
        answer = reauthenticate.sync_detailed(client=client.api, body=ReauthenticateRequest(password="wrong"))
        return answer.status_code == 429

    while not post():
        pass
    before = counting.counts["/auth/reauthenticate"]
    post()
    assert counting.counts["/auth/reauthenticate"] == before + 1, "a POST without a key is not repeated"


def tomorrow() -> None:
    """What a later release answers has codes, statuses and members that openapi.json does not name."""
    later = AuthenticatedClient(base_url=os.environ["FUTURE_BASE_URL"], token="none")
    body = RegisterRequest(email="ada@example.com", username="ada", password=PASSWORD)
    registered = register_user.sync(client=later, body=body)
    assert isinstance(registered, RegistrationResult) and registered.status == "on_the_waiting_list"
    assert isinstance(registered.user, User) and registered.user.roles == ["astronaut"]
    token = issue_token.sync(client=later, body=TokenRequest(username="ada", password=PASSWORD))
    assert isinstance(token, Token) and token.token_type == "dpop"
    wrong = issue_token.sync(client=later, body=TokenRequest(username="ada", password="wrong"))
    assert isinstance(wrong, OAuthError) and wrong.error == "invalid_orbit"
    refused = get_current_user.sync(client=later)
    assert isinstance(refused, UnauthorizedProblem) and refused.code == "eclipse"


register()
token = own_account(log_in(UNIQUE, PASSWORD))
refusals(token)
administration(bearer(log_in(*ADMIN)))
rate_limit()
resilience()
asyncio.run(async_resilience())
patience()
tomorrow()
assert logout.sync_detailed(client=bearer(token)).status_code == 204
dead(token)
