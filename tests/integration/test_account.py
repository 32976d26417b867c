"""DELETE /account: afterwards nothing of the person is left, and nobody else has lost anything."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notifications.channels.sns_email import digest
from notifications.erasure_job import watch_id
from notifications.notification import timestamp
from scripts.catalogue import Catalogue
from scripts.person import CONFIRMATION, Person, wait_for
from tests.deployment import Deployment, Member
from tests.samples import order, sample
from tests.traces import PENDING, Known, messages, subscriptions, traces

from .conftest import ONCE
from .test_api import add_device, add_phone, belongings
from .test_failures import NOWHERE
from .test_registration import Namesake

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")


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
