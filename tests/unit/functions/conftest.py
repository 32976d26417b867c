"""The two tables in memory, and people to put in them."""

import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer
from moto import mock_aws

from notifications.registration import Person

USERS = "UserPreferences"
NOTIFICATIONS = "Notifications"
RATES = "ChannelRates"
ADA = Person(user_id="ada", sub="5f0c6f3e-ada", email="ada@example.com", email_verified=True)
BOB = Person(user_id="bob", sub="77aa1b2c-bob", email="bob@example.com", email_verified=True)


class Clock:
    """A time that moves only when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """One for all tests: a new one reads the descriptions of the services again, for a tenth of a second."""
    return boto3.Session("test", "test", region_name="eu-west-1")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, session: boto3.Session) -> Iterator[None]:
    """Nothing in these tests can reach an AWS, real or emulated."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        yield


class Tables:
    """The tables, as the functions' Terraform makes them, and their rows as plain values."""

    def __init__(self) -> None:
        make: Any = boto3.client
        self.client = make("dynamodb")
        keys = {"UserID": "S", "NotificationID": "S", "Channel": "S", "DueShard": "S", "DueAt": "N"}

        def table(name: str, key: str, **more: Any) -> None:
            used = {key, *(k["AttributeName"] for i in more.values() for x in i for k in x["KeySchema"])}
            self.client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[
                    {"AttributeName": used_name, "AttributeType": keys[used_name]} for used_name in used
                ],
                BillingMode="PAY_PER_REQUEST",
                **more,
            )

        due = [
            {
                "IndexName": "Due",
                "KeySchema": [
                    {"AttributeName": "DueShard", "KeyType": "HASH"},
                    {"AttributeName": "DueAt", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ]
        table(USERS, "UserID")
        table(RATES, "Channel")
        table(NOTIFICATIONS, "NotificationID", GlobalSecondaryIndexes=due)

    def rows(self, table: str) -> list[dict[str, Any]]:
        deserialize = TypeDeserializer().deserialize
        return [
            {name: deserialize(value) for name, value in item.items()}
            for item in self.client.scan(TableName=table)["Items"]
        ]

    @property
    def users(self) -> list[dict[str, Any]]:
        return self.rows(USERS)

    @property
    def notifications(self) -> list[dict[str, Any]]:
        return self.rows(NOTIFICATIONS)

    def the_notification(self) -> dict[str, Any]:
        (row,) = self.notifications
        return row


@pytest.fixture
def tables(aws: None) -> Tables:
    return Tables()


def asked(tables: Tables, operation: str, parameter: str) -> list[object]:
    """What DynamoDB is asked from now on."""
    values: list[object] = []
    tables.client.meta.events.register(
        f"provide-client-params.dynamodb.{operation}",
        lambda params, **_: values.append(params.get(parameter)),
    )
    return values


@pytest.fixture
def load_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Starts a function: imports its handler anew, with the environment that it is to find."""

    def load(name: str, **environment: str) -> ModuleType:
        for variable in ("USER_TABLE", "NOTIFICATION_TABLE", "EMAIL_DELIVERY", "NOTIFICATION_TOPIC_ARN"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "test")
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", name)
        module = f"notifications.handlers.{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        return importlib.import_module(module)

    yield load
    # what a function keeps as long as it lives, a test does not
    gc.unfreeze()


def sign_up_event(person: Person = ADA, source: str = "PostConfirmation_ConfirmSignUp") -> dict[str, Any]:
    """The event of "Post confirmation Lambda trigger" in the Amazon Cognito Developer Guide."""
    return {
        "version": "1",
        "triggerSource": source,
        "region": "eu-west-1",
        "userPoolId": "eu-west-1_example",
        "userName": person.user_id,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
        "request": {
            "userAttributes": {
                "sub": person.sub,
                "email": person.email,
                "email_verified": str(person.email_verified).lower(),
                "cognito:user_status": "CONFIRMED",
            }
        },
        "response": {},
    }
