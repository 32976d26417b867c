"""Somebody signs up and confirms: Cognito calls the trigger, and people without a record are reconciled."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from scripts.person import WELCOME
from tests.faults.lane import Lane
from tests.faults.scenario import Case, Scenario, duplicates

# an hour of `make reconcile`, in the words of its handler: one pass, and one for who was in Cognito's hands
PASSES = 3


@dataclass
class Registration(Case):
    """One person, who confirms once: Cognito takes no second confirmation of theirs."""

    sub: str = ""
    code: str = ""

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
        return duplicates(self.lane.application.mailbox.of(person.email, WELCOME))


def begin(lane: Lane) -> Case:
    case = Registration(lane)
    person = case.person()
    case.sub = lane.application.sign_up(person)
    case.code = lane.application.code(person)
    return case


SCENARIOS = [Scenario("a person confirms", "post_confirmation", begin)]
