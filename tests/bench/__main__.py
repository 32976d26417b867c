"""Measures the system side by side with the obvious version, and shows it on a page."""

import json
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table as Terminal

from scripts.environment import BUILD, ROOT
from tests.bench.result import COLUMNS, Result, median
from tests.bench.run import Run
from tests.bench.sections import SECTIONS
from tests.page import Page
from tests.progress import progress

PAGE = BUILD / "bench.html"
DATA = BUILD / "bench.json"


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice(list(SECTIONS)), help="This section alone; repeat it."
)
@click.option("--rounds", type=click.IntRange(min=3), help="How often what is timed is done, in turns.")
def main(only: tuple[str, ...], rounds: int | None) -> None:
    """Measure speed, size and cost, and write build/bench.html and build/bench.json."""
    arguments = [*(f"--only {name}" for name in only), *([f"--rounds {rounds}"] if rounds else [])]
    command = f"make bench ARGS={shlex.quote(' '.join(arguments))}" if arguments else "make bench"
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as folder, progress() as told, ExitStack() as after:
        run = Run(Path(folder), told, after, rounds)
        for name in only or SECTIONS:
            told.stage(name)
            results[name] = SECTIONS[name](run)
            # whoever has had enough has what was measured so far
            _write(results, command)
    Console().print(_summary(results))
    click.echo(f"{PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")


def _write(results: Mapping[str, Result], command: str) -> None:
    page = Page("Speed and cost", command, [result.section for result in results.values()])
    page.write(PAGE)
    measured = {
        "command": command,
        "at": page.at.isoformat(timespec="seconds"),
        "machine": asdict(page.machine),
        "sections": {name: result.json for name, result in results.items()},
    }
    DATA.write_text(json.dumps(measured, indent=1) + "\n")


def _summary(results: Mapping[str, Result]) -> Terminal:
    table = Terminal(*COLUMNS, title="Speed and cost")
    for result in results.values():
        table.add_section()
        for row in result.rows:
            style = {"met": "green", "missed": "red"}.get(row.verdict, "")
            table.add_row(*map(str, row.cells(median)), style=style)
    return table


if __name__ == "__main__":
    main(prog_name="python -m tests.bench")
