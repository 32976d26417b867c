"""The deployed system, as tests see it: people, rows, requests, functions, and the roles of these."""

import io
import json
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from notifications.notification import timestamp
from notifications.rows import marshal, unmarshal
from scripts import package
from scripts.catalogue import Catalogue, files_of
from scripts.environment import Environment
from scripts.person import WELCOME, Application, Person, wait_for
from scripts.stack import Stack

Row = dict[str, Any]


@dataclass(frozen=True)
class Member:
    """Somebody who is signed in, and the HTTP API as they see it.

    phone, device: a number and a device's token, of those who have them.
    """

    person: Person
    sub: str
    token: str
    api: str
    phone: str = ""
    device: str = ""

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Calls the API with the person's access token, if they have one."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.request(
            method, f"{self.api}{path}", headers=headers, trust_env=False, timeout=30, **options
        )

    def prefer(self, **changes: Any) -> None:
        """Changes the person's preferences."""
        version = self.call("GET", "/preferences").raise_for_status().json()["version"]
        self.call("PUT", "/preferences", json={"version": version, **changes}).raise_for_status()


@dataclass(frozen=True)
class Deployment:
    """The deployed system and the hands to drive it with."""

    stack: Stack
    outputs: dict[str, Any]
    ours: bool
    lacks: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        return self.stack.environment

    @cached_property
    def application(self) -> Application:
        return Application.of(self.environment, self.outputs)

    @property
    def way(self) -> str:
        """How e-mail goes out: sns or ses."""
        return str(self.outputs["email_delivery"])

    def client(self, service: str, **options: Any) -> Any:
        """A client; without options it is made once, which takes as long as many calls."""
        if options:
            return self.environment.client(service, **options)
        if service not in self._clients:
            self._clients[service] = self.environment.client(service)
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    @cached_property
    def dynamodb(self) -> Any:
        return self.client("dynamodb")

    @cached_property
    def functions(self) -> Any:
        return self.client("lambda")

    @property
    def pool(self) -> str:
        return str(self.outputs["user_pool_id"])

    def user(self, person: Person) -> Row | None:
        """A person's record."""
        return self._row("user_table_name", UserID=person.username)

    def notification(self, notification_id: str) -> Row | None:
        return self._row("notification_table_name", NotificationID=notification_id)

    def welcome(self, sub: str) -> Row | None:
        """The welcome of a person."""
        return self.notification(f"welcome#{sub}")

    def welcomes_of(self, person: Person) -> list[str]:
        """The addresses that have received a person's welcome, once for each mail."""
        mails = self.application.mailbox.all()
        return [to for mail in mails if f"Hello {person.username}," in mail.text for to in mail.to]

    def wait_state(self, notification_id: str, *states: str, within: float = 15) -> Row:
        def look() -> Row | None:
            row = self.notification(notification_id)
            return row if row and row["State"] in states else None

        return wait_for(f"{notification_id.split('#')[0]} in {' or '.join(states)}", look, within)

    def wait_for_one_of(self, everyone: str, sub: str, state: str) -> Row:
        """One person's row of what is for everyone, once it has a state."""
        mark = everyone.removeprefix("app#")

        def look() -> Row | None:
            rows = (row for row in self.rows_of(f"{mark}#") if row["Sub"] == sub)
            return next((row for row in rows if row["State"] == state), None)

        return wait_for(f"somebody's row of {mark} in {state}", look, within=60, every=0.5)

    def sweep(self, notification_id: str) -> None:
        """Makes a row due now and sweeps: what time would do, without the wait.

        A row that waits for an opt-in has no attempts but while a worker holds it. It is then left to that
        one: ending its lease would let two send.
        """
        try:
            self.dynamodb.update_item(
                TableName=self.outputs["notification_table_name"],
                Key={"NotificationID": {"S": notification_id}},
                UpdateExpression="SET DueAt = :now",
                ConditionExpression="attribute_exists(DueAt) AND (#state <> :waiting OR Attempts = :none)",
                ExpressionAttributeNames={"#state": "State"},
                ExpressionAttributeValues={
                    ":now": {"N": "1"},
                    ":none": {"N": "0"},
                    ":waiting": {"S": "WAITING_OPT_IN"},
                },
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return
        self.invoke("sweep", {})

    def swept(self, notification_id: str, state: str, within: float = 30) -> Row:
        """The row once it has a state, with a sweep every second instead of every minute."""

        def look() -> Row | None:
            self.invoke("sweep", {})
            row = self.notification(notification_id)
            return row if row and row["State"] == state else None

        return wait_for(f"{notification_id} in {state}", look, within, every=1)

    def member(self, person: Person | None = None) -> Member:
        """Somebody who has registered, was welcomed and has signed in."""
        person = person or Person()
        sub = self.application.register(person)
        self.welcomed(person, sub)
        return Member(person, sub, self.application.sign_in(person, self.pool), self.outputs["api_endpoint"])

    def ask(self, category: str, to: Person | str, **request: Any) -> str:
        """Asks for a notification, as an application does; returns the id of its row."""
        key = request.pop("id", f"test-{secrets.token_hex(6)}")
        user = to if isinstance(to, str) else {"user": to.username}
        self.send({"id": key, "to": user, "category": category, "data": {}, **request})
        return f"app#{key}"

    def send(self, *requests: Any) -> None:
        """Puts requests into the queue; a text goes as it is."""
        bodies = [request if isinstance(request, str) else json.dumps(request) for request in requests]
        for start in range(0, len(bodies), 10):
            self.client("sqs").send_message_batch(
                QueueUrl=self.outputs["notification_queue_url"],
                Entries=[
                    {"Id": str(number), "MessageBody": body}
                    for number, body in enumerate(bodies[start : start + 10])
                ],
            )

    def refused(self) -> list[Row]:
        """The dead letters, which stay where they are."""
        sqs = self.client("sqs")
        found: dict[str, Row] = {}
        while True:
            messages = sqs.receive_message(
                QueueUrl=self.outputs["refused_queue_url"], MaxNumberOfMessages=10, VisibilityTimeout=2
            ).get("Messages", [])
            if not messages:
                # what SES told and could not be taken is there too, and is no request
                return [letter for letter in found.values() if "reason" in letter]
            found |= {message["MessageId"]: json.loads(message["Body"]) for message in messages}

    @contextmanager
    def crowd(self, size: int, **attributes: Any) -> Iterator[list[Person]]:
        """People with a record, as if they had registered, for a while: quicker than to register them."""
        people = [Person() for _ in range(size)]
        registered = timestamp(datetime.now(UTC))
        records = [
            {
                "UserID": person.username,
                "Sub": f"sub-{person.username}",
                "Email": person.email,
                "EmailVerified": True,
                "NotificationPreference": "Email",
                "RegisteredAt": registered,
                **attributes,
            }
            for person in people
        ]
        self._batch_write([{"PutRequest": {"Item": marshal(record)}} for record in records])
        yield people
        keys = [marshal({"UserID": person.username}) for person in people]
        self._batch_write([{"DeleteRequest": {"Key": key}} for key in keys])

    def _batch_write(self, requests: list[Row]) -> None:
        table = self.outputs["user_table_name"]
        for start in range(0, len(requests), 25):
            self.dynamodb.batch_write_item(RequestItems={table: requests[start : start + 25]})

    def rows_of(self, mark: str) -> list[Row]:
        """The rows of the requests whose keys begin with a mark."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.outputs["notification_table_name"],
            FilterExpression="begins_with(NotificationID, :mark)",
            ExpressionAttributeValues=marshal({":mark": f"app#{mark}"}),
        )
        return [unmarshal(item) for page in pages for item in page["Items"]]

    def in_queue(self) -> int:
        """How many requests wait or are being taken."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs["notification_queue_url"], AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)

    def change_record(self, person: Person, **attributes: Any) -> None:
        """Changes attributes of a person's record, as an operator would by hand."""
        self.dynamodb.update_item(
            TableName=self.outputs["user_table_name"],
            Key=marshal({"UserID": person.username}),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            ExpressionAttributeNames={f"#{name}": name for name in attributes},
            ExpressionAttributeValues=marshal({f":{name}": value for name, value in attributes.items()}),
        )

    def welcomed(self, person: Person, sub: str) -> None:
        """Opts in, where that is asked for, and sees to it that the welcome is sent."""
        if self.way == "sns":
            self.application.opt_in(person)
        self.wait_state(f"welcome#{sub}", "WAITING_OPT_IN", "SENT")
        self.sweep(f"welcome#{sub}")
        self.wait_state(f"welcome#{sub}", "SENT")
        self.application.mailbox.wait(person.email, WELCOME)

    def live(self, handler: str) -> dict[str, str]:
        """A function as whatever calls it does, by its alias."""
        name: str = self.outputs["function_names"][handler]
        return {"FunctionName": name, "Qualifier": self.outputs["function_alias"]}

    def invoke(self, handler: str, event: Row) -> tuple[Any, str]:
        """A function's answer, and its error if it had one."""
        answer = self.functions.invoke(**self.live(handler), Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read() or "null"), answer.get("FunctionError", "")

    def changed(self, handler: str, **variables: str) -> AbstractContextManager[None]:
        """A function with other environment variables, for a while."""
        return self.released(handler, variables)

    @contextmanager
    def released(
        self, handler: str, variables: Mapping[str, str], code: bytes | None = None
    ) -> Iterator[None]:
        """A function with other environment variables, and other code, for a while.

        What is called is a version of its own, as after an apply. It does not stay: Terraform would call the
        newest.
        """
        functions, before = self.functions, self.configuration(handler)
        name, alias = self.live(handler).values()

        def put(wanted: Mapping[str, str], code: bytes | None) -> None:
            if variables:
                environment = {"Variables": wanted}
                functions.update_function_configuration(FunctionName=name, Environment=environment)
                functions.get_waiter("function_updated_v2").wait(FunctionName=name)
            if code:
                functions.update_function_code(FunctionName=name, ZipFile=code)
                functions.get_waiter("function_updated_v2").wait(FunctionName=name)

        def call(version: str) -> None:
            functions.update_alias(FunctionName=name, Name=alias, FunctionVersion=version)

        usual = before["Environment"]["Variables"]
        put({**usual, **variables}, code)
        version = functions.publish_version(FunctionName=name)["Version"]
        call(version)
        try:
            yield
        finally:
            call(before["Version"])
            functions.delete_function(FunctionName=name, Qualifier=version)
            put(usual, code and package.TARGET.read_bytes())

    @contextmanager
    def catalogues(
        self, names: Sequence[str], handlers: Sequence[str] = ("deliver", "sweep", "enqueue", "api")
    ) -> Iterator[dict[str, Catalogue]]:
        """Some functions with the categories and texts of some example catalogues, for a while.

        As an apply would change the functions, and quicker: each is planned elsewhere, and no two have a
        category of the same name.
        """
        catalogues = {name: Catalogue.example(name) for name in names}
        categories = {key: one for each in catalogues.values() for key, one in each.categories.items()}
        with ExitStack() as stack:
            code = with_templates(
                package.TARGET.read_bytes(), [each.templates for each in catalogues.values()]
            )
            for handler in handlers:
                account = json.loads(self.variables(handler)["CATALOGUE"])["account"]
                everything = json.dumps({**categories, "account": account})
                sends = handler in ("deliver", "sweep")
                stack.enter_context(
                    self.released(handler, {"CATALOGUE": everything}, code if sends else None)
                )
            yield catalogues

    def configuration(self, handler: str) -> Row:
        """A function's configuration, as it is called."""
        return dict(self.functions.get_function_configuration(**self.live(handler)))

    def variables(self, handler: str) -> dict[str, str]:
        """A function's environment."""
        return dict(self.configuration(handler)["Environment"]["Variables"])

    def logs(self) -> Iterator[str]:
        """Every line that the functions have logged."""
        logs = self.client("logs")
        for name in self.outputs["function_names"].values():
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
            for page in pages:
                yield from (event["message"] for event in page["events"])

    def _row(self, table: str, **key: str) -> Row | None:
        item = self.dynamodb.get_item(
            TableName=self.outputs[table],
            Key={name: {"S": value} for name, value in key.items()},
            ConsistentRead=True,
        ).get("Item")
        return unmarshal(item) if item else None


PROBE = """
import functools
import boto3, botocore

client = functools.cache(boto3.client)

def tried(service, call, arguments):
    try:
        getattr(client(service), call)(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"

def handler(event, context):
    return [tried(*one) for one in event]
"""
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


@dataclass(frozen=True)
class Probe:
    """A function that runs with another function's role, and tries what it is told to."""

    system: Deployment
    handler: str

    @property
    def name(self) -> str:
        return f"probe-{self.handler}".replace("_", "-")

    def make(self) -> "Probe":
        functions = self.system.functions
        role = self.system.configuration(self.handler)["Role"]
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("probe.py", PROBE)
        functions.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Handler="probe.handler",
            Role=role,
            Timeout=60,
            Code={"ZipFile": package.getvalue()},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=self.name)
        return self

    def may(self, service: str, call: str, **arguments: Any) -> bool:
        """Whether the role may make a call; any error but a refusal means that it may."""
        return self.allowed({call: (service, call, arguments)}) == {call}

    def allowed(self, calls: Mapping[str, tuple[str, str, Row]]) -> set[str]:
        """Those of several calls, by name, that the role may make."""
        answer = self.system.functions.invoke(
            FunctionName=self.name, Payload=json.dumps(list(calls.values())).encode()
        )
        codes = json.loads(answer["Payload"].read())
        assert isinstance(codes, list), codes
        return {name for name, code in zip(calls, codes, strict=True) if code not in DENIED}

    def unmake(self) -> None:
        self.system.functions.delete_function(FunctionName=self.name)
        logs = self.system.client("logs")
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=f"/aws/lambda/{self.name}")


def with_templates(package: bytes, folders: list[Path | None]) -> bytes:
    """The functions' package with the texts of other folders."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            if not name.startswith("templates/"):
                new.writestr(old.getinfo(name), old.read(name))
        for folder in filter(None, folders):
            for name, path in sorted(files_of(folder)):
                new.write(path, f"templates/{name}")
    return made.getvalue()


def with_words(package: bytes, words: str, others: str) -> bytes:
    """The functions' package with other words in it, as a newer version has."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry).replace(words.encode(), others.encode()))
    return made.getvalue()
