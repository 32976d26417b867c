"""Everything that a change is checked for without running it: one check, some, or all side by side.

    python -m scripts.lint              # all of them
    python -m scripts.lint ruff mypy    # these

What a check has to say is what its tool says. None of them needs AWS or an account, and only pip-audit looks
for the network. ruff and mypy are in the development environment, everything else in one of its own beside
it, which `make lint` sets up: checkov alone pins more than the rest of the project needs.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import click
from rich.console import Console

from scripts import docs, environment
from scripts.environment import LOCAL, ROOT, load_hcl
from scripts.stack import require_terraform
from scripts.terraform import Terraform, TerraformError

BIN = Path(sys.executable).parent
TOOLS = BIN.parent / "lint" / "bin"
# what the functions carry, and what people and CI run with; the checks' own tools are in neither
REQUIREMENTS = ("lambda/requirements.txt", "scripts/requirements.txt")
# check-jsonschema's own copies of the schemas → the files that they are for
SCHEMAS = {
    "vendor.compose-spec": "scripts/**/*compose.yaml",
    "vendor.dependabot": ".github/dependabot.y*ml",
    "vendor.github-actions": ".github/actions/*/action.y*ml",
    "vendor.github-workflows": ".github/workflows/*.y*ml",
}
# what requests raises when nobody answers, and what pip-audit makes of it
UNREACHABLE = re.compile(
    r"\b(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ServiceError)\b|may be blocking this"
)
# at the top, and not the project's
NOT_OURS = {".git", ".venv", "build"}
CALLS = """\
# Calls every module with all that it requires and nothing that is known: written by scripts/lint.py.
variable "unknown" {
  type = any
}
"""


# on the project's folder; what it returns is told although it passed
Check = Callable[[Path], str | None]


class FailedError(click.ClickException):
    """A check has found something, or could not look; the message is what its tool says."""


def ruff(root: Path) -> None:
    """Python: ruff."""
    _run(root, BIN / "ruff", "check", "--quiet", ".")


def ruff_format(root: Path) -> None:
    """Python: ruff's format."""
    _run(root, BIN / "ruff", "format", "--check", "--diff", "--quiet", ".")


def mypy(root: Path) -> None:
    """Python: types, strict."""
    _run(root, BIN / "mypy", "--no-error-summary")


def terraform_fmt(root: Path) -> None:
    """HCL: terraform fmt."""
    require_terraform()
    folders = [folder for folder in ("terraform", "tests") if (root / folder).is_dir()]
    settings = environment.remote(LOCAL).variables
    _run(root, "terraform", "fmt", "-check", "-diff", "-recursive", *folders, variables=settings)


def terraform_validate(root: Path) -> None:
    """HCL: terraform validate of each configuration, and of every module alone.

    The modules are called by one configuration, since to load the provider is most of each run's time.
    """
    require_terraform()
    work = root / "build" / "lint"
    folders = list(configurations(root / "terraform"))
    modules = work / "modules"
    modules.mkdir(parents=True, exist_ok=True)
    (modules / "main.tf").write_text(calls(root / "terraform" / "modules", modules))
    lock = (root / "terraform" / ".terraform.lock.hcl").read_bytes()
    (modules / ".terraform.lock.hcl").write_bytes(lock)
    for folder in (*folders, modules):
        data_dir = work / "terraform" / "-".join(folder.relative_to(root).parts)
        # it reaches no AWS: neither a backend nor a plan is asked for
        terraform = Terraform(folder, environment.remote(LOCAL).variables, data_dir=data_dir)
        try:
            terraform.init_without_backend()
            terraform.validate()
        except TerraformError as error:
            raise FailedError(f"In {folder.relative_to(root)}: {error.message}") from None


def configurations(terraform: Path) -> Iterator[Path]:
    """The folders that Terraform can be run in: those with *.tf that are no modules."""
    for folder in sorted({file.parent for file in terraform.rglob("*.tf")}):
        if not {"modules", ".terraform"} & set(folder.relative_to(terraform).parts):
            yield folder


def calls(modules: Path, seen_from: Path) -> str:
    """A configuration that calls every module."""
    blocks = [CALLS]
    for folder in sorted(file.parent for file in modules.glob("*/main.tf")):
        file = folder / "variables.tf"
        variables: list[Mapping[str, Mapping[str, object]]] = (
            load_hcl(file).get("variable", []) if file.exists() else []
        )
        required = [name for one in variables for name, body in one.items() if "default" not in body]
        arguments = "".join(f"  {name} = var.unknown\n" for name in required)
        source = os.path.relpath(folder, seen_from)
        blocks.append(f'module "{folder.name}" {{\n  source = "{source}"\n{arguments}}}\n')
    return "\n".join(blocks)


def documentation(root: Path) -> None:
    """READMEs: the tables of inputs and outputs are what Terraform declares."""
    try:
        found = docs.stale(root)
    except click.ClickException as error:
        raise FailedError(error.message) from None
    if found:
        names = ", ".join(str(readme.relative_to(root)) for readme in found)
        raise FailedError(f"Not what is declared: the tables of {names}; run make docs.")


def checkov(root: Path) -> None:
    """HCL: checkov, with what calls a module and alone; what it is not to find says why beside it."""
    options = ("--framework", "terraform", "--skip-download", "--quiet", "--compact")
    for folder in ("terraform", "terraform/modules"):
        said = _run(root, TOOLS / "checkov", "--directory", folder, *options)
        # these it counts, and passes
        if "Parsing errors" in said:
            raise FailedError(f"checkov could not read every file in {folder}.\n{said}")


