"""Users whom the trigger has missed are registered, once, beside live traffic and after an interruption.

RECONCILE_USERS=5000 make test-integration TESTS="-k many_users -s" measures it, and says how long it took.
"""

import itertools
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from notifications.reconciliation_pass import ROW_ID
from notifications.rows import unmarshal
from scripts import reconcile
from scripts.environment import ROOT
from scripts.ledger import Ledger, Orphan
from scripts.person import Person, wait_for
from tests.accounts import made_by_administrator
from tests.deployment import Deployment
from tests.traces import logged, traces

from .conftest import ONCE
from .test_account import due_now, finish, furnished

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")
MANY = int(os.environ.get("RECONCILE_USERS", "130"))
# whoever was made a moment ago is missed at once
AT_ONCE = timedelta()


@contextmanager
def new_run(system: Deployment, *, apply: bool = True) -> Iterator[reconcile.Run]:
    """A run as `make reconcile` makes one, or the one that was stopped."""
    with Ledger(reconcile.ledger_path(system.environment)) as ledger:
        yield reconcile.Run.of(
            system.environment,
            system.outputs,
            ledger,
            reconcile.Show(quiet=True),
            apply=apply,
            rate=30,
            repair_rate=1000,
            settled=AT_ONCE,
        )


def run(system: Deployment, *, apply: bool = True) -> dict[str, Any]:
    """The report of a run that has come to its end."""
    with new_run(system, apply=apply) as one:
        one.find()
        report = one.report()
        one.ledger.end()
    return report


def with_a_password(system: Deployment, person: Person) -> str:
    sub = made_by_administrator(system, person)
    system.application.cognito.admin_set_user_password(
        UserPoolId=system.pool, Username=person.username, Password=person.password, Permanent=True
    )
    return sub


def whose_trigger_failed(system: Deployment, person: Person) -> str:
    sub = system.application.sign_up(person)
    code = system.application.code(person)
    with (
        system.changed("post_confirmation", NOTIFICATION_TABLE="no-such-table"),
        pytest.raises(system.application.cognito.exceptions.UserLambdaValidationException),
    ):
        system.application.confirm(person, code)
    return sub


def of(report: dict[str, Any], kind: str, person: Person) -> str | None:
    """What a report says of somebody, or of their record."""
    return next((entry["verdict"] for entry in report[kind] if entry["username"] == person.username), None)


@pytest.mark.parametrize("make", [made_by_administrator, with_a_password, whose_trigger_failed])
def test_who_was_missed_is_listed_then_registered_and_welcomed_like_any_other(
    system: Deployment, make: Any
) -> None:
    person = Person()
    sub = make(system, person)
    assert of(run(system, apply=False), "missing", person) == "Missing"
    assert system.user(person) is None
    assert of(run(system), "missing", person) == "Repaired"
    assert of(run(system), "missing", person) is None
    record, welcome = system.user(person), system.welcome(sub)
    assert record
    assert welcome
    assert (record["Sub"], record["Email"], record["EmailVerified"]) == (sub, person.email, True)
    assert record["RegisteredAt"] == welcome["CreatedAt"], "record and welcome come from one transaction"
    system.welcomed(person, sub)
    assert system.welcomes_of(person) == [person.email]


def test_people_who_register_meanwhile_get_one_record_and_one_welcome(system: Deployment) -> None:
    people = [Person() for _ in range(4)]
    confirmed = False

    def again_and_again() -> int:
        runs = 0
        while not confirmed:
            run(system)
            runs += 1
        return runs

    with ThreadPoolExecutor(3) as pool:
        runs = pool.submit(again_and_again)
        subs = list(pool.map(system.application.register, people))
        confirmed = True
        assert runs.result() >= 1
    run(system)
    for person, sub in zip(people, subs, strict=True):
        record, welcome = system.user(person), system.welcome(sub)
        assert record
        assert welcome
        assert record["RegisteredAt"] == welcome["CreatedAt"], "record and welcome come from one transaction"
        system.welcomed(person, sub)
        assert system.welcomes_of(person) == [person.email]


