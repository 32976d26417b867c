"""Medians, and how sure they are."""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

RESAMPLES = 1000
CONFIDENCE = 0.95
Pair = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A value that was measured, and the range in which it may be. An exact one is its own range."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> "Estimate":
        return cls(value, value, value)


def spread(samples: Sequence[float]) -> Estimate:
    """The median, and between which values the middle half of the samples lies."""
    return Estimate(statistics.median(samples), quantile(samples, 0.25), quantile(samples, 0.75))


def quantile(samples: Sequence[float], share: float) -> float:
    """The value that a share of the samples does not exceed, between two of them where it falls there.

    Raises:
        ValueError: there are no samples, or the share is not from 0 to 1.
    """
    if not samples:
        raise ValueError("there are no samples")
    if not 0 <= share <= 1:
        raise ValueError("a share is from 0 to 1")
    ordered = sorted(samples)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def ratio(ours: Sequence[float], other: Sequence[float]) -> Estimate:
    """The ratio of two medians that were measured in turns, and the 95 % interval of a bootstrap.

    A round, with what each of the two took in it, is drawn as one: what slows down both is not taken for a
    difference.

    Raises:
        ValueError: there are no rounds, or not both took part in each.
    """
    rounds = list(zip(ours, other, strict=True))

    def of(drawn: Sequence[Pair]) -> float:
        return statistics.median(a for a, _ in drawn) / statistics.median(b for _, b in drawn)

    return _bootstrap(rounds, of)


def _bootstrap(samples: Sequence[Pair], of: Callable[[Sequence[Pair]], float]) -> Estimate:
    """A statistic of the samples, with the percentile interval of a bootstrap, the same at each call."""
    if not samples:
        raise ValueError("there are no samples")
    chance = random.Random(0)  # noqa: S311 - not a secret
    found = [of(chance.choices(samples, k=len(samples))) for _ in range(RESAMPLES)]
    outside = (1 - CONFIDENCE) / 2
    return Estimate(of(samples), quantile(found, outside), quantile(found, 1 - outside))
