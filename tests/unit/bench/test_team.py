"""What a report of the tests says, and what is made of an apply."""

from pathlib import Path

import pytest

from tests.bench.result import Result
from tests.bench.system import Spent, Step
from tests.bench.team import report_of, result
from tests.page import Paragraph

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites>
<testsuite name="pytest" tests="4" failures="2" errors="1" time="50.5" timestamp="2026-11-25T14:00:00+00:00">
<testcase classname="tests.unit.scripts.test_a" name="test_one[sns-x]" time="1.5" />
<testcase classname="tests.integration.test_api" name="test_two[sns]" time="60" />
<testcase classname="tests.integration.test_api" name="test_two[ses-3]" time="20" />
<testcase classname="tests.terraform.test_root" name="test_three" time="10"><skipped /></testcase>
</testsuite></testsuites>
"""


@pytest.fixture
def shown(tmp_path: Path) -> Result:
    report = tmp_path / "tests.xml"
    report.write_text(REPORT)
    steps = [Step("a", 0, 25), Step("b", 0, 5), Step("c", 25, 45)]
    fetched = {"uv": [1.0], "pip": [4.0]}
    return result({"apply": Spent(50, 25)}, {"apply": steps}, report_of(report), fetched)


def test_tests_are_summed_by_part_the_longest_first(shown: Result) -> None:
    assert list(shown.data["tests"]["parts"].items()) == [
        ("integration, SNS", 60),
        ("integration, SES", 20),
        ("terraform", 10),
        ("unit", 1.5),
    ]


def test_what_runs_side_by_side_is_compared_with_one_after_the_other(shown: Result) -> None:
    fetched, apply, tests = shown.rows
    assert fetched.ratio
    assert fetched.ratio.value == 0.25
    assert apply.ratio
    assert apply.ratio.value == 1
    assert tests.ratio
    assert tests.ratio.value == pytest.approx(50.5 / 91.5)


def test_a_run_that_failed_is_not_taken_for_a_good_one(shown: Result) -> None:
    told = [block.text for block in shown.blocks if isinstance(block, Paragraph)]
    assert any("4 of them; 3 failed" in text for text in told)


def test_cores_that_were_busy_are_processor_time_by_time() -> None:
    assert Spent(seconds=10, processor=15).cores == 1.5
