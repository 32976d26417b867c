"""What the workflows tell GitHub and ask it: `make github DO=…`."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import boto3
import click
from botocore.exceptions import UnknownRegionError

from scripts.environment import check_name, remote
from scripts.github import drift, review
from scripts.github.api import Run
from scripts.stack import env_option

Command = TypeVar("Command", bound=Callable[..., object])


def file_option(name: str, variable: str, default: str) -> Callable[[Command], Command]:
    """A file that another target has written, and that need not be there."""
    path = click.Path(path_type=Path)
    return click.option(f"--{name}", envvar=variable, default=default, type=path, show_default=True)


def outcome_option(name: str, variable: str) -> Callable[[Command], Command]:
    """How a step of the workflow has ended."""
    outcomes = click.Choice(list(drift.OUTCOMES))
    return click.option(f"--{name}", required=True, envvar=variable, type=outcomes)


@click.group()
def main() -> None:
    """What the workflows tell GitHub and ask it."""


@main.command()
@env_option
@click.option("--role", required=True, envvar="ROLE", type=click.Choice(["plan", "look", "deploy"]))
def role(name: str, role: str) -> None:
    """Output the ARN of the role that a job takes on, and the Region, as the environment's settings say."""
    environment = remote(check_name(name))
    accounts = environment.allowed_account_ids
    if len(accounts) != 1:
        raise click.ClickException(
            f"Name the one account of {name!r} as allowed_account_ids in "
            f"{environment.folder / 'terraform.tfvars'}: it is where the role is."
        )
    try:
        partition = boto3.Session().get_partition_for_region(environment.region)
    except UnknownRegionError:
        raise click.ClickException(f"AWS has no Region {environment.region!r}; name another one.") from None
    arn = f"arn:{partition}:iam::{accounts[0]}:role/{role}-{environment.setting('name_prefix')}"
    Run.current().output(arn=arn, region=environment.region)
    click.echo(f"{arn} in {environment.region}")


@main.command()
def allowed() -> None:
    """Output the guard's rules that the pull request's labels let pass."""
    run = Run.current()
    rules = review.allowed(run.labels)
    run.output(rules=" ".join(rules))
    click.echo(f"The labels let pass: {', '.join(rules) or 'nothing'}.")


@main.command(name="review")
@env_option
@click.option("--allow", envvar="GUARD_ALLOW", default="", help="What the guard was told to let pass.")
@file_option("review", "REVIEW_OUTPUT", "review.md")
@file_option("summary", "REVIEW_SUMMARY", "review.json")
def write_review(name: str, allow: str, **files: Path) -> None:
    """Put the review of an environment's plan on the pull request, or say there that there is none."""
    run = Run.current()
    body = review.body_of(run, name, files["review"], files["summary"], tuple(allow.split()))
    run.summarise(body)
    review.put(run.github(), run.number, name, body)


@main.command()
@env_option
def reviewed(name: str) -> None:
    """Output the fingerprint of the plan that was reviewed before the merge, and what was let pass.

    Or of the one that somebody names who runs the workflow by hand.
    """
    run = Run.current()
    inputs = run.inputs
    mark = review.given(inputs, name) if inputs is not None else review.reviewed(run.github(), run.sha, name)
    run.output(fingerprint=mark.fingerprint, rules=" ".join(mark.allowed))
    click.echo(f"Reviewed: {mark.fingerprint}")


@main.command(name="drift")
@env_option
@outcome_option("terraform", "DRIFT_OUTCOME")
@outcome_option("doctor", "DOCTOR_OUTCOME")
@file_option("review", "REVIEW_OUTPUT", "review.md")
@file_option("findings", "FINDINGS", "findings.txt")
def tell_of_drift(name: str, terraform: str, doctor: str, **files: Path) -> None:
    """Open or change the issue of an environment that is not as it should be; close it when it is."""
    run = Run.current()
    body = drift.body_of(name, run.url, terraform=terraform, doctor=doctor, **files)
    run.summarise(body)
    done = drift.tell(run.github(), name, body, run.url, agrees={terraform, doctor} == {"success"})
    click.echo(f"Issues: {done}.")


if __name__ == "__main__":
    main(prog_name="python -m scripts.github")
