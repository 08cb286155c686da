"""What schemathesis cannot know of this service: who sends the requests, which refusals no schema can tell in advance, and
what holds for every answer.
"""

import itertools
import os
import subprocess

import requests
import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

BASE_URL = os.environ["BASE_URL"]
ROLE = os.environ["FUZZ_ROLE"]
# That of the examples in the specification, so that they are right about it.
PASSWORD = "correct horse battery staple"

numbers = itertools.count(1)


def register(username: str) -> None:
    account = {"email": f"{username}@example.com", "username": username, "password": PASSWORD}
    requests.post(f"{BASE_URL}/auth/register", json=account, timeout=30).raise_for_status()


def create_admin(username: str) -> None:
    command = [os.environ["VESTIBULE"], "create-admin", "--email", f"{username}@example.com", "--username", username]
    subprocess.run(command, env=os.environ | {"ADMIN_PASSWORD": PASSWORD}, check=True, capture_output=True)


def log_in(username: str) -> str:
    grant = {"username": username, "password": PASSWORD}
    answer = requests.post(f"{BASE_URL}/auth/token", data=grant, timeout=30)
    answer.raise_for_status()
    return answer.json()["access_token"]


class Account:
    """An account of the role, and another one whenever its token is refused: the data of a run logs accounts out, deletes
    them and changes their passwords. Administrators come from the command line, which needs no token.
    """

    def get(self, case, context):
        username = f"fuzz-{ROLE}-{next(numbers)}"
        {"user": register, "admin": create_admin}[ROLE](username)
        return log_in(username)

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


if ROLE != "nobody":
    schemathesis.auth(retry_on=[401])(Account)


# Whether a password is easy to guess or the one there is, and whether a role exists, are no matters of form.
NOT_OF_FORM = {"too_weak", "same_as_current", "unknown_role"}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if not isinstance(failure, RejectedPositiveData):
        return True
    if response.status_code == 422:
        return not {error["code"] for error in response.json()["errors"]} <= NOT_OF_FORM
    # No form tells which entity tag an account has now.
    return response.status_code != 412 or not {"If-Match", "If-None-Match"} & case.headers.keys()


def header(response, name):
    return (response.headers.get(name) or [None])[0]


@schemathesis.check
def answers_are_safe_to_show(ctx, response, case):
    """ASVS 3.2.1, 3.4.3, 3.4.4, 3.4.5, 14.3.2."""
    assert header(response, "x-content-type-options") == "nosniff"
    assert header(response, "referrer-policy") == "no-referrer"
    assert "default-src 'none'" in header(response, "content-security-policy")
    if case.path.startswith(("/auth", "/users")):
        assert header(response, "cache-control") == "no-store"


@schemathesis.check
def errors_are_problems(ctx, response, case):
    """RFC 9457, RFC 6749 §5.2, RFC 6750 §3, RFC 9110 §10.2.1 and §10.2.3."""
    status = response.status_code
    if status < 400:
        return
    assert header(response, "x-request-id")
    media_type = header(response, "content-type")
    body = {} if response.request.method == "HEAD" else response.json()
    if media_type == "application/problem+json":
        assert body["status"] == status, "the body has another status"
        assert body["request_id"] == header(response, "x-request-id")
        assert body["code"] and body["title"] and body["detail"]
        assert ("errors" in body) or status != 422
    else:
        assert media_type == "application/json" and status == 400 and "error" in body
        assert case.path in ("/auth/token", "/auth/revoke", "/auth/introspect")
    if status == 401:
        assert header(response, "www-authenticate").startswith("Bearer ")
    if status == 405:
        assert header(response, "allow")
    if status in (429, 503):
        assert int(header(response, "retry-after")) >= 1


def secrets_of(case):
    body = case.body if isinstance(case.body, dict) else {}
    names = ("password", "current_password", "new_password", "client_secret")
    return [body[name] for name in names if isinstance(body.get(name), str) and len(body[name]) >= 8]


@schemathesis.check
def passwords_are_not_repeated(ctx, response, case):
    body = case.body if isinstance(case.body, dict) else {}
    told = {value for name, value in body.items() if "password" not in name and isinstance(value, str)}
    for secret in secrets_of(case):
        assert secret in told or secret not in response.text, "an answer repeats a password"
