"""What the roles of terraform/deploy_role may do, as an apply to a made-up AWS makes them."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from scripts import environment
from scripts.deploy_role import FOLDER
from scripts.environment import load_hcl
from scripts.terraform import Terraform
from tests.terraform.conftest import OFFLINE, UNREACHABLE, Made, run_tests

Json = dict[str, Any]


def make(folder: Path, variables: Mapping[str, str] | None = None) -> Made:
    """Applies the configuration in a folder of its own; returns the resources by case."""
    copy = folder / "deploy_role"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".terraform"))
    shutil.copy(Path(__file__).parent / "terraform/deploy_role.tftest.hcl", copy)
    (copy / "offline_override.tf").write_text(OFFLINE)
    variables = variables or environment.local(UNREACHABLE).variables
    Terraform(copy, variables).init()
    return run_tests(copy, variables)


@dataclass(frozen=True)
class Roles:
    """The roles and the boundary of one case."""

    resources: list[Json]

    def _values(self, kind: str) -> list[Json]:
        return [one["values"] for one in self.resources if one["type"] == kind]

    @property
    def policies(self) -> dict[str, str]:
        """The documents by name, without the prefix."""
        return {
            values["name"].removesuffix(f"-{self.prefix}"): values["policy"]
            for values in self._values("aws_iam_policy")
        }

    @property
    def prefix(self) -> str:
        return next(
            str(values["name"]).removeprefix("deploy-")
            for values in self._values("aws_iam_role")
            if values["name"].startswith("deploy-")
        )

    def trust(self, role: str) -> Json:
        (values,) = [v for v in self._values("aws_iam_role") if v["name"] == f"{role}-{self.prefix}"]
        (statement,) = json.loads(values["assume_role_policy"])["Statement"]
        return dict(statement)

    def attached(self, role: str) -> list[str]:
        """The policies that a role has."""
        return sorted(
            one["index"].partition("/")[2]
            for one in self.resources
            if one["type"] == "aws_iam_role_policy_attachment"
            and one["values"]["role"] == f"{role}-{self.prefix}"
        )

    def statements(self, role: str) -> list[Json]:
        """All that a role may do; "boundary" is the boundary."""
        policies = ["boundary"] if role == "boundary" else self.attached(role)
        return [one for name in policies for one in json.loads(self.policies[name])["Statement"]]

    def actions(self, role: str) -> set[str]:
        return {action for statement in self.statements(role) for action in statement["Action"]}


def written() -> dict[str, Json]:
    """The statements by sid as the code has them, with their reasons."""
    found: dict[str, Json] = {}
    for file in ("boundary.tf", "deploy.tf", "look.tf", "plan.tf"):
        for block in load_hcl(FOLDER / file)["locals"]:
            for statements in block.values():
                if isinstance(statements, list):
                    found |= {one["sid"]: one for one in statements}
    return found


def matches(value: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)
