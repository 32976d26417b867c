"""What is for everyone becomes a row for each person, a page of people at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notifications.broadcast import Broadcast
from notifications.notification import milliseconds
from notifications.outbox import FANNED_OUT
from notifications.rows import marshal
from scripts.catalogue import Catalogue
from tests.faults.lane import Lane
from tests.faults.scenario import Case, Scenario, duplicates
from tests.samples import sample

# a page of DynamoDB's has 1 MB: with so much beside what we write, two records are one, and three are two
BALLAST = "x" * 380_000
PEOPLE = 3
ID = "app#sale"


@dataclass
class Sale(Case):
    """Something for everyone; the last of the people has registered after it was asked for."""

    def act(self) -> None:
        self.lane.make_due(ID)
        self.lane.invoke("broadcast", {})

    def recover(self) -> None:
        self.fan_out()
        self.sweep_all()

    def verify(self) -> int:
        row = self.lane.notification(ID)
        assert row, "no broadcast"
        assert (row["State"], row["Count"], row["Unreadable"]) == (FANNED_OUT, PEOPLE, 0), row
        self.check_over()
        *meant, late = self.people
        requested = milliseconds(datetime.fromisoformat(row["RequestedAt"]))
        ids = {f"{ID}#{requested}#sub-{person.username}" for person in meant}
        self.check_sent(*ids)
        there = {item["NotificationID"]["S"] for item in self.lane.rows()} - {ID}
        assert there == ids, f"a row that nobody asked for: {there - ids}"
        self.check_nobody_else()
        mailbox = self.lane.application.mailbox
        assert not mailbox.of(late.email), "a mail to somebody who came later"
        return sum(duplicates(mailbox.of(person.email)) for person in meant)


def begin(lane: Lane) -> Case:
    case = Sale(lane)
    for _ in range(PEOPLE):
        case.registered(Ballast=BALLAST)
    case.registered(RegisteredAt="2099-01-01T00:00:00.000Z")
    now = datetime.now(UTC)
    row = Broadcast(
        notification_id=ID,
        category="promotions",
        data=sample(Catalogue.example("shop"), "promotions"),
        requested_at=now,
        accepted_at=now,
        good_until=now + timedelta(days=1),
    ).to_row(due_at=now)
    lane.dynamodb.put_item(TableName=lane.outputs["notification_table_name"], Item=marshal(row))
    return case


SCENARIOS = [Scenario("two pages of people", "broadcast", begin)]
