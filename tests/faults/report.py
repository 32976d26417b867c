"""What came of the trials: a table for the terminal, a page, and the data of both."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table as Terminal

from tests.faults.duplicates import ALLOWED
from tests.faults.fault_point import Fault
from tests.faults.matrix import Result
from tests.page import Cell, Mark, Page, Paragraph, Section, Table


@dataclass(frozen=True)
class Summed:
    """The results of some trials together. cases: how many; twice: of these with duplicates that may be."""

    cases: int
    twice: int
    duplicates: int
    wrong: int

    @classmethod
    def of(cls, results: Sequence[Result]) -> "Summed":
        return cls(
            len(results),
            sum(bool(result.duplicates) and not result.wrong for result in results),
            sum(result.duplicates for result in results),
            sum(bool(result.wrong) for result in results),
        )

    def __str__(self) -> str:
        if self.wrong:
            return f"WRONG {self.wrong} of {self.cases}"
        if self.twice:
            return f"{self.duplicates} dup in {self.twice} of {self.cases}"
        return f"ok {self.cases}" if self.cases else ""

    @property
    def mark(self) -> Mark:
        return "bad" if self.wrong else "" if self.twice else "good" if self.cases else "quiet"


Cells = dict[tuple[str, str], dict[Fault, Summed]]
_COLOURS: dict[Mark, str] = {"bad": "bold red", "": "yellow", "good": "green", "quiet": "dim"}


def cells(results: Sequence[Result]) -> Cells:
    """By function and call, in that order, what came of each fault."""
    found: dict[tuple[str, str], dict[Fault, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        found[result.trial.function, result.trial.call][result.trial.fault].append(result)
    return {
        key: {fault: Summed.of(by_fault.get(fault, [])) for fault in Fault}
        for key, by_fault in sorted(found.items())
    }


def terminal(results: Sequence[Result]) -> Terminal:
    """By call and fault, for a terminal."""
    table = Terminal(title=_sentence(results))
    for column in ("Function", "Call", *Fault):
        table.add_column(column)
    for (function, call), by_fault in cells(results).items():
        shown = [f"[{_COLOURS[each.mark]}]{each}[/]" for each in by_fault.values()]
        table.add_row(function, call, *shown)
    return table


def page(results: Sequence[Result], command: str) -> Page:
    """The same as a page, with what went wrong, and why there may be duplicates."""
    table = Table(
        ["Function", "Call", *Fault],
        [
            [function, call, *(Cell(str(each), each.mark) for each in by_fault.values())]
            for (function, call), by_fault in cells(results).items()
        ],
        "What came of each fault of each call. ok: nothing was lost or sent twice, or to somebody else; dup:"
        " messages that came twice, where the design says that they can; and in how many trials.",
    )
    wrong = [[result.trial.name, result.wrong] for result in results if result.wrong]
    why = [
        [*(", ".join(sorted(names)) for names in (each.functions, each.calls, each.faults)), each.why]
        for each in ALLOWED
    ]
    return Page(
        "Faults",
        command,
        [
            Section("By call and fault", [Paragraph(_sentence(results)), table]),
            *([Section("Wrong", [Table(["Trial", "What"], wrong)])] if wrong else []),
            Section(
                "Where a message can arrive twice", [Table(["Functions", "Calls", "Faults", "Why"], why)]
            ),
        ],
    )


def write(results: Sequence[Result], command: str, html: Path, data: Path) -> None:
    made = page(results, command)
    made.write(html)
    data.write_text(
        json.dumps(
            {
                "command": command,
                "at": made.at.isoformat(timespec="seconds"),
                "machine": asdict(made.machine),
                "all": asdict(Summed.of(results)),
                "trials": [result.json for result in results],
            },
            indent=1,
        )
        + "\n"
    )


def _sentence(results: Sequence[Result]) -> str:
    all_of_them = Summed.of(results)
    again = sum(bool(result.repeated) for result in results)
    return (
        f"{all_of_them.cases} trials: {all_of_them.wrong} wrong; {all_of_them.twice} in which messages came"
        f" twice ({all_of_them.duplicates} of them)"
        + (f"; {again} done again, since a busy machine disturbed them" if again else "")
    )
