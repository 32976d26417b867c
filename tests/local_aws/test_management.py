"""IAM on calls that make, change and show resources, and on roles that are given to services."""

import io
import json
import zipfile
from typing import Any

import pytest

from tests.local_aws.conftest import ACCOUNT, REGION, Aws, Json, refused, unique

HERE = f"{REGION}:{ACCOUNT}"
OURS = {"StringEquals": {"aws:ResourceTag/System": "ours"}}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ],
    }
)


def allow(*actions: str, on: str | list[str] = "*", **condition: Any) -> Json:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **condition}


def package() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return event")
    return content.getvalue()


def function(aws: Aws, name: str, role: str) -> str:
    made = aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": package()},
    )
    return str(made["FunctionArn"])


def test_a_function_is_made_under_its_own_name_and_with_a_role_that_may_be_passed(aws: Aws) -> None:
    passed, other = (aws.role([allow("sns:Publish")]) for _ in range(2))
    prefix = unique("ours")
    limited = aws.as_role(
        aws.role(
            [
                allow("lambda:CreateFunction", on=f"arn:aws:lambda:{HERE}:function:{prefix}-*"),
                allow(
                    "iam:PassRole",
                    on=passed,
                    Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
                ),
            ]
        )
    )
    assert function(limited, f"{prefix}-a", passed)
    with refused("AccessDeniedException", "lambda:CreateFunction"):
        function(limited, "another", passed)
    with refused("AccessDeniedException"):
        function(limited, f"{prefix}-b", other)


def test_a_role_that_may_be_passed_to_another_service_alone_is_not_passed(aws: Aws) -> None:
    passed = aws.role([allow("sns:Publish")])
    scheduler = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    limited = aws.as_role(
        aws.role([allow("lambda:*"), allow("iam:PassRole", on=passed, Condition=scheduler)])
    )
    with refused("AccessDeniedException"):
        function(limited, unique("function"), passed)


@pytest.fixture(scope="module")
def existing(aws: Aws) -> tuple[str, str]:
    """A function and the id of its event source mapping."""
    arn = function(aws, unique("function"), aws.role([allow("sqs:*")]))
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName=unique("queue"), Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    source = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = aws.client("lambda").create_event_source_mapping(
        FunctionName=arn, EventSourceArn=source, Tags={"System": "ours"}
    )
    return arn, mapping["UUID"]


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("GetFunctionEventInvokeConfig", "get_function_event_invoke_config"),
        ("PutFunctionEventInvokeConfig", "put_function_event_invoke_config"),
        ("DeleteFunctionEventInvokeConfig", "delete_function_event_invoke_config"),
        ("GetFunction", "get_function"),
        ("ListVersionsByFunction", "list_versions_by_function"),
    ],
)
def test_a_call_on_a_function_is_the_action_of_its_name(
    aws: Aws, existing: tuple[str, str], action: str, call: str
) -> None:
    arn, _ = existing
    may = aws.as_role(aws.role([allow(f"lambda:{action}", on=arn)])).client("lambda")
    may_not = aws.as_role(
        aws.role([allow("lambda:*"), {**allow(f"lambda:{action}"), "Effect": "Deny"}])
    ).client("lambda")
    with refused("AccessDeniedException", f"lambda:{action}"):
        getattr(may_not, call)(FunctionName=arn)
    try:
        getattr(may, call)(FunctionName=arn)
    except may.exceptions.ResourceNotFoundException:
        return  # it may ask, and there is none


def test_an_event_source_mapping_is_known_by_its_function_and_by_its_tags(
    aws: Aws, existing: tuple[str, str]
) -> None:
    arn, uuid = existing
    mapping = f"arn:aws:lambda:{HERE}:event-source-mapping:{uuid}"
    for condition, may in (
        ({"ArnLike": {"lambda:FunctionArn": arn}}, True),
        ({"ArnLike": {"lambda:FunctionArn": f"{arn}-2"}}, False),
        (OURS, True),
        ({"StringEquals": {"aws:ResourceTag/System": "theirs"}}, False),
    ):
        statement = allow("lambda:UpdateEventSourceMapping", on=mapping, Condition=condition)
        limited = aws.as_role(aws.role([statement])).client("lambda")
        if may:
            limited.update_event_source_mapping(UUID=uuid, BatchSize=5)
        else:
            with refused("AccessDeniedException", "lambda:UpdateEventSourceMapping"):
                limited.update_event_source_mapping(UUID=uuid, BatchSize=5)


