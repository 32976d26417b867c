"""The same change has the same fingerprint, wherever and whenever Terraform plans it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.environment import TERRAFORM
from scripts.plan_review.fingerprint import fingerprint
from scripts.plan_review.plan import Plan
from scripts.terraform import Terraform
from tests.plan_review.conftest import Json, variables
from tests.terraform.conftest import OFFLINE, UNREACHABLE


def of(plan: Json) -> str:
    return fingerprint(Plan.of(plan))


@pytest.mark.parametrize("name", ["aws", "builtin"])
def test_planned_elsewhere_from_a_set_that_is_written_in_another_order(
    plans: Mapping[str, Json], name: str
) -> None:
    assert of(plans[name]) == of(plans[f"{name} again"])


def test_planned_later(plans: Mapping[str, Json]) -> None:
    first, second = plans["aws"], plans["aws again"]

    assert first["timestamp"] < second["timestamp"]
    assert of(first) == of(second)


def test_every_plan_has_its_own(plans: Mapping[str, Json]) -> None:
    different = [plan for name, plan in plans.items() if not name.endswith(" again")]

    assert len({of(plan) for plan in different}) == len(different)


def test_of_this_project_wherever_its_checkout_and_its_package_are(tmp_path: Path) -> None:
    plans: list[Json] = []
    for checkout in ("laptop", "ci"):
        folder = tmp_path / checkout / "terraform"
        if plans:
            shutil.copytree(tmp_path / "laptop" / "terraform", folder, symlinks=True)
        else:
            ignored = shutil.ignore_patterns(".terraform", "terraform.tfstate*")
            shutil.copytree(TERRAFORM, folder, ignore=ignored)
            (folder / "offline_override.tf").write_text(OFFLINE)
            Terraform(folder, variables(UNREACHABLE)).init()
        package = tmp_path / checkout / "lambda.zip"
        package.write_bytes(b"what the functions are made of")
        terraform, saved = Terraform(folder, variables(UNREACHABLE)), tmp_path / checkout / "saved.tfplan"
        terraform.plan(
            out=saved,
            var_files=[folder / "environments" / "dev" / "terraform.tfvars"],
            variables={"lambda_package_path": str(package)},
        )
        plans.append(terraform.show(saved))

    functions = [
        change["change"]["after"]["filename"]
        for plan in plans
        for change in plan["resource_changes"]
        if change["type"] == "aws_lambda_function"
    ]
    assert {*functions} == {str(tmp_path / checkout / "lambda.zip") for checkout in ("laptop", "ci")}
    assert of(plans[0]) == of(plans[1])
