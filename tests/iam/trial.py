"""One piece of a role's policy is taken away, and the function that has the role does its work."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.faults.fault_point import FaultPoint
from tests.faults.lane import Lane
from tests.faults.scenario import Scenario
from tests.iam.aws_only import ENDPOINTS, ROLES
from tests.iam.pieces import Piece, Policy, document, pieces_of, without

# a change of a policy is in force at once in the local AWS; on a busy machine a call may be lost
TRIES = 2
_ON_ENDPOINTS = {"sns:DeleteEndpoint", "sns:SetEndpointAttributes"}


@dataclass(frozen=True)
class Outcome:
    """What came of a piece's absence.

    denied: the calls that were refused. wrong: what the scenario said of the end. scenario: which it was.
    page: of AWS's, where no run here can tell.
    """

    piece: Piece
    denied: tuple[str, ...] = ()
    wrong: str = ""
    scenario: str = ""
    page: str = ""

    @property
    def needed(self) -> bool:
        return bool(self.denied or self.page)

    @property
    def json(self) -> Mapping[str, Any]:
        piece = self.piece
        return {
            "role": piece.role,
            "statement": piece.statement,
            "action": piece.action,
            "resource": piece.resource,
            "needed": self.needed,
            "denied": list(self.denied),
            "wrong": self.wrong,
            "scenario": self.scenario,
            "page": self.page,
        }


@dataclass(frozen=True)
class Bench:
    """A lane whose functions' roles are changed.

    A role serves the deployed function and the lane's: what is taken away is taken from both.
    """

    lane: Lane
    point: FaultPoint
    scenarios: Sequence[Scenario]

    @property
    def iam(self) -> Any:
        return self.lane.client("iam")

    @cached_property
    def policies(self) -> dict[str, Policy]:
        """The policy of each function's role, as it is deployed."""
        found = {}
        for handler in self.lane.base.outputs["function_names"]:
            answer = self.iam.get_role_policy(RoleName=self._role(handler), PolicyName="permissions")
            said = answer["PolicyDocument"]
            found[handler] = json.loads(said) if isinstance(said, str) else said
        return found

    def _role(self, handler: str) -> str:
        return str(self.lane.base.configuration(handler)["Role"].rpartition("/")[2])

    def _put(self, handler: str, policy: Policy) -> None:
        text = document(policy)
        for name, said in (("permissions", text), (f"permissions{self.lane.name}", self.lane._in_lane(text))):
            self.iam.put_role_policy(RoleName=self._role(handler), PolicyName=name, PolicyDocument=said)

    @contextmanager
    def lacking(self, piece: Piece) -> Iterator[None]:
        """The role without the piece, for a while."""
        self._put(piece.role, without(self.policies[piece.role], piece))
        try:
            yield
        finally:
            self._put(piece.role, self.policies[piece.role])

    def run(self, scenario: Scenario) -> tuple[set[str], str, set[str]]:
        """Runs a scenario: the calls that were denied, what was wrong in the end, the actions that it took.

        What time and operators do afterwards may heal it: another function has permissions of its own.
        """
        self.lane.clean()
        self.point.denied.clear()
        calls, wrong = [], ""
        try:
            case = scenario.begin(self.lane)
            self.point.arm(self.lane.name, None)
            case.act()
            calls = self.point.disarm(self.lane.name)
            case.recover()
            case.verify()
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"[:300]
        denied = set(map(str, self.point.denied))
        own = [call for function, call in calls if function == scenario.function]
        return denied, wrong, {each.partition(" ")[0] for call in own for each in call.permissions}

    def usual(self) -> dict[tuple[str, str], list[Scenario]]:
        """With nothing taken away: which scenarios take which action, by function.

        Raises:
            AssertionError: a call was denied, or a scenario failed.
        """
        found: dict[tuple[str, str], list[Scenario]] = defaultdict(list)
        for scenario in self.scenarios:
            for last in (False, True):
                denied, wrong, own = self.run(scenario)
                if not denied and not wrong:
                    break
                assert not last, f"{scenario}, with all permissions: {sorted(denied)} {wrong}"
            for action in own:
                found[scenario.function, action].append(scenario)
        return found

    def outcomes(self, tell: Callable[[int, int], None]) -> Iterator[Outcome]:
        """Each piece of each role, taken away."""
        usual = self.usual()
        pieces = [piece for handler, policy in self.policies.items() for piece in pieces_of(handler, policy)]
        for number, piece in enumerate(pieces):
            tell(number, len(pieces))
            if piece.statement in ROLES:
                yield Outcome(piece, page=ROLES[piece.statement].page)
            elif ":endpoint/" in piece.resource and piece.action in _ON_ENDPOINTS:
                yield Outcome(piece, page=ENDPOINTS.page)
            elif piece.statement == "ReceiveFromQueue":
                yield self._mapping(piece)
            else:
                yield self._outcome(piece, usual[piece.role, piece.action])

    def _outcome(self, piece: Piece, scenarios: Sequence[Scenario]) -> Outcome:
        if not scenarios:
            # by this way of e-mail nothing uses it
            return Outcome(piece)
        with self.lacking(piece):
            for scenario in scenarios:
                for _ in range(TRIES):
                    denied, wrong, _own = self.run(scenario)
                    if denied:
                        return Outcome(piece, tuple(sorted(denied)), wrong, str(scenario))
        return Outcome(piece)

    def _mapping(self, piece: Piece) -> Outcome:
        """Lambda maps no queue to a function that may not read it ("CreateEventSourceMapping").

        Raises:
            AssertionError: it maps none to one that may.
        """
        usually = self._mapped(piece)
        assert not usually, f"{piece.role}, with all permissions: {usually}"
        with self.lacking(piece):
            said = self._mapped(piece)
        if said:
            return Outcome(piece, ("lambda:CreateEventSourceMapping",), said, "its queue is mapped to it")
        return Outcome(piece)

    def _mapped(self, piece: Piece) -> str:
        """Maps a piece's queue to its function, for a moment; what Lambda has against it."""
        functions = self.lane.functions
        try:
            made = functions.create_event_source_mapping(
                EventSourceArn=piece.resource, FunctionName=self.lane.live(piece.role)["FunctionName"]
            )
        except functions.exceptions.InvalidParameterValueException as error:
            return str(error.response["Error"]["Message"])
        functions.delete_event_source_mapping(UUID=made["UUID"])
        return ""


def merged(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Of each piece one outcome: where it was needed, if it was so by either way of e-mail."""
    found: dict[tuple[str, str, str, int], Outcome] = {}
    for outcome in outcomes:
        before = found.get(outcome.piece.key)
        if before is None or (outcome.needed and not before.needed):
            found[outcome.piece.key] = outcome
    return [found[key] for key in sorted(found)]
