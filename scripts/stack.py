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

# what Terraform calls the state that it could not save
ERRORED = "errored.tfstate"

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

    @property
    def unsaved_state(self) -> Path:
        """Where the state is kept that an apply could not save."""
        return TERRAFORM / f"{self.environment.data_dir.name}.{ERRORED}"

    def plan(self, *, destroy: bool = False) -> bool:
        """Saves a plan, and says whether it would change anything.

        The state that an earlier apply could not save is saved first: else what it made would be made again.
        """
        if (nameless := TERRAFORM / ERRORED).exists():
            raise click.ClickException(
                f"{nameless} is the state that a killed apply could not save. See which environment's it is, "
                f"name it {self.unsaved_state.name} if {self.environment.name!r} is, and run this again."
            )
        if self.unsaved_state.exists():
            self.terraform.push_state(self.unsaved_state)
            self.unsaved_state.unlink()
        return self.terraform.plan(
            out=self.plan_file,
            var_files=self.environment.var_files,
            destroy=destroy,
        )

    def package_code(self) -> bytes:
        """The package as it is at this moment."""
        try:
            return self.package_path.read_bytes()
        except OSError as error:
            raise click.ClickException(
                f"{self.package_path} (lambda_package_path) cannot be read: {error.strerror}."
            ) from None

    def refuse_another(self, plan: bytes, code: bytes | None = None) -> None:
        """Refuses to go on with another plan or package than was shown.

        Another command makes its own in the same place: a destroy, or the tests of what is being written.

        Raises:
            click.ClickException: there is one.
        """
        if self.plan_file.read_bytes() != plan or (code is not None and self.package_code() != code):
            raise click.ClickException(
                "Another command in this folder has made a plan or a package since this plan was shown; "
                "nothing was changed. Run this again."
            )

    def planned(self) -> dict[str, Any]:
        """The saved plan, in Terraform's JSON plan representation."""
        return self.terraform.show(self.plan_file)

    def apply(self) -> None:
        """Applies the saved plan.

        Terraform leaves a state that it cannot save, as when the credentials have expired, in the folder that
        all environments share. Here it gets the name of its own.
        """
        try:
            self.terraform.apply(self.plan_file)
        finally:
            if (errored := TERRAFORM / ERRORED).exists():
                errored.replace(self.unsaved_state)

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
    """Turns what AWS refuses, and a local AWS that does not start, into one sentence."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (ClientError, BotoCoreError) as error:
            raise click.ClickException(f"AWS: {error}") from None
        except process.LocalAwsError as error:
            raise click.ClickException(str(error)) from None

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
    plan = stack.plan_file.read_bytes()
    confirm(name, f"Destroy everything in {name!r}, and all that its users have stored?", yes)
    stack.refuse_another(plan)
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
