"""Real plans of configurations that the review was not written for, made anew by the Terraform that is here.

Most have two sides, `before` and `after`; what is planned is the way from the one to the other. They are few
and hold many kinds of change, since to load the provider is most of a plan's time.
"""

import json
import re
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from scripts import environment
from scripts.environment import TERRAFORM
from scripts.local_aws import process
from scripts.terraform import Terraform
from tests.plan_review.settled import settled
from tests.terraform.conftest import UNREACHABLE

Json = dict[str, Any]

# of a table: a set of blocks
ATTRIBUTES = [
    f'  attribute {{\n    name = "{name}"\n    type = "S"\n  }}' for name in ("OrderID", "Customer")
]
CONFIGURATIONS = Path(__file__).parent / "configurations"


@dataclass(frozen=True)
class Workshop:
    """A copy of one configuration, in which Terraform runs.

    variables: the whole process environment of its runs.
    """

    folder: Path
    variables: Mapping[str, str] = field(default_factory=lambda: variables(UNREACHABLE))

    @classmethod
    def of(cls, name: str, parent: Path) -> "Workshop":
        folder = parent / name
        shutil.copytree(CONFIGURATIONS / name, folder)
        workshop = cls(folder)
        for side in {file.parent for file in folder.glob("**/*.tf") if "modules" not in file.parts}:
            if "hashicorp/aws" in (side / "main.tf").read_text():
                shutil.copy(TERRAFORM / ".terraform.lock.hcl", side)
            Terraform(side, workshop.variables).init()
        return workshop

    def elsewhere(self, folder: Path) -> "Workshop":
        """The same in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return replace(self, folder=folder)

    def rewrite(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    def plan(self, side: str = ".", *, refresh: bool = False) -> Json:
        """A plan of one side, from the state that there is."""
        return self._terraform(side).show(self._saved(side, refresh=refresh))

    def apply(self, side: str) -> None:
        saved, arguments = self._saved(side), {"TF_CLI_ARGS_apply": f"-state={self.state}"}
        Terraform(self.folder / side, {**self.variables, **arguments}).apply(saved)

    def settle(self, side: str) -> Json:
        """Makes up the state that there would be after an apply; returns the plan of that."""
        plan = self.plan(side)
        self.state.write_text(json.dumps(settled(plan)))
        return plan

    def _saved(self, side: str, *, refresh: bool = False) -> Path:
        saved = self.folder / side / "saved.tfplan"
        arguments = {"TF_CLI_ARGS_plan": f"-refresh={str(refresh).lower()}"}
        Terraform(self.folder / side, {**self.variables, **arguments}).plan(out=saved, state=self.state)
        return saved

    def _terraform(self, side: str) -> Terraform:
        return Terraform(self.folder / side, self.variables)


def variables(url: str) -> Mapping[str, str]:
    return environment.local(url).variables


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Json]:
    """Every plan by name, in Terraform's JSON representation, made side by side."""
    parent = tmp_path_factory.mktemp("plans")
    makers: list[Callable[[Path], dict[str, Json]]] = [aws, drift, builtin, many]
    with ThreadPoolExecutor(max_workers=2) as executor:
        made = list(executor.map(lambda maker: maker(parent), makers))
    return {name: plan for some in made for name, plan in some.items()}


def aws(parent: Path) -> dict[str, Json]:
    workshop = Workshop.of("aws", parent)
    created = workshop.settle("before")
    again = workshop.elsewhere(parent / "elsewhere" / "aws")
    again.rewrite("after/harmless.tf", *turned(ATTRIBUTES))
    return {"created": created, "aws": workshop.plan("after"), "aws again": again.plan("after")}


def builtin(parent: Path) -> dict[str, Json]:
    workshop = Workshop.of("builtin", parent)
    workshop.apply("before")
    nothing = workshop.plan("before")
    leave_one_over(workshop.state, "kept")
    again = workshop.elsewhere(parent / "elsewhere" / "builtin")
    again.rewrite("after/main.tf", *turned(['"c"', '"a"'], ", "))
    return {"nothing": nothing, "builtin": workshop.plan("after"), "builtin again": again.plan("after")}


def many(parent: Path) -> dict[str, Json]:
    workshop = Workshop.of("many", parent)
    workshop.settle("before")  # to apply it would write the state 500 times
    return {"many": workshop.plan("after")}


def drift(parent: Path) -> dict[str, Json]:
    """The only one that needs an AWS: what was changed behind Terraform's back is seen by looking."""
    workshop = Workshop.of("drift", parent)
    locked = re.findall('provider "(.+/aws)"', (TERRAFORM / ".terraform.lock.hcl").read_text())
    workshop.rewrite("state.json", "AWS_PROVIDER", json.dumps(f'provider["{locked[0]}"]')[1:-1])
    port, home = free_port(), parent / "local-aws"
    running = process.start(port, home)
    try:
        logs = boto3.client(
            "logs",
            region_name="eu-west-1",
            endpoint_url=running.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for group in ("changed", "changed-as-meant", "imported", "imported-changed"):
            logs.create_log_group(logGroupName=group)
        for group in ("changed", "changed-as-meant"):
            logs.put_retention_policy(logGroupName=group, retentionInDays=30)
        here = replace(workshop, variables=variables(running.url))
        return {"drift": here.plan(refresh=True)}
    finally:
        process.stop(port, home)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((environment.LOOPBACK, 0))
        return int(probe.getsockname()[1])


def turned(parts: Sequence[str], between: str = "\n\n") -> tuple[str, str]:
    """A set as it is written, and in the other order."""
    return between.join(parts), between.join(reversed(parts))


def leave_one_over(state: Path, name: str) -> None:
    """As if a replacement of the resource had been interrupted before its old object was deleted."""
    document = json.loads(state.read_text())
    resource = next(r for r in document["resources"] if r["name"] == name)
    resource["instances"].append({**resource["instances"][0], "deposed": "00c0ffee"})
    state.write_text(json.dumps(document))
