"""Which trials there are, and when one has failed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from tests.faults import duplicates
from tests.faults.calls import Call
from tests.faults.fault_point import Fault, FaultPoint, Plan
from tests.faults.lane import Lane
from tests.faults.matrix import CALLED_IN_A_STRETCH, TRIES, Matrix, Result, Trial, trials
from tests.faults.scenario import Case, Scenario
from tests.faults.scenario import duplicates as counted

SEND = Call("ses", "SendEmail", "", frozenset())
READ = Call("dynamodb", "GetItem", "UserPreferences", frozenset())


class Point:
    """What stands for the fault point: it makes each fault, unless it is told to make none."""

    def __init__(self, *, makes: bool = True, disturbed: bool = False) -> None:
        self.makes, self.is_disturbed = makes, disturbed
        self.armed: Plan | None = None

    def arm(self, _lane: str, plan: Plan | None) -> None:
        if plan and self.makes:
            plan.made += 1
        self.armed = plan

    def disarm(self, _lane: str) -> list[tuple[str, Call]]:
        return [("deliver", READ), ("deliver", SEND), ("sweep", READ)]

    def disturbed(self, _lane: str) -> bool:
        return self.is_disturbed


class Place:
    """What stands for a lane."""

    name = "-lane1"

    def clean(self) -> None:
        """There is nothing."""


@dataclass
class Made(Case):
    """A case that goes as it is told to."""

    verdict: Callable[[], int] = lambda: 0
    steps: list[str] = field(default_factory=list)

    def act(self) -> None:
        self.steps.append("act")

    def recover(self) -> None:
        self.steps.append("recover")

    def verify(self) -> int:
        self.steps.append("verify")
        return self.verdict()


def run(trial: Trial, verdict: Callable[[], int] = lambda: 0, **point: bool) -> tuple[Result, list[str]]:
    steps: list[str] = []
    matrix = Matrix(cast(Any, None), cast(FaultPoint, Point(**point)))
    scenario = Scenario("a mail", "deliver", lambda lane: Made(lane, verdict=verdict, steps=steps))
    return matrix.result(cast(Lane, Place()), scenario, trial), steps


def trial(call: Call = READ, fault: Fault = Fault.FAILED, nth: int | None = 1) -> Trial:
    return Trial("ses", "deliver: a mail", "deliver", str(call), nth, fault)


def test_every_call_of_the_function_meets_every_fault_once_and_for_a_stretch() -> None:
    calls = [("deliver", READ), ("deliver", SEND), ("deliver", READ), ("sweep", SEND)]
    scenario = Scenario("a mail", "deliver", lambda lane: Made(lane))
    found = list(trials("ses", scenario, calls))
    assert len({each.name for each in found}) == len(found)
    quick = set(Fault) - {Fault.TIMEOUT}
    assert {(each.call, each.nth, each.fault) for each in found} == {
        *((str(call), nth, fault) for call, nth in ((READ, 1), (SEND, 1), (READ, 2)) for fault in quick),
        *((str(call), None, fault) for call in (READ, SEND) for fault in quick),
        *((str(call), 1, Fault.TIMEOUT) for call in (READ, SEND)),
    }


def test_all_is_well_when_nothing_is_lost_and_nothing_came_twice() -> None:
    result, steps = run(trial())
    assert result == Result(trial())
    assert steps == ["act", "recover", "verify"]


def test_while_a_fault_lasts_the_function_is_called_again() -> None:
    _result, steps = run(trial(nth=None))
    assert steps.count("act") == CALLED_IN_A_STRETCH


def lost() -> int:
    raise AssertionError("no record: ['ada']")


@pytest.mark.parametrize(
    ("verdict", "point", "wrong"),
    [
        (lost, {}, "no record"),
        (lambda: 1, {}, "1 duplicate(s)"),
        (lambda: 0, {"makes": False}, "the fault not"),
        (lambda: counted([]), {}, "lost: 1"),
    ],
)
def test_a_loss_a_duplicate_and_a_fault_that_was_not_made_are_wrong(
    verdict: Callable[[], int], point: dict[str, bool], wrong: str
) -> None:
    result, _steps = run(trial(), verdict, **point)
    assert wrong in result.wrong


def test_a_duplicate_is_counted_where_the_design_says_that_it_can_be() -> None:
    allowed = trial(SEND, Fault.RESET_AFTER)
    assert run(allowed, lambda: 1)[0] == Result(allowed, duplicates=1)
    for fault in (Fault.KILL_BEFORE, Fault.THROTTLED, Fault.SLOW):
        assert run(trial(SEND, fault), lambda: 1)[0].wrong
    assert run(replace(allowed, function="enqueue"), lambda: 1)[0].wrong


def test_more_duplicates_than_the_fault_can_make_are_wrong() -> None:
    lost, died = (trial(SEND, fault) for fault in (Fault.RESET_AFTER, Fault.KILL_AFTER))
    assert "2 duplicate(s)" in run(lost, lambda: 2)[0].wrong
    assert not run(died, lambda: 3)[0].wrong
    assert "4 duplicate(s)" in run(died, lambda: 4)[0].wrong


def test_every_reason_for_a_duplicate_is_of_a_lost_answer_or_a_dead_worker() -> None:
    refused = {Fault.THROTTLED, Fault.FAILED, Fault.RESET_BEFORE, Fault.SLOW}
    assert all(each.why and not each.faults & refused for each in duplicates.ALLOWED)


def test_what_a_busy_machine_has_disturbed_is_tried_again_and_not_for_ever() -> None:
    verdicts: Iterator[int] = iter([1, 0])
    result, _steps = run(trial(), lambda: next(verdicts), disturbed=True)
    assert (result.wrong, result.repeated) == ("", 1)
    result, steps = run(trial(), lost, disturbed=True)
    assert result.wrong
    assert steps.count("verify") == TRIES
    _result, steps = run(trial(), lost)
    assert steps.count("verify") == 1


def test_a_scenario_that_goes_wrong_by_itself_says_so() -> None:
    matrix = Matrix(cast(Any, None), cast(FaultPoint, Point()))
    scenario = Scenario("a mail", "deliver", lambda lane: Made(lane, verdict=lambda: 1))
    with pytest.raises(AssertionError, match="without any fault"):
        matrix.calls(cast(Lane, Place()), scenario)


def test_the_calls_are_not_those_of_a_run_that_was_disturbed() -> None:
    scenario = Scenario("a mail", "deliver", lambda lane: Made(lane))
    matrix = Matrix(cast(Any, None), cast(FaultPoint, Point(disturbed=True)))
    with pytest.raises(AssertionError, match="busy"):
        matrix.calls(cast(Lane, Place()), scenario)
