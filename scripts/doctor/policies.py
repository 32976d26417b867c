"""Whether two policies say the same, and whether a function's lets a service call it on behalf of a source.

Rules: "Policy evaluation logic" and "IAM JSON policy elements" (IAM User Guide), "Granting function access to
AWS services" (AWS Lambda Developer Guide). A condition that cannot be judged here is taken as not met.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from scripts.plan_review import iam
from scripts.plan_review.values import Json

INVOKE = "lambda:InvokeFunction"
_EQUAL = {"stringequals", "stringequalsignorecase", "arnequals", "arnlike", "stringlike"}
_PATTERN = {"arnequals", "arnlike", "stringlike"}


class Verdict(Enum):
    """What a policy says to a call."""

    ALLOWED = "allowed"
    UNBOUND = "allowed, whoever the service calls for"
    OTHER_SOURCE = "allowed for another source"
    DENIED = "denied"
    SILENT = "not allowed"


@dataclass(frozen=True)
class Answer:
    """A verdict. sources: what the statements of the service are bound to instead."""

    verdict: Verdict
    sources: tuple[str, ...] = ()


def judge(policy: str, principal: str, source_arn: str) -> Answer:
    """What a function's policy says to a service that calls on behalf of a source.

    policy: as GetPolicy answers it; empty where there is none. principal: such as cognito-idp.amazonaws.com.
    """
    statements = _list(json.loads(policy or "{}").get("Statement", ()))
    ours = [s for s in statements if _is_for(s, principal) and _names(s.get("Action"), INVOKE)]
    met = [s for s in ours if _met(s.get("Condition", {}), source_arn)]
    if any(s.get("Effect") == "Deny" for s in met):
        return Answer(Verdict.DENIED)
    allowing = [s for s in met if s.get("Effect") == "Allow"]
    if any("aws:sourcearn" in _keys(s) for s in allowing):
        return Answer(Verdict.ALLOWED)
    if allowing:
        return Answer(Verdict.UNBOUND)
    others = sorted({source for s in ours if s.get("Effect") == "Allow" for source in _sources(s)})
    return Answer(Verdict.OTHER_SOURCE, tuple(others)) if others else Answer(Verdict.SILENT)


def same(one: Json, other: Json) -> bool:
    """Whether two policy documents say the same, in whatever order and under whatever Sid.

    A principal of "*" and one of {"AWS": "*"} are the same ("AWS JSON policy elements: Principal").
    """
    return _said(one) == _said(other)


def _said(policy: Json) -> frozenset[tuple[str, frozenset[tuple[str, str]]]]:
    return frozenset(
        (each.effect, frozenset((part, "*" if text == "AWS: *" else text) for part, text in each.says))
        for each in iam.statements(policy) or ()
    )


def _is_for(statement: Mapping[str, Any], principal: str) -> bool:
    named = statement.get("Principal")
    if isinstance(named, Mapping):
        named = [*_list(named.get("Service", ())), *(p for p in _list(named.get("AWS", ())) if p == "*")]
    return any(name in ("*", principal) for name in _list(named or ()))


def _names(actions: Any, action: str) -> bool:
    return any(fnmatchcase(action.lower(), str(each).lower()) for each in _list(actions or ()))


def _met(conditions: Mapping[str, Mapping[str, Any]], source_arn: str) -> bool:
    account = source_arn.split(":")[4]
    known = {"aws:sourcearn": source_arn, "aws:sourceaccount": account}
    for operator, wanted in conditions.items():
        name = operator.lower().removesuffix("ifexists")
        for key, values in wanted.items():
            actual = known.get(key.lower())
            if actual is None or name not in _EQUAL:
                return False
            if not any(_same(name, actual, str(value)) for value in _list(values)):
                return False
    return True


def _same(operator: str, actual: str, wanted: str) -> bool:
    if operator in _PATTERN:
        return fnmatchcase(actual, wanted.replace("[", "[[]"))
    if operator == "stringequalsignorecase":
        return actual.lower() == wanted.lower()
    return actual == wanted


def _keys(statement: Mapping[str, Any]) -> set[str]:
    return {key.lower() for wanted in statement.get("Condition", {}).values() for key in wanted}


def _sources(statement: Mapping[str, Any]) -> Iterable[str]:
    for wanted in statement.get("Condition", {}).values():
        for values in wanted.values():
            yield from map(str, _list(values))


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
