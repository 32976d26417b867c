"""Finds users of the pool without a record, and records without a user; repairs and erases when told to."""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table

from notifications import erasure_job
from notifications.outbox import Outbox
from notifications.pace import Pace
from notifications.reconciliation import (
    LIST_QUOTA,
    REPAIRS_PER_SECOND,
    SETTLED,
    PlaceLostError,
    Reconciliation,
    Verdict,
)
from notifications.rows import marshal, unmarshal
from notifications.user_pool import holder
from notifications.users import Users
from scripts import account
from scripts.environment import BUILD, Environment
from scripts.ledger import Ledger, LedgerError, Orphan
from scripts.stack import Stack, confirm, env_option, environment_named, plainly

# More than this of all records, and it is more likely that the pool is the wrong one
FEW = 0.05
RATE = LIST_QUOTA / 3
# "Quotas in Amazon Cognito", UserRead: requests a second in an account and Region, as LIST_QUOTA
READ_QUOTA = 120
# "Scan": a page is of 1 MB, 128 read units, and a partition of the table gives 3,000 a second
SCANS_PER_SECOND = 5
# SNS: filter policies of a topic, one for each person
SNS_SERVES = 200
TOO_MANY_FOR_SNS = f"E-mail goes out by SNS, which serves {SNS_SERVES} people"
# of each table, as a person reads them; --json has all
SHOWN = 50
# where nobody watches a bar
SECONDS_BETWEEN_LINES = 10
DIFFERENT = 2
INTERRUPTED = 130
# "Retry behavior" of the AWS SDKs and Tools Reference Guide: slows down by itself when it is throttled
PATIENCE = Config(connect_timeout=5, read_timeout=20, retries={"mode": "adaptive", "total_max_attempts": 8})
WHY: dict[str, str] = {
    Verdict.CHANGING: "has just changed: the trigger may be at work; run this again",
    Verdict.DISABLED: "is disabled; is registered by the next run after they are enabled",
    Verdict.ERASING: "is being erased",
    Verdict.NAME_TAKEN: "has the user name of a record without a user; erase that, then run this again",
    Verdict.EXTERNAL_PROVIDER: "comes from another identity provider, and may be linked with another user",
    Verdict.NO_EMAIL: "has no e-mail address",
    Verdict.UNREADABLE: "has a record without a Sub; correct or delete it",
}
MISSED = (Verdict.MISSING, Verdict.REPAIRED, Verdict.NOT_REPAIRED)
BECAME: dict[str, str] = {
    Verdict.MISSING: "missing",
    Verdict.REPAIRED: "registered",
    Verdict.NOT_REPAIRED: "not registered: DynamoDB did not take it",
}
ERASED: dict[str, str] = {Orphan.ORPHANED: "its user is gone", Orphan.ERASING: "is being erased"}
GOES_ON = "The same command goes on from here."


