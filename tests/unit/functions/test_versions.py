"""Two versions of the code on the same tables, as in the middle of a deploy or after a rollback.

`rows/` holds rows as released versions of the code wrote them; today's code reads each, and finishes it. What
a newer version may write, and today's does not know, is left to it: nothing of it is lost, or goes elsewhere.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from notifications.broadcast import FanOut
from notifications.catalogue import Category
from notifications.channels import Target
from notifications.delivery import Delivery
from notifications.message import Message
from notifications.notification import (
    EPOCH,
    LEFT_TO_NEWER,
    MAX_ATTEMPTS,
    Notification,
    Outcome,
    State,
    milliseconds,
)
from notifications.outbox import BROADCASTS, Cancelled, Due, Outbox, due_by_hand
from notifications.registration import record_of, welcome_of
from notifications.requests import Intake, RefusedError, Taken
from notifications.rows import marshal
from notifications.templates import Templates
from notifications.users import User, Users

from .conftest import ADA, NOTIFICATIONS, USERS, Clock, Tables

WRITTEN = Path(__file__).with_name("rows")
IN_TIME = Mock(for_a_row=lambda: True, for_a_target=lambda: True)
ORDERS = Category("orders", ("Email",), critical=False, good_for=timedelta(days=3))
ACCOUNT = Category("account", (), critical=True, good_for=timedelta(days=3))


class Email:
    """Takes all mail."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def targets(self, user: User) -> list[Target]:
        return [Target("Email", "Email", user.email)]

    def send(self, user: User, _target: Target, message: Message) -> Outcome:
        assert user.sub == ADA.sub
        self.sent.append(message)
        return Outcome(State.SENT, message_id="1")


@pytest.fixture
def email() -> Email:
    return Email()


@pytest.fixture
def outbox(tables: Tables) -> Outbox:
    return Outbox(tables.client, NOTIFICATIONS)


@pytest.fixture
def delivery(tables: Tables, clock: Clock, email: Email, outbox: Outbox) -> Delivery:
    put(tables, USERS, record_of(ADA, clock.now))
    templates = Templates.load()
    object.__setattr__(
        templates,
        "render",
        lambda template, *arguments, **options: (
            Message("subject", "text")
            if template == "orders"
            else Templates.render(templates, template, *arguments, **options)
        ),
    )
    return Delivery(
        users=Users(tables.client, USERS),
        outbox=outbox,
        channels={"Email": email},
        categories={"orders": ORDERS, "account": ACCOUNT},
        templates=templates,
        rates=Mock(turn=lambda _channel, _now: timedelta(0)),
        links=Mock(unsubscribe=lambda *_arguments: "https://example.com"),
        clock=clock,
        sleep=lambda _seconds: None,
    )


def put(tables: Tables, table: str, row: Mapping[str, Any]) -> None:
    tables.client.put_item(TableName=table, Item=marshal(row))


def row_of(clock: Clock, **others: Any) -> dict[str, Any]:
    row = Notification("app#1", ADA.user_id, ADA.sub, "orders", "orders", clock.now, clock.now, clock.now)
    return {**row.to_row(), "GoodUntil": "2026-11-25T12:00:00.000Z", **others}


def delivered(delivery: Delivery, tables: Tables) -> dict[str, Any]:
    """The row after one try."""
    row = tables.the_notification()
    delivery.deliver(due_by_hand(row["NotificationID"], row["DueAt"]), IN_TIME)
    return tables.the_notification()


# --- what older versions have written


@pytest.mark.parametrize("file", sorted(WRITTEN.glob("*/notification-*.json")), ids=lambda p: p.stem)
def test_a_row_that_an_older_version_wrote_is_sent(
    delivery: Delivery, tables: Tables, clock: Clock, email: Email, file: Path
) -> None:
    row = json.loads(file.read_text())
    tables.client.put_item(TableName=NOTIFICATIONS, Item=row)
    clock.now = milliseconds_of(row)
    assert delivered(delivery, tables)["State"] == "SENT"
    assert len(email.sent) == 1


@pytest.mark.parametrize("file", sorted(WRITTEN.glob("*/record-*.json")), ids=lambda p: p.stem)
def test_a_record_that_an_older_version_wrote_is_read(delivery: Delivery, tables: Tables, file: Path) -> None:
    tables.client.put_item(TableName=USERS, Item=json.loads(file.read_text()))
    assert delivery.users.get(ADA.user_id, ADA.sub)


@pytest.mark.parametrize("file", sorted(WRITTEN.glob("*/request-*.json")), ids=lambda p: p.stem)
def test_a_request_as_applications_made_it_before_is_taken(
    delivery: Delivery, tables: Tables, clock: Clock, outbox: Outbox, file: Path
) -> None:
    intake = Intake(tables.client, USERS, outbox, {"orders": ORDERS, "account": ACCOUNT})
    assert intake.take(file.read_text(), clock.now, clock.now) is Taken.ACCEPTED


@pytest.mark.parametrize("file", sorted(WRITTEN.glob("*/broadcast-*.json")), ids=lambda p: p.stem)
def test_a_broadcast_that_an_older_version_began_is_finished(
    delivery: Delivery, tables: Tables, clock: Clock, outbox: Outbox, file: Path
) -> None:
    row = json.loads(file.read_text())
    tables.client.put_item(TableName=NOTIFICATIONS, Item=row)
    put(tables, USERS, record_of(ADA, clock.now - timedelta(days=9)))
    clock.now = milliseconds_of(row)
    due = Due(row["NotificationID"]["S"], milliseconds(clock.now), BROADCASTS)  # type: ignore[arg-type]
    FanOut(outbox, USERS, clock).advance(due, lambda: True)
    assert outbox.get(due.notification_id)["State"] == "FANNED_OUT"  # type: ignore[index]
    assert len(tables.notifications) == 2


