"""The function that takes requests, from the event to the row or the refused queue."""

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from notifications.notification import milliseconds, timestamp
from notifications.outbox import Due, Outbox
from notifications.registration import record_of
from notifications.rows import marshal

from .conftest import ADA, NOTIFICATIONS, USERS, Tables

CATALOGUE = {"orders": {"channels": ["Email"], "critical": False, "good_for_hours": 72}}
CONTEXT = SimpleNamespace(
    function_name="enqueue",
    memory_limit_in_mb=128,
    invoked_function_arn="arn",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 60_000,
)
# "SQS message quotas" (Amazon SQS Developer Guide), as Terraform's provider sets it; of body and attributes
MESSAGE_BYTES = 262_144
ORDER = {"id": "1042", "to": {"user": ADA.user_id}, "category": "orders", "data": {"secret": "of Ada's"}}


@pytest.fixture
def sqs() -> Any:
    make: Any = boto3.client
    return make("sqs")


@pytest.fixture
def refused_queue(aws: None, sqs: Any) -> str:
    return str(sqs.create_queue(QueueName="refused")["QueueUrl"])


@pytest.fixture
def enqueue(tables: Tables, refused_queue: str, load_handler: Callable[..., ModuleType]) -> ModuleType:
    tables.client.put_item(TableName=USERS, Item=marshal(record_of(ADA, datetime.now(UTC))))
    return load_handler(
        "enqueue",
        USER_TABLE=USERS,
        NOTIFICATION_TABLE=NOTIFICATIONS,
        CATALOGUE=json.dumps(CATALOGUE),
        REFUSED_QUEUE_URL=refused_queue,
    )


