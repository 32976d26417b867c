import itertools
import json
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import boto3
import click
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws
from rich.console import Console

from notifications.erasure_job import erasure_id
from notifications.reconciliation import Account, Finding, Verdict
from notifications.registration import Person, record_of
from notifications.rows import marshal, unmarshal
from scripts import account, reconcile
from scripts.ledger import GOOD_FOR, Ledger, LedgerError, Orphan
from tests.unit.functions.pool import ID, LONG_AGO, Pool, failure

USERS, NOTIFICATIONS = "Users", "Notifications"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def person(number: int) -> Person:
    return Person(f"user-{number:04}", f"sub-{number:04}", f"{number}@example.com", email_verified=True)


def people(*numbers: int) -> list[Person]:
    return [person(number) for number in (range(*numbers) if len(numbers) < 3 else numbers)]


class Deployed:
    """A stack in an AWS in memory, and the environment it is in."""

    name = "dev"

    def __init__(self, session: Any, folder: Path) -> None:
        self.pool = Pool()
        self.dynamodb: Any = session.client("dynamodb")
        self.data_dir = folder / "dev"
        self.outputs_more: dict[str, str] = {}
        for table, key in ((USERS, "UserID"), (NOTIFICATIONS, "NotificationID")):
            self.dynamodb.create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )

    def client(self, service: str, **_options: Any) -> Any:
        return {"cognito-idp": self.pool, "dynamodb": self.dynamodb}[service]

    def init(self, *, new: bool = True) -> None:
        assert not new

    def outputs(self) -> dict[str, str]:
        return {
            "user_pool_id": ID,
            "user_table_name": USERS,
            "notification_table_name": NOTIFICATIONS,
            "email_delivery": "ses",
            **self.outputs_more,
        }

    def record(self, *those: Person) -> None:
        """People with a record from long ago."""
        for start in range(0, len(those), 25):
            puts = [
                {"PutRequest": {"Item": marshal(record_of(one, LONG_AGO))}}
                for one in those[start : start + 25]
            ]
            self.dynamodb.batch_write_item(RequestItems={USERS: puts})

    def rows(self, table: str) -> list[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table)
        return [unmarshal(item) for page in pages for item in page["Items"]]

    @property
    def subs(self) -> list[str]:
        return sorted(row["Sub"] for row in self.rows(USERS))

    @property
    def ids(self) -> list[str]:
        return sorted(row["NotificationID"] for row in self.rows(NOTIFICATIONS))


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: a new one reads the descriptions of the services again."""
    return boto3.Session("test", "test", region_name="eu-west-1")


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, session: boto3.Session) -> Iterator[Deployed]:
    with mock_aws():
        stack = Deployed(session, tmp_path)
        monkeypatch.setattr(reconcile, "BUILD", tmp_path)
        monkeypatch.setattr(reconcile, "environment_named", lambda _name, **_options: stack)
        monkeypatch.setattr(account, "check", lambda _environment: "123456789012")
        monkeypatch.setattr(reconcile, "Stack", lambda _environment, **_options: stack)
        # in-memory tables do not hold against threads
        monkeypatch.setattr(
            "notifications.reconciliation.ThreadPoolExecutor", lambda _workers: ThreadPoolExecutor(1)
        )
        # the tests are not to wait for turns
        monkeypatch.setattr(reconcile, "Pace", lambda _rate: SimpleNamespace(wait=lambda: None))
        yield stack


def run(*line: str, **environment: str) -> Result:
    return CliRunner().invoke(reconcile.main, ["--env", "dev", *line], env=environment)


def told(*line: str) -> dict[str, Any]:
    """The report of a run that has come to its end."""
    done = run(*line, "--json")
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def names(entries: list[dict[str, str]]) -> list[str]:
    return [entry["username"] for entry in entries]


# --- what is listed, and what is done


def test_everything_is_listed_and_nothing_is_written(deployed: Deployed) -> None:
    deployed.pool.add(*people(0, 5))
    deployed.pool.add(person(5), Enabled=False)
    deployed.pool.add(person(6), status="UNCONFIRMED")
    deployed.record(*people(0, 3), person(9))
    before = deployed.rows(USERS)
    done = run()
    assert done.exit_code == 0, done.output
    for words in (
        "7 users, 1 of them not confirmed yet; 4 records.",
        "user-0003",
        "sub-0004",
        "is disabled",
        "make reconcile ENV=dev APPLY=1\n",
        "make reconcile ENV=dev APPLY=1 ERASE=1",
    ):
        assert words in done.stdout
    assert "user-0006" not in done.stdout, "there is nothing to say of who has not confirmed yet"
    assert "@" not in done.output
    assert (deployed.rows(USERS), deployed.ids) == (before, [])
    report = told()
    assert (names(report["missing"]), names(report["left"])) == (["user-0003", "user-0004"], ["user-0005"])
    assert report["orphaned"] == [{"username": "user-0009", "sub": "sub-0009", "verdict": "Orphaned"}]
    assert "@" not in json.dumps(report)


@pytest.mark.parametrize("line", [("--apply",), ()])
def test_who_is_missing_is_registered_when_told_to(deployed: Deployed, line: tuple[str, ...]) -> None:
    deployed.pool.add(*people(0, 5))
    deployed.record(*people(0, 3))
    done = run(*line, **({} if line else {"APPLY": "1"}))
    assert done.exit_code == 0, done.output
    assert done.stdout.count("registered") == 2
    assert deployed.subs == [one.sub for one in people(0, 5)]
    assert deployed.ids == ["welcome#sub-0003", "welcome#sub-0004"]
    assert "Nobody is missing, and every record is somebody's." in run().stdout


def test_the_exit_code_tells_of_differences_where_that_is_asked_for(deployed: Deployed) -> None:
    deployed.pool.add(person(1))
    assert run().exit_code == 0
    assert run("--detailed-exitcode").exit_code == 2
    assert run("--detailed-exitcode", "--apply").exit_code == 0
    assert run("--detailed-exitcode").exit_code == 0
    deployed.record(person(2))
    assert run("--detailed-exitcode", "--apply").exit_code == 2


def test_who_could_not_be_registered_is_an_error_and_is_still_missing(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.pool.add(*people(0, 2))
    write = deployed.dynamodb.transact_write_items

    def all_but_one(TransactItems: list[Any]) -> Any:
        if TransactItems[1]["Put"]["Item"]["UserID"]["S"] == "user-0001":
            raise failure("ThrottlingException", "TransactWriteItems")
        return write(TransactItems=TransactItems)

    with monkeypatch.context() as patch:
        patch.setattr(deployed.dynamodb, "transact_write_items", all_but_one)
        done = run("--apply")
    assert done.exit_code == 1
    assert "DynamoDB did not take it" in done.stdout
    assert "Error: Not all could be done; run this again." in done.stderr
    assert names(told()["missing"]) == ["user-0001"]


def test_a_long_list_is_cut_for_a_person_and_whole_as_json(deployed: Deployed) -> None:
    deployed.pool.add(*people(0, 130))
    done = run()
    assert (done.stdout.count("sub-"), "… and 80 more: ARGS=--json" in done.stdout) == (50, True)
    assert len(told()["missing"]) == 130


@pytest.mark.parametrize(("way", "warned"), [("sns", True), ("ses", False)])
def test_who_would_be_too_many_for_a_topic_is_pointed_out(deployed: Deployed, way: str, warned: bool) -> None:
    deployed.outputs_more["email_delivery"] = way
    deployed.pool.add(*people(0, 201))
    assert ("serves 200 people" in run().stdout) is warned
    deployed.pool.users.popitem()
    assert "serves 200 people" not in run().stdout


def test_nobody_is_registered_for_a_topic_that_cannot_serve_them_without_being_asked(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed.dynamodb, "transact_write_items", quickly(deployed))
    deployed.outputs_more["email_delivery"] = "sns"
    deployed.pool.add(*people(0, 201))
    done = run("--apply")
    assert (done.exit_code, "say YES=1" in done.stderr, deployed.ids) == (1, True, [])
    assert run("--apply", "--yes").exit_code == 0
    assert len(deployed.ids) == 201


def test_another_account_than_the_environments_is_refused(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.pool.add(person(1))
    monkeypatch.setattr(account, "check", Mock(side_effect=click.ClickException("Another account.")))
    done = run("--apply")
    assert (done.exit_code, "Another account." in done.stderr) == (1, True)
    assert (deployed.pool.pages, deployed.ids) == (0, [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--erase",), "goes with --apply"),
        (("--apply", "--force"), "goes with --erase"),
        (("--rate", "31"), "0<x<=30"),
        (("--rate", "0"), "0<x<=30"),
        (("--repair-rate", "0"), "x>0"),
        (("--settled", "-1"), "x>=0"),
    ],
)
def test_a_wrong_command_line_is_said(deployed: Deployed, line: tuple[str, ...], words: str) -> None:
    done = run(*line)
    assert (done.exit_code, words in done.stderr) == (2, True)
    assert deployed.pool.pages == 0


# --- records without a user


def test_who_is_gone_is_erased_as_by_the_api_when_told_to(deployed: Deployed) -> None:
    deployed.pool.add(*people(0, 40))
    deployed.record(*people(0, 40), person(77))
    assert run("--apply", "--erase", "--yes").exit_code == 0
    assert deployed.subs == [one.sub for one in people(0, 40)]
    (job,) = deployed.rows(NOTIFICATIONS)
    assert (job["NotificationID"], job["State"]) == (erasure_id("sub-0077"), "ERASING")
    assert (job["UserID"], job["Email"]) == ("user-0077", "77@example.com")
    assert "is gone" not in run().stdout


def test_a_record_of_an_earlier_holder_of_the_name_is_nobodys_and_is_erased_first(deployed: Deployed) -> None:
    heir = replace(person(1), sub="heir")
    deployed.pool.add(*people(2, 40))
    deployed.pool.add(heir)
    deployed.record(*people(1, 40))
    for line in ((), ("--apply",)):
        report = told(*line)
        assert (names(report["orphaned"]), report["missing"]) == (["user-0001"], [])
        assert [(e["sub"], e["verdict"]) for e in report["left"]] == [("heir", "NameTaken")]
    assert (deployed.subs, deployed.ids) == ([one.sub for one in people(1, 40)], [])
    done = run("--apply", "--erase", "--yes")
    assert (done.exit_code, "has the user name of a record" in done.stdout) == (0, True)
    assert deployed.ids == [erasure_id("sub-0001")]
    assert run("--apply").exit_code == 0
    assert deployed.subs == sorted([heir.sub, *(one.sub for one in people(2, 40))])
    assert deployed.ids == [erasure_id("sub-0001"), "welcome#heir"]


def test_a_new_pool_with_the_same_names_costs_nobody_their_record(deployed: Deployed) -> None:
    deployed.record(*people(0, 40))
    deployed.pool.add(*(replace(one, sub=f"new-{one.sub}") for one in people(0, 40)))
    before = deployed.rows(USERS)
    assert run("--apply", "--erase", "--yes").exit_code == 1
    assert (deployed.rows(USERS), deployed.ids) == (before, [])


def test_who_is_not_in_an_old_list_is_not_taken_for_gone(deployed: Deployed) -> None:
    deployed.pool.add(*people(0, 40))
    deployed.pool.old = {
        name: user for name, user in deployed.pool.users.items() if name not in ("user-0003", "user-0004")
    }
    deployed.record(*people(0, 40))
    report = told("--apply", "--erase", "--yes")
    assert report["orphaned"] == []
    assert sorted(deployed.pool.asked) == ["user-0003", "user-0004"]
    assert len(deployed.subs) == 40


def test_who_comes_back_before_the_erasure_keeps_everything(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.pool.add(*people(0, 40))
    deployed.record(*people(0, 41))
    erase = reconcile.Run.erase

    def and_somebody_is_there_after_all(run: reconcile.Run) -> None:
        deployed.pool.add(person(40))
        erase(run)

    monkeypatch.setattr(reconcile.Run, "erase", and_somebody_is_there_after_all)
    assert told("--apply", "--erase", "--yes")["orphaned"] == []
    assert len(deployed.subs) == 41
    assert deployed.ids == []


def test_who_has_taken_the_name_over_before_the_erasure_keeps_everything(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    heir = replace(person(40), sub="heir")
    deployed.pool.add(*people(0, 40))
    deployed.record(*people(0, 41))
    erase = reconcile.Run.erase

    def and_somebody_registers(run: reconcile.Run) -> None:
        deployed.pool.add(heir)
        deployed.record(heir)
        erase(run)

    monkeypatch.setattr(reconcile.Run, "erase", and_somebody_registers)
    assert told("--apply", "--erase", "--yes")["orphaned"] == []
    assert deployed.subs == sorted([heir.sub, *(one.sub for one in people(0, 40))])
    assert deployed.ids == []


@pytest.mark.parametrize(("gone", "refused"), [(2, False), (3, True), (40, True)])
def test_a_wrong_pool_erases_nobody(deployed: Deployed, gone: int, refused: bool) -> None:
    """More than 5 % of all records without a user is more likely a wrong or a new pool."""
    deployed.pool.add(*people(gone, 40))
    deployed.record(*people(0, 40))
    done = run("--apply", "--erase", "--yes")
    assert (done.exit_code, len(deployed.ids)) == ((1, 0) if refused else (0, gone)), done.output
    if refused:
        assert f"{gone} of 40 records have no user" in done.stderr
        assert "say FORCE=1" in done.stderr
        assert run("--apply", "--erase", "--yes", "--force").exit_code == 0
        assert len(deployed.ids) == gone


def test_an_erasure_is_asked_about(deployed: Deployed) -> None:
    deployed.pool.add(*people(0, 40))
    deployed.record(*people(0, 41))
    done = run("--apply", "--erase")
    assert (done.exit_code, "say YES=1" in done.stderr) == (1, True)
    assert "sub-0040" in done.stderr, "who is to be erased is shown before"
    assert deployed.ids == []


def test_a_no_ends_the_run_and_the_next_one_looks_again(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.pool.add(*people(0, 40))
    deployed.record(*people(0, 41))
    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "confirm", Mock(side_effect=click.Abort))
        assert run("--apply", "--erase").exit_code == 1
    deployed.pool.add(person(50))
    assert names(told("--apply", "--erase", "--yes")["missing"]) == ["user-0050"]


def test_a_record_without_a_subject_is_left_to_an_operator(deployed: Deployed) -> None:
    deployed.pool.add(*people(0, 40))
    deployed.record(*people(1, 40))
    deployed.dynamodb.put_item(TableName=USERS, Item=marshal({"UserID": "user-0000"}))
    report = told("--apply", "--erase", "--yes")
    assert [(e["username"], e["verdict"]) for e in report["left"]] == [("user-0000", "Unreadable")]
    assert report["orphaned"] == []


# --- stopped, and gone on with


def interrupted_at_page(deployed: Deployed, monkeypatch: pytest.MonkeyPatch, page: int, *line: str) -> Result:
    """A run that is interrupted when it asks for a page of users."""
    lists = deployed.pool.list_users

    def stop(**wanted: Any) -> Any:
        if deployed.pool.pages == page - 1:
            raise KeyboardInterrupt
        return lists(**wanted)

    with monkeypatch.context() as patch:
        patch.setattr(deployed.pool, "list_users", stop)
        return run(*line)


def test_some_thousand_users_with_an_interruption_are_seen_to_once(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed.dynamodb, "transact_write_items", quickly(deployed))
    deployed.pool.add(*people(0, 3000))
    deployed.record(*people(100, 3000), person(5000))
    stopped = interrupted_at_page(deployed, monkeypatch, 26, "--apply")
    assert stopped.exit_code == 130
    assert "Stopped. The same command goes on from here." in stopped.stderr
    gone_on = run("--apply")
    assert gone_on.exit_code == 0, gone_on.output
    assert "Going on where it was stopped, after 1500 users." in gone_on.stderr
    assert deployed.pool.pages == 50, "no page was asked for twice"
    assert "3000 users, 0 of them not confirmed yet" in gone_on.stdout
    assert len(deployed.rows(USERS)) == 3001
    assert len(deployed.ids) == 100


def quickly(deployed: Deployed) -> Callable[..., None]:
    """In place of moto's transactions, each of which copies all tables."""

    def write(TransactItems: list[dict[str, Any]]) -> None:
        for item in TransactItems:
            if "Put" in item:
                deployed.dynamodb.put_item(**item["Put"])

    return write


