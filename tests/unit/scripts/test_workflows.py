"""The workflows do nothing that the Makefile does not, and may do nothing that they need not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.environment import LOCAL, ROOT, names
from scripts.github.__main__ import main
from tests.unit.scripts.test_makefile import PHONY

Json = dict[str, Any]

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOWS: dict[str, Json] = {file.stem: yaml.safe_load(file.read_text()) for file in FILES}
# the steps of the others are those of the workflow that they call
CALLING = [("deploy", "dev"), ("deploy", "prod")]
JOBS = [
    job
    for name, workflow in WORKFLOWS.items()
    for job in ((name, key) for key in workflow["jobs"])
    if job not in CALLING
]
# what a workflow hands to the shell beside a target; the file's name is in a variable
KEPT = re.compile(r' \| tee "\$FINDINGS"$')
MAY: dict[tuple[str, str], dict[str, str]] = {
    ("checks", "check"): {"contents": "read"},
    ("deploy-environment", "deploy"): {"contents": "read", "id-token": "write", "pull-requests": "read"},
    ("drift", "look"): {"contents": "read", "id-token": "write", "issues": "write"},
    ("plan", "plan"): {"contents": "read", "id-token": "write", "pull-requests": "write"},
}
DEPLOY = ("deploy-environment", "deploy")
WITH_ROLE = [job for job, permissions in MAY.items() if "id-token" in permissions]

each_job = pytest.mark.parametrize("job", JOBS, ids="/".join)
each_with_role = pytest.mark.parametrize("job", WITH_ROLE, ids="/".join)
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def of(job: tuple[str, str]) -> Json:
    name, key = job
    found: Json = WORKFLOWS[name]["jobs"][key]
    return found


def runs() -> Iterator[str]:
    for job in JOBS:
        yield from (step["run"] for step in of(job)["steps"] if "run" in step)


def triggers(name: str) -> Json:
    """YAML reads the key `on` as a truth value."""
    found: Json = WORKFLOWS[name][True]  # type: ignore[index]  # that one is no text
    return found


def test_all_that_is_run_is_a_target_of_the_makefile() -> None:
    for line in runs():
        command, target, *arguments = KEPT.sub("", line).split(" ")
        assert (command, target in PHONY) == ("make", True), line
        assert [f"DO={do}" for do in main.commands if f"DO={do}" in arguments] == arguments, line


def test_every_command_that_talks_to_github_is_used() -> None:
    assert {line.partition("DO=")[2] for line in runs() if "DO=" in line} == set(main.commands)


def test_the_workflows_lint_test_plan_review_deploy_and_look() -> None:
    done = {KEPT.sub("", line) for line in runs()}
    assert done >= {f"make {it}" for it in ("lint", "test", "plan-review", "deploy", "drift", "doctor")}


@each_file
def test_actions_are_pinned_by_commit_with_their_version_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (?!\$/)(.*)", file.read_text())
    assert used or file.stem == "deploy"
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_an_action_is_the_same_one_everywhere() -> None:
    used = {action for file in FILES for action in re.findall(r"uses: (?!\$/)(.*)", file.read_text())}
    assert len(used) == len({action.split("@")[0] for action in used})


@each_file
def test_no_secret_is_used_and_nothing_is_pasted_into_a_shell(file: Path) -> None:
    assert "secrets" not in file.read_text()
    assert "pull_request_target" not in file.read_text()
    assert [line for line in runs() if "${{" in line] == []


@each_job
def test_a_job_may_do_what_it_needs_and_nothing_else(job: tuple[str, str]) -> None:
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
    assert of(job)["permissions"] == MAY[job]


@each_job
def test_a_job_ends_and_leaves_no_token_behind(job: tuple[str, str]) -> None:
    assert of(job)["timeout-minutes"] <= 60
    (checkout,) = [step for step in of(job)["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["persist-credentials"] is False


@each_with_role
def test_a_job_of_aws_is_there_for_each_environment(job: tuple[str, str]) -> None:
    if job == DEPLOY:
        found = [of(caller)["with"]["environment"] for caller in CALLING]
    else:
        found = of(job)["strategy"]["matrix"]["environment"]
    assert sorted(found) == [name for name in names() if name != LOCAL]
    assert of(job)["env"]["ENV"] in ("${{ matrix.environment }}", "${{ inputs.environment }}")


@each_with_role
def test_a_job_takes_on_the_role_that_trusts_its_subject(job: tuple[str, str]) -> None:
    """A job in a GitHub environment has that as its subject; all others have their pull request or branch."""
    assert of(job).get("environment") == ("${{ inputs.environment }}" if job == DEPLOY else None)
    (role,) = [step for step in of(job)["steps"] if step.get("run") == "make github DO=role"]
    assert role["env"] == {"ROLE": {"deploy-environment": "deploy", "drift": "look", "plan": "plan"}[job[0]]}
    (credentials,) = [step for step in of(job)["steps"] if "role-to-assume" in step.get("with", {})]
    assert credentials["with"] == {
        "role-to-assume": "${{ steps.role.outputs.arn }}",
        "aws-region": "${{ steps.role.outputs.region }}",
    }


def test_no_job_is_without_a_test() -> None:
    assert {*MAY, *CALLING} == {
        (name, key) for name, workflow in WORKFLOWS.items() for key in workflow["jobs"]
    }


def test_no_two_deploys_run_at_once_and_none_is_interrupted() -> None:
    assert of(DEPLOY)["concurrency"] == {
        "group": "deploy-${{ inputs.environment }}",
        "cancel-in-progress": False,
        "queue": "max",
    }
    assert WORKFLOWS["plan"]["concurrency"]["cancel-in-progress"] is False, "it may hold the state's lock"


def test_what_is_deployed_is_what_is_merged_or_what_somebody_names() -> None:
    assert triggers("deploy").keys() == {"push", "workflow_dispatch"}
    assert triggers("deploy")["push"]["branches"] == ["main"]
    assert triggers("deploy")["workflow_dispatch"]["inputs"]["fingerprint"]["required"] is True
    (reviewed,) = [step for step in of(DEPLOY)["steps"] if step.get("id") == "reviewed"]
    assert "if" not in reviewed, "without its word nothing is deployed"
    *_, deploy = of(DEPLOY)["steps"]
    assert deploy["run"] == "make deploy"
    assert deploy["env"]["FINGERPRINT"] == "${{ steps.reviewed.outputs.fingerprint }}"


@pytest.mark.parametrize("caller", CALLING, ids="/".join)
def test_each_environment_is_deployed_in_the_same_way(caller: tuple[str, str]) -> None:
    job = of(caller)
    assert job["uses"] == "$/.github/workflows/deploy-environment.yml"
    assert job["permissions"] == MAY[DEPLOY]
    assert job["with"] == {"environment": caller[1]}
    assert triggers("deploy-environment").keys() == {"workflow_call"}


def test_prod_waits_until_dev_is_deployed() -> None:
    """A job of a matrix that is cancelled before it began has not failed, and stops no other."""
    prod = of(("deploy", "prod"))
    assert prod["needs"] == "dev"
    assert "!inputs.environment && needs.dev.result == 'success'" in prod["if"]


def test_a_pull_request_of_a_fork_is_checked_and_gets_no_credentials() -> None:
    assert "if" not in of(("checks", "check"))
    assert "id-token" not in MAY[("checks", "check")]
    assert "head.repo.full_name == github.repository" in of(("plan", "plan"))["if"]


def test_a_review_is_written_also_when_the_plan_has_failed() -> None:
    *_, last = of(("plan", "plan"))["steps"]
    assert last["run"] == "make github DO=review"
    assert last["if"] == "${{ !cancelled() }}"
