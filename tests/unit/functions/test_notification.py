import random
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.notification import (
    CLOCKS_DIFFER,
    DUE_SHARDS,
    EPOCH,
    HISTORY,
    LEASE,
    LEFT_TO_NEWER,
    LONGEST_RUN,
    MAKE_WAY,
    MAX_ATTEMPTS,
    OPT_IN_POLL_MAX,
    OPT_IN_POLL_MIN,
    RETRY_BASE,
    RETRY_CAP,
    InvalidRowError,
    Notification,
    Outcome,
    State,
    UnknownStateError,
    due_shard,
    instant,
    milliseconds,
    next_due,
    timestamp,
)
from notifications.registration import welcome_of

from .conftest import ADA

texts = st.text(min_size=1)
moments = st.integers(0, 4 * 10**12).map(lambda value: EPOCH + timedelta(milliseconds=value))  # up to 2096
notifications = st.builds(
    Notification,
    notification_id=texts,
    user_id=texts,
    sub=texts,
    category=texts,
    template=texts,
    created_at=moments,
    good_until=moments,
    due_at=moments,
    state=st.sampled_from(State),
    attempts=st.integers(0, 100),
    data=st.dictionaries(texts, texts),
)
WELCOME = welcome_of(ADA, datetime(2026, 11, 22, tzinfo=UTC))
NOTHING: Any = object()
WAITING = [state for state in State if not state.final]


@given(notifications)
@example(replace(WELCOME, due_at=datetime(2038, 1, 19, 3, 14, 8, 2000, tzinfo=UTC)))  # not exact as a float
def test_a_row_is_read_as_it_was_written(notification: Notification) -> None:
    assert Notification.from_row(notification.to_row()) == notification


@given(notifications, st.data())
def test_a_row_that_lacks_something_names_it(notification: Notification, data: st.DataObject) -> None:
    row = notification.to_row()
    name = data.draw(st.sampled_from(sorted(set(row) - {"DueShard", "ExpiresAt", "Results"})))
    wrong = data.draw(st.sampled_from([NOTHING, None, [], float("nan"), 10**30]))
    del row[name]
    if (
        wrong is not NOTHING
        and not (name == "Attempts" and wrong == 10**30)
        and not (name == "Data" and wrong == [])
    ):
        row[name] = wrong
    with pytest.raises(InvalidRowError, match=rf"^{name} (is missing|is not a text|cannot be read)$"):
        Notification.from_row(row)


def test_a_row_has_all_that_it_is_found_by() -> None:
    assert welcome_of(ADA, WELCOME.created_at).to_row() == {
        "NotificationID": f"welcome#{ADA.sub}",
        "UserID": "ada",
        "Sub": ADA.sub,
        "Category": "account",
        "Template": "welcome",
        "Data": {},
        "State": "QUEUED",
        "Attempts": 0,
        "CreatedAt": "2026-11-22T00:00:00.000Z",
        "GoodUntil": "2026-11-25T00:00:00.000Z",
        "DueAt": 1795305690000,
        "DueShard": due_shard(f"welcome#{ADA.sub}"),
        "Results": {},
        "ExpiresAt": 1803340800,
    }


def test_what_is_logged_of_each_target_is_read() -> None:
    sent = {"At": "2026-11-22T00:00:00.000Z", "State": "SENT", "Reason": "why", "MessageID": "1"}
    row = {**WELCOME.to_row(), "Results": {"Email": sent, "SMS": {"State": "RETRY"}}}
    assert Notification.from_row(row).results == {
        "Email": Outcome(State.SENT, "why", "1"),
        "SMS": Outcome(State.RETRY),
    }
    del row["Results"]
    assert Notification.from_row(row).results == {}


@pytest.mark.parametrize("log", ["none", None, {"Email": None}, {"Email": {}}, {"Email": {"State": ""}}])
def test_a_log_that_cannot_be_read_is_named(log: object) -> None:
    with pytest.raises(InvalidRowError, match=r"^Results cannot be read$") as raised:
        Notification.from_row({**WELCOME.to_row(), "Results": log})
    assert not isinstance(raised.value, UnknownStateError)


@pytest.mark.parametrize("change", [{"State": "NEWER"}, {"Results": {"Email": {"State": "NEWER"}}}])
def test_a_state_of_a_newer_version_is_told_from_a_row_that_cannot_be_read(change: dict[str, Any]) -> None:
    row = {**WELCOME.to_row(), "Attempts": 3, **change}
    with pytest.raises(UnknownStateError, match=r"^a state is not known$") as raised:
        Notification.from_row(row)
    assert (raised.value.good_until, raised.value.attempts) == (WELCOME.good_until, 3)
    with pytest.raises(InvalidRowError, match=r"^Data is missing$"):
        Notification.from_row({**row, "Data": None})


@pytest.mark.parametrize("state", ["", 1])
def test_a_state_that_is_no_name_cannot_be_read(state: object) -> None:
    with pytest.raises(InvalidRowError, match=r"^State cannot be read$"):
        Notification.from_row({**WELCOME.to_row(), "State": state})


@pytest.mark.parametrize("text", ["", 1])
def test_a_name_must_be_a_text_that_is_not_empty(text: object) -> None:
    with pytest.raises(InvalidRowError, match=r"^Sub is not a text$"):
        Notification.from_row({**WELCOME.to_row(), "Sub": text})


