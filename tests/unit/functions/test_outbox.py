from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from notifications.notification import DUE_SHARDS, LEASE, STREAM_GRACE, Outcome, State, milliseconds
from notifications.outbox import (
    BROADCASTS,
    BY_USER_INDEX,
    DUE_INDEX,
    ERASURES,
    FANNED_OUT,
    FANNING_OUT,
    RECONCILIATIONS,
    Cancelled,
    Claim,
    Due,
    Outbox,
    due_by_hand,
)
from notifications.registration import Registry, welcome_of
from notifications.rows import marshal

from .conftest import ADA, BOB, NOTIFICATIONS, USERS, Clock, Tables, asked

GIVEN_UP = Outcome(State.FAILED, "Reason")


@pytest.fixture
def outbox(tables: Tables, clock: Clock) -> Outbox:
    Registry(tables.client, USERS, NOTIFICATIONS).register(ADA, clock.now)
    return Outbox(tables.client, NOTIFICATIONS)


def due_of(tables: Tables) -> Due:
    row = tables.the_notification()
    return due_by_hand(row["NotificationID"], row.get("DueAt"))


def all_due(outbox: Outbox, clock: Clock) -> list[Due]:
    return [due for shard in range(DUE_SHARDS) for due in outbox.due(str(shard), clock.now)]


def claimed(outbox: Outbox, tables: Tables, clock: Clock) -> Claim:
    claim = outbox.claim(due_of(tables), clock.now)
    assert claim
    return claim


