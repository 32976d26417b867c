"""How large the functions' package is, and what it goes to."""

import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import altair

from tests.bench.function import ENVIRONMENT
from tests.bench.result import Result, Row, number
from tests.bench.run import Run
from tests.bench.statistics import Estimate
from tests.bench.triggers import MODULES, OURS
from tests.page import Chart, Table


def measure(run: Run) -> Result:
    """Weighs what is in the package."""
    sizes: Counter[str] = Counter()
    files: Counter[str] = Counter()
    with zipfile.ZipFile(run.package) as opened:
        for entry in opened.infolist():
            top = entry.filename.split("/")[0]
            sizes[top] += entry.file_size
            files[top] += 1
    return Result(
        "Package",
        [
            Row("Package", Estimate.exact(run.package.stat().st_size / 1e6), "MB"),
            Row("What of it the trigger loads", Estimate.exact(_loaded(run) / 1e3), "kB"),
        ],
        [
            Table(
                ["Part", "kB", "Files"],
                [[top, number(size / 1e3), str(files[top])] for top, size in sizes.most_common()],
                "What the package goes to",
            ),
            Chart(
                altair.Chart({"values": [{"part": p, "kB": s / 1e3} for p, s in sizes.items()]})
                .mark_bar()
                .encode(altair.X("kB:Q"), altair.Y("part:N", sort="-x", title=None)),
                "What the package goes to, in kB",
            ),
        ],
        {"bytes": dict(sizes)},
    )


def _loaded(run: Run) -> int:
    """The bytes of those modules of the package that the trigger imports."""
    code = f"""
import importlib, sys
importlib.import_module({MODULES[OURS]!r})
print(*(module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)), sep="\\n")
"""
    environment = {**ENVIRONMENT, "PYTHONPATH": str(run.task), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    paths = map(Path, done.stdout.splitlines())
    return sum(path.stat().st_size for path in paths if path.is_relative_to(run.task))
