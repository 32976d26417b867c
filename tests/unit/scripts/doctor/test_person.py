from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from notifications.channels.sns_email import filter_policy
from notifications.notification import State, milliseconds, timestamp
from notifications.rows import marshal
from scripts.doctor.checks.person import person
from scripts.doctor.findings import Status

from .conftest import BROKEN, NOW, OK, WARNING, Clinic

SUB, EMAIL = "11111111-2222-3333-4444-555555555555", "ada@example.com"
WELCOME, ERASURE = f"welcome#{SUB}", f"erasure#{SUB}"
SUBSCRIPTION = "arn:aws:sns:eu-west-1:123456789012:people-notifications:0"


def account(status: str = "CONFIRMED", **more: Any) -> dict[str, Any]:
    """AdminGetUser's answer; the pool knows the username in small letters."""
    attributes = [{"Name": "sub", "Value": SUB}, {"Name": "email", "Value": EMAIL}]
    return {
        "Username": "ada",
        "UserAttributes": attributes,
        "UserStatus": status,
        "UserCreateDate": NOW,
        "Enabled": True,
        **more,
    }


def record(**more: Any) -> dict[str, Any]:
    return {
        "UserID": "ada",
        "Sub": SUB,
        "Email": EMAIL,
        "EmailVerified": True,
        "RegisteredAt": timestamp(NOW - timedelta(hours=1)),
        "SubscriptionArn": SUBSCRIPTION,
        **more,
    }


def welcome(
    state: State = State.SENT, reason: str = "", due: timedelta | None = None, **more: Any
) -> dict[str, Any]:
    waiting = {} if due is None else {"DueAt": milliseconds(NOW + due)}
    return {
        "NotificationID": WELCOME,
        "UserID": "ada",
        "Sub": SUB,
        "Category": "account",
        "Template": "welcome",
        "Data": {},
        "State": str(state),
        "Reason": reason,
        "Attempts": 3,
        "CreatedAt": timestamp(NOW - timedelta(hours=1)),
        "GoodUntil": timestamp(NOW + timedelta(days=4)),
        "Results": {"Email": {"State": "SENT", "At": "2026-06-01T11:00:00.000Z"}},
        **waiting,
        **more,
    }


def rows(*found: Mapping[str, Any]) -> Any:
    """GetItem of both tables, with these rows."""

    def answer(given: Mapping[str, Any]) -> dict[str, Any]:
        ours = (row for row in found if given["Key"].items() <= marshal(row).items())
        return next(({"Item": marshal(row)} for row in ours), {})

    return answer


def subscription(**more: str) -> dict[str, Any]:
    return {
        "Attributes": {
            "Endpoint": EMAIL,
            "FilterPolicy": filter_policy(EMAIL),
            "PendingConfirmation": "false",
            **more,
        }
    }


@pytest.fixture
def known(clinic: Clinic) -> Clinic:
    """Somebody who was welcomed."""
    return clinic.answering(
        cognito_idp__AdminGetUser=account(),
        dynamodb__GetItem=rows(record(), welcome()),
        sns__GetSubscriptionAttributes=subscription(),
        sesv2__GetSuppressedDestination="NotFoundException",
    )


def told(clinic: Clinic) -> dict[str, tuple[Status, str]]:
    for finding in clinic.look(person, user="Ada"):
        assert EMAIL not in finding.next_step
        assert finding.about in (f"sub {SUB}", "the person asked about")
    return clinic.told(person, user="Ada")


def with_rows(clinic: Clinic, *found: Mapping[str, Any]) -> dict[str, tuple[Status, str]]:
    return told(clinic.answering(dynamodb__GetItem=rows(*found)))


def test_nobody_is_looked_at_who_is_not_asked_about(clinic: Clinic) -> None:
    assert clinic.look(person) == []
    assert clinic.aws.calls == []


def test_somebody_who_was_welcomed(known: Clinic) -> None:
    assert told(known) == {}
    assert known.aws.given("cognito-idp.AdminGetUser")[0]["Username"] == "Ada"
    sent = next(f for f in known.look(person, user="ada") if f.check == "person.welcome")
    assert "taken by Email at 2026-06-01T11:00 UTC" in sent.seen


def test_standing_in_the_pool(known: Clinic) -> None:
    def standing(answer: Any) -> dict[str, Status]:
        found = told(known.answering(cognito_idp__AdminGetUser=answer))
        return {check: status for check, (status, _words) in found.items()}

    assert standing("UserNotFoundException") == {"person.account": BROKEN}
    assert standing(account("UNCONFIRMED")) == {"person.account": WARNING}
    assert standing(account("FORCE_CHANGE_PASSWORD")) == {}
    assert standing(account(Enabled=False)) == {"person.account": WARNING}


def test_without_a_record_they_are_to_be_reconciled(known: Clinic) -> None:
    for found in ([], [record(Sub="of-another")]):
        status, words = with_rows(known, *found)["person.record"]
        assert status is BROKEN
        assert "make reconcile ENV=prod APPLY=1" in words


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (account("EXTERNAL_PROVIDER"), WARNING, "another identity provider"),
        (account(Enabled=False), BROKEN, "Once they are enabled: make reconcile"),
    ],
)
def test_those_whom_reconciling_leaves_alone(known: Clinic, found: Any, status: Status, words: str) -> None:
    clinic = known.answering(cognito_idp__AdminGetUser=found)
    told_status, told_words = with_rows(clinic)["person.record"]
    assert told_status is status
    assert words in told_words


def test_who_asked_to_be_forgotten_is_not_to_be_reconciled(known: Clinic) -> None:
    looked = with_rows(known, {"NotificationID": ERASURE, "State": "ERASING"})
    assert looked["person.record"][0] is WARNING
    assert "reconcile" not in looked["person.record"][1]


