"""The metrics of functions, whoever calls them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.person import wait_for
from tests.local_aws.conftest import Aws, refused

SOURCE = """
def handler(event, context):
    if "fail" in event or "Records" in event:
        raise RuntimeError("no")
    return event
"""


def sums(aws: Aws, function: str, *names: str) -> list[float]:
    """What each metric adds up to."""
    now, name = datetime.now(UTC), function.rpartition(":")[2]
    queries: list[Any] = [
        {
            "Id": metric.lower(),
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "FunctionName", "Value": name}],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for metric in names
    ]
    found = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1)
    )
    return [sum(result["Values"]) for result in found["MetricDataResults"]]


def test_a_call_counts_once_and_an_error_is_one(aws: Aws) -> None:
    function = aws.function(SOURCE)
    for event in ({}, {}, {"fail": True}):
        aws.functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    assert sums(aws, function, "Invocations", "Errors", "Throttles") == [3, 1, 0]
    assert sums(aws, function, "Duration")[0] > 0


def test_a_throttled_call_is_no_call(aws: Aws) -> None:
    function = aws.function(SOURCE)
    aws.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    with refused("TooManyRequestsException"):
        aws.functions.invoke(FunctionName=function, Payload=b"{}")
    assert sums(aws, function, "Invocations", "Errors", "Throttles") == [0, 0, 1]


def test_what_a_pool_and_a_topic_call_counts_too(aws: Aws) -> None:
    function = aws.function(SOURCE)
    person = aws.pool(function).sign_up()
    person.confirm()
    assert sums(aws, function, "Invocations", "Errors") == [1, 0]

    topic = aws.sns.create_topic(Name="calls")["TopicArn"]
    aws.permit(function, topic, "sns.amazonaws.com")
    aws.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    aws.sns.publish(TopicArn=topic, Message="hello")
    # asynchronous: tried three times in all
    wait_for("three more", lambda: sums(aws, function, "Errors") == [3] or None, within=15)
    assert sums(aws, function, "Invocations") == [4]
