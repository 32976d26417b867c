"""A confirmed sign-up becomes a record and a welcome.

Cognito's contract is in "Post confirmation Lambda trigger" and "Customizing user pool workflows with
Lambda triggers" of the Amazon Cognito Developer Guide.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from notifications.clients import TRIGGER
from notifications.notification import STREAM_GRACE, Notification, timestamp
from notifications.transaction import cancellation_reasons

CONFIRMED_SIGN_UP = "PostConfirmation_ConfirmSignUp"
DEFAULT_CHANNEL = "Email"
# SNS keeps a pending e-mail subscription for 48 hours ("Amazon SNS now supports automatic deletion of
# unconfirmed subscriptions"); the third day is for the sweep to see it gone
WELCOME_IS_GOOD_FOR = timedelta(days=3)
# Cognito gives the trigger five seconds; the half second that is left is for the start of the function
BUDGET_SECONDS = 4.5

log = logging.getLogger(__name__)


class RegistrationError(Exception):
    """The registration could not be stored. Cognito shows the message to the person."""


class InvalidEventError(RegistrationError):
    """The event lacks what Cognito's contract promises; the message names it, without its value."""


@dataclass(frozen=True)
class Person:
    """Somebody who has confirmed a sign-up.

    user_id: the Cognito user name. sub: the Cognito subject, which is never given to anybody else.
    email_verified: whether the person has given back the code that was mailed; not so when an
        administrator confirmed them.
    """

    user_id: str
    sub: str
    email: str
    email_verified: bool = False


def person_of(event: Mapping[str, Any]) -> Person | None:
    """The person whom an event of Cognito's registers, or None when it registers nobody.

    The trigger also runs when a forgotten password was reset; only a confirmed sign-up registers.

    Raises:
        InvalidEventError: it is no event, or a confirmed sign-up without a user name, subject or e-mail.
    """
    if not isinstance(event, Mapping):
        raise InvalidEventError("the event is not an object")
    if event.get("triggerSource") != CONFIRMED_SIGN_UP:
        return None
    request = event.get("request")
    attributes = request.get("userAttributes") if isinstance(request, Mapping) else None
    if not isinstance(attributes, Mapping):
        attributes = {}
    found = {
        "userName": _text(event.get("userName")),
        "sub": _text(attributes.get("sub")),
        "email": _text(attributes.get("email")),
    }
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise InvalidEventError(f"the confirmation lacks {', '.join(missing)}")
    return Person(
        user_id=found["userName"],
        sub=found["sub"],
        email=found["email"],
        email_verified=attributes.get("email_verified") == "true",
    )


def record_of(person: Person, now: datetime) -> dict[str, Any]:
    """The row of the UserPreferences table."""
    return {
        "UserID": person.user_id,
        "Email": person.email,
        "EmailVerified": person.email_verified,
        "NotificationPreference": DEFAULT_CHANNEL,
        "Sub": person.sub,
        "RegisteredAt": timestamp(now),
    }


def welcome_of(person: Person, now: datetime) -> Notification:
    """The first notification of a person."""
    return Notification(
        notification_id=f"welcome#{person.sub}",
        user_id=person.user_id,
        sub=person.sub,
        category="account",
        template="welcome",
        created_at=now,
        good_until=now + WELCOME_IS_GOOD_FOR,
        due_at=now + STREAM_GRACE,
    )


@dataclass(frozen=True)
class Registry:
    """Stores registrations: record and welcome together, or neither."""

    dynamodb: Any
    user_table: str
    notification_table: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def register(self, person: Person, now: datetime) -> bool:
        """Stores the record and the welcome of a person in one transaction.

        Returns:
            Whether this call stored them; False when the person had been registered before.

        Raises:
            RegistrationError: DynamoDB did not take it. Nothing was written by halves, and the call
                may be repeated.
        """
        deadline = self.clock() + BUDGET_SECONDS
        pause = 0.05
        while True:
            try:
                self.dynamodb.transact_write_items(TransactItems=self._writes(person, now))
            except ClientError as error:
                reasons = cancellation_reasons(error)
                if reasons[:1] == ["ConditionalCheckFailed"]:
                    return False
                if not self._time_for_another(deadline, pause):
                    raise _failure(error.response["Error"]["Code"]) from None
                if reasons[1:] == ["ConditionalCheckFailed"]:
                    return self._restore(person, now)
                # The same trigger, delivered twice at one moment: the other one is about to win
                if "TransactionConflict" not in reasons:
                    raise _failure(error.response["Error"]["Code"]) from None
                self.sleep(pause)
                pause *= 2
                continue
            except BotoCoreError as error:
                raise _failure(type(error).__name__) from None
            return True

    def _restore(self, person: Person, now: datetime) -> bool:
        """Writes the record alone: it was lost, and its welcome was asked for before.

        Somebody else's stays: who has been welcomed comes too late to take over a user name.
        """
        put = {
            "TableName": self.user_table,
            "Item": self._writes(person, now)[0]["Put"]["Item"],
            "ConditionExpression": "attribute_not_exists(UserID)",
        }
        try:
            self.dynamodb.put_item(**put)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise _failure(error.response["Error"]["Code"]) from None
        except BotoCoreError as error:
            raise _failure(type(error).__name__) from None
        return True

    def _time_for_another(self, deadline: float, pause: float) -> bool:
        return self.clock() + pause + TRIGGER.worst_case_seconds <= deadline

    def _writes(self, person: Person, now: datetime) -> list[dict[str, Any]]:
        serialize = TypeSerializer().serialize

        def put(table: str, row: Mapping[str, Any], **condition: Any) -> dict[str, Any]:
            item = {name: serialize(value) for name, value in row.items()}
            return {"Put": {"TableName": table, "Item": item, **condition}}

        return [
            put(
                self.user_table,
                record_of(person, now),
                # a retry changes nothing; whoever took over a freed user name starts afresh
                ConditionExpression="attribute_not_exists(UserID) OR #sub <> :sub",
                ExpressionAttributeNames={"#sub": "Sub"},
                ExpressionAttributeValues={":sub": {"S": person.sub}},
            ),
            put(
                self.notification_table,
                welcome_of(person, now).to_row(),
                ConditionExpression="attribute_not_exists(NotificationID)",
            ),
        ]


def _text(value: object) -> str:
    """A value that says something, else an empty text."""
    return value if isinstance(value, str) and value.strip() else ""


def _failure(code: str) -> RegistrationError:
    log.error("registration not stored: %s", code)
    return RegistrationError("the account is confirmed, but setting it up was delayed")
