"""Nobody reads or changes another person's data, and nothing that a client sends breaks the API."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.api.document import Operation, operations

from .api import Api, claims_of
from .conftest import ADA, BOB, Clock, Tables

SIGNED_IN = [operation for operation in operations() if operation.signed_in]
WITH_BODY = [operation for operation in operations() if operation.takes_json]
BODIES = {
    "changePreferences": {"version": 0, "enabled": False},
    "addDevice": {"platform": "GCM", "token": "t"},
    "changePhone": {"phone_number": "+491701234567"},
}
STRANGERS: Mapping[str, Mapping[str, str]] = {
    "no claims": {},
    "an ID token": claims_of(ADA, token_use="id"),
    "no subject": claims_of(ADA, sub=""),
    "no user name": claims_of(ADA, username=""),
}


@pytest.fixture
def api(tables: Tables, clock: Clock) -> Api:
    api = Api(tables, clock)
    api.register(ADA, BOB)
    return api


def everything(api: Api) -> list[Any]:
    return [api.tables.users, api.tables.notifications, api.sns.list_topics()["Topics"]]


def call(api: Api, operation: Operation, **more: Any) -> tuple[int, Any]:
    path = operation.path.replace("{id}", "0123456789abcdef")
    return api.call(operation.method, path, BODIES.get(operation.name), **more)


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("operation", SIGNED_IN, ids=lambda operation: operation.name)
def test_who_is_not_signed_in_is_refused(api: Api, operation: Operation, stranger: str) -> None:
    before = everything(api)
    status, body = call(api, operation, claims=STRANGERS[stranger])
    assert (status, body["error"]["code"]) == (401, "unauthorized")
    assert everything(api) == before


@pytest.mark.parametrize("operation", SIGNED_IN, ids=lambda operation: operation.name)
def test_a_user_name_that_was_somebody_elses_opens_nothing(api: Api, operation: Operation) -> None:
    before = api.tables.users
    status, body = call(api, operation, claims=claims_of(ADA, username=BOB.user_id))
    # an account is erased by its subject: it may have no record
    assert (status, body.get("error", {}).get("code")) in [(404, "no_record"), (202, None)]
    assert (status == 202) == (operation.name == "deleteAccount")
    assert api.tables.users == before


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        ({"body": "{"}, 400, "invalid_json"),
        ({"body": '{"version": NaN}'}, 400, "invalid_json"),
        ({"body": "[" * 16000}, 400, "invalid_json"),
        ({"body": "\ud800"}, 400, "invalid_json"),
        ({"body": "%", "isBase64Encoded": True}, 400, "invalid_json"),
        ({"body": None}, 400, "invalid_json"),
        ({"body": "[]"}, 400, "invalid_body"),
        ({"body": '{"surprise": 1}'}, 400, "invalid_body"),
        ({"body": " " * 20000}, 413, "too_large"),
        ({"body": "{}", "headers": {"content-type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"body": "{}", "headers": {}}, 415, "unsupported_media_type"),
    ],
)
def test_a_body_that_is_none_is_refused_with_a_reason(
    api: Api, operation: Operation, event: dict[str, Any], status: int, code: str
) -> None:
    before = everything(api)
    answered, body = api.call(operation.method, operation.path, claims=claims_of(ADA), event=event)
    assert (answered, body["error"]["code"]) == (status, code)
    assert everything(api) == before


def test_a_body_may_come_encoded(api: Api) -> None:
    encoded = base64.b64encode(json.dumps({"version": 0, "enabled": False}).encode()).decode()
    event = {
        "body": encoded,
        "isBase64Encoded": True,
        "headers": {"Content-Type": "application/json; charset=utf-8"},
    }
    status, body = api.call("PUT", "/preferences", claims=claims_of(ADA), event=event)
    assert (status, body["enabled"]) == (200, False)


def test_the_reason_names_the_field_and_not_the_value(api: Api) -> None:
    body = {"version": 0, "quiet_hours": {"start": "secret", "end": "07:00", "time_zone": "UTC"}}
    _, answer = api.as_(ADA)("PUT", "/preferences", body)
    assert "quiet_hours" in answer["error"]["message"]
    assert "secret" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem"), 503, "try_again"),
        (EndpointConnectionError(endpoint_url="x"), 503, "try_again"),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem"), 500, "internal"),
        (KeyError("ada@example.com"), 500, "internal"),
    ],
)
def test_what_fails_inside_tells_nothing(
    api: Api, capsys: pytest.CaptureFixture[str], error: Exception, status: int, code: str
) -> None:
    with patch("notifications.users.Users.record", side_effect=error):
        answered, body = api.as_(ADA)("GET", "/preferences")
    assert (answered, body["error"]["code"]) == (status, code)
    assert "ada" not in json.dumps(body)


def test_another_route_is_not_found(api: Api) -> None:
    event = {
        "version": "2.0",
        "rawPath": "/other",
        "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/other"}, "stage": "$default"},
    }
    answer = api.app.resolve(event, None)  # type: ignore[arg-type]  # no context is read
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (404, "not_found")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "version",
        "enabled",
        "default_channel",
        "quiet_hours",
        "categories",
        "resume",
        "platform",
        "token",
        "phone_number",
        "code",
        "start",
        "end",
        "time_zone",
        "orders",
        "account",
        "Email",
        "SMS",
    ]
)
likely = st.sampled_from(
    [0, 1, 1.0, True, False, None, "Email", "SMS", "22:00", "UTC", "Europe", "GCM", "+491701234567", "123456"]
)
near = st.recursive(likely, lambda inner: st.dictionaries(names, inner, max_size=5), max_leaves=12)


@given(operation=st.sampled_from(WITH_BODY), body=anything | near | st.dictionaries(names, near | anything))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_no_body_breaks_the_api(api: Api, operation: Operation, body: Any) -> None:
    status, _ = api.call(operation.method, operation.path, body, claims=claims_of(ADA))
    assert status < 500


@given(query=st.dictionaries(st.sampled_from(["limit", "cursor", "token"]), st.text(max_size=40)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_no_query_breaks_the_api(api: Api, query: dict[str, str]) -> None:
    assert api.call("GET", "/notifications", claims=claims_of(ADA), query=query)[0] < 500
    assert api.call("POST", "/unsubscribe", query=query)[0] < 500
