"""Every call with every fault, once and for a stretch of time: which trials there are, what came of each."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlsplit

from scripts.local_aws import process
from tests.deployment import Deployment
from tests.faults import duplicates
from tests.faults.calls import Call, permissions_of
from tests.faults.fault_point import Fault, FaultPoint, Plan, positions
from tests.faults.lane import Lane
from tests.faults.scenario import Scenario

# how often the function is called while a fault lasts
CALLED_IN_A_STRETCH = 2
# the machine may be so busy that a client gives up by itself: that is a fault that nobody asked for
TRIES = 3
BUSY = "the machine is so busy that calls fail by themselves"
TIMEOUTS_AT_ONCE = 16
# a function, and what it may do, in the words of `Call.permissions`
Permission = tuple[str, str]


@dataclass(frozen=True)
class Trial:
    """One fault of one call of one scenario.

    call: as its name is, by `str(Call)`. nth: which of these, from 1; None for all, for a stretch of time.
    """

    way: str
    scenario: str
    function: str
    call: str
    nth: int | None
    fault: Fault

    @property
    def name(self) -> str:
        """By which the same trial can be run again."""
        when = "stretch" if self.nth is None else f"once, {self.nth}"
        return f"{self.way} / {self.scenario} / {self.call} / {self.fault} ({when})"

    def plan(self) -> Plan:
        return Plan(self.fault, self.call, self.function, self.nth)


@dataclass(frozen=True)
class Result:
    """What came of a trial.

    duplicates: messages too many. wrong: what must not be, or nothing.
    repeated: how often it was done again, since a busy machine had disturbed it and something was wrong.
    """

    trial: Trial
    duplicates: int = 0
    wrong: str = ""
    repeated: int = 0

    @property
    def json(self) -> dict[str, Any]:
        of_trial = {**asdict(self.trial), "name": self.trial.name}
        return {
            **of_trial,
            "duplicates": self.duplicates,
            "wrong": self.wrong,
            "repeated": self.repeated,
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Self:
        trial = Trial(
            said["way"],
            said["scenario"],
            said["function"],
            said["call"],
            said["nth"],
            Fault(said["fault"]),
        )
        return cls(trial, said["duplicates"], said["wrong"], said["repeated"])


def trials(way: str, scenario: Scenario, calls: Sequence[tuple[str, Call]]) -> Iterator[Trial]:
    """Every call that was seen with every fault.

    A timeout is the longest of all faults, and to the world what KILL_BEFORE is: the first call of each name
    has it, and no stretch.
    """

    def trial(call: str, nth: int | None, fault: Fault) -> Trial:
        return Trial(way, str(scenario), scenario.function, call, nth, fault)

    seen = list(positions(list(calls), scenario.function))
    for call, nth in seen:
        for fault in Fault:
            if fault is not Fault.TIMEOUT or nth == 1:
                yield trial(call, nth, fault)
    for call in dict.fromkeys(call for call, _nth in seen):
        for fault in Fault:
            if fault is not Fault.TIMEOUT:
                yield trial(call, None, fault)


@dataclass(frozen=True)
class Matrix:
    """Runs scenarios with a deployed system, side by side."""

    base: Deployment
    point: FaultPoint
    free: "queue.SimpleQueue[Lane]" = field(default_factory=queue.SimpleQueue)
    made: list[Lane] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, base: Deployment, *, vanishes: bool = False) -> Iterator["Matrix"]:
        """A matrix whose lanes are unmade in the end.

        vanishes: the emulator does after that, and the lanes with it.
        """
        url = str(base.environment.endpoint_url)
        emulator = process.find(int(urlsplit(url).port or 0))
        assert emulator, f"the emulator at {url} was not started from here: its functions cannot be killed"
        with FaultPoint(url, emulator.pid) as point:
            matrix = cls(base, point)
            try:
                yield matrix
            finally:
                for lane in matrix.made if not vanishes else []:
                    lane.unmake()

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        """A lane that nobody else has, for a while: one that was made before, or a new one."""
        try:
            lane = self.free.get_nowait()
        except queue.Empty:
            lane = Lane.of(self.base, self.point)
            self.made.append(lane)
        try:
            yield lane
        finally:
            self.free.put(lane)

    def allowed(self) -> set[Permission]:
        """What the policies of the deployed functions let them do, but for what Lambda itself does so."""
        iam = self.base.client("iam")
        found = set()
        for handler in self.base.outputs["function_names"]:
            role = self.base.configuration(handler)["Role"].rpartition("/")[2]
            policy = iam.get_role_policy(RoleName=role, PolicyName="permissions")["PolicyDocument"]
            found |= {(handler, each) for each in permissions_of(policy)}
        return found

    def calls(self, lane: Lane, scenario: Scenario) -> list[tuple[str, Call]]:
        """What a scenario's functions call where nothing goes wrong.

        Raises:
            AssertionError: something does.
        """
        for _ in range(TRIES):
            calls, twice = self._run(lane, scenario, None)
            if not self.point.disturbed(lane.name):
                assert not twice, f"{scenario}: {twice} duplicate(s) without any fault"
                return calls
        raise AssertionError(f"{scenario}: {BUSY}")

    def result(self, lane: Lane, scenario: Scenario, trial: Trial) -> Result:
        """What comes of a trial."""
        for repeated in range(TRIES):
            result = replace(self._result(lane, scenario, trial), repeated=repeated)
            if not self.point.disturbed(lane.name) or not result.wrong:
                return result
        return replace(result, wrong=f"{result.wrong} ({BUSY})")

    def _result(self, lane: Lane, scenario: Scenario, trial: Trial) -> Result:
        plan = trial.plan()
        try:
            _calls, twice = self._run(lane, scenario, plan)
        except Exception as error:
            return Result(trial, wrong=f"{type(error).__name__}: {error}"[:500])
        if not plan.made:
            return Result(trial, twice, "the call was not made, and so was the fault not")
        if twice and not duplicates.reason(trial.function, trial.call, trial.fault):
            return Result(trial, twice, f"{twice} duplicate(s), which the design does not allow")
        if twice > duplicates.most(plan.fault, plan.made):
            return Result(trial, twice, f"{twice} duplicate(s), and the fault was made {plan.made} time(s)")
        return Result(trial, twice)

    def _run(self, lane: Lane, scenario: Scenario, plan: Plan | None) -> tuple[list[tuple[str, Call]], int]:
        lane.clean()
        case = scenario.begin(lane)
        self.point.arm(lane.name, plan)
        try:
            for _ in range(CALLED_IN_A_STRETCH if plan and plan.nth is None else 1):
                case.act()
        finally:
            calls = self.point.disarm(lane.name)
        case.recover()
        return calls, case.verify()

    def run(
        self,
        way: str,
        scenarios: Sequence[Scenario],
        wanted: Callable[[Trial], bool],
        lanes: int,
        *,
        begun: Callable[[int, set[Permission]], None],
        ended: Callable[[Result], None],
    ) -> None:
        """Runs the trials that are wanted, and tells what came of each.

        Timeouts come on top: they do nothing but wait.

        Args:
            begun: is told how many there are, and what must be allowed for the calls that the scenarios make
                without faults. ended: is told of each, by one thread at a time.
        """
        one_at_a_time = threading.Lock()

        def calls(scenario: Scenario) -> list[tuple[str, Call]]:
            with self.lane() as lane:
                return self.calls(lane, scenario)

        def result(scenario: Scenario, trial: Trial) -> Result:
            with self.lane() as lane:
                return self.result(lane, scenario, trial)

        def tell(done: "Future[Result]") -> None:
            if not done.cancelled():
                with one_at_a_time:
                    ended(done.result())

        with ThreadPoolExecutor(lanes) as pool, ThreadPoolExecutor(TIMEOUTS_AT_ONCE) as patient:
            seen = list(pool.map(calls, scenarios))
            todo = [
                (scenario, trial)
                for scenario, made in zip(scenarios, seen, strict=True)
                for trial in trials(way, scenario, made)
                if wanted(trial)
            ]
            one_of_each = {(trial.function, trial.call): (it, trial) for it, trial in todo if _waits(trial)}
            slow = list(one_of_each.values())
            quick = [(it, trial) for it, trial in todo if not _waits(trial)]
            used = {(who, each) for made in seen for who, call in made for each in call.permissions}
            begun(len(slow) + len(quick), used)
            futures = [patient.submit(result, *each) for each in slow]
            futures += [pool.submit(result, *each) for each in quick]
            try:
                for future in futures:
                    future.add_done_callback(tell)
                for future in futures:
                    future.result()
            except BaseException:
                # whoever has had enough does not wait for what hangs
                for future in futures:
                    future.cancel()
                self.point.end_functions()
                raise


def _waits(trial: Trial) -> bool:
    """Whether it does nothing but wait, for as long as a function may run: one of each call is enough."""
    return trial.fault is Fault.TIMEOUT
