import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from rich.console import Console

from notifications.registration import Person, record_of, welcome_of
from notifications.rows import marshal
from scripts import environment, smoke_test
from scripts.environment import Environment
from scripts.smoke_test import PREFIX, SIMULATOR, SmokeTest, SmokeTestError
from scripts.story import Story

OUTPUTS = {
    "email_delivery": "sns",
    "notification_table_name": "notifications",
    "notification_topic_arn": "arn:aws:sns:eu-west-1:123456789012:some-notifications",
    "user_table_name": "users",
}
TABLES = {"users": "UserID", "notifications": "NotificationID"}


@dataclass
class Deployed:
    """What is deployed, in memory.

    trigger: what it does with a person. state: what their welcome comes to.
    """

    cognito: Any
    dynamodb: Any
    outputs: dict[str, Any]
    trigger: Callable[[Person], None] = field(init=False)
    state: str = "WAITING_OPT_IN"
    confirmed: list[Person] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trigger = self.register
        confirm = self.cognito.admin_confirm_sign_up

        def and_run_the_trigger(**arguments: Any) -> None:
            confirm(**arguments)
            user = self.cognito.admin_get_user(**arguments)
            of = {entry["Name"]: entry["Value"] for entry in user["UserAttributes"]}
            person = Person(user["Username"], of["sub"], of["email"], of.get("email_verified") == "true")
            self.confirmed.append(person)
            self.trigger(person)

        self.cognito.admin_confirm_sign_up = and_run_the_trigger

    def register(self, person: Person) -> None:
        now = datetime.now(UTC)
        self.put("users", record_of(person, now))
        self.put("notifications", welcome_of(person, now).to_row() | {"State": self.state, "Reason": "Some"})

    def put(self, table: str, row: dict[str, Any]) -> None:
        self.dynamodb.put_item(TableName=table, Item=marshal(row))

    def add(self, name: str, email: str) -> None:
        """Somebody who is registered."""
        self.cognito.admin_create_user(
            UserPoolId=self.outputs["user_pool_id"],
            Username=name,
            UserAttributes=[{"Name": "email", "Value": email}],
        )
        self.put("users", {"UserID": name})

    @property
    def names(self) -> set[str]:
        """Who is in the pool or the table of users."""
        users = self.cognito.list_users(UserPoolId=self.outputs["user_pool_id"])["Users"]
        records = self.dynamodb.scan(TableName="users")["Items"]
        return {user["Username"] for user in users} | {record["UserID"]["S"] for record in records}

    @property
    def welcomes(self) -> int:
        return int(self.dynamodb.scan(TableName="notifications")["Count"])


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with mock_aws():
        cognito = boto3.client("cognito-idp", region_name="eu-west-1")
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        pool = cognito.create_user_pool(PoolName="some")["UserPool"]["Id"]
        client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="app")["UserPoolClient"]
        for table, key in TABLES.items():
            dynamodb.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        clients = {"cognito-idp": cognito, "dynamodb": dynamodb}
        monkeypatch.setattr(Environment, "client", lambda _self, service: clients[service])
        yield Deployed(
            cognito, dynamodb, {**OUTPUTS, "user_pool_client_id": client["ClientId"], "user_pool_id": pool}
        )


@pytest.fixture
def smoke(deployed: Deployed, configuration: Path) -> SmokeTest:
    story = Story(Console(file=io.StringIO()))
    return SmokeTest(environment.remote("dev"), deployed.outputs, story, delivered_within=0)


def failure(smoke: SmokeTest) -> str:
    with pytest.raises(SmokeTestError) as failed:
        smoke.run()
    return failed.value.message


def test_somebody_is_registered_and_no_trace_is_left(deployed: Deployed, smoke: SmokeTest) -> None:
    smoke.run()
    (person,) = deployed.confirmed
    assert person.user_id.startswith(PREFIX)
    assert (deployed.names, deployed.welcomes) == (set(), 0)


def test_by_sns_every_run_has_one_address_so_that_one_subscription_is_pending(
    deployed: Deployed, smoke: SmokeTest
) -> None:
    smoke.run()
    smoke.run()
    assert [person.email for person in deployed.confirmed] == [f"success+some-notifications@{SIMULATOR}"] * 2


def test_by_ses_every_run_has_an_address_of_its_own_which_counts_as_verified(
    deployed: Deployed, smoke: SmokeTest
) -> None:
    deployed.outputs["email_delivery"] = "ses"
    deployed.state = "SENT"
    smoke.run()
    smoke.run()
    assert len({person.email for person in deployed.confirmed}) == 2
    assert all(person.email_verified for person in deployed.confirmed)


