"""The doctor: the deployed system is broken in one way after another, and each is named, and nothing else."""

import io
import json
import os
import secrets
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from botocore.client import BaseClient
from botocore.config import Config

from notifications.notification import milliseconds
from notifications.rows import marshal
from scripts import package
from scripts.doctor import access
from scripts.doctor.__main__ import known
from scripts.doctor.checks import topic
from scripts.doctor.context import Context
from scripts.doctor.examination import NAMES, examine
from scripts.doctor.findings import Finding, Status
from scripts.doctor.intention import Intention
from scripts.environment import ROOT, Environment, load_hcl
from scripts.person import Person
from scripts.user_pool import Settings, UserPool
from tests.deployment import Deployment
from tests.inventory import everything
from tests.place import SENDER

from .conftest import ONCE
from .test_trigger import black_hole

pytestmark = pytest.mark.needs("local-aws")
# what earlier tests have left: calls that were to fail, and what they had refused
LEFT_BEHIND = {"invocations", "queues", "rows"}
ENOUGH = "100000"
BY_SNS = pytest.mark.parametrize("system", ["sns"], indirect=True)
Told = set[tuple[str, Status, str]]


@dataclass(frozen=True)
class Doctor:
    """The deployed system and one who looks at it."""

    system: Deployment
    intention: Intention

    def look(self, *names: str, user: str = "") -> list[Finding]:
        return examine(
            Context(self.system.environment, self.intention, datetime.now(UTC), user=user), names or NAMES
        )

    def told(self, *names: str) -> Told:
        """What is not as it should be."""
        return {(f.check, f.status, f.about) for f in self.look(*names) if f.status is not Status.OK}

    def function(self, handler: str) -> str:
        return str(self.system.outputs["function_names"][handler])

    def called(self, handler: str) -> dict[str, str]:
        """A function by what calls it: its alias."""
        return self.system.live(handler)

    @property
    def queue(self) -> str:
        return str(self.system.outputs["notification_queue_url"]).rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def doctor(system: Deployment) -> Doctor:
    # what an account begins with is a warning
    system.client("sns").set_sms_attributes(attributes={"MonthlySpendLimit": ENOUGH})
    return Doctor(system, Intention.of(system.stack.terraform.show()))


# ---------------------------------------------------------------- ways to break it


@contextmanager
def meanwhile(do: Callable[[], object], undo: Callable[[], object]) -> Iterator[None]:
    """Done, and made undone in the end."""
    do()
    try:
        yield
    finally:
        undo()


def pool_changed(doctor: Doctor, **changes: Any) -> AbstractContextManager[None]:
    cognito = doctor.system.client("cognito-idp")
    pool = UserPool(cognito, doctor.system.pool)
    before = pool.read()

    def put(settings: Settings) -> None:
        cognito.update_user_pool(**pool.request(settings))

    other = Settings({**before.pool, **changes}, before.mfa)
    return meanwhile(lambda: put(other), lambda: put(before))


def trigger_lost(doctor: Doctor) -> AbstractContextManager[None]:
    return pool_changed(doctor, LambdaConfig={})


def trigger_elsewhere(doctor: Doctor) -> AbstractContextManager[None]:
    sweep = doctor.system.functions.get_function_configuration(FunctionName=doctor.function("sweep"))
    return pool_changed(doctor, LambdaConfig={"PostConfirmation": sweep["FunctionArn"]})


def trigger_past_the_alias(doctor: Doctor) -> AbstractContextManager[None]:
    function = doctor.intention.trigger.removesuffix(f":{doctor.called('post_confirmation')['Qualifier']}")
    return pool_changed(doctor, LambdaConfig={"PostConfirmation": function})


@contextmanager
def alias_turned(doctor: Doctor, handler: str) -> Iterator[None]:
    with doctor.system.changed(handler, USER_TABLE="another"):
        yield


def one_more_trigger(doctor: Doctor) -> AbstractContextManager[None]:
    sweep = doctor.system.functions.get_function_configuration(FunctionName=doctor.function("sweep"))
    return pool_changed(
        doctor, LambdaConfig={"PostConfirmation": doctor.intention.trigger, "PreSignUp": sweep["FunctionArn"]}
    )


