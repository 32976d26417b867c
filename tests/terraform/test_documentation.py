"""What the READMEs and the environments say is what there is; the files are valid and in order."""

import re
from pathlib import Path

import pytest

from scripts import environment
from scripts.environment import TERRAFORM, load_hcl
from scripts.terraform import Terraform
from tests.terraform.conftest import MODULES

FOLDERS = [TERRAFORM, TERRAFORM / "deploy_role", *(TERRAFORM / "modules" / module for module in MODULES)]

in_each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))


@in_each_folder
@pytest.mark.parametrize("kind", ["variable", "output"])
def test_inputs_and_outputs_are_in_alphabetical_order(folder: Path, kind: str) -> None:
    assert names(folder, kind) == sorted(names(folder, kind))


@in_each_folder
def test_inputs_and_outputs_are_in_the_readme(folder: Path) -> None:
    """What the tables say is seen to by `make docs`, wherever there are any."""
    readme = (folder / "README.md").read_text()
    assert "\n## Inputs\n" in readme
    assert "\n## Outputs\n" in readme


@in_each_folder
def test_inputs_are_typed_and_null_only_where_that_means_something(folder: Path) -> None:
    for name, body in blocks(folder, "variable"):
        assert re.search(r"^  type +=", body, re.MULTILINE), f"the type of {name}"
        null_by_default = re.search(r"^  default +?= null$", body, re.MULTILINE) is not None
        assert null_by_default != ("  nullable = false" in re.sub(" +=", " =", body)), name


@in_each_folder
def test_what_is_refused_is_told_what_to_do(folder: Path) -> None:
    """In whole sentences, of which one begins with a verb."""
    does = re.compile(r"(^|\. )(Begin|Build|Choose|Correct|Give|Have|Name|Set|Shorten) [^.]", re.MULTILINE)
    for variable in load_hcl(folder / "variables.tf")["variable"]:
        for name, body in variable.items():
            for rule in body.get("validation", []) if isinstance(body, dict) else []:
                message = rule["error_message"]
                assert does.search(message), f"{name}: {message}"
                assert message.endswith("."), f"{name}: {message}"


def test_what_is_installed_is_locked(root: Terraform) -> None:
    # the copy was initialised with the lock file read-only; that it was left alone, byte for byte:
    assert (root.folder / ".terraform.lock.hcl").read_bytes() == (
        TERRAFORM / ".terraform.lock.hcl"
    ).read_bytes()


@pytest.mark.parametrize("name", environment.names())
def test_environment_sets_what_there_is_to_set(name: str) -> None:
    folder = environment.ENVIRONMENTS / name
    files = sorted(folder.glob("*.tfvars"))
    values = [v for file in files for v in re.findall(r"^(\w+) +=", file.read_text(), re.MULTILINE)]
    backend = re.findall(r"^(\w+) += (.+)$", (folder / "backend.hcl").read_text(), re.MULTILINE)

    assert set(values) <= set(names(TERRAFORM, "variable"))
    assert len(values) == len(set(values)), "of two files that set the same, only one would count"
    assert ("use_lockfile", "true") in backend
    assert ("encrypt", "true") in backend
    assert "bucket" not in dict(backend), "its name holds the account: the commands give it"


def names(folder: Path, kind: str) -> list[str]:
    return [name for name, _ in blocks(folder, kind)]


def blocks(folder: Path, kind: str) -> list[tuple[str, str]]:
    """The variables or outputs of a module as (name, body), in the order of the file."""
    text = (folder / f"{kind}s.tf").read_text()
    return re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}$', text, re.MULTILINE | re.DOTALL)
