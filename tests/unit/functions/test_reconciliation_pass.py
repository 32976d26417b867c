"""The function gets through any pool in slices, over and over, and touches no record whose user is gone."""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications import reconciliation as reconciliation_module
from notifications.clients import DELIVERY
from notifications.notification import EPOCH, LEASE, milliseconds, timestamp
from notifications.outbox import RECONCILIATIONS, Outbox
from notifications.pace import Pace
from notifications.reconciliation import Finding, Reconciliation, Verdict
from notifications.reconciliation_pass import LISTED_BY_NOW, PAGE_SECONDS, PROGRESS, ROW_ID, Pass, Progress
from notifications.registration import Person, Registry, record_of
from notifications.rows import KEY_BYTES, marshal

from .conftest import ADA, NOTIFICATIONS, USERS, Clock, Tables
from .pool import ID, LONG_AGO, Pool, failure
from .test_handlers import metrics_in

EVERY = timedelta(hours=24)
FAST = Pace(1_000_000)
# a page, and people for three of them
PAGE = 10
PEOPLE = 25


class DeathError(BaseException):
    """What ends a function between one call and the next."""


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def the_pass(tables: Tables, pool: Pool, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Pass:
    monkeypatch.setattr(tables.client, "transact_write_items", quickly(tables))
    monkeypatch.setattr(reconciliation_module, "PAGE", PAGE)
    outbox = Outbox(tables.client, NOTIFICATIONS)
    reconciliation = Reconciliation(
        pool, ID, outbox, USERS, lists=FAST, repairs=FAST, clock=clock, pause=lambda _: None, workers=1
    )
    return Pass(reconciliation, EVERY)


def quickly(tables: Tables) -> Callable[..., None]:
    """In place of moto's transactions, each of which copies all tables: what is put, one after the other."""

    def write(TransactItems: list[dict[str, Any]]) -> None:
        for number, item in enumerate(TransactItems):
            try:
                if "Put" in item:
                    tables.client.put_item(**item["Put"])
            except tables.client.exceptions.ConditionalCheckFailedException:
                reasons = [{"Code": "None"}] * number + [{"Code": "ConditionalCheckFailed"}]
                cancelled = {
                    "Error": {"Code": "TransactionCanceledException"},
                    "CancellationReasons": reasons,
                }
                raise ClientError(cancelled, "TransactWriteItems") from None  # type: ignore[arg-type]  # no request id

    return write


def person(number: int) -> Person:
    return Person(f"user-{number}", f"sub-{number}", f"{number}@example.com", email_verified=True)


def people(count: int) -> list[Person]:
    return [person(number) for number in range(count)]


def record(tables: Tables, *those: Person) -> None:
    """People with a record from long ago."""
    for start in range(0, len(those), 25):
        puts = [
            {"PutRequest": {"Item": marshal(record_of(one, LONG_AGO))}} for one in those[start : start + 25]
        ]
        tables.client.batch_write_item(RequestItems={USERS: puts})


def call(the_pass: Pass, pages: float = 1_000_000) -> Counter[str]:
    """One invocation that has the time for so many pages."""
    tally: Counter[str] = Counter()
    left = itertools.count()
    the_pass.advance(tally, lambda: next(left) < pages)
    return tally


def row(tables: Tables) -> dict[str, Any]:
    (found,) = [found for found in tables.notifications if found["NotificationID"] == ROW_ID]
    return found


def registered(tables: Tables) -> list[str]:
    return sorted(found["UserID"] for found in tables.users)


def test_a_pass_registers_who_is_missing_and_the_next_one_waits(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(*people(PEOPLE))
    record(tables, *people(12))
    assert call(the_pass) == {"Reconciled": 25, "Missing": 13, "Repaired": 13, "Orphaned": 0}
    assert registered(tables) == sorted(one.user_id for one in people(PEOPLE))
    assert row(tables)["DueAt"] == milliseconds(clock() + EVERY)
    assert not row(tables).keys() & {*PROGRESS, "LeaseEnd"}
    clock.now += EVERY - timedelta(seconds=1)
    assert call(the_pass) == {}
    clock.forward(seconds=1)
    assert call(the_pass) == {"Reconciled": 25, "Orphaned": 0}


def test_the_row_is_as_a_job_for_this_function_is(the_pass: Pass, tables: Tables, clock: Clock) -> None:
    call(the_pass, pages=0)
    assert row(tables) == {
        "NotificationID": ROW_ID,
        "State": "RECONCILING",
        "DueAt": Decimal(milliseconds(clock())),
        "DueShard": RECONCILIATIONS,
        "Results": {},
        "Attempts": 1,
    }
    assert (ROW_ID, RECONCILIATIONS) == ("reconciliation", "reconciliation")


@pytest.mark.parametrize(
    ("due_in", "goes_on"),
    [
        (timedelta(milliseconds=-1), True),
        (timedelta(), True),
        (timedelta(milliseconds=1), False),
        (EVERY, False),
        (EVERY + timedelta(milliseconds=1), True),
    ],
)
def test_a_pass_begins_when_it_is_due_or_can_never_have_been_put_off_so_long(
    the_pass: Pass, tables: Tables, clock: Clock, due_in: timedelta, goes_on: bool
) -> None:
    written = {"NotificationID": ROW_ID, "DueAt": milliseconds(clock() + due_in)}
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(written))
    assert bool(call(the_pass)) is goes_on


def test_a_row_that_is_never_due_is_made_anew(the_pass: Pass, pool: Pool, tables: Tables) -> None:
    pool.add(*people(3))
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal({"NotificationID": ROW_ID, "State": "?"}))
    assert call(the_pass)["Repaired"] == 3
    assert row(tables)["State"] == "RECONCILING"