@contextmanager
def permission_changed(doctor: Doctor, handler: str, sid: str, source: str = "") -> Iterator[None]:
    """The statement of a function's policy is gone, or is there for another source."""
    functions, called = doctor.system.functions, doctor.called(handler)
    (statement,) = (
        each
        for each in json.loads(functions.get_policy(**called)["Policy"])["Statement"]
        if each["Sid"] == sid
    )
    was = {
        **called,
        "StatementId": sid,
        "Action": "lambda:InvokeFunction",
        "Principal": statement["Principal"]["Service"],
        "SourceArn": next(iter(statement["Condition"].values()))["AWS:SourceArn"],
    }
    functions.remove_permission(**called, StatementId=sid)
    if source:
        functions.add_permission(**{**was, "SourceArn": source})
    try:
        yield
    finally:
        if source:
            functions.remove_permission(**called, StatementId=sid)
        functions.add_permission(**was)


def switched_off(doctor: Doctor, handler: str) -> AbstractContextManager[None]:
    functions, name = doctor.system.functions, doctor.function(handler)
    return meanwhile(
        lambda: functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0),
        lambda: functions.delete_function_concurrency(FunctionName=name),
    )


@contextmanager
def throttled(doctor: Doctor, handler: str) -> Iterator[None]:
    at_once = doctor.system.client("lambda", config=Config(retries={"total_max_attempts": 1}))
    with switched_off(doctor, handler), pytest.raises(at_once.exceptions.TooManyRequestsException):
        at_once.invoke(FunctionName=doctor.function(handler))
    yield


def settings_changed(
    doctor: Doctor, handler: str, timeout: int, **variables: str
) -> AbstractContextManager[None]:
    """As somebody would by hand: what is called by an alias stays what it was."""
    functions, name = doctor.system.functions, doctor.function(handler)
    was = functions.get_function_configuration(FunctionName=name)
    usual = was["Environment"]["Variables"]

    def put(seconds: int, wanted: dict[str, str]) -> None:
        functions.update_function_configuration(
            FunctionName=name, Timeout=seconds, Environment={"Variables": wanted}
        )
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    return meanwhile(lambda: put(timeout, {**usual, **variables}), lambda: put(was["Timeout"], usual))


def code_changed(doctor: Doctor, handler: str) -> AbstractContextManager[None]:
    """One more file in the package."""
    functions, name = doctor.system.functions, doctor.function(handler)
    built = package.TARGET.read_bytes()
    other = io.BytesIO(built)
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("by_hand.py", "")

    def put(code: bytes) -> None:
        functions.update_function_code(FunctionName=name, ZipFile=code)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    return meanwhile(lambda: put(other.getvalue()), lambda: put(built))


@contextmanager
def timed_out(doctor: Doctor, handler: str) -> Iterator[None]:
    with (
        black_hole() as nowhere,
        settings_changed(doctor, handler, timeout=1, AWS_ENDPOINT_URL_DYNAMODB=nowhere),
    ):
        doctor.system.functions.invoke(FunctionName=doctor.function(handler))
    yield


def mapping_changed(
    doctor: Doctor, handler: str, back: dict[str, Any], **changes: Any
) -> AbstractContextManager[None]:
    functions = doctor.system.functions
    (mapping,) = functions.list_event_source_mappings(FunctionName=":".join(doctor.called(handler).values()))[
        "EventSourceMappings"
    ]

    def put(wanted: dict[str, Any]) -> None:
        functions.update_event_source_mapping(UUID=mapping["UUID"], **wanted)

    return meanwhile(lambda: put(changes), lambda: put(back or {"FilterCriteria": mapping["FilterCriteria"]}))


def schedule_off(doctor: Doctor, handler: str) -> AbstractContextManager[None]:
    scheduler, name = doctor.system.client("scheduler"), doctor.function(handler)
    was = scheduler.get_schedule(GroupName=name, Name=name)
    takes = scheduler.meta.service_model.operation_model("UpdateSchedule").input_shape.members
    kept = {field: value for field, value in was.items() if field in takes}
    return meanwhile(
        lambda: scheduler.update_schedule(**{**kept, "State": "DISABLED"}),
        lambda: scheduler.update_schedule(**kept),
    )


def row_left(doctor: Doctor, shard: str, minutes: int) -> AbstractContextManager[None]:
    """A row that nobody comes to, since nobody is called."""
    dynamodb, table = doctor.system.dynamodb, doctor.system.outputs["notification_table_name"]
    due = datetime.now(UTC) - timedelta(minutes=minutes)
    row = {"NotificationID": "left", "State": "SENT", "DueShard": shard, "DueAt": milliseconds(due)}
    return meanwhile(
        lambda: dynamodb.put_item(TableName=table, Item=marshal(row)),
        lambda: dynamodb.delete_item(TableName=table, Key=marshal({"NotificationID": "left"})),
    )


