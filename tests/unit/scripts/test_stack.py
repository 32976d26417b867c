import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import click
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from scripts import deploy, environment, package, stack, state_bucket
from scripts.local_aws import process
from tests.unit.scripts.conftest import FakeTerraform, sentence

COMMANDS = ["plan", "deploy", "outputs", "destroy"]


def run(command: str, *options: str) -> Result:
    group = deploy.main if command in deploy.main.commands else stack.main
    return CliRunner().invoke(group, [command, *options])


@pytest.mark.parametrize("command", COMMANDS)
def test_without_terraform_every_command_says_so_in_one_sentence(
    terraform: FakeTerraform, local_aws: MagicMock, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert sentence(run(command)) == (
        "Terraform 1.10 or newer is needed and was not found on PATH; install it and run this again."
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terraform_that_is_too_old_is_refused_in_one_sentence(
    terraform: FakeTerraform, local_aws: MagicMock, command: str
) -> None:
    terraform.answer("init", code=1, stderr="Error: Unsupported Terraform Core version\n\n  on versions.tf …")
    assert sentence(run(command)) == (
        "Terraform 1.10 or newer is needed and the one on PATH is older; install it and run this again."
    )


@pytest.mark.parametrize("command", [*COMMANDS, "package"])
def test_an_unknown_environment_is_refused_in_one_sentence(terraform: FakeTerraform, command: str) -> None:
    assert sentence(run(command, "--env", "staging")).startswith(
        "There is no environment 'staging'; use ENV=dev|local"
    )
    assert terraform.calls == []


@pytest.mark.parametrize("command", ["outputs", "destroy"])
def test_what_only_looks_starts_no_local_aws(
    terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, free_port: int, command: str
) -> None:
    monkeypatch.setenv("LOCAL_AWS_PORT", str(free_port))
    assert sentence(run(command)) == (
        f"The local AWS is not running on port {free_port}, so nothing is deployed; run make deploy."
    )


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "4566x", "٤٥٦٦"])
def test_a_port_that_is_none_is_refused_in_one_sentence(
    terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("LOCAL_AWS_PORT", port)
    assert sentence(run("plan")) == f"LOCAL_AWS_PORT is a port from 1 to 65535, and not {port!r}."


@pytest.mark.parametrize(("given", "port"), [(None, 4566), ("", 4566), ("4570", 4570)])
def test_the_port_is_the_usual_one_unless_one_is_given(
    terraform: FakeTerraform,
    local_aws: MagicMock,
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    port: int,
) -> None:
    if given is not None:
        monkeypatch.setenv("LOCAL_AWS_PORT", given)
    assert stack.environment_named("local").endpoint_url == f"http://127.0.0.1:{port}"


def test_a_local_aws_that_does_not_start_says_why(
    terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "start", MagicMock(side_effect=process.LocalAwsError("Port 4566 is taken.")))
    assert sentence(run("deploy")) == "Port 4566 is taken."


def test_the_environment_is_this_processs_own_from_then_on(
    terraform: FakeTerraform, local_aws: MagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "real")
    assert dict(stack.environment_named("local").variables) == dict(os.environ)
    assert "AWS_PROFILE" not in os.environ


def test_a_remote_environment_has_nothing_to_do_with_the_local_aws(
    terraform: FakeTerraform, local_aws: MagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert stack.environment_named("dev").endpoint_url is None
    assert "AWS_ENDPOINT_URL" not in os.environ
    local_aws.assert_not_called()


def test_terraform_is_prepared_with_the_environments_backend_and_bucket(
    terraform: FakeTerraform, configuration: Path
) -> None:
    stack.Stack(environment.remote("dev").activate()).init()
    assert terraform.call["arguments"][0] == "init"
    assert terraform.call["arguments"][-2:] == [
        f"-backend-config={configuration}/environments/dev/backend.hcl",
        "-backend-config=bucket=some-bucket",
    ]
    assert Path(terraform.call["environment"]["TF_DATA_DIR"]).is_dir()


def test_just_the_plan_that_was_shown_is_destroyed(terraform: FakeTerraform, local_aws: MagicMock) -> None:
    terraform.answer("plan", code=2)
    assert run("destroy").exit_code == 0
    assert [c for c in terraform.commands if c != "output"] == ["init", "plan", "apply"]
    planned, applied = (call["arguments"] for call in terraform.calls[-2:])
    assert f"-out={applied[-1]}" in planned
    assert "-destroy" in planned


def test_another_plan_than_the_one_that_was_shown_destroys_nothing(
    terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def asked(*_: Any) -> None:
        (tmp_path / "build/terraform/dev/plan.tfplan").write_bytes(b"another")

    terraform.answer("plan", code=2)
    monkeypatch.setattr(stack, "confirm", asked)
    assert sentence(run("destroy", "--env", "dev")).startswith("Another command in this folder has made")
    assert "apply" not in terraform.commands


@pytest.mark.parametrize(("terminal", "patience"), [(True, "0s"), (False, "5m")])
def test_the_lock_of_another_run_is_waited_for_where_nobody_is_there_to_be_told(
    terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, terminal: bool, patience: str
) -> None:
    monkeypatch.setattr("sys.stdin", MagicMock(isatty=lambda: terminal))
    one = stack.Stack(environment.remote("dev").activate())
    one.plan()
    one.apply()
    assert all(f"-lock-timeout={patience}" in call["arguments"] for call in terraform.calls)


def test_every_file_of_values_is_used_terraform_tfvars_first(
    terraform: FakeTerraform, configuration: Path
) -> None:
    folder = configuration / "environments/dev"
    (folder / "catalogue.tfvars").write_text("")
    (folder / "zones.tfvars").write_text("")
    stack.Stack(environment.remote("dev").activate()).plan()
    names = ["terraform.tfvars", "catalogue.tfvars", "zones.tfvars"]
    assert terraform.call["variable_files"] == [str(folder / name) for name in names]


def test_where_nothing_is_deployed_nothing_is_asked_or_destroyed(terraform: FakeTerraform) -> None:
    result = run("destroy", "--env", "dev")
    assert result.exit_code == 0
    assert "Nothing is deployed" in result.output
    assert "apply" not in terraform.commands


def test_without_a_terminal_and_a_yes_nothing_is_destroyed(terraform: FakeTerraform) -> None:
    terraform.answer("plan", code=2)
    assert (
        sentence(run("destroy", "--env", "dev")) == "There is nobody to ask; look at the plan and say YES=1."
    )
    assert "apply" not in terraform.commands


@pytest.mark.parametrize(("yes", "destroyed"), [("1", True), ("0", False), ("", False)])
def test_a_yes_from_the_shell_is_enough(
    terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, yes: str, destroyed: bool
) -> None:
    monkeypatch.setenv("YES", yes)
    terraform.answer("plan", code=2)
    run("destroy", "--env", "dev")
    assert ("apply" in terraform.commands) is destroyed


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_the_person_decides(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    def confirm(_question: str, *, abort: bool, err: bool) -> None:
        assert err, "what is on standard output may be JSON"
        if abort and not answer:
            raise click.Abort

    monkeypatch.setattr("sys.stdin", MagicMock(isatty=lambda: True))
    monkeypatch.setattr(click, "confirm", confirm)
    if answer:
        stack.confirm("dev", "Sure?", yes=False)
    else:
        with pytest.raises(click.Abort):
            stack.confirm("dev", "Sure?", yes=False)


def test_outputs_are_printed_as_json(terraform: FakeTerraform, local_aws: MagicMock) -> None:
    terraform.answer("output", stdout='{"b": {"value": [1]}, "a": {"value": "x"}}')
    result = run("outputs")
    assert json.loads(result.stdout) == {"a": "x", "b": [1]}


def test_outputs_of_what_is_not_deployed_say_how_to_deploy(
    terraform: FakeTerraform, local_aws: MagicMock
) -> None:
    terraform.answer("output", stdout="{}")
    assert sentence(run("outputs")) == "Nothing is deployed in 'local': make deploy ENV=local."


@pytest.mark.parametrize("command", ["outputs", "destroy"])
def test_what_only_looks_makes_no_bucket(
    terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    nothing = click.ClickException("Nothing is deployed.")
    monkeypatch.setattr(state_bucket, "ensure", MagicMock(side_effect=AssertionError))
    monkeypatch.setattr(state_bucket, "find", MagicMock(side_effect=nothing))
    assert sentence(run(command, "--env", "dev")) == "Nothing is deployed."
    assert terraform.calls == []


def test_the_package_is_built_as_the_environment_wants_it(
    terraform: FakeTerraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: dict[str, Any] = {}

    def build(target: Path, **options: Any) -> str:
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(b"x" * 2048)
        built.update(options)
        return "digest"

    monkeypatch.setattr(package, "build", build)
    dev = environment.ENVIRONMENTS / "dev/terraform.tfvars"
    dev.write_text('lambda_architecture = "x86_64"\nlambda_runtime = "python3.12"\n')
    assert run("package", "--env", "dev").output == "build/lambda.zip  2 KiB  sha256 digest\n"
    assert built == {"architecture": "x86_64", "python": "3.12", "templates": None}


@pytest.mark.parametrize("command", ["package", "plan", "deploy"])
def test_a_template_that_could_not_be_sent_is_refused_before_anything_is_built(
    terraform: FakeTerraform, configuration: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    built = MagicMock()
    monkeypatch.setattr(package, "build", built)
    folder = configuration / "texts"
    folder.mkdir()
    (configuration / "environments/dev/catalogue.tfvars").write_text(
        'catalogue = {\n  templates  = "texts"\n  categories = { news = {} }\n}\n'
    )
    assert sentence(run(command, "--env", "dev")) == f"In {folder}: news/subject.txt: it is missing."
    built.assert_not_called()
    assert terraform.calls == []


@pytest.mark.parametrize("command", ["package", "plan", "deploy"])
def test_settings_that_cannot_be_read_are_named(terraform: FakeTerraform, command: str) -> None:
    file = environment.ENVIRONMENTS / "dev/terraform.tfvars"
    file.write_text('catalogue = {\n  templates = "texts"\n')
    assert sentence(run(command, "--env", "dev")).startswith(f"{file} is not HCL from line")
    file.unlink()
    assert sentence(run(command, "--env", "dev")) == f"{file} cannot be read: No such file or directory."


def test_what_aws_refuses_is_told_in_one_sentence(
    terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ClientError({"Error": {"Code": "ExpiredToken", "Message": "It has expired"}}, "HeadBucket")
    monkeypatch.setattr(state_bucket, "ensure", MagicMock(side_effect=refusal))
    assert sentence(run("plan", "--env", "dev")).startswith("AWS: An error occurred (ExpiredToken)")


def test_without_credentials_a_remote_environment_says_so_in_one_sentence(
    configuration: Path, fake_terraform: FakeTerraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(fake_terraform.bin))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert sentence(run("outputs", "--env", "dev")) == "AWS: Unable to locate credentials"


def test_what_terraform_refuses_is_told_with_its_reason(terraform: FakeTerraform) -> None:
    terraform.answer("init", code=1, stderr="\nError: No such bucket\n\nMake it.\n")
    result = run("outputs", "--env", "dev")
    assert result.exit_code == 1
    assert result.output == "Error: terraform init failed.\nError: No such bucket\nMake it.\n"
