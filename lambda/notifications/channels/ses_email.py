"""E-mail by SES: straight to the address that Cognito has verified, with no second opt-in.

No error of SES's says that an address will never work ("SendEmail" in the Amazon SES API v2 Reference): that
comes later, as an event. See `notifications.feedback`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from notifications.catalogue import EMAIL
from notifications.channels import Target
from notifications.feedback import STOP_KEY, TAG, tag_value
from notifications.message import Message
from notifications.notification import Outcome, State
from notifications.users import User


@dataclass(frozen=True)
class SesEmail:
    """Sends from a verified identity.

    sender: the address in From. configuration_set: of SES, for its events; empty for the identity's own.
    """

    ses: Any
    sender: str
    configuration_set: str = ""

    def targets(self, user: User) -> Sequence[Target]:
        return [Target(EMAIL, STOP_KEY, user.email)] if user.email else []

    def send(self, user: User, target: Target, message: Message) -> Outcome:
        if not user.email_verified:
            # an administrator has confirmed the account: nobody has shown that the address is theirs
            return Outcome(State.WAITING_OPT_IN, "EmailNotVerified")
        tag = tag_value(message.notification_id)
        sent = self.ses.send_email(
            FromEmailAddress=self.sender,
            Destination={"ToAddresses": [target.address]},
            Content={
                "Simple": {
                    "Subject": _text(message.subject),
                    "Body": {
                        "Text": _text(message.text),
                        **({"Html": _text(message.html)} if message.html else {}),
                    },
                    **({"Headers": _one_click(message.unsubscribe_url)} if message.unsubscribe_url else {}),
                }
            },
            **({"EmailTags": [{"Name": TAG, "Value": tag}]} if tag else {}),
            **({"ConfigurationSetName": self.configuration_set} if self.configuration_set else {}),
        )
        return Outcome(State.SENT, message_id=sent["MessageId"])


def _text(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


def _one_click(url: str) -> list[dict[str, str]]:
    """The headers by which a mail program unsubscribes with one click (RFC 8058)."""
    return [
        {"Name": "List-Unsubscribe", "Value": f"<{url}>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]
