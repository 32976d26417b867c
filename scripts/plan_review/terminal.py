"""A review for a terminal: a line for each resource, what the guard says, and what it comes to."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from scripts.plan_review.guard import Finding, Verdict
from scripts.plan_review.plan import Action, Plan
from scripts.plan_review.summary import DRIFT, by_rule, headline, rows, telling
from scripts.plan_review.values import visible

STYLES: dict[str, str] = {
    Action.DESTROY: "bold red",
    Action.REPLACE: "bold magenta",
    Action.FORGET: "bold yellow",
    Action.UPDATE: "yellow",
    Action.CREATE: "green",
    DRIFT: "cyan",
}
STOP, LET_PASS = "bold red", "bold yellow"


def show(console: Console, plan: Plan, verdict: Verdict, fingerprint: str) -> None:
    """Prints the review. What it says of the plan is text: no markup, no control characters."""
    for line in (*_rows(plan), *_lines(plan, verdict)):
        # a terminal breaks a line where it ends, so that an address can be copied
        console.print(line, soft_wrap=True)
    console.print(Text(f"{headline(plan)}.".capitalize(), "bold"), soft_wrap=True)
    console.print(Text(f"Fingerprint {visible(fingerprint)}"), soft_wrap=True)


def _rows(plan: Plan) -> Iterator[Text]:
    for row in rows(plan):
        note = f"  ({visible(''.join(row.note))})" if row.note else ""
        yield Text.assemble(
            (f"{row.action:<9}", STYLES.get(row.action, "")), visible(row.address), (note, "dim")
        )


def _lines(plan: Plan, verdict: Verdict) -> Iterator[Text]:
    if plan.errored:
        yield Text("Planning failed half-way: this plan cannot be applied.", STOP)
    if not plan.complete:
        yield Text("This plan leaves something out, by -target or for a later plan.", LET_PASS)
    for check in plan.checks:
        yield Text(
            f"{visible(check.address)} does not hold: {'; '.join(map(_said, check.problems))}", LET_PASS
        )
    yield from _findings("Not judged, because it is new and known after apply only", "", verdict.not_judged)
    yield from _findings("Overridden", LET_PASS, verdict.overridden)
    yield from _findings("Stopped", STOP, verdict.stops, advise=True)
    for name in verdict.unused:
        yield Text(f"Allowed by name, and not needed: {visible(name)}", LET_PASS)


def _findings(what: str, style: str, findings: Sequence[Finding], *, advise: bool = False) -> Iterator[Text]:
    for rule, some in by_rule(findings):
        advice = f" {_said(rule.do)}" if advise else ""
        yield Text.assemble((f"{what}: {visible(rule.name)}", style), f"  {_said(rule.says)}{advice}")
        for finding in some:
            details = "".join(f"\n    {visible(detail)}" for detail in telling(finding))
            yield Text(f"  {visible(finding.override)}{details}")


def _said(text: str) -> str:
    return visible(" ".join(text.split()))
