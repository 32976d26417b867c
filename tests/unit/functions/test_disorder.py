"""Events that come twice, late, or the wrong way round."""

import random
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.catalogue import Category
from notifications.channels import Target
from notifications.delivery import Delivery
from notifications.message import Message
from notifications.notification import Notification, Outcome, State
from notifications.outbox import Outbox
from notifications.registration import record_of
from notifications.rows import marshal
from notifications.users import User, Users

from .conftest import ADA, NOTIFICATIONS, USERS, Clock, Tables

GOOD_FOR = timedelta(days=9)
CONTEXT = Mock(get_remaining_time_in_millis=lambda: 180_000, function_name="deliver", memory_limit_in_mb=256)


class Email:
    """Takes all mail, and knows of which row it was."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def targets(self, user: User) -> list[Target]:
        return [Target("Email", "Email", user.email)]

    def send(self, _user: User, _target: Target, message: Message) -> Outcome:
        self.sent.append(message.notification_id)
        return Outcome(State.SENT, message_id="1")


@pytest.fixture
def email() -> Email:
    return Email()


@pytest.fixture
def deliver(
    tables: Tables,
    clock: Clock,
    email: Email,
    load_handler: Callable[..., ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> ModuleType:
    """The function, with a channel that is ours."""
    module = load_handler(
        "deliver",
        USER_TABLE=USERS,
        NOTIFICATION_TABLE=NOTIFICATIONS,
        CATALOGUE="{}",
        RATE_TABLE="rates",
        EMAIL_DELIVERY="ses",
        EMAIL_FROM="no-reply@example.com",
        API_ENDPOINT="https://example.com",
        TOKEN_KEY_ARN="key",
    )
    delivery = Delivery(
        users=Users(tables.client, USERS),
        outbox=Outbox(tables.client, NOTIFICATIONS),
        channels={"Email": email},
        categories={"c": Category("c", ("Email",), critical=True, good_for=GOOD_FOR)},
        templates=Mock(render=lambda *_arguments, **_options: Message("subject", "text")),
        rates=Mock(turn=lambda _channel, _now: timedelta(0)),
        links=Mock(),
        clock=clock,
    )
    monkeypatch.setattr(module, "_delivery", delivery)
    tables.client.put_item(TableName=USERS, Item=marshal(record_of(ADA, clock.now)))
    return module


def written(tables: Tables, clock: Clock, number: int) -> dict[str, Any]:
    """A row that is written, and the record of it in the stream."""
    now = clock.now
    row_id = f"row-{number}"
    row = Notification(
        row_id, ADA.user_id, ADA.sub, "c", "c", now, now + GOOD_FOR, now + timedelta(seconds=90)
    )
    image = marshal(row.to_row())
    tables.client.put_item(TableName=NOTIFICATIONS, Item=image)
    return {
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"NotificationID": {"S": row_id}},
            "NewImage": image,
            "SequenceNumber": str(number),
            "StreamViewType": "NEW_IMAGE",
        },
    }


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(batches=st.integers(1, 4), seed=st.integers(0, 10**6), days=st.sampled_from([0, 1, 5]))
def test_records_that_come_again_in_any_order_and_late_send_each_row_once(
    deliver: ModuleType, tables: Tables, clock: Clock, email: Email, batches: int, seed: int, days: int
) -> None:
    email.sent.clear()
    chance = random.Random(seed)  # noqa: S311 - not a secret
    records = [written(tables, clock, number) for number in range(6)]
    clock.forward(days=days)
    for _ in range(batches):
        again = [*records, *chance.sample(records, 3)]
        chance.shuffle(again)
        assert deliver.handler({"Records": again}, CONTEXT) == {"batchItemFailures": []}
        clock.forward(hours=1)
    assert sorted(email.sent) == [f"row-{number}" for number in range(6)]


@pytest.mark.parametrize("gone", ["cancelled", "erased", "the person erased", "put off"])
def test_a_late_record_of_what_has_become_of_a_row_meanwhile_changes_nothing(
    deliver: ModuleType, tables: Tables, clock: Clock, email: Email, gone: str
) -> None:
    outbox, record = Outbox(tables.client, NOTIFICATIONS), written(tables, clock, 1)
    key = marshal({"NotificationID": "row-1"})
    match gone:
        case "cancelled":
            outbox.cancel("row-1", clock.now)
        case "erased":
            tables.client.delete_item(TableName=NOTIFICATIONS, Key=key)
        case "the person erased":
            tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": ADA.user_id}))
        case "put off":
            tables.client.update_item(
                TableName=NOTIFICATIONS,
                Key=key,
                UpdateExpression="SET DueAt = :later",
                ExpressionAttributeValues=marshal({":later": 10**13}),
            )
    before = tables.notifications
    assert deliver.handler({"Records": [record]}, CONTEXT) == {"batchItemFailures": []}
    assert email.sent == []
    after = tables.notifications
    if gone == "the person erased":
        assert (after[0]["State"], after[0]["Reason"]) == ("SKIPPED", "RecipientGone")
    else:
        assert after == before
