"""What the modules have made: as it was written, and it works."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from notifications.letters import Letters
from notifications.tokens import InvalidTokenError, Tokens, Unsubscription
from scripts.person import wait_for

from .conftest import Applied, LocalStack

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def counted(applied: Applied, localstack: LocalStack) -> None:
    """The limit of filter policies was met once: the alarm takes a while to see it."""
    metric = {
        "MetricName": "FilterPolicyLimitExceeded",
        "Dimensions": [{"Name": "service", "Value": "deliver"}],
        "Value": 1,
    }
    localstack.client("cloudwatch").put_metric_data(Namespace=applied.name, MetricData=[metric])


def test_plan_after_the_apply_is_empty(applied: Applied, tmp_path: Path) -> None:
    assert not applied.terraform.plan(out=tmp_path / "again", variables=applied.variables)


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("sns:Publish", "", True),
        ("sns:Subscribe", "", True),
        ("sns:Publish", "-of-another", False),
        ("sns:Unsubscribe", "", False),
        ("sns:DeleteTopic", "", False),
    ],
)
def test_the_role_may_do_what_its_statements_say_and_nothing_else(
    applied: Applied, localstack: LocalStack, action: str, resource: str, allowed: bool
) -> None:
    (result,) = localstack.client("iam").simulate_principal_policy(
        PolicySourceArn=applied.outputs["publisher_arn"],
        ActionNames=[action],
        ResourceArns=[f"{applied.outputs['topic_arn']}{resource}"],
    )["EvaluationResults"]

    assert (result["EvalDecision"] == "allowed") is allowed, result


def test_the_topic_shuts_out_all_but_the_publisher(applied: Applied, localstack: LocalStack) -> None:
    attributes = localstack.client("sns").get_topic_attributes(TopicArn=applied.outputs["topic_arn"])
    (statement,) = json.loads(attributes["Attributes"]["Policy"])["Statement"]

    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": [applied.outputs["publisher_arn"]]}
    }


def test_what_was_received_too_often_is_put_aside_and_can_be_destroyed(
    applied: Applied, localstack: LocalStack
) -> None:
    sqs = localstack.client("sqs")
    asked = {"id": "1", "to": {"user": "ada"}, "category": "orders", "data": {}}
    sqs.send_message(QueueUrl=applied.outputs["request_queue_url"], MessageBody=json.dumps(asked))

    def receive(queue: str) -> list[Any]:
        url = applied.outputs[queue]
        return sqs.receive_message(QueueUrl=url, VisibilityTimeout=1).get("Messages", []) or []

    wait_for("the request", lambda: receive("request_queue_url") or None, 10)

    def put_aside() -> bool | None:
        assert receive("request_queue_url") == []
        return bool(receive("refused_queue_url")) or None

    wait_for("the request among the refused", put_aside, 20, every=0.5)
    letters = Letters(sqs, applied.outputs["refused_queue_url"], hold_seconds=5)
    destroyed = wait_for("it again", lambda: letters.destroy("ada", [], lambda: None) or None, 10)

    assert destroyed == 1
    assert receive("refused_queue_url") == []


def test_the_key_signs_and_knows_its_own_hand(applied: Applied) -> None:
    tokens = Tokens(applied.client("kms"), applied.outputs["key_arn"])
    what = Unsubscription("ada", "sub-ada", "orders", "Email")
    token = tokens.sign(what, NOW + timedelta(days=1))

    assert tokens.read(token, NOW) == what
    with pytest.raises(InvalidTokenError, match="expired"):
        tokens.read(token, NOW + timedelta(days=1))
    forged = tokens.sign(Unsubscription("bob", "sub-bob", "orders", "Email"), NOW + timedelta(days=1))
    with pytest.raises(InvalidTokenError, match="not ours"):
        tokens.read(f"{token.split('.')[0]}.{forged.split('.')[1]}", NOW)


def test_the_logs_are_kept_for_as_long_as_was_said(applied: Applied, localstack: LocalStack) -> None:
    (group,) = localstack.client("logs").describe_log_groups(
        logGroupNamePrefix=f"/aws/lambda/{applied.name}-deliver"
    )["logGroups"]

    assert group["retentionInDays"] == 14


def test_the_alarm_goes_off(applied: Applied, localstack: LocalStack) -> None:
    cloudwatch = localstack.client("cloudwatch")

    def state() -> bool | None:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[f"{applied.name}-filter-policies-used-up"])[
            "MetricAlarms"
        ]
        return alarm["StateValue"] == "ALARM" or None

    assert wait_for("the alarm", state, 60, every=1)
