"""What a role may do, asked of IAM's simulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local_aws.conftest import Aws, Json, refused, unique

FIRST, SECOND = ("arn:aws:sns:us-east-1:000000000000:first", "arn:aws:sns:us-east-1:000000000000:second")


def allow(**more: Any) -> Json:
    return {"Sid": "It", "Effect": "Allow", "Action": "sns:Publish", "Resource": FIRST, **more}


def simulate(
    aws: Aws, role: str, *actions: str, resources: tuple[str, ...] = (), **context: str
) -> list[Any]:
    entries: list[Any] = [
        {"ContextKeyName": key.replace("__", ":"), "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    more: Any = {"ResourceArns": list(resources)} if resources else {}
    found = aws.iam.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=list(actions), ContextEntries=entries, **more
    )
    return list(found["EvaluationResults"])


def test_each_action_is_tried_on_each_resource(aws: Aws) -> None:
    found = simulate(aws, aws.role([allow()]), "sns:Publish", "sns:Subscribe", resources=(FIRST, SECOND))
    assert {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in found} == {
        ("sns:Publish", FIRST): "allowed",
        ("sns:Publish", SECOND): "implicitDeny",
        ("sns:Subscribe", FIRST): "implicitDeny",
        ("sns:Subscribe", SECOND): "implicitDeny",
    }
    assert [r["MatchedStatements"] for r in found][:2] == [[{"SourcePolicyId": "It"}], []]


def test_without_a_resource_it_is_tried_on_any(aws: Aws) -> None:
    role = aws.role(
        [{"Sid": "It", "Effect": "Allow", "Action": "sns:Publish", "NotResource": "arn:*:sns:*:*:*"}]
    )
    (found,) = simulate(aws, role, "sns:Publish")
    assert (found["EvalResourceName"], found["EvalDecision"]) == ("*", "allowed")


def test_a_condition_holds_where_its_key_is_given(aws: Aws) -> None:
    role = aws.role([allow(Condition={"StringEquals": {"sns:Protocol": "email"}})])
    decisions = [
        simulate(aws, role, "sns:Publish", resources=(FIRST,), **context)[0]["EvalDecision"]
        for context in ({"sns__Protocol": "email"}, {"SNS__protocol": "email"}, {"sns__Protocol": "sqs"}, {})
    ]
    assert decisions == ["allowed", "allowed", "implicitDeny", "implicitDeny"]


def test_a_denial_is_told_from_silence(aws: Aws) -> None:
    role = aws.role([allow(), allow(Sid="No", Effect="Deny")])
    (found,) = simulate(aws, role, "sns:Publish", resources=(FIRST,))
    assert (found["EvalDecision"], found["MatchedStatements"]) == ("explicitDeny", [{"SourcePolicyId": "No"}])


@pytest.mark.parametrize(("bounds", "within"), [("sns:*", True), ("sqs:*", False)])
def test_a_boundary_counts_and_is_told_apart(aws: Aws, bounds: str, within: bool) -> None:
    role = aws.role([allow()])
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": bounds, "Resource": "*"}],
    }
    arn = aws.iam.create_policy(PolicyName=unique("bounds"), PolicyDocument=json.dumps(document))["Policy"][
        "Arn"
    ]
    aws.iam.put_role_permissions_boundary(RoleName=role.rpartition("/")[2], PermissionsBoundary=arn)
    (found,) = simulate(aws, role, "sns:Publish", resources=(FIRST,))
    assert found["EvalDecision"] == ("allowed" if within else "implicitDeny")
    assert found["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] is within


def test_of_a_role_that_is_not_there_nothing_can_be_said(aws: Aws) -> None:
    role = aws.role([allow()], path="/some/path/")
    simulate(aws, role, "sns:Publish")
    with refused("NoSuchEntity"):
        simulate(aws, role.replace("/some/path/", "/"), "sns:Publish")


def test_a_users_are_simulated_too(aws: Aws) -> None:
    name = unique("user")
    arn = aws.iam.create_user(UserName=name)["User"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": [allow()]}
    aws.iam.put_user_policy(UserName=name, PolicyName="it", PolicyDocument=json.dumps(document))
    assert simulate(aws, arn, "sns:Publish", resources=(FIRST,))[0]["EvalDecision"] == "allowed"
