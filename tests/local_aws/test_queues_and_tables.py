"""What the functions rely on in SQS, KMS, DynamoDB, topics and pools, and MiniStack mostly has by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.local_aws.conftest import Aws, Json, Pool, refused, unique

ACCOUNT = "000000000000"


def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def queue(aws: Aws, **attributes: str) -> tuple[str, str]:
    """A queue's URL and ARN."""
    name = unique("queue")
    url = aws.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


RECORD = """
import boto3, json, os

def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    failed = []
    for record in event["Records"]:
        key = {"K": record["messageId"]}
        table.update_item(Key=key, UpdateExpression="ADD N :one SET R = :r",
                          ExpressionAttributeValues={":one": 1, ":r": json.dumps(record)})
        if "fails" in record["body"]:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""


def table(aws: Aws, **more: Any) -> str:
    name = unique("table")
    attributes = [{"AttributeName": "K", "AttributeType": "S"}, *more.pop("attributes", [])]
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "K", "KeyType": "HASH"}],
        AttributeDefinitions=attributes,
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    return name


def test_a_message_that_fails_again_and_again_ends_in_the_dead_letter_queue_alone(aws: Aws) -> None:
    name, sqs = table(aws), aws.client("sqs")
    refused_url, refused_arn = queue(aws)
    redrive = json.dumps({"deadLetterTargetArn": refused_arn, "maxReceiveCount": 2})
    url, arn = queue(aws, VisibilityTimeout="4", RedrivePolicy=redrive)
    role = aws.role(
        [
            {
                "Effect": "Allow",
                "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                "Resource": arn,
            },
            {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "*"},
        ]
    )
    aws.functions.create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=aws.function(RECORD, role=role, TABLE=name),
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 2},
    )
    before = int(time.time() * 1000)
    sent = {
        body: sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"] for body in ("works", "fails")
    }
    (dead,) = until(lambda: sqs.receive_message(QueueUrl=refused_url).get("Messages"))
    assert (dead["Body"], dead["MessageId"]) == ("fails", sent["fails"])
    items = aws.client("dynamodb").scan(TableName=name)["Items"]
    assert {item["K"]["S"]: item["N"]["N"] for item in items} == {sent["works"]: "1", sent["fails"]: "2"}
    for item in items:
        record = json.loads(item["R"]["S"])
        assert before - 2000 <= int(record["attributes"]["SentTimestamp"]) <= time.time() * 1000
        assert record["eventSourceARN"] == arn
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"


@pytest.mark.parametrize("missing", ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"])
def test_a_function_that_may_not_read_a_queue_is_not_invoked_by_it(aws: Aws, missing: str) -> None:
    _, arn = queue(aws)
    actions = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"} - {missing}
    role = aws.role([{"Effect": "Allow", "Action": [f"sqs:{action}" for action in actions], "Resource": arn}])
    with refused("InvalidParameterValueException", missing):
        aws.functions.create_event_source_mapping(
            EventSourceArn=arn, FunctionName=aws.function(RECORD, role=role, TABLE="none")
        )


def test_a_queue_is_mapped_to_a_function_once(aws: Aws) -> None:
    _, arn = queue(aws)
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    role = aws.role([{"Effect": "Allow", "Action": actions, "Resource": arn}])
    mapping = {"EventSourceArn": arn, "FunctionName": aws.function(RECORD, role=role, TABLE="none")}
    create: Any = aws.functions.create_event_source_mapping
    made = create(**mapping)
    with refused("ResourceConflictException", made["UUID"]):
        create(**mapping)
    found = aws.functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    assert [one["UUID"] for one in found] == [made["UUID"]]


def test_a_queue_is_used_with_its_permissions_alone(aws: Aws) -> None:
    url, arn = queue(aws)
    other, _ = queue(aws)
    sender = aws.as_role(aws.role([{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]))
    reads = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
    reader = aws.as_role(aws.role([{"Effect": "Allow", "Action": reads, "Resource": arn}]))
    sender.client("sqs").send_message(QueueUrl=url, MessageBody="it")
    with refused("AccessDenied"):
        sender.client("sqs").send_message(QueueUrl=other, MessageBody="it")
    with refused("AccessDenied"):
        sender.client("sqs").receive_message(QueueUrl=url)
    (message,) = reader.client("sqs").receive_message(QueueUrl=url)["Messages"]
    reader.client("sqs").change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=5
    )
    reader.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def key(aws: Aws, **more: Any) -> str:
    made = aws.client("kms").create_key(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_256", **more)
    return str(made["KeyMetadata"]["Arn"])


def mac(aws: Aws, arn: str, message: bytes) -> bytes:
    answer = aws.client("kms").generate_mac(KeyId=arn, Message=message, MacAlgorithm="HMAC_SHA_256")
    return bytes(answer["Mac"])


def verify(aws: Aws, arn: str, message: bytes, signature: bytes) -> bool:
    answer = aws.client("kms").verify_mac(
        KeyId=arn, Message=message, Mac=signature, MacAlgorithm="HMAC_SHA_256"
    )
    return bool(answer["MacValid"])


def test_a_mac_holds_for_its_message_and_key_alone(aws: Aws) -> None:
    first, second = key(aws), key(aws)
    signature = mac(aws, first, b"message")
    assert verify(aws, first, b"message", signature)
    for arn, message, given in (
        (first, b"massage", signature),
        (second, b"message", signature),
        (first, b"message", bytes(32)),
        (first, b"message", signature[:-1]),
    ):
        with refused("KMSInvalidMacException"):
            verify(aws, arn, message, given)


def test_a_key_is_used_with_permissions_on_it_alone_and_under_its_policy(aws: Aws) -> None:
    first, second = key(aws), key(aws)
    signer = aws.as_role(aws.role([{"Effect": "Allow", "Action": "kms:GenerateMac", "Resource": first}]))
    signature = mac(signer, first, b"message")
    with refused("AccessDeniedException"):
        mac(signer, second, b"message")
    with refused("AccessDeniedException"):
        verify(signer, first, b"message", signature)
    role = aws.role([{"Effect": "Allow", "Action": "kms:GenerateMac", "Resource": "*"}])
    admin = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    deny = {"Effect": "Deny", "Principal": {"AWS": role}, "Action": "kms:GenerateMac", "Resource": "*"}
    closed = key(aws, Policy=json.dumps({"Version": "2012-10-17", "Statement": [admin, deny]}))
    with refused("AccessDeniedException"):
        mac(aws.as_role(role), closed, b"message")


INDEX: Json = {
    "attributes": [
        {"AttributeName": "G", "AttributeType": "S"},
        {"AttributeName": "S", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "ByG",
            "KeySchema": [
                {"AttributeName": "G", "KeyType": "HASH"},
                {"AttributeName": "S", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


@pytest.fixture
def filled(aws: Aws) -> str:
    name = table(aws, **INDEX)
    for number in range(30):
        put(aws, name, f"item-{number}", number)
    return name


def put(aws: Aws, name: str, item: str, number: int) -> None:
    row = {"K": {"S": item}, "G": {"S": "g"}, "S": {"N": str(number)}, "Odd": {"BOOL": bool(number % 2)}}
    aws.client("dynamodb").put_item(TableName=name, Item=row)


def test_a_scan_leaves_none_out_and_repeats_none_while_items_come_and_go(aws: Aws, filled: str) -> None:
    dynamodb, start, round_ = aws.client("dynamodb"), None, 0
    seen: list[str] = []
    gone: set[str] = set()
    while True:
        page = dynamodb.scan(TableName=filled, Limit=4, **({"ExclusiveStartKey": start} if start else {}))
        seen += [item["K"]["S"] for item in page["Items"]]
        start = page.get("LastEvaluatedKey")
        if not start:
            break
        round_ += 1
        if round_ % 2:
            dynamodb.delete_item(TableName=filled, Key=start)
            gone.add(start["K"]["S"])
        for number in range(3):
            put(aws, filled, f"new-{round_}-{number}-{unique('x')}", 100)
        assert round_ < 200
    stayed = {f"item-{number}" for number in range(30)} - gone
    assert stayed <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_query_of_an_index_filters_within_its_pages(aws: Aws) -> None:
    name = table(aws, **INDEX)
    for number in range(10):
        put(aws, name, f"item-{number}", number // 2)  # two to a sort key
    pages: list[list[str]] = []
    start = None
    while True:
        page = aws.client("dynamodb").query(
            TableName=name,
            IndexName="ByG",
            Limit=3,
            KeyConditionExpression="G = :g",
            FilterExpression="Odd = :odd",
            ExpressionAttributeValues={":g": {"S": "g"}, ":odd": {"BOOL": True}},
            **({"ExclusiveStartKey": start} if start else {}),
        )
        pages.append([item["K"]["S"] for item in page["Items"]])
        start = page.get("LastEvaluatedKey")
        if not start:
            break
        assert len(pages) < 20
    assert sorted(item for page in pages for item in page) == ["item-2", "item-3", "item-6", "item-7"]
    assert all(len(page) <= 3 for page in pages)


def test_a_failed_condition_shows_the_item(aws: Aws) -> None:
    name = table(aws)
    put(aws, name, "a", 1)
    with pytest.raises(aws.client("dynamodb").exceptions.ClientError) as caught:
        aws.client("dynamodb").update_item(
            TableName=name,
            Key={"K": {"S": "a"}},
            UpdateExpression="SET S = :s",
            ConditionExpression="attribute_not_exists(K)",
            ExpressionAttributeValues={":s": {"N": "2"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    answer: Json = dict(caught.value.response)
    assert answer["Error"]["Code"] == "ConditionalCheckFailedException"
    assert answer["Item"]["S"] == {"N": "1"}


def test_a_transaction_needs_each_of_its_actions_and_all_its_conditions(aws: Aws) -> None:
    name = table(aws)
    put(aws, name, "a", 1)
    arn = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{name}"
    check = {
        "ConditionCheck": {
            "TableName": name,
            "Key": {"K": {"S": "a"}},
            "ConditionExpression": "S = :s",
            "ExpressionAttributeValues": {":s": {"N": "1"}},
        }
    }
    write = {"Put": {"TableName": name, "Item": {"K": {"S": "b"}}}}
    remove = {"Delete": {"TableName": name, "Key": {"K": {"S": "b"}}}}

    def transact(actions: list[str], items: list[Json]) -> None:
        role = aws.role([{"Effect": "Allow", "Action": [f"dynamodb:{a}" for a in actions], "Resource": arn}])
        aws.as_role(role).client("dynamodb").transact_write_items(TransactItems=items)

    transact(["ConditionCheckItem", "DeleteItem"], [check, remove])
    transact(["ConditionCheckItem", "PutItem"], [check, write])
    with refused("AccessDeniedException"):
        transact(["PutItem", "DeleteItem"], [check, write])
    with refused("AccessDeniedException"):
        transact(["ConditionCheckItem", "DeleteItem"], [check, write])
    with refused("AccessDeniedException"):
        transact(["ConditionCheckItem", "PutItem"], [check, remove])
    put(aws, name, "a", 2)
    with refused("TransactionCanceledException", "ConditionalCheckFailed"):
        transact(["ConditionCheckItem", "DeleteItem"], [check, remove])
    assert "Item" in aws.client("dynamodb").get_item(TableName=name, Key={"K": {"S": "b"}})


STORE = """
import boto3, json, os

