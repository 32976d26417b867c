import io
import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from scripts import lint
from scripts.environment import ROOT, TERRAFORM
from scripts.lint import CHECKS, FailedError

EXCEPTION = re.compile(r"#\s*checkov:skip=(.*)")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Checks that do nothing but say that they ran; two of them fail."""
    ran: list[str] = []

    def passes(_root: Path) -> None:
        ran.append("passes")

    def tells(_root: Path) -> str:
        ran.append("tells")
        return "nothing was looked up."

    def finds(_root: Path) -> None:
        ran.append("finds")
        raise FailedError("x.py:1 [bold] is wrong")

    def lacks(_root: Path) -> None:
        ran.append("lacks")
        raise click.ClickException("Terraform is needed; install it.")

    chosen = {"passes": passes, "tells": tells, "finds": finds, "lacks": lacks}
    monkeypatch.setattr(lint, "CHECKS", chosen)
    monkeypatch.setattr(lint.main.params[0], "type", click.Choice(list(chosen)))
    return ran


def invoke(*names: str) -> Result:
    return CliRunner().invoke(lint.main, names)


def test_all_run_although_some_fail_and_these_are_named(checks: list[str]) -> None:
    done = invoke()

    assert sorted(checks) == ["finds", "lacks", "passes", "tells"]
    assert done.exit_code == 1
    assert done.stderr == "Error: 2 of 4 failed: finds, lacks.\n"


def test_what_a_check_says_is_told_with_it(checks: list[str]) -> None:
    told = re.sub(r" +\d+\.\d s", "", invoke().stdout).splitlines()

    assert told[told.index("✗ finds") + 1] == "x.py:1 [bold] is wrong"
    assert told[told.index("✗ lacks") + 1] == "Terraform is needed; install it."
    assert told[told.index("✓ tells") + 1] == "nothing was looked up."
    assert "✓ passes" in told
    assert len(told) == 7


def test_named_checks_run_and_no_others(checks: list[str]) -> None:
    done = invoke("passes", "tells")

    assert (done.exit_code, done.stderr, sorted(checks)) == (0, "", ["passes", "tells"])


def test_an_unknown_check_is_refused_with_those_that_there_are(checks: list[str]) -> None:
    done = invoke("passes", "unheard-of")

    assert done.exit_code == 2
    assert "'unheard-of' is not one of 'passes', 'tells', 'finds', 'lacks'" in done.stderr
    assert checks == []


def test_help_lists_every_check_with_one_line() -> None:
    listed = dict(re.findall(r"^  ([a-z][a-z-]+) {2,}(\S.*\.)$", invoke("--help").stdout, re.MULTILINE))

    assert list(listed) == list(CHECKS)


def test_a_tool_that_is_missing_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lint, "TOOLS", tmp_path)

    with pytest.raises(FailedError, match=r"/shellcheck is missing; `make lint` installs it"):
        lint.shellcheck(tmp_path)


def test_a_terminal_is_told_what_is_still_running(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    terminal = io.StringIO()
    monkeypatch.setattr(lint, "CHECKS", {"slow": lambda _root: seen.append(terminal.getvalue())})

    lint.run(["slow"], ROOT, Console(file=terminal, force_terminal=True, width=80))

    assert "slow" in terminal.getvalue()
    assert seen


def found(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


SOUND = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found"}
ILL = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3", "2.1"]}]}
INCURABLE = {"name": "d", "version": "4", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}


def test_packages_without_vulnerabilities_need_no_word() -> None:
    assert lint.audited(0, found(SOUND), "") is None


def test_a_service_that_knows_no_package_has_looked_nothing_up() -> None:
    assert lint.audited(0, found(UNKNOWN, UNKNOWN), "") == (
        "pip-audit's service knows none of the packages, so nothing was looked up."
    )


def test_every_vulnerability_is_told_and_every_package_that_alone_is_not_known() -> None:
    with pytest.raises(FailedError) as caught:
        lint.audited(1, found(SOUND, ILL, UNKNOWN, INCURABLE), "")

    assert str(caught.value).splitlines() == [
        "c 2: PYSEC-1, mended in 3 or 2.1",
        "d 4: PYSEC-2, mended in no version yet",
        "b could not be looked up.",
    ]


@pytest.mark.parametrize(
    "errors",
    [
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(...)",
        "requests.exceptions.ReadTimeout: ...",
        "requests.exceptions.SSLError: ...",
        "pip_audit._service.interface.ServiceError",
        "ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another",
    ],
)
def test_a_service_that_cannot_be_reached_passes_in_one_line(errors: str) -> None:
    assert lint.audited(1, "", errors) == "pip-audit cannot reach its data, so nothing was looked up."


@pytest.mark.parametrize("errors", ["ERROR: invalid requirements input: x.txt", ""])
def test_whatever_else_stops_pip_audit_fails(errors: str) -> None:
    with pytest.raises(FailedError, match=errors or "pip-audit ended with 1"):
        lint.audited(1, "", errors)


def test_shell_scripts_are_found_by_name_and_by_their_first_line(tmp_path: Path) -> None:
    files = {
        "a.sh": "",
        ".ci/run": "#!/usr/bin/env bash\n",
        "scripts/b": "#!/bin/sh -eu\n",
        "scripts/c": "#!/usr/bin/env python3\n",
        "scripts/d.py": "",
        ".venv/bin/e": "#!/bin/sh\n",
        "build/f.sh": "",
        "scripts/build/g.sh": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    assert lint.shell_scripts(tmp_path) == [".ci/run", "a.sh", "scripts/b", "scripts/build/g.sh"]


def test_every_configuration_and_every_module_is_validated() -> None:
    modules = TERRAFORM / "modules"
    called = lint.calls(modules, ROOT / "build" / "lint" / "modules")

    assert TERRAFORM in list(lint.configurations(TERRAFORM))
    assert sorted(re.findall(r'source = "../../../terraform/modules/(\w+)"', called)) == sorted(
        folder.name for folder in modules.iterdir()
    )
    assert "  publisher_arns = var.unknown\n" in called, "what a module requires is given"
    assert "kms_key_arn" not in called, "what it does not require is left to its default"


def test_the_hooks_are_the_checks() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()

    assert sorted(re.findall(r"^ +id: (.+)$", hooks, re.MULTILINE)) == sorted(CHECKS)
    assert sorted(re.findall(r"^ +entry: (.+)$", hooks, re.MULTILINE)) == sorted(
        f".venv/bin/python -m scripts.lint {name}" for name in CHECKS
    )
    assert "rev:" not in hooks, "the lock files alone say which versions there are"


def test_every_exception_of_checkov_gives_its_reason() -> None:
    exceptions = [e for file in TERRAFORM.rglob("*.tf") for e in EXCEPTION.findall(file.read_text())]

    assert exceptions
    assert [e for e in exceptions if not re.fullmatch(r"CKV2?_[A-Z]+_[0-9]+:\S+( \S+){3,}\.", e)] == []
