"""`python -m scripts.doctor`: looks, and tells."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from scripts.doctor import access, report
from scripts.doctor.context import Context, code_of
from scripts.doctor.examination import NAMES, examine
from scripts.doctor.findings import Finding, Status, worst
from scripts.doctor.intention import Intention
from scripts.environment import Environment, check_name, remote
from scripts.stack import Stack, env_option, environment_named, plainly
from scripts.terraform import TerraformError

BROKEN = 3
WARNINGS = 4
# a log has no width, and a table needs one
PLAIN_WIDTH = 180


@click.command(context_settings={"auto_envvar_prefix": "DOCTOR"})
@env_option
@click.option("--user", metavar="USERNAME", default="", help="Also say why this person was not welcomed.")
@click.option(
    "--check",
    "names",
    multiple=True,
    type=click.Choice(NAMES),
    help="Only this subject; may be given several times.",
)
@click.option(
    "--since",
    type=click.IntRange(5, 24 * 60),
    default=60,
    show_default=True,
    metavar="MINUTES",
    help="How far back metrics and logs are looked at.",
)
@click.option("--strict", is_flag=True, help="Exit 4 where there are warnings and nothing is broken.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.option(
    "--outputs",
    "saved",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `make outputs` printed, where the state is out of reach: less is then compared.",
)
@click.option(
    "--policy", is_flag=True, help="Print the IAM policy that this command needs, and look at nothing."
)
@plainly
def main(
    name: str,
    user: str,
    names: tuple[str, ...],
    since: int,
    strict: bool,
    as_json: bool,
    saved: Path | None,
    policy: bool,
) -> None:
    """Look at what is deployed, and say of each part whether it is ok, and what to do if it is not.

    It compares the live system with Terraform's state, and changes nothing. What cannot be looked at is a
    warning that says why. No address and no number is shown; a person is spoken of by their Cognito subject.

    Exit codes: 0 when nothing is broken; 3 when something is; 4 with --strict when there are only warnings;
    1 when nothing could be looked at; 2 when the command line is wrong. make itself exits 2 for all but 0.
    """
    if policy:
        looked_at = remote(check_name(name))
        wanted = access.policy(looked_at.setting("name_prefix"), looked_at.settings.get("kms_key_arn"))
        click.echo(json.dumps(wanted, indent=2))
        return
    environment = environment_named(name, start=False)
    intention = _saved(saved) if saved else known(environment)
    context = Context(environment, intention, datetime.now(UTC), timedelta(minutes=since), user)
    found = _examined(context, names or NAMES, quiet=as_json)
    if as_json:
        click.echo(json.dumps(report.as_json(name, context.now, found), ensure_ascii=False, indent=2))
    else:
        console = Console()
        report.show(console if console.is_terminal else Console(width=PLAIN_WIDTH), found)
    status = worst(found)
    sys.exit(BROKEN if status is Status.BROKEN else WARNINGS if strict and status is Status.WARNING else 0)


def known(environment: Environment) -> Intention:
    """What the state knows, or why it does not say.

    Raises:
        click.ClickException: nothing is deployed, or Terraform is missing.
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: the credentials are none.
    """
    # with credentials that are not valid nothing can be looked at
    environment.client("sts").get_caller_identity()
    stack = Stack(environment, stream=False)
    try:
        stack.init(new=False)
        intention = Intention.of(stack.terraform.show())
    except ClientError as error:
        return Intention({}, why=f"{error.operation_name} on its bucket answered {code_of(error)}")
    except TerraformError as error:
        return Intention({}, why=error.message.splitlines()[-1])
    if not intention.outputs:
        raise click.ClickException(
            f"Nothing is deployed in {environment.name!r}: make deploy ENV={environment.name}."
        )
    return intention


def _saved(file: Path) -> Intention:
    try:
        outputs = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError):
        outputs = None
    if not isinstance(outputs, dict):
        raise click.BadParameter("It is not what `make outputs` prints.", param_hint="--outputs")
    return Intention(outputs, why="it was not read, since --outputs was given")


def _examined(context: Context, names: tuple[str, ...], *, quiet: bool) -> list[Finding]:
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        return examine(context, names)
    columns = (
        TextColumn("Looking"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(names))

        def done(title: str) -> None:
            progress.update(task, advance=1, description=title)

        return examine(context, names, done)


if __name__ == "__main__":
    main(prog_name="make doctor")
