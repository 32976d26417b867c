"""What is for everyone, from its row to the rows of the people."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import get_ident
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from notifications.broadcast import SLICE, SLICE_SECONDS, WORKERS, Broadcast, FanOut
from notifications.clients import DELIVERY
from notifications.notification import (
    HISTORY,
    LEASE,
    MAKE_WAY,
    STREAM_GRACE,
    InvalidRowError,
    Notification,
    milliseconds,
    timestamp,
)
from notifications.outbox import BROADCASTS, Cancelled, Outbox
from notifications.registration import Person, record_of
from notifications.rows import KEY_BYTES, marshal

from .conftest import NOTIFICATIONS, USERS, Clock, Tables, asked

PEOPLE = 40
SALE = "app#sale"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
BROADCAST = Broadcast(
    notification_id=SALE,
    category="promotions",
    data={"discount": 20},
    requested_at=START - timedelta(seconds=1),
    accepted_at=START,
    good_until=START + timedelta(hours=24),
)


class DeathError(BaseException):
    """What ends a function between one call and the next."""


@pytest.fixture
def fan_out(tables: Tables, clock: Clock) -> FanOut:
    return FanOut(Outbox(tables.client, NOTIFICATIONS), USERS, clock, slice_size=7, workers=1)


def person(number: int) -> Person:
    return Person(user_id=f"user-{number}", sub=f"sub-{number}", email="user@example.com")


def register(tables: Tables, numbers: range, at: datetime = START) -> None:
    for begin in range(numbers.start, numbers.stop, 25):
        some = range(begin, min(begin + 25, numbers.stop))
        puts = [{"PutRequest": {"Item": marshal(record_of(person(number), at))}} for number in some]
        tables.client.batch_write_item(RequestItems={USERS: puts})


def accept(tables: Tables, broadcast: Broadcast = BROADCAST) -> None:
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(broadcast.to_row(START)))


def run(fan_out: FanOut, slices: float = 1_000_000) -> Counter[str]:
    """One invocation that has the time for so many slices."""
    total: Counter[str] = Counter()
    left = itertools.count()
    for due in list(fan_out.outbox.due(BROADCASTS, fan_out.clock())):
        total.update(fan_out.advance(due, lambda: next(left) < slices))
    return total


def job(tables: Tables) -> dict[str, Any]:
    (row,) = [row for row in tables.notifications if row["NotificationID"] == SALE]
    return row


def recipients(tables: Tables) -> list[str]:
    return sorted(row["UserID"] for row in tables.notifications if "UserID" in row)


def users(numbers: range) -> list[str]:
    return sorted(person(number).user_id for number in numbers)


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "any operation")


def test_everybody_gets_a_row_of_their_own(fan_out: FanOut, tables: Tables, clock: Clock) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    clock.forward(minutes=1)
    assert run(fan_out) == {"Written": PEOPLE, "FannedOut": 1}
    assert recipients(tables) == users(range(PEOPLE))
    (row,) = [row for row in tables.notifications if row.get("UserID") == "user-3"]
    assert (row["NotificationID"], row["Sub"]) == (
        f"{SALE}#{milliseconds(BROADCAST.requested_at)}#sub-3",
        "sub-3",
    )
    assert (row["Category"], row["Template"], row["Data"]) == ("promotions", "promotions", {"discount": 20})
    assert (row["GoodUntil"], row["CreatedAt"]) == (timestamp(BROADCAST.good_until), timestamp(clock.now))
    assert (row["State"], row["DueAt"]) == ("QUEUED", milliseconds(clock.now + STREAM_GRACE))
    ended = job(tables)
    assert (ended["State"], ended["Reason"], ended["Count"]) == ("FANNED_OUT", "", PEOPLE)
    assert {"Cursor", "DueAt", "DueShard", "LeaseEnd"} & ended.keys() == set()


def test_the_users_are_read_as_they_stand_and_no_more_of_them_than_is_needed(
    fan_out: FanOut, tables: Tables
) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    consistent, limits = asked(tables, "Scan", "ConsistentRead"), asked(tables, "Scan", "Limit")
    run(fan_out, slices=2)
    assert (consistent, limits) == ([True] * 2, [7] * 2)


def test_so_many_write_at_once_as_there_are_workers(fan_out: FanOut, tables: Tables) -> None:
    seen: list[int] = []

    def slowly(*_arguments: Any) -> str:
        seen.append(get_ident())
        time.sleep(0.01)
        return "Written"

    fan_out = replace(fan_out, workers=2)
    register(tables, range(7))
    accept(tables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FanOut, "_write", slowly)
        assert run(fan_out) == {"Written": 7, "FannedOut": 1}
    assert len(set(seen)) == 2


def test_some_thousand_people_are_reached_in_slices_over_many_invocations(
    tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []

    def quickly(TransactItems: list[dict[str, Any]]) -> None:
        """In place of moto's, which copies all tables for each transaction."""
        _check, put = TransactItems
        reached.append(put["Put"]["Item"]["UserID"]["S"])

    monkeypatch.setattr(tables.client, "transact_write_items", quickly)
    register(tables, range(2000))
    accept(tables)
    fan_out = FanOut(Outbox(tables.client, NOTIFICATIONS), USERS, clock, workers=1)
    invocations = 0
    while job(tables)["State"] == "FANNING_OUT":
        run(fan_out, slices=5)
        invocations += 1
    assert invocations == 5
    assert sorted(reached) == users(range(2000))
    assert job(tables)["Count"] == 2000


