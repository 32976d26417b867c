"""The table of what came of the trials."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

import tests.faults.__main__ as program
from tests.faults import report
from tests.faults.fault_point import Fault
from tests.faults.matrix import Result, Trial
from tests.faults.scenario import scenarios
from tests.faults.way import chosen
from tests.ways import Ways


def result(call: str, fault: Fault, *, duplicates: int = 0, wrong: str = "", nth: int | None = 1) -> Result:
    return Result(Trial("ses", "deliver: a mail", "deliver", call, nth, fault), duplicates, wrong)


RESULTS = [
    result("ses:SendEmail", Fault.RESET_AFTER, duplicates=2),
    result("ses:SendEmail", Fault.RESET_AFTER, nth=None),
    result("ses:SendEmail", Fault.FAILED, wrong="no record"),
    result("ses:SendEmail", Fault.FAILED, nth=None),
    result("kms:GenerateMac", Fault.SLOW),
]


def test_trials_of_a_call_and_a_fault_are_one_cell() -> None:
    cells = report.cells(RESULTS)
    assert list(cells) == [("deliver", "kms:GenerateMac"), ("deliver", "ses:SendEmail")]
    assert {fault: str(each) for fault, each in cells["deliver", "ses:SendEmail"].items() if each.cases} == {
        Fault.RESET_AFTER: "2 dup in 1 of 2",
        Fault.FAILED: "WRONG 1 of 2",
    }
    assert str(cells["deliver", "kms:GenerateMac"][Fault.SLOW]) == "ok 1"


def test_what_a_busy_machine_has_disturbed_is_told() -> None:
    assert report.page(RESULTS, "").html().count("done again") == 0
    assert "1 done again" in report.page([*RESULTS, replace(RESULTS[0], repeated=2)], "").html()


def test_the_table_is_for_the_terminal_a_page_and_programs(tmp_path: Path) -> None:
    report.write(RESULTS, "make test-faults", tmp_path / "faults.html", tmp_path / "faults.json")
    html = (tmp_path / "faults.html").read_text()
    console = Console(width=250, record=True, file=io.StringIO())
    console.print(report.terminal(RESULTS))
    for shown in (html, console.export_text()):
        for word in ("ses:SendEmail", "reset after", "2 dup in 1 of 2", "WRONG 1 of 2", "5 trials: 1 wrong"):
            assert word in shown
    assert "no record" in html
    data = json.loads((tmp_path / "faults.json").read_text())
    assert data["all"] == {"cases": 5, "twice": 1, "duplicates": 2, "wrong": 1}
    assert [Result.from_json(each) for each in data["trials"]] == RESULTS


@pytest.mark.parametrize(
    ("results", "errors", "exit_code"),
    [(RESULTS, [], 1), (RESULTS[:2], [], 0), (RESULTS[:2], ["sns: it ended"], 1), ([], [], 1)],
)
def test_the_program_fails_when_something_was_wrong_or_nothing_was_tried(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    results: list[Result],
    errors: list[str],
    exit_code: int,
) -> None:
    def run(ways: Ways) -> list[Result]:
        ways.errors += errors
        return results

    monkeypatch.setattr(program, "run", run)
    monkeypatch.setattr(program, "ROOT", tmp_path)
    monkeypatch.setattr(program, "PAGE", tmp_path / "faults.html")
    monkeypatch.setattr(program, "DATA", tmp_path / "faults.json")
    done = CliRunner().invoke(program.main, ["--only", "SendEmail"])
    assert done.exit_code == exit_code, done.output
    assert ("ses / deliver: a mail / ses:SendEmail / 500 (once, 1)" in done.output) == (results is RESULTS)
    assert "Traceback" not in done.output
    assert "make test-faults ARGS=" in (tmp_path / "faults.html").read_text()


def test_a_trial_by_its_whole_name_runs_its_scenario_alone() -> None:
    some = scenarios("sns")[0]
    assert chosen("sns", [f"sns / {some} / kms:GenerateMac / 500 (once, 1)"]) == [some]
    assert chosen("ses", [f"sns / {some} / kms:GenerateMac / 500 (once, 1)"]) == []
    assert chosen("ses", ["GenerateMac"]) == scenarios("ses")
