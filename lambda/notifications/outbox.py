"""The Notifications table: who may send a row, and what became of it.

A state changes only by a conditional write. A worker claims a row by moving its `DueAt` to the end of
a lease, on condition that `DueAt` is still what the worker saw; it records the outcome on condition
that the lease is still its own. So two workers never both hold a row, and one that was too slow can
not overwrite what its successor wrote.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from notifications.notification import (
    LEASE,
    Outcome,
    State,
    due_shard,
    milliseconds,
    timestamp,
)

DUE_INDEX = "Due"
PAGE = 100
_UNTOUCHED = "attribute_not_exists(DueAt) AND #state = :queued"


@dataclass(frozen=True)
class Due:
    """A row that may be taken. due_at: its `DueAt` as it was seen, to the letter; None when it had none."""

    notification_id: str
    due_at: Decimal | None


@dataclass(frozen=True)
class Claim:
    """A row that is this worker's until the lease ends.

    lease: its end, in milliseconds since 1970. row: the attributes as they stand.
    """

    notification_id: str
    lease: int
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Outbox:
    """The Notifications table."""

    dynamodb: Any
    table: str

    def due(self, shard: int, now: datetime) -> Iterator[Due]:
        """The rows of a shard that are due, the longest waiting first."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=DUE_INDEX,
            KeyConditionExpression="DueShard = :shard AND DueAt <= :now",
            ExpressionAttributeValues=_marshal({":shard": str(shard), ":now": milliseconds(now)}),
            PaginationConfig={"PageSize": PAGE},
        )
        for page in pages:
            for item in page["Items"]:
                row = _unmarshal(item)
                yield Due(row["NotificationID"], row["DueAt"])

    def claim(self, due: Due, now: datetime) -> Claim | None:
        """Takes a row for the time of a lease; None when somebody else has it or it is done with."""
        lease = milliseconds(now + LEASE)
        names = {}
        values: dict[str, Any] = {":shard": due_shard(due.notification_id), ":one": 1}
        if due.due_at is None:
            # written by hand, without what makes it due: only the stream has seen it
            condition = _UNTOUCHED
            names, values[":queued"] = {"ExpressionAttributeNames": {"#state": "State"}}, State.QUEUED
        else:
            condition, values[":seen"] = "DueAt = :seen", due.due_at
            # or, ending just when the row was due, the lease would keep nobody out
            lease = max(lease, int(due.due_at) + 1)
        row = self._update(
            due.notification_id,
            UpdateExpression="SET DueAt = :lease, DueShard = :shard ADD Attempts :one",
            ConditionExpression=condition,
            ExpressionAttributeValues=_marshal({**values, ":lease": lease}),
            **names,
        )
        return Claim(due.notification_id, lease, row) if row else None

    def record(
        self, claim: Claim, outcome: Outcome, channel: str, now: datetime, due: datetime | None
    ) -> bool:
        """Writes what became of a row and lets go of it; False when the lease had passed to another.

        channel: what was tried; empty when it came to none, and what earlier tries left then stays.
        due: when it is to be taken again; None takes it out of the index for good.
        """
        sets = ["#state = :state", "Reason = :reason"]
        values: dict[str, Any] = {
            ":state": outcome.state,
            ":reason": outcome.reason,
            ":lease": claim.lease,
        }
        if channel:
            result = {"At": timestamp(now), "State": outcome.state, "Reason": outcome.reason}
            sets.append("Results = :results")
            values[":results"] = {
                channel: result | ({"MessageID": outcome.message_id} if outcome.message_id else {})
            }
        if outcome.state is State.WAITING_OPT_IN:
            # it was put off on purpose: nothing was tried
            sets.append("Attempts = :none")
            values[":none"] = 0
        removes = ""
        if due is None:
            removes = " REMOVE DueAt, DueShard"
        else:
            sets.append("DueAt = :due")
            values[":due"] = milliseconds(due)
        recorded = self._update(
            claim.notification_id,
            UpdateExpression=f"SET {', '.join(sets)}{removes}",
            ConditionExpression="DueAt = :lease",
            ExpressionAttributeNames={"#state": "State"},
            ExpressionAttributeValues=_marshal(values),
        )
        return recorded is not None

    def give_up(self, due: Due, reason: str) -> bool:
        """Ends a row that cannot even be claimed, since an attribute has a type that it may not have."""
        seen = {":queued": State.QUEUED} if due.due_at is None else {":seen": due.due_at}
        ended = self._update(
            due.notification_id,
            UpdateExpression="SET #state = :state, Reason = :reason REMOVE DueAt, DueShard",
            ConditionExpression=_UNTOUCHED if due.due_at is None else "DueAt = :seen",
            ExpressionAttributeNames={"#state": "State"},
            ExpressionAttributeValues=_marshal({":state": State.FAILED, ":reason": reason, **seen}),
        )
        return ended is not None

    def _update(self, notification_id: str, **update: Any) -> dict[str, Any] | None:
        """The row after an update, or None when its condition did not hold."""
        try:
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=_marshal({"NotificationID": notification_id}),
                ReturnValues="ALL_NEW",
                **update,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise
        return _unmarshal(answer["Attributes"])


def _marshal(values: Mapping[str, Any]) -> dict[str, Any]:
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in values.items()}


def _unmarshal(item: Mapping[str, Any]) -> dict[str, Any]:
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}
