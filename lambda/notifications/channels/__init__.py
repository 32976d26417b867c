"""The ways to reach a person: one module each, all with the two methods below."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from notifications.message import Message
from notifications.notification import Outcome, State
from notifications.users import User


@dataclass(frozen=True)
class Target:
    """One place where a channel reaches a person.

    key: by which the delivery log knows it.
    stop_key: by which the person's record knows that it does not work any more.
    address: of the channel's own kind: e-mail, phone number, ARN.
    """

    key: str
    stop_key: str
    address: str


class Channel(Protocol):
    """A way to reach a person."""

    def targets(self, user: User) -> Sequence[Target]:
        """Where the channel reaches a person; empty when it is not set up for them. Calls nobody."""
        ...

    def send(self, user: User, target: Target, message: Message) -> Outcome:
        """Sends a message to one person and nobody else, and says what came of it.

        An outcome with `stop` says that the target will never work again, for this person.

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
    "ParameterValueInvalid",
    "SubscriptionLimitExceeded",
    "ValidationException",
}
_PARAMETER = re.compile(r"Invalid parameter: (\w+)")


def failure(error: ClientError | BotoCoreError) -> Outcome:
    """What an AWS error means for a row: given up when it can never succeed, else tried again.

    The reason is the error's code: its message may hold the address.
    """
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return Outcome(State.FAILED if code in PERMANENT else State.RETRY, code)
    return Outcome(State.RETRY, type(error).__name__)


def stopped(error: ClientError, reasons: Mapping[str, str]) -> Outcome:
    """The outcome of an error of SNS's that says that a target will never work again.

    reasons: by the error's code; where the error names a parameter, by both ("InvalidParameter TargetArn"):
        it may as well be the message that is refused, and that is not the target's fault.

    Raises:
        botocore.exceptions.ClientError: the same error, when it does not say that.
    """
    code = error.response["Error"]["Code"]
    named = _PARAMETER.search(error.response["Error"].get("Message", ""))
    reason = reasons.get(f"{code} {named[1]}" if named else code)
    if reason is None:
        raise error
    return Outcome(State.FAILED, reason, stop=True)