def test_the_report_is_of_both_halves(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.pool.add(*people(0, 130))
    deployed.record(*people(0, 10), person(999))
    interrupted_at_page(deployed, monkeypatch, 3, "--apply")
    assert len(deployed.ids) > 0
    report = told("--apply")
    assert {entry["verdict"] for entry in report["missing"]} == {"Repaired"}
    assert len(report["missing"]) == 120
    assert (report["users"], names(report["orphaned"])) == (130, ["user-0999"])


@pytest.mark.parametrize("after", [True, False], ids=["after the call", "before the call"])
@pytest.mark.parametrize("calls", range(1, 14))
def test_whoever_is_killed_anywhere_is_gone_on_with_and_told_in_full(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, calls: int, after: bool
) -> None:
    monkeypatch.setattr("notifications.reconciliation.PAGE", 4)
    deployed.pool.add(*people(0, 10))
    deployed.record(*people(0, 7), *people(20, 21))
    emit = deployed.dynamodb._make_api_call
    left = itertools.count(1)

    def dying(operation: str, arguments: Any) -> Any:
        dies = next(left) == calls
        if dies and not after:
            raise Killed
        answer = emit(operation, arguments)
        if dies:
            raise Killed
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(deployed.dynamodb, "_make_api_call", dying)
        try:
            run("--apply", "--erase", "--force", "--yes")
        except Killed:
            died = True
        else:
            died = False
    report = told("--apply", "--erase", "--force", "--yes")
    assert deployed.subs == [one.sub for one in people(0, 10)]
    assert deployed.ids == [
        "erasure#sub-0020",
        *(f"welcome#{one.sub}" for one in people(7, 10)),
    ]
    if died:
        assert [entry["verdict"] for entry in report["missing"]] == ["Repaired"] * 3
        assert [entry["verdict"] for entry in report["orphaned"]] == ["Erasing"]


class Killed(BaseException):
    """What ends a program between one call and the next."""


def test_a_place_that_cognito_does_not_know_any_more_begins_anew(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.pool.add(*people(0, 130))
    interrupted_at_page(deployed, monkeypatch, 3)
    deployed.pool.lose_places()
    done = run()
    assert "beginning anew" in done.stderr
    assert "130 users" in done.stdout


def test_who_was_registered_before_the_place_was_lost_is_told_of_too(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.pool.add(*people(0, 130))
    deployed.record(*people(0, 125))
    interrupted_at_page(deployed, monkeypatch, 3, "--apply")
    deployed.pool.lose_places()
    report = told("--apply")
    assert (report["users"], [entry["verdict"] for entry in report["missing"]]) == (130, ["Repaired"] * 5)


@pytest.mark.parametrize("line", [("--anew",), ("--apply",)])
def test_another_run_than_that_which_was_stopped_begins_anew(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    deployed.pool.add(*people(0, 130))
    interrupted_at_page(deployed, monkeypatch, 3)
    done = run(*line)
    assert "Going on" not in done.stderr
    assert "130 users" in done.stdout
    assert deployed.pool.pages == 2 + 3


def test_an_error_of_aws_is_one_sentence_and_the_same_command_goes_on(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.pool.add(*people(0, 130))
    lists = deployed.pool.list_users

    def throttled(**wanted: Any) -> Any:
        if deployed.pool.pages == 2:
            raise failure("TooManyRequestsException", "ListUsers")
        return lists(**wanted)

    with monkeypatch.context() as patch:
        patch.setattr(deployed.pool, "list_users", throttled)
        done = run()
    assert done.exit_code == 1
    assert "TooManyRequestsException" in done.stderr
    assert "The same command goes on from here." in done.stderr
    assert "Going on where it was stopped, after 120 users." in run().stderr


def test_the_file_goes_when_all_is_done(deployed: Deployed, tmp_path: Path) -> None:
    deployed.pool.add(person(1))
    run()
    assert list((tmp_path / "reconcile").iterdir()) == []


def test_two_at_once_here_are_refused(deployed: Deployed, tmp_path: Path) -> None:
    with Ledger(tmp_path / "reconcile" / "dev.sqlite"):
        done = run()
    assert (done.exit_code, "Another run has this environment in hand" in done.stderr) == (1, True)
    assert run().exit_code == 0


# --- the ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some" / "ledger.sqlite"


def finding(number: int, verdict: Verdict = Verdict.MISSING) -> Finding:
    one = person(number)
    return Finding(Account(one.user_id, one.sub, one.email, status="CONFIRMED"), verdict)


def test_a_ledger_is_nobody_elses_to_read_and_holds_no_address(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.begin({}, NOW)
        ledger.note_page([(finding(1), Verdict.MISSING)], "next")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"user-0001" in path.read_bytes()
    assert b"example.com" not in path.read_bytes()


def test_a_run_is_gone_on_with_if_it_is_the_same_and_not_old(path: Path) -> None:
    for wanted, later, same in (
        ({"apply": True}, timedelta(), False),
        ({"apply": True}, GOOD_FOR - timedelta(seconds=1), True),
        ({"apply": True}, GOOD_FOR, False),
        ({"apply": False}, GOOD_FOR, False),
    ):
        with Ledger(path) as ledger:
            assert ledger.resume(wanted, NOW + later) is same
            assert (ledger.get("place"), ledger.seen) == (("next", 1) if same else ("", 0))
            ledger.note_page([(finding(1), Verdict.MISSING)], "next")


def test_what_is_not_noted_together_is_not_noted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(path) as ledger:
        ledger.begin({}, NOW)
        ledger.note_page([(finding(1), Verdict.MISSING)], "first")
        monkeypatch.setattr(ledger, "_set", lambda **_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            ledger.note_page([(finding(2), Verdict.MISSING)], "second")
    with Ledger(path) as ledger:
        assert (ledger.seen, ledger.get("place")) == (1, "first")


def test_who_was_noted_as_missing_and_has_a_record_now_was_repaired(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.begin({}, NOW)
        ledger.note_missing([finding(1), finding(2)])
        registered = finding(1, Verdict.REGISTERED)
        ledger.note_page([(registered, Verdict.REGISTERED), (finding(3), Verdict.REGISTERED)], "")
        assert [user[0::3] for user in ledger.users(*Verdict)] == [
            ("user-0001", "Repaired"),
            ("user-0002", "Missing"),
        ]


def test_a_file_that_is_no_ledger_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database " * 100)
    with pytest.raises(LedgerError, match=r"ledger.sqlite cannot be used .*; remove it"):
        Ledger(path)


def test_strangers_among_the_records_are_noted(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.begin({}, NOW)
        ledger.note_page([(finding(1), Verdict.REGISTERED)], "")
        ledger.note_records([("user-0001", "sub-0001"), ("user-0001b", "sub-0009")], "cursor")
        assert ledger.get("scanned") == ""
        ledger.note_records([("user-0003", "sub-0003")], "")
        assert (ledger.get("scanned"), ledger.get("records")) == ("yes", "3")
        assert ledger.records(Orphan.SUSPECTED) == [
            ("user-0001b", "sub-0009", "Suspected"),
            ("user-0003", "sub-0003", "Suspected"),
        ]


# --- what is shown


def test_where_nobody_watches_there_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(record=True, width=100)
    moments = iter([0.0, 5.0, 10.0, 10.0, 15.0])
    monkeypatch.setattr(reconcile, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with reconcile.Show(console).bar("Users", 300, 60) as advance:
        for _ in range(3):
            advance(60)
    assert console.export_text() == "Users: 180 of about 300\n"


def test_a_person_sees_a_bar_that_grows_with_an_estimate_that_was_too_low() -> None:
    console = Console(force_terminal=True, width=100, color_system=None)
    with console.capture() as shown, reconcile.Show(console).bar("Users", 100, 60) as advance:
        advance(60)
    assert "120/120" in shown.get()


def test_nothing_is_shown_beside_json() -> None:
    console = Console(force_terminal=True)
    show = reconcile.Show(console, quiet=True)
    with console.capture() as shown, show.bar("Users", 100, 0) as advance:
        advance(60)
        show.say("Words.")
    assert shown.get() == ""


def test_each_call_that_there_are_many_of_takes_its_turn(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: Counter[float] = Counter()
    monkeypatch.setattr(
        reconcile, "Pace", lambda rate: SimpleNamespace(wait=lambda: turns.update([round(rate)]))
    )
    deployed.pool.add(*people(0, 130))
    deployed.record(*people(5, 132))
    assert run("--apply", "--erase", "--yes", "--rate", "3", "--repair-rate", "7").exit_code == 0
    # pages of users, repairs, two who are gone looked up before they are told of and before they are erased
    assert turns == {3: 3, 7: 5, 12: 4, reconcile.SCANS_PER_SECOND: 1}


def test_the_paces_are_the_same_share_of_both_quotas(deployed: Deployed, path: Path) -> None:
    rates: list[float] = []
    with Ledger(path) as ledger, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "Pace", rates.append)
        show = reconcile.Show(quiet=True)
        stack: Any = deployed  # it stands in for one
        reconcile.Run.of(stack, deployed.outputs(), ledger, show, rate=15, repair_rate=7)
    assert rates == [15, 7, 60, reconcile.SCANS_PER_SECOND]
