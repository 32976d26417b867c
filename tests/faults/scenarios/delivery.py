"""A notification is due, and `deliver` (told by the stream) or `sweep` (by the clock) sends it."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from notifications.notification import STREAM_GRACE, Notification, State, timestamp
from notifications.registration import Person as Registered
from notifications.registration import welcome_of
from notifications.rows import marshal
from scripts.person import CONFIRMATION, WELCOME, Person
from tests.faults.lane import Lane
from tests.faults.scenario import ROUNDS, Case, Scenario, duplicates


@dataclass
class Delivery(Case):
    """One notification to one person.

    function: deliver or sweep. subject: of the mail that they are to get; empty for none.
    states: those to one of which the row is to come.
    """

    function: str = "deliver"
    row: str = ""
    subject: str = ""
    phone: str = ""
    device: str = ""
    states: tuple[State, ...] = (State.SENT,)
    before_recovery: Callable[[], None] = field(default=lambda: None)
    also: Callable[[], None] = field(default=lambda: None)

    def act(self) -> None:
        if self.function == "deliver":
            self.lane.stream(self.row)
        else:
            self.lane.make_due(self.row)
            self.lane.invoke("sweep", {})

    def recover(self) -> None:
        self.before_recovery()
        self.sweep_all()

    def verify(self) -> int:
        self.check_records()
        row = self.lane.notification(self.row)
        assert row, "no row"
        assert row["State"] in self.states, f"it is {row['State']}: {row.get('Reason')}"
        self.check_over()
        self.check_nobody_else(phones=[self.phone], devices=[self.device])
        self.also()
        mailbox, person = self.lane.application.mailbox, self.people[0]
        assert self.subject or not mailbox.of(person.email), "a mail that nobody is to get"
        return sum(
            duplicates(received, int(wanted))
            for received, wanted in (
                (mailbox.of(person.email, self.subject), bool(self.subject)),
                (mailbox.texts(self.phone), bool(self.phone)),
                (mailbox.pushes(self.device), bool(self.device) and State.SENT in self.states),
            )
        )

    # ------------------------------------------------------- who is there, and what they are to get

    def welcome(self, who: Registered) -> None:
        self.put(welcome_of(who, datetime.now(UTC)))
        self.subject = WELCOME

    def order(self, who: Registered) -> None:
        """What a shop tells of an order: not critical, so that its mail has a link to unsubscribe."""
        now = datetime.now(UTC)
        data = {
            "order": who.user_id,
            "items": [{"name": "Mug", "count": 1}],
            "total": "9",
            "link": "https://shop.example.com/1",
        }
        self.put(
            Notification(
                notification_id=f"app#{who.user_id}",
                user_id=who.user_id,
                sub=who.sub,
                category="orders",
                template="orders",
                created_at=now,
                good_until=now + timedelta(hours=72),
                due_at=now + STREAM_GRACE,
                data=data,
            )
        )
        self.subject = who.user_id

    def put(self, row: Notification) -> None:
        self.row = row.notification_id
        self.lane.dynamodb.put_item(
            TableName=self.lane.outputs["notification_table_name"], Item=marshal(row.to_row())
        )

    def with_device(self, *, enabled: bool = True) -> dict[str, object]:
        """A device of theirs, as it stands in the record."""
        (application,) = json.loads(self.lane.variables("api")["PUSH_APPLICATIONS"]).values()
        self.device = secrets.token_hex(16)
        arn = self.lane.client("sns").create_platform_endpoint(
            PlatformApplicationArn=application,
            Token=self.device,
            Attributes={"Enabled": str(enabled).lower()},
        )["EndpointArn"]
        device = {"EndpointArn": arn, "Platform": "GCM", "At": timestamp(datetime.now(UTC))}
        return {"0123456789abcdef": device}


def on_channels(*channels: str) -> dict[str, dict[str, bool]]:
    """What somebody has chosen for orders."""
    return {"orders": {channel: channel in channels for channel in ("Email", "SMS", "Push")}}


def every_channel(function: str) -> Callable[[Lane], Case]:
    """An order is told by mail, with a link to unsubscribe, by SMS and to a device."""

    def begin(lane: Lane) -> Case:
        case = Delivery(lane, function=function)
        case.phone = f"+1555{secrets.randbelow(10**7):07}"
        who = case.registered(
            Preferences=on_channels("Email", "SMS", "Push"),
            PhoneNumber=case.phone,
            Devices=case.with_device(),
        )
        if lane.way == "sns":
            case.subscribed(who)
        case.order(who)
        return case

    return begin


def opt_in(function: str) -> Callable[[Lane], Case]:
    """A welcome to somebody whose address is not subscribed yet. They say yes when SNS has asked."""

    def begin(lane: Lane) -> Case:
        case = Delivery(lane, function=function)
        case.welcome(case.registered())
        case.before_recovery = lambda: say_yes(case)
        return case

    return begin


def say_yes(case: Delivery) -> None:
    """The person follows the link as soon as they are asked, for which a sweep or two may be needed."""
    for _ in range(ROUNDS):
        if case.lane.application.mailbox.of(case.people[0].email, CONFIRMATION):
            break
        case.lane.make_due(case.row)
        case.lane.invoke("sweep", {})
    case.lane.application.opt_in(case.people[0])


def moved(function: str) -> Callable[[Lane], Case]:
    """An order of somebody whose address is another than the one that is subscribed."""

    def begin(lane: Lane) -> Case:
        case = Delivery(lane, function=function)
        person = case.person()
        who = case.registered(
            person, Person(person.username, "before.example.com").email, Preferences=on_channels("Email")
        )
        case.subscribed(who)
        lane.change_record(person, Email=person.email)
        case.order(who)
        case.before_recovery = lambda: say_yes(case)
        return case

    return begin


def stop(function: str) -> Callable[[Lane], Case]:
    """An order for a device that is disabled: it fails, and the device is not tried again.

    Where the worker died in between, whoever comes next finds the device stopped, and skips it.
    """

    def begin(lane: Lane) -> Case:
        case = Delivery(lane, function=function, states=(State.FAILED, State.SKIPPED))
        devices = case.with_device(enabled=False)
        case.order(case.registered(Preferences=on_channels("Push"), Devices=devices))
        case.subject = ""

        def stopped() -> None:
            record, row = lane.user(case.people[0]) or {}, lane.notification(case.row) or {}
            assert record.get("Stopped"), "the device is not stopped"
            assert "EndpointDisabled" in row["Reason"], row["Reason"]

        case.also = stopped
        return case

    return begin


def quiet(function: str) -> Callable[[Lane], Case]:
    """An order in quiet hours waits until they are over."""

    def begin(lane: Lane) -> Case:
        case = Delivery(lane, function=function)
        now = datetime.now(UTC)
        hours = {
            "Start": (now - timedelta(hours=1)).strftime("%H:%M"),
            "End": (now + timedelta(hours=1)).strftime("%H:%M"),
            "TimeZone": "UTC",
        }
        case.order(case.registered(Preferences=on_channels("Email"), QuietHours=hours))

        def over() -> None:
            lane.dynamodb.update_item(
                TableName=lane.outputs["user_table_name"],
                Key={"UserID": {"S": case.people[0].username}},
                UpdateExpression="REMOVE QuietHours",
            )

        case.before_recovery = over
        return case

    return begin


SCENARIOS = [
    *(
        Scenario("an order by every channel", function, every_channel(function), way)
        for way in ("sns", "ses")
        for function in ("deliver", "sweep")
    ),
    Scenario("a welcome that waits for the opt-in", "deliver", opt_in("deliver"), "sns"),
    *(Scenario("the address has changed", each, moved(each), "sns") for each in ("deliver", "sweep")),
    Scenario("a device that is disabled", "deliver", stop("deliver")),
    Scenario("quiet hours", "deliver", quiet("deliver")),
]
