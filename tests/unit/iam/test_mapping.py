"""A queue's mapping tells of a permission only where it can be made with all of them."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.faults.fault_point import FaultPoint
from tests.faults.lane import Lane
from tests.iam.pieces import Piece
from tests.iam.trial import Bench

PIECE = Piece("enqueue", "ReceiveFromQueue", "sqs:ReceiveMessage", 0, "arn:aws:sqs:eu-west-1:1:requests")


class RefusedError(Exception):
    """What botocore raises."""

    response = {"Error": {"Message": "the role may not read the queue"}}  # noqa: RUF012 - as botocore has it


class Functions:
    """Lambda, which refuses some of the mappings, one after the other."""

    exceptions = SimpleNamespace(InvalidParameterValueException=RefusedError)

    def __init__(self, *refuses: bool) -> None:
        self.refuses, self.made = iter(refuses), 0

    def create_event_source_mapping(self, **_: Any) -> dict[str, str]:
        if next(self.refuses):
            raise RefusedError
        self.made += 1
        return {"UUID": "1"}

    def delete_event_source_mapping(self, **_: Any) -> None:
        self.made -= 1


def bench(functions: Functions) -> Bench:
    lane = SimpleNamespace(
        functions=functions,
        live=lambda _: {"FunctionName": "enqueue"},
        name="-lane1",
        base=SimpleNamespace(
            outputs={"function_names": {"enqueue": "enqueue"}},
            configuration=lambda _: {"Role": "arn:aws:iam::1:role/enqueue"},
        ),
        client=lambda _: SimpleNamespace(
            get_role_policy=lambda **_: {"PolicyDocument": {"Version": "2012-10-17", "Statement": []}},
            put_role_policy=lambda **_: None,
        ),
        _in_lane=str,
    )
    return Bench(cast(Lane, lane), cast(FaultPoint, None), [])


@pytest.mark.parametrize("needed", [True, False])
def test_what_is_refused_without_the_permission_alone_is_needed(needed: bool) -> None:
    functions = Functions(False, needed)
    assert bench(functions)._mapping(PIECE).needed is needed
    assert functions.made == 0


def test_what_is_refused_with_all_permissions_says_nothing() -> None:
    with pytest.raises(AssertionError, match="with all permissions: the role may not"):
        bench(Functions(True, True))._mapping(PIECE)
