"""Each role does its job, which the other tests show, and is denied what it has no business with."""

from typing import Any

import pytest

from .conftest import Deployment, Probe

pytestmark = pytest.mark.needs("enforcement")
HANDLERS = ("post_confirmation", "deliver", "sweep")


def calls(system: Deployment) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Calls that a function could be led to make, by what they do."""
    users, rows = system.outputs["user_table_name"], system.outputs["notification_table_name"]
    topic = system.outputs["notification_topic_arn"]
    user, row = {"UserID": {"S": "nobody"}}, {"NotificationID": {"S": "nothing"}}
    shard = {
        "KeyConditionExpression": "DueShard = :shard",
        "ExpressionAttributeValues": {":shard": {"S": "0"}},
    }
    return {
        "scan the users": ("dynamodb", "scan", {"TableName": users}),
        "read a user": ("dynamodb", "get_item", {"TableName": users, "Key": user}),
        "change a user": ("dynamodb", "update_item", {"TableName": users, "Key": user}),
        "delete a user": ("dynamodb", "delete_item", {"TableName": users, "Key": user}),
        "delete the users": ("dynamodb", "delete_table", {"TableName": users}),
        "scan the notifications": ("dynamodb", "scan", {"TableName": rows}),
        "read a notification": ("dynamodb", "get_item", {"TableName": rows, "Key": row}),
        "delete a notification": ("dynamodb", "delete_item", {"TableName": rows, "Key": row}),
        "find what is due": ("dynamodb", "query", {"TableName": rows, "IndexName": "Due", **shard}),
        "publish": ("sns", "publish", {"TopicArn": topic, "Message": "x"}),
        "send an SMS": ("sns", "publish", {"PhoneNumber": "+15550100", "Message": "x"}),
        "subscribe a queue": ("sns", "subscribe", {"TopicArn": topic, "Protocol": "sqs", "Endpoint": topic}),
        "list the subscribers": ("sns", "list_subscriptions_by_topic", {"TopicArn": topic}),
        "delete the topic": ("sns", "delete_topic", {"TopicArn": topic}),
        "send mail": (
            "sesv2",
            "send_email",
            {
                "FromEmailAddress": "us@example.com",
                "Destination": {"ToAddresses": ["you@example.com"]},
                "Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
            },
        ),
        "list the buckets": ("s3", "list_buckets", {}),
        "list the roles": ("iam", "list_roles", {}),
    }


DELIVERY = {"read a user", "change a user", "publish"}
MAY = {"post_confirmation": set(), "deliver": DELIVERY, "sweep": DELIVERY | {"find what is due"}}


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_role_may_do_its_own_work_and_nothing_else(
    system: Deployment, probes: dict[str, Probe], handler: str
) -> None:
    tried = calls(system)
    if handler != "post_confirmation":
        # the change that is tried makes an empty record: it is the one thing here that leaves something
        tried["change a user"][2]["ConditionExpression"] = "attribute_exists(UserID)"
    allowed = {
        what for what, (service, call, args) in tried.items() if probes[handler].may(service, call, **args)
    }
    assert allowed == MAY[handler]


def test_nobody_else_may_publish_or_subscribe_even_with_permission_of_their_own(
    system: Deployment, probes: dict[str, Probe]
) -> None:
    iam, topic = system.client("iam"), system.outputs["notification_topic_arn"]
    role = system.functions.get_function_configuration(FunctionName=probes["post_confirmation"].name)["Role"]
    name = role.rsplit("/", 1)[1]
    everything = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:*", "Resource": "*"}]}'
    )
    iam.put_role_policy(RoleName=name, PolicyName="too-much", PolicyDocument=everything)
    try:
        probe = probes["post_confirmation"]
        assert probe.may("sns", "get_topic_attributes", TopicArn=topic), "the policy is in force"
        assert not probe.may("sns", "publish", TopicArn=topic, Message="x")
        assert not probe.may("sns", "subscribe", TopicArn=topic, Protocol="email", Endpoint="x@example.com")
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="too-much")
