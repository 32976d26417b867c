"""Whether the shell's credentials lead where an environment may be deployed."""

from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from scripts.environment import LOCAL, Environment, load_hcl

# "Common Errors" of the AWS Security Token Service API Reference, and what the SDKs make of them
_NO_LONGER_VALID = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


def check(environment: Environment) -> str:
    """The account that the credentials belong to, if the environment may be deployed there.

    Raises:
        click.ClickException: there are no valid credentials, they are of another account, the environment
            does not say which accounts it is for, or a Region is said twice and differently.
    """
    settings = environment.folder / "terraform.tfvars"
    _check_region(environment)
    account = _account(environment)
    allowed = environment.allowed_account_ids
    if not allowed:
        raise click.ClickException(
            f"Set allowed_account_ids in {settings}, so that only the right account is ever deployed to; "
            f"these credentials are of {account}."
        )
    if account not in allowed:
        raise click.ClickException(
            f"These credentials are of account {account}, and {environment.name!r} is for "
            f"{' or '.join(allowed)} (allowed_account_ids in {settings}): use others."
        )
    return account


def _check_region(environment: Environment) -> None:
    """The state, the provider and the shell must mean the same Region."""
    backend = environment.folder / "backend.hcl"
    of_state = load_hcl(backend).get("region")
    if of_state != environment.region:
        raise click.ClickException(
            f"region in {backend} is {of_state!r}, and aws_region is {environment.region!r}: "
            "make them the same."
        )
    if environment.name == LOCAL:
        return
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        of_shell = environment.variables.get(name)
        if of_shell and of_shell != environment.region:
            raise click.ClickException(
                f"The shell's {name} is {of_shell!r}, and {environment.name!r} is for "
                f"{environment.region!r}: unset it, or choose another environment."
            )


def _account(environment: Environment) -> str:
    try:
        caller: dict[str, Any] = environment.client("sts").get_caller_identity()
    except (NoCredentialsError, PartialCredentialsError):
        raise click.ClickException(
            "There are no AWS credentials in the shell; sign in, for example with `aws sso login`, "
            "or set AWS_PROFILE."
        ) from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _NO_LONGER_VALID:
            raise click.ClickException(
                f"AWS does not take the credentials in the shell in {environment.region!r} ({code}): sign in "
                "again, or enable the Region for the account."
            ) from None
        raise
    except BotoCoreError as error:
        raise click.ClickException(f"The AWS credentials in the shell cannot be used: {error}") from None
    return str(caller["Account"])
