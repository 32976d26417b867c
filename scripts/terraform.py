"""Terraform on one folder in one environment: python-terraform, with what has aged in it taken out."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from python_terraform import IsFlagged, IsNotFlagged
from python_terraform import Terraform as PythonTerraform

# what is waited for another's lock of the state where nobody is there who could be told of it
PATIENCE = "5m"


class TerraformError(click.ClickException):
    """Terraform refused or failed; the message is its own, with the diagnostics alone.

    output: all that it wrote.
    """

    def __init__(self, command: str, output: str) -> None:
        self.output = output
        plain = re.sub(r"^[│╷╵] ?", "", output, flags=re.MULTILINE)  # a terminal gets a frame round them
        found = re.search(r"^Error: .*", plain, flags=re.MULTILINE | re.DOTALL)
        reason = re.sub(r"\n{2,}", "\n", found[0] if found else plain[-2000:]).strip()
        super().__init__(f"terraform {command} failed.\n{reason}")


class Terraform:
    """Runs Terraform on a folder.

    Args:
        folder: the configuration.
        environment: the whole process environment of the runs.
        data_dir: where `.terraform` goes, absolute; in the folder if not given.
        stream: whether Terraform's own output goes to the terminal as it happens.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        data_dir: Path | None = None,
        stream: bool = False,
    ) -> None:
        self.folder = folder
        self._environment = dict(environment)
        if data_dir:
            self._environment["TF_DATA_DIR"] = str(data_dir)
        self._stream = stream
        # it builds the command lines and keeps the variable files until they were read
        self._library = PythonTerraform(working_dir=str(folder))

    def init(self, *, backend_files: Sequence[Path] = (), backend: Mapping[str, str] | None = None) -> None:
        """Prepares the folder. Backend settings come from files and, last, from the mapping."""
        settings = [str(file) for file in backend_files] + [f"{k}={v}" for k, v in (backend or {}).items()]
        self._run(
            "init", input=False, no_color=self._colour(), reconfigure=IsFlagged, backend_config=settings
        )

    def init_without_backend(self) -> None:
        """Prepares the folder for what needs no state; its lock file must hold all that is installed."""
        self._run("init", input=False, no_color=IsFlagged, backend=False, lockfile="readonly")

    def validate(self) -> None:
        self._run("validate", no_color=IsFlagged)

    def plan(
        self,
        *,
        out: Path | None = None,
        var_files: Sequence[Path] = (),
        variables: Mapping[str, Any] | None = None,
        destroy: bool = False,
        state: Path | None = None,
    ) -> bool:
        """Plans, and says whether there is anything to change."""
        code, _ = self._call(
            "plan",
            input=False,
            lock_timeout=_patience(),
            no_color=self._colour(),
            detailed_exitcode=IsFlagged,
            destroy=IsFlagged if destroy else IsNotFlagged,
            out=out,
            state=state,
            var_file=[str(file) for file in var_files],
            var=dict(variables) if variables else None,
        )
        return code == 2  # "succeeded with non-empty diff": `terraform plan -help`

    def apply(self, plan: Path) -> None:
        """Applies a saved plan."""
        self._run("apply", str(plan), input=False, lock_timeout=_patience(), no_color=self._colour())

    def destroy(self, *, var_files: Sequence[Path] = (), variables: Mapping[str, Any] | None = None) -> None:
        self._run(
            "destroy",
            input=False,
            no_color=self._colour(),
            auto_approve=IsFlagged,
            var_file=[str(file) for file in var_files],
            var=dict(variables) if variables else None,
        )

    def force_unlock(self, lock: str) -> None:
        """Releases the lock of the state, by its id."""
        self._run("force-unlock", lock, force=IsFlagged)

    def push_state(self, file: Path) -> None:
        """Makes a file the state, if it is a newer one of the same."""
        self._run("state push", str(file), lock_timeout=_patience(), no_color=self._colour())

    def outputs(self) -> dict[str, Any]:
        """The root module's outputs, name → value; empty before the first apply."""
        found = json.loads(self._captured("output", json=IsFlagged))
        return {name: output["value"] for name, output in found.items()}

    def show(self, plan: Path | None = None) -> dict[str, Any]:
        """A saved plan, or else the state, in Terraform's "JSON Output Format"."""
        what = [str(plan)] if plan else []
        shown: dict[str, Any] = json.loads(self._captured("show", *what, json=IsFlagged))
        return shown

    def resources(self) -> list[str]:
        """The addresses in the state."""
        return self._captured("state list").splitlines()

    def _colour(self) -> Any:
        wanted = self._stream and sys.stdout.isatty() and "NO_COLOR" not in self._environment
        return IsNotFlagged if wanted else IsFlagged

    def _run(self, command: str, *args: str, **options: Any) -> None:
        self._call(command, *args, **options)

    def _captured(self, command: str, *args: str, **options: Any) -> str:
        return self._call(command, *args, capture=True, no_color=IsFlagged, **options)[1]

    def _call(self, command: str, *args: str, capture: bool = False, **options: Any) -> tuple[int, str]:
        line = self._library.generate_cmd_string(command, *args, **options)
        streaming = self._stream and not capture
        try:
            with _interrupts_left_to_the_child():
                done = subprocess.run(  # noqa: S603 - a list, no shell
                    line,
                    cwd=self.folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=None if streaming else subprocess.PIPE,
                    # a failing command's reason goes to stderr; when streaming it is on the terminal already
                    stderr=None if streaming else subprocess.PIPE,
                    text=True,
                    check=False,
                )
        finally:
            self._library.temp_var_files.clean_up()
        allowed = (0, 2) if "detailed_exitcode" in options else (0,)
        if done.returncode not in allowed:
            raise TerraformError(command, (done.stdout or "") + (done.stderr or ""))
        return done.returncode, done.stdout or ""


def _patience() -> str:
    return "0s" if sys.stdin.isatty() else PATIENCE


@contextmanager
def _interrupts_left_to_the_child() -> Iterator[None]:
    """Ctrl-C goes to Terraform too, which then ends in order: it writes the state and lets go of its lock.

    Python would kill it after a quarter of a second. So it is waited for, and interrupted are we after it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    # a handler, not SIG_IGN: a child would inherit that
    before = signal.signal(signal.SIGINT, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        raise KeyboardInterrupt
