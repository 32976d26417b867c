"""Whatever a function is given, and whatever it finds in the tables.

What is good is done, whatever lies beside it; nothing but what the contract names is raised; and nothing of a
person's is in a log, an error or an answer. Identifiers may be logged: of rows, subjects and messages.
"""

import contextlib
import copy
import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from types import ModuleType
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from notifications import clients
from notifications.api.document import Operation, operations
from notifications.feedback import FeedbackError, tag_value
from notifications.notification import milliseconds, timestamp
from notifications.outbox import BROADCASTS, ERASURES, Outbox
from notifications.reconciliation_pass import PROGRESS, ROW_ID
from notifications.registration import Person, RegistrationError, record_of, welcome_of
from notifications.rows import marshal
from tests.strategies import JSON, STORABLE_TEXTS, Json, damaged, damaged_rows

from .api import Api, by_user_index, claims_of
from .conftest import ADA, NOTIFICATIONS, USERS, Clock, Tables, sign_up_event
from .pool import ID, Pool
from .test_api_access import BODIES
from .test_api_handlers import API
from .test_handlers import CONTEXT

PERSONAL = ("p3rs0nal", "4917012345678")
EVE = Person("eve-p3rs0nal", "66666666-eve", "p3rs0nal@example.com", email_verified=True)
# of what is logged, these are identifiers
NOT_PERSONAL = {"notification", "sub", "message_id", "sns_message"}
LOGGED = set(vars(logging.makeLogRecord({}))) - {"msg", "args", "exc_info", "exc_text", "stack_info"}

NOW = datetime.now(UTC)
CATALOGUE = {
    "account": {"channels": ["Email"], "critical": True, "good_for_hours": 96},
    "orders": {"channels": ["Email", "SMS", "Push"], "critical": False, "good_for_hours": 72},
}
TABLES = {"USER_TABLE": USERS, "NOTIFICATION_TABLE": NOTIFICATIONS}
RECORD = record_of(EVE, NOW) | {
    "PhoneNumber": "+4917012345678",
    "SubscriptionArn": "arn:aws:sns:eu-west-1:123456789012:topic:1",
    "Devices": {"0123456789abcdef": {"EndpointArn": "arn:p3rs0nal", "Platform": "GCM", "At": timestamp(NOW)}},
    "Stopped": {"SMS": {"Reason": "OptedOut", "At": timestamp(NOW)}},
    "Preferences": {"orders": {"SMS": True, "Push": False}},
    "QuietHours": {"Start": "22:00", "End": "07:00", "TimeZone": "Europe/Berlin"},
    "Enabled": True,
    "Version": 3,
}
ROW = welcome_of(EVE, NOW - timedelta(hours=1)).to_row() | {
    "Data": {"secret": "p3rs0nal", "lines": [{"n": 1}]},
    "Results": {"Email": {"State": "RETRY", "Reason": "Throttling", "At": timestamp(NOW), "MessageID": "1"}},
    "Reason": "Throttling",
}
DAY = timedelta(days=1)
BROADCAST = {
    "NotificationID": "app#all",
    "Category": "orders",
    "Template": "orders",
    "Data": {"secret": "p3rs0nal"},
    "State": "FANNING_OUT",
    "Attempts": 1,
    **dict.fromkeys(("CreatedAt", "RequestedAt", "AcceptedAt"), timestamp(NOW)),
    "GoodUntil": timestamp(NOW + DAY),
    "DueAt": milliseconds(NOW) - 1,
    "DueShard": BROADCASTS,
    "Cursor": "a",
    "Count": 1,
    "Unreadable": 0,
}
ERASURE = {
    "NotificationID": f"erasure#{EVE.sub}",
    "UserID": EVE.user_id,
    "Sub": EVE.sub,
    "State": "ERASING",
    "DueAt": milliseconds(NOW) - 1,
    "DueShard": ERASURES,
    "RequestedAt": timestamp(NOW),
    "Repeated": True,
    **{name: RECORD[name] for name in ("Email", "PhoneNumber", "SubscriptionArn", "Devices")},
}
WATCH = {
    "NotificationID": "erasure#address#1",
    "Address": "digest",
    "WatchUntil": milliseconds(NOW),
    "DueAt": milliseconds(NOW) - 1,
    "DueShard": ERASURES,
    "State": "ERASING",
}
PASS = dict(zip(PROGRESS, (timestamp(NOW), "place", False, "cursor", 1, 2), strict=True)) | {
    "NotificationID": ROW_ID,
    "State": "RECONCILING",
    "DueAt": milliseconds(NOW) - 1,
    "DueShard": "reconciliation",
}

