"""Goes back to the package that was deployed before, or to another one: moves aliases, and deploys nothing.

Packages are told apart by their hash, and follow each other by when a function was last given them. The one
to go back to is the newest but one; of those that were rolled back from, none. So it is the same one when
this is run twice, or again after it was interrupted; and when the deploy that followed a roll-back is no
better, it is the one that ran before, not the one that had been left. Each function then calls its newest
version with that package, of another number in each: it has a version only where something of it has
changed.

A version holds its function's settings too. All else that a deploy has changed stays: tables, permissions,
queues.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from notifications.notification import instant
from scripts.environment import LOCAL
from scripts.functions import Function, Functions
from scripts.stack import Stack, confirm, env_option, environment_named, plainly

# the description of an alias, which Terraform leaves alone
NOTE = "Rolled back, past what functions were given after {after} and until {until}."
NOTED = re.compile(NOTE.replace(".", r"\.").format(after="(?P<after>[^ ]+)", until="(?P<until>[^ ]+)"))
SHORT = 12


@dataclass(frozen=True)
class Target:
    """The package to go to, and when a function was last given it.

    newer: the packages after it, the newest first.
    passed_over: those of them that it goes past since they were rolled back from.
    """

    package: str
    changed: datetime
    newer: Mapping[str, datetime]
    passed_over: tuple[str, ...]

    def is_reached(self, function: Function) -> bool:
        """Whether a function calls its version with the package, or has none."""
        wanted = function.newest(self.package)
        return wanted is None or (function.live == wanted and not function.weighted)

    @property
    def note(self) -> str:
        """What is noted of it: after the next deploy it is still known what ran before, and what did not."""
        if not self.newer:
            return ""
        return NOTE.format(after=self.changed.isoformat(), until=max(self.newer.values()).isoformat())


def packages(functions: Iterable[Function]) -> dict[str, datetime]:
    """The packages that there are, the newest first, and when a function was last given each."""
    found: dict[str, datetime] = {}
    for function in functions:
        for version in function.versions:
            found[version.package] = max(version.changed, found.get(version.package, version.changed))
    return dict(sorted(found.items(), key=lambda item: item[1], reverse=True))


def choose(functions: Sequence[Function], wanted: str | None = None) -> Target:
    """The package to go to: the one before the newest, or the one that is wanted.

    Args:
        wanted: the beginning of its hash.

    Raises:
        click.ClickException: there is none, or more than one.
    """
    known = packages(functions)
    left = [span for function in functions if (span := _noted(function.note))]
    if wanted:
        fitting = [package for package in known if package.startswith(wanted.lower())]
        if len(fitting) != 1:
            there = ", ".join(f"{package[:SHORT]} ({_time(changed)})" for package, changed in known.items())
            raise click.ClickException(
                f"PACKAGE is to say how the hash of one package begins, and {wanted!r} fits "
                f"{len(fitting) or 'none'}. There are {there}."
            )
    else:
        fitting = [
            one for one in list(known)[1:] if not any(after < known[one] <= until for after, until in left)
        ]
        if not fitting:
            raise click.ClickException("There is no earlier package to go back to; nothing was changed.")
    package = fitting[0]
    newer = {other: known[other] for other in list(known)[: list(known).index(package)]}
    return Target(package, known[package], newer, () if wanted else tuple(newer)[1:])


def _noted(note: str) -> tuple[datetime, datetime] | None:
    """The span that a roll-back went past, as an alias' description says it; anybody can write one."""
    found = NOTED.fullmatch(note)
    try:
        return (instant(found["after"]), instant(found["until"])) if found else None
    except ValueError:
        return None


def move(functions: Functions, target: Target) -> None:
    """Has every function call its newest version with the package, and sees to it that all do.

    Raises:
        click.ClickException: that is not so at the end.
    """
    moving = [function for function in functions.read() if not target.is_reached(function)]
    for number, function in enumerate(moving):
        version = function.newest(target.package)
        assert version
        try:
            functions.client.update_alias(
                FunctionName=function.name,
                Name=functions.alias,
                FunctionVersion=version.number,
                Description=target.note,
                RoutingConfig={"AdditionalVersionWeights": {}},
                RevisionId=function.revision,
            )
        except functions.client.exceptions.PreconditionFailedException:
            # by somebody else since it was read; or by us, when an answer was lost and the SDK asked again
            continue
        except (ClientError, BotoCoreError) as error:
            raise click.ClickException(
                f"{number} of {len(moving)} functions were moved, {function.handler} could not be: {error}. "
                "Run this again; it goes on from there."
            ) from None
    missed = [function.handler for function in functions.read() if not target.is_reached(function)]
    if missed:
        raise click.ClickException(
            f"Somebody else has moved {', '.join(missed)} at the same time, perhaps by a deploy. "
            "Run this again when that has ended."
        )


@click.command()
@env_option
@click.option(
    "--package",
    "wanted",
    envvar="ROLLBACK_PACKAGE",
    metavar="SHA256",
    help="Go to this one, back or forward; the beginning of its hash is enough.",
)
@click.option("--dry-run", is_flag=True, envvar="DRY_RUN", help="Show it, and change nothing.")
@click.option("--yes", is_flag=True, envvar="YES", help="Do not ask.")
@plainly
def main(name: str, wanted: str | None, dry_run: bool, yes: bool) -> None:
    """Have all functions run the package that was deployed before.

    Run twice, it goes back no further. It can be interrupted, and run again to finish.
    """
    environment = environment_named(name, start=False)
    stack = Stack(environment, stream=False)
    stack.init(new=False)
    functions = Functions.of(environment.client("lambda"), stack.outputs())
    found = functions.read()
    target = choose(found, wanted)
    console = Console(highlight=False)
    console.print(table(found, target))
    say = partial(console.print, markup=False, soft_wrap=True)
    short, of = target.package[:SHORT], "" if name == LOCAL else f" ENV={name}"
    for package in target.passed_over:
        other = package[:SHORT]
        say(f"Package {other} is passed over, since it was rolled back from; PACKAGE={other} goes there.")
    if all(target.is_reached(function) for function in found):
        say(f"Package {short} runs already; nothing was changed.")
    elif dry_run:
        say("Nothing was changed.")
        return
    else:
        confirm(name, f"Run package {short} in {name!r}?", yes)
        move(functions, target)
        say(f"Package {short} runs.")
    if target.newer:
        newest = next(iter(target.newer))[:SHORT]
        say(
            f"A plan shows the aliases as changed, and make deploy{of} moves them forward: mend the package "
            f"first. make rollback{of} PACKAGE={newest} goes to that one again."
        )


def table(functions: Sequence[Function], target: Target) -> Table:
    """What each function runs, and what it is to run."""
    shown = Table(
        *("Function", "Version", "Package", "Goes to"),
        title=f"To package {target.package[:SHORT]} of {_time(target.changed)}",
    )
    for function in functions:
        wanted = function.newest(target.package)
        if wanted is None:
            goes_to = "stays: has no version with it"
        else:
            goes_to = "stays" if target.is_reached(function) else wanted.number
        shown.add_row(function.handler, function.live.number, function.live.package[:SHORT], goes_to)
    return shown


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


if __name__ == "__main__":
    main(prog_name="make rollback")
