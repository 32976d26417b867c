"""What is sent: apart from the templates that make it, which the channels need not know."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A message in one person's hands.

    subject: one line; empty for SMS, which has none. html: only of an e-mail.
    unsubscribe_url: empty where there is nothing to unsubscribe from.
    """

    subject: str
    text: str
    html: str = ""
    unsubscribe_url: str = ""
    notification_id: str = ""