in_one_place = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # a table in memory takes its time
    max_examples=max(15, settings().max_examples // 10),
)


class Heard(logging.Handler):
    """What was logged, but for identifiers."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = {k: v for k, v in vars(record).items() if k not in LOGGED | NOT_PERSONAL}
        self.lines.append(json.dumps(said, default=repr))


@contextlib.contextmanager
def listening() -> Iterator[Heard]:
    """Nothing personal is said, in a log, a metric or an error, and no traceback."""
    heard, printed = Heard(), io.StringIO()
    logging.getLogger().addHandler(heard)
    try:
        with contextlib.redirect_stdout(printed):
            yield heard
    except Exception as error:
        heard.lines.append("".join(traceback.format_exception(error)))
        raise
    finally:
        logging.getLogger().removeHandler(heard)
        said = "\n".join([*heard.lines, printed.getvalue()])
        for personal in PERSONAL:
            assert personal not in said


def put(tables: Tables, table: str, row: Json) -> bool:
    """Stores a row, if the table can hold it."""
    try:
        tables.client.put_item(TableName=table, Item=row)
    except tables.client.exceptions.ClientError:
        return False
    return True


def empty(tables: Tables) -> None:
    for table, key in ((USERS, "UserID"), (NOTIFICATIONS, "NotificationID")):
        for item in tables.client.scan(TableName=table)["Items"]:
            tables.client.delete_item(TableName=table, Key={key: item[key]})


def state_of(tables: Tables, notification_id: str) -> Any:
    key = marshal({"NotificationID": notification_id})
    return tables.client.get_item(TableName=NOTIFICATIONS, Key=key)["Item"]["State"]["S"]


def a_good_one(tables: Tables, person: Person = ADA) -> Json:
    """A person with a welcome that is due; the welcome's row."""
    tables.client.put_item(TableName=USERS, Item=marshal(record_of(person, NOW)))
    row = marshal(welcome_of(person, NOW - timedelta(hours=1)).to_row())
    tables.client.put_item(TableName=NOTIFICATIONS, Item=row)
    return row


@contextlib.contextmanager
def unless_it_has_no_name(record: Json, *path: str) -> Iterator[Json]:
    """What a record is called. One without a name cannot be told from the others, which come with it."""
    name = record
    for step in path:
        name = name.get(step) if isinstance(name, dict) else None
    try:
        yield name
    except (AttributeError, KeyError, TypeError):
        if name is not None:
            raise


# --- post_confirmation


@pytest.fixture
def trigger(tables: Tables, load_handler: Callable[..., ModuleType]) -> ModuleType:
    return load_handler("post_confirmation", **TABLES)


@given(event=JSON | damaged(sign_up_event(EVE)))
@example(event=[])
@example(event=sign_up_event(Person("\ud800", "s", "e")))
@in_one_place
def test_the_trigger_returns_any_event_as_it_was_or_says_what_it_lacks(
    trigger: ModuleType, tables: Tables, event: Json
) -> None:
    empty(tables)
    before = copy.deepcopy(event)
    refused = "the event is"
    with listening() as heard:
        try:
            assert trigger.handler(event, None) == before
        except RegistrationError as error:
            refused = str(error)
            assert tables.users == tables.notifications == []
        heard.lines = [line for line in heard.lines if "registered sub=" not in line]
    assert refused.startswith(("the event is", "the confirmation lacks", "the account is confirmed"))
    assert len(tables.users) == len(tables.notifications)


# --- deliver and sweep


SENDING = {
    **TABLES,
    "CATALOGUE": json.dumps(CATALOGUE),
    "RATE_TABLE": "ChannelRates",
    "EMAIL_DELIVERY": "ses",
    "EMAIL_FROM": "us@example.com",
    "API_ENDPOINT": "http://127.0.0.1/api",
}


@pytest.fixture
def senders(tables: Tables, load_handler: Callable[..., ModuleType]) -> tuple[ModuleType, ModuleType]:
    make: Any = boto3.client
    make("sesv2").create_email_identity(EmailIdentity="us@example.com")
    key = make("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    environment = {**SENDING, "TOKEN_KEY_ARN": key}
    return load_handler("deliver", **environment), load_handler("sweep", **environment)


def record_of_stream(number: int, row: Json) -> Json:
    """A record of "Using AWS Lambda with Amazon DynamoDB"."""
    return {
        "eventID": str(number),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"NotificationID": row["NotificationID"]},
            "NewImage": row,
            "SequenceNumber": str(number),
        },
    }


