"""What applications ask for: each valid request is delivered once, the others are refused with a reason."""

import random
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any

import pytest

from notifications.notification import timestamp
from scripts.catalogue import Catalogue
from scripts.person import Person, wait_for
from tests.deployment import Deployment, Member
from tests.samples import order, sample

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")
# in full by one way for e-mail; enough to see by the other that it is all the same
REQUESTS = {"sns": 200, "ses": 2000}
CROWD = {"sns": 200, "ses": 2000}
BY_SMS = {"orders": {"Email": False, "SMS": True}}


def refusable(mark: str, reader: Person, taken: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Requests that must be refused, without end, each with the code of the reason."""
    for number in count():
        good = {"id": f"{mark}-bad-{number}", "to": {"user": reader.username}, "category": "orders"}
        yield "invalid_json", f"no JSON {mark} {number}"
        yield "invalid_request", {**good, "data": "text"}
        yield "invalid_request", {name: value for name, value in good.items() if name != "to"}
        yield "unknown_category", {**good, "category": "no_such"}
        yield "no_such_user", {**good, "to": {"user": "nobody"}}
        yield "invalid_time", {**good, "expires_at": "2020-01-01T00:00:00Z"}
        yield "key_was_used", {**taken[number], "data": order("another")}


def test_of_two_thousand_requests_each_valid_one_is_delivered_once_and_each_invalid_one_refused(
    system: Deployment,
) -> None:
    mark, phone = secrets.token_hex(4), f"+1555{secrets.randbelow(10**7):07}"
    requests = REQUESTS[system.way]
    repeated, invalid = requests // 3, requests // 10
    with system.crowd(20, Preferences=BY_SMS, PhoneNumber=phone) as readers:
        orders: list[dict[str, Any]] = [
            {
                "id": f"{mark}-{number}",
                "to": {"user": random.choice(readers).username},  # noqa: S311 - not a secret
                "category": "orders",
                "data": order(f"{mark}-{number}"),
            }
            for number in range(requests - repeated - invalid)
        ]
        wrong = list(islice(refusable(mark, readers[0], orders), invalid))
        # whoever comes first has the key, so a wrong one with the same key must come later
        system.send(*orders[:repeated])
        wait_for("the first rows", lambda: len(system.rows_of(mark)) >= repeated or None, within=120, every=2)
        rest = [*orders[repeated:], *orders[:repeated], *(request for _, request in wrong)]
        random.shuffle(rest)
        before = len(system.refused())
        system.send(*rest)

        wait_for("an empty queue", lambda: system.in_queue() == 0 or None, within=240, every=2)

        def settled() -> Counter[str] | None:
            states = Counter(row["State"] for row in system.rows_of(mark))
            return states if "QUEUED" not in states else None

        assert wait_for("the rows to settle", settled, within=240, every=2) == {"SENT": len(orders)}
        texts = system.application.mailbox.texts(phone)
        told = [re.findall(rf"<{mark}-\d+>", text) for text in texts]
        assert Counter(number for numbers in told for number in set(numbers)) == Counter(
            request["data"]["order"] for request in orders
        )
        assert len(texts) == len(orders)
        letters = system.refused()[before:]
        assert Counter(letter["reason"]["code"] for letter in letters) == Counter(code for code, _ in wrong)
        assert all(letter["reason"]["message"].endswith(".") for letter in letters)


def test_everyone_is_one_row_each_with_everybodys_own_preferences(
    system: Deployment, reachable: Member
) -> None:
    """Of a crowd, some want it by SMS and the others not at all; somebody who joins later gets nothing."""
    key, phone = f"sale-{secrets.token_hex(4)}", f"+1555{secrets.randbelow(10**7):07}"
    by_sms = {"promotions": {"Email": False, "SMS": True}}
    with (
        system.crowd(CROWD[system.way] - 50, Preferences={"promotions": {"Email": False}}) as deaf,
        system.crowd(50, Preferences=by_sms, PhoneNumber=phone) as readers,
    ):
        data = {**sample(Catalogue.example("shop"), "promotions"), "code": key}
        everyone = system.ask("promotions", "everyone", id=key, data=data)
        wait_for("the broadcast", lambda: system.notification(everyone), within=30)
        with system.crowd(5, Preferences=by_sms, PhoneNumber=phone) as late:
            system.invoke("broadcast", {})
            assert system.wait_state(everyone, "FANNED_OUT", within=240)["Count"] >= CROWD[system.way]

            def settled() -> list[dict[str, Any]] | None:
                rows = system.rows_of(f"{key}#")
                return rows if all(row["State"] != "QUEUED" for row in rows) else None

            rows = wait_for("the rows to settle", settled, within=300, every=3)
    states = {row["UserID"]: row["State"] for row in rows}
    assert len(states) == len(rows)
    assert {states[person.username] for person in deaf} == {"SKIPPED"}
    assert {states[person.username] for person in readers} == {"SENT"}
    assert not {person.username for person in late} & set(states)
    assert len([text for text in system.application.mailbox.texts(phone) if key in text]) == len(readers)
    assert states[reachable.person.username] == "SENT"
    mails = [mail for mail in system.application.mailbox.of(reachable.person.email) if key in mail.text]
    assert len(mails) == 1


def test_what_has_not_been_sent_can_be_cancelled(system: Deployment, reachable: Member) -> None:
    later = timestamp(datetime.now(UTC) + timedelta(hours=1))
    asked = system.ask("orders", reachable.person, data=order(1), not_before=later)
    assert system.wait_state(asked, "DEFERRED")["Reason"] == "NotBefore"
    system.send({"id": asked.removeprefix("app#"), "cancel": True})
    system.wait_state(asked, "CANCELLED")
    system.sweep(asked)
    assert system.wait_state(asked, "CANCELLED")["Results"] == {}


def test_what_is_sent_cannot_be_cancelled_and_that_is_said(system: Deployment, reachable: Member) -> None:
    asked = system.ask("orders", reachable.person, data=order(2))
    system.wait_state(asked, "SENT")
    key = asked.removeprefix("app#")
    system.send({"id": key, "cancel": True})
    letter = wait_for(
        "the refusal",
        lambda: next((one for one in system.refused() if key in one["request"]), None),
        within=20,
        every=1,
    )
    assert letter["reason"]["code"] == "too_late"


def test_a_notification_for_later_is_sent_when_its_time_has_come(
    system: Deployment, reachable: Member
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=5)
    asked = system.ask("orders", reachable.person, data=order(3), not_before=timestamp(soon))
    system.wait_state(asked, "DEFERRED", "SENT")
    row = system.swept(asked, "SENT")
    assert min(result["At"] for result in row["Results"].values()) >= timestamp(soon)
