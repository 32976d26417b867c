"""Somebody signs up and confirms: Cognito calls the trigger, and people without a record are reconciled."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from notifications.notification import State
from notifications.registration import Person as Registered
from notifications.registration import welcome_of
from notifications.rows import marshal
from scripts.person import WELCOME
from tests.faults.lane import Lane
from tests.faults.scenario import Case, Scenario, duplicates

# more than it takes: one sees to everybody
PASSES = 3


@dataclass
class Registration(Case):
    """One person, who confirms once: Cognito takes no second confirmation of theirs.

    wanted: how many welcomes they are to get.
    """

    sub: str = ""
    code: str = ""
    wanted: int = 1

    def act(self) -> None:
        try:
            self.lane.application.confirm(self.people[0], self.code)
        except (ClientError, BotoCoreError):
            # the person sees an error, and is confirmed all the same
            return

    def recover(self) -> None:
        self.lane.stream(*self.pending())
        self.reconcile()
        self.sweep_all()

    def reconcile(self) -> None:
        """What the schedule of `reconcile` does, the minute left out for which it waits for Cognito."""
        for _ in range(PASSES):
            self.lane.make_due("reconciliation")
            self.lane.invoke("reconcile", {})

    def verify(self) -> int:
        person = self.people[0]
        self.check_records()
        self.check_sent(f"welcome#{self.sub}")
        self.check_over()
        self.check_nobody_else()
        return duplicates(self.lane.application.mailbox.of(person.email, WELCOME), self.wanted)


def begin(lane: Lane) -> Registration:
    case = Registration(lane)
    person = case.person()
    case.sub = lane.application.sign_up(person)
    case.code = lane.application.code(person)
    return case


def begin_without_record(lane: Lane) -> Case:
    """Their welcome was sent, and the record that was written with it is gone when the trigger runs."""
    case = begin(lane)
    who = Registered(case.people[0].username, case.sub, case.people[0].email, email_verified=True)
    welcome = replace(welcome_of(who, datetime.now(UTC)), state=State.SENT).to_row()
    for attribute in ("DueAt", "DueShard"):
        del welcome[attribute]
    lane.dynamodb.put_item(TableName=lane.outputs["notification_table_name"], Item=marshal(welcome))
    case.wanted = 0
    return case


SCENARIOS = [
    Scenario("a person confirms", "post_confirmation", begin),
    Scenario("a person whose record is lost", "post_confirmation", begin_without_record),
]