@given(bad=damaged(record_of_stream(7, marshal(ROW))), first=st.booleans())
@example(bad={}, first=True)
@in_one_place
def test_a_record_that_cannot_be_read_comes_again_alone(
    senders: tuple[ModuleType, ModuleType], tables: Tables, bad: Json, first: bool
) -> None:
    deliver, _ = senders
    empty(tables)
    put(tables, NOTIFICATIONS, marshal(ROW))
    good = record_of_stream(1, a_good_one(tables))
    events = {"Records": [bad, good] if first else [good, bad]}
    with listening(), unless_it_has_no_name(bad, "dynamodb", "SequenceNumber") as name:
        answer = deliver.handler(events, CONTEXT)
        assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] in ([], [name])
    assert state_of(tables, f"welcome#{ADA.sub}") == "SENT"


@given(
    row=st.sampled_from(["account", "orders"])
    .flatmap(
        lambda category: damaged_rows(marshal(ROW | {"Category": category}), "NotificationID")
        # moto cannot add to such a number
    )
    .filter(lambda row: "E" not in row.get("Attempts", {}).get("N", "")),
    record=st.just(marshal(RECORD)) | damaged_rows(marshal(RECORD), "UserID"),
)
@example(row=marshal(ROW | {"DueAt": Decimal("1E+125")}), record=marshal(RECORD))
@example(row=marshal(ROW), record=marshal(RECORD | {"Email": 5}))
@in_one_place
def test_no_row_or_record_holds_up_delivery(
    senders: tuple[ModuleType, ModuleType], tables: Tables, row: Json, record: Json
) -> None:
    deliver, sweep = senders
    empty(tables)
    put(tables, USERS, record)
    stored = put(tables, NOTIFICATIONS, row)
    good = a_good_one(tables)
    batch = [record_of_stream(number, item) for number, item in enumerate([row, good] if stored else [good])]
    with listening() as heard:
        assert deliver.handler({"Records": batch}, CONTEXT) == {"batchItemFailures": []}
        sweep.handler({}, CONTEXT)
    assert state_of(tables, f"welcome#{ADA.sub}") == "SENT"
    assert "row left" not in "".join(heard.lines)
    outbox = Outbox(tables.client, NOTIFICATIONS)
    assert not [due for shard in range(8) for due in outbox.due(str(shard), NOW)]


# --- enqueue


@pytest.fixture
def enqueue(tables: Tables, load_handler: Callable[..., ModuleType]) -> ModuleType:
    make: Any = boto3.client
    queue = make("sqs").create_queue(QueueName="refused")["QueueUrl"]
    return load_handler("enqueue", **TABLES, CATALOGUE=json.dumps(CATALOGUE), REFUSED_QUEUE_URL=queue)


def message(name: str, body: Json, asked_at: datetime = NOW) -> Json:
    """A record of "Using Lambda with Amazon SQS"."""
    return {
        "messageId": name,
        "receiptHandle": "handle",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(milliseconds(asked_at))},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


REQUEST = {
    "id": "bad",
    "to": {"user": EVE.user_id},
    "category": "orders",
    "data": {"secret": "p3rs0nal", "n": 1.5},
    "not_before": "2026-11-26T08:00:00+01:00",
    "expires_at": "2027-11-26T08:00:00Z",
}
GOOD = {"id": "good", "to": {"user": ADA.user_id}, "category": "orders"}


@given(
    bad=(JSON | damaged(REQUEST)).map(lambda body: message("bad", body)) | damaged(message("bad", REQUEST)),
    there=st.none() | damaged_rows(marshal(ROW | {"NotificationID": "app#bad"}), "NotificationID"),
    first=st.booleans(),
)
@example(bad={}, there=None, first=True)
@in_one_place
def test_no_request_keeps_another_from_being_taken(
    enqueue: ModuleType, tables: Tables, bad: Json, there: Json, first: bool
) -> None:
    empty(tables)
    a_good_one(tables)
    put(tables, USERS, marshal(RECORD))
    if there is not None:
        put(tables, NOTIFICATIONS, there)
    good = message("good", GOOD)
    with listening(), unless_it_has_no_name(bad, "messageId") as name:
        answer = enqueue.handler({"Records": [bad, good] if first else [good, bad]}, CONTEXT)
        assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] in ([], [name])
    assert state_of(tables, "app#good") == "QUEUED"