def event(*bodies: Any) -> dict[str, Any]:
    """The event of "Using Lambda with Amazon SQS"."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": "handle",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": str(milliseconds(datetime(2026, 11, 22, 12, tzinfo=UTC))),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:requests",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def messages(sqs: Any, queue: str) -> list[dict[str, Any]]:
    return list(
        sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
            "Messages", []
        )
    )


def conflict() -> ClientError:
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")


def metrics_in(output: str) -> dict[str, float]:
    (line,) = [json.loads(line) for line in output.splitlines() if line.startswith('{"_aws"')]
    names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    return {name: sum(line[name]) for name in names}


def test_a_batch_is_taken_refused_and_counted_without_a_personal_word(
    enqueue: ModuleType, tables: Tables, sqs: Any, refused_queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = event(ORDER, ORDER, {**ORDER, "id": "x", "category": "gossip"}, {"id": "1042", "cancel": True})
    assert enqueue.handler(batch, CONTEXT) == {"batchItemFailures": []}
    assert [row["NotificationID"] for row in tables.notifications] == ["app#1042"]
    assert tables.the_notification()["RequestedAt"] == "2026-11-22T12:00:00.000Z"
    output = capsys.readouterr().out
    assert metrics_in(output) == {
        "Received": 4,
        "Accepted": 1,
        "Repeated": 1,
        "Refused": 1,
        "Cancelled": 1,
    }
    for personal in (ADA.user_id, "of Ada's", ADA.email):
        assert f'"{personal}"' not in output


def test_a_refused_request_is_where_its_sender_finds_it(
    enqueue: ModuleType, sqs: Any, refused_queue: str
) -> None:
    body = json.dumps({**ORDER, "category": "gossip"}, indent=2)
    before = timestamp(datetime.now(UTC))
    enqueue.handler(event(body), CONTEXT)
    (message,) = messages(sqs, refused_queue)
    told = json.loads(message["Body"])
    assert told.pop("refused_at") >= before
    assert told == {
        "reason": {
            "code": "unknown_category",
            "message": "category is not one of the catalogue's: orders.",
        },
        "message_id": "0",
        "request": body,
    }
    assert message["MessageAttributes"]["Reason"]["StringValue"] == "unknown_category"


def test_of_somebody_unknown_the_refused_queue_gets_id_and_category_alone(
    enqueue: ModuleType, sqs: Any, refused_queue: str
) -> None:
    enqueue.handler(event({**ORDER, "to": {"user": "carol"}}), CONTEXT)
    (message,) = messages(sqs, refused_queue)
    assert json.loads(json.loads(message["Body"])["request"]) == {"id": "1042", "category": "orders"}
    assert "carol" not in message["Body"]


@pytest.mark.parametrize(
    "body",
    [
        '"' * 250_000,
        "\n" * 190_000,
        json.dumps({"a": '"' * 90_000}),
        json.dumps({**ORDER, "category": "gossip", "data": {"rows": ["x"] * 45_000}}),
        json.dumps({**ORDER, "category": "gossip", "data": {"word": "ä" * 60_000}}, ensure_ascii=False),
    ],
)
def test_even_a_huge_request_can_be_refused(
    enqueue: ModuleType, sqs: Any, refused_queue: str, body: str
) -> None:
    assert enqueue.handler(event(body), CONTEXT) == {"batchItemFailures": []}
    (message,) = messages(sqs, refused_queue)
    reason = message["MessageAttributes"]["Reason"]["StringValue"]
    assert len(message["Body"].encode()) + len(f"ReasonString{reason}") <= MESSAGE_BYTES
    assert json.loads(message["Body"])["reason"]["code"] == reason


def test_no_variable_makes_the_function_log_what_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    enqueue: ModuleType = request.getfixturevalue("enqueue")
    enqueue.handler(event(ORDER), CONTEXT)
    said = "".join(capfd.readouterr()) + str([vars(record) for record in caplog.records])
    assert "Accepted" in said
    assert "of Ada's" not in said


def test_what_there_is_no_time_for_comes_again(enqueue: ModuleType, tables: Tables) -> None:
    times = iter([60_000, int(enqueue.ENOUGH_SECONDS * 1000) - 1])
    context = SimpleNamespace(**{**vars(CONTEXT), "get_remaining_time_in_millis": lambda: next(times)})
    assert enqueue.handler(event(ORDER, {**ORDER, "id": "1043"}), context) == {
        "batchItemFailures": [{"itemIdentifier": "1"}]
    }
    assert len(tables.notifications) == 1


def test_what_could_not_be_done_now_comes_again_and_nothing_else(
    enqueue: ModuleType, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = enqueue._dynamodb.transact_write_items

    def throttled_once(**arguments: Any) -> Any:
        if len(tables.notifications) == 1:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")
        return write(**arguments)

    monkeypatch.setattr(enqueue._dynamodb, "transact_write_items", throttled_once)
    assert enqueue.handler(event(ORDER, {**ORDER, "id": "1043"}), CONTEXT) == {
        "batchItemFailures": [{"itemIdentifier": "1"}]
    }
    assert len(tables.notifications) == 1


def test_a_conflict_with_another_transaction_is_waited_out(
    enqueue: ModuleType, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, answers = enqueue._dynamodb.transact_write_items, iter([conflict(), None])

    def in_conflict_once(**arguments: Any) -> Any:
        if error := next(answers):
            raise error
        return write(**arguments)

    monkeypatch.setattr(enqueue._dynamodb, "transact_write_items", in_conflict_once)
    assert enqueue.handler(event(ORDER), CONTEXT) == {"batchItemFailures": []}
    assert len(tables.notifications) == 1


def test_a_cancellation_comes_again_while_a_worker_has_the_row(enqueue: ModuleType, tables: Tables) -> None:
    enqueue.handler(event(ORDER), CONTEXT)
    row = tables.the_notification()
    Outbox(tables.client, NOTIFICATIONS).claim(
        Due(row["NotificationID"], row["DueAt"], row["DueShard"]), datetime.now(UTC)
    )
    assert enqueue.handler(event({"id": "1042", "cancel": True}), CONTEXT) == {
        "batchItemFailures": [{"itemIdentifier": "0"}]
    }


def test_a_refusal_that_cannot_be_told_comes_again(
    enqueue: ModuleType, sqs: Any, refused_queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sqs.delete_queue(QueueUrl=refused_queue)
    assert enqueue.handler(event("not JSON"), CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert '"Refused"' not in capsys.readouterr().out


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("dies_at", [1, 2])
def test_whoever_dies_anywhere_leaves_one_row_in_the_end(
    enqueue: ModuleType, tables: Tables, monkeypatch: pytest.MonkeyPatch, dies_at: int, answered: bool
) -> None:
    call = enqueue._dynamodb._make_api_call
    calls = itertools.count(1)

    def dying(operation: str, arguments: Any) -> Any:
        dies = next(calls) == dies_at
        if dies and not answered:
            raise SystemExit
        answer = call(operation, arguments)
        if dies:
            raise SystemExit
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(enqueue._dynamodb, "_make_api_call", dying)
        with pytest.raises(SystemExit):
            enqueue.handler(event(ORDER), CONTEXT)
    assert enqueue.handler(event(ORDER), CONTEXT) == {"batchItemFailures": []}
    assert tables.the_notification()["State"] == "QUEUED"
