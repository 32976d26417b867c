"""Changes the core logic in one place at a time, and says where no test notices."""

import json
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table as Terminal

from scripts.environment import BUILD, ROOT
from tests.mutation import explained
from tests.mutation.modules import MODULES, path_of
from tests.mutation.mutants import Mutant, outside, within
from tests.mutation.run import Fate, TestsFailedError, run
from tests.page import Page, Paragraph, Section, Table
from tests.progress import Progress, progress

PAGE = BUILD / "mutation.html"
DATA = BUILD / "mutation.json"
COLUMNS = ("Module", "Mutants", "Killed", "Timed out", "Survived", "Score")
DEAD = (Fate.KILLED, Fate.TIMED_OUT)


@dataclass(frozen=True)
class Result:
    """What became of the mutants, and why those that lived may. seconds: it took."""

    modules: Sequence[str]
    fates: Sequence[tuple[Mutant, Fate]]
    reasons: dict[explained.Key, str]
    seconds: float

    @property
    def survivors(self) -> list[Mutant]:
        return [mutant for mutant, fate in self.fates if fate not in DEAD]

    @property
    def unexplained(self) -> list[Mutant]:
        return explained.unexplained(self.survivors, self.reasons)

    @property
    def stale(self) -> list[explained.Key]:
        return explained.stale(self.survivors, self.reasons, self.modules)

    @property
    def rows(self) -> list[list[str]]:
        """The score by module, and of all."""
        return [
            *([name, *self._counts(name)] for name in self.modules),
            ["all", *self._counts(*self.modules)],
        ]

    def _counts(self, *modules: str) -> list[str]:
        count = Counter(fate for mutant, fate in self.fates if mutant.module in modules)
        dead = sum(count[fate] for fate in DEAD)
        of = count.total()
        score = f"{100 * dead / of:.1f} %" if of else "-"
        return [*map(str, (of, count[Fate.KILLED], count[Fate.TIMED_OUT], of - dead)), score]


@click.command()
@click.argument("modules", nargs=-1, metavar="[MODULE]...", type=click.Choice(list(MODULES)))
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count(), help="Processes at once.")
@click.option(
    "--only", multiple=True, metavar="FUNCTION", help="Of this function alone: Class.method; repeat it."
)
def main(modules: tuple[str, ...], jobs: int, only: tuple[str, ...]) -> None:
    """Mutate the core logic, all of it or these modules, and write build/mutation.html and .json.

    Fails if a mutant survives that tests/mutation/survivors.toml does not explain, or if that explains one
    that does not survive.
    """
    chosen = modules or tuple(MODULES)
    began = time.monotonic()
    os.chdir(ROOT)
    BUILD.mkdir(exist_ok=True)
    # in no zone that is like UTC: what forgets to say so is found
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    # few examples, and the same each time; read when the tests are
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    try:
        reasons = {key: reason for key, reason in explained.read().items() if not only or key[1] in only}
        with progress() as told:
            fates = _run(chosen, only, reasons, jobs, told)
    except (TestsFailedError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    result = Result(chosen, fates, reasons, time.monotonic() - began)
    arguments = shlex.join([*modules, *(word for name in only for word in ("--only", name))])
    _write(result, f'make mutation ARGS="{arguments}"' if arguments else "make mutation")
    _say(result)
    if result.unexplained or result.stale:
        sys.exit(1)


def _run(
    modules: Sequence[str],
    only: Collection[str],
    reasons: Collection[explained.Key],
    jobs: int,
    told: Progress,
) -> list[tuple[Mutant, Fate]]:
    told.stage("Making mutants")
    codes, mutants = {}, []
    for module in modules:
        source = path_of(module).read_text()
        codes[module], inner = within(module, source)
        made = [*inner, *outside(module, source)]
        mutants += [mutant for mutant in made if not only or mutant.function in only]
    fates: list[tuple[Mutant, Fate]] = []

    def seen(mutant: Mutant, fate: Fate) -> None:
        fates.append((mutant, fate))
        if fate not in DEAD and mutant.key not in reasons:
            told.console.print(
                f"{fate}: {explained.entry(mutant.key)}", markup=False, highlight=False, soft_wrap=True
            )

    run(codes, mutants, jobs, told, seen)
    return fates


def _say(result: Result) -> None:
    table = Terminal(*COLUMNS, title="Mutants of the core logic")
    for row in result.rows:
        table.add_row(*row)
    Console().print(table)
    if result.unexplained:
        click.echo("These survive. Write a test that fails with them, or explain them in survivors.toml:")
        for mutant in result.unexplained:
            click.echo(f"  {explained.entry(mutant.key)},")
    if result.stale:
        click.echo("These are explained in survivors.toml and do not survive:")
        for key in result.stale:
            click.echo(f"  {explained.entry(key)}")
    click.echo(f"{PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}; {result.seconds / 60:.0f} min")


def _write(result: Result, command: str) -> None:
    blocks: list[Section] = [
        Section(
            "Score",
            [
                Paragraph(
                    "Each mutant is the code with one change: an operator, a condition, a constant, an "
                    "argument. It is killed when a test fails with it. What is logged is not changed, nor "
                    "are members of enumerations and what decorators are given."
                ),
                Table(COLUMNS, result.rows),
            ],
        ),
        *(Section(reason, [_table(mutants)]) for reason, mutants in _by_reason(result).items()),
    ]
    Page("Mutants of the core logic", command, blocks).write(PAGE)
    data = {
        "command": command,
        "seconds": round(result.seconds),
        "modules": [dict(zip(COLUMNS, row, strict=True)) for row in result.rows],
        "survivors": [
            {
                **dict(zip(("module", "function", "before", "after"), mutant.key, strict=True)),
                "reason": result.reasons.get(mutant.key),
            }
            for mutant in result.survivors
        ],
    }
    DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def _by_reason(result: Result) -> dict[str, list[Mutant]]:
    groups: dict[str, list[Mutant]] = {}
    for mutant in result.survivors:
        groups.setdefault(result.reasons.get(mutant.key, "Not explained"), []).append(mutant)
    return groups


def _table(mutants: Sequence[Mutant]) -> Table:
    rows = [[f"{mutant.module} {mutant.function}", mutant.before, mutant.after] for mutant in mutants]
    return Table(("Where", "Before", "After"), rows)


if __name__ == "__main__":
    main(prog_name="python -m tests.mutation")
