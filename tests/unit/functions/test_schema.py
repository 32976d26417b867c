"""The API keeps what its document promises, for whatever the document lets a client send, and what not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.api.document import Operation, operations
from notifications.registration import Person, welcome_of
from notifications.rows import marshal
from notifications.tokens import Unsubscription
from tests.promises import hold, modes

from .api import Api
from .conftest import ADA, NOTIFICATIONS, Clock, Tables
from .gateway import DOCUMENT, Gateway

MALLORY = Person("mallory-0th3r", "99999999-0th3r", "0th3r@example.com", email_verified=True)
OTHERS = "0th3r"
SIGNED_IN = {"Authorization": "Bearer ada"}


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


def make_sensible(api: Api, operation: Operation, case: Any) -> None:
    """What the document cannot say, and without which hardly anything is done."""
    match operation.name:
        case "addDevice":
            case.body["platform"] = "GCM"
        case "changePreferences":
            case.body["version"] = int(api.record(ADA).get("Version", 0))
            case.body["categories"] = {"orders": {"SMS": None, "Push": True}}
        case "askUnsubscribe" | "unsubscribe":
            what = Unsubscription(ADA.user_id, ADA.sub, "orders", "Email")
            case.query = {"token": api.tokens.sign(what, api.clock() + timedelta(days=1))}


CASES = [(operation, mode) for operation in operations() for mode in modes(operation)]


@pytest.mark.parametrize(("operation", "mode"), CASES, ids=[f"{o.name}-{m.value}" for o, m in CASES])
def test_every_answer_is_as_documented(
    api: Api, operation: Operation, mode: schemathesis.GenerationMode
) -> None:
    others = [row for row in api.tables.users if row["Sub"] == MALLORY.sub]

    @settings(
        max_examples=max(8, settings().max_examples // 10),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(api, operation, mode), sensible=st.booleans())
    def holds(case: Any, sensible: bool) -> None:
        api.register(ADA)
        if sensible and mode.is_positive:
            make_sensible(api, operation, case)
        answer = case.call(headers=SIGNED_IN)
        hold(operation, case, answer, SIGNED_IN)
        assert OTHERS not in answer.text

    holds()
    assert [row for row in api.tables.users if row["Sub"] == MALLORY.sub] == others
