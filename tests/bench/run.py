"""What every section of a run is given."""

import compileall
import shutil
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts import package
from tests.bench.system import System, deployable
from tests.progress import Progress

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """One run of `make bench`.

    folder: for what is made on the way; removed after it. after: what is to be ended after the run.
    rounds: how often to do what is timed; None leaves it to the section.
    """

    folder: Path
    progress: Progress
    after: ExitStack
    rounds: int | None = None

    @cached_property
    def package(self) -> Path:
        """The functions' package, as a deploy builds it."""
        archive = self.folder / "lambda.zip"
        package.build(archive)
        return archive

    @cached_property
    def task(self) -> Path:
        """What Lambda makes of the package, and beside it the functions that ours are compared with."""
        folder = self.folder / "task"
        with zipfile.ZipFile(self.package) as archive:
            archive.extractall(folder)
        for name in ("obvious.py", "bare.py"):
            shutil.copy(HERE / name, folder)
        return folder

    @cached_property
    def compiled(self) -> Path:
        """The same, with bytecode."""
        folder = self.folder / "compiled"
        shutil.copytree(self.task, folder)
        compileall.compile_dir(folder, quiet=2)
        return folder

    @cached_property
    def system(self) -> System:
        """An emulator for the system, started when it is first wanted: all sections have the same."""
        self.progress.stage("starting a local AWS")
        return self.after.enter_context(deployable(self.folder / "system"))
