"""What Terraform's log and the SDK's history tell of calls, and the IAM actions that those take."""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import click
import pytest
from botocore.stub import Stubber

from scripts import deploy_calls
from scripts.deploy_calls import EDITS, RECORD, Call, actions_of, from_terraform, record_of, recording
from scripts.environment import TERRAFORM

TAGS = [{"Key": "System", "Value": "x"}]


@pytest.mark.parametrize(
    ("operation", "request_", "actions"),
    [
        ("dynamodb.DescribeTable", {}, ["dynamodb:DescribeTable"]),
        ("dynamodb.CreateTable", {"Tags": TAGS}, ["dynamodb:CreateTable", "dynamodb:TagResource"]),
        ("dynamodb.CreateTable", {"Tags": []}, ["dynamodb:CreateTable"]),
        ("dynamodb.TagResource", {"Tags": TAGS}, ["dynamodb:TagResource"]),
        ("iam.CreateRole", {"Tags.member.1.Key": ["System"]}, ["iam:CreateRole", "iam:TagRole"]),
        ("sqs.CreateQueue", {"tags": {"System": "x"}}, ["sqs:CreateQueue", "sqs:TagQueue"]),
        (
            "cognito-idp.CreateUserPool",
            {"UserPoolTags": {"System": "x"}},
            ["cognito-idp:CreateUserPool", "cognito-idp:TagResource"],
        ),
        ("lambda.CreateFunction", {"Role": "arn"}, ["lambda:CreateFunction", "iam:PassRole"]),
        ("lambda.GetFunction", {}, ["lambda:GetFunction", "lambda:ListTags"]),
        ("lambda.Invoke", {}, ["lambda:InvokeFunction"]),
        (
            "scheduler.UpdateSchedule",
            {"Target": {"RoleArn": "arn"}},
            ["scheduler:UpdateSchedule", "iam:PassRole"],
        ),
        ("s3.HeadObject", {}, ["s3:GetObject"]),
        ("s3.ListObjectsV2", {}, ["s3:ListBucket"]),
        ("s3.GetBucketEncryption", {}, ["s3:GetEncryptionConfiguration"]),
        ("sesv2.GetEmailIdentity", {}, ["ses:GetEmailIdentity"]),
        ("apigatewayv2.CreateRoute", {}, ["apigateway:POST"]),
        ("apigatewayv2.GetApi", {}, ["apigateway:GET"]),
        ("apigatewayv2.DeleteCorsConfiguration", {}, ["apigateway:DELETE"]),
        ("sts.GetCallerIdentity", {}, []),
        ("cognito-idp.SignUp", {}, []),
    ],
)
def test_a_call_takes_its_actions(operation: str, request_: dict[str, Any], actions: list[str]) -> None:
    assert actions_of(operation, request_) == tuple(actions)


def told(service: str, method: str, body: str = "", **more: str) -> str:
    return json.dumps(
        {
            "@module": "aws",
            "@message": "HTTP Request Sent",
            "rpc.service": service,
            "rpc.method": method,
            "http.request.body": body,
            **more,
        }
    )


def test_terraforms_log_tells_what_was_called_and_what_for() -> None:
    log = [
        json.dumps({"@message": "starting", "@module": "terraform"}),
        told("DynamoDB", "CreateTable", json.dumps({"Tags": TAGS}), tf_resource_type="aws_dynamodb_table"),
        told(
            "IAM", "CreateRole", "Action=CreateRole&Tags.member.1.Key=System", tf_resource_type="aws_iam_role"
        ),
        told("SESv2", "GetEmailIdentity", tf_data_source_type="aws_sesv2_email_identity"),
        told(
            "S3", "PutObject", "[Redacted: 261 bytes]", **{"@module": "backend-s3", "aws.s3.key": "a.tfstate"}
        ),
        told("S3", "PutObject", **{"@module": "backend-s3", "aws.s3.key": "a.tfstate.tflock"}),
        told("STS", "GetCallerIdentity", **{"@module": "aws.aws-base"}),
    ]
    assert list(from_terraform(log)) == [
        Call("aws_dynamodb_table", "dynamodb.CreateTable", ("dynamodb:CreateTable", "dynamodb:TagResource")),
        Call("aws_iam_role", "iam.CreateRole", ("iam:CreateRole", "iam:TagRole")),
        Call("aws_sesv2_email_identity", "sesv2.GetEmailIdentity", ("ses:GetEmailIdentity",)),
        Call("state", "s3.PutObject", ("s3:PutObject",)),
        Call("lock", "s3.PutObject", ("s3:PutObject",)),
        Call("provider", "sts.GetCallerIdentity", ()),
    ]


def test_a_request_that_the_log_has_cut_is_not_left_out_silently() -> None:
    cut = json.dumps(
        {"@module": "provider", "@message": '{"@message":"HTTP Request Sent","http.request.body":"UEs'}
    )
    with pytest.raises(click.ClickException, match="too long for Terraform's log; use a smaller package"):
        list(from_terraform([cut]))


def test_a_service_that_is_not_known_is_not_left_out_silently() -> None:
    with pytest.raises(click.ClickException, match=r"Add 'EC2' to the services of scripts/deploy_calls\.py"):
        list(from_terraform([told("EC2", "DescribeVpcs")]))


def test_what_this_process_calls_meanwhile_is_recorded() -> None:
    client = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        for _ in range(3):
            stub.add_response("get_queue_url", {"QueueUrl": "https://sqs"})
        client.get_queue_url(QueueName="before")
        with recording("doctor") as calls:
            client.get_queue_url(QueueName="meanwhile")
        client.get_queue_url(QueueName="after")
    assert calls == [Call("doctor", "sqs.GetQueueUrl", ("sqs:GetQueueUrl",))]


def test_a_record_is_in_order_and_without_repetition() -> None:
    calls = [
        Call("state", "s3.PutObject", ("s3:PutObject",)),
        Call("state", "s3.GetObject", ("s3:GetObject",)),
        Call("state", "s3.PutObject", ("s3:PutObject",)),
        Call("function", "lambda.CreateFunction", ("lambda:CreateFunction",)),
        Call("function", "lambda.CreateFunction", ("lambda:CreateFunction", "iam:PassRole")),
    ]
    assert record_of({"create": calls}) == {
        "create": {
            "function": {"lambda.CreateFunction": ["iam:PassRole", "lambda:CreateFunction"]},
            "state": {"s3.GetObject": ["s3:GetObject"], "s3.PutObject": ["s3:PutObject"]},
        }
    }


def test_the_record_is_as_the_rules_for_actions_have_it() -> None:
    """Tags and roles apart, which are told with the request: they add to what the call itself takes."""
    for phase in json.loads(RECORD.read_text()).values():
        for operations in phase.values():
            for operation, actions in operations.items():
                assert set(actions_of(operation, {})) <= set(actions), operation


def test_the_edits_are_of_code_that_is_there() -> None:
    for name, old, _ in EDITS:
        assert old in (TERRAFORM / name).read_text(), (name, old)


def test_an_edit_of_code_that_is_gone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "terraform").mkdir()
    (tmp_path / "terraform/main.tf").write_text("a = 1\n")
    monkeypatch.setattr(deploy_calls, "EDITS", [("main.tf", "a = 2", "a = 3")])
    recording_: Any = deploy_calls.Recording(None, tmp_path)  # type: ignore[arg-type]  # it is not asked
    with pytest.raises(
        click.ClickException, match=re.escape("main.tf has no 'a = 2' any more; correct EDITS.")
    ):
        recording_.edit()
