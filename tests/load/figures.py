"""What the events of a run say, in numbers."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PERCENTS = (50, 95, 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank).

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]


@dataclass(frozen=True)
class Latency:
    """How long something took, in seconds. of: from what to what."""

    phase: str
    of: str
    count: int
    percentiles: dict[int, float]
    longest: float

    @classmethod
    def of_spans(cls, phase: str, of: str, spans: Iterable[tuple[float, float]]) -> "Latency | None":
        """From begins and ends; None where there are none."""
        taken = [end - begin for begin, end in spans]
        if not taken:
            return None
        return cls(phase, of, len(taken), {p: percentile(taken, p) for p in PERCENTS}, max(taken))


def outside(
    spans: Iterable[tuple[float, float]], gaps: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """The spans in which no gap lies, not even a part of one."""
    return [(a, b) for a, b in spans if not any(a < end and begin < b for begin, end in gaps)]


def length(begin: float, end: float, gaps: Sequence[tuple[float, float]]) -> float:
    """The seconds from begin to end without those of the gaps in between."""
    return end - begin - sum(max(min(end, b) - max(begin, a), 0) for a, b in gaps)


def backlog(came: Iterable[float], went: Iterable[float], moments: Sequence[float]) -> list[int]:
    """How many had come and not gone, at each of some moments."""
    ins, outs = sorted(came), sorted(went)
    return [bisect_right(ins, moment) - bisect_right(outs, moment) for moment in moments]


def rates(times: Iterable[float], begin: float, end: float, width: float) -> list[float]:
    """How many a second there were, in each interval of a width from begin to end."""
    counts = [0] * max(math.ceil((end - begin) / width), 1)
    for time in times:
        if begin <= time < end:
            counts[int((time - begin) // width)] += 1
    return [count / width for count in counts]
