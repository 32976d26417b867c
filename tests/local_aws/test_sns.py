"""E-mail subscriptions and filter policies, by the contract that AWS documents."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import Aws, HttpError, get, refused, unique

LINK = re.compile(r"http://127\.0\.0\.1:\d+/\?Action=ConfirmSubscription\S+")


class Topic:
    """A topic and one way to subscribe to it."""

    def __init__(self, aws: Aws, region: str = "us-east-1") -> None:
        self.aws = aws
        self.sns = aws.client("sns", region)
        self.arn: str = self.sns.create_topic(Name=unique("topic"))["TopicArn"]

    def subscribe(self, email: str, protocol: str = "email", arn: bool = True, **attributes: str) -> str:
        answer = self.sns.subscribe(
            TopicArn=self.arn,
            Protocol=protocol,
            Endpoint=email,
            Attributes=attributes,
            ReturnSubscriptionArn=arn,
        )
        return str(answer["SubscriptionArn"])

    def attributes(self, subscription: str) -> dict[str, str]:
        found: dict[str, str] = self.sns.get_subscription_attributes(SubscriptionArn=subscription)[
            "Attributes"
        ]
        return found

    def link(self, email: str) -> str:
        """The link in the newest confirm mail."""
        mails = [m for m in self.aws.mails(email) if m["Type"] == "SnsSubscriptionConfirmation"]
        return str(LINK.findall(mails[-1]["BodyText"])[0])

    def publish(self, message: str = "hello", **more: Any) -> None:
        self.sns.publish(TopicArn=self.arn, Message=message, **more)

    def delivered(self, email: str) -> list[dict[str, Any]]:
        return [m for m in self.aws.mails(email) if m["Type"] == "SnsNotification"]


def somebody() -> str:
    return f"{unique('mail')}@example.com"


@pytest.fixture
def topic(aws: Aws) -> Topic:
    return Topic(aws)


def test_subscribe_waits_for_the_person(topic: Topic) -> None:
    email = somebody()
    assert topic.subscribe(email, arn=False) == "pending confirmation"
    (mail,) = topic.aws.mails(email)
    assert mail["Subject"] == "AWS Notification - Subscription Confirmation"
    assert (mail["Source"], mail["To"]) == ("no-reply@sns.amazonaws.com", [email])
    assert topic.arn in mail["BodyText"]
    (listed,) = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert (listed["SubscriptionArn"], listed["Endpoint"]) == ("PendingConfirmation", email)
    counts = topic.sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]
    assert (counts["SubscriptionsPending"], counts["SubscriptionsConfirmed"]) == ("1", "0")


def test_the_list_of_all_topics_hides_pending_arns_too(topic: Topic) -> None:
    waiting, confirmed = somebody(), somebody()
    topic.subscribe(waiting)
    arn = topic.subscribe(confirmed)
    get(topic.link(confirmed))
    listed = [
        found
        for page in topic.sns.get_paginator("list_subscriptions").paginate()
        for found in page["Subscriptions"]
        if found["TopicArn"] == topic.arn
    ]
    assert {s["Endpoint"]: s["SubscriptionArn"] for s in listed} == {
        waiting: "PendingConfirmation",
        confirmed: arn,
    }


def test_the_arn_is_answered_on_request_and_shows_the_pending_state(topic: Topic) -> None:
    arn = topic.subscribe(somebody())
    assert arn.startswith(topic.arn + ":")
    assert topic.attributes(arn)["PendingConfirmation"] == "true"


def test_nothing_is_delivered_before_the_link_is_followed_and_everything_after(topic: Topic) -> None:
    email = somebody()
    arn = topic.subscribe(email)
    topic.publish("too early")
    assert topic.delivered(email) == []
    assert arn in get(topic.link(email)).decode()
    attributes = topic.attributes(arn)
    assert (attributes["PendingConfirmation"], attributes["ConfirmationWasAuthenticated"]) == (
        "false",
        "false",
    )
    assert topic.subscribe(email, arn=False) == arn
    topic.publish("in time", Subject="News")
    (mail,) = topic.delivered(email)
    assert (mail["Subject"], mail["To"], mail["Source"]) == ("News", [email], "no-reply@sns.amazonaws.com")
    assert mail["BodyText"].startswith("in time\n")
    assert "too early" not in mail["BodyText"]


def test_a_link_followed_twice_does_no_harm(topic: Topic) -> None:
    email = somebody()
    arn = topic.subscribe(email)
    for _ in range(2):
        assert arn in get(topic.link(email)).decode()
    topic.publish()
    assert len(topic.delivered(email)) == 1


def test_confirm_subscription_as_an_api_call(topic: Topic) -> None:
    email = somebody()
    arn = topic.subscribe(email)
    token = topic.link(email).rpartition("Token=")[2]
    answer = topic.sns.confirm_subscription(TopicArn=topic.arn, Token=token, AuthenticateOnUnsubscribe="true")
    assert answer["SubscriptionArn"] == arn
    assert topic.attributes(arn)["ConfirmationWasAuthenticated"] == "true"


@pytest.mark.parametrize("token", ["wrong", ""])
def test_a_wrong_token_confirms_nothing(topic: Topic, token: str) -> None:
    arn = topic.subscribe(somebody())
    with refused("InvalidParameter", "Token"):
        topic.sns.confirm_subscription(TopicArn=topic.arn, Token=token)
    assert topic.attributes(arn)["PendingConfirmation"] == "true"
    assert len(arn) > 0


def test_the_link_works_in_another_region(aws: Aws) -> None:
    topic, email = Topic(aws, "eu-west-1"), somebody()
    arn = topic.subscribe(email)
    assert arn in get(topic.link(email)).decode()
    topic.publish()
    assert len(topic.delivered(email)) == 1


def test_other_actions_still_need_a_signature(topic: Topic) -> None:
    with pytest.raises(HttpError) as caught:
        get(f"{topic.aws.url}/?Action=Publish&TopicArn={topic.arn}&Message=hello")
    assert caught.value.status == 403


def test_subscribing_a_pending_endpoint_again_sends_the_mail_again(topic: Topic) -> None:
    email, policy = somebody(), {"recipient": ["a", "b"], "kind": ["x"]}
    arn = topic.subscribe(email, FilterPolicy=json.dumps(policy))
    again = json.dumps(dict(reversed(policy.items())), indent=2)  # other text, the same JSON
    assert topic.subscribe(email, FilterPolicy=again) == arn
    assert topic.subscribe(email, arn=False, FilterPolicy=again) == "pending confirmation"
    assert topic.subscribe(email) == arn  # gives no attributes, so none differ
    assert len(topic.aws.mails(email)) == 4
    assert len(topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"FilterPolicy": '{"recipient": ["b"]}'},
        {"FilterPolicyScope": "MessageBody"},
        {"RawMessageDelivery": "true"},
    ],
)
@pytest.mark.parametrize("confirmed", [False, True])
def test_other_attributes_for_the_same_endpoint_are_refused(
    topic: Topic, other: dict[str, str], confirmed: bool
) -> None:
    email = somebody()
    topic.subscribe(email, FilterPolicy='{"recipient": ["a"]}')
    if confirmed:
        get(topic.link(email))
    with refused(
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
    ):
        topic.subscribe(email, arn=True, **other)
    assert len(topic.aws.mails(email)) == 1


def test_attributes_that_say_what_holds_anyway_are_equal(topic: Topic) -> None:
    email = somebody()
    arn = topic.subscribe(email)
    same = topic.subscribe(email, RawMessageDelivery="false", FilterPolicyScope="MessageAttributes")
    assert same == arn


def test_a_pending_subscription_cannot_be_unsubscribed(topic: Topic) -> None:
    email = somebody()
    arn = topic.subscribe(email)
    with refused("InvalidParameter", "Cannot unsubscribe a subscription that is pending confirmation"):
        topic.sns.unsubscribe(SubscriptionArn=arn)
    get(topic.link(email))
    topic.sns.unsubscribe(SubscriptionArn=arn)
    topic.publish()
    assert topic.delivered(email) == []


def test_a_pending_subscription_lapses_and_a_confirmed_one_stays(hasty: Aws) -> None:
    topic, late, early = Topic(hasty), somebody(), somebody()
    lapsing, staying = topic.subscribe(late), topic.subscribe(early)
    get(topic.link(early))
    link = topic.link(late)
    assert topic.attributes(lapsing)["PendingConfirmation"] == "true"
    time.sleep(1.6)
    with refused("NotFound"):
        topic.attributes(lapsing)
    assert topic.attributes(staying)["PendingConfirmation"] == "false"
    listed = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert [s["Endpoint"] for s in listed] == [early]
    with pytest.raises(HttpError):
        get(link)
    assert topic.subscribe(late) != lapsing


def test_a_filter_policy_lets_a_message_through_to_its_recipient_alone(topic: Topic) -> None:
    one, two, everything = somebody(), somebody(), somebody()
    topic.subscribe(one, FilterPolicy='{"recipient": ["one"]}')
    topic.subscribe(two, FilterPolicy='{"recipient": ["two"]}')
    topic.subscribe(everything)
    for email in (one, two, everything):
        get(topic.link(email))
    topic.publish(MessageAttributes={"recipient": {"DataType": "String", "StringValue": "one"}})
    topic.publish()
    assert [len(topic.delivered(email)) for email in (one, two, everything)] == [1, 0, 2]


def test_publish_batch_is_delivered_too(topic: Topic) -> None:
    email = somebody()
    topic.subscribe(email)
    get(topic.link(email))
    entries = [{"Id": str(n), "Message": f"number {n}"} for n in range(3)]
    topic.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries)
    assert len(topic.delivered(email)) == 3


def test_a_message_without_a_subject_gets_one(topic: Topic) -> None:
    email = somebody()
    topic.subscribe(email)
    get(topic.link(email))
    topic.publish()
    assert topic.delivered(email)[0]["Subject"] == "AWS Notification Message"


def test_each_protocol_gets_its_own_text_of_a_structured_message(topic: Topic) -> None:
    plain, as_json = somebody(), somebody()
    topic.subscribe(plain)
    topic.subscribe(as_json, protocol="email-json")
    for email in (plain, as_json):
        get(topic.link(email))
    texts = {"default": "for all", "email": "for mail"}
    topic.publish(json.dumps(texts), MessageStructure="json", Subject="News")
    assert topic.delivered(plain)[0]["BodyText"].startswith("for mail\n")
    envelope = json.loads(topic.delivered(as_json)[0]["BodyText"])
    assert (envelope["Message"], envelope["Subject"]) == ("for all", "News")
    assert (envelope["Type"], envelope["TopicArn"]) == ("Notification", topic.arn)


@pytest.mark.parametrize("endpoint", ["nobody", "a@b", "a b@example.com", "@example.com"])
def test_an_endpoint_that_is_no_address_is_refused(topic: Topic, endpoint: str) -> None:
    with refused("InvalidParameter", "Invalid parameter: Email address"):
        topic.subscribe(endpoint)


def test_the_filter_policies_of_a_topic_are_limited(hasty: Aws) -> None:
    topic = Topic(hasty)
    policy = '{"recipient": ["x"]}'
    first = topic.sns.create_topic(Name=unique("other"))["TopicArn"]
    for number in range(2):
        topic.subscribe(f"arn:aws:sqs:us-east-1:000000000000:q{number}", protocol="sqs", FilterPolicy=policy)
    with pytest.raises(ClientError) as caught:
        topic.subscribe(somebody(), FilterPolicy=policy)
    assert caught.value.response["Error"]["Code"] == "FilterPolicyLimitExceeded"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    plain = topic.subscribe(somebody())
    with refused("FilterPolicyLimitExceeded"):
        topic.sns.set_subscription_attributes(
            SubscriptionArn=plain, AttributeName="FilterPolicy", AttributeValue=policy
        )
    topic.arn = first  # another topic has a limit of its own
    topic.subscribe(somebody(), FilterPolicy=policy)


def test_other_protocols_are_confirmed_at_once_as_before(topic: Topic) -> None:
    arn = topic.subscribe("arn:aws:sqs:us-east-1:000000000000:somewhere", protocol="sqs")
    assert topic.attributes(arn)["PendingConfirmation"] == "false"
