"""The whole system, deployed: to a local AWS of the tests' own, or to the emulator at AWS_ENDPOINT_URL.

What an emulator lacks is asked of it, not assumed. Ours must lack nothing: a test that cannot run there
fails. On another one it is left out, and the report says why.
"""

import base64
import io
import json
import os
import secrets
import socket
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from botocore.exceptions import ClientError

import scripts.stack
from notifications.catalogue import CHANNELS
from notifications.notification import timestamp
from notifications.rows import marshal, unmarshal
from scripts import environment, package
from scripts.catalogue import Catalogue, examples, files_of
from scripts.deploy_role import DeployRole
from scripts.environment import LOCAL_ACCOUNT, Environment
from scripts.local_aws import process
from scripts.person import WELCOME, Application, Person, wait_for
from scripts.stack import Stack
from tests.inventory import everything, missing
from tests.without_pool import without_pool

Row = dict[str, Any]
# as the shell had it: tests of other folders have an endpoint of their own
GIVEN = os.environ.get("AWS_ENDPOINT_URL")
# what the system can be deployed without, and what then is left out
POOL = {"apigatewayv2", "cognito-idp"}
SES = {"sesv2"}
SENDER = "no-reply@example.com"
# as terraform/deploy_role/local.tfvars has it
REPOSITORY = "example/registration"
# how e-mail goes out: the suite runs once with each, in the same environment
WAYS = ("sns", "ses")
# what has nothing to do with how: once, or with EVERY_WAY=1 like all else; by SNS there is more to do anyway
ONCE = pytest.mark.parametrize("system", WAYS if os.environ.get("EVERY_WAY") else WAYS[1:], indirect=True)


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
    def catalogues(self, names: Sequence[str]) -> Iterator[dict[str, Catalogue]]:
        """The system with the categories and texts of some example catalogues, for a while.

        As an apply would change the functions, and quicker: each is planned elsewhere, and no two have a
        category of the same name.
        """
        catalogues = {name: Catalogue.example(name) for name in names}
        categories = {key: one for each in catalogues.values() for key, one in each.categories.items()}
        handlers = ("deliver", "sweep", "enqueue", "api")
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


def take_on(environment: Environment, arn: str, subject: str) -> dict[str, str]:
    """The credentials of a role, for a token as GitHub's; the emulator does not look who has signed it."""

    def part(content: Row) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    claims = {
        "iss": "https://token.actions.githubusercontent.com",
        "aud": "sts.amazonaws.com",
        "sub": subject,
    }
    answer = environment.client("sts").assume_role_with_web_identity(
        RoleArn=arn, RoleSessionName="tests", WebIdentityToken=f"{part({'alg': 'RS256'})}.{part(claims)}.none"
    )
    return dict(answer["Credentials"])


