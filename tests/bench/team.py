"""What the team waits for: building, planning, applying and testing, and what that goes to."""

import re
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import altair
import click

from scripts import package
from scripts.environment import BUILD
from tests.bench.result import Result, Row, number
from tests.bench.run import Run
from tests.bench.statistics import Estimate, ratio, spread
from tests.bench.system import Spent, Step
from tests.page import Block, Chart, Paragraph, Table

# what `make test` leaves
REPORT = BUILD / "tests.xml"
ROUNDS = 5
# so many of an apply's resources, and of the tests, are shown
MOST = 15


@dataclass(frozen=True)
class Case:
    """A test of a run. seconds: with what it had to wait for to be set up."""

    name: str
    part: str
    seconds: float


@dataclass(frozen=True)
class Tested:
    """A run of `make test`. seconds: from its beginning to its end. failed: how many tests have."""

    at: datetime
    seconds: float
    failed: int
    tests: Sequence[Case]

    @property
    def parts(self) -> dict[str, float]:
        """The seconds of each part, the longest first; parts run side by side."""
        parts: dict[str, float] = defaultdict(float)
        for test in self.tests:
            parts[test.part] += test.seconds
        return dict(sorted(parts.items(), key=lambda part: -part[1]))


def measure(run: Run) -> Result:
    """Builds, and deploys twice if no section has done so; tells of the last `make test`."""
    system = run.system
    fetched = _fetched(run)
    run.progress.stage("team: building, planning and applying")
    with system.timed("package"):
        package.build(run.folder / "team.zip")
    for way in ("sns", "ses"):
        # the whole, and then a change of one setting
        if len(system.steps) < 2:
            system.deploy(way)
    tested = report_of(REPORT) if REPORT.exists() else None
    return result(system.spent, system.steps, tested, fetched)


def _fetched(run: Run) -> dict[str, list[float]]:
    """The seconds that uv and pip take for what the package depends on, in turns, once each has it."""
    run.progress.stage("team: uv and pip")
    rounds = run.rounds or ROUNDS
    took: dict[str, list[float]] = {"uv": [], "pip": []}
    requirements = package.SOURCE / "requirements.txt"
    for done in range(1 + rounds):
        run.progress.at(done, rounds)
        for name, fetch in (("uv", package.by_uv), ("pip", package.by_pip)):
            began = time.monotonic()
            errors = fetch(requirements, run.folder / f"{name}-{done}", "arm64", "3.13")
            if errors:
                raise click.ClickException(f"{name} could not fetch what the package depends on: {errors}")
            if done:
                took[name].append(time.monotonic() - began)
    return took


def report_of(report: Path) -> Tested:
    """The run that a report in JUnit's XML tells of, as pytest writes it."""
    suite = ElementTree.parse(report).getroot().find("testsuite")  # noqa: S314 - our own tests wrote it
    assert suite is not None
    found = [
        Case(f"{case.get('classname')}.{case.get('name')}", part_of(case), float(case.get("time", 0)))
        for case in suite.iter("testcase")
    ]
    return Tested(
        at=datetime.fromisoformat(suite.get("timestamp", "")),
        seconds=float(suite.get("time", 0)),
        failed=sum(int(suite.get(of, 0)) for of in ("failures", "errors")),
        tests=found,
    )


def part_of(case: ElementTree.Element) -> str:
    """The part that a test belongs to: its folder, and of integration tests how e-mail goes out."""
    folder = case.get("classname", "").split(".")[1]
    way = re.search(r"[\[-](sns|ses)[]-]", case.get("name", ""))
    return f"{folder}, {way[1].upper()}" if folder == "integration" and way else folder


def result(
    spent: Mapping[str, Spent],
    steps: Mapping[str, Sequence[Step]],
    tested: Tested | None,
    fetched: Mapping[str, Sequence[float]],
) -> Result:
    """The tables and drawings."""
    uv, pip = fetched["uv"], fetched["pip"]
    rows = [
        Row("Fetching what the package needs, by uv", spread(uv), "s", "by pip", spread(pip), ratio(uv, pip)),
        *(_row(what, one, steps.get(what, ())) for what, one in spent.items()),
    ]
    blocks: list[Block] = [
        Paragraph(_CUT),
        Paragraph(
            "An apply is compared with the sum of its resources' own times: the lower the ratio, the more "
            "goes on side by side. The resources wait for each other and for what the provider waits for "
            "by itself: it looks at a new queue six times in a row, five seconds apart, before it takes it "
            "to be there."
        ),
        Table(
            ["What", "Seconds", "Cores busy"],
            [[what, number(one.seconds), number(one.cores)] for what, one in spent.items()],
            "Terraform, and the emulator with its functions",
        ),
    ]
    if steps:
        first = next(iter(steps.values()))
        blocks.append(Chart(_drawn(first), "The resources of an apply that took longest: from when to when"))
    if tested:
        rows.append(_of_tests(tested))
        blocks += [
            Paragraph(
                f"The tests ran at {tested.at:%Y-%m-%d %H:%M %Z}, {len(tested.tests)} of them; "
                f"{tested.failed or 'none'} failed."
            ),
            Table(
                ["Part", "Seconds"],
                [[part, number(seconds)] for part, seconds in tested.parts.items()],
                "What make test goes to; the parts run side by side",
            ),
            Table(
                ["Test", "Seconds"],
                [
                    [test.name, number(test.seconds)]
                    for test in sorted(tested.tests, key=lambda test: -test.seconds)[:MOST]
                ],
                "The tests that took longest, with what was set up for them",
            ),
        ]
    else:
        blocks.append(Paragraph("There is no report of make test; it leaves one, for the next run of this."))
    data = {
        "spent": {what: asdict(one) for what, one in spent.items()},
        "steps": {what: [asdict(step) for step in found] for what, found in steps.items()},
        "tests": {"seconds": tested.seconds, "parts": tested.parts} if tested else None,
    }
    return Result("The team's own time", rows, blocks, data)


_CUT = (
    "What cut it: uv fetches before pip does; the package is only written anew if its bytes differ, and "
    "then Terraform has nothing to do for it; the system is applied once for all tests of a way, and the "
    "second way is a change of the first, in one setting; a function's process stays for its next event, as "
    "on Lambda; tests that share nothing run side by side."
)


def _row(what: str, spent: Spent, steps: Sequence[Step]) -> Row:
    ours = Estimate.exact(spent.seconds)
    if not steps:
        return Row(what.capitalize(), ours, "s")
    own = sum(step.ended - step.begun for step in steps)
    return Row(
        what.capitalize(),
        ours,
        "s",
        "its resources one after the other",
        Estimate.exact(own),
        Estimate.exact(spent.seconds / own),
    )


def _of_tests(tested: Tested) -> Row:
    own = sum(test.seconds for test in tested.tests)
    return Row(
        "make test",
        Estimate.exact(tested.seconds),
        "s",
        "its tests one after the other",
        Estimate.exact(own),
        Estimate.exact(tested.seconds / own),
    )


def _drawn(steps: Iterable[Step]) -> Any:
    longest = sorted(steps, key=lambda step: step.begun - step.ended)[:MOST]
    return (
        altair.Chart({"values": [asdict(step) for step in longest]})
        .mark_bar()
        .encode(
            altair.X("begun:Q", title="seconds"),
            altair.X2("ended:Q"),
            altair.Y("address:N", title=None, sort=altair.SortField("begun")),
        )
    )
