"""What a section has measured, and whether it is what was aimed at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tests.bench.statistics import Estimate
from tests.page import Block, Cell, Paragraph, Section, Table

Verdict = Literal["met", "missed", ""]
COLUMNS = ("What", "Ours", "Compared with", "Ratio", "Aim", "")


@dataclass(frozen=True)
class Row:
    """One thing that was measured.

    unit: of ours and the other. against: what the other is. aim: what the ratio, or ours where there is no
    ratio, is at most to be. why: the reason, should the aim be missed.
    """

    what: str
    ours: Estimate
    unit: str
    against: str = ""
    other: Estimate | None = None
    ratio: Estimate | None = None
    aim: float | None = None
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.aim is None:
            return ""
        return "met" if (self.ratio or self.ours).value <= self.aim else "missed"

    def cells(self, said: Callable[[Estimate, str], str]) -> list[str | Cell]:
        """As a table shows it, under COLUMNS. said: how an estimate is told."""
        other = f"{self.against}: {said(self.other, self.unit)}" if self.other else self.against
        aim = f"≤ {self.aim:g}{'' if self.ratio else f' {self.unit}'}" if self.aim is not None else ""
        verdict = Cell(self.verdict, "good" if self.verdict == "met" else "bad")
        ratio = said(self.ratio, "") if self.ratio else ""
        return [self.what, said(self.ours, self.unit), other, ratio, aim, verdict]


@dataclass(frozen=True)
class Result:
    """What a section has measured.

    blocks: what the page says and draws beside the rows. data: what was measured one by one, for the JSON.
    """

    title: str
    rows: Sequence[Row]
    blocks: Sequence[Block] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def section(self) -> Section:
        """The section of the page."""
        notes = [f"{row.what}: {row.why}" for row in self.rows if row.why and row.verdict == "missed"]
        rows = [Table(COLUMNS, [row.cells(amount) for row in self.rows])] if self.rows else []
        return Section(self.title, [*rows, *map(Paragraph, notes), *self.blocks])

    @property
    def json(self) -> dict[str, Any]:
        rows = [{**asdict(row), "verdict": row.verdict} for row in self.rows]
        return {"title": self.title, "rows": rows, "data": dict(self.data)}


def median(estimate: Estimate, unit: str) -> str:
    """A value without its range."""
    return f"{number(estimate.value)} {unit}".strip()


def amount(estimate: Estimate, unit: str) -> str:
    """A value with its range, to three significant digits: "12.3 ms (11.9 to 13)"."""
    value = median(estimate, unit)
    if estimate.low == estimate.high:
        return value
    return f"{value} ({number(estimate.low)} to {number(estimate.high)})"


def number(value: float) -> str:
    """To three significant digits, or as a whole number where it has more; thousands are set apart."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
