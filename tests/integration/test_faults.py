"""A part of `make test-faults`: what costs most when it goes wrong, of the calls that everybody needs."""

import pytest

from tests.deployment import Deployment
from tests.faults.fault_point import Fault
from tests.faults.matrix import Matrix, Result, Trial
from tests.faults.scenario import scenarios

from .conftest import ONCE

PART = ("post_confirmation: a person confirms", "deliver: an order by every channel")
# the service has acted and nobody hears of it; nobody is left who could: that is also who dies a line later
FAULTS = {Fault.RESET_AFTER, Fault.KILL_AFTER}
SIDE_BY_SIDE = 4


@ONCE
@pytest.mark.needs("local-aws")
def test_nothing_is_lost_when_an_answer_is_or_the_function_dies(system: Deployment) -> None:
    def wanted(trial: Trial) -> bool:
        return trial.fault in FAULTS and trial.nth is not None

    results: list[Result] = []
    chosen = [each for each in scenarios(system.way) if str(each) in PART]
    with Matrix.of(system) as matrix:
        matrix.run(
            system.way,
            chosen,
            wanted,
            SIDE_BY_SIDE,
            begun=lambda _trials, _used: None,
            ended=results.append,
        )
    assert len(results) > len(FAULTS) * len(chosen)
    assert not [(result.trial.name, result.wrong) for result in results if result.wrong]