@given(
    body=JSON | damaged(REQUEST),
    there=damaged_rows(marshal(ROW | {"NotificationID": "app#bad"}), "NotificationID"),
)
@example(body=REQUEST, there={"NotificationID": {"S": "app#bad"}})
@in_one_place
def test_a_request_is_taken_or_refused_whatever_stands_in_its_place(
    enqueue: ModuleType, tables: Tables, body: Json, there: Json
) -> None:
    # it comes again only when that helps: a worker has the row that is to be cancelled
    empty(tables)
    put(tables, USERS, marshal(RECORD))
    put(tables, NOTIFICATIONS, there)
    with listening():
        answer = enqueue.handler({"Records": [message("bad", body)]}, CONTEXT)
    assert answer == {"batchItemFailures": []}


# --- broadcast


@pytest.fixture
def broadcast(tables: Tables, load_handler: Callable[..., ModuleType]) -> ModuleType:
    function = load_handler("broadcast", **TABLES)
    # moto breaks when it copies its tables for one transaction while another writes
    function._fan_out = replace(function._fan_out, workers=1)  # type: ignore[attr-defined]
    return function


def welcomed(tables: Tables, sub: str, begins: str) -> bool:
    return any(
        row["NotificationID"].startswith(begins) and row.get("Sub") == sub for row in tables.notifications
    )


@given(
    row=st.just(marshal(BROADCAST)) | damaged_rows(marshal(BROADCAST), "NotificationID"),
    record=damaged_rows(marshal(RECORD), "UserID"),
)
@example(row=marshal(BROADCAST | {"GoodUntil": "9999-12-31T23:59:59-12:00"}), record=marshal(RECORD))
@example(row=marshal(BROADCAST | {"Cursor": 5}), record=marshal(RECORD))
@example(row=marshal(BROADCAST | {"Attempts": "once"}), record=marshal(RECORD))
@example(row=marshal(BROADCAST | {"Cursor": "a" * 2049}), record=marshal(RECORD))
@in_one_place
def test_no_broadcast_or_record_holds_up_a_broadcast(
    broadcast: ModuleType, tables: Tables, row: Json, record: Json
) -> None:
    empty(tables)
    put(tables, USERS, record)
    tables.client.put_item(TableName=USERS, Item=marshal(record_of(ADA, NOW - DAY)))
    put(tables, NOTIFICATIONS, row)
    good = {**BROADCAST, "NotificationID": "app#good", "Cursor": "", "DueAt": milliseconds(NOW)}
    del good["Cursor"]
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(good))
    with listening() as heard:
        broadcast.handler({}, CONTEXT)
    assert welcomed(tables, ADA.sub, "app#good#")
    assert state_of(tables, "app#good") == "FANNED_OUT"
    assert "left" not in "".join(heard.lines)


# --- erase


@pytest.fixture
def erase(
    tables: Tables, load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    by_user_index(tables)
    make: Any = boto3.client
    function = load_handler(
        "erase",
        **TABLES,
        USER_POOL_ID=make("cognito-idp").create_user_pool(PoolName="pool")["UserPool"]["Id"],
        NOTIFICATION_TOPIC_ARN=make("sns").create_topic(Name="topic")["TopicArn"],
        REFUSED_QUEUE_URL=make("sqs").create_queue(QueueName="refused")["QueueUrl"],
    )
    # no letter comes, and a second is long
    monkeypatch.setattr(function, "Letters", partial(function.Letters, wait_seconds=0))
    return function


@given(
    job=st.sampled_from([ERASURE, WATCH]).flatmap(lambda row: damaged_rows(marshal(row), "NotificationID")),
    row=damaged_rows(marshal(ROW), "NotificationID"),
)
@example(job=marshal(ERASURE | {"Devices": {"d": {}}}), row=marshal(ROW))
@example(job=marshal({"NotificationID": "erasure#1", "DueAt": 1, "DueShard": ERASURES}), row=marshal(ROW))
@in_one_place
def test_no_job_holds_up_an_erasure(erase: ModuleType, tables: Tables, job: Json, row: Json) -> None:
    empty(tables)
    put(tables, NOTIFICATIONS, job)
    put(tables, NOTIFICATIONS, row)
    good = {**ERASURE, "NotificationID": "erasure#good", "UserID": "bob", "DueAt": milliseconds(NOW)}
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(good))
    with listening():
        erase.handler({}, CONTEXT)
    assert "erasure#good" not in [row["NotificationID"] for row in tables.notifications]


