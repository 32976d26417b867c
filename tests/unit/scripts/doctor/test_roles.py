import json
from collections.abc import Mapping
from typing import Any

import pytest

from scripts.doctor.checks.roles import roles

from .conftest import BROKEN, WARNING, Clinic

TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}],
}
ROLE = "arn:aws:iam::123456789012:role/people-deliver"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/people-Notifications"
STATEMENTS: list[dict[str, Any]] = [
    {
        "Sid": "Claim",
        "Effect": "Allow",
        "Action": ["dynamodb:UpdateItem", "dynamodb:GetItem"],
        "Resource": [TABLE],
    },
    {"Sid": "Phones", "Effect": "Allow", "Action": ["sns:Publish"], "NotResource": ["arn:*:sns:*:*:*"]},
    {
        "Sid": "Mail",
        "Effect": "Allow",
        "Action": ["ses:SendEmail"],
        "Resource": ["a", "b"],
        "Condition": {"StringEquals": {"ses:FromAddress": ["no-reply"], "kms:ViaService": ["x", "y"]}},
    },
]


def simulated(decision: str = "allowed", only: str = "dynamodb:GetItem", **detail: Any) -> Any:
    """SimulatePrincipalPolicy: this for one action, and the others are allowed."""

    def answer(given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalDecision": decision, **detail}
                if action == only
                else {"EvalActionName": action, "EvalDecision": "allowed"}
                for action in given["ActionNames"]
            ]
        }

    return answer


def role(**more: Any) -> dict[str, Any]:
    """GetRole's answer, whose policy document comes as URL-encoded JSON."""
    whole = {
        "Path": "/",
        "RoleName": "people-deliver",
        "RoleId": "AROA0123456789012345",
        "Arn": ROLE,
        "CreateDate": 0,
        "AssumeRolePolicyDocument": json.dumps(TRUST),
    }
    return {"Role": {**whole, **more}}


@pytest.fixture
def trusted(clinic: Clinic) -> Clinic:
    return (
        clinic.knowing("aws_iam_role", name="people-deliver", assume_role_policy=json.dumps(TRUST))
        .knowing(
            "aws_iam_role_policy",
            name="permissions",
            role="people-deliver",
            policy=json.dumps({"Version": "2012-10-17", "Statement": STATEMENTS}),
        )
        .answering(
            iam__GetRole=role(),
            iam__ListRolePolicies={"PolicyNames": ["permissions"]},
            iam__ListAttachedRolePolicies={"AttachedPolicies": []},
            iam__SimulatePrincipalPolicy=simulated(),
        )
    )


def test_a_role_that_may_do_what_is_intended(trusted: Clinic) -> None:
    assert trusted.told(roles) == {}


def test_each_statement_is_tried_as_it_is_meant(trusted: Clinic) -> None:
    trusted.told(roles)
    claim, phones, mail = trusted.aws.given("iam.SimulatePrincipalPolicy")
    assert claim["PolicySourceArn"] == ROLE
    assert (claim["ActionNames"], claim["ResourceArns"]) == (STATEMENTS[0]["Action"], [TABLE])
    assert "ResourceArns" not in phones, "a telephone number has none"
    assert mail["ContextEntries"] == [
        {
            "ContextKeyName": "aws:ResourceTag/System",
            "ContextKeyValues": ["people"],
            "ContextKeyType": "string",
        },
        {"ContextKeyName": "ses:FromAddress", "ContextKeyValues": ["no-reply"], "ContextKeyType": "string"},
        {"ContextKeyName": "kms:ViaService", "ContextKeyValues": ["x", "y"], "ContextKeyType": "stringList"},
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (simulated("implicitDeny"), "no policy allows it → make deploy ENV=prod"),
        (
            simulated(
                "explicitDeny",
                MatchedStatements=[{"SourcePolicyId": "by-hand", "SourcePolicyType": "IAM Policy"}],
            ),
            "denied by by-hand (IAM Policy)",
        ),
        (
            simulated(
                "implicitDeny", PermissionsBoundaryDecisionDetail={"AllowedByPermissionsBoundary": False}
            ),
            "the permissions boundary team/bounds",
        ),
        (
            simulated("explicitDeny", OrganizationsDecisionDetail={"AllowedByOrganizations": False}),
            "a service control policy of the organization",
        ),
    ],
)
def test_what_a_role_may_not_is_told_and_who_denies_it(trusted: Clinic, answer: Any, words: str) -> None:
    boundary = {"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/team/bounds"}
    told = trusted.answering(
        iam__SimulatePrincipalPolicy=answer, iam__GetRole=role(PermissionsBoundary=boundary)
    ).told(roles)
    status, said = told["roles.permissions"]
    assert status is BROKEN
    assert "may not dynamodb:GetItem (Claim)" in said
    assert words in said


def test_a_role_that_is_gone_or_was_changed(trusted: Clinic) -> None:
    assert trusted.answering(iam__GetRole="NoSuchEntity").told(roles)["roles.there"][0] is BROKEN
    other = role(AssumeRolePolicyDocument=json.dumps({**TRUST, "Statement": []}))
    assert trusted.answering(iam__GetRole=other).told(roles)["roles.trust"][0] is BROKEN
    reordered = role(AssumeRolePolicyDocument=json.dumps({**TRUST, "Statement": TRUST["Statement"] * 2}))
    assert trusted.answering(iam__GetRole=reordered).told(roles) == {}, "it says the same"
    bounded = role(PermissionsBoundary={"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/bounds"})
    assert trusted.answering(iam__GetRole=bounded).told(roles)["roles.boundary"][0] is WARNING
    added = {"AttachedPolicies": [{"PolicyName": "AdministratorAccess"}]}
    told = trusted.answering(iam__ListAttachedRolePolicies=added).told(roles)
    assert told["roles.additions"][0] is WARNING
    assert "AdministratorAccess" in told["roles.additions"][1]
