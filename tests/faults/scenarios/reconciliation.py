"""Users of the pool who were missed are registered, and records without a user are counted and left."""

from collections import Counter
from dataclasses import dataclass, field

from notifications.reconciliation_pass import PROGRESS, ROW_ID
from scripts.person import WELCOME, Person
from tests.accounts import made_by_administrator
from tests.faults.lane import Lane
from tests.faults.scenario import ROUNDS, Case, Scenario, duplicates

LONG_AGO = "2026-01-01T00:00:00.000Z"


@dataclass
class Missed(Case):
    """Two people without a record; one who has one; and a record whose user is gone.

    subs: of those who were missed. counted: what the passes have told of.
    """

    subs: dict[str, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)

    def act(self) -> None:
        self.lane.make_due(ROW_ID)
        answer, error = self.lane.invoke("reconcile", {})
        if not error:
            self.counted.update(answer)

    def recover(self) -> None:
        """The schedule goes on; what a pass has not told, the next one does."""
        for _ in range(ROUNDS):
            row = self.lane.notification(ROW_ID)
            over = row and not set(PROGRESS) & row.keys() and "LeaseEnd" not in row
            if over and self.counted["Orphaned"] and self._all_there():
                break
            self.act()
        self.sweep_all()

    def _all_there(self) -> bool:
        return all(self.lane.user(person) for person in self.people)

    def verify(self) -> int:
        self.check_records()
        *missed, had, lost = self.people
        for person in missed:
            record, sub = self.lane.user(person) or {}, self.subs[person.username]
            assert (record["Sub"], record["Email"]) == (sub, person.email), record
            welcome = self.check_sent(f"welcome#{sub}")
            assert welcome["CreatedAt"] == record["RegisteredAt"], "not of one transaction"
        for person in (had, lost):
            record = self.lane.user(person) or {}
            assert record["RegisteredAt"] == LONG_AGO, "a record was written anew"
            assert not self.lane.application.mailbox.of(person.email)
        assert self.counted["Orphaned"], "nobody was told of the record without a user"
        self.check_over()
        self.check_nobody_else()
        return sum(duplicates(self.lane.application.mailbox.of(one.email, WELCOME)) for one in missed)


def begin(lane: Lane) -> Case:
    case = Missed(lane)
    for _ in range(2):
        person = case.person()
        case.subs[person.username] = made_by_administrator(lane, person)
    had: Person = case.person()
    case.registered(had, Sub=made_by_administrator(lane, had), RegisteredAt=LONG_AGO)
    case.registered(RegisteredAt=LONG_AGO)
    return case


SCENARIOS = [Scenario("two people were missed, and one is gone", "reconcile", begin)]