@dataclass(frozen=True)
class Run:
    """One reconciliation, from its beginning or from where it was stopped, to its end.

    apply: whether who is missing is registered. scans, lookups: the pace of Scan, and of AdminGetUser.
    """

    reconciliation: Reconciliation
    ledger: Ledger
    scans: Pace
    lookups: Pace
    show: "Show"
    apply: bool = False

    @classmethod
    def of(
        cls,
        environment: Environment,
        outputs: Mapping[str, Any],
        ledger: Ledger,
        show: "Show",
        *,
        apply: bool = False,
        rate: float = RATE,
        repair_rate: float = REPAIRS_PER_SECOND,
        settled: timedelta = SETTLED,
    ) -> "Run":
        """That of a deployed stack. rate: pages of users a second. repair_rate: users a second."""
        dynamodb = environment.client("dynamodb", config=PATIENCE)
        reconciliation = Reconciliation(
            environment.client("cognito-idp", config=PATIENCE),
            outputs["user_pool_id"],
            Outbox(dynamodb, outputs["notification_table_name"]),
            outputs["user_table_name"],
            lists=Pace(rate),
            repairs=Pace(repair_rate),
            settled=settled,
        )
        # the same share of its quota
        lookups = Pace(rate * READ_QUOTA / LIST_QUOTA)
        return cls(reconciliation, ledger, Pace(SCANS_PER_SECOND), lookups, show, apply)

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to go on where another stopped."""
        return {
            "pool": self.reconciliation.user_pool_id,
            "tables": [self.reconciliation.user_table, self.reconciliation.outbox.table],
            "apply": self.apply,
        }

    def find(self, *, anew: bool = False) -> None:
        """Compares everything; registers who is missing, if that is to be done."""
        now = self.reconciliation.clock()
        if anew:
            self.ledger.begin(self.identity, now)
        elif self.ledger.resume(self.identity, now):
            self.show.say(f"Going on where it was stopped, after {self.ledger.seen} users.")
        self._list_users()
        self._scan_records()
        self._look_up()

    def _list_users(self) -> None:
        if self.ledger.get("listed"):
            return
        with self.show.bar("Users", self.estimate(), self.ledger.seen) as advance:
            while not self.ledger.get("listed"):
                place = self.ledger.get("place")
                try:
                    accounts, following = self.reconciliation.accounts(place)
                except PlaceLostError:
                    self.show.say("Cognito does not go on from where it was stopped; beginning anew.")
                    self.ledger.begin_again()
                    continue
                findings = self.reconciliation.judge(accounts)
                missing = [finding for finding in findings if finding.verdict is Verdict.MISSING]
                fates: dict[str, Verdict] = {}
                if self.apply and missing:
                    self.ledger.note_missing(missing)
                    verdicts = self.reconciliation.repair(missing)
                    fates = {f.account.sub: v for f, v in zip(missing, verdicts, strict=True)}
                self.ledger.note_page(
                    [(finding, fates.get(finding.account.sub, finding.verdict)) for finding in findings],
                    following,
                )
                advance(len(accounts))

    def estimate(self) -> int:
        """About how many users the pool has."""
        pool = self.reconciliation.cognito.describe_user_pool(UserPoolId=self.reconciliation.user_pool_id)
        return int(pool["UserPool"].get("EstimatedNumberOfUsers", 0))

    def _scan_records(self) -> None:
        if self.ledger.get("scanned"):
            return
        with self.show.bar("Records", 0, int(self.ledger.get("records") or 0)) as advance:
            while not self.ledger.get("scanned"):
                cursor = self.ledger.get("cursor")
                self.scans.wait()
                page = self.reconciliation.outbox.dynamodb.scan(
                    TableName=self.reconciliation.user_table,
                    ProjectionExpression="UserID, #sub",
                    ExpressionAttributeNames={"#sub": "Sub"},
                    **({"ExclusiveStartKey": marshal({"UserID": cursor})} if cursor else {}),
                )
                rows = [unmarshal(item) for item in page["Items"]]
                following = unmarshal(page.get("LastEvaluatedKey", {})).get("UserID", "")
                # a record without a subject is told of with its user
                self.ledger.note_records(
                    [(row["UserID"], row["Sub"]) for row in rows if isinstance(row.get("Sub"), str)],
                    following,
                )
                advance(len(rows))

    def _look_up(self) -> None:
        """Asks about each suspected record: who has registered meanwhile was not in the list either."""
        suspected = self.ledger.records(Orphan.SUSPECTED)
        if not suspected:
            return
        with self.show.bar("Records without a user", len(suspected), 0) as advance:
            for username, sub, _ in suspected:
                self.ledger.note_record(username, None if self._is_held(username, sub) else Orphan.ORPHANED)
                advance(1)

    def _is_held(self, username: str, sub: str) -> bool:
        """Whether a user name is that subject's at this moment."""
        self.lookups.wait()
        return holder(self.reconciliation.cognito, self.reconciliation.user_pool_id, username) == sub

    @property
    def orphans(self) -> int:
        return len(self.ledger.records(Orphan.ORPHANED))

    @property
    def too_many(self) -> bool:
        """Whether so many records have no user that the pool must be taken for the wrong one."""
        return self.orphans > FEW * int(self.ledger.get("records") or 0)

    def erase(self) -> None:
        """Begins the erasure of everybody whose user is gone, each looked up once more."""
        orphans = self.ledger.records(Orphan.ORPHANED)
        users = Users(self.reconciliation.outbox.dynamodb, self.reconciliation.user_table)
        with self.show.bar("Erasing", len(orphans), 0) as advance:
            for username, sub, _ in orphans:
                self.ledger.note_record(username, self._erase(users, username, sub))
                advance(1)

    def _erase(self, users: Users, username: str, sub: str) -> Orphan | None:
        def find() -> dict[str, Any] | None:
            record = users.record(username)
            return record if record and record.get("Sub") == sub else None

        outbox = self.reconciliation.outbox
        if self._is_held(username, sub):
            return None
        if find() is None:
            # a run that was stopped has begun it, or somebody else has done it
            return Orphan.ERASING if outbox.get(erasure_job.erasure_id(sub)) else None
        now = self.reconciliation.clock()
        begun = erasure_job.begin(outbox, users.table, username, sub, find, now)
        return Orphan.ERASING if begun else Orphan.ORPHANED

    def report(self) -> dict[str, Any]:
        """Everything that was found, as JSON has it. No e-mail address is in it."""
        return {
            "applied": self.apply,
            "users": self.ledger.seen,
            "records": int(self.ledger.get("records") or 0),
            "unconfirmed": self.ledger.verdicts().get(Verdict.UNCONFIRMED, 0),
            "missing": [
                {"username": username, "sub": sub, "status": status, "verdict": verdict}
                for username, sub, status, verdict in self.ledger.users(*MISSED)
            ],
            "left": [
                {"username": username, "sub": sub, "status": status, "verdict": verdict}
                for username, sub, status, verdict in self.ledger.users(*WHY)
            ],
            "orphaned": [
                {"username": username, "sub": sub, "verdict": verdict}
                for username, sub, verdict in self.ledger.records(Orphan.ORPHANED, Orphan.ERASING)
            ],
        }


