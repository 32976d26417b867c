"""E-mail by SES: straight to the address that Cognito has verified, with no second opt-in."""

from dataclasses import dataclass
from typing import Any

from notifications.notification import Outcome, State
from notifications.templates import Message
from notifications.users import User


@dataclass(frozen=True)
class SesEmail:
    """Sends from a verified identity.

    sender: the address in From. configuration_set: of SES, for its events; empty for the identity's own.
    """

    ses: Any
    sender: str
    configuration_set: str = ""

    def send(self, user: User, message: Message) -> Outcome:
        sent = self.ses.send_email(
            FromEmailAddress=self.sender,
            Destination={"ToAddresses": [user.email]},
            Content={
                "Simple": {
                    "Subject": {"Data": message.subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": message.text, "Charset": "UTF-8"}},
                }
            },
            **({"ConfigurationSetName": self.configuration_set} if self.configuration_set else {}),
        )
        return Outcome(State.SENT, message_id=sent["MessageId"])