def test_a_trigger_that_does_not_run_is_told(deployed: Deployed, smoke: SmokeTest) -> None:
    deployed.trigger = lambda _person: None
    assert failure(smoke).startswith("The user is confirmed and has no record: the trigger did not run")
    assert deployed.names == set()


def test_a_trigger_that_fails_is_told_with_what_cognito_says(deployed: Deployed, smoke: SmokeTest) -> None:
    def fail(_person: Person) -> None:
        raise ClientError(
            {"Error": {"Code": "UserLambdaValidationException", "Message": "setting it up was delayed"}},
            "AdminConfirmSignUp",
        )

    deployed.trigger = fail
    assert failure(smoke) == (
        "Cognito would not confirm the user: UserLambdaValidationException: setting it up was delayed"
    )
    assert deployed.names == set()


def test_a_pool_that_lets_nobody_sign_up_is_told(deployed: Deployed, smoke: SmokeTest) -> None:
    deployed.outputs["user_pool_client_id"] = "another"
    assert failure(smoke).startswith("Cognito would not sign the user up: ResourceNotFoundException")


@pytest.mark.parametrize("key", ["Email", "NotificationPreference", "Sub"])
def test_a_record_that_is_wrong_is_told_without_what_it_holds(
    deployed: Deployed, smoke: SmokeTest, key: str
) -> None:
    def wrongly(person: Person) -> None:
        deployed.register(person)
        deployed.put("users", record_of(person, datetime.now(UTC)) | {key: "other"})

    deployed.trigger = wrongly
    assert failure(smoke) == f"The record of the user is wrong in {key}."
    assert (deployed.names, deployed.welcomes) == (set(), 0)


def test_a_record_without_a_welcome_is_told(deployed: Deployed, smoke: SmokeTest) -> None:
    deployed.trigger = lambda person: deployed.put("users", record_of(person, datetime.now(UTC)))
    assert failure(smoke) == "There is a record of the user, but no welcome beside it."


@pytest.mark.parametrize("state", ["QUEUED", "RETRY", "DEFERRED", "FAILED", "EXPIRED", "SKIPPED", "SENT"])
def test_a_welcome_that_does_not_come_to_what_it_should_is_told_with_its_reason(
    deployed: Deployed, smoke: SmokeTest, state: str
) -> None:
    deployed.state = state
    assert f"should be WAITING_OPT_IN and is {state} (Some)" in failure(smoke)
    assert (deployed.names, deployed.welcomes) == (set(), 0)


def test_what_an_interrupted_test_has_left_is_removed_by_the_next_and_nothing_else(
    deployed: Deployed, smoke: SmokeTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.add(f"{PREFIX}old", f"success+old@{SIMULATOR}")
    deployed.add(f"{PREFIX}of-a-person", "person@example.com")
    deployed.add("ada", f"success+ada@{SIMULATOR}")
    smoke.run()
    assert len(deployed.names) == 3, "a test that has just begun somewhere else is left alone"
    monkeypatch.setattr(smoke_test, "LEFT_BEHIND_AFTER", timedelta(0))
    smoke.run()
    assert deployed.names == {f"{PREFIX}of-a-person", "ada"}


def test_an_interrupted_test_removes_what_it_has_made(deployed: Deployed, smoke: SmokeTest) -> None:
    def interrupted(_person: Person) -> None:
        raise KeyboardInterrupt

    deployed.trigger = interrupted
    with pytest.raises(KeyboardInterrupt):
        smoke.run()
    assert deployed.names == set()


def test_a_delivery_is_waited_for(deployed: Deployed, smoke: SmokeTest) -> None:
    deployed.state = "QUEUED"
    looks: list[str] = []
    look = deployed.dynamodb.get_item

    def and_deliver(**arguments: Any) -> Any:
        assert arguments["ConsistentRead"], "what was just written would be missed"
        found = look(**arguments)
        if arguments["TableName"] == "notifications":
            looks.append(found["Item"]["State"]["S"])
            deployed.put(
                "notifications",
                {"NotificationID": f"welcome#{deployed.confirmed[0].sub}", "State": "WAITING_OPT_IN"},
            )
        return found

    deployed.dynamodb.get_item = and_deliver
    replace(smoke, delivered_within=5).run()
    assert looks == ["QUEUED", "WAITING_OPT_IN"]