def test_people_who_join_meanwhile_are_not_meant(fan_out: FanOut, tables: Tables, clock: Clock) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    run(fan_out, slices=2)
    register(tables, range(PEOPLE, 2 * PEOPLE), at=START + timedelta(milliseconds=1))
    run(fan_out)
    assert recipients(tables) == users(range(PEOPLE))


@pytest.mark.parametrize("slices", [1, 2, 3])
def test_what_there_is_no_time_for_is_due_at_once(fan_out: FanOut, tables: Tables, slices: int) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    assert run(fan_out, slices) == {"Written": 7 * slices}
    row = job(tables)
    assert (row["State"], row["Count"], row["DueAt"]) == ("FANNING_OUT", 7 * slices, milliseconds(START))
    assert "LeaseEnd" not in row
    assert run(fan_out)["Written"] == PEOPLE - 7 * slices


@pytest.mark.parametrize("after", [True, False], ids=["after the call", "before the call"])
@pytest.mark.parametrize("every", [2, 3, 5, 11, 13])
def test_whoever_dies_on_the_way_leaves_nobody_out_and_nobody_twice(
    fan_out: FanOut, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch, every: int, after: bool
) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    emit = tables.client._make_api_call
    calls = itertools.count(1)
    deaths: list[str] = []

    def dying(operation: str, arguments: Any) -> Any:
        # not for ever: a slice of more calls than that would never be done
        dies = operation != "Query" and len(deaths) < 8 and next(calls) % every == 0
        if dies:
            deaths.append(operation)
        if dies and not after:
            raise DeathError
        answer = emit(operation, arguments)
        if dies:
            raise DeathError
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(tables.client, "_make_api_call", dying)
        for _ in range(12):
            try:
                run(fan_out)
            except DeathError:
                clock.now += LEASE
    assert len(deaths) >= 2
    assert (job(tables)["State"], job(tables)["Count"]) == ("FANNED_OUT", PEOPLE)
    assert recipients(tables) == users(range(PEOPLE))


