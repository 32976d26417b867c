"""DELETE /account: afterwards nothing of the person is left, and nobody else has lost anything."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.channels.sns_email import digest
from notifications.erasure_job import erasure_id, watch_id
from notifications.notification import timestamp
from scripts.catalogue import Catalogue
from scripts.person import CONFIRMATION, Person, wait_for
from tests.deployment import Deployment, Member

from .conftest import ONCE
from .test_api import add_device, add_phone, belongings
from .test_catalogues import sample
from .test_failures import NOWHERE
from .test_registration import Namesake
from .test_requests import order

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")
PENDING = "PendingConfirmation"
TABLES = ("user_table_name", "notification_table_name", "channel_rate_table_name")


@dataclass(frozen=True)
class Known:
    """Somebody, and all that they could be known by. endpoints: ARNs, of their devices."""

    member: Member
    endpoints: tuple[str, ...] = ()

    @property
    def job(self) -> str:
        return erasure_id(self.member.sub)

    @property
    def words(self) -> list[str]:
        """What stands for the person and for nobody else."""
        person = self.member.person
        return [word for word in (person.username, person.email, self.member.phone) if word]

    def erase(self) -> dict[str, Any]:
        """Asks to be erased; returns what the answer says."""
        answer = self.member.call("DELETE", "/account")
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()
        assert told["status"] == "erasing"
        return told


def furnished(system: Deployment) -> Known:
    """Somebody of whom there is something everywhere."""
    member = system.member()
    for _ in range(2):
        add_device(member)
    member = replace(member, phone=add_phone(system, member))
    member.prefer(categories={"orders": {"Push": True}})
    system.wait_state(system.ask("orders", member.person, data=order(1)), "SENT")
    later = timestamp(datetime.now(UTC) + timedelta(hours=1))
    system.wait_state(system.ask("orders", member.person, data=order(2), not_before=later), "DEFERRED")
    name, email = member.person.username, member.person.email
    system.send(
        {"id": secrets.token_hex(6), "to": {"user": name}, "category": "no_such", "data": {}},
        {"id": secrets.token_hex(6), "to": "everyone", "category": "no_such", "data": {"to": email}},
        f"no JSON, about {email}",
    )

    def letters() -> bool | None:
        return len([text for text in messages(system) if name in text]) >= 3 or None

    wait_for("three dead letters", letters, within=30)
    record = system.user(member.person)
    assert record
    return Known(member, tuple(device["EndpointArn"] for device in record["Devices"].values()))


def new_member(system: Deployment, person: Person) -> Known:
    """Somebody who has registered and signed in, and does not answer the question whether they opt in."""
    sub = system.application.register(person)
    system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN", "SENT")
    token = system.application.sign_in(person, system.pool)
    return Known(Member(person, sub, token, system.outputs["api_endpoint"]))


def due_now(system: Deployment, job: str) -> bool:
    """Makes a job due: what time would do, without the wait. False when there is no such job."""
    try:
        system.dynamodb.update_item(
            TableName=system.outputs["notification_table_name"],
            Key={"NotificationID": {"S": job}},
            UpdateExpression="SET DueAt = :now",
            ConditionExpression="attribute_exists(DueAt)",
            ExpressionAttributeValues={":now": {"N": "1"}},
        )
    except system.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def finish(system: Deployment, job: str) -> None:
    """Works a job off, to its end."""

    def over() -> bool | None:
        if not due_now(system, job):
            return True
        system.invoke("erase", {})
        return None

    wait_for("the end of the erasure", over, within=60, every=0.5)


def traces(system: Deployment, known: Known) -> list[str]:
    """What is still to be found of a person, anywhere."""
    # the logs may have the subject, a pseudonym of which nobody can tell whose it was
    words = [*known.words, known.member.sub]
    found = [
        *(f"row {row}" for row in rows(system) if any(word in row for word in words)),
        *(f"subscription {arn}" for arn in subscriptions(system, known.member.person.email)),
        *(f"device {arn}" for arn in known.endpoints if is_there(system, arn)),
        *(f"account {user}" for user in accounts(system) if any(word in user for word in words)),
        *(f"message {text}" for text in messages(system) if any(word in text for word in words)),
        *(f"log {line}" for line in logged(system) if any(word in line for word in known.words)),
    ]
    return sorted(found)


def rows(system: Deployment) -> Iterator[str]:
    """Every row of every table."""
    for name in TABLES:
        pages = system.dynamodb.get_paginator("scan").paginate(TableName=system.outputs[name])
        yield from (json.dumps(item, default=str) for page in pages for item in page["Items"])


def subscriptions(system: Deployment, email: str) -> list[str]:
    pages = system.client("sns").get_paginator("list_subscriptions_by_topic")
    found = pages.paginate(TopicArn=system.outputs["notification_topic_arn"]).search("Subscriptions[]")
    return [one["SubscriptionArn"] for one in found if one and one["Endpoint"] == email]


def is_there(system: Deployment, endpoint: str) -> bool:
    sns = system.client("sns")
    try:
        sns.get_endpoint_attributes(EndpointArn=endpoint)
    except sns.exceptions.NotFoundException:
        return False
    return True


def accounts(system: Deployment) -> Iterator[str]:
    pages = system.client("cognito-idp").get_paginator("list_users").paginate(UserPoolId=system.pool)
    for user in pages.search("Users[]"):
        yield json.dumps(user, default=str)


def messages(system: Deployment) -> list[str]:
    """What is in any queue, and is there afterwards, for all to see."""
    sqs, found = system.client("sqs"), list[str]()
    for queue in sqs.list_queues()["QueueUrls"]:
        taken: list[dict[str, Any]] = []
        while more := sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            taken += more
        for one in taken:
            found.append(json.dumps([one["Body"], one.get("MessageAttributes", {})]))
            sqs.change_message_visibility(
                QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
            )
    return found


def logged(system: Deployment) -> Iterator[str]:
    """Every line of every log: the functions' and the API's."""
    logs = system.client("logs")
    for group in logs.get_paginator("describe_log_groups").paginate().search("logGroups[]"):
        events = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        yield from (event["message"] for event in events.search("events[]"))


def test_somebody_with_everything_is_erased_everywhere_and_nobody_else_is_touched(
    system: Deployment,
) -> None:
    known, other = furnished(system), furnished(system)
    data = sample(Catalogue.example("shop"), "promotions")
    everyone = system.ask("promotions", "everyone", data=data)
    wait_for("the broadcast", lambda: system.notification(everyone), within=30)
    system.invoke("broadcast", {})
    system.wait_state(everyone, "FANNED_OUT", within=120)
    for one in (known, other):
        system.wait_for_one_of(everyone, one.member.sub, "SENT")
    before = belongings(system, other.member), traces(system, other)
    found = {trace.split()[0] for trace in traces(system, known)}
    subscribed = {"subscription"} if system.way == "sns" else set()
    assert found == {"row", "device", "account", "message"} | subscribed

    known.erase()
    assert system.user(known.member.person) is None, "at once"
    asked = system.ask("orders", known.member.person, data=order(3))
    known.erase()
    finish(system, known.job)
    assert system.notification(asked) is None
    assert traces(system, known) == []

    known.erase()
    finish(system, known.job)
    assert traces(system, known) == []
    assert (belongings(system, other.member), traces(system, other)) == before


@ONCE
@pytest.mark.parametrize(
    ("handler", "service"),
    [
        ("api", "DYNAMODB"),
        ("erase", "COGNITO_IDENTITY_PROVIDER"),
        ("erase", "DYNAMODB"),
        ("erase", "SNS"),
        ("erase", "SQS"),
    ],
)
def test_an_erasure_that_is_interrupted_comes_to_the_same_end(
    system: Deployment, handler: str, service: str
) -> None:
    known = furnished(system)
    with system.changed(handler, **{f"AWS_ENDPOINT_URL_{service}": NOWHERE}):
        if handler == "api":
            refused = known.member.call("DELETE", "/account")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "try_again")
            assert system.user(known.member.person)
        else:
            known.erase()
            due_now(system, known.job)
            system.invoke("erase", {})
            assert system.notification(known.job), "it is still to be done"
    known.erase()
    finish(system, known.job)
    assert traces(system, known) == []


@pytest.mark.parametrize("system", ["sns"], indirect=True)
def test_an_opt_in_that_nobody_answered_is_named_and_removed_if_it_is_answered_late(
    system: Deployment,
) -> None:
    known = new_member(system, Person())
    person = known.member.person
    system.application.mailbox.wait(person.email, CONFIRMATION)
    told = known.erase()["not_erased"]
    assert any("never confirmed" in entry["what"] and "SNS" in entry["why"] for entry in told)
    finish(system, known.job)
    assert traces(system, known) == [f"subscription {PENDING}"]

    watch = watch_id(digest(person.email))
    assert due_now(system, watch)
    system.invoke("erase", {})
    assert system.notification(watch), "there is still something to wait for"
    system.application.opt_in(person)
    finish(system, watch)
    assert traces(system, known) == []


@ONCE
@pytest.mark.parametrize("same", ["user name", "address"])
def test_who_takes_over_a_name_or_an_address_that_was_freed_keeps_everything(
    system: Deployment, same: str
) -> None:
    known = furnished(system)
    person = known.member.person
    known.erase()
    due_now(system, known.job)
    system.invoke("erase", {})
    wait_for("the first pass", lambda: (system.notification(known.job) or {}).get("Repeated"), within=60)

    heir = (
        Namesake(person.username, address=f"second-{person.email}")
        if same == "user name"
        else Namesake(f"{person.username}-too", address=person.email)
    )
    sub = system.application.sign_up(heir)
    count = 1 + (same == "address")
    system.application.confirm(heir, system.application.code(heir, count=count))
    # the question whether they opt in has been asked by then, and is the newest in the mailbox
    system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN", "SENT")
    system.welcomed(heir, sub)
    member = Member(heir, sub, system.application.sign_in(heir, system.pool), system.outputs["api_endpoint"])
    system.wait_state(system.ask("orders", heir, data=order(4)), "SENT")
    before = belongings(system, member), subscriptions(system, heir.email)

    finish(system, known.job)
    known.erase()
    finish(system, known.job)
    assert (belongings(system, member), subscriptions(system, heir.email)) == before
    if system.way == "sns":
        assert [arn for arn in before[1] if arn != PENDING]
    system.wait_state(system.ask("orders", heir, data=order(5)), "SENT")
