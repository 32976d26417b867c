"""How much a sweep reads of a table that grows: as much as is due."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import altair
import click
import psutil

from scripts.environment import ROOT
from tests.bench.due_rows import DUE, Swept
from tests.bench.result import Result, Row, number
from tests.bench.run import Run
from tests.bench.statistics import Estimate
from tests.page import Chart, Paragraph, Table

SIZES = (1_000, 100_000, 1_000_000)
# a row takes a good kilobyte of the emulator's memory
ROW_BYTES = 1_500


def measure(run: Run) -> Result:
    """Sweeps tables of several sizes, in each of which as many rows are due."""
    room = psutil.virtual_memory().available
    sizes = [size for size in SIZES if size * ROW_BYTES < room] or [min(SIZES)]
    swept = []
    folder = run.folder / "due"
    folder.mkdir()
    for one in _swept(folder, sizes):
        swept.append(one)
        run.progress.at(len(swept), len(sizes))
    return result(swept)


def _swept(folder: os.PathLike[str], sizes: list[int]) -> Iterator[Swept]:
    """What the program beside this one says of each size.

    Raises:
        click.ClickException: it failed.
    """
    program = [sys.executable, "-m", "tests.bench.due_rows", os.fspath(folder), *map(str, sizes)]
    # it has an AWS of its own, and not that of the sections before
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**others, "PYTHONPATH": os.pathsep.join([str(ROOT / "lambda"), str(ROOT)])}
    with subprocess.Popen(program, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout
            for line in child.stdout:
                yield Swept(**json.loads(line))
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise click.ClickException("The sweep over a large table failed; what it said is above.")


def result(swept: list[Swept]) -> Result:
    """The table and the drawing."""
    for one in swept:
        if one.taken != DUE or one.read != DUE:
            raise click.ClickException(
                f"The sweep of {one.rows} rows read {one.read} and took {one.taken}, not {DUE}."
            )
    smallest, largest = swept[0], swept[-1]
    return Result(
        "Sweep",
        [
            Row(
                f"Read units of a sweep over {largest.rows:,} rows, {DUE} of them due",
                Estimate.exact(largest.units),
                "units",
                f"over {smallest.rows:,} rows",
                Estimate.exact(smallest.units),
                Estimate.exact(largest.units / smallest.units),
                aim=1,
            ),
            Row(
                f"The same, by a Scan of {largest.rows:,} rows",
                Estimate.exact(largest.units),
                "units",
                "obvious version",
                Estimate.exact(largest.scanned_units),
                Estimate.exact(largest.units / largest.scanned_units),
            ),
        ],
        [
            Paragraph(
                "Read units are computed from the rows that the queries of the sweep's own code got, by "
                "DynamoDB's documented rule: half a unit for each 4 KB begun, for each query. Those of a "
                "Scan are computed from the size of the table, 1 MB to a page. Most rows are over; the rest "
                "waits for another time, and is in the index too."
            ),
            Table(
                ["Rows", "Wait", "Due", "Queries", "Rows read", "Units", "Units of a Scan", "Memory, MB"],
                [
                    [
                        f"{one.rows:,}",
                        f"{one.waiting:,}",
                        str(one.taken),
                        str(one.queries),
                        str(one.read),
                        number(one.units),
                        number(one.scanned_units),
                        number(one.memory / 1e6),
                    ]
                    for one in swept
                ],
            ),
            Chart(_drawn(swept), "Read request units by rows in the table, both on logarithmic scales"),
        ],
        {"swept": [asdict(one) for one in swept]},
    )


def _drawn(swept: list[Swept]) -> Any:
    values = [
        {"rows": one.rows, "units": units, "of": of}
        for one in swept
        for of, units in (("the sweep", one.units), ("a Scan", one.scanned_units))
    ]
    return (
        altair.Chart({"values": values})
        .mark_line(point=True)
        .encode(
            altair.X("rows:Q", scale=altair.Scale(type="log"), title="rows"),
            altair.Y("units:Q", scale=altair.Scale(type="log"), title="read units"),
            altair.Color("of:N", title=None),
        )
    )
