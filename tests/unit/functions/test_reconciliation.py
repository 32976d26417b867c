"""Whoever should have a record gets what the trigger would have written, once, and nobody else anything."""

import itertools
import threading
import time
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications import erasure_job
from notifications import reconciliation as reconciliation_module
from notifications.clock import utc_now
from notifications.notification import EPOCH
from notifications.outbox import Outbox
from notifications.pace import Pace
from notifications.reconciliation import (
    SETTLED,
    WORKERS,
    Account,
    Finding,
    PlaceLostError,
    Reconciliation,
    Verdict,
)
from notifications.registration import Person, Registry, record_of
from notifications.rows import marshal

from .api import Died, Fate
from .conftest import ADA, BOB, NOTIFICATIONS, USERS, Clock, Tables
from .pool import ID, LONG_AGO, Pool, failure

FAST = Pace(1_000_000)


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def reconciliation(tables: Tables, pool: Pool, clock: Clock) -> Reconciliation:
    return over(tables, pool, clock)


def over(tables: Tables, pool: Pool, clock: Clock) -> Reconciliation:
    # in-memory tables do not hold against threads
    outbox = Outbox(tables.client, NOTIFICATIONS)
    return Reconciliation(
        pool, ID, outbox, USERS, lists=FAST, repairs=FAST, clock=clock, pause=lambda _: None, workers=1
    )


def registry(tables: Tables) -> Registry:
    return Registry(tables.client, USERS, NOTIFICATIONS)


def run(reconciliation: Reconciliation) -> Counter[str]:
    """Over the whole pool: what was said of everybody, and what became of who was missing."""
    verdicts: Counter[str] = Counter()
    place = ""
    while True:
        accounts, place = reconciliation.accounts(place)
        findings = reconciliation.judge(accounts)
        missing = [finding for finding in findings if finding.verdict is Verdict.MISSING]
        verdicts.update(finding.verdict for finding in findings)
        verdicts.update(reconciliation.repair(missing))
        if not place:
            return verdicts


def stored(tables: Tables) -> tuple[Any, Any]:
    return (
        sorted(tables.users, key=lambda row: str(row["UserID"])),
        sorted(tables.notifications, key=lambda row: str(row["NotificationID"])),
    )


def test_it_writes_to_the_letter_what_the_trigger_would_have_written(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    unproven = replace(BOB, email_verified=False)
    pool.add(ADA, unproven)
    assert run(reconciliation) == {"Missing": 2, "Repaired": 2}
    found = stored(tables)
    for row in tables.users:
        tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": row["UserID"]}))
    for row in tables.notifications:
        key = marshal({"NotificationID": row["NotificationID"]})
        tables.client.delete_item(TableName=NOTIFICATIONS, Key=key)
    for person in (ADA, unproven):
        registry(tables).register(person, clock())
    assert found == stored(tables)


def test_twice_is_once(reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock) -> None:
    pool.add(ADA, BOB)
    run(reconciliation)
    before = stored(tables)
    clock.forward(hours=1)
    assert run(reconciliation) == {"Registered": 2}
    assert stored(tables) == before


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("CONFIRMED", Verdict.MISSING),
        ("FORCE_CHANGE_PASSWORD", Verdict.MISSING),
        ("RESET_REQUIRED", Verdict.MISSING),
        ("UNCONFIRMED", Verdict.UNCONFIRMED),
        ("UNKNOWN", Verdict.UNCONFIRMED),
        ("", Verdict.UNCONFIRMED),
        ("EXTERNAL_PROVIDER", Verdict.EXTERNAL_PROVIDER),
    ],
)
def test_who_is_confirmed_as_cognito_has_it_is_registered(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, status: str, verdict: Verdict
) -> None:
    pool.add(ADA, status=status)
    expected = {verdict: 1} | ({Verdict.REPAIRED: 1} if verdict is Verdict.MISSING else {})
    assert run(reconciliation) == expected
    assert bool(tables.users) is (verdict is Verdict.MISSING)