@contextmanager
def letter(doctor: Doctor, output: str) -> Iterator[None]:
    sqs, url = doctor.system.client("sqs"), doctor.system.outputs[output]
    sent = sqs.send_message(QueueUrl=url, MessageBody="{}")["MessageId"]
    try:
        yield
    finally:
        for _ in range(20):
            read = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get(
                "Messages", []
            )
            ours = [message["ReceiptHandle"] for message in read if message["MessageId"] == sent]
            if ours:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=ours[0])
                break


def queue_changed(doctor: Doctor, **attributes: str) -> AbstractContextManager[None]:
    sqs, url = doctor.system.client("sqs"), doctor.system.outputs["notification_queue_url"]
    was = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(attributes))["Attributes"]
    return meanwhile(
        lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes),
        lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes=was),
    )


@contextmanager
def requests_left(doctor: Doctor) -> Iterator[None]:
    """Requests that nobody takes for a long time: CloudWatch says for how long."""
    metric = {
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": doctor.queue}],
        "Value": 3600,
    }
    with mapping_changed(doctor, "enqueue", {"Enabled": True}, Enabled=False):
        doctor.system.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[metric])
        with letter(doctor, "notification_queue_url"):
            yield


@contextmanager
def alarm(doctor: Doctor, state: str, actions: list[str]) -> Iterator[None]:
    cloudwatch, name = doctor.system.client("cloudwatch"), "sign-up fails"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmActions=actions,
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": doctor.function("post_confirmation")}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=10**6,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="it is a test")
    try:
        yield
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])


def topic_policy(doctor: Doctor) -> AbstractContextManager[None]:
    sns, arn = doctor.system.client("sns"), doctor.system.outputs["notification_topic_arn"]
    was = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    other = json.dumps({"Version": "2012-10-17", "Statement": []})

    def put(policy: str) -> None:
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)

    return meanwhile(lambda: put(other), lambda: put(was))


def ses_sandbox(doctor: Doctor) -> AbstractContextManager[None]:
    def put(production: bool) -> None:
        doctor.system.client("sesv2").put_account_details(
            MailType="TRANSACTIONAL",
            WebsiteURL="https://example.com",
            UseCaseDescription="A test.",
            ProductionAccessEnabled=production,
        )

    return meanwhile(lambda: put(False), lambda: put(True))


def identity_gone(doctor: Doctor) -> AbstractContextManager[None]:
    sesv2 = doctor.system.client("sesv2")
    return meanwhile(
        lambda: sesv2.delete_email_identity(EmailIdentity=SENDER),
        lambda: sesv2.create_email_identity(EmailIdentity=SENDER),
    )


def events_unheard(doctor: Doctor) -> AbstractContextManager[None]:
    sesv2 = doctor.system.client("sesv2")
    found = doctor.intention.find("aws_sesv2_configuration_set_event_destination")
    assert found
    name, destination = found["configuration_set_name"], found["event_destination_name"]
    (was,) = sesv2.get_configuration_set_event_destinations(ConfigurationSetName=name)["EventDestinations"]
    kept = {field: value for field, value in was.items() if field != "Name"}

    def put(**changes: Any) -> None:
        sesv2.update_configuration_set_event_destination(
            ConfigurationSetName=name, EventDestinationName=destination, EventDestination={**kept, **changes}
        )

    return meanwhile(lambda: put(Enabled=False), put)


def spent(doctor: Doctor, dollars: float, limit: str) -> AbstractContextManager[None]:
    """What was spent stays spent: only the limit goes back."""
    sns = doctor.system.client("sns")
    metric = {"MetricName": "SMSMonthToDateSpentUSD", "Value": dollars}
    doctor.system.client("cloudwatch").put_metric_data(Namespace="AWS/SNS", MetricData=[metric])
    return meanwhile(
        lambda: sns.set_sms_attributes(attributes={"MonthlySpendLimit": limit}),
        lambda: sns.set_sms_attributes(attributes={"MonthlySpendLimit": ENOUGH}),
    )


def no_ttl(doctor: Doctor) -> AbstractContextManager[None]:
    def put(enabled: bool) -> None:
        doctor.system.dynamodb.update_time_to_live(
            TableName=doctor.system.outputs["notification_table_name"],
            TimeToLiveSpecification={"AttributeName": "ExpiresAt", "Enabled": enabled},
        )

    return meanwhile(lambda: put(False), lambda: put(True))


