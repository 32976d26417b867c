"""Versions and aliases: what is frozen, what each calls, and what is said of one and not of the other."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from tests.local_aws.conftest import ACCOUNT, Aws, refused, unique
from tests.local_aws.test_queues_and_tables import queue, until

# says which code and which configuration it is, and by what name it was called
SAYS = """
import json, os, boto3

def handler(event, context):
    said = {{"code": {code}, "setting": os.environ["SETTING"], "arn": context.invoked_function_arn}}
    if "QUEUE" in os.environ:
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(said))
    if "Records" in event:
        raise ValueError({code})
    return said
"""
LIVE = "live"


def packed(code: int) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("main.py", SAYS.format(code=code))
    return package.getvalue()


@dataclass(frozen=True)
class Function:
    """A function that says what it is, also to a queue if it has one."""

    aws: Aws
    arn: str
    queue: str = ""

    @property
    def alias_arn(self) -> str:
        return f"{self.arn}:{LIVE}"

    def change(self, number: int) -> None:
        """Gives $LATEST other code and another configuration."""
        variables = self.settled()["Environment"]["Variables"]
        self.aws.functions.update_function_code(FunctionName=self.arn, ZipFile=packed(number))
        self.aws.functions.update_function_configuration(
            FunctionName=self.arn, Environment={"Variables": {**variables, "SETTING": str(number)}}
        )

    def publish(self) -> str:
        self.settled()
        return str(self.aws.functions.publish_version(FunctionName=self.arn)["Version"])

    def settled(self) -> Any:
        """The configuration of $LATEST, once it is in force."""
        found: Any = {"LastUpdateStatus": "InProgress"}
        while found["LastUpdateStatus"] == "InProgress":
            time.sleep(0.05)
            found = self.aws.functions.get_function_configuration(FunctionName=self.arn)
        return found

    def says(self, qualifier: str | None = None) -> tuple[int, int]:
        """Which code and which configuration answer."""
        more: Any = {"Qualifier": qualifier} if qualifier else {}
        answer = self.aws.functions.invoke(FunctionName=self.arn, Payload=b"{}", **more)
        said = json.loads(answer["Payload"].read())
        assert said["arn"] == (f"{self.arn}:{qualifier}" if qualifier else self.arn)
        return said["code"], int(said["setting"])

    def said(self) -> list[Any]:
        """What it has said to its queue since it was last asked."""
        sqs, found = self.aws.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return found

    def point(self, version: str, **more: Any) -> None:
        self.aws.functions.update_alias(FunctionName=self.arn, Name=LIVE, FunctionVersion=version, **more)


@pytest.fixture(scope="module")
def function(aws: Aws) -> Function:
    """One whose alias is at version 1, while there is a version 2, and $LATEST is neither."""
    url, _arn = queue(aws)
    role = aws.role([{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}])
    made = Function(aws, aws.function(SAYS.format(code=1), role=role, SETTING="1", QUEUE=url), url)
    aws.functions.create_alias(FunctionName=made.arn, Name=LIVE, FunctionVersion=made.publish())
    made.change(2)
    made.publish()
    made.change(3)
    made.settled()
    return made


@pytest.fixture
def by_alias(function: Function) -> dict[str, Any]:
    """What the function says when the alias is called."""
    function.said()
    return {"code": 1, "setting": "1", "arn": function.alias_arn}


def test_a_version_keeps_its_code_and_its_configuration_and_an_alias_calls_it(function: Function) -> None:
    assert {called: function.says(called) for called in (None, "1", "2", LIVE)} == {
        None: (3, 3),
        "1": (1, 1),
        "2": (2, 2),
        LIVE: (1, 1),
    }
    function.point("2")
    assert function.says(LIVE) == (2, 2)
    function.point("1")
    assert function.says(LIVE) == (1, 1)


def test_what_has_not_changed_is_not_published_again(aws: Aws) -> None:
    name = unique("function")
    made = aws.functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="main.handler",
        Role=aws.role([]),
        Code={"ZipFile": packed(1)},
        Publish=True,
    )
    assert made["Version"] == "1"
    function = Function(aws, name)
    assert [function.publish(), function.publish()] == ["1", "1"]
    aws.functions.update_function_configuration(FunctionName=name, Timeout=7)
    assert [function.publish(), function.publish()] == ["2", "2"]
    versions = aws.functions.list_versions_by_function(FunctionName=name)["Versions"]
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    assert [version["FunctionArn"] for version in versions[1:]] == [f"{arn}:1", f"{arn}:2"]


def test_an_alias_points_to_a_version_that_there_is(function: Function) -> None:
    functions = function.aws.functions
    with refused("ResourceNotFoundException"):
        function.point("9")
    with refused("ResourceNotFoundException"):
        functions.create_alias(FunctionName=function.arn, Name="other", FunctionVersion="9")
    with refused("ResourceConflictException"):
        functions.delete_function(FunctionName=function.arn, Qualifier="1")
    assert function.says(LIVE) == (1, 1)


def test_a_version_that_an_alias_has_left_takes_no_memory(aws: Aws) -> None:
    arn = aws.function("import os\ndef handler(event, context):\n    return os.getpid()\n")
    made = Function(aws, arn)
    aws.functions.create_alias(FunctionName=arn, Name=LIVE, FunctionVersion=made.publish())
    pid = int(aws.functions.invoke(FunctionName=arn, Qualifier=LIVE)["Payload"].read())
    assert psutil.pid_exists(pid)
    made.point("1")
    assert psutil.pid_exists(pid)
    aws.functions.update_function_configuration(FunctionName=arn, Timeout=7)
    made.point(made.publish())
    assert not psutil.pid_exists(pid)


def test_an_alias_that_was_changed_meanwhile_is_left_alone(function: Function) -> None:
    seen = function.aws.functions.get_alias(FunctionName=function.arn, Name=LIVE)["RevisionId"]
    function.point("1")
    with refused("PreconditionFailedException"):
        function.point("2", RevisionId=seen)
    assert function.says(LIVE) == (1, 1)


def test_the_function_and_each_alias_have_a_policy_of_their_own(function: Function) -> None:
    functions: Any = function.aws.functions
    arn, of_alias = function.arn, {"Qualifier": LIVE}
    allow = {
        "FunctionName": arn,
        "StatementId": "AllowTopic",
        "Action": "lambda:InvokeFunction",
        "Principal": "sns.amazonaws.com",
    }

    def statements(**qualifier: Any) -> list[tuple[str, str]]:
        policy = json.loads(functions.get_policy(FunctionName=arn, **qualifier)["Policy"])
        return [(statement["Sid"], statement["Resource"]) for statement in policy["Statement"]]

    add, remove = functions.add_permission, functions.remove_permission
    added = json.loads(add(**allow, **of_alias)["Statement"])
    assert (added["Sid"], added["Resource"]) == ("AllowTopic", function.alias_arn)
    with refused("ResourceConflictException", "(AllowTopic)"):
        add(**allow, **of_alias)
    with refused("ResourceNotFoundException"):
        statements()
    add(**allow)
    assert statements() == [("AllowTopic", arn)]
    assert statements(**of_alias) == [("AllowTopic", function.alias_arn)]
    remove(FunctionName=arn, StatementId="AllowTopic")
    with refused("ResourceNotFoundException"):
        statements()
    remove(FunctionName=arn, StatementId="AllowTopic", **of_alias)
    with refused("ResourceNotFoundException"):
        statements(**of_alias)


def test_cognito_calls_the_alias_if_it_may(function: Function, by_alias: dict[str, Any]) -> None:
    aws = function.aws
    pool = aws.pool(function.alias_arn, permit=False)
    aws.permit(function.arn, pool.arn)
    with refused("UnexpectedLambdaException", "AccessDeniedException"):
        pool.sign_up().confirm()
    assert function.said() == []
    aws.permit(function.alias_arn, pool.arn)
    # what it answers is not what Cognito wants
    with refused("InvalidLambdaResponseException"):
        pool.sign_up().confirm()
    assert function.said() == [by_alias]


def test_what_fails_for_good_is_put_aside_as_is_said_for_the_alias(
    function: Function, by_alias: dict[str, Any]
) -> None:
    aws, sqs = function.aws, function.aws.client("sqs")
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    aws.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.alias_arn)
    aws.permit(function.alias_arn, topic, principal="sns.amazonaws.com")
    (mine, mine_arn), (other, other_arn) = queue(aws), queue(aws)
    put: Any = aws.functions.put_function_event_invoke_config
    for arn, retries, qualifier in ((mine_arn, 1, {"Qualifier": LIVE}), (other_arn, 0, {})):
        after = {"MaximumRetryAttempts": retries, "DestinationConfig": {"OnFailure": {"Destination": arn}}}
        put(FunctionName=function.arn, **after, **qualifier)

    aws.sns.publish(TopicArn=topic, Message="hello")
    (letter,) = until(lambda: sqs.receive_message(QueueUrl=mine).get("Messages"))
    assert json.loads(letter["Body"])["responsePayload"]["errorMessage"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=other)
    assert function.said() == [by_alias] * 2


def test_a_schedule_calls_what_its_role_may(function: Function, by_alias: dict[str, Any]) -> None:
    aws = function.aws
    may_the_function, may_the_alias = (
        aws.role(
            [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}],
            service="scheduler.amazonaws.com",
        )
        for arn in (function.arn, function.alias_arn)
    )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    # the other one is looked at first
    for role in (may_the_function, may_the_alias):
        aws.client("scheduler").create_schedule(
            Name=unique("schedule"),
            ScheduleExpression=f"at({now})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": function.alias_arn, "RoleArn": role, "Input": "{}"},
        )
    assert until(function.said) == [by_alias]


def test_who_may_call_the_alias_may_call_nothing_else(function: Function) -> None:
    role = function.aws.role(
        [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function.alias_arn}]
    )
    limited = Function(function.aws.as_role(role), function.arn)
    assert limited.says(LIVE) == (1, 1)
    for qualifier in (None, "1"):
        with refused("AccessDeniedException"):
            limited.says(qualifier)


@pytest.mark.parametrize(
    "action", ["create_alias", "list_aliases", "get_alias", "update_alias", "delete_alias"]
)
def test_each_call_on_an_alias_is_allowed_by_itself(function: Function, action: str) -> None:
    calls = {
        "create_alias": {"Name": "other", "FunctionVersion": "1"},
        "list_aliases": {},
        "get_alias": {"Name": LIVE},
        "update_alias": {"Name": LIVE, "FunctionVersion": "1"},
        "delete_alias": {"Name": "other"},
    }
    allowed = action.title().replace("_", "")
    role = function.aws.role([{"Effect": "Allow", "Action": f"lambda:{allowed}", "Resource": function.arn}])
    functions = function.aws.as_role(role).functions
    for call, arguments in calls.items():
        if call == action:
            getattr(functions, call)(FunctionName=function.arn, **arguments)
        else:
            with refused("AccessDeniedException", f"lambda:{call.title().replace('_', '')} "):
                getattr(functions, call)(FunctionName=function.arn, **arguments)


def test_a_version_runs_within_what_is_reserved_for_the_function(function: Function) -> None:
    functions = function.aws.functions
    functions.put_function_concurrency(FunctionName=function.arn, ReservedConcurrentExecutions=0)
    try:
        with refused("TooManyRequestsException"):
            function.says(LIVE)
    finally:
        functions.delete_function_concurrency(FunctionName=function.arn)