def test_who_is_left_out_is_left_with_a_reason(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    second = timedelta(seconds=1)
    pool.add(replace(ADA, user_id="disabled", sub="1"), Enabled=False)
    pool.add(
        replace(ADA, user_id="nameless", sub="2", email=""), replace(ADA, user_id="blank", sub="3", email=" ")
    )
    pool.add(replace(ADA, user_id="fresh", sub="4"), UserLastModifiedDate=clock() + second - SETTLED)
    pool.add(replace(ADA, user_id="unreadable", sub="5"))
    tables.client.put_item(TableName=USERS, Item=marshal({"UserID": "unreadable"}))
    before = stored(tables)
    assert run(reconciliation) == {"Disabled": 1, "NoEmail": 2, "Changing": 1, "Unreadable": 1}
    assert stored(tables) == before
    clock.now += second
    assert run(reconciliation)["Repaired"] == 1


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"status": "UNCONFIRMED", "Enabled": False}, Verdict.UNCONFIRMED),
        ({"status": "EXTERNAL_PROVIDER", "Enabled": False}, Verdict.EXTERNAL_PROVIDER),
        ({"Enabled": False, "Attributes": [{"Name": "sub", "Value": "1"}]}, Verdict.DISABLED),
        ({"Attributes": [{"Name": "email", "Value": ADA.email}]}, Verdict.UNREADABLE),
        ({"Attributes": [], "Enabled": False}, Verdict.UNREADABLE),
    ],
)
def test_of_several_reasons_the_first_is_given(
    reconciliation: Reconciliation, pool: Pool, changes: dict[str, Any], verdict: Verdict
) -> None:
    pool.add(ADA, **changes)
    (account,), _ = reconciliation.accounts("")
    assert reconciliation.judge([account]) == [Finding(account, verdict)]


@pytest.mark.parametrize("sub", [None, "", 7])
def test_a_record_that_is_nobodys_is_not_said_to_be_anothers(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, sub: Any
) -> None:
    pool.add(ADA)
    tables.client.put_item(TableName=USERS, Item=marshal({"UserID": "ada", "Sub": sub}))
    assert run(reconciliation) == {"Unreadable": 1}


