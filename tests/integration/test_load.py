"""What `make load` is made of: a few people, on the deployed system."""

import secrets
from pathlib import Path

from tests.deployment import Deployment
from tests.integration.conftest import ONCE
from tests.load.course import Course, Plan
from tests.load.journal import CONFIRMED, SIGNED_UP, Journal
from tests.load.report import Report

PLAN = Plan(ways=("ses", "ses"), rate=10, seconds=2)


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
    assert 5 < came < 40
    assert (found.verdict.records, found.verdict.welcomes, found.verdict.states) == (
        came,
        came,
        {"SENT": came},
    )
    data = Report(course, found).data()
    assert {latency["of"]: latency["count"] for latency in data["latencies"]} == {
        "sign-up → answer": came,
        "confirm → record": came,
        "confirm → welcome": came,
    }
    # read again, there is nothing left to do
    again = Course(course.run, Journal.read(journal.path), PLAN, say=lambda _: None)
    again.steady(system)
    assert {SIGNED_UP, CONFIRMED} == set.intersection(*(set(one.done) for one in again.journal.everybody()))
    assert len(again.journal.people) == came
