"""The rows that are left for the erase function, how it is begun, and how all know them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from notifications.notification import milliseconds, timestamp
from notifications.outbox import ERASURES, Outbox
from notifications.rows import marshal
from notifications.transaction import write_together

ERASING = "ERASING"
# Whoever loses to a change that is made at the same time looks again, so many times in all
TRIES = 4
# What the job needs and the record will not have any more; it must not have changed since it was read
_SNAPSHOT = ("Email", "SubscriptionArn", "Devices", "PhoneNumber")


def device_row_id(device_id: str) -> str:
    """The key of the row that says whose a device is."""
    return f"device#{device_id}"


def erasure_id(sub: str) -> str:
    """The key of a person's erasure."""
    return f"erasure#{sub}"


def watch_id(address_digest: str) -> str:
    """The key of the watch over an address whose subscription is pending; nothing else is known then."""
    return f"erasure#address#{address_digest}"


def devices_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The devices of a record or a job; none where they cannot be read, or nobody would be erased."""
    devices = row.get("Devices")
    return devices if isinstance(devices, dict) else {}


def begin(
    outbox: Outbox,
    user_table: str,
    user_id: str,
    sub: str,
    find: Callable[[], Mapping[str, Any] | None],
    now: datetime,
) -> bool:
    """Begins an erasure: takes the record away and leaves a job for the rest, in one transaction.

    find: reads the person's record as it stands; None when there is none that is theirs.

    Returns:
        False when others changed the record each time; nothing was begun.

    Raises:
        botocore.exceptions.ClientError: DynamoDB did not take it, and nothing was begun.
    """
    for _ in range(TRIES):
        writes = _writes(outbox, user_table, user_id, sub, find(), now)
        failed = write_together(outbox.dynamodb, writes)
        # alone it fails only when a job is there already
        if failed is None or len(writes) == 1:
            return True
    return False


def _writes(
    outbox: Outbox,
    user_table: str,
    user_id: str,
    sub: str,
    record: Mapping[str, Any] | None,
    now: datetime,
) -> list[dict[str, Any]]:
    """The writes that begin an erasure: the job, and the end of the record that it was made from."""
    job: dict[str, Any] = {
        "NotificationID": erasure_id(sub),
        "UserID": user_id,
        "Sub": sub,
        "State": ERASING,
        "DueAt": milliseconds(now),
        "DueShard": ERASURES,
        "RequestedAt": timestamp(now),
    }
    if record is None:
        # erased before, or never registered; a job that is there knows more than this one
        return [_put(outbox, job, ConditionExpression="attribute_not_exists(NotificationID)")]
    # over one that is there: when a record has come back after it, each knows what the other does not
    before = _snapshot(outbox.get(job["NotificationID"]) or {})
    kept = _snapshot(record)
    devices = {**devices_of(before), **devices_of(kept)}
    return [_put(outbox, {**job, **before, **kept, "Devices": devices}), _deleted(user_table, record, kept)]


def _snapshot(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _SNAPSHOT if name in row}


def _put(outbox: Outbox, job: Mapping[str, Any], **condition: str) -> dict[str, Any]:
    return {"Put": {"TableName": outbox.table, "Item": marshal(job), **condition}}


def _deleted(user_table: str, record: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    conditions = ["#sub = :sub"]
    conditions += [
        f"{name} = :{name}" if name in kept else f"attribute_not_exists({name})" for name in _SNAPSHOT
    ]
    return {
        "Delete": {
            "TableName": user_table,
            "Key": marshal({"UserID": record["UserID"]}),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {"#sub": "Sub"},
            "ExpressionAttributeValues": marshal(
                {":sub": record["Sub"], **{f":{name}": value for name, value in kept.items()}}
            ),
        }
    }