def test_a_mapping_is_made_for_a_function_that_may_have_one(aws: Aws, existing: tuple[str, str]) -> None:
    arn, _ = existing
    statement = allow("lambda:CreateEventSourceMapping", Condition={"ArnLike": {"lambda:FunctionArn": arn}})
    limited = aws.as_role(aws.role([statement])).client("lambda")
    source = f"arn:aws:sqs:{HERE}:none"
    with refused("AccessDeniedException", "lambda:CreateEventSourceMapping"):
        limited.create_event_source_mapping(FunctionName="another", EventSourceArn=source)
    assert limited.create_event_source_mapping(FunctionName=arn, EventSourceArn=source)["UUID"]


def test_a_schedule_is_in_its_group(aws: Aws) -> None:
    group = unique("group")
    aws.client("scheduler").create_schedule_group(Name=group)
    role = aws.role([allow("sns:Publish")])
    limited = aws.as_role(
        aws.role(
            [
                allow("scheduler:*", on=f"arn:aws:scheduler:{HERE}:schedule/{group}/*"),
                allow("iam:PassRole", on=role),
            ]
        )
    ).client("scheduler")

    def schedule(**where: str) -> None:
        limited.create_schedule(
            Name="every-day",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"arn:aws:sns:{HERE}:topic", "RoleArn": role},
            **where,
        )

    schedule(GroupName=group)
    assert limited.get_schedule(Name="every-day", GroupName=group)["Name"] == "every-day"
    with refused("AccessDeniedException", "scheduler:CreateSchedule"):
        schedule()
    with refused("AccessDeniedException", "scheduler:GetSchedule"):
        limited.get_schedule(Name="every-day")


def test_a_role_is_made_within_a_boundary_and_stays_in_it(aws: Aws) -> None:
    iam, prefix = aws.client("iam"), unique("ours")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("sns:*")]})
    inside = iam.create_policy(PolicyName=unique("in"), PolicyDocument=document)["Policy"]["Arn"]
    outside = iam.create_policy(PolicyName=unique("out"), PolicyDocument=document)["Policy"]["Arn"]
    bounded = {"StringEquals": {"iam:PermissionsBoundary": inside}}
    role = f"arn:aws:iam::{ACCOUNT}:role/{prefix}-*"
    limited = aws.as_role(
        aws.role([allow("iam:CreateRole", "iam:PutRolePolicy", on=role, Condition=bounded)])
    ).client("iam")

    limited.create_role(RoleName=f"{prefix}-a", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=inside)
    limited.put_role_policy(RoleName=f"{prefix}-a", PolicyName="p", PolicyDocument=document)
    for boundary in ({}, {"PermissionsBoundary": outside}):
        with refused("AccessDenied", "iam:CreateRole"):
            limited.create_role(RoleName=f"{prefix}-b", AssumeRolePolicyDocument=TRUST, **boundary)
    iam.create_role(RoleName=f"{prefix}-c", AssumeRolePolicyDocument=TRUST)
    with refused("AccessDenied", "iam:PutRolePolicy"):
        limited.put_role_policy(RoleName=f"{prefix}-c", PolicyName="p", PolicyDocument=document)


def test_a_boundary_may_ask_for_tags(aws: Aws) -> None:
    kms, iam = aws.client("kms"), aws.client("iam")
    bounds = {"Version": "2012-10-17", "Statement": [allow("kms:DescribeKey", Condition=OURS)]}
    boundary = iam.create_policy(PolicyName=unique("b"), PolicyDocument=json.dumps(bounds))["Policy"]["Arn"]
    role = aws.role([allow("kms:DescribeKey")])
    iam.put_role_permissions_boundary(RoleName=role.rpartition("/")[2], PermissionsBoundary=boundary)
    limited = aws.as_role(role).client("kms")
    ours = kms.create_key(Tags=[{"TagKey": "System", "TagValue": "ours"}])["KeyMetadata"]["KeyId"]
    assert limited.describe_key(KeyId=ours)["KeyMetadata"]["KeyId"] == ours
    with refused("AccessDeniedException", "kms:DescribeKey"):
        limited.describe_key(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])