def test_passes_that_are_to_be_nearer_together_do_not_wait_for_the_former_time(
    the_pass: Pass, pool: Pool, clock: Clock
) -> None:
    pool.add(*people(3))
    call(replace(the_pass, every=timedelta(days=30)))
    clock.forward(seconds=1)
    assert call(the_pass)["Reconciled"] == 3
    clock.forward(seconds=1)
    assert call(the_pass) == {}


def test_some_thousand_users_are_seen_to_in_slices_and_nobody_twice(
    the_pass: Pass, pool: Pool, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation_module, "PAGE", 60)
    pool.add(*people(3000))
    record(tables, *people(2900))
    total: Counter[str] = Counter()
    calls = 0
    while "DueAt" not in row_or_none(tables) or "BeganAt" in row_or_none(tables):
        total.update(call(the_pass, pages=7))
        calls += 1
    assert total == {"Reconciled": 3000, "Missing": 100, "Repaired": 100, "Orphaned": 0}
    assert (calls, pool.pages) == (8, 50), "one chain of pages, whoever went on with it"
    assert len(registered(tables)) == 3000


def row_or_none(tables: Tables) -> dict[str, Any]:
    return next((found for found in tables.notifications if found["NotificationID"] == ROW_ID), {})


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_what_there_is_no_time_for_is_due_at_once(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock, pages: int
) -> None:
    pool.add(*people(PEOPLE))
    assert call(the_pass, pages)["Repaired"] == min(PAGE * pages, PEOPLE)
    assert row(tables)["DueAt"] == milliseconds(clock())
    assert "LeaseEnd" not in row(tables)
    assert call(the_pass).get("Repaired", 0) == max(PEOPLE - PAGE * pages, 0)


def test_a_place_that_is_lost_is_not_the_end_of_the_list(the_pass: Pass, pool: Pool, tables: Tables) -> None:
    pool.add(*people(PEOPLE))
    call(the_pass, pages=2)
    pool.lose_places()
    assert call(the_pass) == {"BegunAnew": 1, "Reconciled": 25, "Missing": 5, "Repaired": 5, "Orphaned": 0}


def test_a_place_may_be_lost_more_than_once(the_pass: Pass, pool: Pool) -> None:
    pool.add(*people(PEOPLE))
    turns = itertools.count()

    def time_for_another() -> bool:
        if next(turns) in (1, 3):
            pool.lose_places()
        return True

    tally: Counter[str] = Counter()
    the_pass.advance(tally, time_for_another)
    assert (tally["BegunAnew"], tally["Reconciled"]) == (2, PAGE + PAGE + PEOPLE)


