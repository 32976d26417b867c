"""Copies of the root module and of the READMEs' examples, and a local AWS of their own to apply them to."""

import json
import os
import re
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from scripts import environment
from scripts.environment import ROOT, TERRAFORM, Environment
from scripts.local_aws import process
from scripts.terraform import Terraform

Json = dict[str, Any]
# the resources of each run of a `terraform test`
Made = dict[str, list[Json]]
# each run of a `terraform test`: its status, and what was said
Contract = dict[str, tuple[str, list[str]]]

MODULES = sorted(folder.name for folder in (TERRAFORM / "modules").iterdir())
OFFLINE = """
terraform {
  backend "local" {}
}

provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}
"""
# what the READMEs have in place of this repository's address, and a tag of it
ADDRESS = "https://git.example.com/registration.git"
TAG = "v1.0.0"
GIT = shutil.which("git")
UNREACHABLE = "http://127.0.0.1:9"  # the discard port: whoever calls AWS here fails at once


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A local AWS for these tests alone; this process, and what it starts, sees nothing else."""
    with socket.socket() as probe:
        probe.bind((environment.LOOPBACK, 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("local-aws")
    running = process.start(port, home)
    try:
        local = environment.local(running.url)
        with patch.dict(os.environ, local.variables, clear=True):
            yield local
    finally:
        process.stop(port, home)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that holds one function which does nothing: what it does is not looked at here."""
    path = tmp_path_factory.mktemp("package") / "function.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return event\n")
    return path


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """The root module, initialised, with its state in a file instead of S3. It reaches no AWS."""
    folder = tmp_path_factory.mktemp("root") / "terraform"
    shutil.copytree(TERRAFORM, folder, ignore=shutil.ignore_patterns(".terraform", "terraform.tfstate*"))
    (folder / "offline_override.tf").write_text(OFFLINE)
    variables = dict(environment.local(UNREACHABLE).variables)
    # `-lockfile=readonly` fails if the lock file does not hold what is installed
    variables["TF_CLI_ARGS_init"] = f"{variables.get('TF_CLI_ARGS_init', '')} -lockfile=readonly".strip()
    shutil.copy(Path(__file__).parent / "root.tftest.hcl", folder)
    terraform = Terraform(folder, variables)
    terraform.init()
    return terraform


@pytest.fixture(scope="session")
def meanwhile() -> Iterator[Executor]:
    """For what needs the processor, while something else waits for AWS."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        yield executor


@pytest.fixture(scope="session")
def made_up(root: Terraform) -> Iterator[Mapping[str, str]]:
    """The variables of a run on a made-up AWS. All share one provider: to start it is most of each run.

    Nobody configures it, so that they do not get in each other's way ("Running Terraform With A Provider in
    Debug Mode" in HashiCorp's plugin documentation).
    """
    variables = environment.local(UNREACHABLE).variables
    (provider,) = (root.folder / ".terraform/providers").glob("*/*/aws/*/*/terraform-provider-aws_*")
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([provider, "-debug"], env=dict(variables), **options) as process:
        found = (re.search("TF_REATTACH_PROVIDERS='(.+)'", line) for line in process.stdout or ())
        try:
            yield {**variables, "TF_REATTACH_PROVIDERS": next(filter(None, found))[1]}
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def root_made(
    root: Terraform, package: Path, made_up: Mapping[str, str], meanwhile: Executor
) -> Future[Made]:
    """What the root module makes of a made-up AWS, by root.tftest.hcl."""
    return meanwhile.submit(run_tests, root.folder, made_up, package)


@pytest.fixture(scope="session")
def contracts(
    tmp_path_factory: pytest.TempPathFactory, made_up: Mapping[str, str], meanwhile: Executor
) -> dict[str, Future[Contract]]:
    """What each module's own tests have come to."""
    modules = tmp_path_factory.mktemp("contracts") / "modules"
    shutil.copytree(TERRAFORM / "modules", modules)
    return {module: meanwhile.submit(tested, modules / module, made_up) for module in MODULES}


