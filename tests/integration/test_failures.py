"""What goes wrong behind the trigger: nothing is lost, and nobody else waits for it."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from notifications.notification import LONGEST_RUN
from scripts.person import Application, Person
from tests.deployment import Deployment

from .conftest import WAYS

Outage = Callable[[Deployment], AbstractContextManager[None]]
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


@contextmanager
def sns_refuses(system: Deployment) -> Iterator[None]:
    """The topic's policy denies everybody everything."""
    sns, topic = system.client("sns"), system.outputs["notification_topic_arn"]
    before = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": ["sns:Subscribe", "sns:Publish"], "Resource": topic}
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    try:
        yield
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=before)


@contextmanager
def senders_changed(system: Deployment, **variables: str) -> Iterator[None]:
    """The functions that send, with other environment variables."""
    with ExitStack() as stack:
        for handler in ("deliver", "sweep"):
            stack.enter_context(system.changed(handler, **variables))
        yield


@contextmanager
def mail_is_refused(system: Deployment) -> Iterator[None]:
    """By SNS since the topic denies it, by SES since it is not the sender that the role may use."""
    with (
        sns_refuses(system) if system.way == "sns" else senders_changed(system, EMAIL_FROM="else@example.com")
    ):
        yield


@contextmanager
def mail_is_away(system: Deployment) -> Iterator[None]:
    """Nobody answers where SNS or SES should be."""
    with senders_changed(system, AWS_ENDPOINT_URL_SNS=NOWHERE, AWS_ENDPOINT_URL_SESV2=NOWHERE):
        yield


@pytest.mark.needs("mailbox", "trigger", "opt-in")
@pytest.mark.parametrize(
    ("outage", "reason"),
    [
        (mail_is_refused, {"sns": "AuthorizationError", "ses": "AccessDeniedException"}),
        (mail_is_away, dict.fromkeys(WAYS, "EndpointConnectionError")),
    ],
)
def test_an_outage_delays_the_welcome_and_nothing_else(
    system: Deployment, application: Application, outage: Outage, reason: dict[str, str]
) -> None:
    person = Person()
    with outage(system):
        sub = application.register(person)
        assert system.user(person)
        assert system.wait_state(f"welcome#{sub}", "RETRY", within=40)["Reason"] == reason[system.way]
        system.sweep(f"welcome#{sub}")
        assert system.wait_state(f"welcome#{sub}", "RETRY")["Attempts"] == 2
    system.sweep(f"welcome#{sub}")
    system.welcomed(person, sub)
    assert system.welcomes_of(person) == [person.email]


@pytest.mark.needs("mailbox", "trigger", "opt-in")
@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"Data": {"N": "1"}}, id="unreadable"),
        pytest.param({"Attempts": {"S": "many"}}, id="cannot be claimed by the stream's way"),
        pytest.param(
            {"Attempts": {"S": "many"}, "DueAt": {"N": "1"}, "DueShard": {"S": "0"}}, id="cannot be claimed"
        ),
    ],
)
def test_a_poison_row_holds_nobody_up_and_ends_where_an_operator_sees_it(
    system: Deployment, application: Application, attributes: dict[str, dict[str, str]]
) -> None:
    poison = Person().username
    system.dynamodb.put_item(
        TableName=system.outputs["notification_table_name"],
        Item={"NotificationID": {"S": poison}, "State": {"S": "QUEUED"}, **attributes},
    )
    person = Person()
    sub = application.register(person)
    system.welcomed(person, sub)
    assert system.wait_state(poison, "FAILED")["Reason"].startswith("InvalidRow")


def test_no_function_that_holds_rows_may_run_for_longer_than_a_lease_is_made_for(system: Deployment) -> None:
    for handler in ("deliver", "sweep", "broadcast", "erase", "reconcile"):
        assert system.configuration(handler)["Timeout"] <= LONGEST_RUN.total_seconds()
