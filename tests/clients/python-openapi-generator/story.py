"""The story of tests/clients/README.md, told with the generated client. It knows the service through openapi.json alone."""

import os
import time
from collections.abc import Callable
from uuid import UUID, uuid4

from vestibule import AccountApi, ApiClient, ApiException, AuthApi, Configuration, UsersApi
from vestibule.models import (
    BadRequestProblem,
    CreateUserRequest,
    ForbiddenProblem,
    NotFoundProblem,
    OAuthError,
    PreconditionFailedProblem,
    ProfileReplacement,
    ProfileUpdate,
    RefreshRequest,
    RefreshTokenUnauthorizedProblem,
    RegisterRequest,
    RegisterUserConflictProblem,
    RegisterUserUnprocessableContentProblem,
    Token,
    UnauthorizedProblem,
    UpdateUserRequest,
)

BASE_URL = os.environ["BASE_URL"]
PASSWORD = "correct horse battery staple"
UNIQUE = f"pyd-{time.time_ns():x}"


def client(base_url: str, token: Token | None = None) -> ApiClient:
    access_token = token.access_token if token else None
    return ApiClient(Configuration(host=base_url, access_token=access_token))


auth = AuthApi(client(BASE_URL))


def refused(kind, status: int, call: Callable[[], object]):
    """The error of a call that has to be refused with this status, in the type that openapi.json gives it."""
    try:
        call()
    except ApiException as refusal:
        assert refusal.status == status, refusal
        assert isinstance(refusal.data, kind), refusal.data
        return refusal.data
    raise AssertionError("not refused")


def log_in(username: str, password: str = PASSWORD) -> Token:
    return auth.issue_token("password", username, password)


def body(email: str, username: str, password: str = PASSWORD) -> RegisterRequest:
    return RegisterRequest(email=email, username=username, password=password)


def register() -> None:
    email = f"{UNIQUE}@example.com"
    registered = auth.register_user(body(email, UNIQUE), UNIQUE)
    assert registered.status == "created" and registered.user is not None
    assert (registered.user.username, registered.user.roles) == (UNIQUE, ["user"])
    assert auth.register_user(body(email, UNIQUE), UNIQUE) == registered
    wrong, conflict = RegisterUserUnprocessableContentProblem, RegisterUserConflictProblem
    reused = refused(wrong, 422, lambda: auth.register_user(body(email, f"{UNIQUE}-2"), UNIQUE))
    assert reused.code == "idempotency_key_reused"
    assert refused(conflict, 409, lambda: auth.register_user(body(email, f"{UNIQUE}-2"))).code == "email_taken"
    assert refused(conflict, 409, lambda: auth.register_user(body(f"2{email}", UNIQUE))).code == "username_taken"
    invalid = refused(wrong, 422, lambda: auth.register_user(body("no address", f"{UNIQUE}-2")))
    assert invalid.code == "validation_failed"
    assert sorted(error.var_field for error in invalid.errors) == ["email"]


def own_account(token: Token) -> Token:
    me = AccountApi(client(BASE_URL, token))
    seen = me.get_current_user_with_http_info()
    assert seen.data.email == f"{UNIQUE}@example.com"
    update, tag = ProfileUpdate(full_name="Ada"), seen.headers["etag"]
    assert me.update_current_user(update, if_match=tag).full_name == "Ada"
    stale = refused(PreconditionFailedProblem, 412, lambda: me.update_current_user(update, if_match=tag))
    assert stale.code == "precondition_failed"
    replacement = ProfileReplacement(username=UNIQUE, full_name="Ada Lovelace")
    assert me.replace_current_user(replacement).full_name == "Ada Lovelace"
    renewed = auth.refresh_token(RefreshRequest(refresh_token=token.refresh_token))
    assert renewed.refresh_token != token.refresh_token
    return renewed


def refusals(token: Token) -> None:
    anonymous = AccountApi(client(BASE_URL))
    assert refused(UnauthorizedProblem, 401, anonymous.get_current_user).code == "not_authenticated"
    users = UsersApi(client(BASE_URL, token))
    assert refused(ForbiddenProblem, 403, users.list_users).code == "permission_denied"
    none = RefreshRequest(refresh_token="none")
    unknown = refused(RefreshTokenUnauthorizedProblem, 401, lambda: auth.refresh_token(none))
    assert unknown.code == "invalid_refresh_token"
    assert refused(OAuthError, 400, lambda: log_in(UNIQUE, "wrong")).error == "invalid_grant"


def administration(admin: Token) -> None:
    users = UsersApi(client(BASE_URL, admin))
    created: list[UUID] = []
    for number in range(5):
        name = f"{UNIQUE}-page-{number}"
        new = CreateUserRequest(email=f"{name}@example.com", username=name, password=PASSWORD)
        created.append(users.create_user(new).id)
    listed: list[UUID] = []
    cursor = None
    while True:
        page = users.list_users(limit=2, cursor=cursor, q=f"{UNIQUE}-page-", is_active=True)
        listed += [user.id for user in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert listed == created[::-1]
    malformed = refused(BadRequestProblem, 400, lambda: users.list_users(cursor="?"))
    assert malformed.code == "malformed_request"
    assert refused(NotFoundProblem, 404, lambda: users.get_user(uuid4())).code == "not_found"
    session = log_in(f"{UNIQUE}-page-0")
    assert not users.update_user(created[0], UpdateUserRequest(is_active=False)).is_active
    dead(session)


def dead(token: Token) -> None:
    me = AccountApi(client(BASE_URL, token))
    assert refused(UnauthorizedProblem, 401, me.get_current_user).code == "invalid_access_token"


def rate_limit() -> None:
    # Without being told, urllib3 waits as long as `Retry-After` says and tries again.
    limited = AccountApi(ApiClient(Configuration(host=os.environ["LIMITED_BASE_URL"], retries=0)))
    for _ in range(20):
        try:
            limited.get_current_user()
        except ApiException as refusal:
            if refusal.status == 429:
                assert refusal.data.code == "rate_limited" and int(refusal.headers["Retry-After"]) >= 1
                return
    raise AssertionError("no call was refused for its rate")


def tomorrow() -> None:
    """What a later release answers has codes, statuses and members that openapi.json does not name."""
    later = client(os.environ["FUTURE_BASE_URL"])
    registered = AuthApi(later).register_user(body("ada@example.com", "ada"))
    assert registered.status == "on_the_waiting_list" and registered.user.roles == ["astronaut"]
    assert AuthApi(later).issue_token(username="ada", password=PASSWORD).token_type == "dpop"
    wrong = refused(OAuthError, 400, lambda: AuthApi(later).issue_token(username="ada", password="wrong"))
    assert wrong.error == "invalid_orbit"
    assert refused(UnauthorizedProblem, 401, AccountApi(later).get_current_user).code == "eclipse"


assert Configuration().host == "http://127.0.0.1:8000"
register()
token = own_account(log_in(UNIQUE))
refusals(token)
administration(log_in(os.environ["ADMIN_USERNAME"], os.environ["ADMIN_PASSWORD"]))
rate_limit()
tomorrow()
AuthApi(client(BASE_URL, token)).logout()
dead(token)
