"""A loss, a repetition and a mail to somebody else are seen, each as what it is."""

from dataclasses import replace
from typing import Any

import pytest

from scripts.person import VERIFICATION, WELCOME, Mail
from tests.load.verdict import Verdict, judge, person

RUN, MARK = "a1b2c3", "LOAD-A1B2C3"
NAMES = [person(RUN, number).username for number in range(3)]
RECORDS = [{"UserID": name, "Email": f"{name}@example.com"} for name in NAMES]
ROWS: list[dict[str, Any]] = [
    {"NotificationID": f"welcome#{name}", "UserID": name, "State": "SENT"} for name in NAMES
] + [{"NotificationID": f"app#{MARK}", "Count": 3, "State": "FANNED_OUT"}]


def mail(name: str, subject: str, text: str) -> Mail:
    return Mail([f"{name}@example.com"], subject, f"Hello {name}, {text}", 1.0)


WELCOMES = [mail(name, WELCOME, "welcome") for name in NAMES]
SALES = [mail(name, "Sale", MARK) for name in NAMES]
CODES = [Mail([f"{name}@example.com"], VERIFICATION, "123456", 1.0) for name in NAMES]
ELSEWHERE = [Mail(["someone@example.com"], WELCOME, "Hello someone,", 1.0)]


def judged(
    came: list[str] = NAMES,
    confirmed: list[str] = NAMES,
    records: list[dict[str, Any]] = RECORDS,
    rows: list[dict[str, Any]] = ROWS,
    mails: list[Mail] | None = None,
    refused: int = 0,
) -> Verdict:
    there = [*CODES, *WELCOMES, *SALES, *ELSEWHERE] if mails is None else mails
    return judge(RUN, came, confirmed, records, rows, there, MARK, refused)


def test_where_all_is_well_nothing_is_wrong() -> None:
    verdict = judged()
    assert verdict.wrong == {}
    assert (verdict.confirmed, verdict.records, verdict.welcomes, verdict.broadcasts) == (3, 3, 3, 3)


WRONG: dict[str, dict[str, Any]] = {
    "nobody": {"came": [], "confirmed": [], "records": [], "rows": [], "mails": []},
    "lost_on_the_way": {"came": [*NAMES, person(RUN, 3).username]},
    "without_record": {"records": RECORDS[:2]},
    "wrong_record": {"records": [*RECORDS[:2], RECORDS[2] | {"Email": f"{NAMES[0]}@example.com"}]},
    "unconfirmed_record": {"came": NAMES[:2], "confirmed": NAMES[:2]},
    "without_welcome": {"mails": [*CODES, *WELCOMES[:2], *SALES]},
    "welcomed_twice": {"mails": [*CODES, *WELCOMES, WELCOMES[0], *SALES]},
    "wrong_address": {
        "mails": [*CODES, *WELCOMES, *SALES, replace(CODES[0], text=f"This is what {NAMES[1]} got.")]
    },
    "without_broadcast": {"mails": [*CODES, *WELCOMES, *SALES[:2]]},
    "broadcast_twice": {"mails": [*CODES, *WELCOMES, *SALES, SALES[2]]},
    "not_final": {"rows": [*ROWS[:2], ROWS[2] | {"State": "RETRY"}, ROWS[3]]},
    "refused": {"refused": 1},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_seen_as_what_it_is(name: str) -> None:
    assert judged(**WRONG[name]).wrong == {name: 1}


def test_all_that_must_be_none_can_be_seen_not_to_be() -> None:
    assert set(Verdict.MUST_BE_NONE) == WRONG.keys()


def test_a_mail_to_somebody_else_is_one_who_lacks_it_and_one_who_has_two() -> None:
    gone_astray = replace(WELCOMES[0], to=WELCOMES[1].to)
    wrong = judged(mails=[*CODES, gone_astray, *WELCOMES[1:], *SALES]).wrong
    assert wrong == {"wrong_address": 1, "without_welcome": 1, "welcomed_twice": 1}


def test_a_mail_to_two_people_is_a_wrong_one() -> None:
    both = replace(SALES[0], to=[*SALES[0].to, "someone@example.com"])
    assert judged(mails=[*CODES, *WELCOMES, both, *SALES[1:]]).wrong == {"wrong_address": 1}


def test_a_name_of_ours_at_an_address_of_nobody_is_a_wrong_one() -> None:
    astray = replace(WELCOMES[0], to=["someone@example.com"])
    assert judged(mails=[*CODES, *WELCOMES, *SALES, astray]).wrong == {"wrong_address": 1}


def test_a_broadcast_that_goes_on_is_not_final() -> None:
    assert judged(rows=[*ROWS[:3], ROWS[3] | {"State": "FANNING_OUT"}]).wrong == {"not_final": 1}


def test_people_of_another_run_are_not_looked_at() -> None:
    other = person("ffffff", 1).username
    assert judged(confirmed=[*NAMES, other]).wrong == {}


def test_rows_that_are_jobs_of_the_system_are_not_looked_at() -> None:
    job = {"NotificationID": "reconciliation", "State": "RECONCILING"}
    assert judged(rows=[*ROWS, job]).wrong == {}
