"""A policy in its smallest pieces: one action on one resource of one statement, and the policy without it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Piece:
    """What a role may do by one action on one resource.

    role: whose, by the function's handler. statement: its Sid. action: as IAM calls it.
    number: which of the statement's resources, from 0. resource: its ARN, or what NotResource leaves.
    """

    role: str
    statement: str
    action: str
    number: int
    resource: str

    @property
    def key(self) -> tuple[str, str, str, int]:
        """By which it is the same in another deployment, where ids are others."""
        return self.role, self.statement, self.action, self.number


def pieces_of(role: str, policy: Policy) -> Iterator[Piece]:
    """All pieces of a role's policy.

    Raises:
        ValueError: a statement denies, or allows all actions but some: it has no such pieces.
    """
    for statement in policy["Statement"]:
        if statement["Effect"] != "Allow" or "Action" not in statement:
            raise ValueError(f"{statement.get('Sid')} is no statement that allows actions")
        for action in _list(statement["Action"]):
            for number, resource in enumerate(_resources(statement)):
                yield Piece(role, statement["Sid"], action, number, resource)


def without(policy: Policy, piece: Piece) -> Policy:
    """The policy that allows all that it did but for the piece."""
    statements: list[Mapping[str, Any]] = []
    for statement in policy["Statement"]:
        if statement["Sid"] != piece.statement:
            statements.append(statement)
            continue
        others = [action for action in _list(statement["Action"]) if action != piece.action]
        if others:
            statements.append({**statement, "Action": others})
        elsewhere = [each for number, each in enumerate(_resources(statement)) if number != piece.number]
        if elsewhere:
            rest = {**statement, "Sid": f"{statement['Sid']}Elsewhere", "Action": [piece.action]}
            statements.append({**rest, "Resource": elsewhere})
    return {**policy, "Statement": statements}


def document(policy: Policy) -> str:
    """The policy as IAM takes it; one that allows nothing must still say something."""
    nothing = {"Sid": "Nothing", "Effect": "Deny", "Action": "none:None", "Resource": "*"}
    return json.dumps({**policy, "Statement": policy["Statement"] or [nothing]})


def _resources(statement: Mapping[str, Any]) -> list[str]:
    if "NotResource" in statement:
        return [f"all but {', '.join(_list(statement['NotResource']))}"]
    return _list(statement["Resource"])


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