# --- feedback


@pytest.fixture
def feedback(tables: Tables, load_handler: Callable[..., ModuleType]) -> ModuleType:
    return load_handler("feedback", **TABLES)


def bounce(notification_id: str, address: str) -> Json:
    """An event of "Contents of event data that Amazon SES publishes to Amazon SNS"."""
    return {
        "eventType": "Bounce",
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": address}]},
        "mail": {"destination": [address], "tags": {"notification": [tag_value(notification_id)]}},
    }


def told(event: Json) -> Json:
    """A record of "Invoking Lambda functions with Amazon SNS notifications"."""
    text = event if isinstance(event, str) else json.dumps(event)
    return {"EventSource": "aws:sns", "Sns": {"MessageId": "1", "Message": text}}


BOUNCE = bounce(ROW["NotificationID"], EVE.email)


@given(
    bad=(JSON | damaged(BOUNCE)).map(told) | damaged(told(BOUNCE)),
    row=st.just(marshal(ROW)) | damaged_rows(marshal(ROW), "NotificationID"),
    record=st.just(marshal(RECORD)) | damaged_rows(marshal(RECORD), "UserID"),
)
@example(bad={}, row=marshal(ROW), record=marshal(RECORD))
@in_one_place
def test_no_event_of_a_mail_keeps_another_from_being_taken(
    feedback: ModuleType, tables: Tables, bad: Json, row: Json, record: Json
) -> None:
    empty(tables)
    a_good_one(tables)
    put(tables, NOTIFICATIONS, row)
    put(tables, USERS, record)
    good = told(bounce(f"welcome#{ADA.sub}", ADA.email))
    with listening(), contextlib.suppress(FeedbackError):
        feedback.handler({"Records": [bad, good]}, CONTEXT)
    (ada,) = [record for record in tables.users if record["UserID"] == ADA.user_id]
    assert ada["Stopped"]["Email:ses"]["Reason"] == "Bounce"


@given(row=damaged_rows(marshal(ROW), "NotificationID"))
@example(row=marshal(ROW | {"Results": {"Email": "sent"}}))
@example(row=marshal(ROW | {"LeaseEnd": "soon"}))
@in_one_place
def test_a_bounce_stops_the_way_whatever_its_row_is_like(
    feedback: ModuleType, tables: Tables, row: Json
) -> None:
    empty(tables)
    put(tables, USERS, marshal(RECORD))
    stored = put(tables, NOTIFICATIONS, row)
    with listening():
        feedback.handler({"Records": [told(BOUNCE)]}, CONTEXT)
    named = stored and all("S" in row.get(name, {}) for name in ("UserID", "Sub"))
    if named and (row["UserID"], row["Sub"]) == ({"S": EVE.user_id}, {"S": EVE.sub}):
        assert tables.users[0]["Stopped"]["Email:ses"]["Reason"] == "Bounce"


# --- reconcile


