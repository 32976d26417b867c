"""Breaks every AWS call of every function in every way, and looks what came of the people."""

import os
import shlex

import click
from rich.console import Console

from scripts.environment import BUILD, ROOT
from tests.faults import report
from tests.faults.matrix import Permission, Result
from tests.faults.way import Begun, chosen, run_way
from tests.progress import progress
from tests.ways import INTERRUPTED, WAYS, Ways

PAGE = BUILD / "faults.html"
DATA = BUILD / "faults.json"


@click.command()
@click.option(
    "--only",
    multiple=True,
    help="Only trials whose name has this in it; repeat it for trials that have all of these. The names are"
    " in build/faults.json.",
)
@click.option("--way", type=click.Choice(WAYS), help="Only with e-mail going out this way.")
@click.option(
    "--lanes", type=click.IntRange(1, 64), default=6, show_default=True, help="How many run side by side."
)
def main(only: tuple[str, ...], way: str | None, lanes: int) -> None:
    """Break every AWS call in every way, once and for a stretch, and write build/faults.html and .json.

    Fails when somebody or something was lost, went to somebody else, or arrived twice where the design does
    not say that it can.
    """
    ways = Ways([each for each in ([way] if way else WAYS) if chosen(each, only)], run_way, (only, lanes))
    arguments = [*(part for each in only for part in ("--only", each)), *(["--way", way] if way else [])]
    command = (
        f"make test-faults ARGS={shlex.quote(shlex.join(arguments))}" if arguments else "make test-faults"
    )
    results = run(ways)
    report.write(results, command, PAGE, DATA)
    console = Console(width=None if os.isatty(1) else 200)
    console.print(report.terminal(results))
    for result in results:
        if result.wrong:
            console.print(f"{result.trial.name}\n    {result.wrong}", markup=False, highlight=False)
    console.print(f"{PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}", highlight=False)
    if ways.interrupted:
        raise SystemExit(INTERRUPTED)
    if ways.errors:
        raise click.ClickException("; ".join(ways.errors))
    if not results:
        raise click.ClickException("No trial has such a name.")
    if any(result.wrong for result in results):
        raise SystemExit(1)


def run(ways: Ways) -> list[Result]:
    """The results of all trials."""
    results: list[Result] = []
    trials = 0
    allowed: set[Permission] = set()
    used: set[Permission] = set()
    with progress() as shown:
        shown.stage("Deploying")
        for message in ways.told(lambda: shown.stage("Cleaning up")):
            match message:
                case Begun() as begun:
                    trials += begun.trials
                    allowed |= begun.allowed
                    used |= begun.used
                    shown.stage("Trials")
                case Result() as result:
                    results.append(result)
                    shown.at(len(results), trials)
    if set(ways.ways) == set(WAYS) and not ways.errors:
        unused = sorted(allowed - used)
        ways.errors += [f"no scenario has {who} do {what}, which it may" for who, what in unused]
    return sorted(results, key=lambda each: each.trial.name)


if __name__ == "__main__":
    main()
