"""All trials with e-mail going out one way."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.deployment import Deployment
from tests.faults.matrix import Matrix, Permission, Trial
from tests.faults.scenario import Scenario, scenarios
from tests.ways import WAYS, Tell


@dataclass(frozen=True)
class Begun:
    """So many trials are to be run. allowed: what functions may do; used: what scenarios have them do."""

    trials: int
    allowed: set[Permission]
    used: set[Permission]


def chosen(way: str, only: Sequence[str]) -> list[Scenario]:
    """The scenarios that must be run: where a trial is given by its whole name, its own alone."""
    whole = [each for each in only if each.startswith(tuple(f"{each} / " for each in WAYS))]
    return [it for it in scenarios(way) if all(each.startswith(f"{way} / {it} / ") for each in whole)]


def run_way(system: Deployment, tell: Tell, only: Sequence[str], lanes: int) -> None:
    """Tells how many trials there are, and the result of each."""

    def wanted(trial: Trial) -> bool:
        return all(each in trial.name for each in only)

    with Matrix.of(system, vanishes=True) as matrix:
        matrix.run(
            system.way,
            chosen(system.way, only),
            wanted,
            lanes,
            begun=lambda trials, used: tell(Begun(trials, matrix.allowed(), used)),
            ended=tell,
        )