@pytest.fixture
def reconcile(
    tables: Tables, load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    pool = Pool()
    pool.add(ADA)

    def client(service: str, patience: clients.Patience) -> Any:
        return pool if service == "cognito-idp" else made(service, patience)

    made = clients.client
    monkeypatch.setattr(clients, "client", client)
    return load_handler("reconcile", **TABLES, USER_POOL_ID=ID, EVERY_HOURS="24")


@given(
    row=damaged_rows(marshal(PASS), "NotificationID"),
    # moto compares texts with numbers and breaks, where DynamoDB leaves the record out
    record=damaged_rows(marshal(RECORD), "UserID").filter(
        lambda record: "S" in record.get("RegisteredAt", {"S": ""})
    ),
)
@example(row=marshal({name: PASS[name] for name in PASS if name != "DueAt"}), record=marshal(RECORD))
@example(row=marshal(PASS | {"BeganAt": "0001-01-01T00:00:00Z"}), record=marshal(RECORD))
@example(row=marshal(PASS | {"Owned": Decimal("1E+125")}), record=marshal(RECORD))
@example(row=marshal(PASS | {"Place": "", "Listed": True, "Cursor": "a" * 2049}), record=marshal(RECORD))
@in_one_place
def test_whatever_a_pass_has_left_the_next_finds_who_was_missed(
    reconcile: ModuleType, tables: Tables, row: Json, record: Json
) -> None:
    empty(tables)
    put(tables, NOTIFICATIONS, row)
    put(tables, USERS, record)
    with listening():
        tally = reconcile.handler({}, CONTEXT)
    # no lease ends after a moment that is so far away: that is told
    too_far = "DueAt" in row and Decimal(row["DueAt"]["N"]) > Decimal("1E+37")
    assert ("ReconciliationFailed" in tally) == too_far
    if "DueAt" not in row:
        assert ADA.user_id in [record["UserID"] for record in tables.users]


# --- api


PUT = {
    "version": "2.0",
    "rawPath": "/preferences",
    "rawQueryString": "",
    "headers": {"content-type": "application/json", "authorization": "Bearer p3rs0nal"},
    "queryStringParameters": {"limit": "5"},
    "requestContext": {
        "http": {"method": "PUT", "path": "/preferences"},
        "stage": "$default",
        "authorizer": {"jwt": {"claims": claims_of(EVE), "scopes": None}},
    },
    "body": json.dumps({"version": 0, "enabled": False, "categories": {"orders": {"SMS": True}}}),
    "isBase64Encoded": False,
}


@pytest.fixture
def api(tables: Tables, clock: Clock) -> Api:
    return Api(tables, clock)


@pytest.fixture
def answers(api: Api, load_handler: Callable[..., ModuleType]) -> ModuleType:
    return load_handler("api", **API)


@given(event=damaged(PUT), record=st.none() | st.just(marshal(RECORD)))
@in_one_place
def test_every_request_is_answered(answers: ModuleType, tables: Tables, event: Json, record: Json) -> None:
    empty(tables)
    if record is not None:
        put(tables, USERS, record)
    if not is_request(event):
        # API Gateway has found the route by these
        return
    with listening():
        answer = answers.handler(event, CONTEXT)
    assert answer["statusCode"] < 500
    if answer["statusCode"] >= 400:
        assert not any(personal in answer["body"] for personal in PERSONAL)


def is_request(event: Json) -> bool:
    """Whether an event has what API Gateway always gives."""
    context = event.get("requestContext")
    http = context.get("http") if isinstance(context, dict) else None
    if not isinstance(http, dict):
        return False
    assert isinstance(context, dict)
    texts = [event.get("rawPath"), http.get("method"), http.get("path"), context.get("stage")]
    maps = [event.get(name, {}) for name in ("headers", "queryStringParameters")]
    return (
        all(isinstance(text, str) for text in texts)
        and isinstance(event.get("body", ""), str | None)
        and all(
            isinstance(values, dict) and all(isinstance(value, str) for value in values.values())
            for values in maps
        )
    )


@given(
    record=st.just(marshal(RECORD)) | damaged_rows(marshal(RECORD), "UserID"),
    row=damaged_rows(marshal(ROW), "NotificationID"),
    operation=st.sampled_from([operation for operation in operations() if operation.signed_in]),
)
@in_one_place
def test_what_cannot_be_read_is_no_more_than_an_error_as_documented(
    api: Api, tables: Tables, record: Json, row: Json, operation: Operation
) -> None:
    empty(tables)
    put(tables, USERS, record)
    put(tables, NOTIFICATIONS, row)
    path = operation.path.replace("{id}", "0123456789abcdef")
    with listening():
        status, body = api.call(operation.method, path, BODIES.get(operation.name), claims=claims_of(EVE))
    if status >= 400:
        assert not any(personal in str(body) for personal in PERSONAL)
    if operation.name == "deleteAccount":
        # also of whoever has a record that nobody can read
        assert status == 202
    if operation.name == "listNotifications" and record == marshal(RECORD):
        assert status == 200


@given(rows=st.lists(STORABLE_TEXTS.filter(bool), min_size=3, max_size=6, unique=True))
@in_one_place
def test_every_row_is_shown_once_page_by_page(api: Api, tables: Tables, rows: list[str]) -> None:
    # also those that were written by hand, under any key
    empty(tables)
    put(tables, USERS, marshal(RECORD))
    keys = [row for row in rows if put(tables, NOTIFICATIONS, marshal(ROW | {"NotificationID": row}))]
    shown: list[str] = []
    cursor: dict[str, str] = {}
    for _ in rows:
        query = {"limit": "1", **cursor}
        status, page = api.call("GET", "/notifications", claims=claims_of(EVE), query=query)
        assert status == 200
        shown += [entry["id"] for entry in page["notifications"]]
        if page["cursor"] is None:
            break
        cursor = {"cursor": page["cursor"]}
    assert sorted(shown) == sorted(keys)