@pytest.fixture(scope="session")
def examples_folder(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Path:
    """The READMEs' examples, each a module of its own, under one configuration that calls them all.

    One configuration, since loading the provider is most of the time of every step.
    """
    folder = tmp_path_factory.mktemp("readmes") / "examples"
    repository = folder / "repository"
    shutil.copytree(TERRAFORM / "modules", repository / "terraform" / "modules")
    for module in MODULES:
        (folder / module).mkdir()
        examples = examples_of(TERRAFORM / "modules" / module / "README.md")
        if GIT:
            examples = examples.replace(f"git::{ADDRESS}//", f"git::file://{repository}//")
        else:
            examples = examples.replace(f"git::{ADDRESS}//", "../repository/").replace(f"?ref={TAG}", "")
        (folder / module / "main.tf").write_text(examples)
    if GIT:
        commit(repository)
    calls = [f'module "{module}" {{\n  source = "./{module}"\n}}\n' for module in MODULES]
    (folder / "main.tf").write_text("\n".join(['provider "aws" {\n  region = "eu-west-1"\n}\n', *calls]))
    shutil.copy(TERRAFORM / ".terraform.lock.hcl", folder)
    shutil.copy(package, folder)
    return folder


def run_tests(folder: Path, variables: Mapping[str, str], package: Path | None = None) -> Made:
    """What each run of a folder's tests has applied."""
    given = [f"-var=lambda_package_path={package}"] if package else []
    code, messages = terraform_test(folder, variables, "-verbose", *given)
    assert code == 0, [m for m in messages if m["@level"] == "error"]
    return {
        m["@testrun"]: list(resources_of(m["test_state"]["root_module"]))
        for m in messages
        if m["type"] == "test_state"
    }


def tested(module: Path, variables: Mapping[str, str]) -> Contract:
    """What each run of a module's tests has come to."""
    inputs = module.parent.with_name("inputs") / module.name
    for file in ("variables.tf", "tests/inputs.tftest.hcl"):
        (inputs / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(module / file, inputs / file)
    Terraform(module, variables).init()
    made = outcomes(module, variables, "-filter=tests/contract.tftest.hcl")
    return made | outcomes(inputs, variables)


def outcomes(folder: Path, variables: Mapping[str, str], *options: str) -> Contract:
    """The status of each run of a `terraform test`, and what is said of it."""
    _, messages = terraform_test(folder, variables, *options)
    said: dict[str, list[str]] = {}
    for message in messages:
        if message["type"] == "diagnostic":
            said.setdefault(message.get("@testrun", ""), []).append(str(message["diagnostic"]))
    return {
        run["run"]: (run["status"], said.get(run["run"], said.get("", [])))
        for run in (message["test_run"] for message in messages if message["type"] == "test_run")
        if run["progress"] == "complete"
    }


def terraform_test(folder: Path, variables: Mapping[str, str], *options: str) -> tuple[int, list[Json]]:
    """The exit code and the messages of `terraform test`, which python-terraform does not have."""
    done = subprocess.run(
        ["terraform", "test", "-json", *options],
        cwd=folder,
        env=dict(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def resources_of(module: Json) -> Iterator[Json]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources_of(child)


def examples_of(readme: Path) -> str:
    """The HCL examples of a module's README, as one configuration."""
    found = re.findall(r"^```hcl\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{readme.relative_to(ROOT)} should have an example"
    examples = "\n".join(found)
    sources = re.findall(r'^  source = "(.*)"$', examples, re.MULTILINE)
    elsewhere = [
        s for s in sources if not re.fullmatch(rf"git::{ADDRESS}//terraform/modules/\w+\?ref={TAG}", s)
    ]
    assert elsewhere == [], "another repository has no such folder"
    return examples


def commit(folder: Path) -> None:
    """Makes a git repository of a folder, with the tag."""
    # where a hook has called us, git would use the repository of that
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    somebody = "-c user.name=somebody -c user.email=somebody@example.com -c commit.gpgsign=false"
    for command in ("init", "add .", f"{somebody} commit -m All", f"tag {TAG}"):
        subprocess.run(["git", *command.split()], cwd=folder, env=own, check=True, capture_output=True)
