"""Back to the package before, which then really runs, and forward again."""

import os
import subprocess
import sys
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from scripts import package
from scripts.environment import ROOT
from scripts.functions import Functions
from scripts.person import WELCOME, Person
from tests.deployment import Deployment, with_words

from .conftest import ONCE

pytestmark = [ONCE, pytest.mark.needs("local-aws")]
OLD, NEW = "has been successfully created", "is a newer one"


def newer() -> bytes:
    """The package with another welcome."""
    return with_words(package.TARGET.read_bytes(), OLD, NEW)


def roll_back(system: Deployment) -> str:
    port = str(urlsplit(system.environment.endpoint_url or "").port)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.rollback", "--env", "local"],
        cwd=ROOT,
        env={**os.environ, "LOCAL_AWS_PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def welcome(system: Deployment) -> str:
    """What somebody reads who registers now."""
    person = Person()
    system.welcomed(person, system.application.register(person))
    return system.application.mailbox.wait(person.email, WELCOME).text


def test_the_package_before_runs_again_and_terraform_goes_forward(system: Deployment) -> None:
    with system.released("deliver", {}, newer()), system.released("sweep", {}, newer()):
        assert NEW in welcome(system)
        assert "make deploy moves them forward" in roll_back(system)
        assert OLD in welcome(system)
        assert {
            function.live.package for function in Functions.of(system.functions, system.outputs).read()
        } == {sha256(package.TARGET.read_bytes()).hexdigest()}

        assert system.stack.plan()
        changes = system.stack.terraform.show(system.stack.plan_file)["resource_changes"]
        assert {
            change["module_address"]: (change["type"], change["change"]["actions"])
            for change in changes
            if change["change"]["actions"] != ["no-op"]
        } == dict.fromkeys(["module.deliver", "module.sweep"], ("aws_lambda_alias", ["update"]))
        system.stack.apply()
        assert NEW in welcome(system)


def test_what_an_interrupted_apply_has_left_is_finished_though_terraform_sees_nothing_of_it(
    system: Deployment,
) -> None:
    """As the provider leaves it: the state has the new code, and what is called is the version before."""
    functions = Functions.of(system.functions, system.outputs)
    with system.released("deliver", {}, newer()):
        name = system.live("deliver")["FunctionName"]
        system.functions.update_function_code(FunctionName=name, ZipFile=package.TARGET.read_bytes())
        system.functions.get_waiter("function_updated_v2").wait(FunctionName=name)
        assert not system.stack.plan()
        assert NEW in welcome(system)

        assert functions.finish(package.TARGET.read_bytes()) == ["deliver"]
        assert OLD in welcome(system)
        assert functions.finish(package.TARGET.read_bytes()) == []
        assert not system.stack.plan()
        published = system.configuration("deliver")["Version"]
    # Terraform would call the newest
    system.functions.delete_function(FunctionName=name, Qualifier=published)
