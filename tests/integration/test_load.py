"""What `make load` is made of: a few people, on the deployed system."""

import secrets
from pathlib import Path

from tests.deployment import Deployment
from tests.integration.conftest import ONCE
from tests.load.course import Course, Plan
from tests.load.journal import CONFIRMED, Journal
from tests.load.report import Report

# about twenty people, half of them to warm up
PLAN = Plan(ways=("ses", "ses"), rate=2, seconds=5)


@ONCE
def test_people_come_when_they_are_due_and_what_came_of_them_is_counted(
    system: Deployment, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    course = Course(secrets.token_hex(3), journal, PLAN, say=lambda _: None)
    with journal.open():
        course.steady(system)
    found = course.check(system)
    assert found.verdict.wrong == {}
    came = len(journal.people)
    assert (found.verdict.records, found.verdict.welcomes, found.verdict.states) == (
        came,
        came,
        {"SENT": came},
    )
    # on a busy machine an answer may be an error, and then says nothing of how long it took
    timed = [
        one
        for one in journal.everybody()
        if one.phase == "steady" and CONFIRMED in one.done.keys() - one.untimed
    ]
    latencies = Report(course, found).latencies()
    assert {one.of: one.count for one in latencies if one.of.startswith("confirm")} == {
        "confirm → record": len(timed),
        "confirm → welcome": len(timed),
    }
    assert timed
    # read again, there is nothing left to do
    again = Course(course.run, Journal.read(journal.path), PLAN, say=lambda _: None)
    again.steady(system)
    assert again.journal.people == journal.people
