import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.environment import ROOT

# answers what setup.sh asks: {version} and {venv} are the exit codes of its two checks
PYTHON = """#!/bin/sh
case "$*" in
  *version_info*) exit {version} ;;
  *ensurepip*) exit {venv} ;;
  -V) echo "Python 3.9.2" ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0.venv" "$3/bin/python" ;;
  *) exit 99 ;;
esac
"""
PIP = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/arguments"
exit {pip}
"""


REQUIREMENTS = """\
click==8.1 \\
    --hash=sha256:1
uv==0.1 \\
    --hash=sha256:2 \\
    --hash=sha256:3
    # via registration
uvloop==1 \\
    --hash=sha256:4
"""


def python(folder: Path, *, version: int = 0, venv: int = 0, pip: int = 0) -> Path:
    """A Python that is what it is told to be."""
    path = folder / "some python"
    path.write_text(PYTHON.format(version=version, venv=venv))
    installer = folder / "some python.venv"
    installer.write_text(PIP.format(pip=pip))
    for file in (path, installer):
        file.chmod(0o755)
    return path


def set_up(python: Path | str, folder: Path, *uv: Path) -> subprocess.CompletedProcess[str]:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    return subprocess.run(
        ["/bin/sh", ROOT / "scripts/setup.sh", python, folder / "venv", "requirements.txt", *uv],
        cwd=folder,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a set-up that was refused."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("name", ["python-that-nobody-has", "/nowhere/python3"])
def test_a_missing_python_is_named_in_one_sentence(tmp_path: Path, name: str) -> None:
    assert refusal(set_up(name, tmp_path)) == (
        f"Python 3.11 or newer is needed and {name} was not found; install it, or name it with PYTHON=…"
    )


def test_an_old_python_is_named_with_its_version_in_one_sentence(tmp_path: Path) -> None:
    old = python(tmp_path, version=1)
    assert refusal(set_up(old, tmp_path)) == (
        f"Python 3.11 or newer is needed and {old} is Python 3.9.2; install it, or name it with PYTHON=…"
    )


def test_a_python_without_venv_is_named_with_what_to_install_in_one_sentence(tmp_path: Path) -> None:
    bare = python(tmp_path, venv=1)
    assert refusal(set_up(bare, tmp_path)) == (
        f"{bare} has no venv; install it (Debian and Ubuntu: the package python3-venv)."
    )


@pytest.mark.parametrize(("version", "enough"), [((3, 10, 99), False), ((3, 11, 0), True), ((4, 0, 0), True)])
def test_the_check_of_the_version_is_right(version: tuple[int, ...], enough: bool) -> None:
    script = (ROOT / "scripts/setup.sh").read_text()
    check = script.split("-c 'import sys; ", maxsplit=1)[1].split("'", maxsplit=1)[0]
    pretend = f"import sys; sys.version_info = {version}; {check}"
    done = subprocess.run([sys.executable, "-IS", "-c", pretend], check=False)
    assert (done.returncode == 0) is enough


def test_packages_are_installed_by_their_hashes_and_then_it_is_ready(tmp_path: Path) -> None:
    done = set_up(python(tmp_path), tmp_path)
    assert done.returncode == 0, done.stderr
    arguments = (tmp_path / "venv/bin/arguments").read_text()
    first, second = arguments.splitlines()
    assert first.startswith("-m pip install ")
    assert first.endswith(f"--require-hashes --requirement {tmp_path}/venv/uv.txt")
    assert (
        tmp_path / "venv/uv.txt"
    ).read_text() == "uv==0.1 \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\n"
    # this uv is not one that runs
    assert second.endswith("--require-hashes --requirement requirements.txt")
    assert (tmp_path / "venv/.ready").exists()


@pytest.mark.parametrize("fails", [False, True])
def test_uv_installs_what_is_beside_the_first_environment_and_pip_where_uv_cannot(
    tmp_path: Path, fails: bool
) -> None:
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$*" > "$0.arguments"\nexit {int(fails)}\n')
    uv.chmod(0o755)
    done = set_up(python(tmp_path), tmp_path, uv)
    assert done.returncode == 0, done.stderr
    arguments = (tmp_path / "uv.arguments").read_text()
    assert f"--python {tmp_path}/venv/bin/python --require-hashes --requirement requirements.txt" in arguments
    assert (tmp_path / "venv/bin/arguments").exists() is fails
    assert (tmp_path / "venv/.ready").exists()


def test_it_is_not_ready_when_packages_are_missing(tmp_path: Path) -> None:
    done = set_up(python(tmp_path, pip=1), tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("The packages of requirements.txt could not be installed;")
    assert not (tmp_path / "venv/.ready").exists()


def test_it_is_made_again_in_place(tmp_path: Path) -> None:
    set_up(python(tmp_path, pip=1), tmp_path)
    kept = tmp_path / "venv/kept"
    kept.touch()
    assert set_up(python(tmp_path), tmp_path).returncode == 0
    assert kept.exists()
