"""The Notifications table: who may work on a row, and what became of it.

A state changes only by a conditional write. A worker claims a row by moving its `DueAt` to the end of
a lease, on condition that `DueAt` is still what the worker saw; it records the outcome on condition
that the lease is still its own. So two workers never both hold a row, and one that was too slow can
not overwrite what its successor wrote.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError

from notifications.notification import (
    LEASE,
    PENDING,
    Outcome,
    State,
    due_shard,
    milliseconds,
    timestamp,
)
from notifications.rows import marshal, unmarshal

DUE_INDEX = "Due"
BY_USER_INDEX = "ByUser"
PAGE = 100
# Jobs are rows too, in shards of their own, for the functions that do them.
BROADCASTS = "broadcast"
ERASURES = "erasure"
RECONCILIATIONS = "reconciliation"
FANNING_OUT = "FANNING_OUT"
FANNED_OUT = "FANNED_OUT"
# all that has come to its end; a state that is in neither may be a newer version's
OVER = frozenset({*State} - PENDING) | {FANNED_OUT}
# by attribute, or by map and key in it
Changes = dict[str | tuple[str, str], Any]
_UNTOUCHED = "attribute_not_exists(DueAt) AND #state = :queued"


class Cancelled(Enum):
    """What came of a wish to cancel."""

    DONE = "it was cancelled"
    HELD = "a worker has it just now"
    OVER = "it had come to its end"
    UNKNOWN = "there is none"


@dataclass(frozen=True)
class Due:
    """A row that may be taken. due_at: its `DueAt` as it was seen, to the letter; None when it had none."""

    notification_id: str
    due_at: Decimal | None
    shard: str


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

    def due(self, shard: str, now: datetime) -> Iterator[Due]:
        """The rows of a shard that are due, the longest waiting first."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=DUE_INDEX,
            KeyConditionExpression="DueShard = :shard AND DueAt <= :now",
            ExpressionAttributeValues=marshal({":shard": shard, ":now": milliseconds(now)}),
            PaginationConfig={"PageSize": PAGE},
        )
        for page in pages:
            for item in page["Items"]:
                row = unmarshal(item)
                yield Due(row["NotificationID"], row["DueAt"], shard)

    def claim(self, due: Due, now: datetime) -> Claim | None:
        """Takes a row for the time of a lease; None when somebody else has it or it is done with."""
        lease = milliseconds(now + LEASE)
        names = {}
        values: dict[str, Any] = {":shard": due.shard, ":one": 1, ":none": {}}
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
            UpdateExpression="SET DueAt = :lease, LeaseEnd = :lease, DueShard = :shard, "
            "Results = if_not_exists(Results, :none) ADD Attempts :one",
            ConditionExpression=condition,
            ExpressionAttributeValues=marshal({**values, ":lease": lease}),
            **names,
        )
        return Claim(due.notification_id, lease, row) if row else None

    def note(self, claim: Claim, results: Mapping[str, Outcome], now: datetime) -> bool:
        """Writes what came of some targets and keeps the row; False when the lease had passed to another."""
        return self.write(claim, _entries(results, now), keep=True)

    def record(
        self,
        claim: Claim,
        outcome: Outcome,
        results: Mapping[str, Outcome],
        now: datetime,
        due: datetime | None,
    ) -> bool:
        """Writes what became of a row and lets go of it; False when the lease had passed to another.

        results: by target, what was not noted yet; what earlier tries left stays.
        due: when it is to be taken again; None takes it out of the index for good.
        """
        changes: Changes = {
            "State": outcome.state,
            "Reason": outcome.reason,
            **_entries(results, now),
        }
        if outcome.state in (State.WAITING_OPT_IN, State.DEFERRED):
            # it was put off on purpose: nothing was tried
            changes["Attempts"] = 0
        return self.write(claim, changes, due)

    def write(
        self,
        claim: Claim,
        changes: Mapping[str | tuple[str, str], Any],
        due: datetime | None = None,
        *,
        keep: bool = False,
        removes: tuple[str, ...] = (),
    ) -> bool:
        """Changes attributes of a row that is ours; False when the lease had passed to another.

        changes: by attribute, or by map and key in it; one at least, or `due`.
        due: when the row is to be taken again; None takes it out of the index for good.
        keep: holds on to the row instead.
        """
        names: dict[str, str] = {}
        values: dict[str, Any] = {":lease": claim.lease}
        sets = []
        if not keep:
            removes = (*removes, "LeaseEnd", *(("DueAt", "DueShard") if due is None else ()))
            if due is not None:
                changes = {**changes, "DueAt": milliseconds(due)}
        for number, (path, value) in enumerate(changes.items()):
            parts = (path,) if isinstance(path, str) else path
            for depth, part in enumerate(parts):
                names[f"#n{number}_{depth}"] = part
            values[f":v{number}"] = value
            sets.append(".".join(f"#n{number}_{depth}" for depth in range(len(parts))) + f" = :v{number}")
        gone = {f"#r{number}": name for number, name in enumerate(removes)}
        names |= gone
        written = self._update(
            claim.notification_id,
            UpdateExpression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(gone)}" if gone else ""),
            ConditionExpression="DueAt = :lease",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=marshal(values),
        )
        return written is not None

    def give_up(self, due: Due, reason: str) -> bool:
        """Ends a row that cannot even be claimed, since an attribute has a type that it may not have."""
        seen = {":queued": State.QUEUED} if due.due_at is None else {":seen": due.due_at}
        ended = self._update(
            due.notification_id,
            UpdateExpression="SET #state = :state, Reason = :reason REMOVE DueAt, DueShard, LeaseEnd",
            ConditionExpression=_UNTOUCHED if due.due_at is None else "DueAt = :seen",
            ExpressionAttributeNames={"#state": "State"},
            ExpressionAttributeValues=marshal({":state": State.FAILED, ":reason": reason, **seen}),
        )
        return ended is not None

    def cancel(self, notification_id: str, now: datetime) -> Cancelled:
        """Ends a row that has not been sent. A broadcast goes no further; the rows that it wrote stay."""
        pending = [*sorted(PENDING), FANNING_OUT]
        states = {f":s{number}": state for number, state in enumerate(pending)}
        ended = self._update(
            notification_id,
            UpdateExpression="SET #state = :cancelled, Reason = :reason REMOVE DueAt, DueShard, LeaseEnd",
            # a row that a worker holds may be on its way at this moment
            ConditionExpression=f"#state IN ({', '.join(states)}) AND "
            "(attribute_not_exists(LeaseEnd) OR LeaseEnd < :now OR #state = :spreading)",
            ExpressionAttributeNames={"#state": "State"},
            ExpressionAttributeValues=marshal(
                {
                    **states,
                    ":cancelled": State.CANCELLED,
                    ":now": milliseconds(now),
                    ":reason": "Cancelled",
                    ":spreading": FANNING_OUT,
                }
            ),
        )
        if ended is not None:
            return Cancelled.DONE
        row = self.get(notification_id)
        if row is None:
            return Cancelled.UNKNOWN
        return Cancelled.OVER if row.get("State") in OVER else Cancelled.HELD

    def get(self, notification_id: str) -> dict[str, Any] | None:
        """A row as it stands."""
        answer = self.dynamodb.get_item(
            TableName=self.table, Key=marshal({"NotificationID": notification_id}), ConsistentRead=True
        )
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def _update(self, notification_id: str, **update: Any) -> dict[str, Any] | None:
        """The row after an update, or None when its condition did not hold."""
        try:
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=marshal({"NotificationID": notification_id}),
                ReturnValues="ALL_NEW",
                **update,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise
        return unmarshal(answer["Attributes"])


def due_by_hand(notification_id: str, due_at: Decimal | None) -> Due:
    """A row as it came by another way than the index of what is due."""
    return Due(notification_id, due_at, due_shard(notification_id))


def _entries(results: Mapping[str, Outcome], now: datetime) -> Changes:
    """What the delivery log says of each target."""
    return {
        ("Results", target): {
            "At": timestamp(now),
            "State": str(result.state),
            "Reason": result.reason,
            **({"MessageID": result.message_id} if result.message_id else {}),
        }
        for target, result in results.items()
    }
