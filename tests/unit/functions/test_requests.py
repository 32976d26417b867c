"""What is asked for, from the text of a message to the row."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.broadcast import Broadcast
from notifications.catalogue import Category
from notifications.notification import STREAM_GRACE, Notification, State, due_shard, milliseconds, timestamp
from notifications.outbox import BROADCASTS, FANNED_OUT, FANNING_OUT, Cancelled, Due, Outbox
from notifications.registration import record_of
from notifications.requests import (
    MAX_DEPTH,
    SCHEMA,
    BusyError,
    Cancellation,
    Intake,
    RefusedError,
    Request,
    Taken,
    parse,
)
from notifications.rows import marshal

from .conftest import ADA, BOB, NOTIFICATIONS, USERS, Clock, Tables, asked

ORDERS = Category("orders", ("Email",), critical=False, good_for=timedelta(hours=72))
ACCOUNT = Category("account", (), critical=True, good_for=timedelta(hours=96))
ORDER: dict[str, Any] = {
    "id": "order-1042",
    "to": {"user": ADA.user_id},
    "category": "orders",
    "data": {"order": "1042", "items": 3},
}
TO_ALL = {**ORDER, "id": "sale", "to": "everyone"}


@pytest.fixture
def intake(tables: Tables, clock: Clock) -> Intake:
    for person in (ADA, BOB):
        tables.client.put_item(TableName=USERS, Item=marshal(record_of(person, clock.now)))
    return Intake(
        tables.client,
        USERS,
        Outbox(tables.client, NOTIFICATIONS),
        {"orders": ORDERS, "account": ACCOUNT},
        pause=lambda _seconds: None,
    )


@pytest.fixture
def take(intake: Intake, clock: Clock) -> Callable[..., Taken]:
    """Takes a request, sent just now or so many hours ago."""

    def taking(request: dict[str, Any] | str, sent_ago: float = 0, **changes: Any) -> Taken:
        body = request if isinstance(request, str) else json.dumps({**request, **changes})
        return intake.take(body, clock.now - timedelta(hours=sent_ago), clock.now)

    return taking


def refused(take: Callable[..., Taken], *arguments: Any, **changes: Any) -> RefusedError:
    with pytest.raises(RefusedError) as refusal:
        take(*arguments, **changes)
    return refusal.value


def said(refusal: RefusedError) -> str:
    """What machines and what people are told."""
    return f"{refusal.code}: {refusal}"


def finish(tables: Tables, state: str = "SENT") -> None:
    row = tables.the_notification()
    changed = {name: value for name, value in row.items() if name not in ("DueAt", "DueShard")}
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(changed | {"State": state}))


def cancelled_by(code: str, place: int = 1) -> ClientError:
    reasons = [{"Code": "None"}, {"Code": "None"}]
    reasons[place] = {"Code": code}
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")


# --- what a message may say


def test_the_examples_of_the_schema_are_requests() -> None:
    schema = json.loads(SCHEMA.read_text())
    for example in schema["examples"]:
        assert parse(json.dumps(example))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"id": "a b"}, "invalid_request: id is not right. It has 1 to 128"),
        ({"id": "a\n"}, "invalid_request: id is not right"),
        ({"id": ""}, "invalid_request: id is not right"),
        ({"to": "ada"}, 'invalid_request: to is not right. It is {"user": "<username>"} or "everyone".'),
        ({"to": {}}, "invalid_request: The request lacks to.user."),
        ({"to": {"user": ""}}, "invalid_request: to.user is not right"),
        (
            {"to": {"user": "ada", "x": 1}},
            "invalid_request: There are fields that are not known; those of to are user.",
        ),
        ({"category": 5}, "invalid_request: category is not right"),
        ({"category": "gossip"}, "unknown_category: category is not one of the catalogue's: orders."),
        ({"category": "account"}, "unknown_category: category is not one of the catalogue's: orders."),
        ({"data": []}, "invalid_request: data is not right"),
        ({"data": {"user": "x"}}, "invalid_request: data is not right. The names in it consist of"),
        (
            {"data": {"unsubscribe_url": "x"}},
            "invalid_request: data is not right. The names in it consist of",
        ),
        ({"data": {"1a": "x"}}, "invalid_request: data is not right. The names in it consist of"),
        ({"data": {"a": {"": "x"}}}, "invalid_request: A name in data is empty."),
        ({"data": {"a": "\ud800"}}, "invalid_json: A text holds half a character"),
        ({"priority": 1}, "invalid_request: There are fields that are not known; those are id, to, category"),
        ({"cancel": True}, "invalid_request: There are fields that are not known; those are id, cancel."),
        (
            {"not_before": "tomorrow"},
            "invalid_request: not_before is not right. It is a time with a time zone",
        ),
        ({"not_before": "2026-11-23T00:00:00"}, "invalid_request: not_before is not right"),
        ({"not_before": "2026-02-30T00:00:00Z"}, "invalid_request: not_before is not right"),
        (
            {"not_before": "0001-01-01T00:00:00+01:00"},
            "invalid_time: not_before is not a time that there is.",
        ),
        ({"not_before": "2027-11-22T12:00:01Z"}, "invalid_time: not_before is more than a year ahead."),
        (
            {"expires_at": "2026-11-22T12:00:00Z"},
            "invalid_time: expires_at had passed when the request was sent.",
        ),
        ({"expires_at": "9999-12-31T00:00:00Z"}, "invalid_time: expires_at is more than two years ahead."),
        ({"expires_at": "2028-11-21T12:00:01Z"}, "invalid_time: expires_at is more than two years ahead."),
        (
            {"not_before": "2026-11-23T00:00:00Z", "expires_at": "2026-11-23T01:00:00+01:00"},
            "invalid_time: expires_at is not after not_before.",
        ),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_a_sentence(
    take: Callable[..., Taken], tables: Tables, wrong: dict[str, Any], sentence: str
) -> None:
    assert said(refused(take, ORDER, **wrong)).startswith(sentence)
    assert tables.notifications == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("", "invalid_json: The request is not JSON: Expecting value, line 1, column 1."),
        ('{"id": "a", "id": "b", "cancel": true}', "invalid_json: A name is twice in one object."),
        ("[]", "invalid_request: The request is not right. A JSON object"),
        ("{}", "invalid_request: The request lacks id, to, category."),
        ('{"id": "a", "cancel": 1}', "invalid_request: cancel is not right. It is true."),
        ('{"id": "a", "cancel": false}', "invalid_request: cancel is not right. It is true."),
        ("[" * 50_000, "invalid_request: The request is nested more than 32 deep."),
        (f'"{"x" * 199_999}"', "too_large: The request is larger than 200 KB."),
        (f'"{"ä" * 100_000}"', "too_large: The request is larger than 200 KB."),
        (f'"{"x" * 199_998}"', "invalid_request: The request is not right. A JSON object"),
        ('{"a": "\ud800"}', "invalid_json: The request is not a text in UTF-8."),
    ],
    ids=range(11),
)
def test_what_is_no_request_is_refused_in_a_sentence(
    take: Callable[..., Taken], body: str, sentence: str
) -> None:
    assert said(refused(take, body)).startswith(sentence)


@pytest.mark.parametrize(
    "times",
    [
        {"not_before": "2027-11-22T12:00:00Z"},
        {"expires_at": "2028-11-21T12:00:00Z"},
        {"expires_at": "2026-11-22T12:00:01Z"},
        {"not_before": "2026-11-23T00:00:00Z", "expires_at": "2026-11-23T00:00:01Z"},
        {"not_before": "2026-11-23t00:00:00z"},
    ],
    ids=str,
)
def test_times_are_taken_to_their_limits(take: Callable[..., Taken], times: dict[str, str]) -> None:
    assert take(ORDER, **times) is Taken.ACCEPTED


@pytest.mark.parametrize(
    ("catalogue", "there_are"),
    [
        ({"orders": ORDERS, "account": ACCOUNT, "news": ORDERS}, "news, orders"),
        ({"account": ACCOUNT}, "none in this environment"),
    ],
)
def test_which_categories_there_are_is_said(
    intake: Intake, clock: Clock, catalogue: dict[str, Category], there_are: str
) -> None:
    with pytest.raises(RefusedError, match=f"^category is not one of the catalogue's: {there_are}.$"):
        replace(intake, catalogue=catalogue).take(
            json.dumps({**ORDER, "category": "gossip"}), clock.now, clock.now
        )


def test_before_anybody_has_looked_whose_a_request_is_nothing_of_it_is_kept() -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(json.dumps({**ORDER, "id": ""}))
    assert refusal.value.kept == ""


def test_an_empty_text_is_a_value_and_no_name(take: Callable[..., Taken], tables: Tables) -> None:
    data = {"a": "", "list": ["", {"b": [""]}]}
    assert take(ORDER, data=data) is Taken.ACCEPTED
    assert tables.the_notification()["Data"] == data


@pytest.mark.parametrize("data", [{"a": {"b": "\ud800"}}, {"a": {"\ud800": 1}}, {"a": [["\ud800"]]}])
def test_half_a_character_is_found_wherever_it_is(data: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="half a character"):
        parse(json.dumps({**ORDER, "data": data}))


def test_a_time_is_read_as_utc() -> None:
    request = parse(json.dumps({**ORDER, "not_before": "2026-11-23T08:00:00+01:00"}))
    assert isinstance(request, Request)
    assert str(request.not_before) == "2026-11-23 07:00:00+00:00"


@pytest.mark.parametrize("number", ["100", "3.0", "1" + "0" * 37])
def test_a_number_that_has_room_is_left_as_it_was_written(number: str) -> None:
    request = parse(json.dumps(ORDER).replace("3", number))
    assert isinstance(request, Request)
    assert str(request.data["items"]) == number


def test_the_digest_is_that_of_the_rows_that_are_there_already() -> None:
    """Another one would refuse a request that comes again, as another one with the same key."""
    body = {**ORDER, "data": {"b": [0, 1.50, 100], "a": "ä"}, "expires_at": "2026-12-01T00:00:00+01:00"}
    requests = [parse(json.dumps(request)) for request in (body, TO_ALL)]
    assert [request.digest for request in requests if isinstance(request, Request)] == [
        "5158dc8ff1b63867bb1d98101e2aaf7657d36f8595c0337b85c097b130f74bae",
        "ce0abeebf77d40b95cf722fbb95ac8bd8ca443cdb367b5f57f99f03e5e791360",
    ]


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e126", "1e-131", "1e9999999999999999999", "1." + "1" * 38]
)
def test_numbers_that_the_table_cannot_hold_are_refused(number: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(json.dumps(ORDER).replace("3", number))
    assert said(refusal.value) == (
        "invalid_request: A number has more than 38 digits, or is not between 1E-130 and 9.99E+125; "
        "send it as a text."
    )


@pytest.mark.parametrize("number", ["1e125", "-1e-130", "-0.0", "0e999", "1." + "1" * 37, "1." + "0" * 60])
def test_numbers_that_the_table_can_hold_are_kept(
    take: Callable[..., Taken], tables: Tables, number: str
) -> None:
    assert take(json.dumps(ORDER).replace("3", number)) is Taken.ACCEPTED
    assert tables.the_notification()["Data"]["items"] == Decimal(number)


def test_nesting_is_taken_to_its_limit(take: Callable[..., Taken]) -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"a": nested(depth - 1)} if depth else {}

    assert take(ORDER, data=nested(MAX_DEPTH - 2)) is Taken.ACCEPTED
    assert "deep" in str(refused(take, ORDER, data=nested(MAX_DEPTH - 1)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    body=st.binary(max_size=200).map(lambda raw: raw.decode(errors="surrogateescape"))
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda below: (
            st.lists(below, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "to", "user", "category", "data", "not_before", "cancel", "orders", ""]
                ),
                below,
                max_size=5,
            )
        ),
        max_leaves=8,
    ).map(json.dumps)
)
def test_whatever_a_message_says_it_is_taken_or_refused(
    take: Callable[..., Taken], tables: Tables, body: str
) -> None:
    rows = len(tables.notifications)
    refusal = None
    try:
        take(body)
    except RefusedError as error:
        refusal = error
    if refusal:
        assert refusal.code
        assert str(refusal).endswith(".")
        assert len(tables.notifications) == rows


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    | st.decimals(-1000, 1000, places=4).map(float)
    | st.text(max_size=10),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), below, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    key=st.from_regex(r"[A-Za-z0-9._:-]{1,128}", fullmatch=True),
    data=st.dictionaries(st.from_regex(r"data_[a-z0-9]{0,5}", fullmatch=True), VALUES, max_size=4),
    hours=st.tuples(st.integers(-10, 8000), st.integers(1, 9000)),
    ahead=st.booleans(),
)
def test_any_request_becomes_the_row_that_it_asks_for(
    intake: Intake, tables: Tables, key: str, data: dict[str, Any], hours: tuple[int, int], ahead: bool
) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    not_before = now + timedelta(hours=hours[0])
    expires_at = max(not_before, now) + timedelta(hours=hours[1])
    body: dict[str, Any] = {**ORDER, "id": key, "data": data}
    if ahead:
        body |= {"not_before": not_before.isoformat(), "expires_at": expires_at.isoformat()}
    assert intake.take(json.dumps(body), now, now) is Taken.ACCEPTED
    stored = tables.the_notification()
    tables.client.delete_item(TableName=NOTIFICATIONS, Key=marshal({"NotificationID": f"app#{key}"}))
    row = Notification.from_row(stored)
    assert (row.notification_id, row.user_id, row.sub) == (f"app#{key}", ADA.user_id, ADA.sub)
    assert stored["Data"] == json.loads(json.dumps(data), parse_float=Decimal, parse_int=Decimal)
    assert row.good_until == (expires_at if ahead else now + ORDERS.good_for)
    waits = ahead and not_before > now
    assert (row.state, row.due_at) == (
        (State.DEFERRED, not_before) if waits else (State.QUEUED, now + STREAM_GRACE)
    )


# --- the row


def test_a_request_for_a_user_is_a_row_that_the_stream_takes(
    take: Callable[..., Taken], tables: Tables, clock: Clock
) -> None:
    assert take(ORDER, sent_ago=1) is Taken.ACCEPTED
    row = tables.the_notification()
    assert row["NotificationID"] == "app#order-1042"
    assert (row["Category"], row["Template"]) == ("orders", "orders")
    assert (row["State"], row["DueShard"]) == ("QUEUED", due_shard("app#order-1042"))
    assert row["DueAt"] == milliseconds(clock.now + STREAM_GRACE)
    assert row["CreatedAt"] == timestamp(clock.now)
    assert row["RequestedAt"] == timestamp(clock.now - timedelta(hours=1))
    assert row["Data"] == {"order": "1042", "items": 3}
    assert "Reason" not in row


def test_what_is_not_to_be_sent_yet_waits_out_of_the_streams_sight(
    take: Callable[..., Taken], tables: Tables, clock: Clock
) -> None:
    take(ORDER, not_before="2026-11-23T08:00:00+01:00")
    row = tables.the_notification()
    moment = datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert (row["State"], row["Reason"], row["DueAt"]) == ("DEFERRED", "NotBefore", milliseconds(moment))
    assert row["GoodUntil"] == timestamp(moment + ORDERS.good_for)


def test_what_is_for_everyone_is_one_row_for_the_broadcasts(
    take: Callable[..., Taken], tables: Tables, clock: Clock
) -> None:
    assert take(TO_ALL) is Taken.ACCEPTED
    row = tables.the_notification()
    assert (row["NotificationID"], row["State"], row["DueShard"]) == ("app#sale", FANNING_OUT, BROADCASTS)
    assert (row["DueAt"], row["AcceptedAt"]) == (milliseconds(clock.now), timestamp(clock.now))
    assert "UserID" not in row
    finish(tables, FANNED_OUT)
    assert take(TO_ALL) is Taken.REPEATED


@pytest.mark.parametrize("moment", ["2026-11-20T00:00:00Z", "2026-11-22T12:00:00Z"])
def test_what_may_be_sent_already_does_not_wait(
    take: Callable[..., Taken], tables: Tables, clock: Clock, moment: str
) -> None:
    take(ORDER, sent_ago=1, not_before=moment)
    row = tables.the_notification()
    assert (row["State"], row["DueAt"], "Reason" in row) == (
        "QUEUED",
        milliseconds(clock.now + STREAM_GRACE),
        False,
    )
    begins = max(datetime.fromisoformat(moment), clock.now - timedelta(hours=1))
    assert row["GoodUntil"] == timestamp(begins + ORDERS.good_for)


def test_a_request_for_everyone_becomes_a_broadcast_with_all_that_it_says(
    take: Callable[..., Taken], tables: Tables, clock: Clock
) -> None:
    take(TO_ALL, sent_ago=1, not_before="2026-11-20T00:00:00Z")
    requested_at = clock.now - timedelta(hours=1)
    row = tables.the_notification()
    assert row.pop("Digest")
    assert row == Broadcast(
        notification_id="app#sale",
        category="orders",
        data=TO_ALL["data"],
        requested_at=requested_at,
        accepted_at=clock.now,
        good_until=requested_at + ORDERS.good_for,
    ).to_row(clock.now)


def test_a_broadcast_can_wait(take: Callable[..., Taken], tables: Tables) -> None:
    take(TO_ALL, not_before="2026-11-23T08:00:00Z")
    assert tables.the_notification()["DueAt"] == milliseconds(datetime(2026, 11, 23, 8, tzinfo=UTC))


# --- people who are not there


def test_a_request_for_nobody_is_refused_and_only_its_id_and_category_are_kept(
    take: Callable[..., Taken], tables: Tables
) -> None:
    refusal = refused(take, ORDER, to={"user": "carol"})
    assert said(refusal) == "no_such_user: Nobody has the username that the request is for."
    assert json.loads(refusal.kept) == {"id": "order-1042", "category": "orders"}
    assert tables.notifications == []


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"to": "carol"}, ["id", "category"]),
        ({"to": {"user": "carol", "x": 1}}, ["id", "category"]),
        ({"to": {"user": 1}}, ["id", "category"]),
        ({"to": {"user": "\ud800"}}, ["id", "category"]),
        ({"to": {"user": "x" * 129}}, ["id", "category"]),
        ({"to": {"user": "everyone"}}, ["id", "category"]),
        ({"to": ["carol"]}, ["id", "category"]),
        ({"cancel": True}, ["id", "category"]),
        ({"category": "gossip"}, ["id"]),
        ({"category": ["orders"]}, ["id"]),
        ({"id": "a b"}, ["category"]),
        ({"id": 5}, ["category"]),
    ],
    ids=str,
)
def test_whatever_it_is_refused_for_nothing_is_kept_of_somebody_unknown(
    take: Callable[..., Taken], changes: dict[str, Any], kept: list[str]
) -> None:
    body = {**ORDER, "to": {"user": "carol"}, **changes}
    assert json.loads(refused(take, body).kept) == {name: body[name] for name in kept}


@pytest.mark.parametrize("body", [{"user": "ada"}, {"recipient": {"user": "ada"}}, {"id": "1", "data": {}}])
def test_of_a_request_that_is_for_nobody_that_can_be_told_nothing_is_kept(
    take: Callable[..., Taken], body: dict[str, Any]
) -> None:
    assert json.loads(refused(take, json.dumps(body)).kept).keys() <= {"id"}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({**ORDER, "category": "gossip"}),
        json.dumps({**ORDER, "to": "ada"}),
        json.dumps({**TO_ALL, "category": "gossip"}, indent=1),
        '{"id": "a", "cancel": 1}',
        "not JSON",
        "5",
        "[]",
        f"?{'x' * 249_997}",
    ],
    ids=range(8),
)
def test_what_is_refused_of_somebody_known_or_of_nobody_is_kept_as_it_was(
    take: Callable[..., Taken], body: str
) -> None:
    assert refused(take, body).kept == body


@pytest.mark.parametrize("body", [f"?{'x' * 249_998}", f"?{'ä' * 41_667}", '"' + "[" * 249_999])
def test_of_what_the_queue_has_no_room_for_nothing_is_kept(take: Callable[..., Taken], body: str) -> None:
    assert refused(take, body).kept == ""


def test_of_what_the_queue_has_no_room_for_id_and_category_are_kept(take: Callable[..., Taken]) -> None:
    refusal = refused(take, ORDER, data={"text": "x" * 250_000})
    assert (refusal.code, json.loads(refusal.kept)) == (
        "too_large",
        {"id": "order-1042", "category": "orders"},
    )


def test_who_the_recipient_is_is_not_asked_of_a_copy_that_lags(
    take: Callable[..., Taken], tables: Tables
) -> None:
    consistent = asked(tables, "GetItem", "ConsistentRead")
    attributes = asked(tables, "GetItem", "ProjectionExpression")
    take(ORDER)
    assert (consistent, attributes) == ([True], ["#sub"])


@pytest.mark.parametrize("sub", [{}, {"Sub": ""}, {"Sub": 5}], ids=str)
def test_whose_record_names_no_subject_is_nobody(
    take: Callable[..., Taken], tables: Tables, sub: dict[str, object]
) -> None:
    tables.client.put_item(TableName=USERS, Item=marshal({"UserID": "carol", **sub}))
    refusal = refused(take, ORDER, to={"user": "carol"})
    assert (refusal.code, json.loads(refusal.kept).keys()) == ("no_such_user", {"id", "category"})
    assert tables.notifications == []


def test_whoever_is_erased_at_that_moment_is_left_no_row(
    take: Callable[..., Taken], intake: Intake, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = tables.client.transact_write_items

    def erased_first(**arguments: Any) -> Any:
        tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": ADA.user_id}))
        return write(**arguments)

    monkeypatch.setattr(tables.client, "transact_write_items", erased_first)
    refusal = refused(take, ORDER)
    assert (refusal.code, json.loads(refusal.kept).keys()) == ("no_such_user", {"id", "category"})
    assert tables.notifications == []


# --- keys that were used


@pytest.mark.parametrize("state", [*State, "UNHEARD_OF"])
@pytest.mark.parametrize("hours", [0, 23.9])
def test_the_same_again_within_a_day_changes_nothing(
    take: Callable[..., Taken], tables: Tables, clock: Clock, state: str, hours: float
) -> None:
    take(ORDER)
    finish(tables, state)
    before = tables.the_notification()
    clock.forward(hours=hours)
    respelt = json.dumps(dict(reversed(ORDER.items())), indent=1).replace("3", "3.0")
    assert take(respelt) is Taken.REPEATED
    assert tables.the_notification() == before


@pytest.mark.parametrize(
    "other",
    [
        {"data": {"order": "1043"}},
        {"to": {"user": BOB.user_id}},
        {"to": "everyone"},
        {"expires_at": "2026-12-01T00:00:00Z"},
        {"data": {"order": "1042", "items": "3"}},
    ],
    ids=str,
)
def test_the_same_key_with_other_content_is_refused_within_a_day(
    take: Callable[..., Taken], tables: Tables, other: dict[str, Any]
) -> None:
    take(ORDER)
    finish(tables)
    before = tables.the_notification()
    refusal = refused(take, ORDER, **other)
    assert said(refusal) == "key_was_used: The id was used for another request, less than 24 hours ago."
    assert tables.the_notification() == before


def test_after_a_day_a_key_may_be_used_again_and_the_sweep_takes_the_row_at_once(
    take: Callable[..., Taken], tables: Tables, clock: Clock
) -> None:
    take(ORDER)
    finish(tables)
    clock.forward(hours=24)
    assert take(ORDER, data={"order": "other"}) is Taken.ACCEPTED
    row = tables.the_notification()
    assert (row["State"], row["Data"], row["DueAt"]) == (
        "QUEUED",
        {"order": "other"},
        milliseconds(clock.now),
    )


def test_after_a_day_a_row_that_still_waits_does_not_give_way(
    take: Callable[..., Taken], tables: Tables, clock: Clock
) -> None:
    take(ORDER)
    before = tables.the_notification()
    clock.forward(hours=25)
    assert take(ORDER) is Taken.REPEATED
    refusal = refused(take, ORDER, data={})
    assert str(refusal) == "The id was used for another request, and that has not come to its end."
    assert tables.the_notification() == before


def test_a_message_that_comes_again_days_later_is_no_new_one(
    take: Callable[..., Taken], tables: Tables, clock: Clock
) -> None:
    take(ORDER)
    finish(tables)
    clock.forward(hours=72)
    assert take(ORDER, sent_ago=72) is Taken.REPEATED
    assert take(ORDER) is Taken.ACCEPTED
    assert take(ORDER, sent_ago=72) is Taken.REPEATED


def test_a_message_that_was_taken_is_not_refused_when_it_comes_again_after_its_expiry(
    take: Callable[..., Taken], clock: Clock
) -> None:
    soon = "2026-11-22T13:00:00Z"
    take(ORDER, expires_at=soon)
    clock.forward(hours=2)
    assert take(ORDER, sent_ago=2, expires_at=soon) is Taken.REPEATED


def test_a_request_that_was_taken_changes_nothing_when_it_is_made_again_after_its_expiry(
    take: Callable[..., Taken], clock: Clock
) -> None:
    soon = "2026-11-22T13:00:00Z"
    take(ORDER, expires_at=soon)
    clock.forward(hours=2)
    assert take(ORDER, expires_at=soon) is Taken.REPEATED
    assert refused(take, ORDER, expires_at="2026-11-22T13:30:00Z").code == "invalid_time"


def test_a_row_that_no_request_made_stays(take: Callable[..., Taken], tables: Tables) -> None:
    tables.client.put_item(
        TableName=NOTIFICATIONS, Item=marshal({"NotificationID": "app#order-1042", "State": "SENT"})
    )
    before = tables.the_notification()
    assert said(refused(take, ORDER)) == (
        "key_was_used: The id was used for another request, and that has not come to its end."
    )
    assert tables.the_notification() == before


@pytest.mark.parametrize(
    "written",
    [{}, {"State": "CANCELLED"}, {"CreatedAt": "long ago"}, {"State": "X", "CreatedAt": "then"}],
    ids=str,
)
def test_a_row_that_gives_way_does_whatever_it_lacks(
    take: Callable[..., Taken], tables: Tables, written: dict[str, str]
) -> None:
    row = {"NotificationID": "app#order-1042", "CancelledAt": "2026-01-01T00:00:00.000Z", **written}
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(row))
    assert take(ORDER) is Taken.ACCEPTED
    assert tables.the_notification()["State"] == "QUEUED"


def test_a_row_that_goes_while_it_is_looked_at_is_not_in_the_way(
    take: Callable[..., Taken], tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(ORDER, data={})

    def gone(_outbox: Outbox, notification_id: str) -> None:
        tables.client.delete_item(TableName=NOTIFICATIONS, Key=marshal({"NotificationID": notification_id}))

    monkeypatch.setattr(Outbox, "get", gone)
    assert take(ORDER) is Taken.ACCEPTED
    assert tables.the_notification()["Data"] == ORDER["data"]


def test_a_row_that_others_always_write_anew_is_left_for_another_time_after_three_looks(
    take: Callable[..., Taken], tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(ORDER)
    finish(tables)
    before = tables.the_notification()
    clock.forward(hours=25)
    monkeypatch.setattr(Outbox, "get", lambda *_arguments: before | {"CreatedAt": "another time"})
    looks = asked(tables, "TransactWriteItems", "ClientRequestToken")
    with pytest.raises(BusyError):
        take(ORDER)
    assert len(looks) == 3
    assert tables.the_notification() == before


def test_of_two_that_take_a_used_key_at_once_one_does(
    take: Callable[..., Taken], intake: Intake, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(ORDER)
    finish(tables)
    clock.forward(hours=25)
    get = Outbox.get
    others: list[Taken] = []

    def another_comes_between(outbox: Outbox, notification_id: str) -> Any:
        row = get(outbox, notification_id)
        if not others:
            others.append(Taken.REPEATED)
            others[0] = take(ORDER)
        return row

    monkeypatch.setattr(Outbox, "get", another_comes_between)
    assert take(ORDER) is Taken.REPEATED
    assert others == [Taken.ACCEPTED]
    assert len(tables.notifications) == 1


# --- DynamoDB's moods


@pytest.mark.parametrize("body", [ORDER, {"id": "order-1042", "cancel": True}], ids=["asked", "cancelled"])
def test_a_conflict_with_another_transaction_is_waited_out(
    intake: Intake, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    write = tables.client.transact_write_items
    answers = Mock(side_effect=[cancelled_by("TransactionConflict", 0)] * 3 + [None])
    monkeypatch.setattr(
        tables.client, "transact_write_items", lambda **arguments: answers() or write(**arguments)
    )
    pauses: list[float] = []
    with suppress(RefusedError):
        replace(intake, pause=pauses.append).take(json.dumps(body), clock.now, clock.now)
    assert (len(pauses), len(tables.notifications)) == (3, 1)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_dynamodb_does_not_take_now_is_to_come_again(
    take: Callable[..., Taken], tables: Tables, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(tables.client, "transact_write_items", Mock(side_effect=cancelled_by(code)))
    with pytest.raises(ClientError):
        take(ORDER)


@pytest.mark.parametrize(
    "error",
    [
        cancelled_by("ValidationError"),
        ClientError({"Error": {"Code": "ValidationException"}}, "TransactWriteItems"),
    ],
    ids=["one item", "the call"],
)
def test_what_dynamodb_never_takes_is_refused(
    take: Callable[..., Taken], tables: Tables, monkeypatch: pytest.MonkeyPatch, error: ClientError
) -> None:
    monkeypatch.setattr(tables.client, "transact_write_items", Mock(side_effect=error))
    assert said(refused(take, ORDER)) == "unstorable: The table cannot hold the request's data."


# --- cancelling


def cancel(key: str = "order-1042") -> dict[str, Any]:
    return {"id": key, "cancel": True}


@pytest.mark.parametrize("request_", [ORDER, TO_ALL, {**ORDER, "not_before": "2026-11-23T08:00:00Z"}])
def test_what_has_not_been_sent_can_be_cancelled(
    take: Callable[..., Taken], tables: Tables, request_: dict[str, Any]
) -> None:
    take(request_)
    assert take(cancel(request_["id"])) is Taken.CANCELLED
    assert tables.the_notification()["State"] == "CANCELLED"
    assert take(cancel(request_["id"])) is Taken.REPEATED
    assert take(request_) is Taken.REPEATED


def test_what_is_not_there_or_is_over_cannot_be_cancelled(take: Callable[..., Taken], tables: Tables) -> None:
    assert said(refused(take, cancel())) == "not_found: There is no notification with this id."
    take(ORDER)
    finish(tables)
    assert said(refused(take, cancel())) == (
        "too_late: The notification had come to its end before it could be cancelled."
    )


def test_a_cancellation_of_what_has_not_come_is_kept_for_a_day(
    take: Callable[..., Taken], tables: Tables, clock: Clock
) -> None:
    refused(take, cancel(), sent_ago=1)
    assert tables.the_notification() == {
        "NotificationID": "app#order-1042",
        "State": "CANCELLED",
        "Reason": "Cancelled",
        "CreatedAt": timestamp(clock.now),
        "CancelledAt": timestamp(clock.now - timedelta(hours=1)),
        "ExpiresAt": int((clock.now + timedelta(hours=24)).timestamp()),
    }


def test_what_is_asked_for_and_cancelled_in_one_moment_is_cancelled(take: Callable[..., Taken]) -> None:
    refused(take, cancel())
    assert take(ORDER) is Taken.CANCELLED


def test_what_a_worker_holds_is_cancelled_another_time(
    take: Callable[..., Taken], intake: Intake, tables: Tables, clock: Clock
) -> None:
    take(ORDER)
    row = tables.the_notification()
    due = Due(row["NotificationID"], row["DueAt"], row["DueShard"])
    assert intake.outbox.claim(due, clock.now)
    with pytest.raises(BusyError):
        take(cancel())


def test_a_cancellation_that_overtakes_its_request_holds(take: Callable[..., Taken], tables: Tables) -> None:
    cancel = json.dumps({"id": ORDER["id"], "cancel": True})
    assert refused(take, cancel, sent_ago=0.1).code == "not_found"
    assert take(cancel, sent_ago=0.1) is Taken.REPEATED
    for _ in range(2):
        assert take(ORDER, sent_ago=0.2) is Taken.CANCELLED
    row = tables.the_notification()
    assert (row["State"], "DueAt" in row) == ("CANCELLED", False)


def test_what_is_asked_for_after_it_was_cancelled_is_sent(take: Callable[..., Taken], tables: Tables) -> None:
    refused(take, json.dumps({"id": ORDER["id"], "cancel": True}), sent_ago=0.2)
    assert take(ORDER, sent_ago=0.1) is Taken.ACCEPTED
    assert take(ORDER, sent_ago=0.1) is Taken.REPEATED
    row = tables.the_notification()
    assert (row["State"], row["DueShard"]) == ("QUEUED", due_shard(row["NotificationID"]))
    assert "CancelledAt" not in row


def test_a_request_that_comes_while_it_is_cancelled_is_cancelled_another_time(
    take: Callable[..., Taken], intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(ORDER)
    monkeypatch.setattr(Outbox, "cancel", lambda *_arguments: Cancelled.UNKNOWN)
    monkeypatch.setattr(Outbox, "get", lambda *_arguments: None)
    with pytest.raises(BusyError):
        take(json.dumps({"id": ORDER["id"], "cancel": True}))


def test_a_cancellation_and_a_request_are_told_apart() -> None:
    assert parse(json.dumps(cancel("a"))) == Cancellation("a")
    assert parse('{"id": "a", "to": "everyone", "category": "orders"}') == Request("a", "", "orders")