def no_backup(doctor: Doctor) -> AbstractContextManager[None]:
    def put(enabled: bool) -> None:
        doctor.system.dynamodb.update_continuous_backups(
            TableName=doctor.system.outputs["user_table_name"],
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
        )

    return meanwhile(lambda: put(False), lambda: put(True))


def key_disabled(doctor: Doctor) -> AbstractContextManager[None]:
    kms, key = doctor.system.client("kms"), doctor.system.outputs["signing_key_arn"]
    return meanwhile(lambda: kms.disable_key(KeyId=key), lambda: kms.enable_key(KeyId=key))


@contextmanager
def key_going(doctor: Doctor) -> Iterator[None]:
    kms, key = doctor.system.client("kms"), doctor.system.outputs["signing_key_arn"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
    try:
        yield
    finally:
        kms.cancel_key_deletion(KeyId=key)
        kms.enable_key(KeyId=key)


def log_kept_longer(doctor: Doctor) -> AbstractContextManager[None]:
    logs, group = doctor.system.client("logs"), f"/aws/lambda/{doctor.function('api')}"
    return meanwhile(
        lambda: logs.put_retention_policy(logGroupName=group, retentionInDays=3653),
        lambda: logs.put_retention_policy(logGroupName=group, retentionInDays=1),
    )


def policy_lost(doctor: Doctor) -> AbstractContextManager[None]:
    iam, its = (
        doctor.system.client("iam"),
        {"RoleName": doctor.function("enqueue"), "PolicyName": "permissions"},
    )
    was = json.dumps(iam.get_role_policy(**its)["PolicyDocument"])
    return meanwhile(
        lambda: iam.delete_role_policy(**its), lambda: iam.put_role_policy(**its, PolicyDocument=was)
    )


def document(effect: str, *actions: str) -> str:
    statement = {"Sid": f"Test{effect}", "Effect": effect, "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy_added(doctor: Doctor, effect: str) -> AbstractContextManager[None]:
    iam, its = doctor.system.client("iam"), {"RoleName": doctor.function("enqueue"), "PolicyName": "by-hand"}
    added = document(effect, "dynamodb:PutItem")
    return meanwhile(
        lambda: iam.put_role_policy(**its, PolicyDocument=added), lambda: iam.delete_role_policy(**its)
    )


@contextmanager
def bounded(doctor: Doctor) -> Iterator[None]:
    """A role is given another boundary, or the first one that it has."""
    iam, role = doctor.system.client("iam"), doctor.function("enqueue")
    was = iam.get_role(RoleName=role)["Role"].get("PermissionsBoundary")
    arn = iam.create_policy(PolicyName="bounds", PolicyDocument=document("Allow", "logs:*"))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=arn)
    try:
        yield
    finally:
        if was:
            iam.put_role_permissions_boundary(
                RoleName=role, PermissionsBoundary=was["PermissionsBoundaryArn"]
            )
        else:
            iam.delete_role_permissions_boundary(RoleName=role)
        iam.delete_policy(PolicyArn=arn)


def trust_changed(doctor: Doctor) -> AbstractContextManager[None]:
    iam, role = doctor.system.client("iam"), doctor.function("enqueue")
    was = json.dumps(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])

    def put(policy: str) -> None:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy)

    return meanwhile(lambda: put(was.replace("lambda.amazonaws.com", "ec2.amazonaws.com")), lambda: put(was))


def state_locked(doctor: Doctor) -> AbstractContextManager[None]:
    s3, environment = doctor.system.client("s3"), doctor.system.environment
    bucket = f"{environment.setting('name_prefix')}-tfstate-000000000000-{environment.region}"
    key = f"{load_hcl(environment.folder / 'backend.hcl')['key']}.tflock"
    lock = {
        "ID": "0123",
        "Operation": "OperationTypeApply",
        "Who": "ada@laptop",
        "Created": "2026-01-01T00:00:00Z",
    }
    return meanwhile(
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(lock)),
        lambda: s3.delete_object(Bucket=bucket, Key=key),
    )


@dataclass(frozen=True)
class Breakage:
    """A way to break the system. subjects: what is looked at; named: what is to be said then, and no more.

    about: what it is said of, with the names of functions as {handler}.
    """

    id: str
    how: Callable[[Doctor], AbstractContextManager[None]]
    subjects: tuple[str, ...]
    named: tuple[tuple[str, Status | None, str], ...]
    left: bool = False