@dataclass
class Show:
    """What is shown while it runs, on standard error: a bar for a person, a line now and then for a log."""

    console: Console = field(default_factory=lambda: Console(stderr=True))
    quiet: bool = False

    def say(self, words: str) -> None:
        if not self.quiet:
            say(self.console, words)

    @contextmanager
    def bar(self, what: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
        """Shows how far it is; total: what is expected, 0 when that is not known."""
        if self.quiet or not self.console.is_terminal:
            yield self._lines(what, total, done)
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self.console) as progress:
            task = progress.add_task(what, total=max(total, done) or None, completed=done)

            def advance(number: int) -> None:
                progress.advance(task, number)
                shown = progress.tasks[-1]
                if shown.total and shown.completed > shown.total:
                    # it was an estimate
                    progress.update(task, total=shown.completed)

            yield advance

    def _lines(self, what: str, total: int, done: int) -> Callable[[int], None]:
        said = time.monotonic()

        def advance(number: int) -> None:
            nonlocal done, said
            done += number
            if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                self.say(f"{what}: {done}{f' of about {total}' if total else ''}")

        return advance


def ledger_path(environment: Environment) -> Path:
    """The file of an environment's reconciliation."""
    return BUILD / "reconcile" / f"{environment.data_dir.name}.sqlite"


