"""All that is tried with e-mail going out one way; for a process of its own."""

import tempfile
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from tests.faults.matrix import Matrix
from tests.faults.scenario import Scenario, scenarios
from tests.faults.scenarios.delivery import moved, opt_in, stop
from tests.faults.way import Over
from tests.iam import others
from tests.iam.trial import Bench
from tests.place import emulated


def run_way(way: str, told: "Queue[Any]") -> None:
    """Tells what came of each, from an emulator of its own, and in the end that it is over."""
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            emulated(Path(folder), as_deployed=False) as place,
            Matrix.of(place.deploy(way)) as matrix,
            matrix.lane() as lane,
        ):
            bench = Bench(lane, matrix.point, wanted(way))
            for outcome in bench.outcomes(lambda done, of: told.put((way, done, of))):
                told.put(outcome)
            for each in others.told(bench, way):
                told.put(each)
    except KeyboardInterrupt:
        told.put(Over("interrupted"))
    except Exception as error:
        told.put(Over(f"{way}: {type(error).__name__}: {error}"))
    else:
        told.put(Over())


def wanted(way: str) -> list[Scenario]:
    """The scenarios of the faults, and those of `deliver` for `sweep` too, which has a role of its own."""
    more = {"ses": [stop], "sns": [opt_in, moved]}[way]
    return scenarios(way) + [Scenario(begins.__name__, "sweep", begins("sweep"), way) for begins in more]
