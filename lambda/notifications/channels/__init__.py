"""The ways to reach a person: one module each, all with the one method below."""

from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from notifications.notification import Outcome, State
from notifications.templates import Message
from notifications.users import User


class Channel(Protocol):
    """A way to reach a person."""

    def send(self, user: User, message: Message) -> Outcome:
        """Sends a message to one person and nobody else, and says what came of it.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: the service refused or
                was not reached; `failure` tells what that means for the row.
        """
        ...


# The service has understood the call and will refuse it however often it is made
PERMANENT = {
    "BadRequestException",
    "FilterPolicyLimitExceeded",
    "InvalidParameter",
    "InvalidParameterValue",
    "MessageRejected",
    "SubscriptionLimitExceeded",
}


def failure(error: ClientError | BotoCoreError) -> Outcome:
    """What an AWS error means for a row: given up when it can never succeed, else tried again.

    The reason is the error's code: its message may hold the address.
    """
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return Outcome(State.FAILED if code in PERMANENT else State.RETRY, code)
    return Outcome(State.RETRY, type(error).__name__)
