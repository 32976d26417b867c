"""What has happened so far, as JSON lines: a run that was cut off goes on from there.

A line is written and flushed before anything builds on it. The last one may be cut off, and is then left out.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

Event = dict[str, Any]
# what somebody goes through, in this order
DUE, SIGNED_UP, CONFIRMED, OPTED_IN = "due", "signed_up", "confirmed", "opted_in"
FAILED = "failed"
# whoever was confirmed, although the answer was an error, and has a record now
REPAIRED = "repaired"
PHASE = ("name", "part", "way", "rate", "begin")


@dataclass
class Walk:
    """How far one person has come, in seconds since 1970.

    due: when each step was to be done. done: when it had been done. failed: what went wrong, by step.
    untimed: steps that were done before, when the answer was lost: nobody knows how long they took.
    """

    number: int
    phase: str
    due: dict[str, float] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    untimed: set[str] = field(default_factory=set)


@dataclass
class Journal:
    """The events of one run, in memory and in a file.

    cut_off: the last sign of life of what was read, until it goes on.
    """

    path: Path
    clock: Callable[[], float] = time.time
    events: list[Event] = field(default_factory=list)
    people: dict[int, Walk] = field(default_factory=dict)
    cut_off: float | None = None
    _file: TextIO | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def read(cls, path: Path) -> "Journal":
        """What an earlier run has written; nothing where there is none."""
        journal = cls(path)
        for event in _lines(path):
            journal._take(event)
        journal.cut_off = journal.events[-1]["at"] if journal.events else None
        return journal

    @contextmanager
    def open(self) -> Iterator["Journal"]:
        """Goes on writing, after the last whole line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = "".join(f"{json.dumps(event)}\n" for event in self.events)
        draft = self.path.with_suffix(".new")
        draft.write_text(whole)
        draft.replace(self.path)
        with self.path.open("a") as self._file:
            yield self
        self._file = None

    def write(self, kind: str, **content: Any) -> Event:
        """Notes an event of now."""
        event = {"event": kind, "at": self.clock(), **content}
        with self._lock:
            if self._file:
                self._file.write(f"{json.dumps(event)}\n")
                self._file.flush()
            self._take(event)
        return event

    def resume(self) -> None:
        """Puts off what was still to come by as long as nobody was at work, if it was cut off.

        Who was due before is due as they were. A phase that was going on ends later.
        """
        before, now = self.cut_off, self.clock()
        if before is None:
            return
        self.cut_off = None
        self.write("resumed", before=before)
        for course in self.everybody():
            if course.due[SIGNED_UP] > before:
                due = course.due[SIGNED_UP] + now - before
                self.write(DUE, person=course.number, phase=course.phase, due=due)
        phases = {(event["name"], event["part"]): event for event in self.all("phase")}
        for phase in phases.values():
            if phase["end"] > before:
                self.write("phase", **{name: phase[name] for name in PHASE}, end=phase["end"] + now - before)

    def last(self, kind: str, **content: Any) -> Event | None:
        """The newest event of a kind with this content."""
        return next(
            (e for e in reversed(self.events) if e["event"] == kind and content.items() <= e.items()), None
        )

    def all(self, kind: str) -> list[Event]:
        with self._lock:
            return [event for event in self.events if event["event"] == kind]

    def everybody(self) -> list[Walk]:
        with self._lock:
            return list(self.people.values())

    @property
    def gaps(self) -> list[tuple[float, float]]:
        """When nobody was at work, from the last sign of life to when it went on."""
        return [(event["before"], event["at"]) for event in self.all("resumed")]

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if "person" not in event:
            return
        number, kind = event["person"], event["event"]
        if kind == DUE:
            self.people.setdefault(number, Walk(number, event["phase"])).due[SIGNED_UP] = event["due"]
            return
        course = self.people[number]
        if kind == FAILED:
            course.failed[event["step"]] = event["reason"]
            return
        if kind == REPAIRED:
            course.failed.clear()
            return
        course.due[kind] = event["due"]
        course.done[kind] = event["at"]
        course.failed.pop(kind, None)
        if event.get("before"):
            course.untimed.add(kind)


def _lines(path: Path) -> Iterator[Event]:
    if not path.exists():
        return
    with path.open() as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                return
