"""An existing pool gets the trigger and gives it back, whatever comes in between."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import click
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from scripts import account, trigger, user_pool
from scripts.environment import Environment
from scripts.stack import Stack

from .cognito import POOL_ARN, POOL_ID, Cognito, Json, cognito

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:some-dev-post-confirmation"
BUCKET = "some-dev-tfstate-123456789012-eu-west-1"
ALIAS = f"{FUNCTION}:live"
THEIRS = "arn:aws:lambda:eu-west-1:123456789012:function:theirs"
PERMISSION: Json = {
    "Effect": "Allow",
    "Action": "lambda:InvokeFunction",
    "Principal": {"Service": "cognito-idp.amazonaws.com"},
    "Resource": FUNCTION,
    "Condition": {"ArnLike": {"AWS:SourceArn": POOL_ARN}},
}


class NotFoundError(Exception):
    pass


@dataclass
class Functions:
    """Lambda, as far as it is asked. statements: of the function's policy; None for no policy."""

    statements: list[Json] | None

    class exceptions:  # noqa: N801 - as boto3 has it
        ResourceNotFoundException = NotFoundError

    def get_policy(self, FunctionName: str) -> Json:
        assert FunctionName.startswith(FUNCTION)
        if self.statements is None:
            raise NotFoundError
        return {"Policy": json.dumps({"Statement": self.statements})}


@dataclass
class Site:
    """A deployed environment that uses the pool of somebody else."""

    cognito: Cognito
    functions: Functions
    outputs: Json
    bucket: str
    monkeypatch: pytest.MonkeyPatch

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(trigger.main, [*arguments, "--env", "dev"], catch_exceptions=True)

    def attach(self, *arguments: str) -> Result:
        return self.run("attach", "--yes", *arguments)

    def detach(self, *arguments: str) -> Result:
        return self.run("detach", "--yes", *arguments)

    @property
    def function(self) -> str | None:
        arn: str | None = self.cognito.pool.get("LambdaConfig", {}).get("PostConfirmation")
        return arn

    @property
    def kept(self) -> list[str]:
        found = boto3.client("s3", region_name="eu-west-1").list_objects_v2(Bucket=self.bucket)
        return [entry["Key"] for entry in found.get("Contents", [])]