def test_moments_are_written_in_utc_and_read_with_their_zone() -> None:
    moment = datetime(2026, 11, 22, 13, 0, 0, 5999, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(moment) == "2026-11-22T12:00:00.005Z"
    assert milliseconds(moment) == 1795348800005
    assert instant("2026-11-22T13:00:00+01:00") == datetime(2026, 11, 22, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match=r"^no time zone$"):
        instant("2026-11-22T13:00:00")


@given(notifications)
def test_the_log_outlives_what_still_waits(notification: Notification) -> None:
    expires = datetime.fromtimestamp(notification.to_row()["ExpiresAt"], tz=UTC)
    assert timedelta() <= notification.good_until + HISTORY - expires < timedelta(seconds=1)


@given(notifications, moments, st.none() | moments)
def test_what_is_put_off_is_looked_at_when_it_is_over_at_the_latest(
    notification: Notification, now: datetime, again: datetime | None
) -> None:
    due = next_due(notification, Outcome(State.DEFERRED, again=again), now)
    assert due == min(again or now + MAKE_WAY, notification.good_until)


@given(notifications, st.sampled_from([state for state in State if state.final]), moments)
def test_what_is_final_is_never_due_again(notification: Notification, state: State, now: datetime) -> None:
    assert next_due(notification, Outcome(state), now) is None


@given(notifications, moments)
def test_a_retry_comes_later_each_time_up_to_a_cap(notification: Notification, now: datetime) -> None:
    due = next_due(notification, Outcome(State.RETRY), now)
    assert due is not None
    longest = min(
        RETRY_BASE.total_seconds() * 2.0 ** max(notification.attempts - 1, 0), RETRY_CAP.total_seconds()
    )
    assert longest / 2 <= (due - now).total_seconds() <= longest


@given(notifications, st.timedeltas(timedelta(), timedelta(days=4)))
def test_an_opt_in_is_looked_for_often_at_first(notification: Notification, age: timedelta) -> None:
    now = notification.created_at + age
    due = next_due(notification, Outcome(State.WAITING_OPT_IN), now)
    assert due is not None
    assert OPT_IN_POLL_MIN <= due - now <= OPT_IN_POLL_MAX
    assert due - now <= max(OPT_IN_POLL_MIN, age / 10)


def test_retries_outlast_an_outage_of_hours() -> None:
    pauses = [min(RETRY_BASE * 2**n, RETRY_CAP) / 2 for n in range(MAX_ATTEMPTS - 1)]
    assert sum(pauses, timedelta()) > timedelta(hours=2)


@given(texts)
def test_rows_are_spread_over_all_shards_and_no_others(notification_id: str) -> None:
    assert 0 <= int(due_shard(notification_id)) < DUE_SHARDS
    assert {due_shard(f"welcome#{n}") for n in range(200)} == {str(n) for n in range(DUE_SHARDS)}


def test_a_lease_outlasts_every_run_by_as_much_as_clocks_may_differ() -> None:
    assert LEASE - LONGEST_RUN == CLOCKS_DIFFER >= timedelta(minutes=5)


def test_a_row_is_tried_twelve_times_over_six_hours_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = Mock(return_value=1.0)
    monkeypatch.setattr(random, "uniform", longest)
    now = WELCOME.created_at
    pauses = []
    for attempts in range(1, MAX_ATTEMPTS + 1):
        due = next_due(replace(WELCOME, attempts=attempts), Outcome(State.RETRY), now)
        assert due
        pauses.append((due - now).total_seconds())
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, *[3600] * 5]
    longest.assert_called_with(0.5, 1.0)


@pytest.mark.parametrize(("age", "pause"), [(0, 10), (99, 10), (200, 20), (2999, 299.9), (10**6, 300)])
def test_an_opt_in_is_looked_for_less_and_less_often(age: int, pause: float) -> None:
    now = WELCOME.created_at + timedelta(seconds=age)
    due = next_due(WELCOME, Outcome(State.WAITING_OPT_IN), now)
    assert due == now + timedelta(seconds=pause)


def test_what_has_made_way_comes_back_in_five_seconds() -> None:
    now = WELCOME.created_at
    assert next_due(WELCOME, Outcome(State.DEFERRED), now) == now + timedelta(seconds=5)


def test_the_log_of_a_row_is_kept_for_ninety_days() -> None:
    assert WELCOME.to_row()["ExpiresAt"] == int((WELCOME.good_until + timedelta(days=90)).timestamp())


def test_a_new_row_is_the_streams_for_ninety_seconds() -> None:
    now = WELCOME.created_at
    assert welcome_of(ADA, now).due_at - now == timedelta(seconds=90)


def test_what_is_left_to_a_newer_version_is_looked_at_each_minute() -> None:
    assert timedelta(minutes=1) == LEFT_TO_NEWER


def test_an_outcome_says_nothing_that_it_was_not_given() -> None:
    assert astuple(Outcome(State.SENT)) == (State.SENT, "", "", False, None)


def test_rows_are_spread_over_eight_shards_and_stay_in_theirs() -> None:
    assert {due_shard(str(number)) for number in range(100)} == set("01234567")
    # rows of another shard than their own are never found again: this is as it is in the tables out there
    assert due_shard("welcome#5f0c6f3e-ada") == "1"


@pytest.mark.parametrize("state", State)
def test_what_waits_is_not_final(state: State) -> None:
    assert state.final is (state not in {"QUEUED", "WAITING_OPT_IN", "RETRY", "DEFERRED"})
