"""The HTTP API as its clients have it, and a death at any call to AWS."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3

from notifications.api.app import app_from
from notifications.api.document import compiled, document, operations
from notifications.api.services import Services
from notifications.catalogue import catalogue_from
from notifications.outbox import BY_USER_INDEX, Outbox
from notifications.rates import Rates
from notifications.registration import Person, Registry
from notifications.rows import marshal
from notifications.tokens import Tokens
from notifications.users import Users

from .conftest import NOTIFICATIONS, USERS, Clock, Tables

CATALOGUE = {
    "orders": {
        "name": "Orders",
        "description": "Progress.",
        "channels": ["Email", "SMS"],
        "critical": False,
        "good_for_hours": 72,
    },
    "account": {
        "name": "Account",
        "description": "",
        "channels": [],
        "critical": True,
        "good_for_hours": 96,
    },
}


class Died(BaseException):
    """The function was ended from outside: nothing of it runs any more."""


class Fate:
    """Ends whoever calls AWS for the n-th time, before the call or after it; None lets them live."""

    def __init__(self) -> None:
        self.calls_left: int | None = None
        self.after = False
        self.made: list[str] = []

    def of(self, client: Any) -> Any:
        """The client, with this fate."""

        def doom(model: Any, **_: Any) -> None:
            self.made.append(model.name)
            if self.calls_left is None or self.after:
                return
            self.calls_left -= 1
            if self.calls_left < 0:
                raise Died

        def doom_after(model: Any, **_: Any) -> None:
            if self.calls_left is None or not self.after:
                return
            self.calls_left -= 1
            if self.calls_left < 0:
                raise Died

        client.meta.events.register("before-call", doom)
        client.meta.events.register("after-call", doom_after)
        return client


class Api:
    """The API over tables in memory. Every answer is held to the document."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        make: Any = boto3.client
        self.tables, self.clock, self.fate = tables, clock, Fate()
        by_user_index(tables)
        self.kms, self.sns = make("kms"), make("sns")
        key = self.kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
        application = self.sns.create_platform_application(
            Name="app", Platform="GCM", Attributes={"PlatformCredential": "x"}
        )["PlatformApplicationArn"]
        dynamodb = self.fate.of(make("dynamodb"))
        tables.client.create_table(
            TableName="Rates",
            KeySchema=[{"AttributeName": "Channel", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "Channel", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.tokens = Tokens(self.kms, key)
        self.services = Services(
            users=Users(dynamodb, USERS),
            outbox=Outbox(dynamodb, NOTIFICATIONS),
            categories=catalogue_from(json.dumps(CATALOGUE)),
            rates=Rates(dynamodb, "Rates", {}),
            tokens=Tokens(self.fate.of(make("kms")), key),
            sns=self.fate.of(make("sns")),
            email_delivery="sns",
            push_applications={"GCM": application},
            clock=clock,
            sleep=lambda _: None,
        )
        self.app = app_from(self.services)

    def register(self, *people: Person) -> None:
        for person in people:
            Registry(self.tables.client, USERS, NOTIFICATIONS).register(person, self.clock())

    def record(self, person: Person) -> dict[str, Any]:
        (row,) = [row for row in self.tables.users if row["Sub"] == person.sub]
        return row

    def change_record(self, person: Person, **attributes: Any) -> None:
        row = {**self.record(person), **attributes}
        self.tables.client.put_item(TableName=USERS, Item=marshal(row))

    def as_(self, person: Person) -> Callable[..., tuple[int, Any]]:
        """The API for a person who has signed in."""

        def call(method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
            return self.call(method, path, body, claims=claims_of(person), **more)

        return call

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        claims: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        event: Mapping[str, Any] | None = None,
    ) -> tuple[int, Any]:
        """Status and body: JSON as plain values, or a page as text."""
        asked = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "queryStringParameters": dict(query or {}),
            "requestContext": {
                "http": {"method": method, "path": path},
                "stage": "$default",
                **({"authorizer": {"jwt": {"claims": claims, "scopes": None}}} if claims else {}),
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
            **(event or {}),
        }
        answer = self.app.resolve(asked, None)  # type: ignore[arg-type]  # no context is read
        return answer["statusCode"], as_documented(method, path, answer)


def claims_of(person: Person, **other: str) -> dict[str, str]:
    """The claims of an access token ("Understanding the access token", Amazon Cognito Developer Guide)."""
    return {
        "sub": person.sub,
        "username": person.user_id,
        "token_use": "access",
        "client_id": "the-client",
        **other,
    }


def as_documented(method: str, path: str, answer: Mapping[str, Any]) -> Any:
    """The body of an answer, which is one that the document promises."""
    (entry,) = [
        document()["paths"][operation.path][method.lower()]
        for operation in operations()
        if operation.method == method and operation.path.split("/")[1] == path.split("/")[1]
    ]
    promised = entry["responses"][str(answer["statusCode"])]
    headers = answer["headers"]
    assert headers["Cache-Control"] == "no-store"
    if "content" not in promised:
        assert answer["body"] == "", "null is not documented"
        return None
    kind = headers["Content-Type"].partition(";")[0]
    schema = promised["content"][kind]["schema"]
    body = json.loads(answer["body"]) if kind == "application/json" else answer["body"]
    compiled(schema)(body)
    return body


def by_user_index(tables: Tables) -> None:
    """The index of a person's history, if the table has none."""
    table = tables.client.describe_table(TableName=NOTIFICATIONS)["Table"]
    if BY_USER_INDEX in [index["IndexName"] for index in table["GlobalSecondaryIndexes"]]:
        return
    tables.client.update_table(
        TableName=NOTIFICATIONS,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("UserID", "CreatedAt")
        ],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": BY_USER_INDEX,
                    "KeySchema": [
                        {"AttributeName": "UserID", "KeyType": "HASH"},
                        {"AttributeName": "CreatedAt", "KeyType": "RANGE"},
                    ],
                    # as the module of the tables has it
                    "Projection": {
                        "ProjectionType": "INCLUDE",
                        "NonKeyAttributes": ["Category", "Data", "Reason", "Results", "State", "Sub"],
                    },
                }
            }
        ],
    )
