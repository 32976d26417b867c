"""What a check has found."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Status(StrEnum):
    """How it stands with something, from good to bad."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    check: what was looked at, as subject.detail; the same whatever the status, for machines to follow.
    about: the thing itself: a function, a queue, a role.
    seen: what there is. next_step: what to do; empty when nothing is to be done.
    None of them holds a personal datum; a person is spoken of by their Cognito subject.
    """

    check: str
    status: Status
    about: str
    seen: str
    next_step: str = ""

    @property
    def subject(self) -> str:
        return self.check.split(".")[0]


def ok(check: str, about: str, seen: str) -> Finding:
    return Finding(check, Status.OK, about, seen)


def warning(check: str, about: str, seen: str, next_step: str) -> Finding:
    return Finding(check, Status.WARNING, about, seen, next_step)


def broken(check: str, about: str, seen: str, next_step: str) -> Finding:
    return Finding(check, Status.BROKEN, about, seen, next_step)


def worst(findings: list[Finding]) -> Status:
    """The status of a whole report."""
    order = list(Status)
    return max((finding.status for finding in findings), key=order.index, default=Status.OK)


def listed(names: list[str], most: int = 5) -> str:
    """Names in a sentence; of very many, the first ones and how many more there are."""
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 row", "2 rows"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def at(moment: datetime) -> str:
    """A moment in UTC; what botocore reads is often in the zone of this machine."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
