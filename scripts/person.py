"""A person who registers: what an application and a mail reader would do, over the public APIs."""

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from pycognito.aws_srp import AWSSRP

from scripts.environment import Environment

T = TypeVar("T")
VERIFICATION = "Your verification code"
CONFIRMATION = "AWS Notification - Subscription Confirmation"
WELCOME = "Account Created"
MAILBOX = "/_ministack/ses/messages"
PHONES = "/_ministack/sns/sms-messages"  # and devices, under the ARN of their endpoint


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


def newest(received: list[T], count: int) -> T | None:
    """The last one, once there are so many."""
    return received[-1] if len(received) >= count else None


@dataclass(frozen=True)
class Mail:
    """A delivered e-mail. Header and tag names are as the sender wrote them; mails of SNS have none.

    at: when it was sent, in seconds since 1970.
    """

    to: list[str]
    subject: str
    text: str
    at: float
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    message_id: str = ""


@dataclass(frozen=True)
class Push:
    """A message to a device: the JSON or text that its platform would get."""

    endpoint_arn: str
    token: str
    message: str


@dataclass(frozen=True)
class Mailbox:
    """All that the local AWS has delivered, to anybody: mails, texts and messages to devices."""

    url: str

    def all(self) -> list[Mail]:
        return _mails(self._get(MAILBOX))

    def since(self, moment: float) -> list[Mail]:
        """Those that were sent from a moment on, in seconds since 1970."""
        return _mails(self._get(f"{MAILBOX}?since={moment!r}"))

    def texts(self, number: str) -> list[str]:
        """The SMS that a number in E.164 has received, oldest first."""
        return [text["Message"] for text in self._get(PHONES)["sms_messages"].get(number, [])]

    def pushes(self, token: str) -> list[Push]:
        """What a device has received under its token, oldest first for each endpoint that it had."""
        return [
            Push(kept["TargetArn"], kept["Token"], kept["Message"])
            for messages in self._get(PHONES)["sms_messages"].values()
            for kept in messages
            if kept.get("Token") == token
        ]

    def direct(self) -> list[tuple[str, str]]:
        """All texts and messages to devices, each with the number or token that has it."""
        return [
            (kept.get("Token") or number, kept["Message"])
            for number, messages in self._get(PHONES)["sms_messages"].items()
            for kept in messages
        ]

    def wait_text(self, number: str, within: float = 15, count: int = 1) -> str:
        """The newest SMS to a number, once there are so many."""
        return wait_for("an SMS", lambda: newest(self.texts(number), count), within)

    def wait_push(self, token: str, within: float = 15, count: int = 1) -> Push:
        """The newest message to a device, once there are so many."""
        return wait_for("a push message", lambda: newest(self.pushes(token), count), within)

    def of(self, address: str, subject: str = "") -> list[Mail]:
        """What an address has received, oldest first."""
        return [mail for mail in self.all() if address in mail.to and subject in mail.subject]

    def wait(self, address: str, subject: str, within: float = 15, count: int = 1) -> Mail:
        """The newest mail with a subject, once there are so many."""
        return wait_for(f"a mail {subject!r}", lambda: newest(self.of(address, subject), count), within)

    def _get(self, path: str) -> Any:
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=10).raise_for_status().json()


def _mails(shown: Any) -> list[Mail]:
    return [
        Mail(
            mail["To"],
            mail["Subject"],
            mail["BodyText"],
            mail["Timestamp"],
            mail.get("BodyHtml") or "",
            {header["Name"]: header["Value"] for header in mail.get("Headers", [])},
            {tag["Name"]: tag["Value"] for tag in mail.get("EmailTags", [])},
            mail.get("MessageId", ""),
        )
        for mails in shown["messages"].values()
        for mail in mails
    ]


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

    def sign_in(self, person: Person, pool: str) -> str:
        """Signs a person in with their password, which is not sent; returns the access token."""
        secure = AWSSRP(
            username=person.username,
            password=person.password,
            pool_id=pool,
            client_id=self.client_id,
            client=self.cognito,
        )
        return str(secure.authenticate_user()["AuthenticationResult"]["AccessToken"])

    def opt_in(self, person: Person, within: float = 30) -> None:
        """Follows the link of the mail in which SNS asks the person to confirm."""
        mail = self.mailbox.wait(person.email, CONFIRMATION, within)
        link = re.search(r"https?://\S+ConfirmSubscription\S+", mail.text)
        if not link:
            raise NotSeenError("the opt-in mail holds no link")
        httpx.get(link[0], trust_env=False, timeout=10).raise_for_status()
