"""SMS by SNS, to a phone number that the person has verified."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from notifications.catalogue import SMS
from notifications.channels import Target, stopped
from notifications.message import Message
from notifications.notification import Outcome, State
from notifications.users import User

# SNS takes most messages to a number that has opted out, and drops them; where it does refuse, it says so
_ENDS = {
    "InvalidParameter": "InvalidNumber",
    "InvalidParameter PhoneNumber": "InvalidNumber",
    "OptedOut": "OptedOut",
    "OptedOutException": "OptedOut",
}
# one person waits for it: it goes before what is sent to many ("Publish" in the Amazon SNS API Reference)
_ATTRIBUTES = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}


@dataclass(frozen=True)
class Sms:
    """Sends to the number on the record."""

    sns: Any

    def targets(self, user: User) -> Sequence[Target]:
        return [Target(SMS, SMS, user.phone)] if user.phone else []

    def send(self, user: User, target: Target, message: Message) -> Outcome:  # noqa: ARG002 - the number is all
        return send_text(self.sns, target.address, message.text)


def send_text(sns: Any, number: str, text: str) -> Outcome:
    """Sends a text to a number in E.164, on a record or not.

    Returns:
        SENT; or FAILED, with `stop`, when the number can never be reached.

    Raises:
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: SNS refused for another reason,
            or was not reached.
    """
    try:
        sent = sns.publish(PhoneNumber=number, Message=text, MessageAttributes=_ATTRIBUTES)
    except ClientError as error:
        return stopped(error, _ENDS)
    return Outcome(State.SENT, message_id=sent["MessageId"])
