from pathlib import Path
from unittest.mock import MagicMock

import click
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ProfileNotFound

from scripts import account, environment
from scripts.environment import Environment

ACCOUNT = "123456789012"


@pytest.fixture
def sts(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """What AWS says of the credentials: they are of an account that `dev` allows."""
    configure(configuration, f'allowed_account_ids = ["111111111111", "{ACCOUNT}"]')
    client = MagicMock()
    client.get_caller_identity.return_value = {"Account": ACCOUNT}
    monkeypatch.setattr(Environment, "client", lambda *_arguments: client)
    return client


def configure(configuration: Path, allowed: str, region: str = "eu-west-1") -> None:
    folder = configuration / "environments/dev"
    (folder / "terraform.tfvars").write_text(
        f'aws_region = "eu-west-1"\nname_prefix = "some-dev"\n{allowed}\n'
    )
    (folder / "backend.hcl").write_text(f'key = "some.tfstate"\nregion = "{region}"\n')


def refusal(**shell: str) -> str:
    with pytest.raises(click.ClickException) as refused:
        account.check(environment.remote("dev", shell))
    assert "\n" not in refused.value.message
    return refused.value.message


def failing(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetCallerIdentity")


def test_an_account_that_the_environment_allows_is_named(sts: MagicMock) -> None:
    assert account.check(environment.remote("dev", {"AWS_REGION": "eu-west-1"})) == ACCOUNT


def test_another_account_is_refused_before_anything_is_done(sts: MagicMock) -> None:
    sts.get_caller_identity.return_value = {"Account": "999999999999"}
    message = refusal()
    assert message.startswith(
        "These credentials are of account 999999999999, and 'dev' is for 111111111111 or"
    )
    assert message.endswith("use others.")


@pytest.mark.parametrize("allowed", ["", "allowed_account_ids = []"])
def test_an_environment_that_names_no_account_is_not_deployed(
    sts: MagicMock, configuration: Path, allowed: str
) -> None:
    configure(configuration, allowed)
    assert refusal() == (
        f"Set allowed_account_ids in {configuration}/environments/dev/terraform.tfvars, so that only the "
        f"right account is ever deployed to; these credentials are of {ACCOUNT}."
    )


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_shell_that_means_another_region_is_refused(sts: MagicMock, name: str) -> None:
    assert refusal(**{name: "us-east-1"}).startswith(
        f"The shell's {name} is 'us-east-1', and 'dev' is for 'eu-west-1'"
    )


def test_a_state_in_another_region_is_refused(sts: MagicMock, configuration: Path) -> None:
    configure(configuration, f'allowed_account_ids = ["{ACCOUNT}"]', region="eu-west-3")
    assert "backend.hcl is 'eu-west-3', and aws_region is 'eu-west-1': make them the same." in refusal()


@pytest.mark.parametrize("code", sorted(account._NO_LONGER_VALID))
def test_credentials_that_aws_does_not_take_are_told_apart_from_what_is_forbidden(
    sts: MagicMock, code: str
) -> None:
    sts.get_caller_identity.side_effect = failing(code)
    assert f"'eu-west-1' ({code}): sign in again, or enable the Region for the account." in refusal()
    sts.get_caller_identity.side_effect = failing("AccessDenied")
    with pytest.raises(ClientError):
        account.check(environment.remote("dev", {}))


def test_a_shell_without_credentials_says_how_to_get_some(sts: MagicMock) -> None:
    sts.get_caller_identity.side_effect = NoCredentialsError()
    assert refusal().startswith("There are no AWS credentials in the shell; sign in")


def test_a_profile_that_is_not_there_is_named(sts: MagicMock) -> None:
    sts.get_caller_identity.side_effect = ProfileNotFound(profile="work")
    assert "The config profile (work) could not be found" in refusal()
