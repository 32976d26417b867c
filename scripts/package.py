"""Builds build/lambda.zip: our package, what it depends on and the team's templates.

It is the same bytes wherever it is built, and for whatever architecture: compiled modules are left out,
and what has one also has a way without. Wheels are taken for the function's Python, not for this
machine's. In the archive nothing is left to the machine: paths are sorted, times and modes are fixed,
what pip and uv write about their own run is left out, and nothing is compressed, since zlib and its
successors deflate differently.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import click
import uv

from scripts.catalogue import files_of
from scripts.environment import BUILD, ROOT

SOURCE = ROOT / "lambda"
PACKAGE = "notifications"
TARGET = BUILD / "lambda.zip"

# Lambda's names for architectures → those of wheels; glibc 2.17 is older than any Lambda image's
PLATFORMS = {"arm64": "manylinux2014_aarch64", "x86_64": "manylinux2014_x86_64"}
UV_PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
TEMPLATES = "templates"
# "Recording installed projects" (Python Packaging User Guide): what an installation notes about itself
LEFT_OUT = {"RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json", ".lock"}
# compiled modules and their sources, what only type checkers read, the pages of Powertools' Swagger UI,
# and tables of tzdata's that zoneinfo does not read
KINDS_LEFT_OUT = {".so", ".c", ".pyi", ".js", ".css", ".tab", ".zi"}


def build(
    target: Path,
    *,
    source: Path = SOURCE,
    templates: Path | None = None,
    architecture: str = "arm64",
    python: str = "3.13",
) -> str:
    """Builds the package.

    Args:
        target: where the archive goes; an older one there is replaced only when the bytes differ.
        source: the folder that holds our package and `requirements.txt`.
        templates: the team's folder of templates, if it has one.
        architecture: arm64 or x86_64.
        python: the function's version of Python, such as 3.13.

    Returns:
        The archive's SHA-256, in hexadecimal.

    Raises:
        click.ClickException: a dependency is not to be had for that architecture and Python.
    """
    if architecture not in PLATFORMS:
        raise click.ClickException(
            f"Set lambda_architecture to {' or '.join(PLATFORMS)}, not {architecture!r}."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        vendored = Path(work) / "vendored"
        _vendor(source / "requirements.txt", vendored, architecture, python)
        archive = Path(work) / "lambda.zip"
        with zipfile.ZipFile(archive, "w") as file:
            texts = files_of(templates) if templates else ()
            files = [*_files(vendored), *_files(source, PACKAGE)]
            files += [(f"{TEMPLATES}/{name}", path) for name, path in texts]
            for name, path in sorted(files):
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.create_system = UNIX
                entry.external_attr = 0o100644 << 16
                file.writestr(entry, path.read_bytes(), zipfile.ZIP_STORED)
        content = archive.read_bytes()
        if not target.exists() or target.read_bytes() != content:
            archive.replace(target)
    return hashlib.sha256(content).hexdigest()


def _vendor(requirements: Path, into: Path, architecture: str, python: str) -> None:
    """By uv, which is quicker, but knows nothing of pip's settings: where it finds nothing, by pip."""
    if by_uv(requirements, into, architecture, python):
        shutil.rmtree(into, ignore_errors=True)
        if errors := by_pip(requirements, into, architecture, python):
            raise click.ClickException(
                f"The packages of {requirements.name} could not be had for {architecture}, Python {python}: "
                f"{errors}"
            )


def by_uv(requirements: Path, into: Path, architecture: str, python: str) -> str:
    """Has uv fetch the packages into a folder; what it says if it cannot, and nothing if it has."""
    return _errors_of(
        *(uv.find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable),
        *("--require-hashes", "--requirement", str(requirements), "--target", str(into)),
        *("--no-deps", "--only-binary", ":all:", "--link-mode", "copy"),
        *("--python-platform", UV_PLATFORMS[architecture], "--python-version", python),
    )


def by_pip(requirements: Path, into: Path, architecture: str, python: str) -> str:
    """Has pip do the same."""
    tag = f"cp{python.replace('.', '')}"
    return _errors_of(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--requirement", str(requirements), "--target", str(into)),
        *("--no-deps", "--no-compile", "--only-binary", ":all:"),
        *("--platform", PLATFORMS[architecture], "--python-version", python),
        *("--implementation", "cp", "--abi", tag, "--abi", "abi3", "--abi", "none"),
    )


def _errors_of(*command: str) -> str:
    done = subprocess.run(  # noqa: S603 - a list, no shell
        command, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    reason = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return " ".join(reason) or done.stderr.strip() or f"exit code {done.returncode}"


def _files(top: Path, below: str = "") -> Iterator[tuple[str, Path]]:
    """The files to pack: the name in the archive, and the path."""
    for path in (top / below).rglob("*"):
        name = path.relative_to(top)
        left_out = path.name in LEFT_OUT or path.suffix in KINDS_LEFT_OUT
        if path.is_file() and not left_out and not {"__pycache__", "bin"} & set(name.parts):
            yield name.as_posix(), path