@pytest.fixture
def site(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(user_pool, "SEEN_WITHIN", 0)
    (configuration / "environments/dev/backend.hcl").write_text('key = "some-dev/terraform.tfstate"\n')
    outputs = {"existing_user_pool": True, "user_pool_id": POOL_ID, "post_confirmation_arn": FUNCTION}
    site = Site(cognito(MfaConfiguration="OPTIONAL"), Functions([PERMISSION]), outputs, BUCKET, monkeypatch)

    @cache
    def client(service: str) -> Any:
        if service == "cognito-idp":
            return site.cognito.client()
        make: Any = boto3.client
        return site.functions if service == "lambda" else make(service, region_name="eu-west-1")

    with mock_aws():
        monkeypatch.setattr(Environment, "client", lambda _self, service: client(service))
        monkeypatch.setattr(account, "check", lambda _environment: "123456789012")
        monkeypatch.setattr(Environment, "activate", lambda self: self)
        monkeypatch.setattr(Stack, "init", lambda _self, **_: None)
        monkeypatch.setattr(Stack, "outputs", lambda _self: site.outputs)
        boto3.client("s3", region_name="eu-west-1").create_bucket(
            Bucket=site.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield site


def test_the_trigger_is_attached_and_detached_and_all_is_as_before(site: Site) -> None:
    before = dict(site.cognito.pool)

    done = site.attach()
    assert done.exit_code == 0, done.output
    assert f'+    "PostConfirmation": "{FUNCTION}"' in done.output
    assert f"s3://{site.bucket}/some-dev/user-pools/{POOL_ID}.json" in done.output.replace("\n", "")
    assert site.cognito.pool == before | {
        "LambdaConfig": {"PostConfirmation": FUNCTION},
        "LastModifiedDate": 1,
    }

    done = site.detach()
    assert done.exit_code == 0, done.output
    assert f'-    "PostConfirmation": "{FUNCTION}"' in done.output
    assert site.cognito.pool == before | {"LambdaConfig": {}, "LastModifiedDate": 2}
    assert site.kept == []


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_another_account_than_the_environments_is_refused(site: Site, command: str) -> None:
    site.monkeypatch.setattr(account, "check", Mock(side_effect=click.ClickException("Another account.")))
    done = site.run(command, "--yes")
    assert (done.exit_code, "Another account." in done.output) == (1, True)
    assert site.cognito.reads == 0


def test_again_is_no_change(site: Site) -> None:
    for command, says in (("attach", "already"), ("detach", "nothing to undo")):
        assert site.run(command, "--yes").exit_code == 0
        updates = len(site.cognito.updates)
        again = site.run(command, "--yes")
        assert (again.exit_code, says in again.output) == (0, True)
        assert len(site.cognito.updates) == updates


def test_another_function_is_named_and_kept(site: Site) -> None:
    site.cognito.pool["LambdaConfig"] = {"PostConfirmation": THEIRS, "PreSignUp": THEIRS}
    done = site.attach()
    assert (done.exit_code, THEIRS in done.output, "REPLACE=1" in done.output) == (1, True, True)
    assert (site.cognito.updates, site.kept) == ([], [])

    assert site.attach("--replace").exit_code == 0
    assert site.cognito.pool["LambdaConfig"] == {"PostConfirmation": FUNCTION, "PreSignUp": THEIRS}
    assert site.detach().exit_code == 0
    assert site.cognito.pool["LambdaConfig"] == {"PostConfirmation": THEIRS, "PreSignUp": THEIRS}


def test_what_somebody_else_has_set_since_then_is_not_undone(site: Site) -> None:
    site.attach()
    site.cognito.pool["LambdaConfig"] = {"PostConfirmation": THEIRS}
    done = site.detach()
    assert (done.exit_code, site.function) == (0, THEIRS)
    assert f"calls {THEIRS}: there is nothing to undo" in done.output.replace("\n", "")


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_a_dry_run_shows_it_and_changes_nothing(site: Site, command: str) -> None:
    if command == "detach":
        site.attach()
    updates, kept = len(site.cognito.updates), site.kept
    done = site.run(command, "--dry-run")
    assert (done.exit_code, FUNCTION in done.output) == (0, True)
    assert "Nothing was changed." in done.output
    assert (len(site.cognito.updates), site.kept) == (updates, kept)


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_where_nobody_can_answer_nothing_is_done(site: Site, command: str) -> None:
    if command == "detach":
        site.attach()
    updates = len(site.cognito.updates)
    done = site.run(command)
    assert (done.exit_code, "YES=1" in done.output) == (1, True)
    assert len(site.cognito.updates) == updates


def test_interrupted_before_the_change_it_is_run_again(site: Site) -> None:
    site.cognito.pool["LambdaConfig"] = {"PostConfirmation": THEIRS}
    with site.monkeypatch.context() as interrupted:
        interrupted.setattr(user_pool.UserPool, "change", _interrupt)
        assert site.attach("--replace").exit_code == 1
    assert (site.function, len(site.kept)) == (THEIRS, 1)

    assert site.detach().exit_code == 0
    assert site.function == THEIRS
    assert site.attach("--replace").exit_code == 0
    assert site.detach().exit_code == 0
    assert site.function == THEIRS


def test_interrupted_after_the_change_the_former_function_is_not_forgotten(site: Site) -> None:
    site.cognito.pool["LambdaConfig"] = {"PostConfirmation": THEIRS}
    with site.monkeypatch.context() as interrupted:
        interrupted.setattr(user_pool, "wait_for", _interrupt)
        assert site.attach("--replace").exit_code == 1
    assert site.function == FUNCTION

    assert "already" in site.attach("--replace").output
    assert site.detach().exit_code == 0
    assert site.function == THEIRS


def _interrupt(*_arguments: Any, **_options: Any) -> None:
    raise KeyboardInterrupt


def test_a_new_alias_of_the_function_is_no_other_function(site: Site) -> None:
    site.cognito.pool["LambdaConfig"] = {"PostConfirmation": THEIRS}
    site.attach("--replace")
    site.outputs["post_confirmation_arn"] = ALIAS
    assert site.attach().exit_code == 0
    assert site.function == ALIAS
    assert site.detach().exit_code == 0
    assert site.function == THEIRS


@pytest.mark.parametrize(
    "statements",
    [
        None,
        [],
        [PERMISSION | {"Principal": {"Service": "sns.amazonaws.com"}}],
        [PERMISSION | {"Principal": "*"}],
        [PERMISSION | {"Effect": "Deny"}],
        [PERMISSION | {"Condition": {"ArnLike": {"AWS:SourceArn": f"{POOL_ARN}x"}}}],
    ],
)
def test_a_function_that_cognito_may_not_call_is_not_attached(
    site: Site, statements: list[Json] | None
) -> None:
    site.functions.statements = statements
    done = site.attach()
    assert (done.exit_code, "make deploy ENV=dev" in done.output.replace("\n", " ")) == (1, True)
    assert site.cognito.updates == []


def test_a_pool_of_its_own_is_terraforms(site: Site) -> None:
    site.outputs["existing_user_pool"] = False
    for command in ("attach", "detach"):
        done = site.run(command, "--yes")
        assert (done.exit_code, "set existing_user_pool" in done.output.replace("\n", " ")) == (1, True)


def test_what_went_wrong_is_said_with_the_place_of_what_was(site: Site) -> None:
    site.cognito.mishap = lambda there: there.pool.pop("MfaConfiguration")
    done = site.attach()
    assert done.exit_code == 1
    assert "MfaConfiguration" in done.output
    (key,) = site.kept
    assert key in done.output
    body = boto3.client("s3", region_name="eu-west-1").get_object(Bucket=site.bucket, Key=key)["Body"].read()
    assert json.loads(body)["pool"]["MfaConfiguration"] == "OPTIONAL"