def test_a_new_row_is_left_to_the_stream_at_first(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    assert all_due(outbox, clock) == []
    clock.now += STREAM_GRACE
    assert all_due(outbox, clock) == [due_of(tables)]


def test_only_one_of_many_workers_gets_a_row(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    due = due_of(tables)
    claims = [outbox.claim(due, clock.now) for _ in range(3)]
    assert [claim is not None for claim in claims] == [True, False, False]


def test_a_claimed_row_is_not_due_until_the_lease_ends(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    claimed(outbox, tables, clock)
    clock.now += LEASE - timedelta(seconds=1)
    assert all_due(outbox, clock) == []
    clock.forward(seconds=1)
    assert len(all_due(outbox, clock)) == 1


def test_each_claim_counts_as_an_attempt(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    for attempts in (1, 2, 3):
        assert claimed(outbox, tables, clock).row["Attempts"] == attempts


def test_a_lease_that_would_end_when_the_row_was_due_still_keeps_others_out(
    tables: Tables, clock: Clock
) -> None:
    row = replace(welcome_of(ADA, clock.now), due_at=clock.now + LEASE).to_row()
    outbox = Outbox(tables.client, NOTIFICATIONS)
    put(tables, row)
    due = due_of(tables)
    assert outbox.claim(due, clock.now)
    assert outbox.claim(due, clock.now) is None


@pytest.mark.parametrize("state", [state for state in State if state.final])
def test_a_final_row_is_never_due_again(outbox: Outbox, tables: Tables, clock: Clock, state: State) -> None:
    due = due_of(tables)
    assert outbox.record(claimed(outbox, tables, clock), Outcome(state), {}, clock.now, None)
    clock.forward(days=1)
    assert all_due(outbox, clock) == []
    assert outbox.claim(due, clock.now) is None
    row = tables.the_notification()
    assert row["State"] == state
    assert not row.keys() & {"DueAt", "DueShard", "LeaseEnd"}


def test_a_worker_whose_lease_has_passed_on_overwrites_nothing(
    outbox: Outbox, tables: Tables, clock: Clock
) -> None:
    slow = claimed(outbox, tables, clock)
    clock.now += LEASE
    quick = claimed(outbox, tables, clock)
    assert outbox.record(quick, Outcome(State.SENT, message_id="1"), {}, clock.now, None)
    assert not outbox.record(slow, GIVEN_UP, {}, clock.now, None)
    assert tables.the_notification()["State"] == State.SENT


def test_what_was_done_is_written_by_target_and_what_was_there_stays(
    outbox: Outbox, tables: Tables, clock: Clock
) -> None:
    claim = claimed(outbox, tables, clock)
    sent = Outcome(State.SENT, message_id="1")
    assert outbox.note(claim, {"Push:1": sent}, clock.now)
    assert outbox.record(claim, sent, {"Email": GIVEN_UP}, clock.now, None)
    results = tables.the_notification()["Results"]
    assert {key: result["State"] for key, result in results.items()} == {"Push:1": "SENT", "Email": "FAILED"}
    assert results["Push:1"]["MessageID"] == "1"
    assert "MessageID" not in results["Email"]


def test_what_is_noted_keeps_the_row(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    claim = claimed(outbox, tables, clock)
    outbox.note(claim, {"SMS": Outcome(State.SENT)}, clock.now)
    assert tables.the_notification()["DueAt"] == claim.lease


def test_what_has_not_been_sent_can_be_cancelled(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    due = due_of(tables)
    assert outbox.cancel(due.notification_id, clock.now) is Cancelled.DONE
    assert tables.the_notification()["State"] == "CANCELLED"
    assert outbox.claim(due, clock.now) is None
    assert outbox.cancel(due.notification_id, clock.now) is Cancelled.OVER
    assert outbox.cancel("no such", clock.now) is Cancelled.UNKNOWN


def test_what_a_worker_holds_can_be_cancelled_only_after_its_lease(
    outbox: Outbox, tables: Tables, clock: Clock
) -> None:
    claim = claimed(outbox, tables, clock)
    assert outbox.cancel(claim.notification_id, clock.now) is Cancelled.HELD
    clock.now += LEASE + timedelta(seconds=1)
    assert outbox.cancel(claim.notification_id, clock.now) is Cancelled.DONE
    assert not outbox.record(claim, Outcome(State.SENT), {}, clock.now, None)


def test_what_was_put_off_can_be_cancelled(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    claim = claimed(outbox, tables, clock)
    later = clock.now + timedelta(hours=1)
    outbox.record(claim, Outcome(State.DEFERRED), {}, clock.now, later)
    assert outbox.cancel(claim.notification_id, clock.now) is Cancelled.DONE


def test_waiting_for_an_opt_in_is_no_attempt(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    again = clock.now + timedelta(minutes=1)
    outbox.record(claimed(outbox, tables, clock), Outcome(State.WAITING_OPT_IN), {}, clock.now, again)
    row = tables.the_notification()
    assert (row["Attempts"], row["DueAt"]) == (0, milliseconds(again))


def test_a_row_without_what_makes_it_due_is_taken_once(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    row = welcome_of(BOB, clock.now).to_row()
    put(tables, {name: row[name] for name in row if name not in ("DueAt", "DueShard")})
    due = due_by_hand(row["NotificationID"], None)
    assert outbox.claim(due, clock.now)
    assert outbox.claim(due, clock.now) is None


@pytest.mark.parametrize("due_at", ["1.5", "-1000000000000000000000", "0"])
def test_a_row_with_an_odd_due_time_can_be_taken(
    outbox: Outbox, tables: Tables, clock: Clock, due_at: str
) -> None:
    put(tables, {**welcome_of(BOB, clock.now).to_row(), "DueAt": Decimal(due_at)})
    (due,) = all_due(outbox, clock)
    assert outbox.claim(due, clock.now)
    assert outbox.claim(due, clock.now) is None


def test_more_rows_than_a_page_are_all_found(tables: Tables, clock: Clock) -> None:
    outbox = Outbox(tables.client, NOTIFICATIONS)
    for n in range(250):
        put(tables, {**welcome_of(replace(ADA, sub=str(n)), clock.now).to_row(), "DueShard": "0"})
    clock.now += STREAM_GRACE
    assert len(list(outbox.due("0", clock.now))) == 250


def test_a_row_is_a_workers_for_eight_minutes(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    assert claimed(outbox, tables, clock).lease == milliseconds(clock.now + timedelta(minutes=8))


def test_what_is_due_is_read_by_pages_that_a_worker_gets_through(
    outbox: Outbox, tables: Tables, clock: Clock
) -> None:
    limits = asked(tables, "Query", "Limit")
    all_due(outbox, clock)
    assert set(limits) == {100}


def test_whether_a_row_was_cancelled_is_not_asked_of_a_copy_that_lags(
    outbox: Outbox, tables: Tables, clock: Clock
) -> None:
    consistent = asked(tables, "GetItem", "ConsistentRead")
    outbox.cancel("no such", clock.now)
    assert consistent == [True]


def test_a_cancelled_row_says_so(outbox: Outbox, tables: Tables, clock: Clock) -> None:
    outbox.cancel(due_of(tables).notification_id, clock.now)
    assert tables.the_notification()["Reason"] == "Cancelled"


def test_a_row_without_what_makes_it_due_can_be_given_up_once(
    outbox: Outbox, tables: Tables, clock: Clock
) -> None:
    row = welcome_of(BOB, clock.now).to_row()
    put(tables, {name: row[name] for name in row if name not in ("DueAt", "DueShard")})
    due = due_by_hand(row["NotificationID"], None)
    assert outbox.give_up(due, "Reason")
    assert not outbox.give_up(due, "Reason")
    assert outbox.claim(due, clock.now) is None
    given_up = outbox.get(row["NotificationID"])
    assert given_up
    assert (given_up["State"], given_up["Reason"]) == ("FAILED", "Reason")


def test_rows_are_found_by_the_names_that_are_in_the_tables_out_there() -> None:
    assert (DUE_INDEX, BY_USER_INDEX) == ("Due", "ByUser")
    assert (BROADCASTS, ERASURES, RECONCILIATIONS) == ("broadcast", "erasure", "reconciliation")
    assert {"FANNING_OUT", "FANNED_OUT"} == {FANNING_OUT, FANNED_OUT}


def put(tables: Tables, row: dict[str, object]) -> None:
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(row))
