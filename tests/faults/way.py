"""All trials with e-mail going out one way, in a process and an emulator of their own."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path

from tests.faults.matrix import Matrix, Permission, Result, Trial
from tests.faults.scenario import Scenario, scenarios
from tests.place import emulated

WAYS = ("ses", "sns")


@dataclass(frozen=True)
class Begun:
    """So many trials are to be run. allowed: what functions may do; used: what scenarios have them do."""

    trials: int
    allowed: set[Permission]
    used: set[Permission]


@dataclass(frozen=True)
class Over:
    """One way for e-mail is done with. error: what ended it; empty when nothing did."""

    error: str = ""


def chosen(way: str, only: Sequence[str]) -> list[Scenario]:
    """The scenarios that must be run: where a trial is given by its whole name, its own alone."""
    whole = [each for each in only if each.startswith(tuple(f"{each} / " for each in WAYS))]
    return [it for it in scenarios(way) if all(each.startswith(f"{way} / {it} / ") for each in whole)]


def run_way(way: str, only: Sequence[str], lanes: int, told: "Queue[Begun | Result | Over]") -> None:
    """All trials with e-mail going out one way, in an emulator of their own; for a process of its own."""

    def wanted(trial: Trial) -> bool:
        return all(each in trial.name for each in only)

    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            emulated(Path(folder), as_deployed=False) as place,
            Matrix.of(place.deploy(way), vanishes=True) as matrix,
        ):
            matrix.run(
                way,
                chosen(way, only),
                wanted,
                lanes,
                begun=lambda trials, used: told.put(Begun(trials, matrix.allowed(), used)),
                ended=told.put,
            )
    except KeyboardInterrupt:
        told.put(Over("interrupted"))
    except Exception as error:
        told.put(Over(f"{way}: {type(error).__name__}: {error}"))
    else:
        told.put(Over())
