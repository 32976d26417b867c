"""The whole system, deployed: to a local AWS of the tests' own, or to the emulator at AWS_ENDPOINT_URL.

What an emulator lacks is asked of it, not assumed. Ours must lack nothing: a test that cannot run there
fails. On another one it is left out, and the report says why.
"""

import io
import json
import os
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from scripts import environment
from scripts.environment import Environment
from scripts.local_aws import process
from scripts.person import WELCOME, Application, Person, wait_for
from scripts.stack import Stack
from tests.inventory import everything

Row = dict[str, Any]
# as the shell had it: tests of other folders have an endpoint of their own
GIVEN = os.environ.get("AWS_ENDPOINT_URL")
# for an emulator without Cognito
WITHOUT_POOL = [f"module.{name}" for name in ("tables", "topic", "post_confirmation", "deliver", "sweep")]


@dataclass(frozen=True)
class Deployment:
    """The deployed system and the hands to drive it with."""

    stack: Stack
    outputs: dict[str, Any]
    ours: bool

    @property
    def environment(self) -> Environment:
        return self.stack.environment

    @cached_property
    def application(self) -> Application:
        return Application.of(self.environment, self.outputs)

    def client(self, service: str, **options: Any) -> Any:
        return self.environment.client(service, **options)

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

    def welcomed(self, person: Person, sub: str) -> None:
        """Opts in, and sees to it that the welcome is sent."""
        self.application.opt_in(person)
        self.wait_state(f"welcome#{sub}", "WAITING_OPT_IN", "SENT")
        self.sweep(f"welcome#{sub}")
        self.wait_state(f"welcome#{sub}", "SENT")
        self.application.mailbox.wait(person.email, WELCOME)

    def invoke(self, handler: str, event: Row) -> tuple[Any, str]:
        """A function's answer, and its error if it had one."""
        answer = self.functions.invoke(
            FunctionName=self.outputs["function_names"][handler], Payload=json.dumps(event).encode()
        )
        return json.loads(answer["Payload"].read() or "null"), answer.get("FunctionError", "")

    @contextmanager
    def changed(self, handler: str, **variables: str) -> Iterator[None]:
        """A function with other environment variables, for a while."""
        name = self.outputs["function_names"][handler]
        before = self.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

        def put(wanted: dict[str, str]) -> None:
            self.functions.update_function_configuration(FunctionName=name, Environment={"Variables": wanted})
            self.functions.get_waiter("function_updated_v2").wait(FunctionName=name)

        put({**before, **variables})
        try:
            yield
        finally:
            put(before)

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
        deserialize = TypeDeserializer().deserialize
        return {name: deserialize(value) for name, value in item.items()} if item else None


PROBE = """
import boto3, botocore

def handler(event, context):
    try:
        getattr(boto3.client(event["service"]), event["call"])(**event["arguments"])
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"
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
        role = functions.get_function_configuration(
            FunctionName=self.system.outputs["function_names"][self.handler]
        )["Role"]
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("probe.py", PROBE)
        functions.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Handler="probe.handler",
            Role=role,
            Timeout=30,
            Code={"ZipFile": package.getvalue()},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=self.name)
        return self

    def may(self, service: str, call: str, **arguments: Any) -> bool:
        """Whether the role may make a call; any error but a refusal means that it may."""
        event = {"service": service, "call": call, "arguments": arguments}
        answer = self.system.functions.invoke(FunctionName=self.name, Payload=json.dumps(event).encode())
        code = json.loads(answer["Payload"].read())
        assert isinstance(code, str), code
        return code not in DENIED

    def unmake(self) -> None:
        self.system.functions.delete_function(FunctionName=self.name)
        logs = self.system.client("logs")
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=f"/aws/lambda/{self.name}")


@pytest.fixture(scope="package")
def system() -> Iterator[Deployment]:
    """The system, applied once for all tests of this folder, and destroyed after them."""
    port = 0 if GIVEN else free_port()
    url = GIVEN or process.start(port).url
    try:
        local = environment.local(url)
        with patch.dict(os.environ, local.variables, clear=True):
            before = everything(local)
            stack = Stack(local, stream=False)
            stack.package()
            stack.init()
            stack.plan(targets=() if answers(local.client("cognito-idp").list_user_pools) else WITHOUT_POOL)
            stack.apply()
            yield Deployment(stack, stack.outputs(), ours=not GIVEN)
            stack.plan(destroy=True)
            stack.apply()
            assert stack.terraform.resources() == []
            assert everything(local) == before
    finally:
        if port:
            process.stop(port)


@pytest.fixture(scope="package")
def probes(system: Deployment) -> Iterator[dict[str, Probe]]:
    """A probe for each function's role."""
    made = {handler: Probe(system, handler).make() for handler in system.outputs["function_names"]}
    yield made
    for one in made.values():
        one.unmake()


@pytest.fixture(scope="package")
def lacking(system: Deployment, probes: dict[str, Probe]) -> dict[str, str]:
    """What this emulator cannot do, and how that was seen. Ours can do everything."""
    found = {} if system.ours else {"local-aws": "it was started by somebody else"}
    topic = system.outputs["notification_topic_arn"]
    tried = {name: probes[name].may("sns", "publish", TopicArn=topic, Message="x") for name in probes}
    if tried != {"post_confirmation": False, "deliver": True, "sweep": True}:
        found["enforcement"] = f"publishing is allowed to {[name for name in tried if tried[name]]}"
    try:
        system.application.mailbox.all()
    except (KeyError, httpx.HTTPError) as error:
        return found | dict.fromkeys(("mailbox", "trigger", "opt-in"), f"it shows no mail: {error!r}")
    person = Person()
    sub = system.application.sign_up(person)
    system.client("cognito-idp").admin_confirm_sign_up(UserPoolId=system.pool, Username=person.username)
    if not system.welcome(sub):
        found |= dict.fromkeys(("trigger", "opt-in"), "a confirmed sign-up ran no post-confirmation trigger")
    assert not (system.ours and found), found
    return found


@pytest.fixture(autouse=True)
def needs(request: pytest.FixtureRequest, system: Deployment, lacking: dict[str, str]) -> None:
    """Leaves out a test of what another emulator cannot do, and says so."""
    marker = request.node.get_closest_marker("needs")
    for need in marker.args if marker else ():
        if need in lacking:
            pytest.skip(f"{system.environment.endpoint_url} has no {need}: {lacking[need]}")


@pytest.fixture
def application(system: Deployment) -> Application:
    return system.application


def answers(call: Any, **arguments: Any) -> bool:
    """Whether the emulator knows a call."""
    try:
        call(**arguments, MaxResults=1)
    except (ClientError, BotoCoreError):
        return False
    return True


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind((environment.LOOPBACK, 0))
        return int(unused.getsockname()[1])
