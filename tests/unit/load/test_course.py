"""Which rates are tried and held, and what is not done again after an interruption."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.deployment import Deployment
from tests.load.course import Course, Plan
from tests.load.crowd import Crowd
from tests.load.journal import DUE, Event, Journal

PLAN = Plan(first=8, last=40, factor=2, step_seconds=10, people=1, longest=20)
SYSTEM = cast(Deployment, None)
# the highest rate that is kept for a moment, and for longer
ROOM = {"search": 20.0, "held": 10.0}


class Standing:
    """A crowd that only notes who is to come."""

    way = "ses"

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def come(self, phase: str, moments: Iterable[float]) -> None:
        for number, due in enumerate(moments, len(self.journal.people)):
            self.journal.write(DUE, person=number, phase=phase, due=due)


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course whose steps take no time and say what there is room for."""
    journal = Journal(Path("nowhere"), lambda: 1000.0)

    @contextmanager
    def stage(self: Course, name: str, system: Deployment) -> Iterator[Crowd]:
        yield cast(Crowd, Standing(journal))

    def step(self: Course, crowd: Crowd, stage: str, name: str, rate: float, part: int = 0) -> Event:
        behind = "the system" if rate > ROOM[stage] and part == (stage == "held") else ""
        return journal.write("step", stage=stage, name=name, rate=rate, part=part, behind=behind)

    monkeypatch.setattr(Course, "stage", stage)
    monkeypatch.setattr(Course, "_step", step)
    for name in ("warm_up", "finish", "wait"):
        monkeypatch.setattr(Course, name, lambda *_: None)
    return Course("a1b2c3", journal, PLAN, say=lambda _: None)


def steps(course: Course) -> list[tuple[Any, ...]]:
    return [(one["stage"], one["rate"], one["part"]) for one in course.journal.all("step")]


def test_rates_rise_until_one_is_not_kept(course: Course) -> None:
    course.search(SYSTEM)
    assert steps(course) == [("search", 8, 0), ("search", 16, 0), ("search", 32, 0)]


def test_steps_that_were_done_before_an_interruption_are_not_done_again(course: Course) -> None:
    course.journal.write("step", stage="search", name="8/s", rate=8, part=0, behind="")
    course.search(SYSTEM)
    assert [rate for _, rate, _ in steps(course)] == [8, 16, 32]
    course.search(SYSTEM)
    assert [rate for _, rate, _ in steps(course)] == [8, 16, 32]


def test_the_highest_rate_that_was_kept_is_held_or_else_the_one_below_it(course: Course) -> None:
    course.search(SYSTEM)
    course.hold(SYSTEM)
    assert steps(course)[3:] == [("held", 16, 0), ("held", 16, 1), ("held", 8, 0), ("held", 8, 1)]
    assert course.highest == 8


def test_where_no_rate_can_be_held_there_is_no_highest(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROOM, "held", 1.0)
    course.search(SYSTEM)
    course.hold(SYSTEM)
    assert course.highest is None


def test_a_phases_parts_come_one_after_the_other(course: Course) -> None:
    crowd = cast(Crowd, Standing(course.journal))
    for part in (0, 1, 1):
        course.phase(crowd, "held 8/s", 8, 10, part)
    phases = course.journal.all("phase")
    assert [(one["begin"], one["end"]) for one in phases] == [(1000.5, 1010.5), (1000.5, 1020.5)]
    moments = [one.due["signed_up"] for one in course.journal.everybody()]
    assert len(moments) == pytest.approx(160, rel=0.3)
    assert min(moments) > 1000.5
    assert max(moments) < 1020.5
