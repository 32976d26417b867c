"""Each check of `make lint`, for real, on a small project: it passes what is right and finds what is not."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import lint
from scripts.environment import ROOT
from scripts.lint import CHECKS, FailedError

WORKFLOW = """\
name: check
on: push
permissions: {}
jobs:
  check:
    name: check
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - run: make lint
"""
TOPIC = 'resource "aws_sns_topic" "this" {\n  name = "it"\n}\n'
VARIABLE = 'variable "name" {\n  description = "What it is called."\n  type        = string\n}\n'
INPUTS = """\
| Name | Type | Default | What it is |
|---|---|---|---|
| `name` | `string` | required | What it is called. |"""
EXCEPTION = "#checkov:skip=CKV_AWS_26:Nothing in it is secret."
PROJECT = {
    ".ci/run": "#!/usr/bin/env bash\nmake lint\n",
    ".github/workflows/check.yml": WORKFLOW,
    "lambda/notifications/__init__.py": "",
    "lambda/requirements.txt": "jinja2==3.1.6 --hash=sha256:" + "0" * 64 + "\n",
    "scripts/__init__.py": "",
    "scripts/requirements.txt": "click==8.1.8 --hash=sha256:" + "0" * 64 + "\n",
    "terraform/.terraform.lock.hcl": "",
    "terraform/main.tf": 'module "named" {\n  source = "./modules/named"\n\n  name = "it"\n}\n',
    # where checkov looks and terraform does not: no check here needs a provider
    "terraform/modules/named/examples/topic.tf": TOPIC.replace("\n", f"\n  {EXCEPTION}\n", 1),
    "terraform/modules/named/main.tf": 'resource "terraform_data" "this" {\n  input = var.name\n}\n',
    "terraform/modules/named/README.md": f"# named\n\n## Inputs\n\n{INPUTS}\n\n## Outputs\n\nNone.\n",
    "terraform/modules/named/variables.tf": VARIABLE,
    "tests/__init__.py": "",
}
FOUND = [
    ("ruff", "scripts/x.py", "import os\n", "imported but unused"),
    ("ruff-format", "scripts/x.py", "x = {  }\n", "x = {}"),
    ("mypy", "lambda/notifications/x.py", "def f(x):\n    return x\n", "missing a type annotation"),
    ("terraform-fmt", "terraform/x.tf", "locals{}\n", "locals {}"),
    ("terraform-fmt", "tests/terraform/x.tftest.hcl", 'run "x"{}\n', 'run "x" {}'),
    ("terraform-validate", "terraform/x.tf", "locals {\n  x = local.y\n}\n", "local value"),
    ("terraform-validate", "terraform/apart/x.tf", "locals {\n  x = local.y\n}\n", "In terraform/apart: "),
    ("terraform-validate", "terraform/modules/apart/main.tf", "locals {\n  x = var.y\n}\n", "input variable"),
    ("docs", "terraform/modules/named/variables.tf", "", "named/README.md; run make docs"),
    ("docs", "terraform/modules/named/outputs.tf", 'output "it" {\n  value = 1\n}\n', "a description"),
    ("checkov", "terraform/x.tf", TOPIC, "CKV_AWS_26"),
    ("checkov", "terraform/modules/apart/main.tf", TOPIC, "CKV_AWS_26"),
    ("checkov", "terraform/x.tf", 'locals {\n  x = "\n}\n', "could not read every file"),
    ("zizmor", ".github/workflows/x.yml", f"{WORKFLOW}      - uses: actions/checkout@v4\n", "unpinned-uses"),
    ("schemas", ".github/workflows/x.yml", f"{WORKFLOW}        nothing: 1\n", "Additional properties"),
    ("schemas", ".github/actions/x/action.yml", "name: x\n", "'runs' is a required property"),
    ("schemas", ".github/dependabot.yml", "version: 2\n", "'updates' is a required property"),
    ("schemas", "scripts/x/compose.yaml", "services:\n  x:\n    imagine: y\n", "imagine"),
    ("shellcheck", ".ci/run", "#!/usr/bin/env bash\ncd $HERE\n", "SC2086"),
    ("shellcheck", "scripts/x.sh", "#!/bin/sh\nx=(1)\n", "SC3030"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a few files with which every check is content, and whose settings are ours."""
    for name, text in PROJECT.items():
        write(tmp_path, name, text)
    for name in ("pyproject.toml", ".gitignore", ".pre-commit-config.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in [name for name in os.environ if name.startswith("PIP_AUDIT_")]:
        monkeypatch.delenv(name)
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755 if text.startswith("#!") else 0o644)


