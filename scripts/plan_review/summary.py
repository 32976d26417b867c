"""What a plan comes to: one line, and a row for each resource with which something happens."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.plan_review.differences import changed, forcing, lines
from scripts.plan_review.guard import Finding
from scripts.plan_review.plan import Action, Change, Plan
from scripts.plan_review.rules import Rule

# the order of the rows: what cannot be undone comes first
ORDER = (
    Action.DESTROY,
    Action.REPLACE,
    Action.FORGET,
    Action.UPDATE,
    Action.IMPORT,
    Action.MOVE,
    Action.CREATE,
    Action.READ,
)
DRIFT, DEFERRED, RUN = "drift", "deferred", "run"
# Terraform's keywords in words; one that is not here is shown as it is
REASONS = {
    "replace_because_tainted": "it is tainted",
    "replace_by_request": "asked for with -replace",
    "replace_by_triggers": "by replace_triggered_by",
    "delete_because_no_resource_config": "it is no longer in the configuration",
    "delete_because_no_module": "its module is no longer in the configuration",
    "delete_because_wrong_repetition": "count or for_each came or went",
    "delete_because_count_index": "count is lower",
    "delete_because_each_key": "for_each no longer has its key",
    "delete_because_no_move_target": "what it was moved to is not in the configuration",
    "read_because_config_unknown": "what it asks for is known after apply only",
    "read_because_dependency_pending": "it depends on what changes",
    "read_because_check_nested": "for a check",
}
# the attributes that are named in a row
NAMES = 6


class Code(str):
    """A piece of a note that is the plan's own text, and shown as code."""

    __slots__ = ()


Phrase = Sequence[str]


@dataclass(frozen=True)
class Row:
    """One row of the table.

    action: an Action, or DRIFT, DEFERRED or RUN.
    note: what else there is to say, in pieces of text and Code that follow on each other.
    change: what it is about; None for an action block that is run.
    """

    action: str
    address: str
    note: Phrase = ()
    change: Change | None = None


def headline(plan: Plan) -> str:
    """One line that says what happens, e.g. `1 to destroy, 2 to update`."""
    counted = Counter(row.action for row in rows(plan))
    outputs = sum(output.action is not Action.NO_OP for output in plan.outputs)
    said = [f"{counted[action]:,} to {action}" for action in (*ORDER, RUN) if counted[action]]
    said += [f"{outputs:,} output{'s' * (outputs > 1)} to change"] if outputs else []
    said = said or ["no changes"]
    said += [f"{counted[DEFERRED]:,} put off"] if counted[DEFERRED] else []
    said += [f"{counted[DRIFT]:,} changed outside of Terraform"] if counted[DRIFT] else []
    return ", ".join(said)


def rows(plan: Plan) -> list[Row]:
    """A row for each resource with which something happens, what cannot be undone first."""
    found = [
        Row(change.action, change.address, _note(plan, change), change)
        for change in plan.changes
        if change.action is not Action.NO_OP
    ]
    return [
        *sorted(found, key=lambda row: ORDER.index(Action(row.action))),
        *(
            Row(RUN, it.address, (Code(it.event), " of ", Code(it.trigger)) if it.trigger else ())
            for it in plan.invocations
        ),
        *(Row(DEFERRED, it.address, (Code(it.deferred),), it) for it in plan.deferred),
        *(Row(DRIFT, it.address, _drift(plan, it), it) for it in plan.drift if _has_drifted(plan, it)),
    ]


def by_rule(findings: Sequence[Finding]) -> list[tuple[Rule, list[Finding]]]:
    """The findings of each rule, in their order."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.rule.name, []).append(finding)
    return [(some[0].rule, some) for some in found.values()]


def telling(finding: Finding) -> list[str]:
    """The details of a finding that say more than what becomes of the resource."""
    return [detail for detail in finding.details if detail not in set(Action)]


def _note(plan: Plan, change: Change) -> Phrase:
    return _joined("; ", _phrases(plan, change))


def _phrases(plan: Plan, change: Change) -> Iterator[Phrase]:
    action, forced = change.action, forcing(change)
    if change.deposed:
        yield "the left-over object ", Code(change.deposed)
    if action is Action.UPDATE:
        yield _names(changed(plan, change)) or ("its values stay the same",)
    elif forced:
        yield *_names(forced), " forces it" if len(forced) == 1 else " force it"
    elif change.reason and change.reason != "replace_because_cannot_update":
        yield (REASONS.get(change.reason) or Code(change.reason),)
    if action is Action.REPLACE:
        yield ("the new one comes first" if change.create_first else "the old one goes first",)
    if "forget" in change.actions:
        yield ("the old one stays, unmanaged" if action is Action.REPLACE else "it stays, unmanaged",)
    if change.previous_address:
        yield "moved from ", Code(change.previous_address)
    if change.importing:
        yield ("imported as ", Code(change.import_id)) if change.import_id else ("imported",)


def _has_drifted(plan: Plan, change: Change) -> bool:
    """Whether it tells something. Providers write null where they read what is empty, and the reverse."""
    return any(line.sign != "#" for line in lines(plan, change))


def _drift(plan: Plan, change: Change) -> Phrase:
    return ("it is gone",) if change.after is None else _names(changed(plan, change))


def _names(names: Sequence[str]) -> Phrase:
    more = len(names) - NAMES
    listed = _joined(", ", [(Code(name),) for name in names[:NAMES]])
    return (*listed, f" and {more:,} more") if more > 0 else listed


def _joined(between: str, phrases: Sequence[Phrase] | Iterator[Phrase]) -> Phrase:
    pieces = [piece for phrase in phrases if phrase for piece in (between, *phrase)]
    return tuple(pieces[1:])
