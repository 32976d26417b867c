"""All that is tried with e-mail going out one way."""

from tests.deployment import Deployment
from tests.faults.matrix import Matrix
from tests.faults.scenario import Scenario, scenarios
from tests.faults.scenarios.delivery import moved, opt_in, stop
from tests.iam import others
from tests.iam.trial import Bench
from tests.ways import Tell


def run_way(system: Deployment, tell: Tell) -> None:
    """Tells what came of each, and how far it is."""
    with Matrix.of(system) as matrix, matrix.lane() as lane:
        bench = Bench(lane, matrix.point, wanted(system.way))
        for outcome in bench.outcomes(lambda done, of: tell((system.way, done, of))):
            tell(outcome)
        for each in others.told(bench, system.way):
            tell(each)


def wanted(way: str) -> list[Scenario]:
    """The scenarios of the faults, and those of `deliver` for `sweep` too, which has a role of its own."""
    more = {"ses": [stop], "sns": [opt_in, moved]}[way]
    return scenarios(way) + [Scenario(begins.__name__, "sweep", begins("sweep"), way) for begins in more]
