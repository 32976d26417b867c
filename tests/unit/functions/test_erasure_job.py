"""What begins an erasure is written with the end of the record that it was made from, or not at all."""

from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from notifications.erasure_job import ERASING, TRIES, begin, device_row_id, devices_of, erasure_id, watch_id
from notifications.notification import milliseconds, timestamp
from notifications.outbox import ERASURES, Outbox
from notifications.rows import marshal

from .conftest import ADA, NOTIFICATIONS, USERS, Clock, Tables
from .pool import failure

RECORD = {
    "UserID": "ada",
    "Sub": ADA.sub,
    "Email": ADA.email,
    "SubscriptionArn": "arn:subscription",
    "Devices": {"old": {"EndpointArn": "arn:old"}},
    "PhoneNumber": "+491701234567",
    "Channels": ["Email"],
}
Find = Callable[[], Mapping[str, Any] | None]


def put(tables: Tables, record: Mapping[str, Any]) -> Mapping[str, Any]:
    tables.client.put_item(TableName=USERS, Item=marshal(record))
    return record


def begun(tables: Tables, clock: Clock, find: Find) -> bool:
    return begin(Outbox(tables.client, NOTIFICATIONS), USERS, "ada", ADA.sub, find, clock())


def job(clock: Clock, **more: Any) -> dict[str, Any]:
    return {
        "NotificationID": erasure_id(ADA.sub),
        "UserID": "ada",
        "Sub": ADA.sub,
        "State": "ERASING",
        "DueAt": milliseconds(clock()),
        "DueShard": ERASURES,
        "RequestedAt": timestamp(clock()),
        **more,
    }


def test_keys_say_what_they_are_of() -> None:
    keys = (device_row_id("d"), erasure_id("s"), watch_id("a"))
    assert keys == ("device#d", "erasure#s", "erasure#address#a")
    assert ERASING == "ERASING"


@pytest.mark.parametrize("row", [{}, {"Devices": None}, {"Devices": "text"}, {"Devices": {}}])
def test_devices_that_cannot_be_read_are_none(row: dict[str, Any]) -> None:
    assert devices_of(row) == {}


def test_the_job_takes_over_what_the_record_knew(tables: Tables, clock: Clock) -> None:
    record = put(tables, RECORD)
    assert begun(tables, clock, lambda: record)
    known = {name: RECORD[name] for name in ("Email", "SubscriptionArn", "Devices", "PhoneNumber")}
    assert (tables.users, tables.notifications) == ([], [job(clock, **known)])


def test_whoever_has_no_record_gets_a_job_once(tables: Tables, clock: Clock) -> None:
    assert begun(tables, clock, lambda: None)
    first = job(clock)
    assert tables.notifications == [first]
    clock.forward(hours=1)
    assert begun(tables, clock, lambda: None)
    assert tables.notifications == [first], "the one that is there may know more"


def test_a_record_that_came_back_adds_to_the_job_that_is_there(tables: Tables, clock: Clock) -> None:
    record = put(tables, RECORD)
    begun(tables, clock, lambda: record)
    clock.forward(hours=1)
    back = put(
        tables,
        {
            "UserID": "ada",
            "Sub": ADA.sub,
            "Email": "new@example.com",
            "Devices": {"new": {"EndpointArn": "arn:new"}},
        },
    )
    assert begun(tables, clock, lambda: back)
    devices = {"old": {"EndpointArn": "arn:old"}, "new": {"EndpointArn": "arn:new"}}
    kept = {name: RECORD[name] for name in ("SubscriptionArn", "PhoneNumber")}
    assert tables.notifications == [job(clock, **kept, Email="new@example.com", Devices=devices)]
    assert tables.users == []


@pytest.mark.parametrize("name", ["Email", "SubscriptionArn", "Devices", "PhoneNumber"])
@pytest.mark.parametrize("before", ["another", "none"])
def test_what_changes_meanwhile_is_looked_at_again(
    tables: Tables, clock: Clock, name: str, before: str
) -> None:
    record = put(tables, RECORD)
    seen = {key: value for key, value in RECORD.items() if key != name}
    if before == "another":
        seen[name] = {"a": {}} if name == "Devices" else "another"
    views = [seen, record]
    assert begun(tables, clock, lambda: views.pop(0))
    assert (views, tables.users) == ([], [])
    assert tables.the_notification()[name] == RECORD[name]


@pytest.mark.parametrize("other", [{"Sub": "another"}, {"Email": "new@example.com"}])
def test_who_is_overtaken_each_time_has_begun_nothing(
    tables: Tables, clock: Clock, other: dict[str, Any]
) -> None:
    stands = put(tables, {**RECORD, **other})
    find = Mock(return_value=RECORD)
    assert begun(tables, clock, find) is False
    assert find.call_count == TRIES == 4
    assert (tables.users, tables.notifications) == ([stands], [])


def test_what_dynamodb_does_not_take_is_told(
    tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = Mock(side_effect=failure("ThrottlingException", "TransactWriteItems"))
    monkeypatch.setattr(tables.client, "transact_write_items", refuse)
    with pytest.raises(ClientError, match="Throttling"):
        begun(tables, clock, lambda: None)
    assert tables.notifications == []
