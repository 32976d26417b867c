"""What a notification says."""

from dataclasses import dataclass

from notifications.users import User


@dataclass(frozen=True)
class Message:
    """A message in one person's hands. subject: ASCII, under 100 characters (SNS: "Publish")."""

    subject: str
    text: str


class TemplateError(Exception):
    """There is no such template; the message names it."""


def render(template: str, user: User) -> Message:
    """The message of a template for a person.

    Raises:
        TemplateError: there is no such template.
    """
    if template == "welcome":
        return Message(
            subject="Account Created",
            text=f"Hello {user.user_id}, your account has been successfully created!",
        )
    raise TemplateError(template)
