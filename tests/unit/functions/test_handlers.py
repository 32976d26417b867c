"""The functions that send, from the event to the row."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.notification import STREAM_GRACE, Outcome, State
from notifications.outbox import Due
from notifications.registration import Person, Registry

from .conftest import ADA, BOB, NOTIFICATIONS, USERS, Tables

ENVIRONMENT = {
    "USER_TABLE": USERS,
    "NOTIFICATION_TABLE": NOTIFICATIONS,
    "CATALOGUE": '{"account": {"channels": [], "critical": true, "good_for_hours": 96}}',
    "RATE_TABLE": "ChannelRates",
    "EMAIL_DELIVERY": "ses",
    "EMAIL_FROM": "us@example.com",
    "API_ENDPOINT": "http://127.0.0.1/api",
    "TOKEN_KEY_ARN": "arn:aws:kms:eu-west-1:123456789012:key/1",
}
CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=128,
    invoked_function_arn="arn",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 180_000,
)
OUT_OF_TIME = SimpleNamespace(**{**vars(CONTEXT), "get_remaining_time_in_millis": lambda: 1_000})


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where mails go, instead of by SES."""
    sent: list[str] = []

    def send(_self: object, user: Any, _target: object, _message: object) -> Outcome:
        sent.append(user.email)
        return Outcome(State.SENT, message_id="1")

    monkeypatch.setattr("notifications.channels.ses_email.SesEmail.send", send)
    return sent


@pytest.fixture
def deliver(tables: Tables, mails: list[str], load_handler: Callable[..., ModuleType]) -> ModuleType:
    return load_handler("deliver", **ENVIRONMENT)


@pytest.fixture
def sweep(tables: Tables, mails: list[str], load_handler: Callable[..., ModuleType]) -> ModuleType:
    return load_handler("sweep", **ENVIRONMENT)


def register(tables: Tables, *people: Person, ago: float = 0) -> None:
    now = datetime.fromtimestamp(datetime.now(UTC).timestamp() - ago, tz=UTC)
    for person in people:
        Registry(tables.client, USERS, NOTIFICATIONS).register(person, now)


def stream_event(tables: Tables) -> dict[str, Any]:
    """The event of "Using AWS Lambda with Amazon DynamoDB", with the rows of the table."""
    return {
        "Records": [
            {
                "eventID": str(number),
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {"NotificationID": item["NotificationID"]},
                    "NewImage": item,
                    "SequenceNumber": str(number),
                },
            }
            for number, item in enumerate(tables.client.scan(TableName=NOTIFICATIONS)["Items"])
        ]
    }


def metrics_in(output: str) -> dict[str, list[float]]:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"_aws"')]
    names = {m["Name"] for line in lines for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    return {name: [value for line in lines for value in line.get(name, [])] for name in names}


def test_a_batch_is_delivered_and_counted(
    deliver: ModuleType, tables: Tables, mails: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    register(tables, ADA, BOB)
    assert deliver.handler(stream_event(tables), CONTEXT) == {"batchItemFailures": []}
    assert sorted(mails) == [ADA.email, BOB.email]
    output = capsys.readouterr().out
    assert metrics_in(output) == {"Received": [2.0], "Sent": [1.0, 1.0]}
    for personal in (ADA.email, BOB.email, '"ada"', '"bob"'):
        assert personal not in output


def test_a_batch_that_comes_again_sends_nothing(
    deliver: ModuleType, tables: Tables, mails: list[str]
) -> None:
    register(tables, ADA)
    event = stream_event(tables)
    for _ in range(3):
        deliver.handler(event, CONTEXT)
    assert mails == [ADA.email]


def test_only_what_could_not_even_be_written_comes_again(
    deliver: ModuleType, tables: Tables, mails: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tables, ADA, BOB)
    event = stream_event(tables)
    lost = event["Records"][1]["dynamodb"]["Keys"]["NotificationID"]["S"]
    claim = deliver._delivery.outbox.claim

    def fail_one(_self: object, due: Due, now: datetime) -> Any:
        if due.notification_id == lost:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "UpdateItem")
        return claim(due, now)

    monkeypatch.setattr("notifications.outbox.Outbox.claim", fail_one)
    assert deliver.handler(event, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert len(mails) == 1


def test_what_there_is_no_time_for_is_left_to_the_sweep(
    deliver: ModuleType, sweep: ModuleType, tables: Tables, mails: list[str]
) -> None:
    register(tables, ADA, ago=STREAM_GRACE.total_seconds())
    assert deliver.handler(stream_event(tables), OUT_OF_TIME) == {"batchItemFailures": []}
    assert sweep.handler({}, OUT_OF_TIME) == {"taken": 0}
    assert mails == []
    assert sweep.handler({}, CONTEXT) == {"taken": 1}
    assert mails == [ADA.email]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    image=st.dictionaries(
        st.sampled_from(["UserID", "Sub", "Template", "State", "Data", "CreatedAt", "Attempts"]),
        st.text(max_size=5).map(lambda text: {"S": text}) | st.integers(-5, 5).map(lambda n: {"N": str(n)}),
    ),
    key=st.text(min_size=1, max_size=20),
)
def test_any_row_is_answered_and_none_stays_queued(
    deliver: ModuleType, tables: Tables, image: dict[str, Any], key: str
) -> None:
    item = {**image, "NotificationID": {"S": key}, "State": {"S": "QUEUED"}, "Attempts": {"N": "0"}}
    tables.client.put_item(TableName=NOTIFICATIONS, Item=item)
    event = {
        "Records": [
            r for r in stream_event(tables)["Records"] if r["dynamodb"]["Keys"]["NotificationID"]["S"] == key
        ]
    }
    assert deliver.handler(event, CONTEXT) == {"batchItemFailures": []}
    assert {row["State"] for row in tables.notifications} == {"FAILED"}
    tables.client.delete_item(TableName=NOTIFICATIONS, Key={"NotificationID": {"S": key}})


def test_the_sweep_takes_what_the_stream_has_missed(
    sweep: ModuleType, tables: Tables, mails: list[str]
) -> None:
    register(tables, ADA, BOB, ago=STREAM_GRACE.total_seconds() + 1)
    assert sweep.handler({}, CONTEXT) == {"taken": 2}
    assert sorted(mails) == [ADA.email, BOB.email]
    assert sweep.handler({}, CONTEXT) == {"taken": 0}


def test_the_sweep_leaves_new_rows_to_the_stream(sweep: ModuleType, tables: Tables, mails: list[str]) -> None:
    register(tables, ADA)
    assert sweep.handler({}, CONTEXT) == {"taken": 0}


def test_a_row_that_cannot_be_written_does_not_hold_up_the_sweep(
    sweep: ModuleType, tables: Tables, mails: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tables, ADA, BOB, ago=STREAM_GRACE.total_seconds() + 1)
    record = sweep._delivery.outbox.record
    failing = Mock(side_effect=[ClientError({"Error": {"Code": "ValidationException"}}, "UpdateItem")])

    def fail_once(_self: object, *arguments: Any) -> Any:
        return record(*arguments) if failing.called else failing()

    monkeypatch.setattr("notifications.outbox.Outbox.record", fail_once)
    assert sweep.handler({}, CONTEXT) == {"taken": 1}
    assert len(mails) == 2
