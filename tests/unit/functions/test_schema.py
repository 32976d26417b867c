"""The API keeps what its document promises, for whatever the document lets a client send, and what not."""

from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from notifications.api.document import Operation, document, operations
from notifications.registration import Person, welcome_of
from notifications.rows import marshal

from .api import Api
from .conftest import ADA, NOTIFICATIONS, Clock, Tables
from .gateway import DOCUMENT, Gateway

MALLORY = Person("mallory-0th3r", "99999999-0th3r", "0th3r@example.com", email_verified=True)
OTHERS = "0th3r"
SIGNED_IN = {"Authorization": "Bearer ada"}

load_all_checks()


@pytest.fixture
def api(tables: Tables, clock: Clock) -> Api:
    api = Api(tables, clock)
    api.register(MALLORY)
    api.change_record(
        MALLORY,
        PhoneNumber="+490th3r",
        Devices={"0123456789abcdef": {"EndpointArn": "arn:0th3r", "Platform": "GCM", "At": "now"}},
    )
    # somebody had Ada's user name before her
    before = welcome_of(Person(ADA.user_id, MALLORY.sub, ""), datetime(2026, 1, 1, tzinfo=UTC)).to_row()
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(before | {"NotificationID": "app#0th3r"}))
    return api


def cases(api: Api, operation: Operation, mode: schemathesis.GenerationMode) -> Any:
    gateway = Gateway(api, {"ada": ADA, "mallory": MALLORY})
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, gateway)
    return schema[operation.path][operation.method].as_strategy(generation_mode=mode)


def entry_of(operation: Operation) -> Any:
    return document()["paths"][operation.path][operation.method.lower()]


def takes_something(operation: Operation) -> bool:
    return bool({"parameters", "requestBody"} & entry_of(operation).keys())


def excluded(operation: Operation, case: Any) -> list[Any]:
    """Checks that do not hold for this API, on purpose."""
    # API Gateway knows no other method: 404. And a valid body may name what there is not
    not_ours = [unsupported_method, positive_data_acceptance]
    # parameters that the document does not know are nobody's business; the token is always there
    known = {parameter["name"] for parameter in entry_of(operation).get("parameters", [])}
    takes_what_is_wrong = operation.takes_json or known & set(case.query or {})
    return not_ours if takes_what_is_wrong else [*not_ours, negative_data_rejection]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.name)
@pytest.mark.parametrize("mode", schemathesis.GenerationMode, ids=lambda mode: mode.value)
def test_every_answer_is_as_documented(
    api: Api, operation: Operation, mode: schemathesis.GenerationMode
) -> None:
    if mode is schemathesis.GenerationMode.NEGATIVE and not takes_something(operation):
        # there is nothing to get wrong
        mode = schemathesis.GenerationMode.POSITIVE
    others = [row for row in api.tables.users if row["Sub"] == MALLORY.sub]

    @settings(
        max_examples=max(8, settings().max_examples // 10),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(api, operation, mode))
    def holds(case: Any) -> None:
        api.register(ADA)
        answer = case.call(headers=SIGNED_IN)
        case.validate_response(answer, headers=SIGNED_IN, excluded_checks=excluded(operation, case))
        assert answer.status_code < 500
        assert OTHERS not in answer.text

    holds()
    assert [row for row in api.tables.users if row["Sub"] == MALLORY.sub] == others
