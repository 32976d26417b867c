"""Each role does its job, which the other tests show, and is denied what it has no business with."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.deployment import Deployment, Probe
from tests.place import SENDER

pytestmark = pytest.mark.needs("enforcement")
# nothing that a condition like this is put on is there, so nothing is left behind
THERE = "attribute_exists(#key)"
LETTER = json.dumps({"request": "{}", "reason": {"code": "probe", "message": "A probe."}})


def calls(system: Deployment) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Calls that a function could be led to make, by what they do."""
    users, rows = system.outputs["user_table_name"], system.outputs["notification_table_name"]
    rates, topic = system.outputs["channel_rate_table_name"], system.outputs["notification_topic_arn"]
    requests, refused = system.outputs["notification_queue_url"], system.outputs["refused_queue_url"]
    (application,) = json.loads(system.variables("api")["PUSH_APPLICATIONS"]).values()
    endpoint = f"{application.replace(':app/', ':endpoint/')}/00000000-0000-0000-0000-000000000000"
    key = {"KeyId": system.outputs["signing_key_arn"], "MacAlgorithm": "HMAC_SHA_256", "Message": "x"}
    somebody = {"UserPoolId": system.pool, "Username": "nobody"}

    def on(table: str, name: str, value: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a write of something that is not there takes: by its key, and as a whole."""
        item = {name: {"S": value}}
        held = {
            "TableName": table,
            "ConditionExpression": THERE,
            "ExpressionAttributeNames": {"#key": name},
        }
        return {"Key": item, **held}, {"Item": item, **held}

    user, new_user = on(users, "UserID", "nobody")
    row, new_row = on(rows, "NotificationID", "nothing")
    rate, _ = on(rates, "Channel", "none")
    checked = {"TransactItems": [{"ConditionCheck": user}]}

    def together(table: str, item: dict[str, Any]) -> dict[str, Any]:
        return {"RequestItems": {table: {"Keys": [item["Key"]]}}}

    def index(name: str, attribute: str) -> dict[str, Any]:
        return {
            "TableName": rows,
            "IndexName": name,
            "KeyConditionExpression": f"{attribute} = :value",
            "ExpressionAttributeValues": {":value": {"S": "0"}},
        }

    def mail(sender: str) -> dict[str, Any]:
        return {
            "FromEmailAddress": sender,
            "Destination": {"ToAddresses": ["you@example.com"]},
            "Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
        }

    def take(queue: str) -> dict[str, Any]:
        return {"QueueUrl": queue, "VisibilityTimeout": 0}

    def taken(queue: str) -> dict[str, Any]:
        return {"QueueUrl": queue, "ReceiptHandle": "none"}

    return {
        "scan the users": ("dynamodb", "scan", {"TableName": users, "Limit": 1}),
        "read a user": ("dynamodb", "get_item", {"TableName": users, "Key": user["Key"]}),
        "read users together": ("dynamodb", "batch_get_item", together(users, user)),
        "check a user": ("dynamodb", "transact_write_items", checked),
        "write a user": ("dynamodb", "put_item", new_user),
        "change a user": ("dynamodb", "update_item", user),
        "delete a user": ("dynamodb", "delete_item", user),
        "delete the users": ("dynamodb", "delete_table", {"TableName": users}),
        "scan the notifications": ("dynamodb", "scan", {"TableName": rows, "Limit": 1}),
        "read a notification": ("dynamodb", "get_item", {"TableName": rows, "Key": row["Key"]}),
        "read notifications together": ("dynamodb", "batch_get_item", together(rows, row)),
        "check a notification": (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"ConditionCheck": row}]},
        ),
        "write a notification": ("dynamodb", "put_item", new_row),
        "change a notification": ("dynamodb", "update_item", row),
        "delete a notification": ("dynamodb", "delete_item", row),
        "find what is due": ("dynamodb", "query", index("Due", "DueShard")),
        "find what is a person's": ("dynamodb", "query", index("ByUser", "UserID")),
        "read a rate": ("dynamodb", "get_item", {"TableName": rates, "Key": rate["Key"]}),
        "keep to a rate": ("dynamodb", "update_item", rate),
        "publish": ("sns", "publish", {"TopicArn": topic, "Message": "x"}),
        "publish elsewhere": ("sns", "publish", {"TopicArn": f"{topic}-2", "Message": "x"}),
        "publish to a device": ("sns", "publish", {"TargetArn": endpoint, "Message": "x"}),
        "publish to another's device": (
            "sns",
            "publish",
            {"TargetArn": endpoint.replace("/GCM/", "/APNS/"), "Message": "x"},
        ),
        "send an SMS": ("sns", "publish", {"PhoneNumber": "+15550100", "Message": "x"}),
        "subscribe an address": (
            "sns",
            "subscribe",
            {"TopicArn": topic, "Protocol": "email", "Endpoint": "no address"},
        ),
        "subscribe a queue": ("sns", "subscribe", {"TopicArn": topic, "Protocol": "sqs", "Endpoint": topic}),
        "read a subscription": (
            "sns",
            "get_subscription_attributes",
            {"SubscriptionArn": f"{topic}:0"},
        ),
        "end a subscription": ("sns", "unsubscribe", {"SubscriptionArn": f"{topic}:0"}),
        "list the subscribers": ("sns", "list_subscriptions_by_topic", {"TopicArn": topic}),
        "delete the topic": ("sns", "delete_topic", {"TopicArn": topic}),
        "add a device": (
            "sns",
            "create_platform_endpoint",
            {"PlatformApplicationArn": application, "Token": ""},
        ),
        "read a device": ("sns", "get_endpoint_attributes", {"EndpointArn": endpoint}),
        "change a device": ("sns", "set_endpoint_attributes", {"EndpointArn": endpoint, "Attributes": {}}),
        "delete a device": ("sns", "delete_endpoint", {"EndpointArn": endpoint}),
        "list the devices": (
            "sns",
            "list_endpoints_by_platform_application",
            {"PlatformApplicationArn": application},
        ),
        "send mail as itself": ("sesv2", "send_email", mail(SENDER)),
        "send mail as somebody else": ("sesv2", "send_email", mail("us@example.com")),
        "ask for a notification": ("sqs", "send_message", {"QueueUrl": requests, "MessageBody": "{}"}),
        "take a request": ("sqs", "receive_message", take(requests)),
        "delete a request": ("sqs", "delete_message", taken(requests)),
        "refuse a request": ("sqs", "send_message", {"QueueUrl": refused, "MessageBody": LETTER}),
        "read what was refused": ("sqs", "receive_message", take(refused)),
        "delete what was refused": ("sqs", "delete_message", taken(refused)),
        "hide what was refused": (
            "sqs",
            "change_message_visibility_batch",
            {
                "QueueUrl": refused,
                "Entries": [{"Id": "0", "ReceiptHandle": "none", "VisibilityTimeout": 0}],
            },
        ),
        "purge what was refused": ("sqs", "purge_queue", {"QueueUrl": refused}),
        "sign": ("kms", "generate_mac", key),
        "verify": ("kms", "verify_mac", {**key, "Mac": "x" * 32}),
        "disable the key": ("kms", "disable_key", {"KeyId": key["KeyId"]}),
        "read an account": ("cognito-idp", "admin_get_user", somebody),
        "delete an account": ("cognito-idp", "admin_delete_user", somebody),
        "confirm an account": ("cognito-idp", "admin_confirm_sign_up", somebody),
        "list the accounts": ("cognito-idp", "list_users", {"UserPoolId": system.pool}),
        "list the buckets": ("s3", "list_buckets", {}),
        "list the roles": ("iam", "list_roles", {}),
    }


def may(way: str) -> dict[str, set[str]]:
    """What each function may do of it."""
    delivery = {
        "read a user",
        "change a user",
        "change a notification",
        "keep to a rate",
        "send an SMS",
        "publish to a device",
        "sign",
    }
    by_way = {
        "sns": {"publish", "subscribe an address", "read a subscription", "end a subscription"},
        "ses": {"send mail as itself"},
    }
    functions = {
        "post_confirmation": {"write a user", "write a notification"},
        "deliver": delivery | by_way[way],
        "sweep": delivery | by_way[way] | {"find what is due"},
        "enqueue": {
            "take a request",
            "delete a request",
            "refuse a request",
            "read a user",
            "check a user",
            "read a notification",
            "write a notification",
            "change a notification",
        },
        "broadcast": {
            "find what is due",
            "scan the users",
            "check a user",
            "write a notification",
            "change a notification",
        },
        "erase": {
            "delete a user",
            "find what is due",
            "find what is a person's",
            "read a notification",
            "change a notification",
            "delete a notification",
            "read an account",
            "delete an account",
            "list the subscribers",
            "end a subscription",
            "delete a device",
            "read what was refused",
            "delete what was refused",
            "hide what was refused",
        },
        "api": {
            "read a user",
            "change a user",
            "delete a user",
            "read a notification",
            "write a notification",
            "delete a notification",
            "find what is a person's",
            "keep to a rate",
            "send an SMS",
            "add a device",
            "change a device",
            "delete a device",
            "verify",
        },
        "reconcile": {
            "list the accounts",
            "read users together",
            "scan the users",
            "write a user",
            "read a notification",
            "read notifications together",
            "check a notification",
            "write a notification",
            "change a notification",
        },
        "feedback": {
            "change a user",
            "read a notification",
            "change a notification",
            # Lambda does so in the function's name, with what could not be taken
            "refuse a request",
        },
    }
    if way == "sns":
        # SNS tells nothing of a mail that bounces
        del functions["feedback"]
    return functions


def test_every_role_may_do_its_own_work_and_nothing_else(
    system: Deployment, probes: dict[str, Probe]
) -> None:
    tried = calls(system)
    ones = probes.values()
    with ThreadPoolExecutor(2) as pool:
        allowed = dict(zip(probes, pool.map(lambda one: one.allowed(tried), ones), strict=True))
    expected = may(system.way)
    assert allowed.keys() == expected.keys()
    for handler, own in expected.items():
        assert (handler, allowed[handler] - own, own - allowed[handler]) == (handler, set(), set())


def test_nobody_else_may_publish_subscribe_or_sign_even_with_permission_of_their_own(
    system: Deployment, probes: dict[str, Probe]
) -> None:
    iam, topic = system.client("iam"), system.outputs["notification_topic_arn"]
    tried = calls(system)
    role = system.functions.get_function_configuration(FunctionName=probes["post_confirmation"].name)["Role"]
    name = role.rsplit("/", 1)[1]
    everything = {"Effect": "Allow", "Action": ["kms:*", "sns:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    iam.put_role_policy(RoleName=name, PolicyName="too-much", PolicyDocument=policy)
    try:
        probe = probes["post_confirmation"]
        assert probe.may("sns", "list_subscriptions_by_topic", TopicArn=topic), "the policy is in force"
        own = ("publish", "subscribe an address", "subscribe a queue", "sign", "verify")
        assert probe.allowed({what: tried[what] for what in own}) == set()
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="too-much")