B, W, WELL = Status.BROKEN, Status.WARNING, Status.OK
# it depends on how many other calls there were
ANY = None


def one(
    id_: str,
    how: Callable[..., AbstractContextManager[None]],
    *named: tuple[str, Status | None, str],
    also: Iterable[str] = (),
    left: bool = False,
    **arguments: Any,
) -> Breakage:
    subjects = {check.split(".")[0] for check, _status, _about in named} | set(also)
    return Breakage(id_, partial(how, **arguments), tuple(subjects), named, left)


ELSEWHERE = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_Another"
STREAM = json.dumps({"eventName": ["REMOVE"]})
BREAKAGES = [
    one("the trigger is lost", trigger_lost, ("trigger.attached", B, "{pool}")),
    one("the trigger is another function", trigger_elsewhere, ("trigger.attached", B, "{pool}")),
    one("the trigger passes the alias by", trigger_past_the_alias, ("trigger.attached", W, "{pool}")),
    one("a trigger that Terraform does not know", one_more_trigger, ("trigger.others", W, "{pool}")),
    one(
        "Cognito may not call the function",
        permission_changed,
        ("trigger.permission", B, "{post_confirmation_called}"),
        handler="post_confirmation",
        sid="AllowUserPool",
    ),
    one(
        "Cognito may call it for another pool",
        permission_changed,
        ("trigger.permission", B, "{post_confirmation_called}"),
        handler="post_confirmation",
        sid="AllowUserPool",
        source=ELSEWHERE,
    ),
    one(
        "nobody may sign up",
        pool_changed,
        ("pool.sign_up", B, "{pool}"),
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
    ),
    one("a function is switched off", switched_off, ("functions.concurrency", B, "{erase}"), handler="erase"),
    one(
        "a setting is changed",
        settings_changed,
        ("functions.settings", W, "{erase}"),
        handler="erase",
        timeout=180,
        USER_TABLE="another",
    ),
    one(
        "another version is called than was applied",
        alias_turned,
        ("functions.alias", W, "{erase}"),
        ("functions.settings", W, "{erase}"),
        handler="erase",
    ),
    one("the code is changed by hand", code_changed, ("functions.package", W, "{erase}"), handler="erase"),
    one(
        "the API may not call its function",
        permission_changed,
        ("functions.permission", B, "{api} ← apigateway.amazonaws.com"),
        ("api.reached", B, "{endpoint}"),
        handler="api",
        sid="AllowHttpApi",
    ),
    one(
        "calls are throttled",
        throttled,
        ("invocations.throttles", W, "{broadcast}"),
        handler="broadcast",
        left=True,
    ),
    one(
        "a call runs into its time limit",
        timed_out,
        ("invocations.errors", ANY, "{broadcast}"),
        ("invocations.logs", W, "{broadcast}"),
        handler="broadcast",
        left=True,
    ),
    one(
        "the stream is not read",
        mapping_changed,
        ("mappings.state", B, "{deliver_called}"),
        handler="deliver",
        back={"Enabled": True},
        Enabled=False,
    ),
    one(
        "the stream's filter lets nothing through",
        mapping_changed,
        ("mappings.filter", B, "{deliver_called}"),
        handler="deliver",
        back={},
        FilterCriteria={"Filters": [{"Pattern": STREAM}]},
    ),
    one("a schedule is off", schedule_off, ("schedules.state", B, "{erase}"), handler="erase"),
    one("a job is not done", row_left, ("rows.due", B, "jobs of broadcast"), shard="broadcast", minutes=60),
    one(
        "deliver crashed again and again",
        letter,
        ("queues.letters", W, "{deliver}-failed"),
        output="delivery_failure_queue_url",
    ),
    one(
        "what cannot be taken comes again for ever",
        queue_changed,
        ("queues.redrive", B, "{queue}"),
        RedrivePolicy="",
    ),
    one(
        "requests are not taken",
        requests_left,
        ("queues.requests", B, "{queue}"),
        ("mappings.state", B, "{enqueue_called}"),
    ),
    one(
        "an alarm is raised", alarm, ("alarms.raised", B, "sign-up fails"), state="ALARM", actions=["{topic}"]
    ),
    one("an alarm tells nobody", alarm, ("alarms.actions", W, "sign-up fails"), state="OK", actions=[]),
    one("others may publish", topic_policy, ("topic.policy", B, "{topic_name}")),
    one("SES is in its sandbox", ses_sandbox, ("ses.sandbox", W, "the account")),
    one("the identity is gone", identity_gone, ("ses.identity", B, SENDER)),
    one("bounces are not heard of", events_unheard, ("ses.events", B, "{prefix}")),
    one("SMS are nearly spent", spent, ("sms.limit", W, "the account"), dollars=100, limit="120"),
    one("SMS are spent", spent, ("sms.limit", B, "the account"), dollars=100, limit="100"),
    one("old rows stay", no_ttl, ("tables.ttl", W, "{notifications}")),
    one("nothing is backed up", no_backup, ("tables.backup", W, "{users}")),
    one("the key is off", key_disabled, ("keys.state", B, "{key}")),
    one("the key is to be deleted", key_going, ("keys.state", B, "{key}")),
    one("a log is kept for longer", log_kept_longer, ("logs.retention", W, "/aws/lambda/{api}")),
    one("a role has lost its policy", policy_lost, ("roles.permissions", B, "{enqueue}")),
    one(
        "a role is denied something",
        policy_added,
        ("roles.permissions", B, "{enqueue}"),
        ("roles.additions", W, "{enqueue}"),
        effect="Deny",
    ),
    one("a role was given more", policy_added, ("roles.additions", W, "{enqueue}"), effect="Allow"),
    one(
        "a boundary is too narrow",
        bounded,
        ("roles.permissions", B, "{enqueue}"),
        ("roles.boundary", W, "{enqueue}"),
    ),
    one("another service may take on a role", trust_changed, ("roles.trust", B, "{enqueue}")),
    one("the state is locked", state_locked, ("state.lock", W, "the state's lock")),
]