@pytest.mark.parametrize("error", [failure("ThrottlingException"), BotoCoreError()], ids=["AWS", "the way"])
def test_a_slice_that_failed_is_done_again_soon(
    fan_out: FanOut, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    write = tables.client.transact_write_items
    answers = Mock(side_effect=[None] * 10 + [error])
    with monkeypatch.context() as patch:
        patch.setattr(
            tables.client, "transact_write_items", lambda **arguments: answers() or write(**arguments)
        )
        with pytest.raises(type(error)):
            run(fan_out)
    assert (len(recipients(tables)), job(tables)["Count"]) == (10, 7)
    clock.now += MAKE_WAY
    assert job(tables)["DueAt"] == milliseconds(clock.now)
    assert run(fan_out) == {"WasThere": 3, "Written": 30, "FannedOut": 1}
    assert job(tables)["Count"] == PEOPLE


def test_the_person_at_the_cursor_may_be_erased_meanwhile(fan_out: FanOut, tables: Tables) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    run(fan_out, slices=2)
    cursor = job(tables)["Cursor"]
    tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": cursor}))
    run(fan_out)
    assert recipients(tables) == users(range(PEOPLE))


def test_whoever_is_erased_between_the_page_and_the_write_is_left_no_row(
    fan_out: FanOut, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tables, range(5))
    accept(tables)
    scan = tables.client.scan

    def erased_meanwhile(**arguments: Any) -> Any:
        page = scan(**arguments)
        tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": "user-2"}))
        register(tables, range(3, 4))
        successor = record_of(replace(person(4), sub="successor"), START)
        tables.client.put_item(TableName=USERS, Item=marshal(successor))
        return page

    with monkeypatch.context() as patch:
        patch.setattr(tables.client, "scan", erased_meanwhile)
        assert run(fan_out) == {"Written": 3, "Gone": 2, "FannedOut": 1}
    assert recipients(tables) == ["user-0", "user-1", "user-3"]


@pytest.mark.parametrize(
    "broken",
    [
        {"Sub": "s"},
        {"Sub": "s", "RegisteredAt": "yesterday"},
        {"Sub": "s", "RegisteredAt": "2026-01-01"},
        {"Sub": "s", "RegisteredAt": 5},
        {"RegisteredAt": timestamp(START)},
        {"Sub": 5, "RegisteredAt": timestamp(START)},
        {"Sub": "s" * 3000, "RegisteredAt": timestamp(START)},
    ],
    ids=range(7),
)
def test_a_record_that_cannot_be_read_is_passed_over_and_counted(
    fan_out: FanOut, tables: Tables, broken: dict[str, Any]
) -> None:
    register(tables, range(10))
    tables.client.put_item(TableName=USERS, Item=marshal({"UserID": "broken", **broken}))
    accept(tables)
    assert run(fan_out) == {"Written": 10, "Unreadable": 1, "FannedOut": 1}
    assert (job(tables)["Count"], job(tables)["Unreadable"]) == (10, 1)


def test_a_cancelled_broadcast_goes_no_further(
    fan_out: FanOut, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    scan = tables.client.scan

    def cancelled_during_the_second_slice(**arguments: Any) -> Any:
        if "ExclusiveStartKey" in arguments:
            assert fan_out.outbox.cancel(SALE, clock.now) is Cancelled.DONE
        return scan(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(tables.client, "scan", cancelled_during_the_second_slice)
        run(fan_out)
    assert job(tables)["State"] == "CANCELLED"
    assert len(recipients(tables)) == 14
    clock.forward(hours=1)
    assert run(fan_out) == {}


def test_a_broadcast_that_another_goes_on_with_is_left_to_them(
    fan_out: FanOut, tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    scan = tables.client.scan
    others: list[Counter[str]] = []

    def taken_over(**arguments: Any) -> Any:
        page = scan(**arguments)
        if not others:
            clock.now += LEASE
            others.append(Counter())
            others[0] = run(fan_out)
        return page

    with monkeypatch.context() as patch:
        patch.setattr(tables.client, "scan", taken_over)
        assert run(fan_out) == {"WasThere": 7}
    assert others == [{"Written": PEOPLE, "FannedOut": 1}]
    assert (job(tables)["State"], job(tables)["Count"]) == ("FANNED_OUT", PEOPLE)


def test_a_broadcast_that_is_too_late_reaches_nobody(fan_out: FanOut, tables: Tables, clock: Clock) -> None:
    register(tables, range(3))
    accept(tables)
    clock.now = BROADCAST.good_until
    assert run(fan_out) == {"Expired": 1}
    assert (job(tables)["State"], job(tables)["Reason"], recipients(tables)) == ("EXPIRED", "TooLate", [])


def test_a_broadcast_waits_for_its_time(fan_out: FanOut, tables: Tables, clock: Clock) -> None:
    register(tables, range(3))
    tables.client.put_item(
        TableName=NOTIFICATIONS, Item=marshal(BROADCAST.to_row(START + timedelta(hours=1)))
    )
    assert run(fan_out) == {}
    clock.forward(hours=1)
    assert run(fan_out)["Written"] == 3


def test_an_id_that_is_used_again_reaches_everybody_again_and_what_still_waits_stays(
    fan_out: FanOut, tables: Tables
) -> None:
    register(tables, range(PEOPLE))
    accept(tables)
    run(fan_out)
    accept(tables, replace(BROADCAST, requested_at=START + timedelta(days=1), data={"discount": 50}))
    assert run(fan_out)["Written"] == PEOPLE
    discounts = Counter(row["Data"]["discount"] for row in tables.notifications if "UserID" in row)
    assert discounts == {20: PEOPLE, 50: PEOPLE}


def test_a_broadcast_to_nobody_is_done(fan_out: FanOut, tables: Tables) -> None:
    accept(tables)
    assert run(fan_out) == {"FannedOut": 1}


@pytest.mark.parametrize(
    "name", ["RequestedAt", "AcceptedAt", "GoodUntil", "Category", "Data", "Count", "Unreadable"]
)
def test_a_broadcast_that_cannot_be_read_ends_where_an_operator_sees_it(
    fan_out: FanOut, tables: Tables, name: str
) -> None:
    row = BROADCAST.to_row(START)
    del row[name]
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(row))
    assert run(fan_out) == {"Failed": 1}
    assert (job(tables)["State"], job(tables)["Reason"]) == ("FAILED", f"InvalidRow: {name} is missing")


def test_a_broadcast_that_cannot_even_be_claimed_ends_once(
    fan_out: FanOut, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when `Attempts` is a text. moto then leaves half of the claim behind, which DynamoDB does not."""
    accept(tables)
    (due,) = fan_out.outbox.due(BROADCASTS, START)
    monkeypatch.setattr(Outbox, "claim", Mock(side_effect=failure("ValidationException")))
    assert fan_out.advance(due, lambda: True) == {"Failed": 1}
    row = job(tables)
    assert (row["State"], row["Reason"]) == ("FAILED", "InvalidRow: it cannot be claimed")
    assert "DueAt" not in row
    assert fan_out.advance(due, lambda: True) == {}


def test_a_broadcast_that_cannot_be_claimed_now_stays(
    fan_out: FanOut, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(tables)
    before = job(tables)
    monkeypatch.setattr(Outbox, "claim", Mock(side_effect=failure("ThrottlingException")))
    with pytest.raises(ClientError):
        run(fan_out)
    assert job(tables) == before


def test_a_broadcast_that_another_has_claimed_is_left_to_them(fan_out: FanOut, tables: Tables) -> None:
    accept(tables)
    (due,) = fan_out.outbox.due(BROADCASTS, START)
    assert fan_out.outbox.claim(due, START)
    before = job(tables)
    assert fan_out.advance(due, lambda: True) == {}
    assert job(tables) == before


@given(
    row=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            BROADCAST.to_row(START), st.none() | st.text(max_size=5) | st.integers() | st.lists(st.none())
        ),
    )
)
def test_any_row_is_a_broadcast_or_an_invalid_row(row: dict[str, Any]) -> None:
    with pytest.raises(InvalidRowError):
        Broadcast.from_row({**row, "GoodUntil": 1})


@pytest.mark.parametrize("cursor", ["", "user-6"])
def test_a_broadcast_comes_back_from_its_row(cursor: str) -> None:
    broadcast = replace(BROADCAST, count=7, unreadable=2)
    row = broadcast.to_row(START) | ({"Cursor": cursor} if cursor else {})
    assert Broadcast.from_row(row) == replace(broadcast, cursor=cursor)


def test_a_broadcast_begins_with_nobody() -> None:
    new = Broadcast(SALE, "promotions", START, START, START)
    assert (new.cursor, new.count, new.unreadable) == ("", 0, 0)


def test_a_broadcast_is_a_row_for_the_function_that_does_broadcasts() -> None:
    assert BROADCAST.to_row(START + timedelta(hours=1)) == {
        "NotificationID": SALE,
        "Category": "promotions",
        "Template": "promotions",
        "Data": {"discount": 20},
        "State": "FANNING_OUT",
        "Attempts": 0,
        "CreatedAt": timestamp(START),
        "RequestedAt": timestamp(START - timedelta(seconds=1)),
        "AcceptedAt": timestamp(START),
        "GoodUntil": timestamp(START + timedelta(hours=24)),
        "DueAt": milliseconds(START + timedelta(hours=1)),
        "DueShard": BROADCASTS,
        "Count": 0,
        "Unreadable": 0,
        "ExpiresAt": int((START + timedelta(hours=24) + HISTORY).timestamp()),
    }


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Category": 5}, "TypeError"),
        ({"Category": "ä" * (KEY_BYTES // 2) + "x"}, "TypeError"),
        ({"Cursor": 5}, "TypeError"),
        ({"Data": 5}, "TypeError"),
        ({"Count": "many"}, "ValueError"),
        ({"GoodUntil": "2026-11-23"}, "ValueError"),
        ({"GoodUntil": "9999-12-31T00:00:00Z"}, "OverflowError"),
        ({"Unreadable": 10**40}, "Rounded"),
    ],
)
def test_a_row_that_is_no_broadcast_is_refused_without_its_values(
    changes: dict[str, Any], error: str
) -> None:
    with pytest.raises(InvalidRowError, match=f"^a broadcast cannot be read: {error}$"):
        Broadcast.from_row(BROADCAST.to_row(START) | changes)


def test_a_category_may_be_as_long_as_a_key() -> None:
    longest = "ä" * (KEY_BYTES // 2)
    assert Broadcast.from_row(BROADCAST.to_row(START) | {"Category": longest}).category == longest


def test_one_persons_row_waits_for_the_stream_and_is_good_as_long_as_the_broadcast() -> None:
    now = START + timedelta(minutes=1)
    broadcast = Broadcast.from_row(BROADCAST.to_row(START))
    person = {"UserID": "ada", "Sub": "sub-ada", "RegisteredAt": timestamp(START)}
    expected = Notification(
        notification_id=f"{SALE}#{milliseconds(BROADCAST.requested_at)}#sub-ada",
        user_id="ada",
        sub="sub-ada",
        category="promotions",
        template="promotions",
        data={"discount": 20},
        created_at=now,
        good_until=BROADCAST.good_until,
        due_at=now + STREAM_GRACE,
    )
    assert broadcast.row_for(person, now) == expected.to_row()


@pytest.mark.parametrize(
    ("person", "sentence"),
    [
        ({"UserID": 5, "Sub": "s", "RegisteredAt": timestamp(START)}, "UserID or Sub is not a text"),
        ({"UserID": "ada", "Sub": 5, "RegisteredAt": timestamp(START)}, "UserID or Sub is not a text"),
        ({"UserID": "ada", "Sub": "", "RegisteredAt": timestamp(START)}, "UserID or Sub is not a text"),
        ({"UserID": "ada", "Sub": "s"}, "RegisteredAt cannot be read"),
        ({"UserID": "ada", "Sub": "s", "RegisteredAt": "2026-11-22"}, "RegisteredAt cannot be read"),
    ],
)
def test_a_person_who_cannot_be_read_is_told_by_the_attribute(
    person: Mapping[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRowError, match=f"^{sentence}$"):
        BROADCAST.row_for(person, START)


def test_a_slice_is_full_rounds_of_its_workers_between_two_other_calls() -> None:
    fan_out = FanOut(Mock(), USERS)
    assert (fan_out.slice_size, fan_out.workers) == (SLICE, WORKERS)
    assert (SLICE / WORKERS + 2) * DELIVERY.worst_case_seconds == SLICE_SECONDS


# --- the function


@pytest.fixture
def function(
    tables: Tables, load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    loaded = load_handler("broadcast", USER_TABLE=USERS, NOTIFICATION_TABLE=NOTIFICATIONS)
    # in-memory tables do not hold against threads
    monkeypatch.setattr(loaded, "_fan_out", replace(loaded._fan_out, workers=1))
    return loaded


def context(seconds: float) -> SimpleNamespace:
    return SimpleNamespace(
        function_name="broadcast",
        memory_limit_in_mb=128,
        invoked_function_arn="arn",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: seconds * 1000,
    )


def new_broadcast(name: str) -> Broadcast:
    now = datetime.now(UTC)
    return replace(
        BROADCAST,
        notification_id=f"app#{name}",
        accepted_at=now,
        requested_at=now,
        good_until=now + timedelta(hours=1),
    )


def test_the_function_goes_on_with_every_broadcast_and_counts(
    function: ModuleType, tables: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    register(tables, range(3), at=datetime(2026, 1, 1, tzinfo=UTC))
    accept(tables, new_broadcast("one"))
    accept(tables, new_broadcast("two"))
    assert function.handler({}, context(180)) == {"written": 6}
    output = capsys.readouterr().out
    (emitted,) = [json.loads(line) for line in output.splitlines() if line.startswith('{"_aws"')]
    assert (sum(emitted["Written"]), sum(emitted["FannedOut"])) == (6, 2)
    assert "user-" not in output


def test_the_function_begins_no_slice_that_it_may_not_have_the_time_for(
    function: ModuleType, tables: Tables
) -> None:
    assert SLICE_SECONDS < 180 < LEASE.total_seconds()
    accept(tables, new_broadcast("one"))
    assert function.handler({}, context(SLICE_SECONDS)) == {"written": 0}
    assert [row["State"] for row in tables.notifications] == ["FANNING_OUT"]


def test_a_broadcast_that_fails_does_not_hold_up_the_others(
    function: ModuleType, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tables, range(3), at=datetime(2026, 1, 1, tzinfo=UTC))
    accept(tables, new_broadcast("one"))
    accept(tables, new_broadcast("two"))
    claim = Outbox.claim
    failing = Mock(side_effect=[failure("ThrottlingException")])

    def fail_once(*arguments: Any) -> Any:
        return claim(*arguments) if failing.called else failing()

    monkeypatch.setattr(Outbox, "claim", fail_once)
    assert function.handler({}, context(180)) == {"written": 3}
