"""How LocalStack is had: in Docker, and without."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from scripts.environment import ROOT

FOLDER = ROOT / "scripts" / "localstack"
FREE = (FOLDER / "compose.yaml").read_text()
PAID = (FOLDER / "paid.compose.yaml").read_text()


@pytest.mark.parametrize("text", [FREE, PAID], ids=["free", "paid"])
def test_images_are_pinned(text: str) -> None:
    (image,) = re.findall(r"^ +image: (.+)$", text, re.MULTILINE)

    assert re.fullmatch(r"localstack/localstack:[0-9]+\.[0-9]+\.[0-9]+", image)


def test_the_free_image_is_of_the_version_that_runs_without_docker() -> None:
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["localstack"]
    (version,) = re.findall(r"localstack-core\[[a-z-]+\]==([0-9.]+)", " ".join(group))

    assert f"image: localstack/localstack:{version}\n" in FREE
    assert f"\nlocalstack-core=={version} " in (FOLDER / "requirements.txt").read_text()


def test_nobody_else_on_the_network_reaches_it() -> None:
    ports = re.findall(r"^ +- (\S+:[0-9]+:[0-9]+)$", FREE + PAID, re.MULTILINE)

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_paid_one_is_the_free_one_with_a_token_that_must_be_there_and_is_in_no_file() -> None:
    assert "extends:\n      file: compose.yaml\n      service: localstack\n" in PAID
    (token,) = re.findall(r"^ +LOCALSTACK_AUTH_TOKEN: (.+)$", PAID, re.MULTILINE)
    assert re.fullmatch(r"\$\{LOCALSTACK_AUTH_TOKEN:\?set it to .+\}", token)
    assert "LOCALSTACK_AUTH_TOKEN" not in FREE


def python(path: Path, version: str) -> Path:
    """A Python of a version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pretend = f'case "$2" in *"!= (3, 13)"*) ;; *) exit 9 ;; esac\n[ {version} = 3.13 ]'
    path.write_text(f"#!/bin/sh\n{pretend}\n")
    path.chmod(0o755)
    return path


def find(path: Path, uv: Path | str = "/nowhere/uv", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", FOLDER / "python.sh", uv],
        env={"PATH": f"{path}:{os.defpath}", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_one_on_the_path_is_taken(tmp_path: Path) -> None:
    wanted = python(tmp_path / "python3.13", "3.13")

    assert find(tmp_path).stdout == f"{wanted}\n"


def test_the_usual_one_is_taken_where_it_is_of_that_version(tmp_path: Path) -> None:
    program(tmp_path / "python3.13", "exit 127")  # as pyenv has it for versions that are not switched on
    wanted = python(tmp_path / "python3", "3.13")

    assert find(tmp_path).stdout == f"{wanted}\n"


def test_the_one_that_is_named_goes_first(tmp_path: Path) -> None:
    python(tmp_path / "python3.13", "3.13")
    wanted = python(tmp_path / "other/python", "3.13")

    assert find(tmp_path, LOCALSTACK_PYTHON=str(wanted)).stdout == f"{wanted}\n"


def test_one_that_only_pyenv_or_uv_knows_is_found(tmp_path: Path) -> None:
    for name in ("python3.13", "python3"):
        python(tmp_path / name, "3.11")
    of_uv = python(tmp_path / "uv python", "3.13")
    uv = program(tmp_path / "uv", f'[ "$1 $2" = "python find" ] && echo "{of_uv}"')
    assert find(tmp_path, uv).stdout == f"{of_uv}\n"

    of_pyenv = python(tmp_path / "pyenv root/versions/3.13.7/bin/python", "3.13")
    program(
        tmp_path / "pyenv",
        f'case "$*" in "latest 3.13") echo 3.13.7 ;; root) echo "{tmp_path}/pyenv root" ;; *) exit 1 ;; esac',
    )
    assert find(tmp_path, uv).stdout == f"{of_pyenv}\n"


@pytest.mark.parametrize("version", ["3.12", "3.14"])
def test_without_one_it_says_what_to_install_in_one_sentence(tmp_path: Path, version: str) -> None:
    for name in ("python3.13", "python3"):
        python(tmp_path / name, version)

    done = find(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Python 3.13 is needed to run LocalStack without Docker and was not found; install it, "
        "or name it with LOCALSTACK_PYTHON=…\n"
    )
