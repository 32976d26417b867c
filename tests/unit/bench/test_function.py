"""Functions in processes of their own, and what stands in for AWS when they are measured."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import SSLError

from tests.bench.function import REGION, Function, FunctionError
from tests.bench.stub import BUNDLE, stub
from tests.bench.triggers import BARE, OURS, confirmation, event_for

HANDLER = """
import colorsys, time

def handler(event, context):
    print("what is printed is no answer")
    time.sleep(event["seconds"])
"""


@pytest.fixture
def function(tmp_path: Path) -> Function:
    (tmp_path / "slow.py").write_text(HANDLER)
    return Function("slow", "slow", tmp_path, {})


def test_a_warm_function_says_how_long_each_call_took(function: Function) -> None:
    with function.warm() as warm:
        assert warm.call({"seconds": 0.05}) >= 0.05
        assert warm.call({"seconds": 0}) < 0.05


def test_a_start_is_told_with_what_it_took_and_holds_and_leaves_no_bytecode(function: Function) -> None:
    start = function.start({"seconds": 0.1})
    assert start.seconds > 0.1
    assert 0 <= start.processor < start.seconds
    assert start.memory > 2**20
    assert list(function.task.iterdir()) == [function.task / "slow.py"]


def test_a_function_that_fails_is_named(function: Function) -> None:
    with pytest.raises(FunctionError, match="slow"):
        function.start({})


def test_imports_are_counted_by_package(function: Function) -> None:
    imports = function.imports()
    assert {"colorsys", "json"} <= set(imports)
    assert imports["json"] > 0
    # what the module itself does at its start is no import
    assert "slow" not in imports


def test_the_bare_call_writes_what_ours_writes() -> None:
    record, welcome = (item["Put"]["Item"] for item in event_for(BARE)["items"])
    assert record["UserID"]["S"] == welcome["UserID"]["S"]
    assert welcome["NotificationID"]["S"] == f"welcome#{record['Sub']['S']}"
    assert event_for(OURS)["userName"] != confirmation()["userName"]


def test_what_stands_in_for_aws_answers_every_call_and_is_trusted_by_its_bundle(tmp_path: Path) -> None:
    session: Any = boto3.Session("test", "test", region_name=REGION)
    with stub(tmp_path) as url:
        sns, dynamodb = (
            session.client(name, endpoint_url=url, verify=str(tmp_path / BUNDLE))
            for name in ("sns", "dynamodb")
        )
        topic = "arn:aws:sns:eu-central-1:000000000000:topic"
        subscribed = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ada@example.com")
        assert subscribed["SubscriptionArn"] == "pending confirmation"
        assert sns.publish(TopicArn=topic, Message="Hello")["MessageId"]
        dynamodb.put_item(TableName="users", Item={"UserID": {"S": "ada"}})
        with pytest.raises(SSLError):
            session.client("dynamodb", endpoint_url=url).put_item(
                TableName="users", Item={"UserID": {"S": "a"}}
            )
