"""The system, deployed into an emulator of its own for a run, with its calls to AWS written down."""

import json
import resource
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import click
import psutil

from scripts import package
from scripts.environment import TERRAFORM
from scripts.local_aws import process
from scripts.stack import Stack
from tests.bench import recording
from tests.bench.calls import Call, recorded
from tests.deployment import Deployment
from tests.place import Place, emulated

_INIT = "notifications/__init__.py"


@dataclass(frozen=True)
class Spent:
    """What something took. processor: the seconds that processors were busy with it, all together."""

    seconds: float
    processor: float

    @property
    def cores(self) -> float:
        """The cores that were busy with it, on average."""
        return self.processor / self.seconds


@dataclass(frozen=True)
class Step:
    """One resource of an apply: from when to when, in seconds since the apply began."""

    address: str
    begun: float
    ended: float


@dataclass
class System:
    """The deployed system.

    spent: what setting it up took, by what was done. steps: of each apply, what it went to.
    """

    place: Place
    records: Path
    spent: dict[str, Spent] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    _seen: dict[Path, int] = field(default_factory=dict)

    def deploy(self, way: str) -> Deployment:
        """The system with e-mail going out this way; applied if it is not so yet."""
        if self.place.way != way:
            self.place.variables["TF_VAR_email_delivery"] = way
            self.place.environment.activate()
            stack = self.place.stack
            again = ", of a change" if self.place.way else ""
            with self.timed(f"plan{again}"):
                stack.plan()
            with self.timed(f"apply{again}"):
                self.steps[f"apply{again}"] = _apply(stack)
            self.place.way = way
        return self.place.deploy(way)

    def fresh(self) -> list[Call]:
        """The calls of the functions since the last time, in the order of time."""
        fresh = []
        for path in self.records.glob("*.jsonl"):
            calls = recorded(path)
            fresh += calls[self._seen.get(path, 0) :]
            self._seen[path] = len(calls)
        return sorted(fresh, key=lambda call: call.at)

    def size(self) -> int:
        """The bytes of all that was recorded, by which it can be seen that there is more."""
        return sum(path.stat().st_size for path in self.records.glob("*.jsonl"))

    def unpacked(self, folder: Path) -> Path:
        """The functions' package as it is deployed, unpacked into a folder."""
        with zipfile.ZipFile(package.TARGET) as archive:
            archive.extractall(folder)
        return folder

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Writes down what a step takes: of Terraform, and of the emulator with its functions."""
        began, before = time.monotonic(), self._processor()
        yield
        self.spent[step] = Spent(time.monotonic() - began, self._processor() - before)

    def _processor(self) -> float:
        port = urlsplit(self.place.url).port
        assert port
        emulator = process.find(port)
        assert emulator, "it is not there any more"
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        running = [psutil.Process(emulator.pid), *emulator.workers()]
        return ended.ru_utime + ended.ru_stime + sum(map(_computed, running))


@contextmanager
def deployable(folder: Path) -> Iterator[System]:
    """An emulator, and the package with the recording in it. Nothing is left after it."""
    records = folder / "calls"
    records.mkdir(parents=True)
    with emulated(folder, as_deployed=False) as place:
        _record(package.TARGET, records)
        yield System(place, records)


def _computed(running: psutil.Process) -> float:
    """The seconds that a process has computed; none if it has just ended."""
    try:
        times = running.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _apply(stack: Stack) -> list[Step]:
    """Applies the saved plan as `Stack.apply` does, and has Terraform say what it does when.

    The messages are those of "Machine-Readable UI" (Terraform's documentation).

    Raises:
        click.ClickException: Terraform failed.
    """
    done = subprocess.run(
        ["terraform", "apply", "-json", "-input=false", str(stack.plan_file)],
        cwd=TERRAFORM,
        env={**stack.environment.variables, "TF_DATA_DIR": str(stack.environment.data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode:
        errors = [said["@message"] for said in messages if said["@level"] == "error"]
        raise click.ClickException(f"terraform apply failed: {'; '.join(errors) or done.stderr}")
    moments = {
        (said["hook"]["resource"]["addr"], said["type"]): datetime.fromisoformat(said["@timestamp"])
        for said in messages
        if said["type"] in ("apply_start", "apply_complete")
    }
    began = datetime.fromisoformat(messages[0]["@timestamp"])
    return [
        Step(
            address,
            (moments[address, "apply_start"] - began).total_seconds(),
            (ended - began).total_seconds(),
        )
        for (address, kind), ended in moments.items()
        if kind == "apply_complete"
    ]


def _record(archive: Path, records: Path) -> None:
    """Puts the recording into a package: it begins when our package is first imported."""
    made = archive.with_suffix(".recording")
    begin = f"\nimport recording\n\nrecording.install({str(records)!r})\n"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            # a compiled one would be taken in place of what is changed
            if not entry.filename.startswith("notifications/__pycache__/__init__."):
                new.writestr(entry, content + begin.encode() if entry.filename == _INIT else content)
        new.write(recording.__file__, "recording.py")
    shutil.move(made, archive)
