"""Each module alone, from git: its README's example is planned, applied, planned again and destroyed."""

import json
import shutil
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_terraform import terraform, tf

from scripts.environment import Environment
from scripts.terraform import Terraform
from tests.inventory import everything
from tests.terraform.conftest import GIT, MODULES, Contract, Made

# what is to be shared between processes cannot be loaded again; all of this file runs in one
terraform.scope_class_map["session"] = tf.TerraformFixture
# pytest-terraform's fixture `examples`; a test of this file destroys, since it looks at what is left
terraform("examples", scope="session", teardown=terraform.TEARDOWN_OFF)


@dataclass(frozen=True)
class Applied:
    """The examples after their apply.

    before, after: the names of all that there was.
    again: a second plan.
    """

    runner: Any
    before: set[str]
    after: set[str]
    again: dict[str, Any]


@pytest.fixture(scope="module")
def applied(
    examples_folder: Path,
    root_made: Future[Made],
    contracts: dict[str, Future[Contract]],
    local_aws: Environment,
    request: pytest.FixtureRequest,
) -> Applied:
    """Most of this is waiting for queues; root_made and contracts, for other files, run meanwhile."""
    tf.LazyModuleDir.value = str(examples_folder.parent)
    tf.LazyTfBin.value = shutil.which("terraform")  # else a tofu on the PATH would go first
    before = everything(local_aws)
    runner = request.getfixturevalue("examples").terraform
    after = everything(local_aws)
    second = Terraform(examples_folder, local_aws.variables, data_dir=Path(runner.work_dir))
    plan = examples_folder / "again.tfplan"
    second.plan(state=Path(runner.state_path), out=plan)
    return Applied(runner, before, after, second.show(plan))


def test_the_modules_are_taken_from_a_git_repository(applied: Applied) -> None:
    """And those that they call, as their neighbours."""
    if not GIT:
        pytest.skip("git is not installed: the modules were taken from their folders")
    manifest = json.loads(Path(applied.runner.work_dir, "modules/modules.json").read_text())
    sources = {call["Key"]: call["Source"] for call in manifest["Modules"] if call["Key"].count(".") == 1}
    assert {key.partition(".")[0] for key in sources} == set(MODULES)
    assert [key for key, source in sources.items() if not source.startswith("git::file://")] == []


@pytest.mark.parametrize("module", MODULES)
def test_example_is_applied(applied: Applied, module: str) -> None:
    assert [name for name in applied.after - applied.before if f"readme-{module}" in name]


@pytest.mark.parametrize("module", MODULES)
def test_plan_after_the_apply_is_empty(applied: Applied, module: str) -> None:
    of_module = [r for r in applied.again["resource_changes"] if r["address"].startswith(f"module.{module}.")]

    assert of_module
    assert [r for r in of_module if r["change"]["actions"] not in (["no-op"], ["read"])] == []


def test_destroy_leaves_nothing(applied: Applied, local_aws: Environment) -> None:
    applied.runner.destroy()

    assert everything(local_aws) == applied.before
