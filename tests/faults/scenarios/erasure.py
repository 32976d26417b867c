"""Somebody has deleted their account, and `erase` looks for all that is left of them, twice."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from notifications.channels.sns_email import digest
from notifications.erasure import WATCH
from notifications.erasure_job import ERASING, begin, device_row_id, erasure_id, watch_id
from notifications.notification import milliseconds, timestamp
from notifications.outbox import ERASURES, Outbox
from notifications.registration import Person as Registered
from notifications.rows import marshal
from tests.accounts import made_by_administrator
from tests.deployment import Member
from tests.faults.history import put, sent
from tests.faults.lane import Lane
from tests.faults.scenario import Case, Scenario
from tests.samples import new_number
from tests.traces import Known, stored

# two turns, an interrupted one of each, and a look at what is watched
TURNS = 8


@dataclass
class Erased(Case):
    """Two people. The first has deleted the account, and is to be erased; the other is to lose nothing.

    known: what each could be known by. before: what was stored of the other.
    """

    known: list[Known] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    before_recovery: Callable[[], None] = field(default=lambda: None)

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
        self.before_recovery()
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

    def known_by(self, *, phone: str = "", endpoint: str = "") -> Registered:
        """Somebody with an account, and what else they could be known by."""
        person = self.person()
        sub = made_by_administrator(self.lane, person)
        self.known.append(Known(Member(person, sub, "", "", phone), (endpoint,) if endpoint else ()))
        return Registered(person.username, sub, person.email, email_verified=True)

    def simple(self) -> Registered:
        """Somebody with an account and a record, and no more."""
        who = self.known_by()
        self.registered(self.people[-1], Sub=who.sub)
        return who

    def furnished(self) -> Registered:
        """Somebody with a subscription, a device, a number, a history and a dead letter."""
        lane, device, phone = self.lane, secrets.token_hex(8), new_number()
        (application,) = json.loads(lane.variables("api")["PUSH_APPLICATIONS"]).values()
        endpoint = lane.client("sns").create_platform_endpoint(
            PlatformApplicationArn=application, Token=secrets.token_hex(16)
        )["EndpointArn"]
        now = timestamp(datetime.now(UTC))
        who = self.known_by(phone=phone, endpoint=endpoint)
        self.registered(
            self.people[-1],
            Sub=who.sub,
            PhoneNumber=phone,
            Devices={device: {"EndpointArn": endpoint, "Platform": "GCM", "At": now}},
        )
        self.subscribed(who)
        put(lane, sent(who, f"app#{who.user_id}"))
        owner = {"UserID": who.user_id, "Sub": who.sub, "CreatedAt": now}
        put(lane, {"NotificationID": device_row_id(device), **owner})
        request = {"to": {"user": who.user_id}, "category": "no_such"}
        letter = {"reason": {"code": "unknown_category"}, "request": json.dumps(request)}
        lane.client("sqs").send_message(
            QueueUrl=lane.outputs["refused_queue_url"], MessageBody=json.dumps(letter)
        )
        return who

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


def nothing_but_an_opt_in(lane: Lane) -> Case:
    """The second turn, when all else is gone: a subscription that nobody has answered is to be watched."""
    case = Erased(lane)
    who, _other = case.simple(), case.simple()
    case.subscribed(who, answered=False)
    case.before = case.found(case.known[1])
    case.delete(who)
    lane.client("cognito-idp").admin_delete_user(UserPoolId=lane.pool, Username=who.user_id)
    put(lane, {**(lane.notification(erasure_id(who.sub)) or {}), "Repeated": True})
    case.before_recovery = lambda: answer_late(case)
    return case


def answer_late(case: Erased) -> None:
    """The person is erased, and answers the question all the same."""
    watch = watch_id(digest(case.people[0].email))
    for _ in range(TURNS):
        if case.jobs() in ([watch], []):
            break
        case.turn()
    if case.jobs():
        case.lane.application.opt_in(case.people[0])


def watched(lane: Lane) -> Case:
    """Of somebody who is erased nothing is known but a digest; and their subscription is confirmed now."""
    case = Erased(lane)
    who, other = case.simple(), case.simple()
    for one in (who, other):
        case.subscribed(one)
    case.before = case.found(case.known[1])
    lane.client("cognito-idp").admin_delete_user(UserPoolId=lane.pool, Username=who.user_id)
    lane.dynamodb.delete_item(TableName=lane.outputs["user_table_name"], Key=marshal({"UserID": who.user_id}))
    address, now = digest(who.email), datetime.now(UTC)
    put(
        lane,
        {
            "NotificationID": watch_id(address),
            "Address": address,
            "WatchUntil": milliseconds(now + WATCH),
            "DueAt": milliseconds(now),
            "DueShard": ERASURES,
            "State": ERASING,
        },
    )
    return case


SCENARIOS = [
    Scenario("the first turn, with everything there", "erase", everything, "sns"),
    Scenario("the second turn, with an opt-in that is pending", "erase", nothing_but_an_opt_in, "sns"),
    Scenario("a pending opt-in was answered late", "erase", watched, "sns"),
]
