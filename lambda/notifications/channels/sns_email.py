"""E-mail by SNS subscription: nothing to set up, one opt-in by each person.

A message is published to the topic that all share. It reaches one person since every subscription has
a filter policy on `recipient`, a digest of the address: a function of the endpoint alone, so that
subscribing it again is always the same call (SNS refuses a second one with other attributes).
"""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from notifications.catalogue import EMAIL
from notifications.channels import Target
from notifications.message import Message
from notifications.notification import Outcome, State
from notifications.users import User, Users

STOP_KEY = "Email:sns"
MAX_SUBJECT = 99
_SERVER_ERROR = 500
_PENDING = Outcome(State.WAITING_OPT_IN, "PendingConfirmation")
_GONE = Outcome(State.SKIPPED, "RecipientGone")


@dataclass(frozen=True)
class SnsEmail:
    """Sends through the subscription that a person has opted in to."""

    sns: Any
    topic_arn: str
    users: Users

    def targets(self, user: User) -> Sequence[Target]:
        return [Target(EMAIL, STOP_KEY, user.email)] if user.email else []

    def send(self, user: User, target: Target, message: Message) -> Outcome:
        email = target.address
        arn = user.subscription_arn
        is_new = not arn
        if is_new:
            arn = self._subscribe(email)
            if not self.users.keep_subscription(user, arn):
                # nobody can take back what is not confirmed: it lapses by itself
                return _GONE
        subscription = self._subscription(arn)
        if subscription is None and is_new:
            # SNS may not have heard everywhere of what it has just made
            return _PENDING
        if subscription is None and not self._is_on_record(user):
            # another worker has moved it
            return Outcome(State.RETRY, "SubscriptionMoved")
        if subscription is None:
            # it lapsed, or the person ended it: to write again would be to ask again, unasked
            return Outcome(State.EXPIRED, "SubscriptionGone", stop=True)
        if subscription["Endpoint"].lower() != email.lower():
            return self._move(user, email)
        if subscription["PendingConfirmation"] == "true":
            return _PENDING
        if not _is_of(email, subscription):
            return Outcome(State.FAILED, "SubscriptionNotOurs")
        published = self.sns.publish(
            TopicArn=self.topic_arn,
            Subject=subject(message.subject),
            Message=message.text,
            MessageAttributes={"recipient": {"DataType": "String", "StringValue": digest(email)}},
        )
        return Outcome(State.SENT, message_id=published["MessageId"])

    def _subscribe(self, email: str) -> str:
        """The ARN of the subscription of an address, new or not."""
        answer = self.sns.subscribe(
            TopicArn=self.topic_arn,
            Protocol="email",
            Endpoint=email,
            Attributes={"FilterPolicy": filter_policy(email)},
            ReturnSubscriptionArn=True,
        )
        arn: str = answer["SubscriptionArn"]
        return arn

    def _move(self, user: User, email: str) -> Outcome:
        """Leaves the subscription of an address that the person has no more, for one of the new address.

        The record is written before the old one is ended: of one that is on record and gone, nobody could
        tell that it was not the person who ended it. A worker that dies in between leaves it, and nothing
        comes out of it: nothing is published for its address. So does one that can neither be ended nor
        looked at.
        """
        if not self.users.keep_subscription(user, self._subscribe(email)):
            return _GONE
        try:
            self.sns.unsubscribe(SubscriptionArn=user.subscription_arn)
        except (ClientError, BotoCoreError) as error:
            # a pending one cannot be ended and lapses; one that is gone needs no end
            if _code(error) in ("InvalidParameter", "NotFound"):
                return _PENDING
            # where no answer came, it may have been ended
            if _is_refusal(error) or self._subscription(user.subscription_arn) is not None:
                # so that the next try ends it
                self.users.keep_subscription(user, user.subscription_arn)
                raise
        return _PENDING

    def _is_on_record(self, user: User) -> bool:
        """Whether the person's record, as it stands now, has the subscription that the worker knows."""
        record = self.users.record(user.user_id) or {}
        return record.get("SubscriptionArn") == user.subscription_arn

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


def _code(error: ClientError | BotoCoreError) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else ""


def _is_refusal(error: ClientError | BotoCoreError) -> bool:
    """Whether SNS has said that it did not do what it was asked."""
    if not isinstance(error, ClientError):
        return False
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < _SERVER_ERROR


def digest(email: str) -> str:
    """What stands for an address in filter policies and message attributes."""
    return hashlib.sha256(email.encode()).hexdigest()


def filter_policy(email: str) -> str:
    """The filter policy of an address's subscription, as JSON."""
    return json.dumps({"recipient": [digest(email)]})


def subject(text: str) -> str:
    """A subject as SNS takes it, as near to the text as ASCII comes.

    ASCII, one line, under 100 characters, beginning with a letter, a number or punctuation (Amazon SNS API
    Reference, "Publish").
    """
    folded = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    plain = folded.encode("ascii", "replace").decode()
    line = " ".join("".join(char if char.isprintable() else " " for char in plain).split())
    if not any(char.isalnum() for char in line):
        # nothing that could be read is left of a text in another script
        return "Notification"
    return line if len(line) <= MAX_SUBJECT else f"{line[: MAX_SUBJECT - 3]}..."


def _is_of(email: str, subscription: dict[str, str]) -> bool:
    """Whether what is published for an address comes out of its subscription alone."""
    policy = json.loads(subscription.get("FilterPolicy", "null"))
    return bool(policy == json.loads(filter_policy(email)))
