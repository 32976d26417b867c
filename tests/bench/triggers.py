"""The triggers that are compared, what they are called with, and the emulator that they call."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from notifications.registration import Registry, person_of
from scripts.local_aws import process
from tests.bench.function import ENVIRONMENT, NOTIFICATIONS, REGION, USERS, Function
from tests.bench.result import number
from tests.bench.run import Run
from tests.bench.statistics import ratio
from tests.place import free_port

OURS, OBVIOUS, BARE = "ours", "obvious", "bare TransactWriteItems"
MODULES = {OURS: "notifications.handlers.post_confirmation", OBVIOUS: "obvious", BARE: "bare"}

# the names that the obvious version has in its code
OBVIOUS_TABLE, OBVIOUS_TOPIC = "ObviousUsers", "obvious-notifications"


def triggers(task: Path, url: str, **environment: str) -> list[Function]:
    """The three triggers. task: the folder that holds their code. url: where AWS is for them."""
    variables = {"AWS_ENDPOINT_URL": url, **environment}
    return [Function(name, module, task, variables) for name, module in MODULES.items()]


def event_for(name: str) -> dict[str, Any]:
    """An event for one of the triggers, of a person who has not been there before."""
    event = confirmation()
    return {"items": writes(event)} if name == BARE else event


def confirmation() -> dict[str, Any]:
    """The event of a person who has confirmed a sign-up ("Post confirmation Lambda trigger")."""
    name = f"user-{secrets.token_hex(8)}"
    return {
        "version": "1",
        "region": REGION,
        "userPoolId": f"{REGION}_example",
        "userName": name,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
        "triggerSource": "PostConfirmation_ConfirmSignUp",
        "request": {
            "userAttributes": {
                "sub": secrets.token_hex(16),
                "email": f"{name}@example.com",
                "email_verified": "true",
                "cognito:user_status": "CONFIRMED",
            }
        },
        "response": {},
    }


def writes(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What our trigger writes for an event."""
    person, seen = person_of(event), _Seen()
    assert person
    Registry(seen, USERS, NOTIFICATIONS).register(person, datetime.now(UTC))
    return seen.items


def share_of_the_call(took: Mapping[str, Sequence[float]]) -> str:
    """Why a trigger that makes the one call takes what it takes, next to the obvious version."""
    share = ratio(took[BARE], took[OBVIOUS])
    return (
        f"the bare TransactWriteItems, with nothing of ours, takes {number(share.value)} of the obvious "
        "version there; what can be cut in the function is what is above that"
    )


class _Seen:
    """In place of DynamoDB."""

    items: list[dict[str, Any]]

    def transact_write_items(self, **given: Any) -> None:
        """Keeps what is to be written."""
        self.items = given["TransactItems"]


@contextmanager
def emulator(run: Run) -> Iterator[str]:
    """An emulator with the tables and the topic that the triggers use; its URL."""
    port = free_port()
    url = process.start(port, home=run.folder).url
    try:
        _prepare(url)
        yield url
    finally:
        process.stop(port, home=run.folder)


def _prepare(url: str) -> None:
    session: Any = boto3.Session(
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    dynamodb = session.client("dynamodb", endpoint_url=url)
    index = {
        "IndexName": "Due",
        "KeySchema": [
            {"AttributeName": "DueShard", "KeyType": "HASH"},
            {"AttributeName": "DueAt", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    types = {"UserID": "S", "NotificationID": "S", "DueShard": "S", "DueAt": "N"}
    for table, key, more in (
        (OBVIOUS_TABLE, "UserID", {}),
        (USERS, "UserID", {}),
        (NOTIFICATIONS, "NotificationID", {"GlobalSecondaryIndexes": [index]}),
    ):
        names = [key, "DueShard", "DueAt"] if more else [key]
        dynamodb.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": types[name]} for name in names],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )
    session.client("sns", endpoint_url=url).create_topic(Name=OBVIOUS_TOPIC)
