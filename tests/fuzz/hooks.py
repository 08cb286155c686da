"""What schemathesis cannot know of this service: who sends the requests, which refusals no schema can tell in advance, and
what holds for every answer.
"""

import itertools
import json
import os
import subprocess
from pathlib import Path

import requests
import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

BASE_URL = os.environ["BASE_URL"]
ROLE = os.environ["FUZZ_ROLE"]
# That of the examples in the specification, so that they are right about it.
PASSWORD = "correct horse battery staple"

# What the service takes, as far as a regular expression can say it. The specification says less: a pattern means another
# thing in other languages.
PATTERNS = json.loads(Path(__file__).with_name("patterns.json").read_text())
PARAMETERS = {
    "cursor": "cursor",
    "If-Match": "entity_tag",
    "If-None-Match": "entity_tag",
    "Idempotency-Key": "idempotency_key",
}
FIELDS = {"email": "email", "new_email": "email", "full_name": "full_name", "new_password": "password"}

numbers = itertools.count(1)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in PARAMETERS:
                    parameter["schema"]["pattern"] = PATTERNS[PARAMETERS[parameter["name"]]]
    for name, schema in raw_schema["components"]["schemas"].items():
        # Of requests: they alone are closed.
        if schema.get("additionalProperties") is not False:
            continue
        for field, described in schema["properties"].items():
            pattern = FIELDS.get(field)
            # A new password, not one to be checked.
            if field == "password" and "minLength" in described:
                pattern = "password"
            if pattern:
                described["pattern"] = PATTERNS[pattern]


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


# What is no matter of form: whether a password is easy to guess or the one there is, whether a role exists, what else an
# idempotency key was used for; whether a mail brought this token or code.
NOT_OF_FORM = {"too_weak", "same_as_current", "unknown_role", "read_only", "idempotency_key_reused", "invalid_token"}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if not isinstance(failure, RejectedPositiveData):
        return True
    if response.status_code in (400, 422):
        problem = response.json()
        codes = {error["code"] for error in problem.get("errors", [])} or {problem.get("code")}
        return not codes <= NOT_OF_FORM
    # Nor is which entity tag an account has now.
    return response.status_code != 412 or not {"If-Match", "If-None-Match"} & case.headers.keys()


def header(response, name):
    return response.headers.get(name, [""])[0]


@schemathesis.check
def answers_are_safe_to_show(ctx, response, case):
    """ASVS 3.4.3, 3.4.4, 3.4.5, 14.3.2."""
    assert header(response, "x-content-type-options") == "nosniff"
    assert header(response, "referrer-policy") == "no-referrer"
    assert header(response, "content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
    assert header(response, "cache-control") == "no-store" or not case.path.startswith(("/auth", "/users"))


@schemathesis.check
def errors_are_problems(ctx, response, case):
    """Also of requests that have no place in the specification: other methods, other media types."""
    if response.status_code < 400:
        return
    body = response.json()
    if body.keys() == {"error", "error_description"}:
        assert response.status_code == 400 and header(response, "content-type") == "application/json"
        assert case.path in ("/auth/token", "/auth/revoke", "/auth/introspect")
    else:
        assert header(response, "content-type") == "application/problem+json"
        assert body["status"] == response.status_code
        assert body["request_id"] == header(response, "x-request-id")