def names(doctor: Doctor) -> dict[str, str]:
    outputs = doctor.system.outputs
    return {
        **outputs["function_names"],
        **{
            f"{handler}_called": ":".join(doctor.called(handler).values())
            for handler in outputs["function_names"]
        },
        "endpoint": outputs["api_endpoint"],
        "key": f"signing key {outputs['signing_key_arn'].split(':key/')[1]}",
        "notifications": outputs["notification_table_name"],
        "pool": outputs["user_pool_id"],
        "prefix": doctor.system.environment.setting("name_prefix"),
        "queue": doctor.queue,
        "topic_name": outputs["notification_topic_arn"].split(":")[-1],
        "users": outputs["user_table_name"],
    }


def as_expected(told: Told, breakage: Breakage, known: dict[str, str]) -> bool:
    """Whether just that is told."""
    expected = {(check, about.format(**known)): status for check, status, about in breakage.named}
    return {(check, about) for check, _, about in told} == expected.keys() and all(
        expected[check, about] in (status, ANY) for check, status, about in told
    )


@ONCE
@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.id)
def test_what_is_broken_is_named_and_nothing_else(doctor: Doctor, breakage: Breakage) -> None:
    before = doctor.told(*breakage.subjects)
    with breakage.how(doctor):
        broken = doctor.told(*breakage.subjects)
    assert as_expected(broken - before, breakage, names(doctor)), broken - before
    if not breakage.left:  # what has happened cannot be made undone
        assert doctor.told(*breakage.subjects) == before


def test_a_system_that_works_is_well(doctor: Doctor) -> None:
    bad = [f for f in doctor.look() if f.status is Status.BROKEN and f.subject not in LEFT_BEHIND]
    assert bad == []


# ---------------------------------------------------------------- one person


def said(doctor: Doctor, person: Person) -> dict[str, Finding]:
    """What is said of a person, by check; never who they are."""
    found = doctor.look("person", user=person.username)
    for finding in found:
        assert person.username not in f"{finding.about} {finding.seen} {finding.next_step}"
    return {finding.check: finding for finding in found}


def standing(doctor: Doctor, person: Person) -> dict[str, Status]:
    return {check: finding.status for check, finding in said(doctor, person).items()}


def test_somebody_who_is_not_in_the_pool(doctor: Doctor) -> None:
    assert standing(doctor, Person()) == {"person.account": B}


def test_somebody_who_has_not_given_back_the_code(doctor: Doctor) -> None:
    person = Person()
    sub = doctor.system.application.sign_up(person)
    told = said(doctor, person)
    assert {check: finding.status for check, finding in told.items()} == {"person.account": W}
    assert told["person.account"].about == f"sub {sub}"


