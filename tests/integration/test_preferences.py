"""What people choose, from the HTTP API to what reaches them: one case of each kind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from notifications.notification import milliseconds
from scripts.catalogue import Catalogue
from tests.deployment import Deployment, Member
from tests.samples import order, sample

from .test_catalogues import LINK

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")
ALL_OFF = {"Email": False, "SMS": False, "Push": False}
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")


@pytest.fixture(autouse=True)
def _as_it_was(system: Deployment, reachable: Member) -> Iterator[None]:
    yield
    record = system.user(reachable.person)
    assert record
    system.dynamodb.update_item(
        TableName=system.outputs["user_table_name"],
        Key={"UserID": {"S": reachable.person.username}},
        UpdateExpression="REMOVE Preferences, Enabled, QuietHours, Stopped",
    )


def outcome(system: Deployment, asked: str) -> tuple[str, str, dict[str, str]]:
    """State and reason of a row that has come to something, and the state by channel."""
    row = system.wait_state(asked, "SENT", "SKIPPED", "DEFERRED", "FAILED", within=20)
    results = {target.split(":")[0]: result["State"] for target, result in row["Results"].items()}
    return row["State"], row["Reason"], results


def quiet_now() -> tuple[dict[str, str], datetime]:
    """Quiet hours that hold now, far from here, and when they are over."""
    here = datetime.now(UTC)
    there = here.astimezone(KIRITIMATI)
    start, end = there - timedelta(hours=2), (there + timedelta(hours=2)).replace(second=0, microsecond=0)
    return (
        {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}", "time_zone": KIRITIMATI.key},
        end.astimezone(UTC),
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("SENT", "", {"Email": "SENT", "SMS": "SENT"})),
        (
            {"categories": {"orders": {"Email": False, "Push": True}}},
            ("SENT", "", {"SMS": "SENT", "Push": "SENT"}),
        ),
        ({"categories": {"orders": ALL_OFF}}, ("SKIPPED", "OptedOut", {})),
        ({"enabled": False}, ("SKIPPED", "OptedOut", {})),
    ],
    ids=["as the catalogue says", "by channel", "the category is off", "everything is off"],
)
def test_a_message_reaches_the_channels_that_the_person_wants(
    system: Deployment, reachable: Member, changes: dict[str, Any], expected: Any
) -> None:
    reachable.prefer(**changes)
    assert outcome(system, system.ask("orders", reachable.person, data=order(10))) == expected


def test_a_channel_that_was_stopped_is_left_out_until_the_person_resumes(
    system: Deployment, reachable: Member
) -> None:
    stopped = {"Reason": "InvalidNumber", "At": "2026-11-22T00:00:00.000Z"}
    system.change_record(reachable.person, Stopped={"SMS": stopped})
    states = outcome(system, system.ask("orders", reachable.person, data=order(11)))[2]
    assert states == {"Email": "SENT", "SMS": "SKIPPED"}
    reachable.prefer(resume=["SMS"])
    states = outcome(system, system.ask("orders", reachable.person, data=order(12)))[2]
    assert states == {"Email": "SENT", "SMS": "SENT"}


def test_a_channel_that_is_not_set_up_is_said_to_be_so(system: Deployment) -> None:
    member = system.member()
    states = outcome(system, system.ask("orders", member.person, data=order(13)))[2]
    assert states == {"Email": "SENT", "SMS": "SKIPPED"}


def test_quiet_hours_defer_to_the_minute_and_then_it_is_sent(system: Deployment, reachable: Member) -> None:
    hours, over = quiet_now()
    reachable.prefer(quiet_hours=hours)
    asked = system.ask("orders", reachable.person, data=order(14))
    assert outcome(system, asked)[:2] == ("DEFERRED", "QuietHours")
    row = system.notification(asked)
    assert row
    assert row["DueAt"] == milliseconds(over)
    reachable.prefer(quiet_hours=None)
    system.sweep(asked)
    assert system.wait_state(asked, "SENT")["Results"].keys() == {"Email", "SMS"}


def test_what_is_over_before_the_quiet_hours_are_expires(system: Deployment, reachable: Member) -> None:
    hours, _ = quiet_now()
    reachable.prefer(quiet_hours=hours)
    soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    asked = system.ask("orders", reachable.person, data=order(15), expires_at=soon)
    assert outcome(system, asked)[:2] == ("DEFERRED", "QuietHours")
    assert system.swept(asked, "EXPIRED")["Results"] == {}


def test_what_is_critical_beats_switches_and_quiet_hours(
    system: Deployment, reachable: Member, catalogues: dict[str, Catalogue]
) -> None:
    reachable.prefer(enabled=False, quiet_hours=quiet_now()[0])
    system.change_record(reachable.person, Preferences={"account_alerts": ALL_OFF})
    data = sample(catalogues["bank"], "account_alerts")
    asked = system.ask("account_alerts", reachable.person, data=data)
    assert outcome(system, asked) == ("SENT", "", {"Email": "SENT", "SMS": "SENT", "Push": "SENT"})
    reminder = system.ask("payment_reminders", reachable.person)
    assert outcome(system, reminder)[:2] == ("SKIPPED", "OptedOut")


def test_who_unsubscribes_by_link_gets_that_category_no_more_by_mail_but_still_what_is_critical(
    system: Deployment, reachable: Member, catalogues: dict[str, Catalogue]
) -> None:
    system.wait_state(system.ask("orders", reachable.person, data=order("unsubscribe-me")), "SENT")
    mail = next(
        mail
        for mail in system.application.mailbox.of(reachable.person.email)
        if "unsubscribe-me" in mail.text
    )
    link = LINK.search(mail.text)
    assert link
    if system.way == "ses":
        assert mail.headers["List-Unsubscribe"] == f"<{link[0]}>"
        assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    before = system.user(reachable.person)
    assert httpx.get(link[0], trust_env=False).status_code == 200
    assert system.user(reachable.person) == before, "a mail scanner that follows the link changes nothing"
    one_click = {"List-Unsubscribe": "One-Click"}
    assert httpx.post(link[0], data=one_click, trust_env=False).status_code == 200
    asked = system.ask("orders", reachable.person, data=order(16))
    assert outcome(system, asked) == ("SENT", "", {"SMS": "SENT"})
    data = sample(catalogues["bank"], "account_alerts")
    asked = system.ask("account_alerts", reachable.person, data=data)
    assert outcome(system, asked)[2]["Email"] == "SENT"
