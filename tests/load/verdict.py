"""What must hold in the end: nothing lost, nothing twice, nothing at somebody else's address."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from notifications.notification import PENDING
from notifications.outbox import FANNING_OUT
from scripts.person import WELCOME, Mail, Person

NAME = "load-{run}-{number:06}"


def person(run: str, number: int) -> Person:
    """One of the people of a run, by number: the same name each time."""
    return Person(NAME.format(run=run, number=number))


@dataclass(frozen=True)
class Verdict:
    """Counts, of which those in MUST_BE_NONE must be none.

    nobody: 1 where nobody has confirmed, so that nothing could be lost.
    lost_on_the_way: people who came, met no error, and have not confirmed.
    records: people with a record. welcomes, broadcasts: mails. states: rows, by state.
    """

    MUST_BE_NONE = (
        "nobody",
        "lost_on_the_way",
        "without_record",
        "wrong_record",
        "unconfirmed_record",
        "without_welcome",
        "welcomed_twice",
        "wrong_address",
        "without_broadcast",
        "broadcast_twice",
        "not_final",
        "refused",
    )

    confirmed: int
    records: int
    welcomes: int
    broadcasts: int
    nobody: int = 0
    lost_on_the_way: int = 0
    without_record: int = 0
    wrong_record: int = 0
    unconfirmed_record: int = 0
    without_welcome: int = 0
    welcomed_twice: int = 0
    wrong_address: int = 0
    without_broadcast: int = 0
    broadcast_twice: int = 0
    not_final: int = 0
    refused: int = 0
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def wrong(self) -> dict[str, int]:
        """What must be none and is not."""
        return {name: getattr(self, name) for name in self.MUST_BE_NONE if getattr(self, name)}


def judge(
    run: str,
    came: Collection[str],
    confirmed: Collection[str],
    records: Iterable[Mapping[str, Any]],
    rows: Iterable[Mapping[str, Any]],
    mails: Iterable[Mail],
    broadcast: str = "",
    refused: int = 0,
) -> Verdict:
    """Compares who confirmed with what there is.

    Args:
        came: the usernames of those who came, but for those whom an error has stopped.
        confirmed: the usernames of those who are, by the user pool.
        records: of the users' table. rows: of the notifications' table. mails: all.
        broadcast: a mark in every mail of what was for everyone; empty if there was nothing.
        refused: requests that were.
    """
    ours = re.compile(rf"load-{run}-\d{{6,}}")
    expected = {name: Person(name).email for name in confirmed if ours.fullmatch(name)}
    addresses = {
        record["UserID"]: record.get("Email")
        for record in records
        if ours.fullmatch(str(record.get("UserID")))
    }
    welcomes: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    wrong = 0
    for mail in mails:
        named = set(ours.findall(f"{mail.subject}\n{mail.text}\n{mail.html}"))
        to = {address.partition("@")[0] for address in mail.to if ours.match(address)}
        if not named and not to:
            continue
        # whoever is named in a mail is who it is for
        if len(mail.to) != 1 or not named <= to:
            wrong += 1
        welcomed = mail.subject == WELCOME
        welcomes.update(to if welcomed else ())
        sent.update(to if broadcast and not welcomed and broadcast in mail.text else ())
    states = Counter(
        str(row.get("State"))
        for row in rows
        if ours.fullmatch(str(row.get("UserID"))) or row.get("NotificationID") == f"app#{broadcast}"
    )
    return Verdict(
        confirmed=len(expected),
        records=len(addresses),
        welcomes=sum(welcomes.values()),
        broadcasts=sum(sent.values()),
        nobody=int(not expected),
        lost_on_the_way=len(set(came) - expected.keys()),
        without_record=len(expected.keys() - addresses.keys()),
        wrong_record=sum(expected.get(name, email) != email for name, email in addresses.items()),
        unconfirmed_record=len(addresses.keys() - expected.keys()),
        without_welcome=len(expected.keys() - welcomes.keys()),
        welcomed_twice=sum(count > 1 for count in welcomes.values()),
        wrong_address=wrong,
        without_broadcast=len(expected.keys() - sent.keys()) if broadcast else 0,
        broadcast_twice=sum(count > 1 for count in sent.values()),
        not_final=sum(count for state, count in states.items() if state in {*PENDING, FANNING_OUT}),
        refused=refused,
        states=dict(states),
    )