def zizmor(root: Path) -> None:
    """Workflows and hooks: zizmor, offline."""
    _run(root, TOOLS / "zizmor", "--offline", "--strict-collection", "--no-progress", "--quiet", ".")


def schemas(root: Path) -> None:
    """Workflows and the like: against their schemas, which come with check-jsonschema."""
    for schema, pattern in SCHEMAS.items():
        if files := sorted(map(str, root.glob(pattern))):
            _run(root, TOOLS / "check-jsonschema", "--builtin-schema", schema, *files)


def shellcheck(root: Path) -> None:
    """Shell scripts: shellcheck."""
    _run(root, TOOLS / "shellcheck", *shell_scripts(root))


def shell_scripts(root: Path) -> list[str]:
    """Every shell script of the project, by its name or its first line."""
    found = []
    for top, folders, files in os.walk(root):
        if Path(top) == root:
            folders[:] = [name for name in folders if name not in NOT_OURS]
        for path in (Path(top, name) for name in files):
            with path.open("rb") as file:
                begin = file.read(64)
            if path.suffix == ".sh" or re.match(rb"#!.*\b(ba|da|k)?sh\b", begin):
                found.append(str(path.relative_to(root)))
    return sorted(found)


def pip_audit(root: Path) -> str | None:
    """Pinned packages: known vulnerabilities, where pip-audit can reach its data."""
    # its own variables choose another service: PIP_AUDIT_VULNERABILITY_SERVICE, PIP_AUDIT_OSV_URL
    files = [argument for name in REQUIREMENTS for argument in ("--requirement", name)]
    options = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")
    done = _call(root, TOOLS / "pip-audit", *files, *options, "--timeout", "5")
    return audited(done.returncode, done.stdout, done.stderr)


def audited(code: int, output: str, errors: str) -> str | None:
    """What came of pip-audit: one line when it could look nothing up, else nothing.

    Raises:
        FailedError: it has found a vulnerability, or some packages alone could not be looked up.
    """
    if not output.strip():
        if UNREACHABLE.search(errors):
            return "pip-audit cannot reach its data, so nothing was looked up."
        raise FailedError(errors.strip() or f"pip-audit ended with {code}.")
    packages = json.loads(output)["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if packages and len(skipped) == len(packages):
        return "pip-audit's service knows none of the packages, so nothing was looked up."
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, mended in "
        f"{' or '.join(found['fix_versions']) or 'no version yet'}"
        for package in packages
        for found in package.get("vulns", [])
    ]
    lines += [f"{name} could not be looked up." for name in skipped]
    if lines or code:
        raise FailedError("\n".join(lines) or errors.strip() or f"pip-audit ended with {code}.")
    return None


# by name, the longest first: so that no long one is waited for alone
CHECKS: Mapping[str, Check] = {
    "mypy": mypy,
    "terraform-validate": terraform_validate,
    "checkov": checkov,
    "docs": documentation,
    "ruff": ruff,
    "ruff-format": ruff_format,
    "terraform-fmt": terraform_fmt,
    "zizmor": zizmor,
    "schemas": schemas,
    "shellcheck": shellcheck,
    "pip-audit": pip_audit,
}


def _run(root: Path, tool: Path | str, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
    """What a tool has said. Raises FailedError with it, where the tool failed."""
    done = _call(root, tool, *arguments, variables=variables)
    if done.returncode:
        raise FailedError(f"{done.stdout}{done.stderr}".strip() or f"{tool} ended with {done.returncode}.")
    return done.stdout


def _call(
    root: Path, tool: Path | str, *arguments: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - a list, no shell
            [tool, *arguments],
            cwd=root,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise FailedError(f"{tool} is missing; `make lint` installs it.") from None


def _timed(check: Check, root: Path) -> tuple[float, bool, str | None]:
    """For how many seconds a check ran, whether it passed, and what it has to say."""
    began = time.monotonic()
    try:
        passed, said = True, check(root)
    except click.ClickException as error:
        passed, said = False, error.message
    return time.monotonic() - began, passed, said


def run(names: Sequence[str], root: Path, console: Console) -> list[str]:
    """Runs checks side by side, tells of each when it is done, and returns the names of those that failed."""
    failed, left = [], list(names)
    with (
        ThreadPoolExecutor(max_workers=len(names)) as pool,
        console.status("") as status,
    ):
        running = {pool.submit(_timed, CHECKS[name], root): name for name in names}
        status.update(", ".join(left))
        for done in as_completed(running):
            name = running[done]
            seconds, passed, said = done.result()
            left.remove(name)
            status.update(", ".join(left))
            mark = "[green]✓[/green]" if passed else "[red]✗[/red]"
            console.print(f"{mark} {name:<18} [dim]{seconds:5.1f} s[/dim]", highlight=False)
            if said:
                console.print(said, highlight=False, markup=False, soft_wrap=True)
            if not passed:
                failed.append(name)
    return failed


def _listed() -> str:
    """The checks, as --help shows them."""
    return "\n".join(f"{name:<18}  {(check.__doc__ or '').splitlines()[0]}" for name, check in CHECKS.items())


@click.command(epilog=f"\b\nThe checks:\n{_listed()}")
@click.argument("names", nargs=-1, metavar="[CHECK]...", type=click.Choice(list(CHECKS)))
def main(names: tuple[str, ...]) -> None:
    """Check what is written: all of it, or with the checks that are named."""
    chosen = names or tuple(CHECKS)
    failed = run(chosen, ROOT, Console())
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(chosen)} failed: {', '.join(sorted(failed))}.")


if __name__ == "__main__":
    main(prog_name="python -m scripts.lint")
