"""When people come, and when a rate is said to be kept."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.load.schedule import ALLOWED_SECONDS, LATE, Step, arrivals, steps

KEPT = Step(rate=10, seconds=10, came=100, on_their_way=20, late=0.01, reading=2)


def test_people_come_by_chance_at_the_rate() -> None:
    moments = list(arrivals(20, 100, "1"))
    assert len(moments) == pytest.approx(2000, rel=0.1)
    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < 100
    gaps = [b - a for a, b in pairwise(moments)]
    # as many near each other as chance has it, and not one after the other by the clock
    assert sum(gap < 0.05 * 0.6931 for gap in gaps) == pytest.approx(len(gaps) / 2, rel=0.1)


def test_the_same_chance_lets_the_same_people_come() -> None:
    assert list(arrivals(5, 9, "7")) == list(arrivals(5, 9, "7"))


def test_rates_rise_by_a_factor_up_to_the_last() -> None:
    assert steps(8, 20, 1.5) == [8, 12, 18]
    assert steps(8, 7, 1.5) == [8]


def test_a_rate_is_kept_while_only_those_are_on_their_way_who_read_their_mail() -> None:
    assert KEPT.backlog_seconds == 0
    assert KEPT.behind == ""
    assert replace(KEPT, on_their_way=10 * int(ALLOWED_SECONDS + 2) + 1).behind == "the system"


def test_a_generator_that_is_late_is_named_before_the_system() -> None:
    assert replace(KEPT, on_their_way=1000, late=LATE + 0.01).behind == "the generator"


def test_nobody_who_came_is_no_error() -> None:
    assert replace(KEPT, came=0, on_their_way=0).behind == ""