def handler(event, context):
    item = {"K": os.environ["NAME"], "R": json.dumps(event)}
    boto3.resource("dynamodb").Table(os.environ["TABLE"]).put_item(Item=item)
"""


def test_a_topic_invokes_the_functions_that_let_it_alone(aws: Aws) -> None:
    name = table(aws)
    role = aws.role([{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"}])
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    for source in (f"{topic}-other", topic):
        function = aws.function(STORE, role=role, TABLE=name, NAME=source)
        aws.permit(function, source, "sns.amazonaws.com")
        aws.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    aws.sns.publish(TopicArn=topic, Message='{"a": 1}', Subject="It")

    def stored() -> list[Json]:
        items: list[Json] = aws.client("dynamodb").scan(TableName=name)["Items"]
        return items

    until(stored)
    time.sleep(2)  # both were called at once, and the other would have come by now
    (item,) = stored()
    assert item["K"]["S"] == topic
    (record,) = json.loads(item["R"]["S"])["Records"]
    assert record["EventSource"] == "aws:sns"
    assert (record["Sns"]["TopicArn"], record["Sns"]["Message"]) == (topic, '{"a": 1}')
    assert {"MessageId", "Timestamp", "Subject", "Type"} <= record["Sns"].keys()


STUMBLE = """
import boto3, os

