"""Takes each permission of each function away, one at a time, and looks whether it is missed."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console

from scripts.environment import BUILD, ROOT
from tests.iam.aws_only import WITH_A_KEY
from tests.iam.others import Told
from tests.iam.trial import Outcome, merged
from tests.iam.way import run_way
from tests.page import Cell, Page, Paragraph, Section, Table
from tests.progress import progress
from tests.ways import INTERRUPTED, WAYS, Ways

COMMAND = "make test-iam"
PAGE = BUILD / "iam.html"
DATA = BUILD / "iam.json"


@click.command()
def main() -> None:
    """Take each permission away, one at a time, and write build/iam.html and .json.

    Fails when something can be taken away and nothing is missed, or is missed with nothing taken away.
    """
    ways = Ways(WAYS, run_way)
    outcomes, told = run(ways)
    unneeded = [outcome for outcome in outcomes if not outcome.needed]
    unseen = [each for each in told if not each.needed]
    if not ways.errors:
        write(outcomes, told)
    console = Console(width=None if os.isatty(1) else 200)
    console.print(sentence(outcomes, told), highlight=False)
    for outcome in unneeded:
        piece = outcome.piece
        console.print(
            f"not needed: {piece.role} {piece.statement}: {piece.action} on {piece.resource}",
            markup=False,
            highlight=False,
        )
    for each in unseen:
        console.print(f"not needed: {each.of}: {each.statement}", markup=False, highlight=False)
    if ways.interrupted:
        raise SystemExit(INTERRUPTED)
    if ways.errors:
        raise click.ClickException("; ".join(ways.errors))
    console.print(f"{PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}", highlight=False)
    if unneeded or unseen:
        raise SystemExit(1)


def run(ways: Ways) -> tuple[list[Outcome], list[Told]]:
    """What came of each."""
    outcomes: list[Outcome] = []
    others_told: dict[str, Told] = {}
    done: dict[str, tuple[int, int]] = {}
    with progress() as shown:
        shown.stage("Deploying, and running all with nothing taken away")
        for message in ways.told(lambda: shown.stage("Cleaning up")):
            match message:
                case Outcome() as outcome:
                    outcomes.append(outcome)
                case Told() as each:
                    others_told.setdefault(f"{each.of} {each.statement}", each)
                case (str(way), int(number), int(of)):
                    if not done:
                        shown.stage("Permissions taken away")
                    done[way] = (number, of)
                    shown.at(*map(sum, zip(*done.values(), strict=True)))
    return merged(outcomes), sorted(others_told.values(), key=lambda each: (each.of, each.statement))


def sentence(outcomes: Sequence[Outcome], told: Sequence[Told]) -> str:
    missed = sum(bool(outcome.denied) for outcome in outcomes)
    by_page = sum(bool(outcome.page) and not outcome.denied for outcome in outcomes)
    resource = sum(each.needed for each in told)
    return (
        f"{len(outcomes)} permissions of functions: {missed} were missed when they were taken away,"
        f" {by_page} are demanded by AWS alone, {len(outcomes) - missed - by_page} are not needed."
        f" Of {len(told)} statements of other policies {resource} were missed."
    )


def page(outcomes: Sequence[Outcome], told: Sequence[Told]) -> Page:
    rows: list[list[str | Cell]] = [
        [
            outcome.piece.role,
            outcome.piece.statement,
            outcome.piece.action,
            outcome.piece.resource,
            Cell(_what(outcome), "good" if outcome.denied else "" if outcome.page else "bad"),
        ]
        for outcome in outcomes
    ]
    resource_rows: list[list[str | Cell]] = [
        [
            each.of,
            each.statement,
            each.does,
            Cell(each.without or "nothing", "good" if each.needed else "bad"),
        ]
        for each in told
    ]
    return Page(
        "Permissions",
        COMMAND,
        [
            Section(
                "Of the functions",
                [
                    Paragraph(sentence(outcomes, told)),
                    Table(
                        ["Role", "Statement", "Action", "Resource", "Without it"],
                        rows,
                        "Each action on each resource was taken away, alone, and the function did its work.",
                    ),
                ],
            ),
            Section(
                "Of others",
                [Table(["Whose", "Statement", "What it says", "Without it"], resource_rows)],
            ),
            Section(
                "With a customer's key alone",
                [
                    Paragraph("The local AWS encrypts nothing, so no run can show that these are needed."),
                    Table(
                        ["Statement", "Why", "Page of AWS"],
                        [[each.statement, each.why, each.page] for each in WITH_A_KEY],
                    ),
                ],
            ),
        ],
    )


def _what(outcome: Outcome) -> str:
    if outcome.denied:
        return f"denied: {', '.join(outcome.denied)}" + (f"; {outcome.wrong}" if outcome.wrong else "")
    return f"AWS alone asks for it: {outcome.page}" if outcome.page else "nothing is missed"


def write(outcomes: Sequence[Outcome], told: Sequence[Told]) -> None:
    made = page(outcomes, told)
    made.write(PAGE)
    data = {
        "command": COMMAND,
        "at": made.at.isoformat(timespec="seconds"),
        "machine": asdict(made.machine),
        "permissions": [outcome.json for outcome in outcomes],
        "others": [{**asdict(each), "needed": each.needed} for each in told],
        "with_a_key": [asdict(each) for each in WITH_A_KEY],
    }
    DATA.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
