import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.environment import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
PHONY = sorted(
    set(re.findall(r"^\.PHONY:((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE)[0].replace("\\", "").split())
)
ISSUED = {  # what people are told to type
    *("demo", "deploy", "rollback", "plan", "plan-review", "outputs", "destroy", "package", "preview"),
    *("attach-trigger", "detach-trigger", "lint", "hooks", "docs", "fmt", "clean"),
    *("test", "test-unit", "test-terraform", "test-integration", "local-up", "local-status", "local-down"),
}


# what a person may type, and make would like to expand
TYPED = '{"price": "$5.00", "of": "it\'s $(shell echo made) $$ ${HOME} `a` \\\\ # é"}'
HANDED_ON = {
    "TO": "NOTIFY_USER",
    "EVERYONE": "NOTIFY_EVERYONE",
    "CATEGORY": "NOTIFY_CATEGORY",
    "DATA": "NOTIFY_DATA",
    "ID": "NOTIFY_KEY",
    "NOT_BEFORE": "NOTIFY_NOT_BEFORE",
    "EXPIRES_AT": "NOTIFY_EXPIRES_AT",
    "CANCEL": "NOTIFY_CANCEL",
    "CATALOGUE": "PREVIEW_CATALOGUE",
    "PACKAGE": "ROLLBACK_PACKAGE",
    "ALLOW": "GUARD_ALLOW",
    "FINGERPRINT": "REVIEWED",
    "OUTPUT": "REVIEW_OUTPUT",
    "SUMMARY": "REVIEW_SUMMARY",
    "LOCK": "STATE_LOCK",
}


def make(*arguments: str, path: str = os.defpath, **environment: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program
    return subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env={"PATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def listed() -> dict[str, str]:
    """The targets that `make` lists, with what it says of them."""
    done = make()
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^  ([a-z][a-z-]*) {2,}(\S.*)$", done.stdout, re.MULTILINE))


def test_make_lists_every_target_with_one_line() -> None:
    assert sorted(listed()) == PHONY
    assert set(PHONY) >= ISSUED


def test_make_names_the_environment() -> None:
    assert "(now: local)" in make().stdout
    assert "(now: dev)" in make("ENV=dev").stdout


def test_every_target_is_a_word_of_make_and_no_file_of_the_same_name_hides_it() -> None:
    targets = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)
    assert sorted(targets) == PHONY


@pytest.mark.parametrize("target", PHONY)
def test_a_target_has_something_to_do(target: str) -> None:
    done = make("-n", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr == ""


@pytest.mark.parametrize("target", sorted(set(PHONY) - {"help", "clean"}))
def test_a_target_sets_up_what_it_needs_first(target: str) -> None:
    first = make("-n", target, "VENV=/nowhere").stdout.splitlines()[0]
    assert first == 'sh scripts/setup.sh "python3" /nowhere scripts/requirements.txt'


@pytest.mark.parametrize("version", ["3.80", "3.79.1", "2.0"])
def test_an_old_make_is_refused_in_one_sentence(version: str) -> None:
    done = make(f"MAKE_VERSION={version}")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"GNU make 3.81 or newer is needed, and this is {version}; install it" in line


@pytest.mark.parametrize("version", ["3.81", "3.82", "4.0", "4.4.1", "5.0"])
def test_a_newer_make_is_accepted(version: str) -> None:
    assert make(f"MAKE_VERSION={version}").returncode == 0


def test_a_missing_python_ends_in_its_sentence() -> None:
    done = make("demo", "VENV=/nowhere", "PYTHON=python-that-nobody-has")
    assert done.returncode == 2
    assert done.stderr.startswith("Python 3.11 or newer is needed and python-that-nobody-has was not found")
    assert done.stdout == ""


def test_formatting_without_terraform_ends_in_a_sentence() -> None:
    lines = make("-n", "fmt").stdout
    assert lines.index("command -v terraform") < lines.index("terraform fmt")
    done = make("--eval=probe: ; @$(NEEDS_TERRAFORM)", "probe", path="/nowhere")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "Terraform 1.10 or newer is needed and was not found on PATH; install it and run this again."
    )


def test_the_environment_is_local_unless_another_is_named() -> None:
    assert make("--eval=probe: ; @echo $$ENV", "probe").stdout == "local\n"


@pytest.mark.parametrize("name", ["ENV", "LOCAL_AWS_PORT", "YES", "DRY_RUN", "REPLACE"])
def test_what_is_given_to_make_is_given_on(name: str) -> None:
    assert make(f"--eval=probe: ; @echo $${name}", "probe", f"{name}=x").stdout == "x\n"


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that is ready, whose interpreter says how it was called."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    python.write_text(
        f"#!{sys.executable} -IS\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
    )
    python.chmod(0o755)
    (tmp_path / ".ready").touch()
    return tmp_path


@pytest.mark.parametrize("name", HANDED_ON)
def test_what_is_typed_reaches_the_script_as_it_stands(venv: Path, name: str) -> None:
    target = "preview" if name == "CATALOGUE" else "notify"
    for typed, exported in (([f"{name}={TYPED}"], {}), ([], {name: TYPED})):
        done = make(target, f"VENV={venv}", *typed, **exported)
        assert done.returncode == 0, done.stderr
        arguments, environment = json.loads(done.stdout)
        assert arguments == ["-m", f"scripts.{target}"]
        assert environment[HANDED_ON[name]] == TYPED


def test_nothing_that_is_typed_is_run(venv: Path, tmp_path: Path) -> None:
    for target in ("notify", "preview", "local-status"):
        made = make(target, f"VENV={venv}", *(f"{n}=$(shell touch {tmp_path}/run)" for n in HANDED_ON))
        assert made.returncode == 0
    assert not (tmp_path / "run").exists()


def test_the_person_whom_the_doctor_is_asked_about_is_given_to_make(venv: Path, tmp_path: Path) -> None:
    done = make("doctor", f"VENV={venv}", f"USER={TYPED}", "ARGS=--json --strict")
    assert done.returncode == 0, done.stderr
    arguments, environment = json.loads(done.stdout)
    assert arguments == ["-m", "scripts.doctor", "--json", "--strict"]
    assert environment["DOCTOR_USER"] == TYPED
    assert make("doctor", f"VENV={venv}", f"USER=$(shell touch {tmp_path}/run)").returncode == 0
    assert not (tmp_path / "run").exists()


def test_whoever_runs_the_doctor_is_not_taken_for_the_person(venv: Path) -> None:
    done = make("doctor", f"VENV={venv}", USER="operator")
    _arguments, environment = json.loads(done.stdout)
    assert "DOCTOR_USER" not in environment
    assert environment["USER"] == "operator"