def test_a_record_of_an_earlier_person_is_told_from_none(known: Clinic) -> None:
    of_another = with_rows(known, record(Sub="of-another"))["person.record"][1]
    none = with_rows(known)["person.record"][1]
    assert "an earlier person's" in of_another
    assert "APPLY=1 ERASE=1 for that one, then make reconcile ENV=prod APPLY=1." in of_another
    assert "an earlier person's" not in none
    assert "ERASE" not in none


def test_a_record_that_cannot_be_used(known: Clinic) -> None:
    assert with_rows(known, record(Devices="x"), welcome())["person.record"][0] is BROKEN
    assert with_rows(known, record(Email="another"), welcome())["person.record"][0] is WARNING


def test_a_welcome_that_was_never_asked_for_unless_it_is_long_ago(known: Clinic) -> None:
    assert with_rows(known, record())["person.welcome"][0] is BROKEN
    assert with_rows(known, record(RegisteredAt="2025-06-01T00:00:00.000Z")) == {}


@pytest.mark.parametrize(
    ("row", "status", "words"),
    [
        (welcome(State.QUEUED, due=timedelta(seconds=60)), OK, ""),
        (welcome(State.QUEUED, due=timedelta(minutes=-6)), BROKEN, "nobody takes it"),
        (welcome(State.QUEUED), BROKEN, "due at no time"),
        (welcome(State.DEFERRED, "QuietHours", timedelta(hours=3)), OK, ""),
        (welcome(State.RETRY, "Throttling", timedelta(minutes=1)), WARNING, "tried 3 of 12 times"),
        (
            welcome(State.WAITING_OPT_IN, "PendingConfirmation", timedelta(minutes=1)),
            WARNING,
            "since 2026-06-01 11:00 UTC; that lapses about 2026-06-03 11:00 UTC",
        ),
        (
            welcome(State.WAITING_OPT_IN, "EmailNotVerified", timedelta(minutes=1)),
            WARNING,
            "set the record's",
        ),
        (welcome(State.SKIPPED, "OptedOut"), WARNING, "switched it off"),
        (welcome(State.SKIPPED, "Stopped: Bounce"), WARNING, "does not take mail"),
        (welcome(State.SKIPPED, "RecipientGone"), WARNING, "make reconcile ENV=prod."),
        (welcome(State.CANCELLED, "Cancelled"), WARNING, "CANCELLED"),
        (welcome(State.EXPIRED, "TooLate"), BROKEN, "waited for longer"),
        (welcome(State.EXPIRED, "SubscriptionGone"), BROKEN, "lapsed before they opted in"),
        (welcome(State.FAILED, "FilterPolicyLimitExceeded"), BROKEN, "filter policies are used up"),
        (welcome(State.FAILED, "GaveUp: ThrottlingException"), BROKEN, "as often as it may be"),
        (welcome(State.FAILED, "Template: no such text"), BROKEN, "Mend the template"),
        (welcome(State.FAILED, "MessageRejected"), BROKEN, "SES did not take it"),
        (welcome(State.FAILED, "SomethingNew"), BROKEN, "Look the error up"),
        ({**welcome(), "State": "UNHEARD_OF"}, BROKEN, "none that there is"),
        (welcome(State.RETRY, due=timedelta(0), GoodUntil="never"), BROKEN, "cannot be read"),
    ],
)
def test_why_a_welcome_has_not_come(known: Clinic, row: dict[str, Any], status: Status, words: str) -> None:
    looked = with_rows(known, record(), row)
    assert looked.get("person.welcome", (OK, ""))[0] is status
    assert words in looked.get("person.welcome", (OK, ""))[1]


def test_a_channel_that_is_stopped(known: Clinic) -> None:
    stopped = {"Email:sns": {"Reason": "SubscriptionGone", "At": "2026-05-01T00:00:00.000Z"}}
    status, words = with_rows(known, record(Stopped=stopped), welcome())["person.stopped"]
    assert status is WARNING
    assert "Email:sns is stopped since 2026-05-01T00:00 (SubscriptionGone)" in words
    assert "PUT /preferences" in words


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (subscription(), None),
        (subscription(Endpoint="ADA@example.com"), None),
        (subscription(PendingConfirmation="true"), WARNING),
        (subscription(Endpoint="another"), WARNING),
        (subscription(FilterPolicy='{"recipient": ["another"]}'), BROKEN),
        ({"Attributes": {"Endpoint": EMAIL}}, BROKEN),
        ("NotFound", WARNING),
    ],
)
def test_a_subscription(known: Clinic, answer: Any, status: Status | None) -> None:
    looked = told(known.answering(sns__GetSubscriptionAttributes=answer))
    assert {check: found for check, (found, _words) in looked.items()} == (
        {"person.subscription": status} if status else {}
    )


def test_somebody_who_was_not_subscribed_yet(known: Clinic) -> None:
    row = welcome(State.QUEUED, due=timedelta(seconds=60))
    assert set(with_rows(known, record(SubscriptionArn=""), row)) == {"person.subscription"}


def test_an_address_that_ses_does_not_write_to(known: Clinic) -> None:
    by_ses = known.giving(email_delivery="ses")
    assert told(by_ses) == {}
    assert (
        "GetUserAttributeVerificationCode"
        in with_rows(by_ses, record(EmailVerified=False), welcome())["person.address"][1]
    )
    listed = {"SuppressedDestination": {"EmailAddress": EMAIL, "Reason": "BOUNCE", "LastUpdateTime": NOW}}
    status, words = told(by_ses.answering(sesv2__GetSuppressedDestination=listed))["person.address"]
    assert status is WARNING
    assert "since 2026-06-01 12:00 UTC (BOUNCE)" in words
