"""The roles: whether each may do what Terraform intends, by IAM's own simulator, and was given nothing else.

"IAM policy testing with the IAM policy simulator" (IAM User Guide): identity policies, permissions boundaries
and the organization's service control policies count; policies of resources do not.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, counted, listed, ok, warning
from scripts.doctor.policies import same

Statement = Mapping[str, Any]


def roles(context: Context) -> Iterable[Finding]:
    intended = {each.values["name"]: each.values for each in context.intention.all("aws_iam_role")}
    found = context.each("roles.there", intended, lambda role: _role(context, role))
    bad = [finding for finding in found if finding.next_step]
    yield from bad
    well = len(intended) - len({finding.about for finding in bad})
    if well:
        yield ok(
            "roles.permissions", f"{well} of {counted(len(intended), 'role')}", "may do all that is intended"
        )


def _role(context: Context, intended: Mapping[str, Any]) -> Iterable[Finding]:
    name, iam = intended["name"], context.client("iam")
    try:
        live = iam.get_role(RoleName=name)["Role"]
    except ClientError as error:
        if code_of(error) != "NoSuchEntity":
            raise
        yield broken("roles.there", name, "there is no such role", f"{context.make('deploy')}.")
        return
    if not same(live["AssumeRolePolicyDocument"], json.loads(intended["assume_role_policy"])):
        yield broken(
            "roles.trust",
            name,
            "who may take it on was changed: the service that is to may not, or others may",
            f"{context.make('deploy')}.",
        )
    bounded = live.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    if bounded != (intended.get("permissions_boundary") or None):
        yield warning(
            "roles.boundary",
            name,
            f"its permissions boundary is {bounded or 'gone'}, and not the one that Terraform gave it",
            f"{context.make('plan')}, and have it put back or given to Terraform.",
        )
    yield from _additions(context, name)
    policy = context.intention.find("aws_iam_role_policy", role=name)
    if policy is None:
        return
    for statement in json.loads(policy["policy"])["Statement"]:
        yield from _simulate(context, name, live, statement)


def _additions(context: Context, name: str) -> Iterable[Finding]:
    """Policies that somebody has given the role beside Terraform."""
    iam = context.client("iam")
    known = {each.values["name"] for each in context.intention.all("aws_iam_role_policy", role=name)}
    inline = {
        n
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=name)
        for n in page["PolicyNames"]
    }
    attached = {
        policy["PolicyName"]
        for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
        for policy in page["AttachedPolicies"]
    }
    if added := sorted((inline - known) | attached):
        yield warning(
            "roles.additions",
            name,
            f"it has policies that Terraform does not know: {listed(added)}",
            "Take them away, or have permissions.tf say what they are for.",
        )


def _simulate(
    context: Context, name: str, live: Mapping[str, Any], statement: Statement
) -> Iterable[Finding]:
    """What of a statement is not so."""
    denied: dict[str, list[str]] = {}
    pages = (
        context.client("iam")
        .get_paginator("simulate_principal_policy")
        .paginate(
            PolicySourceArn=live["Arn"],
            ActionNames=_list(statement["Action"]),
            # what names no resource is about those that have no ARN, such as a telephone number
            **({"ResourceArns": _list(statement["Resource"])} if "Resource" in statement else {}),
            ContextEntries=_entries(
                # a boundary may ask for the tag that all of the stack has
                {"aws:ResourceTag/System": context.environment.setting("name_prefix")},
                *statement.get("Condition", {}).values(),
            ),
        )
    )
    for page in pages:
        for result in page["EvaluationResults"]:
            if result["EvalDecision"] != "allowed":
                denied.setdefault(_why(result, live), []).append(result["EvalActionName"])
    for why, actions in denied.items():
        yield broken(
            "roles.permissions",
            name,
            f"may not {listed(sorted(set(actions)))} ({statement['Sid']}): {why}",
            f"{context.make('deploy')}."
            if why.startswith("no policy")
            else "Have that changed, by who made it.",
        )


def _why(result: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """Who says no: an explicit denial first, as IAM does."""
    matched = [
        f"{each.get('SourcePolicyId', 'a policy')} ({each['SourcePolicyType']})"
        if each.get("SourcePolicyType")
        else str(each.get("SourcePolicyId", "a policy"))
        for each in result.get("MatchedStatements", ())
    ]
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return "a service control policy of the organization"
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        boundary = live.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
        return f"the permissions boundary {boundary.split(':policy/')[-1]}".strip()
    if result["EvalDecision"] == "explicitDeny":
        return f"denied by {listed(matched)}" if matched else "denied by a policy"
    return "no policy allows it"


def _entries(*wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The request that conditions ask for."""
    return [
        {
            "ContextKeyName": key,
            "ContextKeyValues": _list(values),
            "ContextKeyType": "stringList" if len(_list(values)) > 1 else "string",
        }
        for keys in wanted
        for key, values in keys.items()
    ]


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
