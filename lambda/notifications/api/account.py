"""DELETE /account: from this moment nobody sends to the person; the erase function does the rest."""

from collections.abc import Mapping
from typing import Any

from notifications.api.errors import try_again
from notifications.api.exchange import Answer, Caller, Request
from notifications.api.services import TRIES, Services
from notifications.erasure_job import ERASING, erasure_id
from notifications.notification import milliseconds, timestamp
from notifications.outbox import ERASURES
from notifications.rows import marshal
from notifications.transaction import write_together

# What the job needs and the record will not have any more; it must not have changed since it was read
_SNAPSHOT = ("Email", "SubscriptionArn", "Devices", "PhoneNumber")

NOT_ERASED = (
    {
        "what": "A subscription that was never confirmed",
        "why": "Amazon SNS lets nobody remove it. Should it be confirmed after all, it is removed then.",
        "until": "about three days after it was asked for",
    },
    {
        "what": "The tables' backups",
        "why": "Point-in-time recovery keeps what the tables held.",
        "until": "35 days",
    },
    {
        "what": "The tables' stream",
        "why": "Amazon DynamoDB keeps the rows of the last day in it.",
        "until": "24 hours",
    },
    {
        "what": "Requests that applications still make",
        "why": "A request that names somebody who is gone is refused and kept for an operator.",
        "until": "14 days after the request",
    },
    {
        "what": "An address that bounced or complained",
        "why": "Amazon SES keeps it in the account's suppression list.",
        "until": "somebody removes it there",
    },
    {
        "what": "A phone number that answered STOP",
        "why": "Amazon SNS keeps it in the account's list of numbers that have opted out.",
        "until": "somebody removes it there",
    },
    {"what": "Messages that were sent", "why": "They are in the person's own hands.", "until": "no limit"},
)


def erase(services: Services, request: Request) -> Answer:
    for _ in range(TRIES):
        writes = _writes(services, request.caller, services.record(request.caller))
        failed = write_together(services.outbox.dynamodb, writes)
        # alone it fails only when a job is there already
        if failed is None or len(writes) == 1:
            return Answer(202, {"status": "erasing", "not_erased": [dict(entry) for entry in NOT_ERASED]})
    raise try_again()


def _writes(services: Services, caller: Caller, record: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The writes that begin an erasure: the job, and the end of the record that it was made from."""
    now = services.clock()
    job: dict[str, Any] = {
        "NotificationID": erasure_id(caller.sub),
        "UserID": caller.user_id,
        "Sub": caller.sub,
        "State": ERASING,
        "DueAt": milliseconds(now),
        "DueShard": ERASURES,
        "RequestedAt": timestamp(now),
    }
    if record is None:
        # erased before, or never registered; a job that is there knows more than this one
        return [_put(services, job, ConditionExpression="attribute_not_exists(NotificationID)")]
    # over one that is there: when a record has come back after it, each knows what the other does not
    before = _snapshot(services.outbox.get(job["NotificationID"]) or {})
    kept = _snapshot(record)
    devices = {**before.get("Devices", {}), **kept.get("Devices", {})}
    return [
        _put(services, {**job, **before, **kept, "Devices": devices}),
        _deleted(services, record, kept),
    ]


def _snapshot(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _SNAPSHOT if name in row}


def _put(services: Services, job: Mapping[str, Any], **condition: str) -> dict[str, Any]:
    return {"Put": {"TableName": services.outbox.table, "Item": marshal(job), **condition}}


def _deleted(services: Services, record: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    conditions = ["#sub = :sub"]
    conditions += [
        f"{name} = :{name}" if name in kept else f"attribute_not_exists({name})" for name in _SNAPSHOT
    ]
    return {
        "Delete": {
            "TableName": services.users.table,
            "Key": marshal({"UserID": record["UserID"]}),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {"#sub": "Sub"},
            "ExpressionAttributeValues": marshal(
                {":sub": record["Sub"], **{f":{name}": value for name, value in kept.items()}}
            ),
        }
    }