@pytest.mark.parametrize("folder", sorted(WRITTEN.iterdir()), ids=lambda p: p.name)
def test_what_is_written_today_has_all_that_an_older_version_reads(
    delivery: Delivery, tables: Tables, clock: Clock, outbox: Outbox, folder: Path
) -> None:
    """The other way round: the names and types that it wrote itself."""
    intake = Intake(tables.client, USERS, outbox, {"orders": ORDERS})
    for to in ({"user": ADA.user_id}, "everyone"):
        request = {"id": f"to-{len(to)}", "to": to, "category": "orders"}
        intake.take(json.dumps(request), clock.now, clock.now)
    one, everyone = sorted(
        map(marshal, tables.notifications), key=lambda row: "Cursor" in row or "Count" in row
    )
    today = {
        "notification-welcome": marshal(welcome_of(ADA, clock.now).to_row()),
        "notification-request": one,
        "broadcast-begun": everyone,
        "record-new": marshal(record_of(ADA, clock.now)),
    }
    before = {name: folder / f"{name}.json" for name in today}
    for name, file in before.items():
        if file.exists():
            was = {key: next(iter(value)) for key, value in json.loads(file.read_text()).items()}
            now = {key: next(iter(value)) for key, value in today[name].items()}
            assert was.items() <= now.items(), name


def milliseconds_of(row: Mapping[str, Any]) -> datetime:
    return EPOCH + timedelta(milliseconds=int(row["DueAt"]["N"]))


# --- what a newer version may write


@pytest.mark.parametrize(
    "newer",
    [
        {"State": "AWAITS_APPROVAL"},
        {"Results": {"Email": {"State": "DIGESTED", "Reason": ""}}},
    ],
    ids=["a state", "a target's state"],
)
def test_a_row_in_a_state_that_is_not_known_is_left_as_it_is(
    delivery: Delivery, tables: Tables, clock: Clock, email: Email, newer: dict[str, Any]
) -> None:
    before = row_of(clock, **newer)
    put(tables, NOTIFICATIONS, before)
    for _ in range(MAX_ATTEMPTS * 2):
        clock.now += LEFT_TO_NEWER
        after = delivered(delivery, tables)
        same = {name: value for name, value in after.items() if name != "DueAt"}
        assert same == {name: value for name, value in before.items() if name != "DueAt"}
        assert after["DueAt"] == milliseconds(clock.now + LEFT_TO_NEWER)
    assert email.sent == []


def test_a_state_that_nobody_comes_to_know_ends_where_an_operator_sees_it(
    delivery: Delivery, tables: Tables, clock: Clock
) -> None:
    put(tables, NOTIFICATIONS, row_of(clock, State="no such"))
    clock.forward(days=3)
    row = delivered(delivery, tables)
    assert (row["State"], row["Reason"]) == ("FAILED", "InvalidRow: a state is not known")
    assert "DueAt" not in row


@pytest.mark.parametrize(
    ("row", "record", "reason"),
    [
        ({"Category": "offers", "Template": "offers"}, {}, "NoSuchCategory"),
        ({"Category": "account", "Template": "goodbye"}, {}, "Template: goodbye/email.txt: it is missing"),
        ({}, {"NotificationPreference": "Pigeon"}, "InvalidRecord: NotificationPreference cannot be read"),
        ({}, {"Preferences": {"orders": {"Pigeon": True}}}, "InvalidRecord: Preferences cannot be read"),
    ],
    ids=["a category", "a template", "a default channel", "a channel"],
)
def test_what_only_the_newer_version_can_send_waits_for_it(
    delivery: Delivery,
    tables: Tables,
    clock: Clock,
    email: Email,
    row: dict[str, Any],
    record: dict[str, Any],
    reason: str,
) -> None:
    put(tables, NOTIFICATIONS, row_of(clock, **row))
    put(tables, USERS, {**record_of(ADA, clock.now), **record})
    found = delivered(delivery, tables)
    assert (found["State"], found["Reason"], email.sent) == ("RETRY", reason, [])


def test_attributes_that_are_not_known_stay(
    delivery: Delivery, tables: Tables, clock: Clock, email: Email
) -> None:
    put(tables, NOTIFICATIONS, row_of(clock, Priority="high"))
    put(tables, USERS, {**record_of(ADA, clock.now), "Pronoun": "she"})
    assert delivered(delivery, tables)["Priority"] == "high"
    assert tables.users[0]["Pronoun"] == "she"
    assert len(email.sent) == 1


def test_a_row_in_a_state_that_is_not_known_is_not_taken_for_one_that_is_over(
    tables: Tables, clock: Clock, outbox: Outbox
) -> None:
    put(tables, NOTIFICATIONS, row_of(clock, State="AWAITS_APPROVAL", RequestedAt="2026-11-20T12:00:00.000Z"))
    assert outbox.cancel("app#1", clock.now) is Cancelled.HELD
    put(tables, USERS, record_of(ADA, clock.now))
    intake = Intake(tables.client, USERS, outbox, {"orders": ORDERS})
    request = {"id": "1", "to": {"user": ADA.user_id}, "category": "orders"}
    with pytest.raises(RefusedError, match="has not come to its end"):
        intake.take(json.dumps(request), clock.now, clock.now)
