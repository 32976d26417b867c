"""`make load`: registers thousands of people with an emulator of its own, writes to all, and counts."""

import fcntl
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import click
from rich.console import Console

from scripts.environment import BUILD, ROOT
from scripts.local_aws import process
from scripts.local_aws.process import LocalAws
from scripts.stack import plainly
from scripts.terraform import TerraformError
from tests.deployment import Deployment
from tests.load.course import Course, Plan, sampling
from tests.load.journal import Journal
from tests.load.report import Report
from tests.place import LIMITS, Place, emulated, free_port

FOLDER = BUILD / "load"
JOURNAL = FOLDER / "journal.jsonl"
PAGE, DATA = BUILD / "load.html", BUILD / "load.json"
WAYS = {"both": ("sns", "ses"), "ses": ("ses", "ses"), "sns": ("sns", "sns")}
# how often a line is written where there is no terminal
EVERY_SECONDS = 10.0
INTERRUPTED = 130
DEFAULTS = {field.name: field.default for field in fields(Plan)}


def option(name: str, kind: type, least: float, text: str) -> Callable[..., click.Command]:
    """An option for a number of the plan."""
    number = click.IntRange(int(least)) if kind is int else click.FloatRange(least)
    decorate: Callable[..., click.Command] = click.option(
        f"--{name.replace('_', '-')}", name, type=number, default=DEFAULTS[name], show_default=True, help=text
    )
    return decorate


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--way",
    type=click.Choice(sorted(WAYS)),
    default="both",
    show_default=True,
    help="How e-mail goes out: both is SNS while the rate is steady, then SES.",
)
@option("rate", float, 0.1, "People a second while the rate is steady.")
@option("seconds", float, 1, "For how long it is steady.")
@option("highest", float, 0, "The highest rate; 0 looks for it.")
@option("first", float, 0.1, "The first rate that is tried.")
@option("last", float, 0.1, "The last one.")
@option("factor", float, 1.05, "By how much each is higher.")
@option("step_seconds", float, 1, "For how long each is tried.")
@option("people", int, 1, "How many have come once the highest rate was held,")
@option("longest", float, 1, "and for how many seconds at most it is held.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the emulator; any free one if not given.")
@click.option("--fresh", is_flag=True, help="Start anew, whatever an interrupted run has left.")
@click.option("--end", is_flag=True, help="Only end what an interrupted run has left.")
@plainly
def main(way: str, port: int | None, fresh: bool, end: bool, **numbers: float) -> None:
    """Register people at a steady rate and at the highest, then write to all of them.

    It runs in an emulator of its own on this machine. After Ctrl-C or worse, the same command goes on.
    Exits with 1 if anything was lost, sent twice or sent to a wrong address.
    """
    console = Console(no_color=True if os.environ.get("NO_COLOR") else None)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with alone():
        journal = Journal.read(JOURNAL)
        aws = left_running(journal)
        if aws and (fresh or end or not journal.last("way")):
            process.stop(aws.port)
            aws = None
        if end:
            JOURNAL.unlink(missing_ok=True)
            return
        if aws:
            console.print("Going on with a run that was interrupted; --fresh starts anew.")
        else:
            journal = Journal(JOURNAL)
        with journal.open():
            aws = aws or begun(console, journal, port or free_port(), numbers | {"ways": WAYS[way]})
            try:
                good = followed(console, journal, aws)
            except KeyboardInterrupt:
                console.print(
                    f"Interrupted. The local AWS goes on at {aws.url}; `make load` goes on with it, "
                    "and `make load ARGS=--end` ends it."
                )
                sys.exit(INTERRUPTED)
            except BaseException:
                process.stop(aws.port)
                raise
    sys.exit(0 if good else 1)