@click.command()
@env_option
@click.option("--apply", is_flag=True, envvar="APPLY", help="Register who is missing; else only list them.")
@click.option(
    "--erase", is_flag=True, envvar="ERASE", help="With --apply: erase whoever is left of deleted users."
)
@click.option("--force", is_flag=True, envvar="FORCE", help=f"Erase even more than {FEW:.0%} of all records.")
@click.option("--yes", is_flag=True, envvar="YES", help="Do not ask before erasing.")
@click.option(
    "--rate",
    type=click.FloatRange(0, LIST_QUOTA, min_open=True),
    default=RATE,
    show_default=True,
    help=f"Pages of 60 users a second; the account has {LIST_QUOTA}.",
)
@click.option(
    "--repair-rate",
    type=click.FloatRange(0, min_open=True),
    default=REPAIRS_PER_SECOND,
    show_default=True,
    help="Users who are registered a second; each is welcomed.",
)
@click.option(
    "--settled",
    type=click.FloatRange(0),
    default=SETTLED.total_seconds(),
    show_default=True,
    help="Seconds since a user's last change, before which the trigger may be at work.",
)
@click.option("--anew", is_flag=True, help="Begin anew, also where a run was stopped.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
@click.option(
    "--detailed-exitcode", "detailed", is_flag=True, help="Exit 2 if users are missing or records nobody's."
)
@plainly
def main(
    name: str,
    apply: bool,
    erase: bool,
    force: bool,
    yes: bool,
    rate: float,
    repair_rate: float,
    settled: float,
    anew: bool,
    as_json: bool,
    detailed: bool,
) -> None:
    """Compare the user pool with the table of users, and make up for what is missing.

    Users who are confirmed and have no record are listed; with --apply they are registered and welcomed, as
    the trigger would have done. Records whose user is gone are listed; with --apply --erase they are erased,
    as by DELETE /account. This is safe beside live traffic, and may be stopped: the same command goes on.

    Exit codes: 0 when it has come to its end; 1 when somebody could not be registered, or an erasure was
    refused or failed; 2 when the command line is wrong, and with --detailed-exitcode also when pool and table
    still differ; 130 when it was interrupted.
    """
    if erase and not apply:
        raise click.UsageError("--erase (ERASE=1) goes with --apply (APPLY=1); without both, all is listed.")
    if force and not erase:
        raise click.UsageError("--force (FORCE=1) goes with --erase (ERASE=1).")
    environment = environment_named(name, start=False)
    account.check(environment)
    stack = Stack(environment, stream=False)
    stack.init(new=False)
    outputs = stack.outputs()
    by_sns = outputs.get("email_delivery") == "sns"
    path = ledger_path(environment)
    try:
        with Ledger(path) as ledger:
            run = Run.of(
                environment,
                outputs,
                ledger,
                Show(quiet=as_json),
                apply=apply,
                rate=rate,
                repair_rate=repair_rate,
                settled=timedelta(seconds=settled),
            )
            if apply and by_sns and (users := run.estimate()) > SNS_SERVES:
                question = f"{TOO_MANY_FOR_SNS}, and the pool has about {users}: register them all the same?"
                confirm(name, question, yes)
            run.find(anew=anew)
            refused = erase and run.too_many and not force
            if erase and run.orphans and not refused:
                if not (yes or as_json):
                    table(run.show.console, "To be erased", "State", run.report()["orphaned"], ERASED)
                try:
                    confirm(name, f"Erase the {run.orphans} people of {name!r} whose user is gone?", yes)
                except click.Abort:
                    # all was looked at: the next run is to look again
                    ledger.end()
                    raise
                run.erase()
            report = run.report()
            ledger.end()
    except LedgerError as error:
        raise click.ClickException(str(error)) from None
    except sqlite3.Error as error:
        raise click.ClickException(f"{path} cannot be written: {error}.") from None
    except (ClientError, BotoCoreError):
        click.echo(GOES_ON, err=True)
        raise
    except KeyboardInterrupt:
        click.echo(f"Stopped. {GOES_ON}", err=True)
        sys.exit(INTERRUPTED)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        tell(Console(), name, report, by_sns=by_sns)
    missing, orphaned = left_over(report)
    if refused:
        raise click.ClickException(
            f"{orphaned} of {report['records']} records have no user, as with a wrong or a new pool: nothing "
            "was erased. If they are to go, say FORCE=1."
        )
    if (apply and missing) or (erase and orphaned):
        raise click.ClickException("Not all could be done; run this again.")
    sys.exit(DIFFERENT if detailed and (missing or orphaned) else 0)


def left_over(report: Mapping[str, Any]) -> tuple[int, int]:
    """How many users are still without a record, and how many records still without a user."""
    missing = [user for user in report["missing"] if user["verdict"] != Verdict.REPAIRED]
    orphaned = [record for record in report["orphaned"] if record["verdict"] != Orphan.ERASING]
    return len(missing), len(orphaned)


def say(console: Console, words: str) -> None:
    console.print(words, highlight=False, markup=False, soft_wrap=True)


def table(
    console: Console, title: str, last: str, entries: Sequence[Mapping[str, str]], words: Mapping[str, str]
) -> None:
    """A table of people, unless there are none. words: what is said of each verdict."""
    if not entries:
        return
    columns = (Column(header, overflow="fold") for header in ("User name", "Sub", last))
    shown = Table(*columns, title=title, title_justify="left")
    for entry in entries[:SHOWN]:
        shown.add_row(*map(escape, (entry["username"], entry["sub"], words[entry["verdict"]])))
    console.print(shown)
    if len(entries) > SHOWN:
        say(console, f"… and {len(entries) - SHOWN} more: ARGS=--json names all.")


def tell(console: Console, name: str, report: Mapping[str, Any], *, by_sns: bool) -> None:
    """The report in words."""
    missing, orphaned = left_over(report)
    say(
        console,
        f"{report['users']} users, {report['unconfirmed']} of them not confirmed yet; "
        f"{report['records']} records.",
    )
    table(console, "Users without a record", "State", report["missing"], BECAME)
    table(console, "Left as they are", "Why", report["left"], WHY)
    table(console, "Records without a user", "State", report["orphaned"], ERASED)
    if not (report["missing"] or report["orphaned"]):
        say(console, "Nobody is missing, and every record is somebody's.")
    if missing and not report["applied"]:
        to_do = f"To register and welcome the {missing}: make reconcile ENV={name} APPLY=1"
        say(console, f"Nothing was written. {to_do}")
    if report["missing"] and by_sns and report["records"] + missing > SNS_SERVES:
        say(console, f'{TOO_MANY_FOR_SNS}: set email_delivery to "ses" first.')
    if orphaned:
        say(console, f"To erase the {orphaned} who are gone: make reconcile ENV={name} APPLY=1 ERASE=1")


if __name__ == "__main__":
    main(prog_name="make reconcile")
