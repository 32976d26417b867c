import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from scripts.plan_review import review
from scripts.plan_review.__main__ import main
from scripts.plan_review.plan import PlanError
from tests.unit.scripts.plan_review.test_plan import change, document

TABLE = {"type": "aws_dynamodb_table", "name": "users", "address": "aws_dynamodb_table.users"}
DESTROYED = document(change("delete", before={"name": "users"}, entry=TABLE))
UPDATED = document(change("update", before={"delay_seconds": 0}, after={"delay_seconds": 5}))


def run(plan: Any, *options: str) -> Result:
    text = plan if isinstance(plan, str | bytes) else json.dumps(plan)
    return CliRunner().invoke(main, options, input=text)


def test_nothing_stops_a_plan_that_loses_nothing() -> None:
    done = run(UPDATED, "--title", "prod")
    assert done.exit_code == 0
    assert done.output == review(UPDATED).markdown(title="prod")
    assert "! delay_seconds: 0 → 5" in done.output


def test_the_guard_stops_a_plan_with_an_exit_code_of_its_own() -> None:
    done = run(DESTROYED)
    assert done.exit_code == 3
    assert "**data-destroyed**" in done.output


@pytest.mark.parametrize("allowed", ["data-destroyed", "data-destroyed=aws_dynamodb_table.users"])
def test_what_is_allowed_by_name_is_shown_and_does_not_stop_it(allowed: str) -> None:
    done = run(DESTROYED, "--allow", allowed)
    assert done.exit_code == 0
    assert "**Overridden:**" in done.output
    assert "**data-destroyed**" in done.output


def test_what_is_allowed_for_another_resource_stops_it_all_the_same() -> None:
    done = run(DESTROYED, "--allow", "data-destroyed=aws_dynamodb_table.others")
    assert done.exit_code == 3
    assert "`data-destroyed=aws_dynamodb_table.others`" in done.output


def test_a_team_adds_rules_of_its_own(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "no-delay"\nsays = "It would wait."\ndo = "Do not."\n'
        '[[rule.match]]\ntypes = ["aws_sqs_queue"]\nchanged = ["delay_seconds"]\n'
    )
    done = run(UPDATED, "--rules", str(rules))
    assert done.exit_code == 3
    assert "**no-delay**: It would wait. Do not." in done.output


def test_the_review_goes_where_it_is_to_also_when_the_plan_is_stopped(tmp_path: Path) -> None:
    plan, target = tmp_path / "plan.json", tmp_path / "review.md"
    plan.write_text(json.dumps(DESTROYED))
    done = CliRunner().invoke(main, [str(plan), "--output", str(target)])
    assert (done.exit_code, done.output) == (3, "")
    assert target.read_text("utf-8") == review(DESTROYED).markdown(title="plan")


def test_the_fingerprint_alone_is_one_line() -> None:
    done = run(DESTROYED, "--fingerprint")
    assert (done.exit_code, done.output) == (0, f"{review(DESTROYED).fingerprint}\n")


def test_a_key_makes_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    without = review(DESTROYED).fingerprint
    monkeypatch.setenv("FINGERPRINT_KEY", "some key")
    assert without != review(DESTROYED).fingerprint == review(DESTROYED, key="some key").fingerprint
    assert without == review(DESTROYED, key="").fingerprint


@pytest.mark.parametrize(
    ("plan", "options", "said"),
    [
        ("no JSON", (), "Error: This is not JSON (line 1): give it what `terraform show -json PLAN` prints"),
        (b"\xff\xfe\x00", (), "Error: This is not JSON"),
        ({"format_version": "1.0", "values": {}}, (), "Error: This is a state and not a plan"),
    ],
)
def test_what_cannot_be_reviewed_is_refused_in_one_sentence(
    plan: Any, options: tuple[str, ...], said: str
) -> None:
    done = run(plan, *options)
    assert done.exit_code == 1
    assert done.output.startswith(said)
    assert done.output.count("\n") == 1


@pytest.mark.parametrize(
    "options", [("nowhere.json",), ("--rules", "nowhere.toml"), ("--title", "x" * 101), ("--format", "html")]
)
def test_wrong_usage_has_the_usual_exit_code(options: tuple[str, ...]) -> None:
    assert run(UPDATED, *options).exit_code == 2


def test_exit_codes_are_in_the_help() -> None:
    assert "3, the guard stops it" in " ".join(run("", "--help").output.split())


def shown(plan: Any, **options: Any) -> str:
    output = StringIO()
    review(plan, **options).show(Console(file=output, width=40))
    return output.getvalue()


def test_a_terminal_gets_a_line_for_each_resource_and_what_the_guard_says() -> None:
    again = change("delete", "create", before={"name": "a"}, after={"name": "b"}, replace_paths=[["name"]])
    text = shown(document(*DESTROYED["resource_changes"], again), allow=["messages-lost", "some-rule"])
    assert text.splitlines()[:2] == [
        "destroy  aws_dynamodb_table.users",
        "replace  aws_sqs_queue.q  (name forces it; the old one goes first)",
    ]
    for said in (
        "Stopped: data-destroyed",
        "  data-destroyed=aws_dynamodb_table.users",
        "Overridden: messages-lost",
        "Allowed by name, and not needed: some-rule",
        "1 to destroy, 1 to replace.",
        f"Fingerprint {review(document(*DESTROYED['resource_changes'], again)).fingerprint}",
    ):
        assert said in text


def test_a_terminal_gets_no_control_characters_and_no_markup() -> None:
    entry = {"address": 'x["\x1b[31m[bold]\u202e"]', "previous_address": "\x07"}
    (line, *_) = shown(document(change("no-op", entry=entry))).splitlines()
    assert line == 'move     x["\\x1b[31m[bold]\\u202e"]  (moved from \\x07)'


def test_a_plan_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(PlanError):
        review({})