def test_what_a_record_does_not_say_of_its_time_is_not_made_up(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(ADA, BOB)
    registry(tables).register(ADA, clock())
    tables.client.put_item(TableName=USERS, Item=marshal({"UserID": "bob", "Sub": BOB.sub}))
    accounts, place = reconciliation.accounts("")
    assert place == ""
    found = {finding.account.user_id: finding for finding in reconciliation.judge(accounts)}
    assert found["bob"].registered_at == Finding(found["bob"].account, Verdict.REGISTERED).registered_at == ""
    (stored_at,) = [row["RegisteredAt"] for row in tables.users if row["UserID"] == "ada"]
    assert found["ada"].registered_at == stored_at


@pytest.mark.parametrize(
    "changes", [{"Enabled": False}, {"UserStatus": "EXTERNAL_PROVIDER"}, {"Attributes": []}]
)
def test_who_has_a_record_is_registered_whatever_else_they_are(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock, changes: dict[str, Any]
) -> None:
    registry(tables).register(ADA, clock())
    pool.add(ADA)
    pool.users["ada"] |= {**changes, "Attributes": [{"Name": "sub", "Value": ADA.sub}]}
    assert run(reconciliation) == {"Registered": 1}


def test_a_record_that_was_lost_comes_back_without_a_second_welcome(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(ADA)
    registry(tables).register(ADA, clock())
    welcome = tables.the_notification()
    tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": "ada"}))
    clock.forward(days=30)
    assert run(reconciliation) == {"Missing": 1, "Repaired": 1}
    assert tables.the_notification() == welcome
    assert [row["Sub"] for row in tables.users] == [ADA.sub]


# --- the trigger at the same moment


@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactWriteItems"])
@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_who_registers_at_this_moment_gets_one_record_and_one_welcome(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock, operation: str, moment: str
) -> None:
    pool.add(ADA)
    make: Any = boto3.client
    trigger = Registry(make("dynamodb"), USERS, NOTIFICATIONS)
    answers: list[bool] = []

    def meanwhile(**_: Any) -> None:
        if not answers:
            answers.append(trigger.register(ADA, clock()))

    tables.client.meta.events.register(f"{moment}.dynamodb.{operation}", meanwhile)
    verdicts = run(reconciliation)
    assert len(answers) == 1
    assert [row["Sub"] for row in tables.users] == [ADA.sub]
    assert [row["NotificationID"] for row in tables.notifications] == [f"welcome#{ADA.sub}"]
    assert answers == [verdicts["Repaired"] == 0], "one of the two has written"


def test_two_at_once_write_once(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(*(person(number) for number in range(10)))
    accounts, _ = reconciliation.accounts("")
    findings = reconciliation.judge(accounts)
    first = over(tables, pool, clock).repair(findings[:5])
    clock.forward(seconds=1)
    second = reconciliation.repair(findings)
    assert Counter(first + second) == {Verdict.REPAIRED: 10, Verdict.REGISTERED: 5}
    assert len(tables.users) == len(tables.notifications) == 10


# --- user names that pass on


def test_the_record_of_an_earlier_holder_of_the_name_is_not_written_over(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    """It is the last that is known of them; and of everybody, where the pool is a new one."""
    registry(tables).register(replace(BOB, user_id="ada"), clock())
    pool.add(ADA)
    before = stored(tables)
    assert run(reconciliation) == {"NameTaken": 1}
    assert stored(tables) == before
    tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": "ada"}))
    assert run(reconciliation) == {"Missing": 1, "Repaired": 1}
    assert [(row["Sub"], row["Email"]) for row in tables.users] == [(ADA.sub, ADA.email)]


def test_an_old_list_takes_no_name_from_its_new_holder(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(ADA)
    pool.old = deepcopy(pool.users)
    heir = replace(BOB, user_id="ada")
    pool.add(heir)
    registry(tables).register(heir, clock())
    before = stored(tables)
    assert run(reconciliation) == {"NameTaken": 1}
    assert stored(tables) == before


def test_who_registers_under_a_freed_name_between_the_look_and_the_write_keeps_it(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(ADA)
    accounts, _ = reconciliation.accounts("")
    findings = reconciliation.judge(accounts)
    heir = replace(BOB, user_id="ada")
    registry(tables).register(heir, clock())
    before = stored(tables)
    assert reconciliation.repair(findings) == [Verdict.REGISTERED]
    assert stored(tables) == before


def test_nobody_is_asked_about(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    """Whoever is asked about is an active user, and paid for."""
    registry(tables).register(ADA, clock())
    registry(tables).register(replace(BOB, user_id="eve"), clock())
    pool.add(ADA, BOB, replace(BOB, user_id="eve", sub="sub-of-eve"))
    assert run(reconciliation) == {"Registered": 1, "Missing": 1, "Repaired": 1, "NameTaken": 1}
    assert pool.asked == []


# --- erasures


def erase(tables: Tables, person: Person, clock: Clock) -> None:
    outbox = Outbox(tables.client, NOTIFICATIONS)
    assert erasure_job.begin(outbox, USERS, person.user_id, person.sub, lambda: None, clock())


def test_who_is_being_erased_is_not_brought_back(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(ADA)
    erase(tables, ADA, clock)
    before = stored(tables)
    assert run(reconciliation) == {"Erasing": 1}
    assert stored(tables) == before


def test_who_asks_to_be_erased_between_the_look_and_the_write_is_not_brought_back(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(ADA)
    accounts, _ = reconciliation.accounts("")
    findings = reconciliation.judge(accounts)
    erase(tables, ADA, clock)
    before = stored(tables)
    assert reconciliation.repair(findings) == [Verdict.ERASING]
    assert stored(tables) == before


def test_who_asks_to_be_erased_when_only_the_welcome_was_there_is_not_brought_back(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.add(ADA)
    registry(tables).register(ADA, clock())
    tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": "ada"}))
    write = tables.client.transact_write_items

    def and_they_ask(**wanted: Any) -> None:
        try:
            write(**wanted)
        finally:
            job = {"NotificationID": erasure_job.erasure_id(ADA.sub)}
            tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(job))

    monkeypatch.setattr(tables.client, "transact_write_items", and_they_ask)
    assert run(reconciliation) == {"Missing": 1, "Erasing": 1}
    assert tables.users == []


# --- failures


def person(number: int) -> Person:
    return Person(f"user-{number}", f"sub-{number}", f"{number}@example.com", email_verified=True)


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_whoever_dies_at_any_call_leaves_nothing_by_halves_and_is_made_up_for(
    tables: Tables, pool: Pool, clock: Clock, after: bool
) -> None:
    make: Any = boto3.client
    fate = Fate()
    pool.add(*(person(number) for number in range(3)))
    mortal = replace(over(tables, pool, clock), outbox=Outbox(fate.of(make("dynamodb")), NOTIFICATIONS))
    fate.after = after
    for calls in itertools.count():
        fate.calls_left = calls
        try:
            run(mortal)
        except Died:
            records = {row["Sub"] for row in tables.users}
            welcomes = {row["Sub"] for row in tables.notifications}
            assert records == welcomes
            continue
        break
    assert calls >= 3
    assert {row["Sub"] for row in tables.users} == {"sub-0", "sub-1", "sub-2"}
    assert len(tables.notifications) == 3


def test_one_who_cannot_be_written_does_not_hold_up_the_others(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.add(*(person(number) for number in range(3)))
    write = tables.client.transact_write_items

    def all_but_one(TransactItems: list[dict[str, Any]]) -> Any:
        if TransactItems[1]["Put"]["Item"]["UserID"]["S"] == "user-1":
            raise failure("ThrottlingException", "TransactWriteItems")
        return write(TransactItems=TransactItems)

    with monkeypatch.context() as patch:
        patch.setattr(tables.client, "transact_write_items", all_but_one)
        assert run(reconciliation) == {"Missing": 3, "Repaired": 2, "NotRepaired": 1}
    assert run(reconciliation) == {"Registered": 2, "Missing": 1, "Repaired": 1}


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "MissingAuthenticationTokenException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    ],
)
def test_what_would_fail_for_everybody_ends_it_instead_of_being_tried_for_each(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    pool.add(*(person(number) for number in range(3)))
    refuse = Mock(side_effect=failure(code, "TransactWriteItems"))
    monkeypatch.setattr(tables.client, "transact_write_items", refuse)
    with pytest.raises(ClientError, match=code):
        run(reconciliation)


def test_keys_that_dynamodb_left_are_asked_for_again(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [person(number) for number in range(5)]
    pool.add(*people)
    for one in people:
        registry(tables).register(one, clock())
    read = tables.client.batch_get_item

    def one_at_a_time(RequestItems: Any) -> Any:
        (table,) = RequestItems
        wanted = RequestItems[table]
        assert wanted["ConsistentRead"], "who has just been registered is not missing"
        first, rest = wanted["Keys"][:1], wanted["Keys"][1:]
        answer = read(RequestItems={table: {**wanted, "Keys": first}})
        return answer | ({"UnprocessedKeys": {table: {**wanted, "Keys": rest}}} if rest else {})

    monkeypatch.setattr(tables.client, "batch_get_item", one_at_a_time)
    pauses: list[float] = []
    patient = replace(reconciliation, pause=pauses.append)
    assert run(patient) == {"Registered": 5}
    assert pauses == [0.2, 0.4, 0.8, 1.6]
    pool.add(person(5))
    with pytest.raises(ClientError) as raised:
        run(patient)
    assert raised.value.response["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert str(raised.value).endswith("when calling the BatchGetItem operation: keys were left")


def test_an_answer_that_has_none_of_the_keys_is_not_the_end(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry(tables).register(ADA, clock())
    pool.add(ADA)
    reads = [lambda RequestItems: {"Responses": {}, "UnprocessedKeys": RequestItems}]
    reads.append(tables.client.batch_get_item)
    monkeypatch.setattr(tables.client, "batch_get_item", lambda **wanted: reads.pop(0)(**wanted))
    assert run(reconciliation) == {"Registered": 1}


def test_who_is_in_another_transaction_at_the_moment_is_written_a_moment_later(
    reconciliation: Reconciliation, pool: Pool, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.add(ADA)
    conflict = failure("TransactionCanceledException", "TransactWriteItems")
    conflict.response["CancellationReasons"] = [{"Code": "TransactionConflict"}]
    writes = [Mock(side_effect=conflict), tables.client.transact_write_items]
    pauses: list[float] = []

    def write(**wanted: Any) -> Any:
        return writes.pop(0)(**wanted)

    monkeypatch.setattr(tables.client, "transact_write_items", write)
    assert run(replace(reconciliation, pause=pauses.append)) == {"Missing": 1, "Repaired": 1}
    assert len(pauses) == 1


def test_a_place_that_is_lost_is_told_from_a_list_that_cannot_be_asked_for(
    reconciliation: Reconciliation, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PlaceLostError):
        reconciliation.accounts("chain-7:60")
    refused = Mock(side_effect=failure("InvalidParameterException", "ListUsers"))
    monkeypatch.setattr(pool, "list_users", refused)
    with pytest.raises(ClientError):
        reconciliation.accounts("")
    refused.side_effect = failure("TooManyRequestsException", "ListUsers")
    with pytest.raises(ClientError):
        reconciliation.accounts("chain-7:60")


# --- any pool

names = st.sampled_from(["ada", "bob", "eve", "kim"])
subs = st.sampled_from(["1", "2", "3", "4", "5"])
emails = st.sampled_from(["", "a@example.com", "b@example.com"])
statuses = st.sampled_from(["CONFIRMED", "UNCONFIRMED", "FORCE_CHANGE_PASSWORD", "EXTERNAL_PROVIDER"])
accounts = st.dictionaries(names, st.tuples(subs, emails, statuses, st.booleans()), max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(now=accounts, old=st.none() | accounts, records=st.dictionaries(names, subs), erasing=st.sets(subs))
def test_whatever_the_pool_and_its_list_say_nobodys_record_is_lost_or_made_by_mistake(
    tables: Tables, clock: Clock, now: Any, old: Any, records: dict[str, str], erasing: set[str]
) -> None:
    wipe(tables)
    pool = Pool()
    if old is not None:
        fill(pool, old)
        pool.old, pool.users = pool.users, {}
    fill(pool, now)
    for name, sub in records.items():
        row = record_of(Person(name, sub, "was@example.com"), LONG_AGO)
        tables.client.put_item(TableName=USERS, Item=marshal(row))
    for sub in erasing:
        erase(tables, Person("whoever", sub, ""), clock)
    run(over(tables, pool, clock))

    held = {row["UserID"]: row["Sub"] for row in tables.users}
    for name, sub in records.items():
        assert held[name] == sub
    for name, sub in held.items():
        if name not in records:
            listed = (now if old is None else old)[name]
            assert (listed[0], listed[2] in {"CONFIRMED", "FORCE_CHANGE_PASSWORD"}) == (sub, True)
            assert listed[1]
            assert listed[3]
            assert sub not in erasing
    if old is None:
        for name, (sub, email, status, enabled) in now.items():
            due = (
                email and enabled and status in {"CONFIRMED", "FORCE_CHANGE_PASSWORD"} and sub not in erasing
            )
            assert not due or name in records or held[name] == sub
    before = stored(tables)
    run(over(tables, pool, clock))
    assert stored(tables) == before


def fill(pool: Pool, people: Any) -> None:
    for name, (sub, email, status, enabled) in people.items():
        pool.add(Person(name, sub, email), status=status, Enabled=enabled)


def wipe(tables: Tables) -> None:
    for table, key in ((USERS, "UserID"), (NOTIFICATIONS, "NotificationID")):
        for row in tables.rows(table):
            tables.client.delete_item(TableName=table, Key=marshal({key: row[key]}))


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ({"Username": "ada"}, Account("ada", "", enabled=False)),
        (
            {
                "Username": "ada",
                "Attributes": [
                    {"Name": "sub", "Value": "1"},
                    {"Name": "email", "Value": " a@x.co "},
                    {"Name": "email_verified", "Value": "true"},
                ],
                "Enabled": True,
                "UserStatus": "CONFIRMED",
                "UserLastModifiedDate": LONG_AGO,
            },
            Account("ada", "1", "a@x.co", True, "CONFIRMED", True, LONG_AGO),
        ),
        (
            {"Username": "ada", "Attributes": [{"Name": "email_verified", "Value": "false"}], "Enabled": 1},
            Account("ada", "", "", False, "", False, EPOCH),
        ),
    ],
)
def test_a_user_is_what_the_list_says_and_no_more(user: dict[str, Any], account: Account) -> None:
    assert Account.from_user(user) == account


def test_an_account_of_which_only_the_name_is_said_is_enabled_and_nothing_else() -> None:
    assert Account("ada", "1") == Account("ada", "1", "", False, "", True, EPOCH)
    assert Account("ada", "1").email_verified is False
    assert Account("ada", "1").person == Person("ada", "1", "")


@given(
    st.fixed_dictionaries(
        {"Username": st.text(min_size=1)},
        optional={
            "Attributes": st.lists(
                st.fixed_dictionaries(
                    {"Name": st.sampled_from(["sub", "email", "email_verified"])},
                    optional={"Value": st.text()},
                )
            ),
            "Enabled": st.booleans(),
            "UserStatus": st.text(),
        },
    )
)
def test_any_user_can_be_read(user: dict[str, Any]) -> None:
    account = Account.from_user(user)
    assert account.person.user_id == user["Username"]


# --- the pace


def test_by_itself_it_lists_with_a_sixth_of_the_quota_and_repairs_what_may_sign_up(
    tables: Tables, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation_module, "Pace", lambda per_second: per_second)
    usual: Any = Reconciliation(pool, ID, Outbox(tables.client, NOTIFICATIONS), USERS)
    assert (usual.lists, usual.repairs) == (5, 25)
    assert (usual.clock, usual.pause) == (utc_now, time.sleep)
    assert usual.settled == SETTLED == timedelta(minutes=1)
    assert usual.workers == WORKERS == 8


def test_no_more_are_repaired_at_once_than_there_are_workers(
    reconciliation: Reconciliation, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)
    now: list[Finding] = []
    most = 0

    def repair(_: Reconciliation, finding: Finding) -> Verdict:
        nonlocal most
        now.append(finding)
        most = max(most, len(now))
        both.wait(timeout=10)
        time.sleep(0.01)
        now.remove(finding)
        return Verdict.REPAIRED

    monkeypatch.setattr(Reconciliation, "_repair", repair)
    findings = [Finding(Account(str(number), ""), Verdict.MISSING) for number in range(6)]
    assert replace(reconciliation, workers=2).repair(findings) == [Verdict.REPAIRED] * 6
    assert most == 2


def test_turns_are_so_many_a_second_and_none_is_saved_up() -> None:
    now = 0.0
    taken: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pace = Pace(4, clock=lambda: now, sleep=sleep)
    for _ in range(5):
        pace.wait()
        taken.append(now)
    assert taken == [0, 0.25, 0.5, 0.75, 1]
    now = 60
    pace.wait()
    pace.wait()
    assert now == 60.25
