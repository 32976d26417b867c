"""Medians, and how sure they are."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.statistics import Estimate, quantile, ratio, spread

SAMPLES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50)


@given(SAMPLES, st.floats(0, 1))
def test_a_quantile_lies_among_the_samples_and_so_many_do_not_exceed_it(
    samples: list[float], share: float
) -> None:
    found = quantile(samples, share)
    assert min(samples) <= found <= max(samples)
    assert sum(sample <= found for sample in samples) >= math.floor(share * (len(samples) - 1)) + (share == 1)


@given(SAMPLES)
def test_the_quantile_of_a_half_is_the_median(samples: list[float]) -> None:
    assert quantile(samples, 0.5) == pytest.approx(statistics.median(samples))


@pytest.mark.parametrize(("samples", "share"), [([], 0.5), ([1.0], -0.1), ([1.0], 1.1)])
def test_there_is_no_quantile_of_nothing_nor_beyond_all(samples: list[float], share: float) -> None:
    with pytest.raises(ValueError, match=r"sample|share"):
        quantile(samples, share)


def test_a_spread_is_the_middle_half() -> None:
    assert spread([1, 2, 3, 4, 100]) == Estimate(3, 2, 4)


def test_what_slows_down_both_is_no_difference() -> None:
    chance = random.Random(1)  # noqa: S311 - not a secret
    load = [chance.uniform(1, 50) for _ in range(100)]
    found = ratio([2 * slow for slow in load], [4 * slow for slow in load])
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_holds_the_ratio_and_narrows_with_more_rounds() -> None:
    chance = random.Random(1)  # noqa: S311 - not a secret

    def found(rounds: int) -> Estimate:
        return ratio(
            [chance.gauss(1, 0.2) for _ in range(rounds)], [chance.gauss(2, 0.2) for _ in range(rounds)]
        )

    few, many = found(10), found(400)
    assert many.low < 0.5 < many.high
    assert many.high - many.low < few.high - few.low


def test_who_did_not_take_part_in_each_round_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1, 2], [1])
    with pytest.raises(ValueError, match="no samples"):
        ratio([], [])
