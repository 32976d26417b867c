"""What is told of a run: counted from what happened, and nobody's name."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.person import WELCOME, Mail
from tests.load.course import Course, Found, Plan
from tests.load.journal import CONFIRMED, DUE, FAILED, OPTED_IN, SIGNED_UP, Journal
from tests.load.report import AGES, SWEEP_SECONDS, Report, longest_wait
from tests.load.verdict import judge, person

RUN = "a1b2c3"
PARTS = {"begin": 100.0, "part": 0, "rate": 1.0}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def happened() -> Course:
    """Two people at a steady rate by SNS, one of whom an error has stopped; one at the highest by SES."""
    clock = Clock()
    journal = Journal(Path("nowhere"), clock)

    def at(moment: float, kind: str, **content: Any) -> None:
        clock.now = moment
        journal.write(kind, **content)

    at(100, "phase", name="steady", way="sns", end=110.0, **PARTS)
    at(100, DUE, person=0, phase="steady", due=101.0)
    at(100, DUE, person=1, phase="steady", due=102.0)
    at(101.5, SIGNED_UP, person=0, due=101.0)
    at(102.5, FAILED, person=1, step=SIGNED_UP, due=102.0, reason="ReadTimeoutError")
    at(104, CONFIRMED, person=0, due=103.0)
    at(107, OPTED_IN, person=0, due=106.0)
    at(200, "phase", name="held 1/s", way="ses", end=210.0, **PARTS | {"begin": 200.0})
    at(200, DUE, person=2, phase="held 1/s", due=201.0)
    at(201.25, SIGNED_UP, person=2, due=201.0)
    at(204, CONFIRMED, person=2, due=203.0)
    memory = {"emulator": 2**20, "functions": 2**21, "generator": 2**22, "processes": 3}
    at(205, "sample", **memory, emulator_cpu=0.5, generator_cpu=0.25, machine_cpu=1.0)
    at(211, "broadcast", everyone=2)
    return Course(RUN, journal, Plan(), say=lambda _: None)


def found(course: Course, welcomed: tuple[int, ...] = (0, 2)) -> Found:
    times = {0: 150.0, 2: 206.0}
    mails = [
        Mail([person(RUN, number).email], WELCOME, f"Hello {person(RUN, number).username},", times[number])
        for number in welcomed
    ]
    mails += [Mail([person(RUN, number).email], "Sale", course.mark, 220.0 + number) for number in (0, 2)]
    names = [person(RUN, number).username for number in (0, 2)]
    records = [{"UserID": name, "Email": f"{name}@example.com"} for name in names]
    rows = [
        {
            "NotificationID": f"app#{course.mark}#1#{name}",
            "UserID": name,
            "State": "SENT",
            "CreatedAt": "1970-01-01T00:03:35.000Z",
        }
        for name in names
    ]
    return Found(judge(RUN, names, names, records, rows, mails, course.mark), rows, mails)


def test_times_are_counted_from_when_something_was_due() -> None:
    course = happened()
    data = Report(course, found(course)).data()
    assert {(one["phase"], one["of"]): one["longest"] for one in data["latencies"]} == {
        ("steady, sns", "sign-up → answer"): 0.5,
        ("steady, sns", "confirm → record"): 1.0,
        ("steady, sns", "opt-in → welcome"): 44.0,
        ("held 1/s, ses", "sign-up → answer"): 0.25,
        ("held 1/s, ses", "confirm → record"): 1.0,
        ("held 1/s, ses", "confirm → welcome"): 3.0,
        ("broadcast", "request → mail"): 11.0,
    }


def test_what_came_and_what_was_done_is_counted_in_the_same_seconds() -> None:
    course = happened()
    steady, held = Report(course, found(course)).paces()
    assert (steady.came, steady.offered, steady.registered, steady.welcomed, steady.failed) == (
        2,
        0.2,
        0.1,
        0.0,
        1,
    )
    assert (held.came, held.offered, held.registered, held.welcomed, held.failed) == (1, 0.1, 0.1, 0.1, 0)


def test_an_interruptions_victims_are_in_no_percentile() -> None:
    course = happened()
    course.journal.events.append({"event": "resumed", "before": 120.0, "at": 130.0})
    latencies = {(one.phase, one.of) for one in Report(course, found(course)).latencies()}
    assert ("steady, sns", "opt-in → welcome") not in latencies
    assert ("steady, sns", "confirm → record") in latencies


def test_a_step_that_had_been_done_before_is_in_no_percentile() -> None:
    course = happened()
    course.journal.write(CONFIRMED, person=2, due=203.0, before=True)
    latencies = {(one.phase, one.of) for one in Report(course, found(course)).latencies()}
    assert ("held 1/s, ses", "sign-up → answer") in latencies
    assert not {("held 1/s, ses", "confirm → record"), ("held 1/s, ses", "confirm → welcome")} & latencies


def test_the_page_and_the_data_hold_numbers_and_nobodys_name() -> None:
    course = happened()
    report = Report(course, found(course))
    page, data = report.page().html(), json.dumps(report.data())
    assert "Nothing was lost, twice or misdelivered" in page
    assert "signed_up: ReadTimeoutError (1)" in page
    assert page.count("<svg") == 7
    assert not {name for name in ("load-", "@example.com") if name in page + data}


@pytest.mark.parametrize("told", ["page", "data", "terminal"])
def test_what_is_wrong_is_told_everywhere(told: str) -> None:
    course = happened()
    report = Report(course, found(course, welcomed=(0,)))
    console = Console(record=True, width=100)
    report.tell(console)
    wrong = {
        "page": "1 confirmed, without a welcome" in report.page().html(),
        "data": not report.data()["ok"],
        "terminal": "confirmed, without a welcome" in console.export_text(),
    }
    assert wrong[told]


def test_a_run_without_a_broadcast_and_without_samples_is_told_too() -> None:
    course = happened()
    course.journal.events[:] = [
        event for event in course.journal.events if event["event"] not in ("broadcast", "sample")
    ]
    assert Report(course, found(course)).page().html().count("<svg") == 4


def test_the_later_somebody_opts_in_the_longer_the_welcome_can_take() -> None:
    waits = [longest_wait(age) for age in AGES.values()]
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(SWEEP_SECONDS + 10, abs=0.1)
    assert waits[-1] == pytest.approx(SWEEP_SECONDS + 300, abs=0.1)
