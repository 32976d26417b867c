"""The policies that are not a function's role: who may call the functions, the topics', the key's.

Each statement is taken away, and what it is for is tried, before and after.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
from botocore.exceptions import ClientError

from notifications.catalogue import EMAIL
from notifications.feedback import TAG, tag_value
from notifications.notification import Notification
from notifications.registration import Person as Registered
from notifications.registration import record_of
from notifications.rows import marshal
from scripts.person import NotSeenError, Person, wait_for
from tests.deployment import Deployment, Probe, Row
from tests.iam.trial import Bench

SECONDS = 10


@dataclass(frozen=True)
class Told:
    """What came of a statement's absence. without: what went wrong; empty when nothing did."""

    of: str
    statement: str
    does: str
    without: str

    @property
    def needed(self) -> bool:
        return bool(self.without)


@dataclass(frozen=True)
class Statement:
    """A statement of a policy. works: says what is wrong, or nothing. lacking: the policy without it."""

    of: str
    sid: str
    does: str
    works: Callable[[], str]
    lacking: Callable[[], AbstractContextManager[None]]

    def told(self) -> Told:
        """What came of its absence.

        Raises:
            AssertionError: something is wrong with nothing taken away, before or afterwards: then it is not
                the statement that is missed.
        """
        self._check()
        with self.lacking():
            # what was on its way when the statement went may be taken for what it still lets through
            without = self.works() or self.works()
        if without:
            self._check()
        return Told(self.of, self.sid, self.does, without)

    def _check(self) -> None:
        wrong = self.works() and self.works()
        assert not wrong, f"{self.of}, {self.sid}: {wrong}"


def told(bench: Bench, way: str) -> Iterator[Told]:
    """Of each statement, by the way of e-mail where it counts."""
    for statement in by_ses(bench) if way == "ses" else by_sns(bench):
        yield statement.told()


def by_ses(bench: Bench) -> Iterator[Statement]:
    system = bench.lane.base
    callers = (
        ("post_confirmation", "AllowUserPool", "Cognito may call the function", registers),
        ("api", "AllowHttpApi", "the HTTP API may call the function", answers),
        ("feedback", "AllowEmailEvents", "SNS may call the function", bounces),
    )
    for handler, sid, does, works in callers:
        lacking = partial(no_permission, system, handler, sid)
        yield Statement(handler, sid, does, partial(works, system), lacking)
    (events,) = (
        topic["TopicArn"]
        for topic in system.client("sns").list_topics()["Topics"]
        if topic["TopicArn"].endswith("-email-events")
    )
    sid = "OnlyThisConfigurationSet"
    lacking = partial(topic_without, system, events, sid)
    does = "SES may publish to the topic"
    yield Statement("topic of SES's events", sid, does, partial(bounces, system), lacking)
    for handler in ("sweep", "broadcast", "erase", "reconcile"):
        called, lacking = partial(is_called, system, handler), partial(no_schedule, system, handler)
        does = "the schedule may call the function"
        yield Statement(f"schedule of {handler}", "InvokeFunction", does, called, lacking)
    uses = (
        ("SignersSign", "deliver and sweep may sign", "deliver: an order by every channel"),
        ("VerifiersVerify", "the API may verify", "api: a link to unsubscribe is followed"),
    )
    for sid, does, scenario in uses:
        lacking = partial(key_without, system, sid)
        yield Statement("signing key", sid, does, partial(denied, bench, scenario), lacking)
    sid = "AccountLooksAfterTheKey"
    does = "the account's administrators may see and end the key"
    lacking = partial(key_without, system, sid)
    yield Statement("signing key", sid, does, partial(administered, system), lacking)


def by_sns(bench: Bench) -> Iterator[Statement]:
    system = bench.lane.base
    topic, sid = system.outputs["notification_topic_arn"], "OnlyThePublishers"
    does = "nobody but deliver and sweep may publish or subscribe, whatever their role says"
    lacking = partial(topic_without, system, topic, sid)
    yield Statement("topic of notifications", sid, does, partial(shut_out, system, topic), lacking)


# ---------------------------------------------------------------- what a statement is for


def registers(system: Deployment) -> str:
    try:
        system.application.register(Person())
    except ClientError as error:
        return f"a person confirms, and hears {error.response['Error']['Code']}"
    return ""


def answers(system: Deployment) -> str:
    """A link to unsubscribe needs no token, so the function itself answers."""
    url = f"{system.outputs['api_endpoint']}/unsubscribe"
    status = httpx.get(url, params={"token": "none"}, trust_env=False, timeout=30).status_code
    return f"the API answers {status}" if status >= 500 else ""


def bounces(system: Deployment) -> str:
    """A mail of ours to an address that bounces."""
    person = Person()
    address = "bounce@simulator.amazonses.com"
    who = Registered(person.username, f"sub-{person.username}", address, email_verified=True)
    now = datetime.now(UTC)
    row = Notification(
        f"app#{person.username}", who.user_id, who.sub, "orders", "orders", now, now, now
    ).to_row()
    row = {name: value for name, value in row.items() if name not in ("DueAt", "DueShard")}
    row |= {"State": "SENT", "Results": {EMAIL: {"State": "SENT", "Reason": ""}}}
    system.dynamodb.put_item(TableName=system.outputs["user_table_name"], Item=marshal(record_of(who, now)))
    system.dynamodb.put_item(TableName=system.outputs["notification_table_name"], Item=marshal(row))
    variables = system.variables("deliver")
    system.client("sesv2").send_email(
        FromEmailAddress=variables["EMAIL_FROM"],
        Destination={"ToAddresses": [who.email]},
        Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
        EmailTags=[{"Name": TAG, "Value": tag_value(row["NotificationID"])}],
        ConfigurationSetName=variables["EMAIL_CONFIGURATION_SET"],
    )

    def stopped() -> Row | None:
        record = system.user(person)
        return record if record and record.get("Stopped") else None

    return missed("a mail bounces, and nobody hears of it", stopped)