def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    came_before = "Item" in table.get_item(Key={"K": "first"})
    table.put_item(Item={"K": "again" if came_before else "first"})
    assert came_before
"""


def test_what_a_function_fails_to_take_from_a_topic_comes_again(aws: Aws) -> None:
    name = table(aws)
    may = {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": "*"}
    function = aws.function(STUMBLE, role=aws.role([may]), TABLE=name)
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    aws.permit(function, topic, "sns.amazonaws.com")
    aws.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    aws.sns.publish(TopicArn=topic, Message="x")
    until(lambda: aws.client("dynamodb").get_item(TableName=name, Key={"K": {"S": "again"}}).get("Item"))


@pytest.fixture
def pool(aws: Aws) -> Pool:
    return aws.pool()


def test_an_administrator_reads_and_deletes_a_person_once(aws: Aws, pool: Pool) -> None:
    person = pool.sign_up()
    assert person.attributes()["sub"] == person.sub
    actions = ["cognito-idp:AdminGetUser", "cognito-idp:AdminDeleteUser"]
    role = aws.as_role(aws.role([{"Effect": "Allow", "Action": actions, "Resource": pool.arn}]))
    role.cognito.admin_delete_user(UserPoolId=pool.id, Username=person.name)
    with refused("UserNotFoundException"):
        role.cognito.admin_get_user(UserPoolId=pool.id, Username=person.name)
    with refused("UserNotFoundException"):
        role.cognito.admin_delete_user(UserPoolId=pool.id, Username=person.name)
    with refused("AccessDeniedException"):
        role.cognito.admin_get_user(UserPoolId=aws.pool().id, Username="somebody")


# What `make bench` counts by: "Using Global Secondary Indexes in DynamoDB" and "Amazon DynamoDB Transactions:
# How it works" (Developer Guide)


@pytest.fixture
def consumption(aws: Aws) -> Callable[..., tuple[float, dict[str, float]]]:
    """The units that a call consumes: of the table, and by index."""
    dynamodb = aws.client("dynamodb")
    indexes = [
        {
            "IndexName": name,
            "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
            "Projection": projection,
        }
        for name, projection in (
            ("Bare", {"ProjectionType": "KEYS_ONLY"}),
            ("Some", {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["Kept"]}),
        )
    ]
    name = table(
        aws,
        attributes=[{"AttributeName": index, "AttributeType": "S"} for index in ("Bare", "Some")],
        GlobalSecondaryIndexes=indexes,
    )

    def consumed(call: str, **request: Any) -> tuple[float, dict[str, float]]:
        if call == "transact_write_items":
            request = {
                "TransactItems": [{kind: {"TableName": name, **what}} for kind, what in request.items()]
            }
        else:
            request |= {"TableName": name}
        said = getattr(dynamodb, call)(**request, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
        one = said[0] if isinstance(said, list) else said
        found = {
            index: units["CapacityUnits"] for index, units in one.get("GlobalSecondaryIndexes", {}).items()
        }
        return one["CapacityUnits"] - sum(found.values()), found

    return consumed


Consumption = Callable[..., tuple[float, dict[str, float]]]


def test_a_write_consumes_a_unit_for_each_kb_begun_and_twice_that_in_a_transaction(
    consumption: Consumption,
) -> None:
    small = {"K": {"S": "small"}}
    large = {"K": {"S": "large"}, "Text": {"S": "x" * 2100}}
    assert consumption("put_item", Item=small) == (1, {})
    assert consumption("put_item", Item=large) == (3, {})
    assert consumption("transact_write_items", Put={"Item": small}) == (2, {})
    assert consumption("transact_write_items", Put={"Item": large}) == (6, {})
    # a condition on a row that is not written costs as much
    holds = {"Key": {"K": {"S": "large"}}, "ConditionExpression": "attribute_exists(K)"}
    assert consumption("transact_write_items", Put={"Item": small}, ConditionCheck=holds) == (8, {})


def test_an_index_is_written_where_what_it_holds_changes(consumption: Consumption) -> None:
    key = {"K": {"S": "1"}}

    def update(expression: str, value: str) -> dict[str, float]:
        values = {":v": {"S": value}}
        return consumption(
            "update_item", Key=key, UpdateExpression=expression, ExpressionAttributeValues=values
        )[1]

    item = {**key, "Bare": {"S": "a"}, "Some": {"S": "a"}, "Kept": {"S": "a"}, "Text": {"S": "x" * 2100}}
    # neither index has the text
    assert consumption("put_item", Item=item) == (3, {"Bare": 1, "Some": 1})
    assert update("SET Note1 = :v", "b") == {}
    assert update("SET Kept = :v", "b") == {"Some": 1}
    assert update("SET Kept = :v", "b") == {}
    # it leaves one place and comes to another
    assert update("SET Bare = :v", "b") == {"Bare": 2}
    assert update("SET Note1 = :v REMOVE Bare", "c") == {"Bare": 1}
