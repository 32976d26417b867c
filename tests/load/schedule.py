"""When people come, and what came of a rate."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

# a rate is kept while no more people are on their way than come in this many seconds, and in those that they
# take to read their mail
ALLOWED_SECONDS = 3.0
# a generator that begins later than this, in seconds, is not what the clock says
LATE = 0.25


def arrivals(rate: float, seconds: float, seed: str) -> Iterator[float]:
    """The moments at which people come, in seconds from the start: a Poisson process of so many a second.

    seed: the same one lets them come at the same moments.
    """
    chance = random.Random(seed)  # noqa: S311 - not a secret
    moment = chance.expovariate(rate)
    while moment < seconds:
        yield moment
        moment += chance.expovariate(rate)


def steps(first: float, last: float, factor: float) -> list[float]:
    """Rates to try, each a factor higher, one decimal."""
    rates = [first]
    while rates[-1] * factor <= last:
        rates.append(round(rates[-1] * factor, 1))
    return rates


@dataclass(frozen=True)
class Step:
    """What came of one rate.

    rate: people a second that were to come. seconds: for how long. came: who did.
    on_their_way: who was due and not yet welcomed, at the end.
    late: by how many seconds the generator was, of the latest of a hundred calls.
    reading: seconds that a person takes to read their mail, and is on their way.
    """

    rate: float
    seconds: float
    came: int
    on_their_way: int
    late: float
    reading: float

    @property
    def backlog_seconds(self) -> float:
        """How long it takes that as many come as are on their way, beyond those who read."""
        return self.on_their_way * self.seconds / max(self.came, 1) - self.reading

    @property
    def behind(self) -> str:
        """What fell behind, the system being that in the emulator; empty if the rate was kept."""
        if self.late > LATE:
            return "the generator"
        if self.backlog_seconds > ALLOWED_SECONDS:
            return "the system"
        return ""
