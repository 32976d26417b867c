"""`make deploy` on the deployed system: held to the plan that was reviewed, and safe to interrupt."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.environment import ROOT
from tests.deployment import Deployment

from .conftest import ONCE

pytestmark = [ONCE, pytest.mark.needs("local-aws")]
DRIFT = "changed by hand"


class Command:
    """A command of `scripts.deploy` on the tests' own local AWS, as make runs it."""

    def __init__(self, system: Deployment, *line: str) -> None:
        port = str(urlsplit(system.environment.endpoint_url or "").port)
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "scripts.deploy", *line],
            cwd=ROOT,
            env={**os.environ, "LOCAL_AWS_PORT": port},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said = ""

    def end(self) -> int:
        """Its exit code, once it has come to its end."""
        self.said += self.process.communicate(timeout=300)[0]
        return self.process.returncode

    def interrupt_when(self, said: str) -> int:
        """Ctrl-C, once it says something: for it and for the Terraform that it runs."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said += line
            if said in line:
                os.killpg(self.process.pid, signal.SIGINT)
                break
        return self.end()


@pytest.fixture
def drifted(system: Deployment) -> str:
    """The name of a function that was changed behind Terraform's back, with the version that is called."""
    name, alias = system.live("sweep").values()
    system.functions.update_function_configuration(FunctionName=name, Description=DRIFT)
    system.functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    version = system.functions.publish_version(FunctionName=name)["Version"]
    system.functions.update_alias(FunctionName=name, Name=alias, FunctionVersion=version)
    return name


def test_only_the_reviewed_plan_is_applied_and_an_interrupted_deploy_is_finished_by_the_next(
    system: Deployment, drifted: str, tmp_path: Path
) -> None:
    markdown, summary = tmp_path / "review.md", tmp_path / "review.json"
    review = Command(system, "review", "--output", str(markdown), "--summary", str(summary))
    assert review.end() == 0, review.said
    found = json.loads(summary.read_text())
    assert found["changes"] is True
    assert DRIFT in markdown.read_text()

    other = Command(system, "deploy", "--fingerprint", f"{found['fingerprint']}0")
    assert other.end() == 1
    assert "This plan is not the one that was reviewed" in other.said
    assert system.functions.get_function_configuration(FunctionName=drifted)["Description"] == DRIFT

    interrupted = Command(system, "deploy", "--fingerprint", found["fingerprint"])
    assert interrupted.interrupt_when("Modifying...") != 0, interrupted.said

    again = Command(system, "deploy")
    assert again.end() == 0, again.said
    assert "Remove every trace" in again.said
    assert system.functions.get_function_configuration(FunctionName=drifted)["Description"] != DRIFT
    assert system.configuration("sweep")["Description"] != DRIFT
    assert not system.stack.plan()