def test_somebody_whose_trigger_was_lost_is_to_be_reconciled(doctor: Doctor) -> None:
    person, application = Person(), doctor.system.application
    application.sign_up(person)
    with trigger_lost(doctor):
        application.confirm(person, application.code(person))
    told = said(doctor, person)
    assert {check: finding.status for check, finding in told.items()} == {
        "person.account": WELL,
        "person.record": B,
    }
    assert "make reconcile" in told["person.record"].next_step


def test_somebody_whom_an_administrator_made(doctor: Doctor) -> None:
    person = Person()
    doctor.system.client("cognito-idp").admin_create_user(
        UserPoolId=doctor.system.pool,
        Username=person.username,
        UserAttributes=[{"Name": "email", "Value": person.email}],
        MessageAction="SUPPRESS",
    )
    assert standing(doctor, person) == {"person.account": WELL, "person.record": B}


def test_somebody_who_was_welcomed_and_then_met_with_this_and_that(doctor: Doctor) -> None:
    system, by_sns = doctor.system, doctor.system.way == "sns"
    member = system.member()
    way = "person.subscription" if by_sns else "person.address"
    well = {"person.account": WELL, "person.record": WELL, "person.welcome": WELL, way: WELL}
    assert standing(doctor, member.person) == well

    system.change_record(
        member.person, Stopped={f"Email:{system.way}": {"Reason": "Bounce", "At": "2026-01-01"}}
    )
    assert standing(doctor, member.person) == {**well, "person.stopped": W}
    system.change_record(member.person, Stopped={})

    system.change_record(member.person, Email="another@example.com")
    assert standing(doctor, member.person)["person.record"] == W
    system.change_record(member.person, Email=member.person.email)

    system.dynamodb.delete_item(
        TableName=system.outputs["notification_table_name"],
        Key=marshal({"NotificationID": f"welcome#{member.sub}"}),
    )
    assert standing(doctor, member.person) == {**well, "person.welcome": B}

    system.change_record(member.person, RegisteredAt="2020-01-01T00:00:00.000Z")
    assert standing(doctor, member.person) == well, "its row has reached the end of its time"

    system.change_record(member.person, Sub="of-an-earlier-person")
    assert standing(doctor, member.person) == {"person.account": WELL, "person.record": B}


def test_somebody_whose_address_nobody_has_verified(doctor: Doctor) -> None:
    """By SNS they opt in there; SES writes to nobody who has not shown that the address is theirs."""
    person = Person()
    sub = doctor.system.application.sign_up(person)
    doctor.system.client("cognito-idp").admin_confirm_sign_up(
        UserPoolId=doctor.system.pool, Username=person.username
    )
    doctor.system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN")
    told = said(doctor, person)
    assert told["person.welcome"].status is W
    assert (doctor.system.way == "ses") == ("EmailNotVerified" in told["person.welcome"].seen)
    assert told.keys() & {"person.address", "person.subscription"} == {
        "person.subscription" if doctor.system.way == "sns" else "person.address"
    }


@BY_SNS
def test_the_subscription_of_somebody_who_has_not_opted_in(doctor: Doctor) -> None:
    system = doctor.system
    person = Person()
    sub = system.application.register(person)
    system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN")
    told = said(doctor, person)
    assert (told["person.welcome"].status, told["person.subscription"].status) == (W, W)
    assert "lapses about" in told["person.welcome"].seen

    system.application.opt_in(person)
    assert said(doctor, person)["person.subscription"].status is WELL
    record = system.user(person)
    assert record
    arn = record["SubscriptionArn"]
    system.client("sns").set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue='{"recipient": ["another"]}'
    )
    assert said(doctor, person)["person.subscription"].status is B
    system.client("sns").unsubscribe(SubscriptionArn=arn)
    assert said(doctor, person)["person.subscription"].status is W


@BY_SNS
def test_a_subscription_that_gets_everybodys_messages_is_named(doctor: Doctor) -> None:
    system = doctor.system
    sns, arn = system.client("sns"), system.outputs["notification_topic_arn"]
    queue = "arn:aws:sqs:eu-west-1:000000000000:another"
    with topic_policy(doctor):
        all_of_it = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)
    named = {("topic.subscriptions", B, all_of_it["SubscriptionArn"])}
    try:
        assert doctor.told("topic") >= named
    finally:
        sns.unsubscribe(SubscriptionArn=all_of_it["SubscriptionArn"])
    assert not doctor.told("topic") & named


