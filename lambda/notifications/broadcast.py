"""What is for everyone becomes one row for each person, whose preferences and delivery log then hold for it.

A broadcast is itself a row, with a cursor: where the paging through the users has come to. A slice of the
users is written, then the cursor; whoever dies between the two leaves a slice that is written again, and that
changes nothing. "Scan" of the Amazon DynamoDB API Reference: what is in the table throughout is paged through
once, and the cursor need not be a row that is still there.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from notifications.clients import DELIVERY
from notifications.clock import utc_now
from notifications.notification import (
    HISTORY,
    MAKE_WAY,
    STREAM_GRACE,
    InvalidRowError,
    Notification,
    State,
    instant,
    milliseconds,
    timestamp,
)
from notifications.outbox import BROADCASTS, FANNED_OUT, FANNING_OUT, Changes, Claim, Due, Outbox
from notifications.rows import KEY_BYTES, marshal, unmarshal
from notifications.transaction import UnstorableError, while_there, write_together

WORKERS = 8
SLICE = 96
# the users are read, their rows written by so many at a time, the cursor is written
SLICE_SECONDS = (math.ceil(SLICE / WORKERS) + 2) * DELIVERY.worst_case_seconds


class Fate(StrEnum):
    """What became of one person's row, as its metric is called."""

    WRITTEN = "Written"
    THERE = "WasThere"
    NOT_MEANT = "NotMeant"
    GONE = "Gone"
    UNREADABLE = "Unreadable"