@dataclass
class Place:
    """Where the system is deployed: an emulator, and how e-mail goes out of it now.

    lacks: the services that it does not have, and what it answered.
    """

    url: str
    ours: bool
    lacks: Mapping[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    way: str = ""

    @property
    def environment(self) -> Environment:
        return environment.local(self.url, {**os.environ, **self.variables})

    @property
    def stack(self) -> Stack:
        """The stack, which ours makes with the role that GitHub's workflows deploy with."""
        if not self.ours:
            return Stack(self.environment, stream=False)
        return self.stack_as("deploy", f"repo:{REPOSITORY}:environment:local")

    def stack_as(self, role: str, subject: str) -> Stack:
        """The stack for Terraform with a role of terraform/deploy_role, which a token's subject takes on."""
        environment = self.environment
        arn = f"arn:aws:iam::{LOCAL_ACCOUNT}:role/{role}-{environment.setting('name_prefix')}"
        given = take_on(environment, arn, subject)
        variables = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        return Stack(replace(environment, variables={**environment.variables, **variables}), stream=False)

    def deploy(self, way: str) -> Deployment:
        """Applies the system with e-mail going out this way, unless that is how it is."""
        self.variables["TF_VAR_email_delivery"] = way
        self.environment.activate()
        stack = self.stack
        if self.way != way:
            stack.plan()
            stack.apply()
            self.way = way
        return Deployment(stack, stack.outputs(), self.ours, self.lacks)


@contextmanager
def deploy_roles(place: Place) -> Iterator[None]:
    """What ours is deployed with: the roles for GitHub's workflows, and the boundary of the stack's own."""
    if not place.ours:
        yield
        return
    roles = DeployRole(place.environment, stream=False)
    bucket = roles.init()
    roles.plan(bucket)
    roles.apply()
    place.variables["TF_VAR_permissions_boundary_arn"] = roles.outputs()["permissions_boundary_arn"]
    yield
    roles.plan(bucket, destroy=True)
    roles.apply()


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An emulator for these tests alone, with what AWS has before the system comes; empty after it.

    Where there are no user pools the system is deployed without; where more is missing, it cannot be.
    """
    port = 0 if GIVEN else free_port()
    extra = {
        "LOCAL_AWS_FILTER_POLICIES_PER_TOPIC": "5000",
        # on a busy machine several functions that start at once take longer than on AWS
        "LOCAL_AWS_TRIGGER_SECONDS": "20",
    }
    url = GIVEN or process.start(port, extra=extra).url
    built = tmp_path_factory.mktemp("package") / "lambda.zip"
    with patch.dict(os.environ), patch.object(package, "TARGET", built), ExitStack() as leave_out:
        aws = Place(url, ours=not GIVEN).environment.activate()
        place = Place(url, ours=not GIVEN, lacks=missing(aws))
        try:
            assert not (place.ours and place.lacks), place.lacks
            if cannot := sorted(set(place.lacks) - POOL - SES):
                pytest.skip(f"{url} has no {', '.join(cannot)}: the system cannot be deployed there")
            if POOL & set(place.lacks):
                root = without_pool(tmp_path_factory.mktemp("without-pool") / "terraform")
                leave_out.enter_context(patch.object(scripts.stack, "TERRAFORM", root))
            identity = f"arn:aws:ses:{aws.region}:{LOCAL_ACCOUNT}:identity/{SENDER}"
            if "sesv2" not in place.lacks:
                with suppress(ClientError):
                    aws.client("sesv2").create_email_identity(EmailIdentity=SENDER)
            # some emulators want a principal of every platform; Google's has none
            credential = {"PlatformCredential": "not-a-secret", "PlatformPrincipal": "none"}
            application = aws.client("sns").create_platform_application(
                Name="app", Platform="GCM", Attributes=credential
            )
            place.variables |= {
                "TF_VAR_lambda_package_path": str(built),
                # the emulator is to set the pace
                "TF_VAR_channel_rates": json.dumps(dict.fromkeys(CHANNELS, 1000)),
                "TF_VAR_reconcile_every_hours": "24",
                "TF_VAR_api_cors_origins": json.dumps(["https://app.example.com"]),
                "TF_VAR_push_application_arns": json.dumps({"GCM": application["PlatformApplicationArn"]}),
            }
            if "sesv2" not in place.lacks:
                place.variables["TF_VAR_ses_identity"] = json.dumps({"arn": identity, "from_address": SENDER})
            before = everything(aws, place.lacks)
            with deploy_roles(place):
                stack = place.stack
                stack.package()
                stack.init()
                yield place
                if place.way:
                    place.environment.activate()
                    stack.plan(destroy=True)
                    stack.apply()
                    assert stack.terraform.resources() == []
            assert everything(place.environment.activate(), place.lacks) == before
        finally:
            if port:
                process.stop(port)


@pytest.fixture(scope="package", params=WAYS)
def system(request: pytest.FixtureRequest, place: Place) -> Deployment:
    """The deployed system, once with each way for e-mail."""
    if request.param == "ses" and "sesv2" in place.lacks:
        pytest.skip(f"{place.url} has no sesv2: what is left out, EVERY_WAY=1 does by SNS")
    return place.deploy(request.param)


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
    tried = {name for name in probes if probes[name].may("sns", "publish", TopicArn=topic, Message="x")}
    if tried != ({"deliver", "sweep"} if system.way == "sns" else set()):
        found["enforcement"] = f"publishing is allowed to {sorted(tried)}"
    try:
        system.application.mailbox.all()
    except (KeyError, httpx.HTTPError) as error:
        return found | dict.fromkeys(("mailbox", "trigger", "opt-in"), f"it shows no mail: {error!r}")
    if absent := sorted(POOL & set(system.lacks)):
        why = ", ".join(f"{service} ({system.lacks[service]})" for service in absent)
        return found | dict.fromkeys(("trigger", "opt-in"), f"there is no {why}")
    person = Person()
    sub = system.application.sign_up(person)
    system.client("cognito-idp").admin_confirm_sign_up(UserPoolId=system.pool, Username=person.username)
    if not system.welcome(sub):
        found |= dict.fromkeys(("trigger", "opt-in"), "a confirmed sign-up ran no post-confirmation trigger")
    assert not (system.ours and found), found
    return found


def leave_out_what_needs(node: pytest.Item | pytest.Module, system: Deployment, lacking: Row) -> None:
    """Leaves out a test, or a whole file, of what another emulator cannot do, and says so."""
    marker = node.get_closest_marker("needs")
    for need in marker.args if marker else ():
        if need in lacking:
            pytest.skip(f"{system.environment.endpoint_url} has no {need}: {lacking[need]}")


@pytest.fixture(autouse=True)
def needs(request: pytest.FixtureRequest, system: Deployment, lacking: dict[str, str]) -> None:
    leave_out_what_needs(request.node, system, lacking)


@pytest.fixture(scope="module", autouse=True)
def all_need(request: pytest.FixtureRequest, system: Deployment, lacking: dict[str, str]) -> None:
    """Before the fixtures that the tests of a file share."""
    leave_out_what_needs(request.node, system, lacking)


@pytest.fixture(scope="module")
def reachable(system: Deployment) -> Member:
    """Somebody who can be reached by every channel. What they prefer is theirs to change back."""
    member = system.member()
    phone = f"+1555{secrets.randbelow(10**7):07}"
    (application,) = json.loads(system.variables("api")["PUSH_APPLICATIONS"]).values()
    token = secrets.token_hex(16)
    endpoint = system.client("sns").create_platform_endpoint(PlatformApplicationArn=application, Token=token)
    device = {
        "EndpointArn": endpoint["EndpointArn"],
        "Platform": "GCM",
        "At": timestamp(datetime.now(UTC)),
    }
    system.change_record(member.person, PhoneNumber=phone, Devices={"0123456789abcdef": device})
    return replace(member, phone=phone, device=token)


# as many together as a function's environment has room for
TOGETHER = 5
BATCHES = [examples()[start : start + TOGETHER] for start in range(0, len(examples()), TOGETHER)]


@pytest.fixture(scope="module")
def catalogues(system: Deployment, request: pytest.FixtureRequest) -> Iterator[dict[str, Catalogue]]:
    """Example catalogues, deployed: the batch that the test names, or one with critical categories, too."""
    # a number, by which pytest sees that the next test wants the same
    names = BATCHES[request.param] if hasattr(request, "param") else ("bank", "shop")
    with system.catalogues(names) as deployed:
        yield deployed


@pytest.fixture
def application(system: Deployment) -> Application:
    return system.application


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


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind((environment.LOOPBACK, 0))
        return int(unused.getsockname()[1])
