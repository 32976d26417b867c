"""The roles that GitHub's workflows plan and deploy with. The system was deployed with the last of them."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from scripts import state_bucket
from scripts.deploy_calls import recording
from scripts.doctor.__main__ import known
from scripts.doctor.context import Context
from scripts.doctor.examination import examine
from scripts.environment import LOCAL_ACCOUNT
from scripts.smoke_test import SmokeTest
from scripts.story import Story
from tests.deploy_role import written
from tests.deployment import DENIED, Deployment
from tests.place import REPOSITORY, Place, take_on

from .conftest import ONCE

pytestmark = [ONCE, pytest.mark.needs("local-aws")]

BRANCH = f"repo:{REPOSITORY}:ref:refs/heads/main"
PULL_REQUEST = f"repo:{REPOSITORY}:pull_request"
ENVIRONMENT = f"repo:{REPOSITORY}:environment:local"
Call = tuple[str, str, dict[str, Any]]


def arn(role: str) -> str:
    return f"arn:aws:iam::{LOCAL_ACCOUNT}:role/{role}-registration-local"


def test_the_role_that_plans_finds_nothing_to_change(place: Place, system: Deployment) -> None:
    system.stack.package()
    assert not place.stack_as("plan", PULL_REQUEST).plan()


def test_the_role_that_looks_is_all_that_the_doctor_needs(place: Place, system: Deployment) -> None:
    look = place.stack_as("look", BRANCH).environment
    with patch.dict(os.environ, look.variables, clear=True):
        found = examine(Context(look, known(look), datetime.now(UTC), user="nobody"))
    assert [one for one in found if "is not allowed to these credentials" in one.seen] == []
    assert [one for one in found if one.check == "state"] == []


def test_the_smoke_test_calls_all_that_the_role_that_deploys_may_call_for_it(
    place: Place, system: Deployment
) -> None:
    deploy = place.stack_as("deploy", ENVIRONMENT).environment
    with patch.dict(os.environ, deploy.variables, clear=True), recording("smoke test") as calls:
        SmokeTest(deploy, system.outputs, Story(Console(quiet=True))).run()
    meant = {
        action
        for sid, statement in written().items()
        if sid.startswith("TryWith")
        for action in statement["actions"]
    }
    assert {action for call in calls for action in call.actions} == meant


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("deploy", BRANCH),
        ("deploy", PULL_REQUEST),
        ("deploy", f"repo:{REPOSITORY}:environment:dev"),
        ("deploy", "repo:somebody/registration:environment:local"),
        ("look", PULL_REQUEST),
        ("look", ENVIRONMENT),
        ("look", f"repo:{REPOSITORY}:ref:refs/heads/other"),
        ("plan", BRANCH),
        ("plan", ENVIRONMENT),
        ("plan", "repo:somebody/registration:pull_request"),
        ("plan", f"repo:{REPOSITORY}-fork:pull_request"),
    ],
)
def test_no_other_job_takes_a_role_on(system: Deployment, role: str, subject: str) -> None:
    with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        take_on(system.environment, arn(role), subject)


def allowed(system: Deployment, role: str, subject: str, calls: dict[str, Call]) -> set[str]:
    """Those of the calls that a role may make; any error but a refusal means that it may."""
    given = take_on(system.environment, arn(role), subject)
    session: Any = boto3.Session(
        given["AccessKeyId"],
        given["SecretAccessKey"],
        given["SessionToken"],
        region_name=system.environment.region,
    )
    found = set()
    for what, (service, call, arguments) in calls.items():
        try:
            getattr(session.client(service), call)(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in DENIED:
                continue
        found.add(what)
    return found


LIST, MAP = [{"Key": "Team", "Value": "tests"}], {"Team": "tests"}
# service → how it is tagged, and untagged
TAGGING: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    service: (f"tag_{kind}", tags, f"untag_{kind}", keys)
    for service, kind, tags, keys in (
        ("cognito-idp", "resource", {"Tags": MAP}, {"TagKeys": ["Team"]}),
        ("dynamodb", "resource", {"Tags": LIST}, {"TagKeys": ["Team"]}),
        ("iam", "role", {"Tags": LIST}, {"TagKeys": ["Team"]}),
        ("kms", "resource", {"Tags": [{"TagKey": "Team", "TagValue": "tests"}]}, {"TagKeys": ["Team"]}),
        ("lambda", "resource", {"Tags": MAP}, {"TagKeys": ["Team"]}),
        ("logs", "resource", {"tags": MAP}, {"tagKeys": ["Team"]}),
        ("scheduler", "resource", {"Tags": LIST}, {"TagKeys": ["Team"]}),
        ("sesv2", "resource", {"Tags": LIST}, {"TagKeys": ["Team"]}),
        ("sns", "resource", {"Tags": LIST}, {"TagKeys": ["Team"]}),
        ("sqs", "queue", {"Tags": MAP}, {"TagKeys": ["Team"]}),
    )
}


def parts(system: Deployment) -> dict[str, dict[str, str]]:
    """One part of the stack in each service, as the calls that tag it name it."""
    here = f"{system.environment.region}:{LOCAL_ACCOUNT}"
    name = system.outputs["function_names"]["sweep"]
    return {
        "cognito-idp": {"ResourceArn": f"arn:aws:cognito-idp:{here}:userpool/{system.pool}"},
        "dynamodb": {"ResourceArn": f"arn:aws:dynamodb:{here}:table/{system.outputs['user_table_name']}"},
        "iam": {"RoleName": name},
        "kms": {"KeyId": system.outputs["signing_key_arn"]},
        "lambda": {"Resource": f"arn:aws:lambda:{here}:function:{name}"},
        "logs": {"resourceArn": f"arn:aws:logs:{here}:log-group:/aws/lambda/{name}"},
        "scheduler": {"ResourceArn": f"arn:aws:scheduler:{here}:schedule-group/{name}"},
        "sesv2": {"ResourceArn": f"arn:aws:ses:{here}:configuration-set/registration-local"},
        "sns": {"ResourceArn": system.outputs["notification_topic_arn"]},
        "sqs": {"QueueUrl": system.outputs["notification_queue_url"]},
    }


def test_only_the_role_that_deploys_may_change_the_parts_of_the_stack(system: Deployment) -> None:
    """By a tag, which harms nobody, by what is not there, and by a state that is there already."""
    state = {"Bucket": state_bucket.find(system.environment), "Key": "registration-local/terraform.tfstate"}
    changes: dict[str, Call] = {
        "http api": ("apigatewayv2", "delete_route", {"ApiId": "none", "RouteId": "none"}),
        "state": ("s3", "put_object", {**state, "Body": b"{}", "IfNoneMatch": "*"}),
    }
    for service, part in parts(system).items():
        tag, tags, untag, keys = TAGGING[service]
        changes[f"{service} {tag}"] = (service, tag, {**part, **tags})
        changes[f"{service} {untag}"] = (service, untag, {**part, **keys})

    assert allowed(system, "plan", PULL_REQUEST, changes) == set()
    assert allowed(system, "look", BRANCH, changes) == set()
    assert allowed(system, "deploy", ENVIRONMENT, changes) == changes.keys()


TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
OTHERS = "registration-local-of-others"


@pytest.fixture
def pool_of_others(place: Place) -> Iterator[str]:
    """The ARN of another system's pool; there is a role beside it that is called as the stack's are."""
    cognito, iam = place.environment.client("cognito-idp"), place.environment.client("iam")
    pool = cognito.create_user_pool(PoolName="others", UserPoolTags={"System": "others"})["UserPool"]
    iam.create_role(RoleName=OTHERS, AssumeRolePolicyDocument=TRUST)
    yield pool["Arn"]
    iam.delete_role(RoleName=OTHERS)
    cognito.delete_user_pool(UserPoolId=pool["Id"])


def test_the_role_that_deploys_has_no_way_to_more(system: Deployment, pool_of_others: str) -> None:
    policy = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    )
    boundary = f"arn:aws:iam::{LOCAL_ACCOUNT}:policy/boundary-registration-local"
    inline = {"PolicyName": "more", "PolicyDocument": policy}
    bucket = state_bucket.find(system.environment)
    function = system.outputs["function_names"]["deliver"]
    elsewhere = {"AssumeRolePolicyDocument": TRUST, "PermissionsBoundary": boundary}
    calls: dict[str, Call] = {
        "change itself": ("iam", "put_role_policy", {"RoleName": "deploy-registration-local", **inline}),
        "change another": ("iam", "put_role_policy", {"RoleName": "plan-registration-local", **inline}),
        "change the boundary": (
            "iam",
            "create_policy_version",
            {"PolicyArn": boundary, "PolicyDocument": policy, "SetAsDefault": True},
        ),
        "leave the boundary": (
            "iam",
            "delete_role_permissions_boundary",
            {"RoleName": "registration-local-deliver"},
        ),
        "make a role without the boundary": (
            "iam",
            "create_role",
            {"RoleName": "registration-local-more", "AssumeRolePolicyDocument": TRUST},
        ),
        "make a role of another name": ("iam", "create_role", {"RoleName": "more", **elsewhere}),
        "be trusted by a role without the boundary": (
            "iam",
            "update_assume_role_policy",
            {"RoleName": OTHERS, "PolicyDocument": TRUST},
        ),
        "make another's pool the stack's": (
            "cognito-idp",
            "tag_resource",
            {"ResourceArn": pool_of_others, "Tags": {"System": "registration-local"}},
        ),
        "attach a policy": (
            "iam",
            "attach_role_policy",
            {"RoleName": "registration-local-deliver", "PolicyArn": boundary},
        ),
        "give itself to a function": (
            "lambda",
            "update_function_configuration",
            {"FunctionName": function, "Role": arn("deploy")},
        ),
        "make a user": ("iam", "create_user", {"UserName": "more"}),
        "write the state of its own roles": (
            "s3",
            "put_object",
            {"Bucket": bucket, "Key": "registration-local/deploy-role.tfstate", "Body": b"{}"},
        ),
        "change the state's bucket": (
            "s3",
            "put_bucket_versioning",
            {"Bucket": bucket, "VersioningConfiguration": {"Status": "Suspended"}},
        ),
        "delete another's table": ("dynamodb", "delete_table", {"TableName": "another"}),
        "make a queue of another name": ("sqs", "create_queue", {"QueueName": "another"}),
        "make a key that decrypts": (
            "kms",
            "create_key",
            {"Tags": [{"TagKey": "System", "TagValue": "registration-local"}]},
        ),
        "read what was written to people": (
            "dynamodb",
            "scan",
            {"TableName": system.outputs["notification_table_name"], "Limit": 1},
        ),
    }
    assert allowed(system, "deploy", ENVIRONMENT, calls) == set()