def test_a_key_is_known_by_its_kind_and_a_call_by_an_alias_is_on_the_key(aws: Aws) -> None:
    signing = {"StringEquals": {"kms:KeySpec": "HMAC_256"}}
    keys = f"arn:aws:kms:{HERE}:key/*"
    limited = aws.as_role(
        aws.role(
            [
                allow("kms:CreateKey", Condition=signing),
                allow("kms:TagResource", on=keys, Condition=signing),
                allow("kms:DescribeKey", on=keys),
            ]
        )
    ).client("kms")
    tag = [{"TagKey": "System", "TagValue": "ours"}]
    key = limited.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    limited.tag_resource(KeyId=key, Tags=tag)
    with refused("AccessDeniedException", "kms:CreateKey"):
        limited.create_key()
    other = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    with refused("AccessDeniedException", "kms:TagResource"):
        limited.tag_resource(KeyId=other, Tags=tag)
    aws.client("kms").create_alias(AliasName="alias/other", TargetKeyId=other)
    assert limited.describe_key(KeyId="alias/other")["KeyMetadata"]["KeyId"] == other
    with refused("NotFoundException"):  # allowed: an account that has not used it yet has none
        limited.describe_key(KeyId="alias/aws/sqs")


def test_a_pool_is_known_by_its_tags_from_the_beginning(aws: Aws) -> None:
    pools = f"arn:aws:cognito-idp:{HERE}:userpool/*"
    asked = {"StringEquals": {"aws:RequestTag/System": "ours"}}
    limited = aws.as_role(
        aws.role(
            [
                allow("cognito-idp:CreateUserPool", Condition=asked),
                allow("cognito-idp:DescribeUserPool", "cognito-idp:TagResource", on=pools, Condition=OURS),
            ]
        )
    ).client("cognito-idp")
    pool = limited.create_user_pool(PoolName="ours", UserPoolTags={"System": "ours"})["UserPool"]
    assert limited.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["Name"] == "ours"
    limited.tag_resource(ResourceArn=pool["Arn"], Tags={"Team": "x"})
    with refused("AccessDeniedException", "cognito-idp:CreateUserPool"):
        limited.create_user_pool(PoolName="theirs")
    theirs = aws.client("cognito-idp").create_user_pool(PoolName="theirs")["UserPool"]
    with refused("AccessDeniedException", "cognito-idp:DescribeUserPool"):
        limited.describe_user_pool(UserPoolId=theirs["Id"])
    with refused("AccessDeniedException", "cognito-idp:TagResource"):
        limited.tag_resource(ResourceArn=theirs["Arn"], Tags={"System": "ours"})


@pytest.mark.parametrize("service", ["dynamodb", "sns"])
def test_tags_are_those_of_a_resource(aws: Aws, service: str) -> None:
    name = unique("ours")
    if service == "sns":
        arn, action, call = f"arn:aws:sns:{HERE}:{name}", "sns:ListTagsForResource", "list_tags_for_resource"
        aws.sns.create_topic(Name=name)
    else:
        arn, action, call = (
            f"arn:aws:dynamodb:{HERE}:table/{name}",
            "dynamodb:ListTagsOfResource",
            "list_tags_of_resource",
        )
        aws.client("dynamodb").create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        )
    limited = aws.as_role(aws.role([allow(action, on=arn)])).client(service)
    assert getattr(limited, call)(ResourceArn=arn)["Tags"] == []
    with refused("AuthorizationError" if service == "sns" else "AccessDeniedException"):
        getattr(limited, call)(ResourceArn=f"{arn}-2")


def test_alarms_are_listed_by_who_may_see_all(aws: Aws) -> None:
    for resource, may in (
        (f"arn:aws:cloudwatch:{HERE}:alarm:*", True),
        (f"arn:aws:cloudwatch:{HERE}:alarm:ours", False),
    ):
        limited = aws.as_role(aws.role([allow("cloudwatch:DescribeAlarms", on=resource)])).client(
            "cloudwatch"
        )
        if may:
            assert limited.describe_alarms()["MetricAlarms"] == []
        else:
            with refused("AccessDeniedException", "cloudwatch:DescribeAlarms"):
                limited.describe_alarms()


def test_policies_are_simulated_of_whom_one_may(aws: Aws) -> None:
    mine, other = (aws.role([allow("sns:Publish")]) for _ in range(2))
    limited = aws.as_role(aws.role([allow("iam:SimulatePrincipalPolicy", on=mine)])).client("iam")
    asked = {"ActionNames": ["sns:Publish"]}
    (result,) = limited.simulate_principal_policy(PolicySourceArn=mine, **asked)["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    with refused("AccessDenied", "iam:SimulatePrincipalPolicy"):
        limited.simulate_principal_policy(PolicySourceArn=other, **asked)
