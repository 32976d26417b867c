"""The two functions as Lambda starts them."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import boto3
import pytest

from notifications import clients
from notifications.clients import Patience
from notifications.rows import marshal
from notifications.settings import SettingsError

from .api import CATALOGUE, Api, claims_of
from .conftest import ADA, NOTIFICATIONS, USERS, Clock, Tables

TABLES = {"USER_TABLE": USERS, "NOTIFICATION_TABLE": NOTIFICATIONS}
API = {
    **TABLES,
    "CATALOGUE": json.dumps(CATALOGUE),
    "EMAIL_DELIVERY": "sns",
    "RATE_TABLE": "Rates",
    "TOKEN_KEY_ARN": "arn:aws:kms:eu-west-1:123456789012:key/k",
}


class Context:
    """What Lambda tells a function of itself."""

    function_name = "function"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn"
    aws_request_id = "request"

    def __init__(self, seconds: float = 180) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def test_the_api_answers_and_logs_the_subject_alone(
    tables: Tables,
    clock: Clock,
    load_handler: Callable[..., ModuleType],
    caplog: pytest.LogCaptureFixture,
) -> None:
    Api(tables, clock).register(ADA)
    function = load_handler("api", **API)
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "/preferences",
        "headers": {},
        "requestContext": {
            "http": {"method": "GET", "path": "/preferences"},
            "stage": "$default",
            "authorizer": {"jwt": {"claims": claims_of(ADA)}},
        },
    }
    answer = function.handler(event, Context())
    assert (answer["statusCode"], json.loads(answer["body"])["version"]) == (200, 0)
    logged = [value for record in caplog.records for value in vars(record).values()]
    assert ADA.sub in logged
    assert ADA.user_id not in logged
    assert ADA.email not in str(logged)


def test_a_code_is_sent_in_one_try(
    load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: dict[str, int] = {}

    def made(service: str, patience: Patience) -> Mock:
        attempts[service] = patience.attempts
        return Mock()

    monkeypatch.setattr(clients, "client", made)
    load_handler("api", **API)
    assert attempts == {"dynamodb": 2, "kms": 2, "sns": 1}


def test_the_api_does_not_start_without_its_settings(load_handler: Callable[..., ModuleType]) -> None:
    with pytest.raises(SettingsError, match="TOKEN_KEY_ARN"):
        load_handler("api", **{**API, "TOKEN_KEY_ARN": ""})


@pytest.mark.parametrize(("seconds", "left"), [(180.0, 0), (1.0, 1)])
def test_what_is_due_is_erased_while_there_is_time(
    tables: Tables, clock: Clock, load_handler: Callable[..., ModuleType], seconds: float, left: int
) -> None:
    Api(tables, clock)
    make: Any = boto3.client
    function = load_handler(
        "erase",
        **TABLES,
        USER_POOL_ID=make("cognito-idp").create_user_pool(PoolName="pool")["UserPool"]["Id"],
        NOTIFICATION_TOPIC_ARN=make("sns").create_topic(Name="topic")["TopicArn"],
        REFUSED_QUEUE_URL=make("sqs").create_queue(QueueName="refused")["QueueUrl"],
    )
    job = {
        "NotificationID": f"erasure#{ADA.sub}",
        "UserID": ADA.user_id,
        "Sub": ADA.sub,
        "Repeated": True,
        "DueShard": "erasure",
        "DueAt": 0,
    }
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(job))
    assert function.handler({}, Context(seconds)) == {"ended": 1 - left}
    assert len(tables.notifications) == left


def test_one_job_that_fails_does_not_keep_the_others_waiting(
    tables: Tables,
    clock: Clock,
    load_handler: Callable[..., ModuleType],
    capsys: pytest.CaptureFixture[str],
) -> None:
    Api(tables, clock)
    make: Any = boto3.client
    function = load_handler(
        "erase",
        **TABLES,
        USER_POOL_ID="eu-west-1_none",
        NOTIFICATION_TOPIC_ARN=make("sns").create_topic(Name="topic")["TopicArn"],
        REFUSED_QUEUE_URL=make("sqs").create_queue(QueueName="refused")["QueueUrl"],
    )
    fails = {"NotificationID": "erasure#1", "UserID": "ada", "Sub": "1", "DueShard": "erasure", "DueAt": 0}
    watch = {"NotificationID": "w", "Address": "d", "WatchUntil": 0, "DueShard": "erasure", "DueAt": 1}
    for row in (fails, watch):
        tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(row))
    assert function.handler({}, Context()) == {"ended": 1}
    assert [row["NotificationID"] for row in tables.notifications] == ["erasure#1"]
    # whether the log's lines come here too depends on who imported the function first
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ErasureFailed"] for line in told if "ErasureFailed" in line] == [[1.0]]
