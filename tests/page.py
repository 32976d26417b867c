"""One HTML page for what was measured: paragraphs, tables and charts, and on what machine, when and how.

    latency = Section("Latency", [Paragraph("…"), Table(["Of all", "Time"], [["half", "12 ms"]])])
    Page("Load", "make load", [latency]).write(path)

It is one file that needs no network and runs no script, is light or dark as its reader's screen is, and can
be read on a telephone.
"""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import altair
import jinja2
import psutil
import vl_convert

Mark = Literal["", "good", "bad", "quiet"]

# Colours of what is drawn; each can be told from a light and from a dark ground, and from the others in grey
SERIES = ("#2f81f7", "#d9822b", "#2da44e", "#a371f7", "#e5534b", "#848d97")
_INK = "currentColor"
_CONFIG: Mapping[str, Any] = {
    "background": "transparent",
    "view": {"stroke": None, "continuousWidth": 620, "continuousHeight": 260, "discreteHeight": {"step": 26}},
    "axis": {
        **dict.fromkeys(("labelColor", "titleColor", "domainColor", "tickColor", "gridColor"), _INK),
        "gridOpacity": 0.15,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelLimit": 320,
    },
    "legend": {
        "labelColor": _INK,
        "titleColor": _INK,
        "orient": "top",
        "labelFontSize": 12,
        "labelLimit": 320,
    },
    "header": {"labelColor": _INK, "titleColor": _INK},
    "title": {"color": _INK, "subtitleColor": _INK},
    "text": {"color": _INK},
    "rule": {"color": _INK},
    "range": {"category": list(SERIES)},
}


@dataclass(frozen=True)
class Cell:
    """A cell of a table whose look says something; a plain text is one that says nothing so."""

    text: str
    mark: Mark = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table. caption: what it shows; columns whose cells are all numbers stand to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    caption: str = ""

    def __post_init__(self) -> None:
        if wrong := [row for row in self.rows if len(row) != len(self.columns)]:
            raise ValueError(f"{len(self.columns)} columns, and a row of {len(wrong[0])} cells")

    @property
    def numbers(self) -> list[bool]:
        """Of each column, whether it is one of numbers."""
        columns = zip(*self.rows, strict=True) if self.rows else iter(())
        found = [all(_NUMBER.match(str(cell)) for cell in column if str(cell)) for column in columns]
        return found or [False] * len(self.columns)


@dataclass(frozen=True)
class Chart:
    """A chart of altair's. caption: what it shows, for those too who do not see it."""

    chart: Any
    caption: str

    @property
    def svg(self) -> str:
        """The drawing; what is not a mark has the colour of the text around it."""
        specification = self.chart.to_dict()
        specification["config"] = {**specification.get("config", {}), **_CONFIG}
        version = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
        svg: str = vl_convert.vegalite_to_svg(specification, vl_version=version)
        return svg


Block = Paragraph | Table | Chart


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Machine:
    """The kind of machine that something was measured on: never its name. memory: bytes."""

    cores: int
    processor: str
    memory: int
    python: str
    system: str

    @classmethod
    def here(cls) -> "Machine":
        return cls(
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            processor=_processor(),
            memory=psutil.virtual_memory().total,
            python=platform.python_version(),
            system=_system(),
        )

    def __str__(self) -> str:
        return (
            f"{self.cores} cores of {self.processor}, {self.memory / 2**30:.0f} GiB, "
            f"Python {self.python}, {self.system}"
        )


@dataclass(frozen=True)
class Page:
    """What a program has measured. command: the line that measures it again."""

    title: str
    command: str
    sections: Sequence[Section]
    machine: Machine = field(default_factory=Machine.here)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def html(self) -> str:
        jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # identifiers are of the whole page, and each drawing begins to count anew
        drawings = iter(range(sys.maxsize))

        def drawn(chart: Chart) -> str:
            return re.sub(r'(\bid="|url\(#)', rf"\1drawing{next(drawings)}-", chart.svg)

        return jinja.get_template("page.html").render(page=self, drawn=drawn)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.html(), "utf-8")


# with a sign or a currency before it and a unit behind it, and perhaps the range in which it is
_NUMBER = re.compile(r"[-+<>≤≥$]?\s?\d[\d.,]*(\s?(%|\w{1,5}(/\w+)?))?(\s\([^)]*\))?$")


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        done = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or platform.machine()
    return found[1].strip() if found else platform.machine()


def _system() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.system()} {platform.release()}"
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
