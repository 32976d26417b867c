"""Somebody has deleted their account, and `erase` looks for all that is left of them, twice."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from notifications.api.devices import device_row_id
from notifications.channels.sns_email import filter_policy
from notifications.erasure_job import begin
from notifications.notification import timestamp
from notifications.outbox import ERASURES, Outbox
from notifications.registration import Person as Registered
from scripts.person import Person
from tests.accounts import made_by_administrator
from tests.deployment import Member
from tests.faults.history import put, sent
from tests.faults.lane import Lane
from tests.faults.scenario import Case, Scenario
from tests.traces import Known, stored

# two turns, an interrupted one of each, and a look at what is watched
TURNS = 8


@dataclass
class Erased(Case):
    """Two people of whom there is something everywhere; the first is to be erased, and has deleted the account.

    known: what each could be known by.
    """

    known: list[Known] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

    def act(self) -> None:
        self.turn()

    def turn(self) -> None:
        """What the schedule does, minutes later: leases have ended, and what was hidden shows."""
        self.lane.show_hidden("refused_queue_url")
        for item in self.lane.rows():
            if item.get("DueShard", {}).get("S") == ERASURES:
                self.lane.make_due(item["NotificationID"]["S"])
        self.lane.invoke("erase", {})

    def recover(self) -> None:
        for _ in range(TURNS):
            if not self.jobs():
                break
            self.turn()
        self.lane.show_hidden("refused_queue_url")

    def jobs(self) -> list[str]:
        """What erasures are still to be gone on with."""
        ids = (item["NotificationID"]["S"] for item in self.lane.rows())
        return [each for each in ids if each.startswith("erasure#")]

    def verify(self) -> int:
        gone, other = self.known
        assert not self.jobs(), f"it has not come to its end: {self.jobs()}"
        left = self.found(gone)
        assert not left, f"still there: {left}"
        assert self.found(other) == self.before, "somebody else has lost something"
        return 0

    def found(self, known: Known) -> list[str]:
        return stored(self.lane, known, self.lane.outputs["refused_queue_url"])

    # ------------------------------------------------------- who is there

    def furnished(self) -> Registered:
        """Somebody with an account, a subscription, a device, a number, a history and a dead letter."""
        lane, person = self.lane, self.person()
        sub, device, token = made_by_administrator(lane, person), secrets.token_hex(8), secrets.token_hex(16)
        (application,) = json.loads(lane.variables("api")["PUSH_APPLICATIONS"]).values()
        arn = lane.client("sns").create_platform_endpoint(PlatformApplicationArn=application, Token=token)
        endpoint, now = arn["EndpointArn"], timestamp(datetime.now(UTC))
        phone = f"+1555{secrets.randbelow(10**7):07}"
        who = Registered(person.username, sub, person.email, email_verified=True)
        self.registered(
            person,
            Sub=sub,
            PhoneNumber=phone,
            SubscriptionArn=self.subscribed(person),
            Devices={device: {"EndpointArn": endpoint, "Platform": "GCM", "At": now}},
        )
        owner = {"UserID": who.user_id, "Sub": sub, "CreatedAt": now}
        put(lane, {"NotificationID": device_row_id(device), **owner})
        put(lane, sent(who, f"app#{who.user_id}"))
        letter = {
            "reason": {"code": "unknown_category"},
            "request": json.dumps({"to": {"user": who.user_id}}),
        }
        lane.client("sqs").send_message(
            QueueUrl=lane.outputs["refused_queue_url"], MessageBody=json.dumps(letter)
        )
        self.known.append(Known(Member(person, sub, "", "", phone), (endpoint,)))
        return who

    def subscribed(self, person: Person, *, answered: bool = True) -> str:
        """The ARN of a subscription of theirs, which they have answered, or not yet."""
        arn = self.lane.client("sns").subscribe(
            TopicArn=self.lane.outputs["notification_topic_arn"],
            Protocol="email",
            Endpoint=person.email,
            Attributes={"FilterPolicy": filter_policy(person.email)},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        if answered:
            self.lane.application.opt_in(person)
        return str(arn)

    def delete(self, who: Registered) -> None:
        """What DELETE /account does."""
        lane, person = self.lane, self.people[0]
        tables = (lane.outputs[name] for name in ("notification_table_name", "user_table_name"))
        notifications, users = tables
        outbox = Outbox(lane.dynamodb, notifications)
        find: Callable[[], Any] = lambda: lane.user(person)  # noqa: E731
        assert begin(outbox, users, who.user_id, who.sub, find, datetime.now(UTC))


def everything(lane: Lane) -> Case:
    """The first turn."""
    case = Erased(lane)
    who = case.furnished()
    case.furnished()
    case.before = case.found(case.known[1])
    case.delete(who)
    return case


SCENARIOS = [Scenario("the first turn, with everything there", "erase", everything)]
