"""The root module without pool and HTTP API, as the integration tests deploy it where there are none."""

import re
from pathlib import Path

from scripts import environment
from scripts.environment import TERRAFORM
from scripts.terraform import Terraform
from tests.without_pool import MADE_UP, without_pool

from .conftest import OFFLINE, UNREACHABLE


def test_it_is_valid_and_all_else_is_as_it_was(tmp_path: Path) -> None:
    root = without_pool(tmp_path / "terraform")
    (root / "offline_override.tf").write_text(OFFLINE)

    terraform = Terraform(root, environment.local(UNREACHABLE).variables)
    terraform.init_without_backend()
    terraform.validate()
    changed = {
        file.relative_to(TERRAFORM).parts[1]
        for file in TERRAFORM.rglob("*.tf")
        if not (root / file.relative_to(TERRAFORM)).exists()
        or (root / file.relative_to(TERRAFORM)).read_bytes() != file.read_bytes()
    }
    assert changed == set(MADE_UP)
    made = [(m / "main.tf").read_text() for m in (root / "modules").iterdir() if m.name in MADE_UP]
    assert not re.search(r"^(resource|data) ", "".join(made), re.MULTILINE)
