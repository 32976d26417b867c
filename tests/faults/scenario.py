"""What a scenario is: something that a function does for people, and what must be true of it in the end.

The modules in `tests.faults.scenarios` each hold some, for a function or two, in a list `SCENARIOS`; nothing
else names them. The matrix runs each once without faults, to see which calls the function makes, and then
once for each call and fault:

    begin      without faults: who is there, what was asked for
    act        with the fault: the function does its work. Once; or, while a fault lasts for a stretch, again,
               as the platform would call it again
    recover    without faults: what time and operators do afterwards, a bounded number of times
    verify     nothing is lost, nothing went to somebody else; how many duplicates there are
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from notifications.notification import PENDING, State
from notifications.outbox import FANNING_OUT
from notifications.reconciliation_pass import ROW_ID
from notifications.registration import Person as Registered
from notifications.registration import record_of, welcome_of
from notifications.rows import marshal, unmarshal
from scripts.person import Person
from tests.deployment import Row
from tests.faults.history import put
from tests.faults.lane import Lane

# rounds of what time does after a fault: more than any of them needs, and an end for what goes nowhere
ROUNDS = 6


@dataclass
class Case(ABC):
    """One run of a scenario, in a lane that was empty when it began.

    people: everybody in it. words: by whose message it is, what stands in it and nowhere else, in whatever
        message; their username and address are such words already.
    """

    lane: Lane
    people: list[Person] = field(default_factory=list)

    @abstractmethod
    def act(self) -> None:
        """Makes the function do its work. Does not raise, whatever the function does."""

    @abstractmethod
    def recover(self) -> None:
        """What time and operators do afterwards, without faults."""

    @abstractmethod
    def verify(self) -> int:
        """The number of duplicates.

        Raises:
            AssertionError: somebody lacks a record or a message, a row has not come to its end, or somebody
                has what is not theirs. The message says which, and whose it is.
        """

    def person(self) -> Person:
        """Somebody new in the case."""
        self.people.append(person := Person())
        return person

    def registered(self, person: Person | None = None, email: str = "", **attributes: object) -> Registered:
        """A person with a record, as the trigger writes it, and no row.

        person: one of the case; somebody new where it is not given. email: another than is theirs now.
        """
        person = person or self.person()
        who = Registered(
            person.username, f"sub-{person.username}", email or person.email, email_verified=True
        )
        record = {**record_of(who, datetime.now(UTC)), **attributes}
        self.lane.dynamodb.put_item(TableName=self.lane.outputs["user_table_name"], Item=marshal(record))
        return who

    def subscribed(self, who: Registered, *, answered: bool = True) -> None:
        """Subscribes somebody who has a record, which only `deliver` may, and opts in for them, if wanted."""
        welcome = welcome_of(who, datetime.now(UTC)).to_row()
        put(self.lane, welcome)
        self.lane.stream(welcome["NotificationID"])
        if not self.lane.application.mailbox.of(who.email):
            # a busy machine has kept `deliver` from it
            self.lane.make_due(welcome["NotificationID"])
            self.lane.invoke("sweep", {})
        if answered:
            self.lane.application.opt_in(Person(who.user_id, who.email.partition("@")[2]))
        self.lane.dynamodb.delete_item(
            TableName=self.lane.outputs["notification_table_name"],
            Key=marshal({"NotificationID": welcome["NotificationID"]}),
        )

    # ------------------------------------------------------- what cases need to recover and to verify

    def pending(self) -> list[str]:
        """The ids of the rows that have not come to their end. Reconciliation's own never does."""
        rows = (unmarshal(item) for item in self.lane.rows())
        return sorted(row["NotificationID"] for row in rows if not _is_over(row))

    def sweep_all(self) -> None:
        """Makes what waits due, and sweeps, until nothing waits; at most so often."""
        for _ in range(ROUNDS):
            waiting = self.pending()
            if not waiting:
                return
            for notification_id in waiting:
                self.lane.make_due(notification_id)
            self.lane.invoke("sweep", {})

    def fan_out(self) -> None:
        """Lets `broadcast` go on until all that is for everyone has become rows; at most so often."""
        for _ in range(ROUNDS):
            waiting = [
                row["NotificationID"]["S"] for row in self.lane.rows() if row["State"]["S"] == FANNING_OUT
            ]
            if not waiting:
                return
            for notification_id in waiting:
                self.lane.make_due(notification_id)
            self.lane.invoke("broadcast", {})

    def check_records(self, people: Iterable[Person] | None = None) -> None:
        """Everybody has a record, with their own address."""
        everybody = list(people or self.people)
        records = [self.lane.user(person) for person in everybody]
        missing = [person.username for person, record in zip(everybody, records, strict=True) if not record]
        assert not missing, f"no record: {missing}"
        addresses = [record["Email"] for record in records if record]
        assert addresses == [each.email for each in everybody], f"records with other addresses: {addresses}"

    def check_over(self) -> None:
        """Every row is in a final state."""
        assert not (waiting := self.pending()), f"not in a final state: {waiting}"

    def check_sent(self, *notification_ids: str) -> Row:
        """Rows that must be there, and SENT; the last of them."""
        row: Row | None = None
        for notification_id in notification_ids:
            row = self.lane.notification(notification_id)
            assert row, f"no row: {notification_id}"
            assert row["State"] == State.SENT, f"{notification_id} is {row['State']}: {row.get('Reason')}"
        assert row
        return row

    def check_nobody_else(self, *, phones: Sequence[str] = (), devices: Sequence[str] = ()) -> None:
        """No message with a word of these people is at somebody else, one of the others among them.

        phones, devices: theirs.
        """
        words = [word for person in self.people for word in (person.username, person.email)]
        mailbox = self.lane.application.mailbox
        for mail in mailbox.all():
            content = f"{mail.subject}\n{mail.text}\n{mail.html}"
            for person in self.people:
                if person.username in content or person.email in content:
                    assert mail.to == [person.email], f"a mail of {person.username} is at {mail.to}"
        for number, text in mailbox.direct():
            if any(word in text for word in words):
                assert number in (*phones, *devices), f"a message of {words} is at {number}"


def _is_over(row: Row) -> bool:
    if row["NotificationID"] == ROW_ID:
        return True
    return "DueAt" not in row and row.get("State") not in PENDING


def duplicates(received: Sequence[object], wanted: int = 1) -> int:
    """How many messages are too many.

    Raises:
        AssertionError: there are too few.
    """
    assert len(received) >= wanted, f"lost: {wanted} message(s) wanted, {len(received)} there"
    return len(received) - wanted


@dataclass(frozen=True)
class Scenario:
    """Something that a function does for people.

    name: in a few words. function: whose calls are broken, by its handler. begin: arranges a case in a lane.
    way: how e-mail goes out; empty where that makes no difference to the function.
    """

    name: str
    function: str
    begin: Callable[[Lane], Case]
    way: str = ""

    def __str__(self) -> str:
        return f"{self.function}: {self.name}"


def scenarios(way: str) -> list[Scenario]:
    """All that are to be run with e-mail going out this way; what is the same by both, by SES alone."""
    package = importlib.import_module("tests.faults.scenarios")
    modules = (
        importlib.import_module(f"{package.__name__}.{m.name}")
        for m in pkgutil.iter_modules(package.__path__)
    )
    found: list[Scenario] = [each for module in modules for each in module.SCENARIOS]
    names = [str(each) + each.way for each in found]
    assert len(set(names)) == len(names), "two scenarios have one name"
    return [each for each in found if (each.way or "ses") == way]
