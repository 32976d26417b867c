"""One pass after the other over the whole pool, in slices of a function's time.

A pass is a row: where in the pool's list it has come to, and what it has counted. A page is seen to, then the
row is written; whoever dies between the two leaves a page that is seen to again, and that changes nothing.
The place in the list is never older than the pause between two slices, so Cognito still knows it, and the end
of the list is reached however long that is. Should it be lost all the same, the pass begins anew.

Records without a user are counted, and never touched: all records less those that were somebody's. Only what
is older than the pass counts, or people who come meanwhile would be taken for lost.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from notifications.clients import DELIVERY
from notifications.notification import EPOCH, MAKE_WAY, instant, milliseconds, timestamp
from notifications.outbox import RECONCILIATIONS, Changes, Claim, Due, Outbox
from notifications.reconciliation import (
    PAGE,
    WORKERS,
    Finding,
    PlaceLostError,
    Reconciliation,
    Verdict,
)
from notifications.rows import KEY_BYTES, marshal, unmarshal
from notifications.transaction import write_together

ROW_ID = "reconciliation"
RECONCILING = "RECONCILING"
# Users are listed, their records and erasures read, the missing written by so many at a time, the row written
PAGE_SECONDS = (ceil(PAGE / WORKERS) + 4) * DELIVERY.worst_case_seconds
# Who registered less long ago may not be in the list yet
LISTED_BY_NOW = timedelta(hours=1)
# far more than there can be, far fewer than DynamoDB has digits for
MOST_ROWS = 10**15
PROGRESS = ("BeganAt", "Place", "Listed", "Cursor", "Owned", "Records")
USUAL = (Verdict.REGISTERED, Verdict.UNCONFIRMED)


@dataclass(frozen=True)
class Progress:
    """How far a pass has come.

    place: in the list of users. listed: whether its end was reached; then records are counted, up to cursor.
    owned, records: how many records were somebody's, and how many there are, of those that count.
    counted: whether that is all; such a pass is not written any more.
    """

    began_at: datetime
    place: str = ""
    listed: bool = False
    cursor: str = ""
    owned: int = 0
    records: int = 0
    counted: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, Any], now: datetime) -> Self:
        """What the row says; a new pass when it says nothing, or nothing that can be."""
        try:
            progress = cls(
                began_at=instant(row["BeganAt"]),
                place=str(row["Place"]),
                listed=row["Listed"] is True,
                cursor=str(row["Cursor"]),
                owned=int(row["Owned"]),
                records=int(row["Records"]),
            )
        except (ArithmeticError, KeyError, TypeError, ValueError):
            return cls(began_at=now)
        return progress if progress._can_be(now) else cls(began_at=now)

    def _can_be(self, now: datetime) -> bool:
        return (
            EPOCH < self.began_at < now + LISTED_BY_NOW
            and len(self.cursor.encode()) <= KEY_BYTES
            and all(0 <= count < MOST_ROWS for count in (self.owned, self.records))
        )

    def to_row(self) -> Changes:
        began_at = timestamp(self.began_at)
        values = (began_at, self.place, self.listed, self.cursor, self.owned, self.records)
        return dict(zip(PROGRESS, values, strict=True))

    @property
    def counts_before(self) -> str:
        """Records from before this moment count."""
        return timestamp(self.began_at - LISTED_BY_NOW)


@dataclass(frozen=True)
class Pass:
    """Goes over the pool again and again.

    every: from the end of a pass to the beginning of the next.
    tell: is told of everybody who was missing, with what became of them.
    """

    reconciliation: Reconciliation
    every: timedelta
    tell: Callable[[Finding, Verdict], None] = field(default=lambda _finding, _verdict: None)

    def advance(self, tally: Counter[str], time_for_another: Callable[[], bool]) -> None:
        """Goes on with the pass that is due, for as long as there is time for another page.

        tally: what is counted here. Users who were looked at are `Reconciled`, and counted by verdict where
            that is not the usual one; at the end of a pass, records that are nobody's are `Orphaned`. Nothing
            is counted when no pass is due, or somebody else is at it.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: Cognito or DynamoDB could not
                be asked. The page is seen to again by a later call.
        """
        claim = self._claim()
        if claim is None:
            return
        progress = Progress.from_row(claim.row, self._now())
        try:
            while time_for_another():
                progress = self._count(progress) if progress.listed else self._list(progress, tally)
                if progress.counted:
                    tally["Orphaned"] = max(progress.records - progress.owned, 0)
                    self._end(claim)
                    return
                if not self._outbox.write(claim, progress.to_row(), keep=True):
                    # somebody else goes on with it
                    return
        except (ClientError, BotoCoreError):
            self._outbox.write(claim, {}, self._now() + MAKE_WAY)
            raise
        self._outbox.write(claim, {}, self._now())

    @property
    def _outbox(self) -> Outbox:
        return self.reconciliation.outbox

    def _now(self) -> datetime:
        return self.reconciliation.clock()

    def _claim(self) -> Claim | None:
        now = self._now()
        found = self._outbox.get(ROW_ID)
        row = found if found and "DueAt" in found else self._first(now)
        # due later than that, it is from a time when passes were further apart
        if milliseconds(now) < row["DueAt"] <= milliseconds(now + self.every):
            return None
        return self._outbox.claim(Due(ROW_ID, row["DueAt"], RECONCILIATIONS), now)

    def _first(self, now: datetime) -> Mapping[str, Any]:
        """The row, which is made where there is none that is ever due."""
        row = {
            "NotificationID": ROW_ID,
            "State": RECONCILING,
            "DueAt": Decimal(milliseconds(now)),
            "DueShard": RECONCILIATIONS,
        }
        put = {
            "TableName": self._outbox.table,
            "Item": marshal(row),
            "ConditionExpression": "attribute_not_exists(DueAt)",
        }
        # of two at once, one makes it and one claims it
        write_together(self._outbox.dynamodb, [{"Put": put}])
        return row

    def _list(self, progress: Progress, tally: Counter[str]) -> Progress:
        """Sees to a page of users."""
        try:
            accounts, place = self.reconciliation.accounts(progress.place)
        except PlaceLostError:
            tally["BegunAnew"] += 1
            return Progress(began_at=self._now())
        findings = self.reconciliation.judge(accounts)
        missing = [finding for finding in findings if finding.verdict is Verdict.MISSING]
        tally["Reconciled"] += len(findings)
        tally.update(finding.verdict for finding in findings if finding.verdict not in USUAL)
        for finding, verdict in zip(missing, self.reconciliation.repair(missing), strict=True):
            self.tell(finding, verdict)
            if verdict is not Verdict.REGISTERED:
                tally[verdict] += 1
        owned = sum(
            finding.verdict is Verdict.REGISTERED and "" < finding.registered_at < progress.counts_before
            for finding in findings
        )
        return replace(progress, place=place, listed=not place, owned=progress.owned + owned)

    def _count(self, progress: Progress) -> Progress:
        """Counts a page of records."""
        page = self._outbox.dynamodb.scan(
            TableName=self.reconciliation.user_table,
            Select="COUNT",
            FilterExpression="RegisteredAt < :moment",
            ExpressionAttributeValues=marshal({":moment": progress.counts_before}),
            **({"ExclusiveStartKey": marshal({"UserID": progress.cursor})} if progress.cursor else {}),
        )
        cursor = unmarshal(page.get("LastEvaluatedKey", {})).get("UserID", "")
        return replace(progress, cursor=cursor, counted=not cursor, records=progress.records + page["Count"])

    def _end(self, claim: Claim) -> None:
        self._outbox.write(claim, {}, self._now() + self.every, removes=PROGRESS)
