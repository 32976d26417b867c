"""Applications ask through the queue, and `enqueue` makes a row of what they ask for, or says why not.

What Lambda does with the queue is done by the lane: a message that was not taken, or whose function died,
shows again. After a number of receives SQS puts it in the refused queue; an operator moves it back.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from notifications.notification import State, timestamp
from notifications.outbox import FANNED_OUT
from notifications.requests import row_id
from scripts.catalogue import Catalogue
from tests.deployment import Row
from tests.faults.lane import Lane
from tests.faults.scenario import ROUNDS, Case, Scenario, duplicates
from tests.samples import order, sample

# so few that what fails for a stretch of time is put aside; deployed, there are many more
RECEIVES = 2


@dataclass
class Asked(Case):
    """One request, the last one that was sent.

    key: its id. state: that its row is to come to. mails: how many its person is to get.
    code: of the reason for which it is to be refused.
    """

    key: str = field(default_factory=lambda: f"ask-{secrets.token_hex(6)}")
    state: str = State.SENT
    mails: int = 1
    code: str = ""

    def __post_init__(self) -> None:
        sqs, refused = self.lane.client("sqs"), self.lane.outputs["refused_queue_url"]
        found = sqs.get_queue_attributes(QueueUrl=refused, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": RECEIVES}
        sqs.set_queue_attributes(
            QueueUrl=self.lane.outputs["notification_queue_url"],
            Attributes={"RedrivePolicy": json.dumps(policy)},
        )

    def send(self, **request: Any) -> None:
        self.lane.send({"id": self.key, **request})

    def order(self, **more: Any) -> None:
        """Asks for an order's mail to the first person."""
        name = self.people[0].username
        self.send(to={"user": name}, category="orders", data=order(name), **more)

    def take(self) -> None:
        """What was sent so far is taken, without faults."""
        assert self.lane.queue()

    def act(self) -> None:
        self.lane.queue()

    def recover(self) -> None:
        """The rest is received again; what was put aside is moved back; what is due is sent."""
        for _ in range(ROUNDS):
            if not self.lane.queue() and not self._move_back():
                break
        self.fan_out()
        self.sweep_all()

    def _move_back(self) -> bool:
        """What an operator does with requests that SQS has put aside: those that nobody gave a reason for."""
        aside = [letter for letter in self.letters() if "reason" not in letter]
        if aside:
            self.lane.client("sqs").purge_queue(QueueUrl=self.lane.outputs["refused_queue_url"])
            self.lane.send(*aside)
        return bool(aside)

    def letters(self) -> list[Row]:
        """What is in the refused queue, and stays there."""
        sqs, url = self.lane.client("sqs"), self.lane.outputs["refused_queue_url"]
        found = []
        while more := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30).get(
            "Messages"
        ):
            found += more
        for letter in found:
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
            )
        return [json.loads(letter["Body"]) for letter in found]

    def verify(self) -> int:
        assert self.lane.in_queue() == 0, "a request is still in the queue"
        letters = self.letters()
        codes = [letter.get("reason", {}).get("code", "put aside") for letter in letters]
        assert set(codes) <= {self.code}, f"refused: {codes}"
        self.check_over()
        if self.state:
            row = self.lane.notification(row_id(self.key))
            assert row, "no row"
            assert row["State"] == self.state, f"it is {row['State']}: {row.get('Reason')}"
        self.check_nobody_else()
        mails = [self.lane.application.mailbox.of(person.email) for person in self.people]
        if not self.mails:
            assert not any(mails), "a mail that nobody is to get"
        return sum(duplicates(one, self.mails) for one in mails) + duplicates(codes, bool(self.code))


def begins(arrange: Callable[[Asked], None], **expected: Any) -> Callable[[Lane], Case]:
    def begin(lane: Lane) -> Case:
        case = Asked(lane, **expected)
        case.registered()
        arrange(case)
        return case

    return begin


def twice(case: Asked) -> None:
    """An application that did not hear the answer sends again what was taken."""
    case.order()
    case.take()
    case.order()


def cancelled(case: Asked) -> None:
    """For later, and cancelled before that."""
    case.order(not_before=timestamp(datetime.now(UTC) + timedelta(hours=1)))
    case.take()
    case.send(cancel=True)


def refused(case: Asked) -> None:
    case.send(to={"user": case.people[0].username}, category="no_such", data={})


def for_everyone(case: Asked) -> None:
    case.registered()
    case.send(to="everyone", category="promotions", data=sample(Catalogue.example("shop"), "promotions"))


SCENARIOS = [
    Scenario("a request for one person", "enqueue", begins(Asked.order)),
    Scenario("a request that was taken before", "enqueue", begins(twice)),
    Scenario("a cancellation", "enqueue", begins(cancelled, state=State.CANCELLED, mails=0)),
    Scenario(
        "a request that is refused", "enqueue", begins(refused, state="", mails=0, code="unknown_category")
    ),
    Scenario("a request for everyone", "enqueue", begins(for_everyone, state=FANNED_OUT)),
]
