"""Plan, review and deploy one environment."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from scripts import account, plan_review, user_pool
from scripts.environment import BUILD, LOCAL, TERRAFORM
from scripts.functions import Functions
from scripts.plan_review import Review
from scripts.plan_review.markdown import LIMIT
from scripts.smoke_test import SmokeTest
from scripts.stack import Stack, confirm, env_option, environment_named, plainly
from scripts.story import Story
from scripts.terraform import TerraformError

STOPPED = 3
# what a comment on GitHub has beside the review, in UTF-16 code units
ROOM = 1000
NEXT = {
    "Names and ids, for the application that signs people up": "make outputs",
    "Whether all is well, whenever you want to know": "make doctor",
    "Back to the previous package": "make rollback",
}

NEXT_WITH_EXISTING_POOL = {"Let the user pool call this system, unless it does": "make attach-trigger"}


class Override(click.types.StringParamType):
    """RULE or RULE=ADDRESS, whose key may have spaces between its quotes."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return re.findall(r'(?:"(?:\\.|[^"\\])*"|\S)+', rv)


def allow_option(command: click.decorators.FC) -> click.decorators.FC:
    """What the guard is to let pass, also from the shell: several, with spaces between them."""
    return click.option(
        "--allow",
        multiple=True,
        type=Override(),
        envvar="GUARD_ALLOW",
        metavar="RULE[=ADDRESS]",
        help="What the guard is to let pass: a rule, or a rule for one resource.",
    )(command)


detailed_option = click.option(
    "--detailed-exitcode", "detailed", is_flag=True, help="Exit 2 if anything would change."
)


def review(planned: dict[str, Any], allow: tuple[str, ...]) -> Review:
    """The review of a plan, held to the project's rules and to those of the team's own."""
    own = TERRAFORM / "guard.toml"
    return plan_review.review(planned, rules=[own] if own.exists() else [], allow=allow)


def prepare(name: str, *, stream: bool = True) -> Stack:
    """The stack of an environment in its account, with its package built and Terraform ready to plan."""
    stack = Stack(environment_named(name), stream=stream)
    number = account.check(stack.environment)
    if stream:
        click.echo(f"Account {number}, {stack.environment.region}")
    stack.package()
    stack.init()
    return stack


@click.group()
def main() -> None:
    """Plan, review and deploy one environment."""


@main.command()
@env_option
@allow_option
@detailed_option
@plainly
def plan(name: str, allow: tuple[str, ...], detailed: bool) -> None:
    """Show what a deploy would change, and what the guard says to it."""
    stack = prepare(name)
    changes = stack.plan()
    if changes:
        review(stack.planned(), allow).show(Console())
    sys.exit(2 if changes and detailed else 0)


@main.command(name="review")
@env_option
@allow_option
@detailed_option
@click.option(
    "--output",
    envvar="REVIEW_OUTPUT",
    type=click.Path(path_type=Path),
    help="Where the Markdown goes, instead of the terminal.",
)
@click.option(
    "--summary",
    envvar="REVIEW_SUMMARY",
    type=click.Path(path_type=Path),
    help="Where a summary goes, as JSON.",
)
@plainly
def write_review(
    name: str, allow: tuple[str, ...], detailed: bool, output: Path | None, summary: Path | None
) -> None:
    """Write the review of a plan as Markdown, for a pull request.

    The last line tells the plan's fingerprint. Exits 3 if the guard stops the plan.
    """
    stack = prepare(name, stream=False)
    changes = stack.plan()
    reviewed = review(stack.planned(), allow)
    text = reviewed.markdown(title=name, limit=LIMIT - ROOM)
    if output:
        _write(output, text)
    else:
        click.echo(text)
    if summary:
        found = {
            "environment": name,
            "changes": changes,
            "stopped": bool(reviewed.stops),
            "fingerprint": reviewed.fingerprint,
        }
        _write(summary, f"{json.dumps(found, indent=2)}\n")
    click.echo(reviewed.fingerprint)
    sys.exit(STOPPED if reviewed.stops else 2 if changes and detailed else 0)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None


@main.command()
@env_option
@allow_option
@click.option("--fingerprint", envvar="REVIEWED", help="Apply only a plan that has this one.")
@click.option(
    "--smoke-test/--no-smoke-test", default=True, show_default=True, help="Register somebody at the end."
)
@click.option("--yes", is_flag=True, envvar="YES", help="Do not ask, except what Terraform itself refuses.")
@plainly
def deploy(name: str, allow: tuple[str, ...], fingerprint: str | None, smoke_test: bool, yes: bool) -> None:
    """Check the account, build, plan, review, ask, apply just that plan, and try it out.

    Safe to interrupt and to run again. Exits 3 if the guard stops the plan.
    """
    console = Console()
    stack = prepare(name)
    code = stack.package_code()
    if stack.plan():
        plan = stack.plan_file.read_bytes()
        planned = stack.planned()
        reviewed = review(planned, allow)
        reviewed.show(console)
        user_pool.refuse_to_leave(stack.environment, planned)
        if fingerprint and fingerprint != reviewed.fingerprint:
            raise click.ClickException(
                f"This plan is not the one that was reviewed: its fingerprint is {reviewed.fingerprint}, and "
                f"not {fingerprint}. Review it anew."
            )
        if reviewed.stops:
            sys.exit(STOPPED)
        confirm(name, f"Apply this plan to {name!r}?", yes)
        stack.refuse_another(plan, code)
        try:
            stack.apply()
        except TerraformError as error:
            where = (
                f"in {stack.unsaved_state}, which the next deploy from here saves"
                if stack.unsaved_state.exists()
                else "in the state"
            )
            raise click.ClickException(
                f"{error.message}\nWhat was made is {where}: mend the reason and run this again."
            ) from None
    else:
        click.echo(f"Nothing to change in {name!r}.")
    outputs = stack.outputs()
    if finished := Functions.of(stack.environment.client("lambda"), outputs).finish(code):
        click.echo(f"An interrupted deploy had not finished {', '.join(finished)}: now they are.")
    of_others = bool(outputs.get("existing_user_pool"))
    if smoke_test and of_others:
        click.echo("There is no smoke test: in a user pool of somebody else nobody is registered for it.")
    elif smoke_test:
        SmokeTest(stack.environment, outputs, Story(console)).run()
    click.echo("\nWhat to do next:")
    for what, command in (NEXT_WITH_EXISTING_POOL | NEXT if of_others else NEXT).items():
        click.echo(f"  {command + ('' if name == LOCAL else f' ENV={name}'):<26}  {what}")


@main.command()
@env_option
@click.option("--lock", required=True, envvar="STATE_LOCK", help="Its id.")
@click.option("--yes", is_flag=True, envvar="YES", help="Do not ask.")
@plainly
def unlock(name: str, lock: str, yes: bool) -> None:
    """Release the lock of the state that a killed run has left; Terraform names its id when it refuses."""
    stack = Stack(environment_named(name, start=False))
    stack.init(new=False)
    confirm(name, f"Release the lock {lock} of {name!r}? Only if nobody deploys at this moment.", yes)
    stack.terraform.force_unlock(lock)


if __name__ == "__main__":
    BUILD.mkdir(exist_ok=True)
    main(prog_name="python -m scripts.deploy")
