"""Requests as the SDK makes them, and refusals as it takes them."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.faults.calls import Call, Refusal, call_of, permissions_of, refusal

TABLE = "registration-Notifications-lane1"
KEY = {"NotificationID": {"S": "x"}}
ASKED: list[tuple[str, str, dict[str, Any], str, set[str]]] = [
    (
        "dynamodb",
        "get_item",
        {"TableName": TABLE, "Key": KEY},
        "dynamodb:GetItem Notifications",
        {"dynamodb:GetItem Notifications"},
    ),
    (
        "dynamodb",
        "query",
        {"TableName": TABLE, "IndexName": "Due", "KeyConditionExpression": "a = b"},
        "dynamodb:Query Notifications/Due",
        {"dynamodb:Query Notifications/Due"},
    ),
    (
        "dynamodb",
        "transact_write_items",
        {
            "TransactItems": [
                {"Put": {"TableName": TABLE, "Item": KEY}},
                {"ConditionCheck": {"TableName": TABLE, "Key": KEY, "ConditionExpression": "a = b"}},
            ]
        },
        "dynamodb:TransactWriteItems",
        {"dynamodb:PutItem Notifications", "dynamodb:ConditionCheckItem Notifications"},
    ),
    (
        "dynamodb",
        "batch_get_item",
        {"RequestItems": {TABLE: {"Keys": [KEY]}}},
        "dynamodb:BatchGetItem Notifications",
        {"dynamodb:BatchGetItem Notifications"},
    ),
    (
        "sns",
        "publish",
        {"PhoneNumber": "+1", "Message": "m"},
        "sns:Publish PhoneNumber",
        {"sns:Publish PhoneNumber"},
    ),
    (
        "sns",
        "publish",
        {"TopicArn": "arn:aws:sns:eu-west-1:000000000000:t", "Message": "Action=Subscribe"},
        "sns:Publish TopicArn",
        {"sns:Publish TopicArn"},
    ),
    (
        "sesv2",
        "send_email",
        {"FromEmailAddress": "a@example.com", "Destination": {}, "Content": {}},
        "ses:SendEmail",
        {"ses:SendEmail"},
    ),
    (
        "kms",
        "generate_mac",
        {"KeyId": "k", "MacAlgorithm": "HMAC_SHA_256", "Message": b"m"},
        "kms:GenerateMac",
        {"kms:GenerateMac"},
    ),
    (
        "sqs",
        "delete_message_batch",
        {"QueueUrl": "http://127.0.0.1/0/registration-refused-lane1", "Entries": []},
        "sqs:DeleteMessageBatch refused",
        {"sqs:DeleteMessage refused"},
    ),
    (
        "cognito-idp",
        "admin_get_user",
        {"UserPoolId": "eu-west-1_a", "Username": "u"},
        "cognito-idp:AdminGetUser",
        {"cognito-idp:AdminGetUser"},
    ),
]


def made(service: str, answer: Callable[[Any], AWSResponse]) -> Any:
    """A client, all of whose requests are answered here."""
    client: Any = boto3.client(  # type: ignore[call-overload]  # services by name
        service,
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-send", lambda request, **_: answer(request))
    return client


class Raw:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_options: Any) -> Any:
        yield self.body


def answered(refused: Refusal) -> AWSResponse:
    return AWSResponse(
        "http://127.0.0.1", refused.status, HTTPHeaders.from_pairs(refused.headers), Raw(refused.body)
    )


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "name", "permissions"), ASKED, ids=[each[3] for each in ASKED]
)
@pytest.mark.parametrize("throttled", [True, False])
def test_a_call_is_known_and_refused_as_its_service_would(
    service: str, operation: str, arguments: dict[str, Any], name: str, permissions: set[str], throttled: bool
) -> None:
    seen: list[Call] = []

    def answer(request: Any) -> AWSResponse:
        headers = {
            key.lower().encode(): value if isinstance(value, bytes) else value.encode()
            for key, value in request.headers.items()
        }
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        path = "/" + request.url.split("/", 3)[3]
        seen.append(call_of(request.method, path, headers, body, "-lane1"))
        return answered(refusal(seen[0], throttled=throttled))

    with pytest.raises(ClientError) as refused:
        getattr(made(service, answer), operation)(**arguments)
    assert str(seen[0]) == name
    assert set(seen[0].permissions) == permissions
    said: Any = refused.value.response
    assert said["Error"]["Message"]
    status = said["ResponseMetadata"]["HTTPStatusCode"]
    assert status in ({400, 429} if throttled else {500})
    if throttled:
        assert any(word in said["Error"]["Code"] for word in ("Throttl", "TooMany", "Exceeded"))


def test_what_a_policy_allows_is_said_in_the_same_words() -> None:
    tables = "arn:aws:dynamodb:eu-west-1:0:table/registration"
    allowed = [
        ("dynamodb:PutItem", f"{tables}-Notifications"),
        ("dynamodb:Query", f"{tables}-Notifications/index/Due"),
        ("sns:Publish", "arn:aws:sns:eu-west-1:0:topic"),
        ("sns:Publish", "arn:aws:sns:eu-west-1:0:endpoint/GCM/app/*"),
        ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:0:registration-refused"),
        ("ses:SendEmail", "arn:aws:ses:eu-west-1:0:identity/no-reply@example.com"),
    ]
    statements: list[dict[str, Any]] = [
        {"Sid": f"Ours{number}", "Action": [action], "Resource": [resource]}
        for number, (action, resource) in enumerate(allowed)
    ]
    phones = {"Sid": "PublishToPhones", "Action": ["sns:Publish"], "NotResource": ["arn:*:sns:*:*:*"]}
    by_lambda = {"Sid": "SendFailedBatches", "Action": ["sqs:SendMessage"], "Resource": ["failed"]}
    policy = {"Statement": [*statements, phones, by_lambda]}
    assert permissions_of(policy) == {
        "dynamodb:PutItem Notifications",
        "dynamodb:Query Notifications/Due",
        "sns:Publish TopicArn",
        "sns:Publish TargetArn",
        "sns:Publish PhoneNumber",
        "sqs:SendMessage refused",
        "ses:SendEmail",
    }
