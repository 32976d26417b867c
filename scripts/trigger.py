"""Gives an existing user pool this system's post-confirmation trigger, and takes it back.

What the pool was set to before is kept as JSON beside the state: it says which function to put back, on
whatever machine and after whatever interruption.
"""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from scripts import account, state_bucket
from scripts.environment import Environment
from scripts.stack import Stack, confirm, env_option, environment_named, plainly
from scripts.user_pool import Settings, UserPool, same_function

MANAGED_ELSEWHERE = (
    "If Terraform or CloudFormation manages the pool, set its post-confirmation trigger there instead: the "
    "next apply there would take this one away."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, envvar="DRY_RUN", help="Show it, and change nothing."
)
yes_option = click.option("--yes", is_flag=True, envvar="YES", help="Do not ask.")


@dataclass(frozen=True)
class Before:
    """What a pool was set to before it got our trigger, kept in the state's bucket."""

    s3: Any
    bucket: str
    key: str

    @classmethod
    def of(cls, environment: Environment, pool_id: str) -> "Before":
        folder = environment.state_key.rpartition("/")[0]
        key = "/".join(filter(None, (folder, "user-pools", f"{pool_id}.json")))
        return cls(environment.client("s3"), state_bucket.find(environment), key)

    @property
    def place(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def write(self, settings: Settings) -> None:
        kept = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "function": settings.function,
            "mfa": settings.mfa,
            "pool": settings.pool,
        }
        body = json.dumps(kept, default=str, ensure_ascii=False, indent=2).encode()
        self.s3.put_object(Bucket=self.bucket, Key=self.key, Body=body, ContentType="application/json")

    def function(self) -> str | None:
        """The function that was there before; None for none, also where nothing was kept."""
        try:
            kept = self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None
        try:
            match json.loads(kept):
                case {"function": str(function)}:
                    return function
                case {"function": None}:
                    return None
        except (ValueError, RecursionError):
            pass
        raise click.ClickException(
            f"{self.place} is not what attach-trigger has kept, so what the pool called is not known; "
            "restore an earlier version of it."
        )

    def forget(self) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=self.key)


ignore_option = click.option(
    "--ignore", "ignored", multiple=True, help="A setting that boto3 does not know and that may be reset."
)


@click.group()
def main() -> None:
    """Give an existing user pool the post-confirmation trigger, or take it back."""


@main.command()
@env_option
@click.option(
    "--replace", is_flag=True, envvar="REPLACE", help="Also where the pool calls another function now."
)
@ignore_option
@dry_run_option
@yes_option
@plainly
def attach(name: str, replace: bool, ignored: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Let the pool call this system when a person has confirmed. All else of the pool stays as it is."""
    environment, outputs = deployed(name)
    pool = UserPool(environment.client("cognito-idp"), outputs["user_pool_id"], ignored)
    function: str = outputs["post_confirmation_arn"]
    before = pool.read()
    if before.function == function:
        click.echo(f"The pool {pool.pool_id} calls {function} already.")
        return
    ours = same_function(before.function, function)
    if before.function and not ours and not replace:
        raise click.ClickException(
            f"The pool {pool.pool_id} calls {before.function} when a person has confirmed, and it can call "
            "one function only. Let that one invoke ours with its event and return what ours returns, or say "
            "REPLACE=1: make detach-trigger puts it back."
        )
    check_permission(environment, function, before.pool["Arn"])
    after = before.with_function(function)
    show(pool.request(before), pool.request(after))
    if dry_run:
        click.echo("Nothing was changed.")
        return
    confirm(name, f"Let {pool.pool_id} call {function}?", yes)
    kept = Before.of(environment, pool.pool_id)
    if not ours:
        kept.write(before)
    try:
        pool.change(before, after)
    except click.ClickException as error:
        raise click.ClickException(f"{error.message} What it was is in {kept.place}.") from None
    click.echo(f"The pool {pool.pool_id} calls {function}. What it was before is in {kept.place}.")
    click.echo(MANAGED_ELSEWHERE)


@main.command()
@env_option
@ignore_option
@dry_run_option
@yes_option
@plainly
def detach(name: str, ignored: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Let the pool call what it called before, or nothing. All else of the pool stays as it is."""
    environment, outputs = deployed(name)
    pool = UserPool(environment.client("cognito-idp"), outputs["user_pool_id"], ignored)
    before = pool.read()
    if not same_function(before.function, outputs["post_confirmation_arn"]):
        click.echo(
            f"The pool {pool.pool_id} calls {before.function or 'no function'}: there is nothing to undo."
        )
        return
    kept = Before.of(environment, pool.pool_id)
    after = before.with_function(kept.function())
    show(pool.request(before), pool.request(after))
    if dry_run:
        click.echo("Nothing was changed.")
        return
    goes_to = after.function or "no function"
    confirm(
        name, f"Let {pool.pool_id} call {goes_to}? Who signs up from then on is not registered here.", yes
    )
    pool.change(before, after)
    kept.forget()
    click.echo(f"The pool {pool.pool_id} calls {goes_to}, as before.")


def check_permission(environment: Environment, function: str, pool_arn: str) -> None:
    """Refuses to go on where Cognito could not call the function: then nobody could confirm any more.

    Raises:
        click.ClickException: the function's policy lets Cognito not call it for this pool.
    """
    functions = environment.client("lambda")
    try:
        policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
    except functions.exceptions.ResourceNotFoundException:
        policy = {"Statement": []}
    if not any(_lets_cognito(statement, pool_arn) for statement in policy["Statement"]):
        raise click.ClickException(
            f"Cognito may not call {function} for the pool, so nobody could confirm any more; "
            f"make deploy ENV={environment.name} makes the permission."
        )


def _lets_cognito(statement: dict[str, Any], pool_arn: str) -> bool:
    principal = statement["Principal"]
    sources = [
        value
        for operator, tests in statement.get("Condition", {}).items()
        for key, value in tests.items()
        if operator in ("ArnLike", "ArnEquals", "StringEquals") and key.lower() == "aws:sourcearn"
    ]
    return (
        statement["Effect"] == "Allow"
        and statement["Action"] == "lambda:InvokeFunction"
        and isinstance(principal, dict)
        and principal.get("Service") == "cognito-idp.amazonaws.com"
        and all(fnmatchcase(pool_arn, source) for source in sources)
    )


def show(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Shows what the pool is to be told beside what it is set to."""
    console = Console(highlight=False)
    for line, style in _differing_lines(before, after):
        console.print(Text(line, style), soft_wrap=True)


def _differing_lines(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, str]]:
    now, then = (
        json.dumps(request, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
        for request in (before, after)
    )
    for line in difflib.unified_diff(now, then, "now", "then", lineterm=""):
        yield line, {"-": "red", "+": "green", "@": "dim"}.get(line[0], "")


def deployed(name: str) -> tuple[Environment, dict[str, Any]]:
    """The environment, which must use a pool of somebody else, and its outputs."""
    environment = environment_named(name, start=False)
    account.check(environment)
    stack = Stack(environment, stream=False)
    stack.init(new=False)
    outputs = stack.outputs()
    if not outputs.get("existing_user_pool"):
        raise click.ClickException(
            f"The pool of {name!r} is its own, and Terraform gives it the trigger; "
            "set existing_user_pool to use one that there is already."
        )
    return environment, outputs


if __name__ == "__main__":
    main(prog_name="python -m scripts.trigger")
