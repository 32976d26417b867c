"""IAM on SNS and SQS calls, and the credentials that functions run with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.local_aws.conftest import Aws, get, refused, unique

CALLS = {
    "GetSubscriptionAttributes": {},
    "SetSubscriptionAttributes": {"AttributeName": "FilterPolicy", "AttributeValue": '{"a": ["b"]}'},
    "Unsubscribe": {},
}


def method(client: Any, action: str, **arguments: str) -> None:
    names = {
        "GetSubscriptionAttributes": "get_subscription_attributes",
        "SetSubscriptionAttributes": "set_subscription_attributes",
        "Unsubscribe": "unsubscribe",
    }
    getattr(client, names[action])(**arguments)


@pytest.fixture(scope="module")
def topics(aws: Aws) -> tuple[str, str]:
    first, second = (aws.sns.create_topic(Name=unique("topic"))["TopicArn"] for _ in range(2))
    return first, second


def subscription(aws: Aws, topic: str) -> str:
    queue = f"arn:aws:sqs:us-east-1:000000000000:{unique('queue')}"
    return aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]


@pytest.mark.parametrize("action", CALLS)
def test_calls_on_a_subscription_are_authorized_on_its_topic(
    aws: Aws, topics: tuple[str, str], action: str
) -> None:
    mine, other = topics
    allowed = {"Effect": "Allow", "Action": f"sns:{action}", "Resource": mine}
    sns = aws.as_role(aws.role([allowed])).sns
    method(sns, action, SubscriptionArn=subscription(aws, mine), **CALLS[action])
    with refused("AuthorizationError"):
        method(sns, action, SubscriptionArn=subscription(aws, other), **CALLS[action])


def test_who_may_make_a_call_on_a_queue_may_make_it_for_a_batch_and_no_other(aws: Aws) -> None:
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    limited = aws.as_role(aws.role([allowed])).client("sqs")
    sent = limited.send_message_batch(QueueUrl=queue, Entries=[{"Id": "0", "MessageBody": "x"}])
    assert len(sent["Successful"]) == 1
    with refused("AccessDenied"):
        limited.delete_message_batch(QueueUrl=queue, Entries=[{"Id": "0", "ReceiptHandle": "x"}])


@pytest.mark.parametrize("where", ["identity", "topic"])
def test_subscribe_can_be_limited_by_protocol_and_endpoint(aws: Aws, where: str) -> None:
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "sns:Subscribe", "Resource": topic}
    condition = {
        "StringEquals": {"sns:Protocol": "email"},
        "StringLike": {"sns:Endpoint": "*@example.com"},
    }
    if where == "identity":
        role = aws.role([{**statement, "Condition": condition}])
    else:
        role = aws.role([statement])
        deny = [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Subscribe",
                "Resource": topic,
                "Condition": negated,
            }
            for negated in (
                {"StringNotEquals": {"sns:Protocol": "email"}},
                {"StringNotLike": {"sns:Endpoint": "*@example.com"}},
            )
        ]
        aws.sns.set_topic_attributes(
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": deny}),
        )
    sns = aws.as_role(role).sns
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="somebody@example.com")
    with refused("AuthorizationError"):
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="somebody@example.org")
    with refused("AuthorizationError"):
        sns.subscribe(TopicArn=topic, Protocol="email-json", Endpoint="somebody@example.com")


@pytest.mark.parametrize("path", ["/", "/some/path/"])
def test_a_topic_policy_knows_a_role_by_its_arn(aws: Aws, path: str) -> None:
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    publish = [{"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}]
    publisher, other = aws.role(publish, path=path), aws.role(publish)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": publisher}},
    }
    aws.sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    aws.as_role(publisher).sns.publish(TopicArn=topic, Message="hello")
    with refused("AuthorizationError", "explicit deny"):
        aws.as_role(other).sns.publish(TopicArn=topic, Message="hello")


FUNCTION = """
import os, boto3
from botocore.exceptions import ClientError

def handler(event, context):
    def attempt(call, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "done"
    sns, sts = boto3.client("sns"), boto3.client("sts")
    return {
        "identity": sts.get_caller_identity()["Arn"],
        "publish": attempt(sns.publish, TopicArn=event["topic"], Message="hello"),
        "delete": attempt(sns.delete_topic, TopicArn=event["topic"]),
        "environment": dict(os.environ),
    }
"""


def test_a_function_reaches_this_server_with_its_roles_rights_alone(aws: Aws) -> None:
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    role = aws.role([{"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}])
    function = aws.function(FUNCTION, role=role)
    email = f"{unique('mail')}@example.com"
    aws.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=email)
    (mail,) = aws.mails(email)
    get(next(word for word in mail["BodyText"].split() if word.startswith("http")))

    answer = aws.functions.invoke(FunctionName=function, Payload=json.dumps({"topic": topic}).encode())
    got = json.loads(answer["Payload"].read())
    assert (got["publish"], got["delete"]) == ("done", "AuthorizationError")
    assert f":assumed-role/{role.rpartition('/')[2]}/" in got["identity"]
    assert len(aws.mails(email)) == 2

    environment = got["environment"]
    assert environment["AWS_ENDPOINT_URL"] == aws.url
    assert environment["AWS_REGION"] == "us-east-1"
    assert not [name for name in environment if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]
    assert "AWS_PROFILE" not in environment


def test_requests_with_a_wrong_signature_are_refused(aws: Aws) -> None:
    role = aws.as_role(aws.role([{"Effect": "Allow", "Action": "sns:*", "Resource": "*"}]))
    role.sns.list_topics()
    with refused("SignatureDoesNotMatch"):
        replace(role, secret="not the secret").sns.list_topics()


@pytest.mark.parametrize("action", ["GetFunctionConcurrency", "GetAlias", "GetAccountSettings"])
def test_each_thing_that_can_be_read_of_functions_has_its_own_permission(aws: Aws, action: str) -> None:
    function = aws.function("def handler(event, context):\n    return event\n")
    aws.functions.create_alias(FunctionName=function, Name="live", FunctionVersion="$LATEST")
    role = aws.role([{"Effect": "Allow", "Action": f"lambda:{action}", "Resource": "*"}])
    functions = aws.as_role(role).functions
    calls: dict[str, Any] = {
        "GetFunctionConcurrency": lambda: functions.get_function_concurrency(FunctionName=function),
        "GetAlias": lambda: functions.get_alias(FunctionName=function, Name="live"),
        "GetAccountSettings": functions.get_account_settings,
    }
    calls.pop(action)()
    for call in calls.values():
        with refused("AccessDeniedException"):
            call()