def followed(console: Console, journal: Journal, aws: LocalAws) -> bool:
    """Follows the course to its end, and says whether all is as it must be."""
    began = journal.last("run")
    assert began
    plan = Plan(**began["plan"] | {"ways": tuple(began["plan"]["ways"])})
    with telling(console) as say:
        course = Course(began["run"], journal, plan, say)
        say("building the functions' package and preparing Terraform")
        try:
            with emulated(FOLDER, aws.url, as_deployed=False) as place:
                steady, after = plan.ways
                system = deployed(place, journal, say, steady)
                # not before: whoever is to come had else to wait for what is above
                journal.resume()
                with sampling(journal, aws):
                    course.steady(system)
                    system = deployed(place, journal, say, after)
                    course.search(system)
                    course.hold(system)
                    course.broadcast(system)
                    say("looking at everything that there is")
                    found = course.check(system)
        except TerraformError as error:
            raise click.ClickException(str(error)) from None
    process.stop(aws.port)
    report = Report(course, found)
    page = report.page()
    page.write(PAGE)
    data = {"at": page.at.isoformat(timespec="seconds"), "machine": str(page.machine), **report.data()}
    DATA.write_text(json.dumps(data, indent=2) + "\n")
    report.tell(console)
    console.print(f"{PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")
    for name, count in found.verdict.wrong.items():
        console.print(f"Not as it must be: {name.replace('_', ' ')}: {count}", style="red")
    return not found.verdict.wrong


def deployed(place: Place, journal: Journal, say: Callable[[str], None], way: str) -> Deployment:
    """The system with e-mail going out this way. A stage that is over has another one's in the journal."""
    ways = [event["way"] for event in journal.all("way")]
    place.way = ways[-1] if ways else ""
    if way in ways[:-1]:
        # of a stage that is over: nothing is done with it any more
        way = ways[-1]
    if way != place.way:
        say(f"deploying, with e-mail by {way.upper()}")
    system = place.deploy(way)
    if ways[-1:] != [way]:
        journal.write("way", way=way)
    return system


def begun(console: Console, journal: Journal, port: int, plan: dict[str, Any]) -> LocalAws:
    """A new run, with an emulator of its own.

    Its port is noted first, so that what is cut off then can be cleared up.
    """
    if process.find(port):
        raise click.ClickException(f"A local AWS runs on port {port} already; give another --port.")
    console.print("Starting a local AWS for it …")
    journal.write("run", run=secrets.token_hex(3), port=port, plan=plan)
    extra = {f"LOCAL_AWS_{name.upper()}": value for name, value in LIMITS.items()}
    try:
        aws = process.start(port, extra=extra)
    except process.LocalAwsError as error:
        raise click.ClickException(str(error)) from None
    journal.write("started", pid=aws.pid, created=aws.process_created)
    return aws


def left_running(journal: Journal) -> LocalAws | None:
    """The emulator of a run that did not come to its end, if it is still that one."""
    began, started = journal.last("run"), journal.last("started")
    aws = process.find(began["port"]) if began else None
    if aws and started and (aws.pid, aws.process_created) != (started["pid"], started["created"]):
        return None
    return aws


@contextmanager
def alone() -> Iterator[None]:
    """Only one run at a time has the journal.

    Raises:
        click.ClickException: another has it.
    """
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException("Another `make load` runs in this folder; wait for its end.") from None
        yield


@contextmanager
def telling(console: Console) -> Iterator[Callable[[str], None]]:
    """A line that is always new at a terminal; elsewhere one now and then."""
    if console.is_terminal and not os.environ.get("CI") and not os.environ.get("NO_COLOR"):
        with console.status("…") as status:
            yield status.update
        return
    at, about = 0.0, ""

    def say(text: str) -> None:
        nonlocal at, about
        what = text.partition(":")[0].partition(",")[0]
        if what != about or time.monotonic() - at >= EVERY_SECONDS:
            console.print(text, highlight=False, markup=False)
            at, about = time.monotonic(), what

    yield say


if __name__ == "__main__":
    main(prog_name="python -m tests.load")
