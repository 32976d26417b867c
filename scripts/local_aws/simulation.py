"""IAM's policy simulator: MiniStack's looks at one resource, and at no condition and no boundary.

Rules: "SimulatePrincipalPolicy" (IAM API Reference): each action on each resource, "*" where none is given,
with `ContextEntries`; a permissions boundary counts, with a detail of its own; `MatchedStatements` names what
decided. Policies of resources count only where they are passed. Service control policies are not modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam as service

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}


def install() -> None:
    handlers = service._IAM_HANDLERS
    handlers["SimulatePrincipalPolicy"] = simulating(handlers["SimulatePrincipalPolicy"])


def simulating(original: Callable[[Json], Response]) -> Callable[[Json], Response]:
    """SimulatePrincipalPolicy of roles; what users may is left to MiniStack."""

    def simulate(params: Json) -> Response:
        principal = service._p(params, "PolicySourceArn")
        name = principal.rpartition("/")[2]
        role = service._roles.get_scoped(get_account_id(), None, name)
        if ":role/" not in principal:
            return original(params)
        if role is None or role["Arn"] != principal:
            unknown: Response = service._error(404, "NoSuchEntity", f"{principal} cannot be found.", ns="iam")
            return unknown
        return simulated(params, principal, name)

    return simulate


def simulated(params: Json, principal: str, name: str) -> Response:
    account = get_account_id()
    policies = iam_evaluator._gather_role_policies(name, account)
    limits = iam_evaluator._permissions_boundary(service._roles, name, account)
    context = dict(entries(params))
    results = "".join(
        evaluated(principal, action, resource, context, policies, limits)
        for action in members(params, "ActionNames")
        for resource in members(params, "ResourceArns") or ["*"]
    )
    answer: Response = service._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        "<SimulatePrincipalPolicyResult>"
        f"<EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated>"
        "</SimulatePrincipalPolicyResult>",
        ns="iam",
    )
    return answer


def evaluated(
    principal: str, action: str, resource: str, context: Json, policies: list[Any], limits: list[Any]
) -> str:
    """One result, as XML."""
    request = iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=principal.split(":")[4],
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=context,
    )
    found = iam_evaluator.evaluate(request, policies, *limits)
    matched = f"<member><SourcePolicyId>{escape(found.matched_sid)}</SourcePolicyId></member>"
    boundary = ""
    if limits:
        within = all(iam_evaluator.evaluate(request, limit).decision == "Allow" for limit in limits)
        boundary = (
            "<PermissionsBoundaryDecisionDetail>"
            f"<AllowedByPermissionsBoundary>{str(within).lower()}</AllowedByPermissionsBoundary>"
            "</PermissionsBoundaryDecisionDetail>"
        )
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{DECISIONS[found.decision]}</EvalDecision>"
        f"<MatchedStatements>{matched if found.matched_sid else ''}</MatchedStatements>"
        f"<MissingContextValues></MissingContextValues>{boundary}</member>"
    )


def entries(params: Json) -> Iterator[tuple[str, str | list[str]]]:
    """The context keys of a call, in small letters, with their value or values."""
    number = 1
    while key := service._p(params, f"ContextEntries.member.{number}.ContextKeyName"):
        values = members(params, f"ContextEntries.member.{number}.ContextKeyValues")
        yield key.lower(), values[0] if len(values) == 1 else values
        number += 1


def members(params: Json, name: str) -> list[str]:
    """A list of the Query protocol."""
    found: list[str] = []
    while value := service._p(params, f"{name}.member.{len(found) + 1}"):
        found.append(value)
    return found
