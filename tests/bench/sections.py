"""The sections of `make bench`, by name, in the order of the page."""

from collections.abc import Callable, Mapping

from tests.bench import cold, cost, due, functions, package, warm
from tests.bench.result import Result
from tests.bench.run import Run

SECTIONS: Mapping[str, Callable[[Run], Result]] = {
    "trigger": warm.measure,
    "cold": cold.measure,
    "functions": functions.measure,
    "package": package.measure,
    "cost": cost.measure,
    "sweep": due.measure,
}
