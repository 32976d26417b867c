"""What a case finds wrong: whose a record, a row and a message is."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.person import Mail, Person
from tests.faults.lane import Lane
from tests.faults.scenarios.delivery import Delivery

ADA, BOB = Person("ada"), Person("bob")


def case(
    *mails: Mail, direct: tuple[tuple[str, str], ...] = (), records: dict[Person, Any] | None = None
) -> Delivery:
    """A case of two people, with what there is in the end."""
    mailbox = SimpleNamespace(all=lambda: mails, direct=lambda: direct)
    found = {each: {"Email": each.email} for each in (ADA, BOB)} | (records or {})
    lane = SimpleNamespace(application=SimpleNamespace(mailbox=mailbox), user=found.get)
    return Delivery(cast(Lane, lane), [ADA, BOB])


TO_ADA = Mail([ADA.email], "Order", "Hello ada, it is on its way.", 1.0)


def test_what_somebody_is_sent_may_be_at_them() -> None:
    case(TO_ADA, Mail(["eve@example.com"], "Order", "Hello eve.", 1.0)).check_nobody_else()


@pytest.mark.parametrize("to", [["eve@example.com"], [BOB.email], [ADA.email, BOB.email], []])
def test_a_mail_at_anybody_else_is_seen_though_they_are_of_the_same_case(to: list[str]) -> None:
    with pytest.raises(AssertionError, match="a mail of ada"):
        case(replace(TO_ADA, to=to)).check_nobody_else()


def test_a_message_at_another_number_is_seen() -> None:
    told = ("+15550100", "Order of ada")
    case(direct=(told,)).check_nobody_else(phones=["+15550100"])
    with pytest.raises(AssertionError, match="a message of"):
        case(direct=(told,)).check_nobody_else(phones=["+15550199"])


@pytest.mark.parametrize(("record", "said"), [(None, "no record"), ({"Email": ADA.email}, "other addresses")])
def test_a_record_that_is_missing_or_anothers_is_seen(record: Any, said: str) -> None:
    case().check_records()
    with pytest.raises(AssertionError, match=said):
        case(records={BOB: record}).check_records()