@pytest.mark.parametrize("after", [True, False], ids=["after the call", "before the call"])
@pytest.mark.parametrize("every", [2, 5, 7, 31])
def test_whoever_dies_on_the_way_leaves_nobody_out_and_miscounts_nobody(
    the_pass: Pass,
    pool: Pool,
    tables: Tables,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    every: int,
    after: bool,
) -> None:
    pool.add(*people(PEOPLE))
    record(tables, *people(15), person(999))
    emit = tables.client._make_api_call
    calls = itertools.count(1)
    deaths: list[str] = []

    def dying(operation: str, arguments: Any) -> Any:
        # not for ever: a page of more calls than that would never be done
        dies = len(deaths) < 8 and next(calls) % every == 0
        if dies:
            deaths.append(operation)
        if dies and not after:
            raise DeathError
        answer = emit(operation, arguments)
        if dies:
            raise DeathError
        return answer

    total: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        patch.setattr(tables.client, "_make_api_call", dying)
        for _ in range(12):
            try:
                the_pass.advance(total, lambda: True)
            except DeathError:
                clock.now += LEASE
    assert deaths
    assert total["Orphaned"] == 1
    assert registered(tables) == sorted(one.user_id for one in [*people(PEOPLE), person(999)])


def test_a_failure_is_made_up_for_soon(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.add(*people(PEOPLE))
    lists = pool.list_users

    def throttled_at_the_third_page(**wanted: Any) -> Any:
        if pool.pages == 2:
            raise failure("TooManyRequestsException", "ListUsers")
        return lists(**wanted)

    tally: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        patch.setattr(pool, "list_users", throttled_at_the_third_page)
        with pytest.raises(ClientError):
            the_pass.advance(tally, lambda: True)
    assert tally["Repaired"] == 20, "what was done is counted"
    clock.forward(seconds=5)
    assert call(the_pass)["Repaired"] == 5


def test_what_failed_is_not_tried_again_at_once(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pool, "list_users", Mock(side_effect=failure("TooManyRequestsException", "ListUsers"))
    )
    with pytest.raises(ClientError):
        call(the_pass)
    assert row(tables)["DueAt"] == milliseconds(clock() + timedelta(seconds=5))
    assert "LeaseEnd" not in row(tables)


def test_everybody_who_was_missing_is_told_of_with_what_became_of_them(
    the_pass: Pass, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    became = {"user-0": Verdict.REPAIRED, "user-1": Verdict.REGISTERED, "user-2": Verdict.NOT_REPAIRED}
    told: dict[str, Verdict] = {}

    def tell(finding: Finding, verdict: Verdict) -> None:
        told[finding.account.user_id] = verdict

    def repair(_: Reconciliation, findings: list[Finding]) -> list[Verdict]:
        return [became[finding.account.user_id] for finding in findings]

    monkeypatch.setattr(Reconciliation, "repair", repair)
    pool.add(*people(3))
    pool.add(person(3), Enabled=False)
    pool.add(person(4), status="UNCONFIRMED")
    assert call(replace(the_pass, tell=tell)) == {
        "Reconciled": 5,
        "Missing": 3,
        "Disabled": 1,
        "Repaired": 1,
        "NotRepaired": 1,
        "Orphaned": 0,
    }
    assert told == became


def test_a_pass_that_somebody_else_is_at_is_left_to_them(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.add(*people(PEOPLE))
    others: list[Counter[str]] = []
    lists = pool.list_users

    def and_another_comes(**wanted: Any) -> Any:
        if len(others) < 2:
            # the second comes when the lease of the first is over
            clock.now += LEASE * len(others)
            others.append(Counter())
            others[-1].update(call(the_pass))
        return lists(**wanted)

    monkeypatch.setattr(pool, "list_users", and_another_comes)
    call(the_pass)
    assert others[0] == {}
    assert others[1]["Orphaned"] == 0, "whoever took it over came to the end"
    assert row(tables)["DueAt"] == milliseconds(clock() + EVERY)
    assert len(tables.users) == PEOPLE


def test_two_first_calls_at_once_make_one_pass(
    the_pass: Pass, pool: Pool, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.add(*people(3))
    first: list[Counter[str]] = []
    get = Outbox.get

    def and_another_begins(outbox: Outbox, key: str) -> Any:
        found = get(outbox, key)
        if not first:
            first.append(Counter())
            first[0].update(call(the_pass, pages=1))
        return found

    monkeypatch.setattr(Outbox, "get", and_another_begins)
    second = call(the_pass)
    assert first[0]["Repaired"] == 3
    assert second["Repaired"] == 0


# --- records without a user


def test_records_without_a_user_are_counted_and_left(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock
) -> None:
    pool.add(*people(20))
    gone = [person(number) for number in range(200, 207)]
    record(tables, *people(20), *gone)
    # who has just come need not be in the list yet
    Registry(tables.client, USERS, NOTIFICATIONS).register(ADA, clock())
    before = tables.users
    assert call(the_pass) == {"Reconciled": 20, "Orphaned": 7}
    assert tables.users == before
    assert pool.asked == []


def test_records_that_went_since_they_were_listed_are_not_counted_below_nothing(
    the_pass: Pass, pool: Pool, tables: Tables
) -> None:
    pool.add(*people(10))
    record(tables, *people(10))
    call(the_pass, pages=1)
    for one in people(4):
        tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": one.user_id}))
    assert call(the_pass) == {"Orphaned": 0}


@pytest.mark.parametrize(("seconds", "orphaned"), [(-1, 1), (0, 0), (1, 0)])
def test_only_a_record_from_an_hour_before_the_pass_counts(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock, seconds: int, orphaned: int
) -> None:
    written_at = clock() - timedelta(hours=1) + timedelta(seconds=seconds)
    pool.add(ADA)
    for one in (ADA, person(7)):
        tables.client.put_item(TableName=USERS, Item=marshal(record_of(one, written_at)))
    assert call(the_pass, pages=1) == {"Reconciled": 1}
    assert row(tables)["Owned"] == orphaned
    assert call(the_pass) == {"Orphaned": orphaned}


def test_a_record_that_does_not_say_since_when_hides_no_other(
    the_pass: Pass, pool: Pool, tables: Tables
) -> None:
    pool.add(ADA)
    tables.client.put_item(TableName=USERS, Item=marshal({"UserID": ADA.user_id, "Sub": ADA.sub}))
    record(tables, person(7))
    assert call(the_pass) == {"Reconciled": 1, "Orphaned": 1}


def test_the_count_goes_over_pages_of_records_and_slices(
    the_pass: Pass, pool: Pool, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.add(*people(10))
    record(tables, *people(20))
    scan = tables.client.scan

    def six_at_a_time(**wanted: Any) -> Any:
        assert wanted.get("ExclusiveStartKey") != marshal({"UserID": ""}), "DynamoDB takes no such key"
        page = scan(**wanted, Limit=6)
        assert "Items" not in page, "nobody's record leaves the table"
        return page

    monkeypatch.setattr(tables.client, "scan", six_at_a_time)
    assert call(the_pass, pages=2) == {"Reconciled": 10}
    assert "Orphaned" not in call(the_pass, pages=1)
    assert call(the_pass) == {"Orphaned": 10}


@pytest.mark.parametrize("hours", [0, 2])
def test_who_registers_or_is_repaired_during_a_pass_is_not_taken_for_lost(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock, hours: float
) -> None:
    pool.add(*people(PEOPLE))
    call(the_pass, pages=1)
    clock.forward(hours=hours)
    Registry(tables.client, USERS, NOTIFICATIONS).register(ADA, clock())
    assert call(the_pass)["Orphaned"] == 0
    assert timedelta() < LISTED_BY_NOW < EVERY


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    st.dictionaries(
        st.sampled_from(PROGRESS), st.text(max_size=3) | st.integers(-5, 5) | st.booleans() | st.none()
    )
)
def test_a_row_that_cannot_be_read_is_a_pass_that_begins(
    the_pass: Pass, pool: Pool, tables: Tables, clock: Clock, progress: dict[str, Any]
) -> None:
    pool.add(*people(3))
    written = {"NotificationID": ROW_ID, "DueAt": milliseconds(clock()), **progress}
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(written))
    assert call(the_pass)["Orphaned"] == 0


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROW = {
    "BeganAt": timestamp(NOW),
    "Place": "chain-1:60",
    "Listed": True,
    "Cursor": "user-7",
    "Owned": Decimal(3),
    "Records": Decimal(4),
}
PROGRESSED = Progress(NOW, "chain-1:60", listed=True, cursor="user-7", owned=3, records=4)


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({}, {}),
        ({"Listed": 1}, {"listed": False}),
        ({"BeganAt": timestamp(EPOCH)}, None),
        ({"BeganAt": timestamp(EPOCH + timedelta(seconds=1))}, {"began_at": EPOCH + timedelta(seconds=1)}),
        ({"BeganAt": timestamp(NOW + LISTED_BY_NOW)}, None),
        ({"BeganAt": timestamp(NOW + timedelta(minutes=59))}, {"began_at": NOW + timedelta(minutes=59)}),
        ({"Cursor": "x" * KEY_BYTES}, {"cursor": "x" * KEY_BYTES}),
        ({"Cursor": "x" * (KEY_BYTES - 1) + "é"}, None),
        ({"Owned": 0, "Records": 0}, {"owned": 0, "records": 0}),
        ({"Owned": -1}, None),
        ({"Records": -1}, None),
        ({"Owned": 10**15 - 1}, {"owned": 10**15 - 1}),
        ({"Owned": 10**15}, None),
        ({"Records": 10**15}, None),
        ({"Records": Decimal("Infinity")}, None),
        ({"Owned": "many"}, None),
        ({"BeganAt": None}, None),
    ],
)
def test_what_a_row_says_is_taken_where_it_can_be(
    changes: dict[str, Any], read: dict[str, Any] | None
) -> None:
    expected = Progress(NOW) if read is None else replace(PROGRESSED, **read)
    assert Progress.from_row({**ROW, **changes}, NOW) == expected


@pytest.mark.parametrize("name", PROGRESS)
def test_a_row_without_one_of_its_words_begins_anew(name: str) -> None:
    later = NOW + timedelta(minutes=1)
    row = {key: value for key, value in ROW.items() if key != name}
    assert Progress.from_row(row, later) == Progress(later, "", False, "", 0, 0, False)


def test_a_pass_is_written_as_it_is_read() -> None:
    assert PROGRESSED.to_row() == ROW
    assert Progress(NOW).to_row() == {
        **ROW,
        "Place": "",
        "Listed": False,
        "Cursor": "",
        "Owned": 0,
        "Records": 0,
    }


# --- the function


@pytest.fixture
def function(
    tables: Tables, pool: Pool, load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    loaded = load_handler(
        "reconcile", USER_TABLE=USERS, NOTIFICATION_TABLE=NOTIFICATIONS, USER_POOL_ID=ID, EVERY_HOURS="24"
    )
    # in-memory tables do not hold against threads
    reconciliation = replace(loaded._pass.reconciliation, cognito=pool, lists=FAST, repairs=FAST, workers=1)
    monkeypatch.setattr(loaded, "_pass", replace(loaded._pass, reconciliation=reconciliation))
    return loaded


def context(seconds: float) -> SimpleNamespace:
    return SimpleNamespace(
        function_name="reconcile",
        memory_limit_in_mb=128,
        invoked_function_arn="arn",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: seconds * 1000,
    )


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, with what was said beside the words."""
    return "\n".join(str(vars(record)) for record in caplog.records)


def test_the_function_counts_and_logs_subjects_alone(
    function: ModuleType,
    pool: Pool,
    tables: Tables,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool.add(*people(2))
    record(tables, person(0), person(7))
    seen = {"Reconciled": 2, "Missing": 1, "Repaired": 1, "Orphaned": 1}
    assert function.handler({}, context(180)) == seen
    assert metrics_in(capsys.readouterr().out) == {name: [count] for name, count in seen.items()}
    assert "'sub': 'sub-1'" in logged(caplog)
    assert "user-" not in logged(caplog)
    assert "@" not in logged(caplog)


def test_a_tick_between_two_passes_is_quiet(
    function: ModuleType,
    pool: Pool,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    function.handler({}, context(180))
    capsys.readouterr()
    caplog.clear()
    assert function.handler({}, context(180)) == {"Reconciled": 0}
    assert metrics_in(capsys.readouterr().out) == {"Reconciled": [0]}
    assert caplog.records == []
    assert pool.pages == 1


def test_the_function_begins_no_page_that_it_may_not_have_the_time_for(
    function: ModuleType, pool: Pool
) -> None:
    # the list, who has a record, who is being erased, eight rounds of eight who are missing, the row
    assert PAGE_SECONDS == 12 * DELIVERY.worst_case_seconds < 180 < LEASE.total_seconds()
    assert function.handler({}, context(PAGE_SECONDS)) == {"Reconciled": 0}
    assert pool.pages == 0


def test_a_failure_is_counted_with_what_was_done_and_says_nothing_of_anybody(
    function: ModuleType, pool: Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reconciliation_module, "PAGE", PAGE)
    pool.add(*people(PEOPLE))
    lists = pool.list_users

    def denied_at_the_second_page(**wanted: Any) -> Any:
        if pool.pages == 1:
            raise failure("AccessDeniedException", "ListUsers")
        return lists(**wanted)

    monkeypatch.setattr(pool, "list_users", denied_at_the_second_page)
    assert function.handler({}, context(180)) == {
        "Reconciled": 10,
        "Missing": 10,
        "Repaired": 10,
        "ReconciliationFailed": 1,
    }
    assert "AccessDeniedException" in logged(caplog)
    assert "@" not in logged(caplog)
