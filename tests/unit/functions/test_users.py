from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from notifications.notification import timestamp
from notifications.preferences import InvalidPreferencesError, Preferences
from notifications.rows import marshal
from notifications.users import Device, User, Users

from .conftest import USERS, Clock, Tables, asked

ADA = User("ada", "sub-ada", "ada@example.com")
RECORD: dict[str, Any] = {
    "UserID": "ada",
    "Sub": "sub-ada",
    "Email": "ada@example.com",
    "EmailVerified": True,
    "PhoneNumber": "+4915112345678",
    "Devices": {
        "d2": {"EndpointArn": "arn:2", "Platform": "APNS"},
        "d1": {"EndpointArn": "arn:1", "Platform": "GCM"},
    },
    "SubscriptionArn": "arn:topic:1",
    "NotificationPreference": "SMS",
    "Stopped": {"SMS": {"Reason": "OptedOut", "At": "2026-11-22T12:00:00.000Z"}},
}


def put(tables: Tables, **record: Any) -> Users:
    tables.client.put_item(TableName=USERS, Item=marshal({"UserID": "ada", "Sub": "sub-ada", **record}))
    return Users(tables.client, USERS)


def stopped(tables: Tables) -> Any:
    (record,) = tables.users
    return record.get("Stopped", {})


def test_a_record_is_read() -> None:
    assert User.from_record(RECORD) == User(
        "ada",
        "sub-ada",
        "ada@example.com",
        email_verified=True,
        phone="+4915112345678",
        devices=(Device("d1", "arn:1", "GCM"), Device("d2", "arn:2", "APNS")),
        subscription_arn="arn:topic:1",
        preferences=Preferences(default_channel="SMS"),
        stopped={"SMS": "OptedOut"},
    )


def test_what_a_record_does_not_say_is_not_so() -> None:
    nothing = User("ada", "sub-ada", "", False, "", (), "", Preferences(), {})
    assert User.from_record({"UserID": "ada", "Sub": "sub-ada"}) == nothing
    assert User("ada", "sub-ada", "") == nothing
    assert not User.from_record({**RECORD, "EmailVerified": "true"}).email_verified


@pytest.mark.parametrize(
    ("change", "error"),
    [
        *(({name: 1}, "TypeError") for name in ("UserID", "Sub", "Email", "PhoneNumber", "SubscriptionArn")),
        ({"Stopped": []}, "AttributeError"),
        ({"Stopped": {"SMS": {}}}, "KeyError"),
        ({"Stopped": {"SMS": {"Reason": 1}}}, "TypeError"),
        ({"Devices": 1}, "TypeError"),
        ({"Devices": {"d": {"EndpointArn": "arn"}}}, "KeyError"),
        ({"Devices": {"d": {"EndpointArn": "arn", "Platform": 1}}}, "TypeError"),
        ({"Devices": {"d": {"EndpointArn": 1, "Platform": "GCM"}}}, "TypeError"),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_without_its_values(
    change: dict[str, Any], error: str
) -> None:
    with pytest.raises(InvalidPreferencesError, match=f"^the record cannot be read: {error}$") as raised:
        User.from_record({**RECORD, **change})
    assert raised.value.__suppress_context__


def test_a_user_name_that_has_passed_to_somebody_else_is_nobodys(tables: Tables) -> None:
    users = put(tables)
    assert users.get("ada", "sub-ada") == replace(ADA, email="")
    assert users.get("ada", "another") is None
    assert users.get("bob", "sub-ada") is None


def test_a_record_is_read_as_it_stands(tables: Tables) -> None:
    users, consistent = put(tables), asked(tables, "GetItem", "ConsistentRead")
    users.record("ada")
    assert consistent == [True]


def test_a_subscription_is_kept_for_the_person_alone(tables: Tables) -> None:
    users = put(tables)
    assert users.keep_subscription(ADA, "arn")
    assert not users.keep_subscription(replace(ADA, sub="another"), "theirs")
    assert tables.users[0]["SubscriptionArn"] == "arn"


def test_each_way_is_stopped_with_its_reason_and_the_first_stays(tables: Tables, clock: Clock) -> None:
    users = put(tables)
    assert users.stop(ADA, "SMS", "OptedOut", clock.now)
    assert users.stop(ADA, "Push:1", "EndpointGone", clock.now)
    at = timestamp(clock.now)
    assert stopped(tables) == {
        "SMS": {"Reason": "OptedOut", "At": at},
        "Push:1": {"Reason": "EndpointGone", "At": at},
    }


@pytest.mark.parametrize("before", [{}, {"Stopped": {}}])
def test_a_way_is_stopped_at_the_addresses_that_were_meant_alone(
    tables: Tables, clock: Clock, before: dict[str, Any]
) -> None:
    users = put(tables, Email="ada@example.com", **before)
    assert not users.stop(ADA, "Email:ses", "Bounce", clock.now, ["old@example.com", "x@example.com"])
    assert not users.stop(replace(ADA, sub="another"), "SMS", "OptedOut", clock.now)
    assert stopped(tables) == {}
    assert users.stop(ADA, "Email:ses", "Bounce", clock.now, ["old@example.com", "ada@example.com"])
    assert list(stopped(tables)) == ["Email:ses"]


def test_two_who_stop_a_way_at_once_both_do(
    tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, update, other = put(tables), Users.update, iter([True])

    def between(self: Users, *call: Any, **more: Any) -> bool:
        done = update(self, *call, **more)
        if next(other, False):
            # the other one makes the map, after the first has seen that there is none
            assert update(self, ADA, "SET Stopped = :map", {":map": {"SMS": {"Reason": "OptedOut"}}})
        return done

    monkeypatch.setattr(Users, "update", between)
    assert users.stop(ADA, "Push:1", "EndpointGone", clock.now)
    assert set(stopped(tables)) == {"SMS", "Push:1"}


def test_another_failure_is_not_taken_for_somebody_who_is_gone(tables: Tables) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        Users(tables.client, "elsewhere").keep_subscription(ADA, "arn")
