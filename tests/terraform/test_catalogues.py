"""Each ready-made catalogue passes the root module's checks and reaches the functions as it stands.

The root module knows a catalogue in variables.tf and catalogue.tf alone: these are planned, by themselves,
without the provider, which takes seconds to load. test_root.py shows what the functions get of them.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts import environment
from scripts.environment import TERRAFORM, load_hcl
from scripts.terraform import Terraform
from tests.terraform.conftest import UNREACHABLE
from tests.terraform.test_root import MAX_CATALOGUE, as_lambda_counts

CATALOGUES = sorted((TERRAFORM / "catalogues").glob("*/catalogue.tfvars"))
FILES = ("catalogue.tf", "variables.tf")
OUTPUTS = """
output "texts" {
  value = local.catalogue
}

output "rules" {
  value = local.catalogue_without_texts
}
"""
DEFAULTS = {"channels": [], "critical": False, "good_for_hours": 72}
ACCOUNT = {
    "name": "Account",
    "description": "Messages about your account.",
    "channels": [],
    "critical": True,
    "good_for_hours": 96,
}


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    folder = tmp_path_factory.mktemp("catalogues")
    for file in FILES:
        shutil.copy(TERRAFORM / file, folder)
    (folder / "catalogues").symlink_to(TERRAFORM / "catalogues")
    (folder / "outputs.tf").write_text(OUTPUTS)
    return Terraform(folder, environment.local(UNREACHABLE).variables)


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: str(file.parent.name))
def test_functions_are_told_what_the_file_says(terraform: Terraform, package: Path, file: Path) -> None:
    planned = terraform.folder / "catalogue.tfplan"
    given = {"aws_region": "eu-west-1", "lambda_package_path": str(package)}

    terraform.plan(out=planned, var_files=[file], variables=given)

    outputs = terraform.show(planned)["planned_values"]["outputs"]
    categories: dict[str, Any] = load_hcl(file)["catalogue"]["categories"]
    meant = {key: DEFAULTS | category for key, category in categories.items()} | {"account": ACCOUNT}
    assert json.loads(outputs["texts"]["value"]) == meant
    assert json.loads(outputs["rules"]["value"]) == {
        key: {rule: category[rule] for rule in DEFAULTS} for key, category in meant.items()
    }
    assert as_lambda_counts(outputs["texts"]["value"]) <= MAX_CATALOGUE
    assert TERRAFORM / load_hcl(file)["catalogue"]["templates"] == file.parent / "templates"


def test_the_root_module_knows_a_catalogue_in_these_files_alone() -> None:
    assert {
        file.name for file in TERRAFORM.glob("*.tf") if re.search(r"\bvar\.catalogue\b", file.read_text())
    } == set(FILES)
