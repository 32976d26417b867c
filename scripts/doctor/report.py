"""The findings as a table for people, and as JSON for machines."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.doctor.examination import SUBJECTS
from scripts.doctor.findings import Finding, Status, worst

_STYLE = {Status.OK: "green", Status.WARNING: "yellow", Status.BROKEN: "bold red"}


def as_json(environment: str, at: datetime, findings: list[Finding]) -> dict[str, Any]:
    """The whole report. status: the worst of all; counts: of each."""
    return {
        "environment": environment,
        "at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "status": worst(findings),
        "counts": counts(findings),
        "findings": [
            {
                "check": finding.check,
                "subject": finding.subject,
                "status": finding.status,
                "about": finding.about,
                "seen": finding.seen,
                "next_step": finding.next_step,
            }
            for finding in findings
        ],
    }


def counts(findings: list[Finding]) -> Mapping[Status, int]:
    found = Counter(finding.status for finding in findings)
    return {status: found[status] for status in Status}


def show(console: Console, findings: list[Finding]) -> None:
    """One table, in groups, and a line that sums it up. What AWS has named is text, and never markup."""
    titles = {subject.name: subject.title for subject in SUBJECTS}
    # no lines between the columns: a command can be copied
    table = Table("", "About", "Seen", "Next step", box=SIMPLE_HEAD, pad_edge=False)
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.overflow = "fold"
    before = ""
    for finding in findings:
        if finding.subject != before:
            table.add_section()
            table.add_row("", Text(titles[finding.subject], style="bold"))
        before = finding.subject
        table.add_row(
            Text(finding.status, style=_STYLE[finding.status]),
            *(Text(words) for words in (finding.about, finding.seen, finding.next_step)),
        )
    console.print(table)
    console.print(
        Text(", ").join(
            Text(f"{number} {status}", style=_STYLE[status] if number else "")
            for status, number in reversed(list(counts(findings).items()))
        )
    )
