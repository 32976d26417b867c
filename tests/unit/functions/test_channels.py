import json
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from notifications.channels.ses_email import SesEmail
from notifications.channels.sns_email import SnsEmail, digest, filter_policy
from notifications.notification import Outcome, State
from notifications.templates import Message
from notifications.users import User, Users

from .conftest import USERS, Tables

ADA = User("ada", "sub-ada", "ada@example.com", "Email")
WELCOME = Message("Account Created", "Hello ada")
TOPIC = "arn:aws:sns:eu-west-1:000000000000:topic"


class FakeSns:
    """Subscriptions by the contract of "Subscribe" and "GetSubscriptionAttributes"."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, dict[str, str]] = {}
        self.published: list[dict[str, Any]] = []

    def subscribe(self, **call: Any) -> dict[str, str]:
        arn = f"{TOPIC}:{call['Endpoint']}"
        attributes = {"Endpoint": call["Endpoint"], **call["Attributes"]}
        known = self.subscriptions.setdefault(arn, {**attributes, "PendingConfirmation": "true"})
        if any(known.get(name) != value for name, value in attributes.items()):
            raise error("InvalidParameter")
        assert call["ReturnSubscriptionArn"]
        return {"SubscriptionArn": arn}

    def get_subscription_attributes(self, **call: str) -> dict[str, Any]:
        if call["SubscriptionArn"] not in self.subscriptions:
            raise error("NotFound")
        return {"Attributes": self.subscriptions[call["SubscriptionArn"]]}

    def publish(self, **call: Any) -> dict[str, str]:
        self.published.append(call)
        return {"MessageId": "1"}

    def opt_in(self) -> None:
        for subscription in self.subscriptions.values():
            subscription["PendingConfirmation"] = "false"


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "x")


@pytest.fixture
def sns() -> FakeSns:
    return FakeSns()


@pytest.fixture
def users(tables: Tables) -> Users:
    tables.client.put_item(
        TableName=USERS,
        Item={
            "UserID": {"S": ADA.user_id},
            "Sub": {"S": ADA.sub},
            "Email": {"S": ADA.email},
            "NotificationPreference": {"S": "Email"},
        },
    )
    return Users(tables.client, USERS)


@pytest.fixture
def channel(sns: FakeSns, users: Users) -> SnsEmail:
    return SnsEmail(sns, TOPIC, users)


def test_nothing_is_published_before_the_person_has_opted_in(channel: SnsEmail, sns: FakeSns) -> None:
    assert channel.send(ADA, WELCOME).state is State.WAITING_OPT_IN
    assert sns.published == []


def test_the_subscription_is_remembered_and_not_asked_for_again(
    channel: SnsEmail, sns: FakeSns, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.send(ADA, WELCOME)
    user = users.get("ada", ADA.sub)
    assert user
    assert user.subscription_arn in sns.subscriptions
    monkeypatch.setattr(sns, "subscribe", Mock(side_effect=AssertionError))
    assert channel.send(user, WELCOME).state is State.WAITING_OPT_IN


def test_after_the_opt_in_it_is_published_to_the_one_recipient(channel: SnsEmail, sns: FakeSns) -> None:
    channel.send(ADA, WELCOME)
    sns.opt_in()
    assert channel.send(ADA, WELCOME) == Outcome(State.SENT, message_id="1")
    (call,) = sns.published
    (recipient,) = json.loads(sns.subscriptions[f"{TOPIC}:{ADA.email}"]["FilterPolicy"])["recipient"]
    assert call["MessageAttributes"]["recipient"]["StringValue"] == recipient
    assert (call["Subject"], call["Message"], call["TopicArn"]) == ("Account Created", "Hello ada", TOPIC)


def test_a_subscription_that_is_gone_expires_the_message(
    channel: SnsEmail, sns: FakeSns, users: Users
) -> None:
    channel.send(ADA, WELCOME)
    sns.subscriptions.clear()
    user = users.get("ada", ADA.sub)
    assert user
    assert channel.send(user, WELCOME) == Outcome(State.EXPIRED, "SubscriptionGone")


@pytest.mark.parametrize(
    "change",
    [{"FilterPolicy": "{}"}, {"FilterPolicy": "null"}, {"Endpoint": "other@example.com"}],
)
def test_a_subscription_that_would_let_others_read_is_not_used(
    channel: SnsEmail, sns: FakeSns, users: Users, change: dict[str, str]
) -> None:
    channel.send(ADA, WELCOME)
    sns.opt_in()
    sns.subscriptions[f"{TOPIC}:{ADA.email}"].update(change)
    user = users.get("ada", ADA.sub)
    assert user
    assert channel.send(user, WELCOME) == Outcome(State.FAILED, "SubscriptionNotOurs")
    assert sns.published == []


def test_two_usernames_with_one_address_share_its_subscription(channel: SnsEmail, sns: FakeSns) -> None:
    channel.send(ADA, WELCOME)
    sns.opt_in()
    other = User("ada2", "sub-ada2", ADA.email, "Email")
    assert channel.send(other, Message("Account Created", "Hello ada2")).state is State.SENT
    assert len(sns.subscriptions) == 1


def test_a_subscription_is_not_remembered_for_who_took_over_the_username(users: Users) -> None:
    users.keep_subscription(User("ada", "an-older-sub", "old@example.com", "Email"), "arn")
    user = users.get("ada", ADA.sub)
    assert user
    assert user.subscription_arn == ""


@given(st.lists(st.text(min_size=1), unique=True, min_size=2))
def test_each_address_has_a_digest_of_its_own(addresses: list[str]) -> None:
    assert len({digest(address) for address in addresses}) == len(addresses)
    for address in addresses:
        assert json.loads(filter_policy(address)) == {"recipient": [digest(address)]}


def test_ses_writes_to_the_address_itself() -> None:
    ses = Mock()
    ses.send_email.return_value = {"MessageId": "1"}
    assert SesEmail(ses, "us@example.com").send(ADA, WELCOME) == Outcome(State.SENT, message_id="1")
    call = ses.send_email.call_args.kwargs
    assert "ConfigurationSetName" not in call
    assert call["Destination"] == {"ToAddresses": [ADA.email]}
    assert call["FromEmailAddress"] == "us@example.com"
    assert call["Content"]["Simple"]["Subject"]["Data"] == "Account Created"
    assert call["Content"]["Simple"]["Body"]["Text"]["Data"] == "Hello ada"


def test_ses_uses_the_configuration_set_that_it_is_given() -> None:
    ses = Mock()
    ses.send_email.return_value = {"MessageId": "1"}
    SesEmail(ses, "us@example.com", "events").send(ADA, WELCOME)
    assert ses.send_email.call_args.kwargs["ConfigurationSetName"] == "events"
