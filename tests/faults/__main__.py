"""Breaks every AWS call of every function in every way, and looks what came of the people."""

import multiprocessing
import os
import queue
import shlex
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console

from scripts.environment import BUILD, ROOT
from tests.faults import report
from tests.faults.matrix import Permission, Result
from tests.faults.way import WAYS, Begun, Over, chosen, run_way
from tests.progress import progress

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
    ways = [each for each in ([way] if way else WAYS) if chosen(each, only)]
    arguments = [*(part for each in only for part in ("--only", each)), *(["--way", way] if way else [])]
    command = (
        f"make test-faults ARGS={shlex.quote(shlex.join(arguments))}" if arguments else "make test-faults"
    )
    results, errors = run(ways, only, lanes)
    report.write(results, command, PAGE, DATA)
    console = Console(width=None if os.isatty(1) else 200)
    console.print(report.terminal(results))
    for result in results:
        if result.wrong:
            console.print(f"{result.trial.name}\n    {result.wrong}", markup=False, highlight=False)
    console.print(f"{PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}", highlight=False)
    if errors:
        raise click.ClickException("; ".join(errors))
    if not results:
        raise click.ClickException("No trial has such a name.")
    if any(result.wrong for result in results):
        raise SystemExit(1)


def run(ways: Sequence[str], only: Sequence[str], lanes: int) -> tuple[list[Result], list[str]]:
    """The results of all trials, and what ended a way before its time."""
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    children = [context.Process(target=run_way, args=(each, only, lanes, told)) for each in ways]
    for child in children:
        child.start()
    results: list[Result] = []
    errors: list[str] = []
    trials, over = 0, 0
    allowed: set[Permission] = set()
    used: set[Permission] = set()
    with progress() as shown:
        shown.stage("Deploying")
        while over < len(ways):
            try:
                match told.get(timeout=5):
                    case Begun() as begun:
                        trials += begun.trials
                        allowed |= begun.allowed
                        used |= begun.used
                        shown.stage("Trials")
                    case Result() as result:
                        results.append(result)
                        shown.at(len(results), trials)
                    case Over() as done:
                        over += 1
                        errors += [done.error] if done.error else []
            except queue.Empty:
                if not any(child.is_alive() for child in children):
                    errors.append("a process ended without a word")
                    break
            except KeyboardInterrupt:
                shown.stage("Cleaning up")
    for child in children:
        child.join()
    if set(ways) == set(WAYS) and not errors:
        errors += [f"no scenario has {who} do {what}, which it may" for who, what in sorted(allowed - used)]
    return sorted(results, key=lambda each: each.trial.name), errors


if __name__ == "__main__":
    main()