@ONCE
@pytest.mark.needs("local-aws")
def test_many_users_are_gone_on_with_where_it_was_stopped(
    system: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = f"many-{secrets.token_hex(3)}"
    people = [Person(f"{mark}-{number:05}") for number in range(MANY)]
    with ThreadPoolExecutor(4) as pool:
        subs = list(pool.map(lambda one: made_by_administrator(system, one), people))
    run(system, apply=False)
    began = time.monotonic()
    with new_run(system) as stopped:
        wait, pages = stopped.reconciliation.lists.wait, itertools.count()

        def until_halfway() -> None:
            if next(pages) > MANY // 60 // 2:
                raise KeyboardInterrupt
            wait()

        monkeypatch.setattr(stopped.reconciliation.lists, "wait", until_halfway)
        with pytest.raises(KeyboardInterrupt):
            stopped.find()
        seen = stopped.ledger.seen
    halfway = time.monotonic()
    assert 0 < seen < MANY
    command = [sys.executable, "-m", "scripts.reconcile", "--env", "local", "--apply", "--json"]
    done = subprocess.run(
        [*command, "--settled", "0", "--rate", "30", "--repair-rate", "1000"],
        cwd=ROOT,
        env={**os.environ, "LOCAL_AWS_PORT": str(urlsplit(system.environment.endpoint_url or "").port)},
        capture_output=True,
        text=True,
        check=False,
    )
    ended = time.monotonic()
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    mine = {entry["sub"]: entry["verdict"] for entry in report["missing"] if entry["sub"] in set(subs)}
    assert mine == dict.fromkeys(subs, "Repaired"), "what was done before the interruption is told too"
    assert registered(system, mark) == sorted(subs)
    print(  # noqa: T201 - for whoever measures
        f"\n{report['users']} users, {MANY} of them missing: stopped after {seen} and "
        f"{halfway - began:.1f} s, gone on with in {ended - halfway:.1f} s"
    )
    began = time.monotonic()
    assert not [entry for entry in run(system, apply=False)["missing"] if entry["sub"] in mine]
    print(f"compared again in {time.monotonic() - began:.1f} s")  # noqa: T201 - as above


def registered(system: Deployment, mark: str) -> list[str]:
    """The subjects of the people whose user names begin with a mark."""
    pages = system.dynamodb.get_paginator("scan").paginate(
        TableName=system.outputs["user_table_name"],
        FilterExpression="begins_with(UserID, :mark)",
        ExpressionAttributeValues={":mark": {"S": mark}},
    )
    return sorted(unmarshal(item)["Sub"] for page in pages for item in page["Items"])


@ONCE
def test_the_function_registers_who_was_missed_and_leaves_who_is_gone(system: Deployment) -> None:
    person = Person()
    sub = with_a_password(system, person)
    with (
        system.crowd(1, RegisteredAt="2026-01-01T00:00:00.000Z") as (lost,),
        system.changed("reconcile", SETTLED_SECONDS="0"),
    ):

        def look() -> bool | None:
            # a tick may be at it, or have begun a pass before the person was there
            due_now(system, ROW_ID)
            answer, error = system.invoke("reconcile", {})
            assert (error, answer.get("ReconciliationFailed", 0)) == ("", 0)
            return True if system.user(person) and answer.get("Orphaned") else None

        wait_for("the pass", look, within=60, every=1)
        assert system.user(lost), "it may count, and not erase"
    record, welcome = system.user(person), system.welcome(sub)
    assert record
    assert welcome
    assert record["RegisteredAt"] == welcome["CreatedAt"]
    lines = "\n".join(logged(system))
    assert sub in lines
    assert person.username not in lines


@ONCE
def test_who_was_deleted_in_the_pool_is_erased_everywhere_when_told_to(system: Deployment) -> None:
    known = furnished(system)
    person = known.member.person
    system.client("cognito-idp").admin_delete_user(UserPoolId=system.pool, Username=person.username)
    assert of(run(system), "orphaned", person) == "Orphaned"
    assert system.user(person)
    with new_run(system) as one:
        one.find()
        for username, _, _ in one.ledger.records(Orphan.ORPHANED):
            # others have left people without an account, and are not done with them
            if username != person.username:
                one.ledger.note_record(username, None)
        one.erase()
        assert of(one.report(), "orphaned", person) == "Erasing"
        one.ledger.end()
    assert system.user(person) is None
    finish(system, known.job)
    assert traces(system, known) == []