@pytest.mark.parametrize("name", sorted(set(CHECKS) - {"pip-audit"}))
def test_what_is_right_passes(project: Path, name: str) -> None:
    assert not CHECKS[name](project)


@pytest.mark.parametrize("name", ["zizmor", "schemas"])
def test_no_workflow_at_all_is_right_too(project: Path, name: str) -> None:
    shutil.rmtree(project / ".github")

    assert not CHECKS[name](project)


@pytest.mark.parametrize(("name", "file", "text", "words"), FOUND)
def test_what_is_not_right_is_found(project: Path, name: str, file: str, text: str, words: str) -> None:
    write(project, file, text)

    with pytest.raises(FailedError) as caught:
        CHECKS[name](project)
    assert words in str(caught.value)


class Service(BaseHTTPRequestHandler):
    """A vulnerability service, in the form of OSV's."""

    status = 200
    known: dict[str, Any]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(self.known.get(asked["package"]["name"], {})).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """It is nobody's business."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Service]]:
    """A service of the test's own, which pip-audit is told to ask."""
    handler = type("Handler", (Service,), {"known": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{server.server_port}/")
        yield handler
        server.shutdown()
        thread.join()


def test_a_known_vulnerability_fails_and_says_what_mends_it(project: Path, service: type[Service]) -> None:
    fixed = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}
    affected = [{"package": {"name": "click", "ecosystem": "PyPI"}, "ranges": [fixed]}]
    service.known = {"click": {"vulns": [{"id": "PYSEC-1", "summary": "bad", "affected": affected}]}}

    with pytest.raises(FailedError) as caught:
        lint.pip_audit(project)
    assert str(caught.value) == "click 8.1.8: PYSEC-1, mended in 99.1"


def test_packages_that_nothing_is_known_of_pass(project: Path, service: type[Service]) -> None:
    assert lint.pip_audit(project) is None


def test_a_service_that_is_ill_passes_in_one_line(project: Path, service: type[Service]) -> None:
    service.status = 503

    assert lint.pip_audit(project) == "pip-audit cannot reach its data, so nothing was looked up."


def test_a_service_that_is_not_there_passes_in_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", "http://127.0.0.1:9/")  # the discard port

    assert lint.pip_audit(project) == "pip-audit cannot reach its data, so nothing was looked up."


def test_requirements_without_hashes_fail(project: Path, service: type[Service]) -> None:
    write(project, "scripts/requirements.txt", "click==8.1.8\n")

    with pytest.raises(FailedError, match="click"):
        lint.pip_audit(project)


@contextmanager
def repository(project: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """The project in git, with the hooks and the tools of ours."""
    for name in ("scripts", "lambda"):
        shutil.copytree(ROOT / name, project / name, dirs_exist_ok=True)
    (project / ".venv").symlink_to(lint.BIN.parent)
    nobody = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_COMMITTER_NAME": "x"}
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    variables |= {**nobody, "GIT_COMMITTER_EMAIL": "x", "PRE_COMMIT_HOME": str(project / "build" / "hooks")}

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=project, env=variables, capture_output=True, text=True, check=False
        )

    assert run("git", "init").returncode == 0
    done = run(lint.TOOLS / "pre-commit", "install")
    assert done.returncode == 0, done.stderr
    yield run


def test_a_commit_runs_the_checks_of_what_it_changes_and_is_refused(project: Path) -> None:
    with repository(project) as run:
        run("git", "add", "--force", ".ci/run", ".pre-commit-config.yaml", ".gitignore")
        passed = run("git", "commit", "--message", "right")
        assert passed.returncode == 0, passed.stderr
        write(project, ".ci/run", "#!/usr/bin/env bash\ncd $HERE\n")
        run("git", "add", ".ci/run")
        refused = run("git", "commit", "--message", "not right")

    assert refused.returncode == 1
    said = refused.stderr + refused.stdout
    assert "SC2086" in said
    assert "Python, types" in said
    assert said.count("Skipped") == len(CHECKS) - 1, said
