"""A shell that says nothing about AWS, and a Terraform that only writes down how it was called."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from click.testing import Result

from scripts import account, environment, package, stack, state_bucket
from scripts.local_aws import process

TOLD_APART = ("AWS_", "TF_", "MAKE", "MFLAGS", "ENV", "YES", "LOCAL_AWS_", "PYTEST_")

Json = dict[str, Any]

PACKAGE = b"a package"

FAKE_TERRAFORM = f"""#!{sys.executable} -IS
import json, os, sys
folder = os.path.dirname(__file__) + "/"
files = [a.removeprefix("-var-file=") for a in sys.argv if a.startswith("-var-file=")]
variables = [json.load(open(f)) for f in files if f.endswith(".tfvars.json")]
call = {{
    "arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(),
    "variables": variables, "variable_files": files,
}}
with open(folder + "calls", "a") as calls:
    calls.write(json.dumps(call) + "\\n")
for out in [a.removeprefix("-out=") for a in sys.argv if a.startswith("-out=")]:
    os.makedirs(os.path.dirname(out), exist_ok=True)
    open(out, "w").write("plan " + str(os.getpid()))
answer = json.load(open(folder + "answers")).get(sys.argv[1], {{}})
for name, content in answer.get("files", {{}}).items():
    open(name, "w").write(content)
sys.stdout.write(answer.get("stdout", "{{}}" if sys.argv[1] == "output" else ""))
sys.stderr.write(answer.get("stderr", ""))
sys.exit(answer.get("code", 0))
"""


@dataclass
class FakeTerraform:
    """An executable `terraform`, alone in a folder.

    answers: what each command says, exits with, and leaves in the folder that it runs in.
    """

    bin: Path
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(
        self, command: str, *, code: int = 0, stdout: str = "", stderr: str = "", files: Json | None = None
    ) -> None:
        self.answers[command] = {"code": code, "stdout": stdout, "stderr": stderr, "files": files or {}}
        (self.bin / "answers").write_text(json.dumps(self.answers))

    def forget(self) -> None:
        """Until now nobody has called, and every command succeeds."""
        self.answers.clear()
        (self.bin / "answers").write_text("{}")
        (self.bin / "calls").write_text("")

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.bin / "calls").read_text().splitlines()]

    @property
    def call(self) -> dict[str, Any]:
        """The one call that there was."""
        (call,) = self.calls
        return call

    @property
    def commands(self) -> list[str]:
        return [call["arguments"][0] for call in self.calls]


@pytest.fixture(autouse=True)
def _shell() -> Iterator[None]:
    """Whatever the real shell says of AWS, Terraform and make is not heard; nothing done to it stays."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(TOLD_APART)}
    with patch.dict(os.environ, kept, clear=True):
        yield


@pytest.fixture(scope="module")
def terraform_executable(tmp_path_factory: pytest.TempPathFactory) -> FakeTerraform:
    fake = FakeTerraform(tmp_path_factory.mktemp("terraform") / "bin")
    fake.bin.mkdir()
    path = fake.bin / "terraform"
    path.write_text(FAKE_TERRAFORM)
    path.chmod(0o755)
    return fake


@pytest.fixture
def fake_terraform(terraform_executable: FakeTerraform) -> FakeTerraform:
    terraform_executable.forget()
    return terraform_executable


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root module of a few lines, with the environments `local` and `dev`, in place of the real one."""
    terraform = tmp_path / "terraform"
    for name, accounts in {"local": '["000000000000"]', "dev": "[]"}.items():
        folder = terraform / "environments" / name
        folder.mkdir(parents=True)
        (folder / "terraform.tfvars").write_text(
            f'aws_region = "eu-west-1"\nname_prefix = "some-{name}"\nallowed_account_ids = {accounts}\n'
        )
        (folder / "backend.hcl").write_text('key = "some.tfstate"\n')
    defaults = {
        "lambda_architecture": "arm64",
        "lambda_package_path": "../build/lambda.zip",
        "lambda_runtime": "python3.13",
    }
    (terraform / "variables.tf").write_text(
        "".join(
            f'variable "{name}" {{\n  type    = string\n  default = "{default}"\n}}\n'
            for name, default in defaults.items()
        )
    )
    (terraform / ".terraform.lock.hcl").write_text(
        'provider "registry.example.org/hashicorp/aws" {\n  version     = "1.2.3"\n}\n'
    )
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "BUILD", tmp_path / "build")
    monkeypatch.setattr(environment, "TERRAFORM", terraform)
    monkeypatch.setattr(environment, "ENVIRONMENTS", terraform / "environments")
    return terraform


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((environment.LOOPBACK, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def terraform(
    configuration: Path, fake_terraform: FakeTerraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeTerraform:
    """A Terraform on the PATH, with a state bucket and a package that need not be made."""
    monkeypatch.setattr(stack, "ROOT", tmp_path)
    monkeypatch.setattr(account, "check", lambda _environment: "123456789012")
    monkeypatch.setattr(stack, "TERRAFORM", configuration)
    for look in ("ensure", "find"):
        monkeypatch.setattr(state_bucket, look, lambda _environment: "some-bucket")
    target = tmp_path / "build/lambda.zip"
    target.parent.mkdir()
    target.write_bytes(PACKAGE)
    monkeypatch.setattr(package, "build", lambda *_arguments, **_options: "0" * 64)
    monkeypatch.setattr(package, "TARGET", target)
    monkeypatch.setattr(environment, "provider_mirror", lambda: None)
    monkeypatch.setenv("PATH", str(fake_terraform.bin))
    return fake_terraform


@pytest.fixture
def local_aws(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """A local AWS that is said to run wherever it is looked for."""
    running = MagicMock(side_effect=lambda port: MagicMock(url=f"http://127.0.0.1:{port}"))
    monkeypatch.setattr(process, "start", running)
    monkeypatch.setattr(process, "find", running)
    return running


def sentence(result: Result) -> str:
    """What a command that failed said: one line, and no more."""
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert result.output.endswith(f"{line}\n")
    assert isinstance(result.exception, SystemExit)
    return line.removeprefix("Error: ")
