"""Percentiles, spans, what waits, and rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.load.figures import Latency, backlog, length, outside, percentile, rates

VALUES = st.lists(st.floats(0, 1e6), min_size=1)


def test_a_percentile_is_the_value_at_its_rank() -> None:
    hundred = [float(number) for number in range(100, 0, -1)]
    assert [percentile(hundred, percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([3.0], 1) == 3.0


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
    assert Latency.of_spans("steady", "a to b", []) is None


@given(VALUES, st.integers(1, 100))
def test_so_many_percent_do_not_exceed_a_percentile_and_it_is_the_smallest_such(
    values: list[float], percent: int
) -> None:
    found = percentile(values, percent)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_latency_counts_from_when_it_was_due() -> None:
    latency = Latency.of_spans("steady", "a to b", [(10, 11), (10, 15)])
    assert latency
    assert (latency.count, latency.percentiles[50], latency.longest) == (2, 1, 5)


def test_a_span_that_an_interruption_touches_is_left_out() -> None:
    spans = [(0.0, 1.0), (1.0, 3.0), (3.0, 9.0), (5.0, 6.0), (8.0, 9.0)]
    assert outside(spans, [(2.0, 4.0), (5.5, 5.6)]) == [(0.0, 1.0), (8.0, 9.0)]
    assert outside(spans, []) == spans


def test_the_time_of_an_interruption_is_none_of_a_phase() -> None:
    assert length(10, 20, [(0, 5), (8, 11), (15, 16), (19, 30)]) == 7
    assert length(10, 20, []) == 10


def test_a_backlog_is_who_came_and_has_not_gone() -> None:
    assert backlog([1, 2, 3], [2.5, 4], [0, 1, 2, 3, 4]) == [0, 1, 2, 2, 1]


@given(st.lists(st.floats(0, 100)), st.floats(0.5, 10))
def test_rates_lose_nobody(times: list[float], width: float) -> None:
    found = rates(times, 0, 101, width)
    assert sum(found) * width == pytest.approx(len(times))


def test_rates_are_of_the_time_between_alone() -> None:
    assert rates([0, 1, 1.5, 4, 6], 1, 5, 2) == [1.0, 0.5]
