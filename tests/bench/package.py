"""How large the functions' package is, and what it goes to."""

import zipfile
from collections import Counter

import altair

from tests.bench.result import Result, Row, number
from tests.bench.run import Run
from tests.bench.statistics import Estimate
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
        [Row("Package", Estimate.exact(run.package.stat().st_size / 1e6), "MB")],
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
