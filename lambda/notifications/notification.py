"""A notification: one row, which is both what is to be sent and the log of what became of it.

No AWS here: what a row holds, what may happen to it and when it is due again.
"""

import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# No function that sends may run for longer.
LONGEST_RUN = timedelta(minutes=3)
# How far the clocks of two workers may differ without both holding a row. AWS hears nobody whose clock is
# further off than this ("AWS Signature Version 4 for API requests", IAM User Guide).
CLOCKS_DIFFER = timedelta(minutes=5)
# A worker that has held a row this long is dead, by whichever of the two clocks.
LEASE = LONGEST_RUN + CLOCKS_DIFFER
# A new row is the stream's; the sweep takes it when the stream has not by then.
STREAM_GRACE = timedelta(seconds=90)
# The pauses double from the base to the cap: about five hours of outage are waited out.
RETRY_BASE = timedelta(seconds=30)
RETRY_CAP = timedelta(hours=1)
MAX_ATTEMPTS = 12
# How often a pending opt-in is looked at: often while the person is likely still at the screen.
OPT_IN_POLL_MIN = timedelta(seconds=10)
OPT_IN_POLL_MAX = timedelta(minutes=5)
# A row that had to make way, for want of time or of a turn, comes back soon.
MAKE_WAY = timedelta(seconds=5)
# What a newer version of the code has written is left to it; in the middle of a deploy both run.
LEFT_TO_NEWER = timedelta(minutes=1)
# The rows are the delivery log for so long, from the day on which they could last have been sent.
HISTORY = timedelta(days=90)
# The sparse index is spread over this many partition keys, so that none of them is hot.
DUE_SHARDS = 8


class State(StrEnum):
    """What has become of a notification."""

    QUEUED = "QUEUED"
    WAITING_OPT_IN = "WAITING_OPT_IN"
    RETRY = "RETRY"
    DEFERRED = "DEFERRED"
    SENT = "SENT"
    SKIPPED = "SKIPPED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        return self not in PENDING


PENDING = frozenset({State.QUEUED, State.WAITING_OPT_IN, State.RETRY, State.DEFERRED})
_KNOWN = frozenset(map(str, State))


class InvalidRowError(Exception):
    """A row lacks an attribute or has one that cannot be read; the message names it, without its value."""


class UnknownStateError(InvalidRowError):
    """A state is none of ours, in a row that can be read otherwise: a newer version may have written it.

    good_until: after that the row is not worth sending. attempts: those of the row, this one included.
    """

    def __init__(self, good_until: datetime, attempts: int) -> None:
        super().__init__("a state is not known")
        self.good_until = good_until
        self.attempts = attempts


@dataclass(frozen=True)
class Outcome:
    """What one try to send came to.

    reason: why, as a word that an operator can search for; never a personal datum.
    message_id: of the service that took the message.
    stop: that this way to the person will never work again.
    again: when to try again, where the outcome itself says so.
    """

    state: State
    reason: str = ""
    message_id: str = ""
    stop: bool = False
    again: datetime | None = None


@dataclass(frozen=True)
class Notification:
    """A row of the Notifications table.

    notification_id: the idempotency key.
    sub: the Cognito subject of the recipient: a username can pass to somebody else, a subject cannot.
    good_until: after that it is not worth sending.
    attempts: workers that have taken the row since it was last put off on purpose.
    due_at: when a worker may take it next; while one works on it, the end of its lease.
    results: what came of it, by target: one row can go out by several channels.
    """

    notification_id: str
    user_id: str
    sub: str
    category: str
    template: str
    created_at: datetime
    good_until: datetime
    due_at: datetime
    state: State = State.QUEUED
    attempts: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def shard(self) -> str:
        """The partition key in the index of rows that are due."""
        return due_shard(self.notification_id)

    def to_row(self) -> dict[str, Any]:
        return {
            "NotificationID": self.notification_id,
            "UserID": self.user_id,
            "Sub": self.sub,
            "Category": self.category,
            "Template": self.template,
            "Data": dict(self.data),
            "State": str(self.state),
            "Attempts": self.attempts,
            "CreatedAt": timestamp(self.created_at),
            "GoodUntil": timestamp(self.good_until),
            "DueAt": milliseconds(self.due_at),
            "DueShard": self.shard,
            "Results": {},
            "ExpiresAt": int((self.good_until + HISTORY).timestamp()),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Reads a row of the table.

        Raises:
            UnknownStateError: all can be read, but a state of it or of a target is not known here.
            InvalidRowError: an attribute is missing or cannot be read.
        """
        unknown = False

        def state(value: Any) -> State:
            nonlocal unknown
            if isinstance(value, str) and value and value not in _KNOWN:
                unknown = True
                return State.QUEUED
            return State(value)

        def read(name: str, parse: Any = None) -> Any:
            value = row.get(name)
            if value is None:
                raise InvalidRowError(f"{name} is missing")
            if parse is None:
                if not isinstance(value, str) or not value:
                    raise InvalidRowError(f"{name} is not a text")
                return value
            try:
                return parse(value)
            except (TypeError, ValueError, ArithmeticError) as error:
                raise InvalidRowError(f"{name} cannot be read") from error

        found = cls(
            notification_id=read("NotificationID"),
            user_id=read("UserID"),
            sub=read("Sub"),
            category=read("Category"),
            template=read("Template"),
            data=read("Data", dict),
            state=read("State", state),
            attempts=read("Attempts", int),
            created_at=read("CreatedAt", instant),
            good_until=read("GoodUntil", instant),
            due_at=read("DueAt", lambda value: EPOCH + timedelta(milliseconds=int(value))),
            results=_results(row.get("Results", {}), state),
        )
        if unknown:
            raise UnknownStateError(found.good_until, found.attempts)
        return found


def _results(logged: Any, state: Callable[[Any], State]) -> dict[str, Outcome]:
    try:
        return {
            target: Outcome(state(entry["State"]), entry.get("Reason", ""), entry.get("MessageID", ""))
            for target, entry in logged.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRowError("Results cannot be read") from error


def due_shard(notification_id: str) -> str:
    """The partition key of a row in the index of rows that are due."""
    return str(zlib.crc32(notification_id.encode()) % DUE_SHARDS)


def next_due(row: Notification, outcome: Outcome, now: datetime) -> datetime | None:
    """When a row is to be looked at again after an outcome; None when it never is."""
    if outcome.state is State.WAITING_OPT_IN:
        age = now - row.created_at
        return now + min(max(age / 10, OPT_IN_POLL_MIN), OPT_IN_POLL_MAX)
    if outcome.state is State.RETRY:
        doublings = min(max(row.attempts, 1), MAX_ATTEMPTS) - 1
        pause: timedelta = min(RETRY_BASE * 2**doublings, RETRY_CAP)
        # half of it by chance: rows that failed together must not come back together
        jitter: float = random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        return now + pause * jitter
    if outcome.state is State.DEFERRED:
        # what waits for longer than it is good for is looked at once more, to be seen out
        return min(outcome.again or now + MAKE_WAY, row.good_until)
    return None


def milliseconds(moment: datetime) -> int:
    """A moment as the tables index it: milliseconds since 1970, UTC."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def timestamp(moment: datetime) -> str:
    """A moment as the tables show it: ISO 8601, UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(value: Any) -> datetime:
    """A moment as `timestamp` writes it.

    Raises:
        TypeError, ValueError: it is not one, or has no time zone.
    """
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment
