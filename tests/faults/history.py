"""Rows as delivery leaves them, for what comes after it."""

from datetime import UTC, datetime, timedelta

from notifications.notification import HISTORY, Notification, State
from notifications.registration import Person as Registered
from notifications.rows import marshal
from tests.deployment import Row
from tests.faults.lane import Lane
from tests.samples import order


def sent(who: Registered, notification_id: str, minute: int = 0) -> Row:
    """A row of an order whose mail was sent an hour ago; the later the minute, the newer."""
    at = datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=minute)
    row = Notification(
        notification_id=notification_id,
        user_id=who.user_id,
        sub=who.sub,
        category="orders",
        template="orders",
        created_at=at,
        good_until=at + HISTORY,
        due_at=at,
        state=State.SENT,
        data=order(notification_id),
    ).to_row()
    return {name: value for name, value in row.items() if name not in ("DueAt", "DueShard")}


def put(lane: Lane, row: Row) -> None:
    lane.dynamodb.put_item(TableName=lane.outputs["notification_table_name"], Item=marshal(row))
