"""What Terraform makes of one environment: to build for it, read and destroy it."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError

from scripts import package, state_bucket, user_pool
from scripts.catalogue import Catalogue
from scripts.environment import BUILD, LOCAL, ROOT, TERRAFORM, Environment, check_name, local, remote
from scripts.local_aws import process
from scripts.local_aws.server import DEFAULT_PORT
from scripts.terraform import Terraform, TerraformError

NEEDS_TERRAFORM = "Terraform 1.10 or newer is needed"
INSTALL = "install it and run this again."

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Stack:
    """What Terraform makes of the root module in one environment."""

    environment: Environment
    stream: bool = True

    @property
    def terraform(self) -> Terraform:
        return Terraform(
            TERRAFORM,
            self.environment.variables,
            data_dir=self.environment.data_dir,
            stream=self.stream,
        )

    @property
    def plan_file(self) -> Path:
        return self.environment.data_dir / "plan.tfplan"

    @property
    def package_path(self) -> Path:
        """The package that the functions are given: what is built here, unless a variable says otherwise."""
        return (TERRAFORM / self.environment.setting("lambda_package_path")).resolve()

    def init(self, *, new: bool = True) -> None:
        """Prepares Terraform. The state bucket is made where there is none, if the stack may be new.

        Raises:
            click.ClickException: it may not, and there is none.
        """
        require_terraform()
        bucket = (state_bucket.ensure if new else state_bucket.find)(self.environment)
        self.environment.data_dir.mkdir(parents=True, exist_ok=True)
        quiet = Terraform(TERRAFORM, self.environment.variables, data_dir=self.environment.data_dir)
        try:
            quiet.init(backend_files=[self.environment.folder / "backend.hcl"], backend={"bucket": bucket})
        except TerraformError as error:
            if "Unsupported Terraform Core version" in error.output:
                raise click.ClickException(
                    f"{NEEDS_TERRAFORM} and the one on PATH is older; {INSTALL}"
                ) from None
            raise

    def package(self) -> str:
        """Builds the functions' package as the environment wants it; returns its SHA-256."""
        catalogue = Catalogue.of(self.environment)
        catalogue.check()
        return package.build(
            package.TARGET,
            templates=catalogue.templates,
            architecture=self.environment.setting("lambda_architecture"),
            python=self.environment.setting("lambda_runtime").removeprefix("python"),
        )

    def plan(self, *, destroy: bool = False) -> bool:
        """Saves a plan, and says whether it would change anything."""
        return self.terraform.plan(
            out=self.plan_file,
            var_files=self.environment.var_files,
            destroy=destroy,
        )

    def planned(self) -> dict[str, Any]:
        """The saved plan, in Terraform's JSON plan representation."""
        return self.terraform.show(self.plan_file)

    def apply(self) -> None:
        """Applies the saved plan."""
        self.terraform.apply(self.plan_file)

    def outputs(self) -> dict[str, Any]:
        """The root outputs.

        Raises:
            click.ClickException: nothing is deployed.
        """
        found = self.terraform.outputs()
        if not found:
            raise click.ClickException(
                f"Nothing is deployed in {self.environment.name!r}: make deploy ENV={self.environment.name}."
            )
        return found


def require_terraform() -> None:
    """Refuses to go on without Terraform."""
    if not shutil.which("terraform"):
        raise click.ClickException(f"{NEEDS_TERRAFORM} and was not found on PATH; {INSTALL}")


def environment_named(name: str, *, start: bool = True) -> Environment:
    """The environment, made this process's own; the local AWS is started if it is that one's."""
    check_name(name)
    if name != LOCAL:
        return remote(name).activate()
    port = local_aws_port()
    try:
        running = process.start(port) if start else process.find(port)
    except process.LocalAwsError as error:
        raise click.ClickException(str(error)) from None
    if running is None:
        raise click.ClickException(
            f"The local AWS is not running on port {port}, so nothing is deployed; run make deploy."
        )
    return local(running.url).activate()


def local_aws_port() -> int:
    """LOCAL_AWS_PORT, or the usual one where that is not set or empty, as make hands it on."""
    given = os.environ.get("LOCAL_AWS_PORT") or str(DEFAULT_PORT)
    if not re.fullmatch(r"[0-9]{1,5}", given) or not 1 <= int(given) <= 65535:
        raise click.ClickException(f"LOCAL_AWS_PORT is a port from 1 to 65535, and not {given!r}.")
    return int(given)


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Turns what AWS refuses into one sentence."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (ClientError, BotoCoreError) as error:
            raise click.ClickException(f"AWS: {error}") from None

    return wrapped


env_option = click.option(
    "--env", "name", default=LOCAL, show_default=True, envvar="ENV", help="The environment."
)


@click.group()
def main() -> None:
    """Build the package of one environment, read what is deployed, and destroy it."""


@main.command(name="package")
@env_option
def build(name: str) -> None:
    """Build build/lambda.zip for the environment's architecture and runtime."""
    # it reaches no AWS at all, so it needs none to be there
    digest = Stack(remote(check_name(name))).package()
    size = package.TARGET.stat().st_size / 1024
    click.echo(f"{package.TARGET.relative_to(ROOT)}  {size:.0f} KiB  sha256 {digest}")


@main.command()
@env_option
@plainly
def outputs(name: str) -> None:
    """Print the outputs as JSON."""
    stack = Stack(environment_named(name, start=False), stream=False)
    stack.init(new=False)
    click.echo(json.dumps(stack.outputs(), indent=2, sort_keys=True))


@main.command()
@env_option
@click.option("--yes", is_flag=True, envvar="YES", help="Do not ask.")
@plainly
def destroy(name: str, yes: bool) -> None:
    """Show what would go, ask, and destroy it. The state bucket stays."""
    stack = Stack(environment_named(name, start=False))
    stack.init(new=False)
    user_pool.refuse_while_called(stack.environment, stack.terraform.outputs())
    stack.package()
    if not stack.plan(destroy=True):
        click.echo(f"Nothing is deployed in {name!r}.")
        return
    confirm(name, f"Destroy everything in {name!r}, and all that its users have stored?", yes)
    stack.apply()


def confirm(name: str, question: str, yes: bool) -> None:
    """Asks, unless it is the local environment or the answer was given; refuses where nobody can answer."""
    if yes or name == LOCAL:
        return
    if not sys.stdin.isatty():
        raise click.ClickException("There is nobody to ask; look at the plan and say YES=1.")
    # standard output may be going to a file or a program
    click.confirm(question, abort=True, err=True)


if __name__ == "__main__":
    BUILD.mkdir(exist_ok=True)
    main(prog_name="python -m scripts.stack")
