"""What the functions do when they send, done by their own code to LocalStack's SNS."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from notifications.channels import Channel, failure
from notifications.channels.push import Push
from notifications.channels.sms import Sms
from notifications.channels.sns_email import SnsEmail, digest, filter_policy
from notifications.message import Message
from notifications.notification import Outcome, State
from notifications.users import Device, User, Users
from scripts.person import wait_for

from .conftest import Applied, LocalStack

PENDING = Outcome(State.WAITING_OPT_IN, "PendingConfirmation")


@dataclass(frozen=True)
class Kept(Users):
    """The record of subscriptions, without the table: the core has no DynamoDB."""

    arns: dict[str, str] = field(default_factory=dict)

    def keep_subscription(self, user: User, arn: str) -> bool:
        self.arns[user.user_id] = arn
        return True

    def record(self, user_id: str) -> dict[str, Any] | None:
        return {"SubscriptionArn": self.arns.get(user_id, "")}

    def of(self, user: User) -> User:
        """The person as the record has them now."""
        return replace(user, subscription_arn=self.arns.get(user.user_id, ""))


def somebody() -> User:
    name = f"person-{secrets.token_hex(4)}"
    return User(name, f"sub-{name}", f"{name}@example.com", email_verified=True)


def message(text: str = "Hello") -> Message:
    return Message("Account Created", text)


def send(channel: Channel, user: User, text: str = "Hello") -> Outcome:
    (target,) = channel.targets(user)
    return channel.send(user, target, message(text))


@pytest.fixture(scope="module")
def sns(applied: Applied) -> Any:
    """SNS, as the functions that send may use it."""
    return applied.client("sns")


@pytest.fixture(scope="module")
def anybody(localstack: LocalStack) -> Any:
    """SNS, as an operator may use it."""
    return localstack.client("sns")


@pytest.fixture
def users() -> Kept:
    return Kept(None, "")


@pytest.fixture
def channel(applied: Applied, sns: Any, users: Kept) -> SnsEmail:
    return SnsEmail(sns, applied.outputs["topic_arn"], users)


@pytest.fixture
def member(channel: SnsEmail, users: Kept, anybody: Any, localstack: LocalStack) -> User:
    """Somebody who has opted in."""
    return opted_in(somebody(), channel, users, anybody, localstack)


def opted_in(user: User, channel: SnsEmail, users: Kept, anybody: Any, localstack: LocalStack) -> User:
    assert send(channel, user) == PENDING
    token = localstack.token(users.arns[user.user_id])
    anybody.confirm_subscription(TopicArn=channel.topic_arn, Token=token)
    return users.of(user)


def test_a_new_person_is_subscribed_and_asked_and_nothing_is_sent(
    channel: SnsEmail, users: Kept, anybody: Any, localstack: LocalStack
) -> None:
    user = somebody()

    assert send(channel, user) == PENDING
    assert send(channel, users.of(user)) == PENDING
    attributes = anybody.get_subscription_attributes(SubscriptionArn=users.arns[user.user_id])["Attributes"]
    assert attributes["PendingConfirmation"] == "true"
    assert json.loads(attributes["FilterPolicy"]) == json.loads(filter_policy(user.email))
    assert localstack.mails(user.email) == []


def test_subscribed_again_without_a_record_of_the_first_time_it_is_the_same_subscription(
    channel: SnsEmail, users: Kept
) -> None:
    user = somebody()
    send(channel, user)
    first = users.arns.pop(user.user_id)

    assert send(channel, user) == PENDING
    assert users.arns[user.user_id] == first


def test_an_address_that_somebody_has_subscribed_otherwise_is_refused_for_good(
    channel: SnsEmail, anybody: Any
) -> None:
    user = somebody()
    anybody.subscribe(
        TopicArn=channel.topic_arn,
        Protocol="email",
        Endpoint=user.email,
        Attributes={"FilterPolicy": json.dumps({"recipient": ["everybody"]})},
    )

    with pytest.raises(ClientError, match="different attributes") as refused:
        send(channel, user)
    assert failure(refused.value) == Outcome(State.FAILED, "InvalidParameter")


def test_each_of_those_who_have_opted_in_gets_what_is_for_them_and_nothing_else(
    channel: SnsEmail, users: Kept, anybody: Any, localstack: LocalStack
) -> None:
    ada, bob = (opted_in(somebody(), channel, users, anybody, localstack) for _ in range(2))

    for user, text in ((ada, "for ada"), (bob, "for bob")):
        outcome = send(channel, user, text)
        assert outcome.state == State.SENT
        assert outcome.message_id
    # nothing says whom it is for
    anybody.publish(TopicArn=channel.topic_arn, Message="for nobody")

    # what was published last has come, so that what was published before would have
    wait_for("the mail", lambda: localstack.mails(bob.email) or None, 10)
    assert send(channel, ada, "for ada again").state == State.SENT
    wait_for("the mails", lambda: len(localstack.mails(ada.email)) > 1 or None, 10)
    assert sorted(localstack.mails(ada.email)) == ["for ada", "for ada again"]
    assert localstack.mails(bob.email) == ["for bob"]


def test_a_subscription_that_was_ended_is_not_made_again(
    channel: SnsEmail, member: User, anybody: Any
) -> None:
    anybody.unsubscribe(SubscriptionArn=member.subscription_arn)

    assert send(channel, member) == Outcome(State.EXPIRED, "SubscriptionGone", stop=True)


def test_a_new_address_is_asked_anew_and_the_old_subscription_ended(
    channel: SnsEmail, users: Kept, member: User, anybody: Any
) -> None:
    moved = replace(member, email=f"new-{member.email}")

    assert send(channel, moved) == PENDING
    assert users.of(moved).subscription_arn != member.subscription_arn
    with pytest.raises(anybody.exceptions.NotFoundException):
        anybody.get_subscription_attributes(SubscriptionArn=member.subscription_arn)


def test_a_subscription_with_another_filter_is_not_used(
    channel: SnsEmail, member: User, anybody: Any, localstack: LocalStack
) -> None:
    both = json.dumps({"recipient": [digest(member.email), "everybody"]})
    anybody.set_subscription_attributes(
        SubscriptionArn=member.subscription_arn, AttributeName="FilterPolicy", AttributeValue=both
    )

    assert send(channel, member) == Outcome(State.FAILED, "SubscriptionNotOurs")
    assert localstack.mails(member.email) == []


def test_a_text_reaches_its_number(sns: Any, localstack: LocalStack) -> None:
    number = f"+1555{secrets.randbelow(10**7):07}"

    assert send(Sms(sns), replace(somebody(), phone=number), "Hello").state == State.SENT
    assert localstack.texts(number) == ["Hello"]


def test_a_number_that_is_none_is_given_up(sns: Any) -> None:
    user = replace(somebody(), phone="nonsense")

    assert send(Sms(sns), user) == Outcome(State.FAILED, "InvalidNumber", stop=True)


@pytest.fixture
def device(anybody: Any, applied: Applied) -> Iterator[Device]:
    # LocalStack wants a principal of every platform; Google's has none
    application = anybody.create_platform_application(
        Name=f"{applied.name}-{secrets.token_hex(4)}",
        Platform="GCM",
        Attributes={"PlatformCredential": "not-a-secret", "PlatformPrincipal": "none"},
    )["PlatformApplicationArn"]
    endpoint = anybody.create_platform_endpoint(
        PlatformApplicationArn=application, Token=secrets.token_hex(16)
    )
    yield Device("phone", endpoint["EndpointArn"], "GCM")
    anybody.delete_platform_application(PlatformApplicationArn=application)


def test_a_push_message_is_handed_over_in_the_form_of_its_platform(
    sns: Any, device: Device, localstack: LocalStack
) -> None:
    assert send(Push(sns), replace(somebody(), devices=(device,)), "Hello").state == State.SENT
    (handed_over,) = localstack.pushes(device.endpoint_arn)
    # a JSON text in a JSON text
    payload = json.loads(json.loads(handed_over))
    assert payload["fcmV1Message"]["message"]["notification"]["body"] == "Hello"


def test_a_device_that_takes_no_more_is_given_up(sns: Any, device: Device, anybody: Any) -> None:
    user = replace(somebody(), devices=(device,))
    anybody.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"Enabled": "false"})
    assert send(Push(sns), user) == Outcome(State.FAILED, "EndpointDisabled", stop=True)

    anybody.delete_endpoint(EndpointArn=device.endpoint_arn)
    assert send(Push(sns), user) == Outcome(State.FAILED, "EndpointGone", stop=True)
