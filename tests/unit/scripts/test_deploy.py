import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import click
import pytest
from click.testing import CliRunner, Result

from scripts import account, deploy, plan_review, state_bucket, user_pool
from scripts.functions import Functions
from scripts.plan_review.markdown import LIMIT
from scripts.smoke_test import SmokeTest, SmokeTestError
from tests.unit.scripts.conftest import PACKAGE, FakeTerraform, sentence

FINGERPRINT = "v1-0123456789abcdef"
PLAN = {"format_version": "1.2", "resource_changes": []}


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """The smoke test, which has been run so often."""
    run = MagicMock()
    monkeypatch.setattr(SmokeTest, "run", run)
    return run


@pytest.fixture
def reviewed(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """The review of whatever is planned, with nothing to be said against it."""
    review = MagicMock(stops=[], fingerprint=FINGERPRINT)
    review.markdown.return_value = "A review."
    monkeypatch.setattr(plan_review, "review", MagicMock(return_value=review))
    return review


@pytest.fixture
def finish(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Whether the functions run what was planned: they do."""
    finish = MagicMock(return_value=[])
    monkeypatch.setattr(Functions, "of", lambda _client, _outputs: MagicMock(finish=finish))
    return finish


@pytest.fixture
def changing(
    terraform: FakeTerraform, local_aws: MagicMock, smoke: MagicMock, reviewed: MagicMock, finish: MagicMock
) -> FakeTerraform:
    """A Terraform that plans a change."""
    terraform.answer("plan", code=2)
    terraform.answer("show", stdout=json.dumps(PLAN))
    terraform.answer("output", stdout='{"a": {"value": "x"}}')
    return terraform


def run(*line: str) -> Result:
    return CliRunner().invoke(deploy.main, line)


def test_just_the_plan_that_was_reviewed_is_applied_and_then_tried(
    changing: FakeTerraform, smoke: MagicMock, reviewed: MagicMock
) -> None:
    result = run("deploy")
    assert result.exit_code == 0, result.output
    assert changing.commands == ["init", "plan", "show", "apply", "output"]
    planned, shown, applied = (call["arguments"] for call in changing.calls[1:4])
    assert f"-out={applied[-1]}" in planned
    assert shown[-1] == applied[-1]
    reviewed.show.assert_called_once()
    smoke.assert_called_once_with()


def test_what_to_do_next_is_told_for_the_environment(changing: FakeTerraform) -> None:
    assert "make doctor ENV=dev" in run("deploy", "--env", "dev", "--yes").output
    assert "make doctor " in run("deploy").output
    assert "ENV=" not in run("deploy").output


@pytest.mark.parametrize("command", ["plan", "review", "deploy"])
def test_the_wrong_account_is_refused_before_anything_is_made_built_or_planned(
    changing: FakeTerraform, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(account, "check", MagicMock(side_effect=click.ClickException("Another account.")))
    monkeypatch.setattr(state_bucket, "ensure", MagicMock(side_effect=AssertionError))
    assert sentence(run(command)) == "Another account."
    assert changing.calls == []


def test_where_nothing_changes_nothing_is_asked_or_applied_but_it_is_tried(
    changing: FakeTerraform, smoke: MagicMock
) -> None:
    changing.answer("plan", code=0)
    result = run("deploy", "--env", "dev", "--fingerprint", FINGERPRINT)
    assert result.exit_code == 0
    assert "Nothing to change" in result.output
    assert changing.commands == ["init", "plan", "output"]
    smoke.assert_called_once_with()


@pytest.mark.parametrize("changes", [0, 2], ids=["nothing to change", "applied"])
def test_what_an_earlier_deploy_has_not_finished_is_finished_before_it_is_tried(
    changing: FakeTerraform, smoke: MagicMock, finish: MagicMock, changes: int
) -> None:
    changing.answer("plan", code=changes)
    finish.return_value = ["api", "sweep"]
    smoke.side_effect = finish.assert_called_once
    result = run("deploy")
    assert "An interrupted deploy had not finished api, sweep: now they are." in result.output
    finish.assert_called_once_with(PACKAGE)
    smoke.assert_called_once_with()


def test_what_is_not_applied_is_not_finished_either(changing: FakeTerraform, finish: MagicMock) -> None:
    run("deploy", "--env", "dev")
    changing.answer("apply", code=1)
    run("deploy", "--env", "dev", "--yes")
    finish.assert_not_called()


def test_the_smoke_test_can_be_left_out(changing: FakeTerraform, smoke: MagicMock) -> None:
    assert run("deploy", "--no-smoke-test").exit_code == 0
    smoke.assert_not_called()


def test_a_pool_of_somebody_else_is_not_left_while_it_calls(
    changing: FakeTerraform, smoke: MagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = click.ClickException("Detach it first.")
    monkeypatch.setattr(user_pool, "refuse_to_leave", MagicMock(side_effect=refusal))
    assert sentence(run("deploy")) == "Detach it first."
    assert "apply" not in changing.commands


def test_nobody_is_registered_in_a_pool_of_somebody_else(changing: FakeTerraform, smoke: MagicMock) -> None:
    changing.answer("output", stdout='{"existing_user_pool": {"value": true}}')
    result = run("deploy")
    assert result.exit_code == 0, result.output
    smoke.assert_not_called()
    assert "There is no smoke test" in result.output
    assert "make attach-trigger" in result.output


def test_a_smoke_test_that_fails_is_a_deploy_that_fails(changing: FakeTerraform, smoke: MagicMock) -> None:
    smoke.side_effect = SmokeTestError("There is no record.")
    assert sentence(run("deploy")) == "There is no record."


def test_a_plan_that_the_guard_stops_is_not_applied(changing: FakeTerraform, reviewed: MagicMock) -> None:
    reviewed.stops = [MagicMock()]
    assert run("deploy", "--env", "dev", "--yes").exit_code == deploy.STOPPED
    assert "apply" not in changing.commands


@pytest.mark.parametrize("how", ["option", "shell"])
def test_another_plan_than_the_one_that_was_reviewed_is_refused(
    changing: FakeTerraform, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "shell":
        monkeypatch.setenv("REVIEWED", "v1-another")
    options = ["--fingerprint", "v1-another"] if how == "option" else []
    assert sentence(run("deploy", "--env", "dev", "--yes", *options)) == (
        f"This plan is not the one that was reviewed: its fingerprint is {FINGERPRINT}, and not v1-another. "
        "Review it anew."
    )
    assert "apply" not in changing.commands


@pytest.mark.parametrize("file", ["build/lambda.zip", "build/terraform/dev/plan.tfplan"])
def test_what_another_command_has_made_while_it_asked_is_not_applied(
    changing: FakeTerraform, monkeypatch: pytest.MonkeyPatch, configuration: Path, file: str
) -> None:
    def asked(*_: Any) -> None:
        (configuration.parent / file).write_bytes(b"another")

    monkeypatch.setattr(deploy, "confirm", asked)
    assert sentence(run("deploy", "--env", "dev")).startswith(
        "Another command in this folder has made a plan"
    )
    assert "apply" not in changing.commands


def test_what_another_command_packs_during_the_apply_is_given_to_no_function(
    changing: FakeTerraform, finish: MagicMock, configuration: Path
) -> None:
    package = configuration.parent / "build/lambda.zip"
    changing.answer("apply", files={str(package): "what is being written"})
    assert run("deploy").exit_code == 0
    finish.assert_called_once_with(PACKAGE)


def test_a_package_that_is_not_there_is_named(changing: FakeTerraform, configuration: Path) -> None:
    (configuration.parent / "build/lambda.zip").unlink()
    assert sentence(run("deploy")).endswith(
        "build/lambda.zip (lambda_package_path) cannot be read: No such file or directory."
    )


def test_a_state_that_could_not_be_saved_is_kept_and_saved_by_the_next_deploy(
    changing: FakeTerraform, configuration: Path
) -> None:
    changing.answer("apply", code=1, files={"errored.tfstate": "what was made"})
    result = run("deploy", "--env", "dev", "--yes")
    kept = configuration / "dev.errored.tfstate"
    assert kept.read_text() == "what was made"
    assert f"What was made is in {kept}, which the next deploy from here saves" in result.output

    changing.answer("apply")
    changing.answer("state", code=1, stderr="Error: expired")
    assert "terraform state push failed" in run("deploy", "--env", "dev", "--yes").output
    assert kept.exists()
    assert run("deploy").exit_code == 0, "it is not of the other environment"
    assert kept.exists()

    changing.answer("state")
    before = len(changing.calls)
    assert run("deploy", "--env", "dev", "--yes").exit_code == 0
    _, saved, planned, *_ = changing.calls[before:]
    assert saved["arguments"] == ["state", "push", "-lock-timeout=5m", "-no-color", str(kept)]
    assert planned["arguments"][0] == "plan"
    assert not kept.exists()


def test_a_state_of_nobody_knows_which_environment_is_not_taken_for_ones_own(
    changing: FakeTerraform, configuration: Path
) -> None:
    (configuration / "errored.tfstate").touch()
    assert "name it dev.errored.tfstate if 'dev' is" in sentence(run("deploy", "--env", "dev", "--yes"))
    assert changing.commands == ["init"]


def test_the_reviewed_plan_is_applied(changing: FakeTerraform) -> None:
    assert run("deploy", "--env", "dev", "--yes", "--fingerprint", FINGERPRINT).exit_code == 0
    assert "apply" in changing.commands


def test_without_a_terminal_and_a_yes_nothing_is_applied(changing: FakeTerraform) -> None:
    assert (
        sentence(run("deploy", "--env", "dev")) == "There is nobody to ask; look at the plan and say YES=1."
    )
    assert "apply" not in changing.commands


@pytest.mark.parametrize(("yes", "applied"), [("1", True), ("0", False), ("", False)])
def test_a_yes_from_the_shell_is_enough(
    changing: FakeTerraform, monkeypatch: pytest.MonkeyPatch, yes: str, applied: bool
) -> None:
    monkeypatch.setenv("YES", yes)
    run("deploy", "--env", "dev")
    assert ("apply" in changing.commands) is applied


def test_an_apply_that_fails_says_that_it_may_be_run_again(changing: FakeTerraform, smoke: MagicMock) -> None:
    changing.answer("apply", code=1, stderr="Error: no")
    result = run("deploy")
    assert result.exit_code == 1
    assert result.output.endswith("What was made is in the state: mend the reason and run this again.\n")
    smoke.assert_not_called()


def test_a_plan_that_would_change_something_is_no_failure_and_is_reviewed(
    changing: FakeTerraform, reviewed: MagicMock
) -> None:
    reviewed.stops = [MagicMock()]
    assert run("plan").exit_code == 0
    reviewed.show.assert_called_once()


@pytest.mark.parametrize("command", ["plan", "review"])
@pytest.mark.parametrize("code", [0, 2])
def test_who_asks_for_it_gets_an_exit_code_of_two_for_changes(
    changing: FakeTerraform, command: str, code: int
) -> None:
    changing.answer("plan", code=code)
    assert run(command, "--detailed-exitcode").exit_code == code
    assert run(command).exit_code == 0


def test_a_review_is_written_with_its_summary(
    changing: FakeTerraform, reviewed: MagicMock, tmp_path: Path
) -> None:
    markdown, summary = tmp_path / "review.md", tmp_path / "review.json"
    result = run("review", "--env", "dev", "--output", str(markdown), "--summary", str(summary))
    assert (result.exit_code, result.output) == (0, f"{FINGERPRINT}\n")
    assert markdown.read_text() == "A review."
    reviewed.markdown.assert_called_once_with(title="dev", limit=LIMIT - deploy.ROOM)
    assert json.loads(summary.read_text()) == {
        "environment": "dev",
        "changes": True,
        "stopped": False,
        "fingerprint": FINGERPRINT,
    }


def test_a_review_of_what_the_guard_stops_is_written_too(
    changing: FakeTerraform, reviewed: MagicMock, tmp_path: Path
) -> None:
    reviewed.stops = [MagicMock()]
    summary = tmp_path / "review.json"
    result = run("review", "--summary", str(summary))
    assert result.exit_code == deploy.STOPPED
    assert result.output == f"A review.\n{FINGERPRINT}\n"
    assert json.loads(summary.read_text())["stopped"] is True


@pytest.mark.parametrize("command", ["plan", "review", "deploy"])
def test_what_the_guard_is_to_let_pass_comes_from_options_or_the_shell(
    changing: FakeTerraform, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def allowed() -> Any:
        return plan_review.review.call_args.kwargs["allow"]  # type: ignore[attr-defined]  # a mock by now

    run(command, "--allow", "one", "--allow", 'two=a.b["c d"]')
    assert allowed() == ("one", 'two=a.b["c d"]')
    monkeypatch.setenv("GUARD_ALLOW", 'one two=a.b["c d\\" e"] three')
    run(command)
    assert allowed() == ("one", 'two=a.b["c d\\" e"]', "three")


def test_the_teams_own_rules_are_used_where_there_are_any(
    changing: FakeTerraform, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "TERRAFORM", configuration)

    def rules() -> Any:
        run("plan")
        return plan_review.review.call_args.kwargs["rules"]  # type: ignore[attr-defined]  # a mock by now

    assert rules() == []
    (configuration / "guard.toml").touch()
    assert rules() == [configuration / "guard.toml"]


def test_the_lock_that_a_killed_run_has_left_is_released_if_that_is_meant(changing: FakeTerraform) -> None:
    assert sentence(run("unlock", "--env", "dev", "--lock", "an-id")).startswith("There is nobody to ask")
    assert "force-unlock" not in changing.commands
    assert run("unlock", "--env", "dev", "--lock", "an-id", "--yes").exit_code == 0
    assert changing.calls[-1]["arguments"] == ["force-unlock", "-force", "an-id"]
