"""A person who registers: what an application and a mail reader would do, over the public APIs."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from scripts.environment import Environment

T = TypeVar("T")
VERIFICATION = "Your verification code"
CONFIRMATION = "AWS Notification - Subscription Confirmation"
WELCOME = "Account Created"
MAILBOX = "/_ministack/ses/messages"


class NotSeenError(Exception):
    """Something that should have happened did not within its time; the message says what."""


def wait_for(what: str, look: Callable[[], T | None], within: float, every: float = 0.2) -> T:
    """Looks until there is something to see.

    Args:
        what: for the message. within, every: seconds.

    Raises:
        NotSeenError: nothing was seen in time.
    """
    deadline = time.monotonic() + within
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise NotSeenError(f"{what} was not seen within {within:.0f} s")
        time.sleep(every)
    return found


@dataclass(frozen=True)
class Mail:
    """A delivered e-mail."""

    to: list[str]
    subject: str
    text: str
    at: str


@dataclass(frozen=True)
class Mailbox:
    """All mail that the local AWS has delivered, to anybody."""

    url: str

    def all(self) -> list[Mail]:
        answer = httpx.get(f"{self.url}{MAILBOX}", trust_env=False, timeout=10).raise_for_status()
        return [
            Mail(mail["To"], mail["Subject"], mail["BodyText"], mail["Timestamp"])
            for mails in answer.json()["messages"].values()
            for mail in mails
        ]

    def of(self, address: str, subject: str = "") -> list[Mail]:
        """What an address has received, oldest first."""
        return [mail for mail in self.all() if address in mail.to and subject in mail.subject]

    def wait(self, address: str, subject: str, within: float = 15, count: int = 1) -> Mail:
        """The newest mail with a subject, once there are so many."""

        def look() -> Mail | None:
            mails = self.of(address, subject)
            return mails[-1] if len(mails) >= count else None

        return wait_for(f"a mail {subject!r}", look, within)


@dataclass(frozen=True)
class Person:
    """Somebody with a username, an address and a password."""

    username: str = field(default_factory=lambda: f"person-{secrets.token_hex(4)}")
    domain: str = "example.com"
    password: str = field(default_factory=lambda: f"Aa1!{secrets.token_urlsafe(16)}", repr=False)

    @property
    def email(self) -> str:
        return f"{self.username}@{self.domain}"


@dataclass(frozen=True)
class Application:
    """The application that people register with: a pool's public client, and a way to read mail."""

    cognito: Any
    client_id: str
    mailbox: Mailbox

    @classmethod
    def of(cls, environment: Environment, outputs: dict[str, Any]) -> "Application":
        """The application of a deployed stack in an emulator."""
        if not environment.endpoint_url:
            raise ValueError("only an emulator shows its mail")
        return cls(
            environment.client("cognito-idp"),
            outputs["user_pool_client_id"],
            Mailbox(environment.endpoint_url),
        )

    def sign_up(self, person: Person) -> str:
        """Signs a person up; returns the subject that Cognito gave them."""
        answer = self.cognito.sign_up(
            ClientId=self.client_id,
            Username=person.username,
            Password=person.password,
            UserAttributes=[{"Name": "email", "Value": person.email}],
        )
        return str(answer["UserSub"])

    def code(self, person: Person, count: int = 1) -> str:
        """The newest code in a person's mailbox, once there are so many mails with one."""
        mail = self.mailbox.wait(person.email, VERIFICATION, count=count)
        found = re.search(r"\b(\d{6})\b", mail.text)
        if not found:
            raise NotSeenError("the mail with the code holds no code")
        return found[1]

    def confirm(self, person: Person, code: str) -> None:
        self.cognito.confirm_sign_up(ClientId=self.client_id, Username=person.username, ConfirmationCode=code)

    def register(self, person: Person) -> str:
        """Signs up and confirms with the code from the mailbox; returns the subject."""
        sub = self.sign_up(person)
        self.confirm(person, self.code(person))
        return sub

    def opt_in(self, person: Person, within: float = 30) -> None:
        """Follows the link of the mail in which SNS asks the person to confirm."""
        mail = self.mailbox.wait(person.email, CONFIRMATION, within)
        link = re.search(r"https?://\S+ConfirmSubscription\S+", mail.text)
        if not link:
            raise NotSeenError("the opt-in mail holds no link")
        httpx.get(link[0], trust_env=False, timeout=10).raise_for_status()
