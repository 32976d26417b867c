"""The sections of `make bench`, by name, in the order of the page."""

from collections.abc import Callable, Mapping

from tests.bench import cold, cost, delivery, due, functions, package, team, warm
from tests.bench.result import Result
from tests.bench.run import Run

SECTIONS: Mapping[str, Callable[[Run], Result]] = {
    "trigger": warm.measure,
    "cold": cold.measure,
    "functions": functions.measure,
    "package": package.measure,
    "cost": cost.measure,
    "delivery": delivery.measure,
    "sweep": due.measure,
    "team": team.measure,
}
