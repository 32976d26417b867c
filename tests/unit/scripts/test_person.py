import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest

from scripts import environment
from scripts.person import (
    CONFIRMATION,
    VERIFICATION,
    WELCOME,
    Application,
    Mailbox,
    NotSeenError,
    Person,
    Push,
    wait_for,
)

ADA = Person("ada")
LINK = "http://127.0.0.1:4566/?Action=ConfirmSubscription&TopicArn=t&Token=abc"


class Messages:
    """What the local AWS shows of its mail, and the other addresses that were asked for."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.phones: dict[str, list[dict[str, Any]]] = {}
        self.followed: list[str] = []

    def deliver(self, to: str, subject: str, text: str = "") -> None:
        at = f"2026-01-01T00:00:{len(self.messages):02}Z"
        self.messages.append({"To": [to], "Subject": subject, "BodyText": text, "Timestamp": at})

    def get(self, url: str, **_options: Any) -> httpx.Response:
        request = httpx.Request("GET", url)
        if url.endswith("/_ministack/ses/messages"):
            return httpx.Response(200, json={"messages": {"000000000000": self.messages}}, request=request)
        if url.endswith("/_ministack/sns/sms-messages"):
            return httpx.Response(200, json={"sms_messages": self.phones}, request=request)
        self.followed.append(url)
        return httpx.Response(404 if "expired" in url else 200, request=request)


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Messages:
    messages = Messages()
    monkeypatch.setattr(httpx, "get", messages.get)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    return messages


@pytest.fixture
def application(mail: Messages) -> Application:
    return Application(MagicMock(), "client", Mailbox("http://127.0.0.1:4566"))


def test_waiting_ends_with_what_is_seen() -> None:
    looks = iter([None, None, "it"])
    assert wait_for("it", lambda: next(looks), within=5, every=0) == "it"


@pytest.mark.parametrize("found", [0, "", False])
def test_whatever_is_not_none_is_seen(found: object) -> None:
    assert wait_for("it", lambda: found, within=0) == found


def test_waiting_in_vain_ends_in_a_sentence() -> None:
    with pytest.raises(NotSeenError, match=r"^a mail 'Hello' was not seen within 0 s$"):
        wait_for("a mail 'Hello'", lambda: None, within=0, every=0.001)


def test_waiting_lasts_as_long_as_was_said_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr("scripts.person.time", clock)
    with pytest.raises(NotSeenError, match="within 10 s"):
        wait_for("it", lambda: None, within=10, every=1)
    assert 10 < now[0] - 100 <= 11


def test_a_mail_shows_its_html_headers_and_tags(mail: Messages) -> None:
    mail.deliver(ADA.email, WELCOME)
    mail.messages[0] |= {
        "BodyHtml": "<p>Hello</p>",
        "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/>"}],
        "EmailTags": [{"Name": "notification", "Value": "a"}],
    }
    mail.deliver(ADA.email, CONFIRMATION)
    mail.messages[1]["BodyHtml"] = None
    first, second = Mailbox("http://127.0.0.1:4566").of(ADA.email)
    assert first.html == "<p>Hello</p>"
    assert (first.headers, first.tags) == (
        {"List-Unsubscribe": "<https://example.com/>"},
        {"notification": "a"},
    )
    assert (second.html, second.headers, second.tags) == ("", {}, {})


def test_texts_and_pushes_are_those_of_one_number_and_one_device(mail: Messages) -> None:
    arn = "arn:aws:sns:us-east-1:000000000000:endpoint/GCM/shop/1"
    mail.phones = {
        "+491701234567": [{"Message": "first"}, {"Message": "second"}],
        "+491701234568": [{"Message": "another"}],
        arn: [{"TargetArn": arn, "Token": "token", "Message": "hello"}],
        f"{arn}2": [{"TargetArn": f"{arn}2", "Token": "other", "Message": "no"}],
    }
    mailbox = Mailbox("http://127.0.0.1:4566")
    assert mailbox.texts("+491701234567") == ["first", "second"]
    assert mailbox.wait_text("+491701234567", count=2) == "second"
    assert mailbox.texts("+491701234569") == []
    assert mailbox.pushes("token") == [mailbox.wait_push("token")] == [Push(arn, "token", "hello")]
    with pytest.raises(NotSeenError, match="an SMS was not seen"):
        mailbox.wait_text("+491701234567", within=0, count=3)
    with pytest.raises(NotSeenError, match="a push message was not seen"):
        mailbox.wait_push("none", within=0)


def test_mail_is_that_of_one_address_and_subject(mail: Messages) -> None:
    mail.deliver("ada@example.com", WELCOME, "first")
    mail.deliver("bob@example.com", WELCOME)
    mail.deliver("ada@example.com", CONFIRMATION)
    mail.deliver("ada@example.com", WELCOME, "second")
    mailbox = Mailbox("http://127.0.0.1:4566")
    assert [found.text for found in mailbox.of("ada@example.com", WELCOME)] == ["first", "second"]
    assert len(mailbox.of("ada@example.com")) == 3
    assert mailbox.wait("ada@example.com", WELCOME, count=2).text == "second"
    with pytest.raises(NotSeenError, match=f"a mail '{WELCOME}' was not seen"):
        mailbox.wait("ada@example.com", WELCOME, within=0, count=3)


def test_two_people_have_nothing_in_common_and_a_password_is_not_shown() -> None:
    one, other = Person(), Person()
    assert one.username != other.username
    assert one.password != other.password
    assert one.email == f"{one.username}@example.com"
    assert one.password not in repr(one)


def test_a_person_registers_with_the_newest_code_of_their_mailbox(
    application: Application, mail: Messages
) -> None:
    application.cognito.sign_up.return_value = {"UserSub": "the-sub"}
    mail.deliver("bob@example.com", VERIFICATION, "Your code is 999999")
    mail.deliver(ADA.email, VERIFICATION, "Your code is 111111")
    mail.deliver(ADA.email, VERIFICATION, "Your code is 222222.")
    assert application.register(ADA) == "the-sub"
    application.cognito.confirm_sign_up.assert_called_once_with(
        ClientId="client", Username="ada", ConfirmationCode="222222"
    )


@pytest.mark.parametrize("text", ["", "Your code is 12345", "Your code is 1234567"])
def test_a_mail_without_a_code_ends_in_a_sentence(
    application: Application, mail: Messages, text: str
) -> None:
    mail.deliver(ADA.email, VERIFICATION, text)
    with pytest.raises(NotSeenError, match="the mail with the code holds no code"):
        application.code(ADA)


def test_opting_in_is_following_the_link(application: Application, mail: Messages) -> None:
    mail.deliver(ADA.email, CONFIRMATION, f"You chose to subscribe.\nVisit {LINK}\nto confirm.")
    application.opt_in(ADA)
    assert mail.followed == [LINK]


def test_a_link_that_leads_nowhere_is_an_error(application: Application, mail: Messages) -> None:
    mail.deliver(ADA.email, CONFIRMATION, f"{LINK}-expired")
    with pytest.raises(httpx.HTTPStatusError):
        application.opt_in(ADA)


def test_a_mail_without_a_link_ends_in_a_sentence(application: Application, mail: Messages) -> None:
    mail.deliver(ADA.email, CONFIRMATION, "https://example.com/")
    with pytest.raises(NotSeenError, match="the opt-in mail holds no link"):
        application.opt_in(ADA)


def test_mail_is_read_in_an_emulator_alone() -> None:
    with pytest.raises(ValueError, match="only an emulator shows its mail"):
        Application.of(environment.remote("dev", {}), {"user_pool_client_id": "client"})