@dataclass(frozen=True)
class Broadcast:
    """A row of the Notifications table that stands for a message to everyone.

    accepted_at: whoever has registered by then is meant.
    cursor: the last user that was seen to; empty at the start.
    count: rows that there are. unreadable: users whose record could not be read.
    """

    notification_id: str
    category: str
    requested_at: datetime
    accepted_at: datetime
    good_until: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    cursor: str = ""
    count: int = 0
    unreadable: int = 0

    def to_row(self, due_at: datetime) -> dict[str, Any]:
        return {
            "NotificationID": self.notification_id,
            "Category": self.category,
            "Template": self.category,
            "Data": dict(self.data),
            "State": FANNING_OUT,
            "Attempts": 0,
            "CreatedAt": timestamp(self.accepted_at),
            "RequestedAt": timestamp(self.requested_at),
            "AcceptedAt": timestamp(self.accepted_at),
            "GoodUntil": timestamp(self.good_until),
            "DueAt": milliseconds(due_at),
            "DueShard": BROADCASTS,
            "Count": self.count,
            "Unreadable": self.unreadable,
            "ExpiresAt": int((self.good_until + HISTORY).timestamp()),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Reads a row of the table.

        Raises:
            InvalidRowError: an attribute is missing or cannot be read.
        """
        try:
            job = cls(
                notification_id=row["NotificationID"],
                category=_text(row["Category"]),
                data=dict(row["Data"]),
                requested_at=instant(row["RequestedAt"]),
                accepted_at=instant(row["AcceptedAt"]),
                good_until=instant(row["GoodUntil"]),
                cursor=_text(row.get("Cursor", "")),
                count=int(row["Count"]),
                unreadable=int(row["Unreadable"]),
            )
            # what it becomes must be a row too
            marshal(job.to_row(job.accepted_at))
        except KeyError as error:
            raise InvalidRowError(f"{error.args[0]} is missing") from None
        except (TypeError, ValueError, ArithmeticError) as error:
            raise InvalidRowError(f"a broadcast cannot be read: {type(error).__name__}") from None
        return job

    def row_for(self, person: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
        """One person's row; None for whoever registered later.

        Raises:
            InvalidRowError: the person's record cannot be read.
        """
        user_id, sub, registered_at = (person.get(name) for name in ("UserID", "Sub", "RegisteredAt"))
        if not (isinstance(user_id, str) and isinstance(sub, str) and sub):
            raise InvalidRowError("UserID or Sub is not a text")
        try:
            joined_later = instant(registered_at) > self.accepted_at
        except (TypeError, ValueError) as error:
            raise InvalidRowError("RegisteredAt cannot be read") from error
        if joined_later:
            return None
        return Notification(
            # a later broadcast may have the same id, and this row wait still
            notification_id=f"{self.notification_id}#{milliseconds(self.requested_at)}#{sub}",
            user_id=user_id,
            sub=sub,
            category=self.category,
            template=self.category,
            data=self.data,
            created_at=now,
            good_until=self.good_until,
            due_at=now + STREAM_GRACE,
        ).to_row()


@dataclass(frozen=True)
class FanOut:
    """Turns broadcasts into rows.

    slice_size: users between two writes of the cursor. workers: threads that write the rows of a slice.
    """

    outbox: Outbox
    user_table: str
    clock: Callable[[], datetime] = utc_now
    slice_size: int = SLICE
    workers: int = WORKERS

    def advance(self, due: Due, time_for_another: Callable[[], bool]) -> Counter[str]:
        """Goes on with a broadcast, for as long as there is time for another slice.

        No lease is outlived: a function that is given less time than a lease claims the broadcast first.

        Returns:
            How many there were of each fate, and of each state that the broadcast ended in.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB could not be read or
                written. The slice is done again, by whoever takes the broadcast next.
        """
        tally: Counter[str] = Counter()
        try:
            claim = self.outbox.claim(due, self.clock())
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            # an attribute has a type that it may not have: it would be due for ever
            if self.outbox.give_up(due, "InvalidRow: it cannot be claimed"):
                tally[State.FAILED.title()] = 1
            return tally
        if claim is None:
            return tally
        try:
            job = Broadcast.from_row(claim.row)
        except InvalidRowError as error:
            self._end(claim, State.FAILED, f"InvalidRow: {error}", tally)
            return tally
        try:
            self._go_on(claim, job, time_for_another, tally)
        except (ClientError, BotoCoreError):
            self.outbox.write(claim, {}, self.clock() + MAKE_WAY)
            raise
        return tally

    def _go_on(
        self, claim: Claim, job: Broadcast, time_for_another: Callable[[], bool], tally: Counter[str]
    ) -> None:
        cursor, count, unreadable = job.cursor, job.count, job.unreadable
        with ThreadPoolExecutor(self.workers) as pool:
            while True:
                if self.clock() >= job.good_until:
                    self._end(claim, State.EXPIRED, "TooLate", tally)
                    return
                if not time_for_another():
                    self.outbox.write(claim, {}, self.clock())
                    return
                people, following = self._slice(cursor)
                fates = list(pool.map(lambda person: self._write(job, person), people))
                tally.update(fates)
                count += fates.count(Fate.WRITTEN) + fates.count(Fate.THERE)
                unreadable += fates.count(Fate.UNREADABLE)
                counted: Changes = {"Count": count, "Unreadable": unreadable}
                if not following:
                    self._end(claim, FANNED_OUT, "", tally, counted)
                    return
                if not self.outbox.write(claim, {"Cursor": following, **counted}, keep=True):
                    # it was cancelled, or somebody else goes on with it
                    return
                cursor = following

    def _end(
        self,
        claim: Claim,
        state: str,
        reason: str,
        tally: Counter[str],
        counted: Changes | None = None,
    ) -> None:
        ended: Changes = {"State": state, "Reason": reason, **(counted or {})}
        if self.outbox.write(claim, ended, removes=("Cursor",)):
            tally[state.title().replace("_", "")] = 1

    def _slice(self, cursor: str) -> tuple[list[dict[str, Any]], str]:
        """The users after the cursor, a bounded number, and the next cursor, which is empty at the end."""
        page = self.outbox.dynamodb.scan(
            TableName=self.user_table,
            Limit=self.slice_size,
            # whoever registered just before the broadcast is there too
            ConsistentRead=True,
            ProjectionExpression="UserID, #sub, RegisteredAt",
            ExpressionAttributeNames={"#sub": "Sub"},
            **({"ExclusiveStartKey": marshal({"UserID": cursor})} if cursor else {}),
        )
        following = unmarshal(page["LastEvaluatedKey"])["UserID"] if "LastEvaluatedKey" in page else ""
        return [unmarshal(item) for item in page["Items"]], following

    def _write(self, job: Broadcast, person: Mapping[str, Any]) -> Fate:
        """One person's row, if the person is meant and still there."""
        try:
            row = job.row_for(person, self.clock())
        except InvalidRowError:
            return Fate.UNREADABLE
        if row is None:
            return Fate.NOT_MEANT
        still_there = while_there(self.user_table, row["UserID"], row["Sub"])
        put = {
            "TableName": self.outbox.table,
            "Item": marshal(row),
            "ConditionExpression": "attribute_not_exists(NotificationID)",
        }
        try:
            failed = write_together(self.outbox.dynamodb, [still_there, {"Put": put}])
        except UnstorableError:
            return Fate.UNREADABLE
        return {None: Fate.WRITTEN, 0: Fate.GONE, 1: Fate.THERE}[failed]


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value.encode()) > KEY_BYTES:
        raise TypeError
    return value
