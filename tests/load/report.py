"""What a run came to: data, a table at the terminal and a page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import altair
from rich.console import Console
from rich.table import Table as Terminal

from notifications.notification import Notification, Outcome, State, next_due
from scripts.person import WELCOME
from tests.load.course import HOLD, Course, Found
from tests.load.figures import Latency, backlog, length, outside, percentile, rates
from tests.load.journal import CONFIRMED, OPTED_IN, REPAIRED, SIGNED_UP, Event, Walk
from tests.load.verdict import person
from tests.page import Cell, Chart, Page, Paragraph, Section, Table
from tests.place import LIMITS

MIB = 2**20
# of a chart, in seconds
WIDTH = 2.0
SWEEP_SECONDS = 60
WHAT_IT_IS = (
    "One process plays AWS, and its functions and whoever makes the load are on the same machine: that "
    "is what is measured, and what AWS takes is another matter. What holds there too is the shape, "
    "which is what is waited for and what grows with what; and that nothing is lost, sent twice or sent "
    "to somebody else. Two of AWS's limits are wider here: a topic has room for "
    f"{int(LIMITS['filter_policies_per_topic']):,} people and not 200, and Cognito waits "
    f"{LIMITS['trigger_seconds']} s for the trigger and not 5."
)
NAMES = {
    "nobody": "runs in which nobody has confirmed",
    "lost_on_the_way": "came, met no error, and have not confirmed",
    "without_record": "confirmed, without a record",
    "wrong_record": "records with another address",
    "unconfirmed_record": "records of people who did not confirm",
    "without_welcome": "confirmed, without a welcome",
    "welcomed_twice": "welcomed more than once",
    "wrong_address": "mails to a wrong address",
    "without_broadcast": "without the broadcast",
    "broadcast_twice": "with the broadcast more than once",
    "not_final": "rows that are not final",
    "refused": "requests that were refused",
}


@dataclass(frozen=True)
class Pace:
    """What a phase offered and what was done in the same time, a second.

    failed: people whom an error has stopped. behind: what fell behind, where that was looked at.
    """

    phase: str
    way: str
    seconds: float
    came: int
    offered: float
    registered: float
    welcomed: float
    failed: int
    behind: str


@dataclass(frozen=True)
class Report:
    """All figures of a run. times: in seconds since the first person was due."""

    course: Course
    found: Found

    @cached_property
    def welcomed(self) -> dict[str, float]:
        """When each address had its first welcome."""
        found: dict[str, float] = {}
        for mail in self.found.mails:
            if mail.subject == WELCOME:
                found.setdefault(mail.to[0], mail.at)
        return found

    @property
    def phases(self) -> list[Event]:
        """The last word on each phase."""
        return list({event["name"]: event for event in self.course.journal.all("phase")}.values())

    def paces(self) -> list[Pace]:
        found = []
        for phase in self.phases:
            begin, end = phase["begin"], phase["end"]
            seconds = length(begin, end, self.course.journal.gaps)
            people = [one for one in self.people if one.phase == phase["name"]]
            step = self.course.journal.last("step", name=phase["name"])

            def within(times: Iterable[float], a: float = begin, b: float = end, s: float = seconds) -> float:
                return sum(a <= time < b for time in times) / s

            found.append(
                Pace(
                    phase=phase["name"],
                    way=phase["way"],
                    seconds=round(seconds, 1),
                    came=len(people),
                    offered=len(people) / seconds,
                    registered=within(one.done[CONFIRMED] for one in self.people if CONFIRMED in one.done),
                    welcomed=within(self.welcomed.values()),
                    failed=sum(bool(one.failed) for one in people),
                    behind=step["behind"] if step else "",
                )
            )
        return found

    @property
    def people(self) -> list[Walk]:
        return self.course.journal.everybody()

    def latencies(self) -> list[Latency]:
        """From when something was due until it had come. An interruption's victims are not among them."""
        found = []
        gaps = self.course.journal.gaps
        for phase in self.phases:
            if not phase["name"].startswith(("steady", HOLD)):
                continue
            people = [one for one in self.people if one.phase == phase["name"]]
            last = OPTED_IN if phase["way"] == "sns" else CONFIRMED

            def times(of: str, people: Sequence[Walk] = people) -> list[tuple[float | None, float | None]]:
                return [(one.due.get(of), one.done.get(of)) for one in people if of not in one.untimed]

            spans = {
                "sign-up → answer": times(SIGNED_UP),
                "confirm → record": times(CONFIRMED),
                f"{'opt-in' if last == OPTED_IN else 'confirm'} → welcome": [
                    (one.due.get(last), self.welcomed.get(person(self.course.run, one.number).email))
                    for one in people
                    if last not in one.untimed
                ],
            }
            for of, pairs in spans.items():
                whole = [(a, b) for a, b in pairs if a is not None and b is not None]
                name = f"{phase['name']}, {phase['way']}"
                if latency := Latency.of_spans(name, of, outside(whole, gaps)):
                    found.append(latency)
        asked = self.course.journal.last("broadcast")
        if asked and self.broadcasts:
            spans_of_all = [(asked["at"], at) for at in self.broadcasts]
            if latency := Latency.of_spans("broadcast", "request → mail", outside(spans_of_all, gaps)):
                found.append(latency)
        return found

    @property
    def broadcasts(self) -> list[float]:
        """When each mail of the broadcast was sent."""
        return sorted(mail.at for mail in self.found.mails if self.course.mark in mail.text)

    @property
    def broadcast_rows(self) -> list[float]:
        """When each row of the broadcast was written."""
        mark = f"app#{self.course.mark}#"
        return sorted(
            datetime.fromisoformat(row["CreatedAt"]).timestamp()
            for row in self.found.rows
            if str(row["NotificationID"]).startswith(mark)
        )

    def data(self) -> dict[str, Any]:
        """For build/load.json: numbers alone, and nobody's name."""
        journal = self.course.journal
        rows, mails = self.broadcast_rows, self.broadcasts
        asked = journal.last("broadcast")
        return {
            "ok": not self.found.verdict.wrong,
            "people": len(self.people),
            "signed_up": sum(SIGNED_UP in one.done for one in self.people),
            "verdict": asdict(self.found.verdict),
            "errors": dict(self._errors()),
            "reconciled": self.reconciled,
            "interruptions": len(journal.gaps),
            "highest": self.course.highest,
            "phases": [asdict(pace) for pace in self.paces()],
            "latencies": [asdict(latency) for latency in self.latencies()],
            "broadcast": {
                "asked": 0.0,
                "first_row": rows[0] - asked["at"],
                "last_row": rows[-1] - asked["at"],
                "first_mail": mails[0] - asked["at"],
                "last_mail": mails[-1] - asked["at"],
            }
            if asked and rows and mails
            else None,
            "memory": self.memory(),
            "busy": self.busy(),
            "plan": asdict(self.course.plan),
        }

    def _errors(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for event in self.course.journal.all("failed"):
            name = f"{event['step']}: {event['reason']}"
            found[name] = found.get(name, 0) + 1
        return found

    @property
    def reconciled(self) -> int:
        """How many the trigger has missed, and reconciliation has not."""
        return sum(event["missed"] for event in self.course.journal.all(REPAIRED))

    def _told_errors(self) -> str:
        return ", ".join(f"{name} ({count})" for name, count in sorted(self._errors().items()))

    def memory(self) -> dict[str, dict[str, float]]:
        """MiB at first, at most and in the end."""
        samples = self.course.journal.all("sample")
        return {
            name: {
                "first": samples[0][name] / MIB,
                "most": max(sample[name] for sample in samples) / MIB,
                "last": samples[-1][name] / MIB,
            }
            for name in ("emulator", "functions", "generator")
            if samples
        }

    def busy(self) -> dict[str, dict[str, float]]:
        """Cores in use while people came, by phase, in the middle of the samples."""
        found = {}
        for phase in self.phases:
            samples = [
                sample
                for sample in self.course.journal.all("sample")
                if phase["begin"] <= sample["at"] < phase["end"]
            ]
            if samples:
                found[phase["name"]] = {
                    name: percentile([sample[f"{name}_cpu"] for sample in samples], 50)
                    for name in ("emulator", "generator", "machine")
                }
        return found

    def tell(self, console: Console) -> None:
        """The tables, at a terminal."""
        for table in (self.pace_table(), self.latency_table(), self.verdict_table()):
            shown = Terminal(title=table.caption, title_justify="left", box=None, pad_edge=False)
            for name, number in zip(table.columns, table.numbers, strict=True):
                shown.add_column(name, justify="right" if number else "left")
            for row in table.rows:
                shown.add_row(
                    *(
                        f"[red]{cell}[/red]" if isinstance(cell, Cell) and cell.mark == "bad" else str(cell)
                        for cell in row
                    )
                )
            console.print(shown, "", sep="\n")
        if self._errors():
            console.print(f"Errors: {self._told_errors()}.", highlight=False)

    def pace_table(self) -> Table:
        return Table(
            [
                "phase",
                "by",
                "seconds",
                "people",
                "came/s",
                "recorded/s",
                "welcomed/s",
                "behind",
            ],
            [
                [
                    pace.phase,
                    pace.way.upper(),
                    f"{pace.seconds:.0f}",
                    str(pace.came),
                    f"{pace.offered:.1f}",
                    f"{pace.registered:.1f}",
                    f"{pace.welcomed:.1f}",
                    pace.behind or "nothing",
                ]
                for pace in self.paces()
            ],
            "What came and what was done in the same seconds",
        )

    def latency_table(self) -> Table:
        return Table(
            ["phase", "from → to", "people", "p50 s", "p95 s", "p99 s", "longest s"],
            [
                [
                    one.phase,
                    one.of,
                    str(one.count),
                    *(f"{value:.2f}" for value in one.percentiles.values()),
                    f"{one.longest:.2f}",
                ]
                for one in self.latencies()
            ],
            "How long it took, from when it was due",
        )

    def verdict_table(self) -> Table:
        verdict = self.found.verdict
        counts: list[list[str | Cell]] = [
            ["people who came", str(len(self.people))],
            ["people whom an error has stopped", str(sum(bool(one.failed) for one in self.people))],
            ["confirmed", str(verdict.confirmed)],
            ["missed by the trigger, and reconciled", str(self.reconciled)],
            ["records", str(verdict.records)],
            ["welcomes", str(verdict.welcomes)],
            ["mails of the broadcast", str(verdict.broadcasts)],
        ]
        none: list[list[str | Cell]] = [
            [NAMES[name], Cell(str(count), "bad" if count else "good")]
            for name, count in ((name, getattr(verdict, name)) for name in verdict.MUST_BE_NONE)
        ]
        return Table(
            ["", "count"], [*counts, *none], "What must hold; from “runs in which…” on all must be 0"
        )

    def page(self) -> Page:
        journal = self.course.journal
        verdict = self.found.verdict
        wrong = ", ".join(f"{count} {NAMES[name]}" for name, count in verdict.wrong.items())
        sections = [
            Section(
                "What came of it",
                [
                    Paragraph(
                        f"{verdict.confirmed} people confirmed; {verdict.records} have a record, "
                        f"{verdict.welcomes} were welcomed; {verdict.broadcasts} mails of the broadcast "
                        "went out. "
                        + (
                            f"Not as it must be: {wrong}."
                            if wrong
                            else "Nothing was lost, twice or misdelivered."
                        )
                    ),
                    Paragraph(WHAT_IT_IS),
                    *(
                        [Paragraph(f"It was interrupted {len(journal.gaps)} times and gone on with.")]
                        if journal.gaps
                        else []
                    ),
                    *([Paragraph(f"Errors: {self._told_errors()}.")] if self._errors() else []),
                    self.verdict_table(),
                ],
            ),
            Section(
                "Rates",
                [
                    Paragraph(
                        "A rate is kept while no more people are on their way than come in three seconds, "
                        "besides those who read their mail. Rates rise until one is not kept, which says "
                        "what fell behind. Then the highest that was kept is held for longer; or the one "
                        "below it, if that was too much."
                    ),
                    self.pace_table(),
                ],
            ),
            Section("Times", [self.latency_table(), *self._opt_in()]),
            *self._parts(),
            Section("Memory", self._memory()),
        ]
        return Page("Load", "make load", sections)

    def _opt_in(self) -> list[Paragraph | Table]:
        if "sns" not in {phase["way"] for phase in self.phases}:
            return []
        return [
            Paragraph(
                "By SNS, nothing tells the system that somebody has opted in: the sweep looks, every "
                "minute, at the rows that are due. A row is due again after a tenth of its age, at "
                "least 10 s and at most 5 min. So whoever opts in at once waits for about half a minute "
                "and at most for a little more than one, and whoever comes back later waits longer. "
                "This is the system's own, and is so on AWS."
            ),
            Table(
                ["opted in after", "waits at most"],
                [[name, f"{longest_wait(age):.0f} s"] for name, age in AGES.items()],
                "The longest that the welcome can take, from opting in",
            ),
        ]

    def _parts(self) -> list[Section]:
        """The charts of each part of the run, which has a time of its own."""
        found = []
        parts = {
            "Steady": self._until("steady"),
            "The highest rate": [one for one in self.phases if one not in self._until("steady")],
        }
        for title, phases in parts.items():
            if not phases:
                continue
            names = {phase["name"] for phase in phases}
            people = [one for one in self.people if one.phase in names]
            welcomed = [
                self.welcomed[mail]
                for one in people
                if (mail := person(self.course.run, one.number).email) in self.welcomed
            ]
            begin = min(phase["begin"] for phase in phases)
            end = max([phase["end"] for phase in phases] + welcomed) + WIDTH
            due = [one.due[SIGNED_UP] for one in people]
            confirmed = [one.done[CONFIRMED] for one in people if CONFIRMED in one.done]
            opted_in = [one.done[OPTED_IN] for one in people if OPTED_IN in one.done]
            moments = seconds_between(begin, end)
            series = {"due, without a record": backlog(due, confirmed, moments)}
            if phases[0]["way"] == "sns":
                series["with a record, not opted in"] = backlog(confirmed, opted_in, moments)
                series["opted in, not welcomed"] = backlog(opted_in, welcomed, moments)
            else:
                series["with a record, not welcomed"] = backlog(confirmed, welcomed, moments)
            done = {"came": due, "recorded": confirmed, "welcomed": welcomed}
            found.append(
                Section(
                    title,
                    [
                        Chart(lines(series, begin, moments, "people"), "How many wait for what."),
                        Chart(
                            lines(
                                {name: rates(times, begin, end, WIDTH) for name, times in done.items()},
                                begin,
                                seconds_between(begin, end),
                                "people a second",
                            ),
                            "What came and what was done.",
                        ),
                    ],
                )
            )
        return [*found, *self._broadcast()]

    def _until(self, name: str) -> list[Event]:
        """The phases up to one, which are before all others."""
        names = [phase["name"] for phase in self.phases]
        return self.phases[: names.index(name) + 1] if name in names else []

    def _broadcast(self) -> list[Section]:
        asked = self.course.journal.last("broadcast")
        rows, mails = self.broadcast_rows, self.broadcasts
        if not (asked and rows and mails):
            return []
        begin, end = asked["at"], max(rows[-1], mails[-1]) + WIDTH
        moments = seconds_between(begin, end)
        return [
            Section(
                "The broadcast",
                [
                    Paragraph(
                        f"Asked for at 0 s; the rows were written from {rows[0] - begin:.0f} s to "
                        f"{rows[-1] - begin:.0f} s, the mails sent from {mails[0] - begin:.0f} s to "
                        f"{mails[-1] - begin:.0f} s, {len(mails) / max(mails[-1] - mails[0], 1):.1f} a "
                        "second. A schedule starts it, so up to a minute goes by first."
                    ),
                    Chart(
                        lines({"written, not sent": backlog(rows, mails, moments)}, begin, moments, "rows"),
                        "Rows of the broadcast that wait.",
                    ),
                    Chart(
                        lines(
                            {
                                "rows written": rates(rows, begin, end, WIDTH),
                                "mails sent": rates(mails, begin, end, WIDTH),
                            },
                            begin,
                            moments,
                            "a second",
                        ),
                        "Rows and mails.",
                    ),
                ],
            )
        ]

    def _memory(self) -> list[Paragraph | Table | Chart]:
        samples = self.course.journal.all("sample")
        if not samples:
            return [Paragraph("Nothing was noted.")]
        begin = samples[0]["at"]
        names = {"emulator": "emulator", "functions": "its functions", "generator": "generator"}
        return [
            Table(
                ["MiB", "first", "most", "last"],
                [
                    [names[name], *(f"{value:.0f}" for value in values.values())]
                    for name, values in self.memory().items()
                ],
                f"{max(sample['processes'] for sample in samples)} processes of functions at most",
            ),
            Table(
                ["phase", "emulator", "generator", "machine"],
                [
                    [name, *(f"{value:.2f}" for value in values.values())]
                    for name, values in self.busy().items()
                ],
                "Cores that were busy; of the machine, the part that was",
            ),
            Chart(
                lines(
                    {shown: [sample[name] / MIB for sample in samples] for name, shown in names.items()},
                    begin,
                    [sample["at"] for sample in samples],
                    "MiB",
                ),
                "Memory over the whole run.",
            ),
        ]


AGES = {"3 s": 3, "1 minute": 60, "10 minutes": 600, "1 hour": 3600, "1 day": 86400}


def longest_wait(age: float) -> float:
    """The seconds from an opt-in to the welcome, of a row that was looked at just before it."""
    now = datetime.now(UTC)
    created = now - timedelta(seconds=age)
    row = Notification("welcome", "", "", "account", "welcome", created, now + timedelta(days=9), now)
    due = next_due(row, Outcome(State.WAITING_OPT_IN), now)
    assert due
    return (due - now).total_seconds() + SWEEP_SECONDS


def seconds_between(begin: float, end: float) -> list[float]:
    """The moments of a chart."""
    return [begin + WIDTH * number for number in range(max(int((end - begin) / WIDTH + 0.999), 1))]


def lines(series: Mapping[str, Sequence[float]], begin: float, moments: Sequence[float], what: str) -> Any:
    """A chart of lines over time. begin: where its time starts."""
    values = [
        {"second": round(moment - begin, 1), "value": value, "of": name}
        for name, numbers in series.items()
        for moment, value in zip(moments, numbers, strict=True)
    ]
    return (
        altair.Chart(altair.InlineData(values=values))
        .mark_line(interpolate="monotone")
        .encode(
            x=altair.X("second:Q", title="seconds"),
            y=altair.Y("value:Q", title=what),
            color=altair.Color("of:N", title=None, sort=list(series)),
        )
    )