def is_called(system: Deployment, handler: str) -> str:
    """A schedule with the same role, once, now: every minute is too long to wait for."""
    scheduler, name = system.client("scheduler"), system.outputs["function_names"][handler]
    target = scheduler.get_schedule(Name=name, GroupName=name)["Target"]
    before = calls_of(system, name)
    # to the second: the next one would be over before the schedule is there, at times
    at = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
    # one of the same name that is made anew does not call again, in the emulator
    once = f"{name}-{secrets.token_hex(4)}"
    scheduler.create_schedule(
        Name=once,
        GroupName=name,
        ScheduleExpression=f"at({at})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={key: target[key] for key in ("Arn", "RoleArn", "Input")},
    )
    try:
        return missed("the function is not called", lambda: True if calls_of(system, name) > before else None)
    finally:
        scheduler.delete_schedule(Name=once, GroupName=name)


def calls_of(system: Deployment, name: str) -> int:
    """How often a function has said that it was called, by its metrics."""
    pages = (
        system.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    )
    return sum("CloudWatchMetrics" in event["message"] for page in pages for event in page["events"])


def denied(bench: Bench, scenario: str) -> str:
    (wanted,) = (each for each in bench.scenarios if str(each) == scenario)
    calls, wrong, _own = bench.run(wanted)
    return f"denied: {', '.join(sorted(calls))}" if calls else wrong


def administered(system: Deployment) -> str:
    key = system.outputs["signing_key_arn"]
    with may_everything(system, "kms:*") as probe:
        return (
            "" if probe.may("kms", "describe_key", KeyId=key) else "who may do all with keys sees none of it"
        )


def shut_out(system: Deployment, topic: str) -> str:
    with may_everything(system, "sns:*") as probe:
        publishes = probe.may("sns", "publish", TopicArn=topic, Message="x")
    return "who may do all with topics publishes to everybody" if publishes else ""


@contextmanager
def may_everything(system: Deployment, action: str) -> Iterator[Probe]:
    """A probe with a role that is also allowed all of a service."""
    probe = Probe(system, "post_confirmation").make()
    iam, role = system.client("iam"), system.configuration("post_confirmation")["Role"].rpartition("/")[2]
    everything = {"Effect": "Allow", "Action": action, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    iam.put_role_policy(RoleName=role, PolicyName="too-much", PolicyDocument=policy)
    try:
        yield probe
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="too-much")
        probe.unmake()


def missed(what: str, look: Callable[[], Any]) -> str:
    """What it is that does not come; empty when it does."""
    try:
        wait_for(what, look, within=SECONDS, every=0.3)
    except NotSeenError:
        return what
    return ""


# ---------------------------------------------------------------- a policy without a statement, for a while


@contextmanager
def no_permission(system: Deployment, handler: str, sid: str) -> Iterator[None]:
    live = system.live(handler)
    policy = json.loads(system.functions.get_policy(**live)["Policy"])
    (statement,) = (each for each in policy["Statement"] if each["Sid"] == sid)
    system.functions.remove_permission(**live, StatementId=sid)
    try:
        yield
    finally:
        (source,) = (value for each in statement["Condition"].values() for value in each.values())
        system.functions.add_permission(
            **live,
            StatementId=sid,
            Action=statement["Action"],
            Principal=statement["Principal"]["Service"],
            SourceArn=source,
        )


@contextmanager
def topic_without(system: Deployment, topic: str, sid: str) -> Iterator[None]:
    sns = system.client("sns")
    before = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]

    def put(policy: str) -> None:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)

    put(lacking(before, sid))
    try:
        yield
    finally:
        put(before)


@contextmanager
def key_without(system: Deployment, sid: str) -> Iterator[None]:
    kms, key = system.client("kms"), system.outputs["signing_key_arn"]
    before = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=lacking(before, sid))
    try:
        yield
    finally:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)


@contextmanager
def no_schedule(system: Deployment, handler: str) -> Iterator[None]:
    iam, role = system.client("iam"), f"{system.outputs['function_names'][handler]}-schedule"
    before = iam.get_role_policy(RoleName=role, PolicyName="permissions")["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName="permissions")
    try:
        yield
    finally:
        text = before if isinstance(before, str) else json.dumps(before)
        iam.put_role_policy(RoleName=role, PolicyName="permissions", PolicyDocument=text)
        # what was not called meanwhile is not to be called now
        time.sleep(1)


def lacking(policy: str, sid: str) -> str:
    """A policy without a statement; one that says nothing would not be taken."""
    said = json.loads(policy)
    left = [each for each in said["Statement"] if each["Sid"] != sid]
    assert len(left) < len(said["Statement"]), f"there is no statement {sid}"
    nobody = {
        "Sid": "Nobody",
        "Effect": "Deny",
        "Principal": "*",
        "Action": said["Statement"][0]["Action"],
        "Resource": said["Statement"][0]["Resource"],
        "Condition": {"StringEquals": {"aws:PrincipalArn": "nobody"}},
    }
    return json.dumps({**said, "Statement": left or [nobody]})