@BY_SNS
@pytest.mark.parametrize(("of_used", "status"), [(1.0, B), (1.2, W)])
def test_filter_policies_that_are_used_up_are_named(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, of_used: float, status: Status
) -> None:
    """The emulator has room for more of them than AWS has: so less of it is said to be all."""
    system = doctor.system
    sub = system.application.register(Person())
    system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN")
    attributes = system.client("sns").get_topic_attributes(TopicArn=system.outputs["notification_topic_arn"])[
        "Attributes"
    ]
    used = int(attributes["SubscriptionsConfirmed"]) + int(attributes["SubscriptionsPending"])
    monkeypatch.setattr(topic, "QUOTA", used * of_used)
    told = {f.check: f for f in doctor.look("topic")}
    assert told["topic.filter_policies"].status is status


# ---------------------------------------------------------------- what it may, and does


@contextmanager
def operator(system: Deployment, policy: dict[str, Any]) -> Iterator[Environment]:
    """An identity that may do this and no more, in the environment."""
    iam, name = system.client("iam"), f"operator-{secrets.token_hex(4)}"
    with ExitStack() as undo:
        iam.create_user(UserName=name)
        undo.callback(iam.delete_user, UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="doctor", PolicyDocument=json.dumps(policy))
        undo.callback(iam.delete_user_policy, UserName=name, PolicyName="doctor")
        key = iam.create_access_key(UserName=name)["AccessKey"]
        undo.callback(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
        keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        # those of the tests, who may do anything: not the role's that has deployed
        variables = {**os.environ, **keys}
        with patch.dict(os.environ, variables, clear=True):
            yield replace(system.environment, variables=variables)


@contextmanager
def recorded() -> Iterator[set[tuple[str, str]]]:
    """The calls of all clients: service and operation."""
    calls: set[tuple[str, str]] = set()
    make: Any = vars(BaseClient)["_make_api_call"]

    def call(client: Any, name: str, arguments: Any) -> Any:
        calls.add((client.meta.service_model.service_name, name))
        return make(client, name, arguments)

    with patch.object(BaseClient, "_make_api_call", call):
        yield calls


# what only the other way for e-mail asks for
NOT_BY = {
    "sns": {
        ("sesv2", "GetConfigurationSet"),
        ("sesv2", "GetConfigurationSetEventDestinations"),
        ("sesv2", "GetSuppressedDestination"),
    },
    "ses": {("sns", "GetSubscriptionAttributes")},
}


def test_what_it_says_it_needs_is_what_it_calls_and_enough(doctor: Doctor) -> None:
    system = doctor.system
    member = system.member()
    before = everything(system.environment)
    policy = access.policy(system.environment.setting("name_prefix"))
    with operator(system, policy) as environment, recorded() as calls:
        found = examine(
            Context(environment, known(environment), datetime.now(UTC), user=member.person.username)
        )
    assert [f for f in found if "not looked at" in f.seen] == []
    listed = {(service, name) for service, names in access.OPERATIONS.items() for name in names}
    assert calls - listed == set()
    assert listed - calls == NOT_BY[system.way]
    assert everything(system.environment) == before


def test_one_who_may_look_at_nothing_is_told_so_of_everything(doctor: Doctor) -> None:
    nothing = json.loads(document("Allow", "sts:GetCallerIdentity"))
    with operator(doctor.system, nothing) as environment:
        found = examine(Context(environment, doctor.intention, datetime.now(UTC), user="ada"))
        without_state = known(environment)
        more = examine(Context(environment, without_state, datetime.now(UTC)))
    looked_at = {f.subject for f in found if "not looked at" not in f.seen}
    assert looked_at == {"state", "api"}, "what Terraform knows, and what everybody may ask the API"
    assert {f.subject for f in found} == set(NAMES)
    assert without_state.resources is None
    assert all(f.status is not Status.OK for f in more)
    assert "not looked at" in " ".join(f.seen for f in more)


def test_the_command_tells_machines_and_exits_with_its_own_code(doctor: Doctor) -> None:
    port = str(urlsplit(doctor.system.environment.endpoint_url or "").port)
    with key_disabled(doctor):
        done = subprocess.run(
            [sys.executable, "-m", "scripts.doctor", "--json", "--check", "schedules", "--check", "keys"],
            cwd=ROOT,
            env={**os.environ, "LOCAL_AWS_PORT": port},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    assert (told["environment"], told["status"], told["counts"]["broken"]) == ("local", "broken", 1)
    assert {finding["subject"] for finding in told["findings"]} == {"schedules", "keys"}
    assert all(finding["next_step"] for finding in told["findings"] if finding["status"] != "ok")
