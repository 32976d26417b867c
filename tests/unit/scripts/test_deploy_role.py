"""make deploy-role, with a Terraform that only writes down how it was called."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from scripts import account, deploy_role, state_bucket
from scripts.deploy_role import DeployRole
from scripts.environment import Environment, remote
from tests.unit.scripts.conftest import FakeTerraform

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary-some-dev"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration, with the settings of dev."""
    folder = tmp_path / "deploy_role"
    folder.mkdir()
    (folder / "dev.tfvars").write_text('github_repository = "example/registration"\n')
    monkeypatch.setattr(deploy_role, "FOLDER", folder)
    monkeypatch.setattr(state_bucket, "ensure", lambda _: "the-bucket")
    monkeypatch.setattr(account, "check", lambda _: "123456789012")
    return folder


@pytest.fixture
def dev(
    configuration: Path, folder: Path, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch
) -> Environment:
    monkeypatch.setenv("PATH", str(fake_terraform.bin))
    return remote("dev")


def test_its_state_is_beside_the_stacks_and_its_working_data_apart(
    dev: Environment, folder: Path, fake_terraform: FakeTerraform
) -> None:
    (dev.folder / "backend.hcl").write_text('key = "some-dev/terraform.tfstate"\n')
    assert DeployRole(dev).init() == "the-bucket"
    call = fake_terraform.call
    assert call["folder"] == str(folder)
    assert "-backend-config=key=some-dev/deploy-role.tfstate" in call["arguments"]
    assert "-backend-config=bucket=the-bucket" in call["arguments"]
    assert call["environment"]["TF_DATA_DIR"] == f"{dev.data_dir}-deploy-role"


def test_it_is_told_what_the_stack_is_told(
    dev: Environment, folder: Path, fake_terraform: FakeTerraform
) -> None:
    with (dev.folder / "terraform.tfvars").open("a") as settings:
        settings.write(
            'email_delivery = "ses"\n'
            'existing_user_pool = { id = "eu-west-1_pool", client_ids = ["c"] }\n'
            'ses_identity = { arn = "a", from_address = "b", configuration_set = "the-set" }\n'
            'tags = { Team = "x" }\n'
        )
    fake_terraform.answer("plan", code=2)
    assert DeployRole(dev).plan("the-bucket")
    (told,) = fake_terraform.call["variables"]
    assert told == {
        "allowed_account_ids": [],
        "aws_region": "eu-west-1",
        "environment": "dev",
        "existing_user_pool_id": "eu-west-1_pool",
        "name_prefix": "some-dev",
        "ses_configuration_set": "the-set",
        "state_bucket": "the-bucket",
        "state_key": "some.tfstate",
        "tags": {"Team": "x"},
    }
    assert f"-var-file={folder / 'dev.tfvars'}" in fake_terraform.call["arguments"]


@pytest.mark.parametrize("content", ["", None], ids=["not in it", "no file"])
def test_without_a_repository_there_is_nothing_to_trust(
    dev: Environment, folder: Path, content: str | None
) -> None:
    settings = folder / "dev.tfvars"
    settings.unlink()
    if content is not None:
        settings.write_text(content)
    with pytest.raises(click.ClickException, match=r"^Set github_repository in .*dev\.tfvars: owner/name of"):
        DeployRole(dev).init()


def outputs(**values: str) -> str:
    return json.dumps({name: {"value": value} for name, value in values.items()})


def run(*arguments: str, **variables: str) -> Any:
    return CliRunner(env=variables).invoke(deploy_role.main, arguments)


def test_it_shows_asks_applies_and_says_what_to_set(dev: Environment, fake_terraform: FakeTerraform) -> None:
    fake_terraform.answer("plan", code=2)
    fake_terraform.answer("output", stdout=outputs(permissions_boundary_arn=BOUNDARY))

    done = run(ENV="dev")
    assert done.exit_code == 1
    assert "There is nobody to ask; look at the plan and say YES=1." in done.output
    assert fake_terraform.commands == ["init", "plan"]

    fake_terraform.forget()
    fake_terraform.answer("plan", code=2)
    fake_terraform.answer("output", stdout=outputs(permissions_boundary_arn=BOUNDARY))
    done = run(ENV="dev", YES="1")
    assert done.exit_code == 0, done.output
    assert fake_terraform.commands == ["init", "plan", "apply", "output"]
    assert f'permissions_boundary_arn = "{BOUNDARY}"' in done.output


def test_the_wrong_account_is_refused_first(
    dev: Environment, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Environment) -> str:
        raise click.ClickException("These credentials are of another account.")

    monkeypatch.setattr(account, "check", refuse)
    done = run(ENV="dev", YES="1")
    assert (done.exit_code, done.output) == (1, "Error: These credentials are of another account.\n")
    assert fake_terraform.commands == []


def test_what_is_set_is_not_asked_for_again(dev: Environment, fake_terraform: FakeTerraform) -> None:
    with (dev.folder / "terraform.tfvars").open("a") as settings:
        settings.write(f'permissions_boundary_arn = "{BOUNDARY}"\n')
    fake_terraform.answer("output", stdout=outputs(permissions_boundary_arn=BOUNDARY))
    done = run(ENV="dev")
    assert (done.exit_code, done.output) == (0, "Nothing to change.\n")


def test_it_takes_them_away_again(dev: Environment, fake_terraform: FakeTerraform) -> None:
    fake_terraform.answer("plan", code=2)
    fake_terraform.answer("output", stdout="{}")
    done = run("--destroy", ENV="dev", YES="1")
    assert done.exit_code == 0, done.output
    plan = next(call for call in fake_terraform.calls if call["arguments"][0] == "plan")
    assert "-destroy" in plan["arguments"]
