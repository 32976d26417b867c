"""E-mail by SNS subscription: nothing to set up, one opt-in by each person.

A message is published to the topic that all share. It reaches one person since every subscription has
a filter policy on `recipient`, a digest of the address: a function of the endpoint alone, so that
subscribing it again is always the same call (SNS refuses a second one with other attributes).
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from notifications.notification import Outcome, State
from notifications.templates import Message
from notifications.users import User, Users


@dataclass(frozen=True)
class SnsEmail:
    """Sends through the subscription that a person has opted in to."""

    sns: Any
    topic_arn: str
    users: Users

    def send(self, user: User, message: Message) -> Outcome:
        if not user.subscription_arn:
            user = self._subscribe(user)
        subscription = self._subscription(user.subscription_arn)
        if subscription is None:
            return Outcome(State.EXPIRED, "SubscriptionGone")
        if subscription["PendingConfirmation"] == "true":
            return Outcome(State.WAITING_OPT_IN, "PendingConfirmation")
        if not _is_of(user, subscription):
            return Outcome(State.FAILED, "SubscriptionNotOurs")
        published = self.sns.publish(
            TopicArn=self.topic_arn,
            Subject=message.subject,
            Message=message.text,
            MessageAttributes={"recipient": {"DataType": "String", "StringValue": digest(user.email)}},
        )
        return Outcome(State.SENT, message_id=published["MessageId"])

    def _subscribe(self, user: User) -> User:
        answer = self.sns.subscribe(
            TopicArn=self.topic_arn,
            Protocol="email",
            Endpoint=user.email,
            Attributes={"FilterPolicy": filter_policy(user.email)},
            ReturnSubscriptionArn=True,
        )
        arn = answer["SubscriptionArn"]
        self.users.keep_subscription(user, arn)
        return replace(user, subscription_arn=arn)

    def _subscription(self, arn: str) -> dict[str, str] | None:
        """The subscription's attributes, or None: it was ended, or lapsed before the person opted in."""
        try:
            found = self.sns.get_subscription_attributes(SubscriptionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NotFound":
                return None
            raise
        attributes: dict[str, str] = found["Attributes"]
        return attributes


def digest(email: str) -> str:
    """What stands for an address in filter policies and message attributes."""
    return hashlib.sha256(email.encode()).hexdigest()


def filter_policy(email: str) -> str:
    """The filter policy of an address's subscription, as JSON."""
    return json.dumps({"recipient": [digest(email)]})


def _is_of(user: User, subscription: dict[str, str]) -> bool:
    """Whether what is published for a person comes out of a subscription at that person alone."""
    return subscription["Endpoint"] == user.email and json.loads(
        subscription.get("FilterPolicy", "null")
    ) == json.loads(filter_policy(user.email))
