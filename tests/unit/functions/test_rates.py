from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.notification import milliseconds
from notifications.rates import LONGEST_WAIT, Rates

from .conftest import RATES, Clock, Tables

SECOND = timedelta(seconds=1)


class Watched:
    """DynamoDB, and how often it was written to. before: what happens before each write."""

    def __init__(
        self, client: Any, before: Callable[[int], None] = lambda _: None, silent: bool = False
    ) -> None:
        self.client, self.before, self.silent, self.writes = client, before, silent, 0

    def update_item(self, **request: Any) -> Any:
        self.writes += 1
        self.before(self.writes)
        try:
            return self.client.update_item(**request)
        except ClientError as error:
            if self.silent:
                error.response.pop("Item", None)  # type: ignore[typeddict-item]  # newer than the stubs
            raise


def rates(client: Any, **per_second: float) -> Rates:
    return Rates(client, RATES, per_second)


def next_free(tables: Tables, channel: str = "Email") -> Any:
    return {row["Channel"]: row["NextFree"] for row in tables.rows(RATES)}.get(channel)


def clear(tables: Tables) -> None:
    for row in tables.rows(RATES):
        tables.client.delete_item(TableName=RATES, Key={"Channel": {"S": row["Channel"]}})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    rate=st.sampled_from([0.5, 1, 3, 7, 10, 100, 333.3, 2000]),
    calls=st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0, 0, -3, 2])), max_size=15),
)
def test_no_window_has_more_turns_than_the_rate_allows(
    tables: Tables, rate: float, calls: list[tuple[int, int]]
) -> None:
    # by the line's own clock also when that of a worker is seconds off
    clear(tables)
    clock, line, turns = Clock(), rates(tables.client, Email=rate), []
    for pause, skew in calls:
        clock.forward(milliseconds=pause)
        now = clock.now + timedelta(seconds=skew)
        wait = line.turn("Email", now)
        if wait is not None:
            assert timedelta(0) <= wait <= LONGEST_WAIT
            turns.append(now + wait)
    for first, since in enumerate(turns):
        for count, until in enumerate(turns[first:], start=1):
            assert count <= rate * ((until - since) / SECOND) + 1 + 1e-9


def test_turns_follow_each_other_at_the_rate(tables: Tables, clock: Clock) -> None:
    line = rates(tables.client, Email=4)
    waits = [line.turn("Email", clock.now) for _ in range(11)]
    assert waits == [*(timedelta(milliseconds=250) * n for n in range(9)), None, None]


def test_a_first_turn_comes_at_once_in_one_write(tables: Tables, clock: Clock) -> None:
    watched = Watched(tables.client)
    assert rates(watched, Email=0.5).turn("Email", clock.now) == timedelta(0)
    assert watched.writes == 1
    assert next_free(tables) == milliseconds(clock.now + 2 * SECOND)


def test_a_line_that_is_free_just_now_takes_one_write(tables: Tables, clock: Clock) -> None:
    watched = Watched(tables.client)
    line = rates(watched, Email=1)
    line.turn("Email", clock.now)
    clock.forward(seconds=1)
    assert (line.turn("Email", clock.now), watched.writes) == (timedelta(0), 2)


def test_an_idle_line_saves_up_no_turns(tables: Tables, clock: Clock) -> None:
    line = rates(tables.client, Email=1)
    line.turn("Email", clock.now)
    clock.forward(days=1)
    assert [line.turn("Email", clock.now) for _ in range(2)] == [timedelta(0), SECOND]


def test_a_fraction_of_a_millisecond_is_not_lost(tables: Tables, clock: Clock) -> None:
    line = rates(tables.client, Email=3)
    line.turn("Email", clock.now)
    assert line.turn("Email", clock.now) == timedelta(microseconds=333_334)
    assert next_free(tables) == milliseconds(clock.now) + Decimal("666.668")


def test_a_line_as_long_as_it_may_be_is_joined(tables: Tables, clock: Clock) -> None:
    line = rates(tables.client, Email=0.5)
    assert [line.turn("Email", clock.now) for _ in range(3)] == [timedelta(0), LONGEST_WAIT, None]


def test_a_line_that_is_too_long_is_left_as_it_is_after_one_write(tables: Tables, clock: Clock) -> None:
    watched = Watched(tables.client)
    line = rates(watched, Email=0.25)
    line.turn("Email", clock.now)
    before = next_free(tables)
    assert line.turn("Email", clock.now) is None
    assert (next_free(tables), watched.writes) == (before, 2)


def test_channels_have_lines_of_their_own(tables: Tables, clock: Clock) -> None:
    line = rates(tables.client, Email=0.1, SMS=0.1)
    assert [line.turn(channel, clock.now) for channel in ("Email", "SMS")] == [timedelta(0)] * 2
    assert [line.turn(channel, clock.now) for channel in ("Email", "SMS")] == [None, None]


def test_a_channel_without_a_rate_is_not_bounded(tables: Tables, clock: Clock) -> None:
    watched = Watched(tables.client)
    assert [rates(watched, Email=1).turn("SMS", clock.now) for _ in range(50)] == [timedelta(0)] * 50
    assert watched.writes == 0


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize(("others", "expected"), [(0, 1), (1, 2), (2, None), (5, None)])
def test_two_workers_between_each_others_writes(
    tables: Tables, clock: Clock, silent: bool, others: int, expected: int | None
) -> None:
    # silent: a DynamoDB that does not say why a condition failed
    other = rates(tables.client, Email=1)
    other.turn("Email", clock.now)

    def interrupt(write: int) -> None:
        if write == 2:
            for _ in range(others):
                other.turn("Email", clock.now)

    wait = rates(Watched(tables.client, interrupt, silent), Email=1).turn("Email", clock.now)
    assert wait == (None if expected is None else expected * SECOND)
    taken = 1 + min(others, 2) + (expected is not None)
    assert next_free(tables) == milliseconds(clock.now + taken * SECOND)


@pytest.mark.parametrize("silent", [False, True])
def test_under_contention_a_turn_takes_two_writes_at_most(tables: Tables, clock: Clock, silent: bool) -> None:
    watched = Watched(tables.client, silent=silent)
    line = rates(watched, Email=1)
    for _ in range(10):
        before = watched.writes
        line.turn("Email", clock.now)
        assert watched.writes - before <= 2


def test_another_failure_is_not_taken_for_a_line(tables: Tables, clock: Clock) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        Rates(tables.client, "elsewhere", {"Email": 1}).turn("Email", clock.now)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"above zero: SMS, Push$"):
        rates(None, Email=1, SMS=rate, Push=rate)
