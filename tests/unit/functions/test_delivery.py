from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from notifications.catalogue import CHANNELS, Category
from notifications.channels import PERMANENT, Target
from notifications.clients import DELIVERY
from notifications.delivery import (
    CALLS_PER_ROW,
    CALLS_PER_TARGET,
    Attempt,
    Delivery,
    TimeLeft,
    combined,
)
from notifications.message import Message
from notifications.notification import (
    EPOCH,
    LEASE,
    MAKE_WAY,
    MAX_ATTEMPTS,
    STREAM_GRACE,
    Notification,
    Outcome,
    State,
    milliseconds,
)
from notifications.outbox import Due, Outbox, due_by_hand
from notifications.rates import LONGEST_WAIT
from notifications.registration import WELCOME_IS_GOOD_FOR, Person, Registry
from notifications.rows import marshal
from notifications.templates import TemplateError
from notifications.users import User, Users

from .conftest import ADA, BOB, NOTIFICATIONS, USERS, Clock, Tables

CATEGORIES = {
    "account": Category("account", (), critical=True, good_for=timedelta(days=4)),
    "orders": Category("orders", ("Email", "SMS"), critical=False, good_for=timedelta(days=1)),
    "alarms": Category("alarms", ("Email", "SMS"), critical=True, good_for=timedelta(days=1)),
}
IN_TIME = Mock(for_a_row=lambda: True, for_a_target=lambda: True)


@dataclass
class FakeChannel:
    """A channel that does as it is told and remembers whom it was given."""

    name: str = "Email"
    behave: Callable[[], Outcome] = lambda: Outcome(State.SENT, message_id="1")
    sent: list[tuple[User, Message]] = field(default_factory=list)
    ways: tuple[str, ...] | None = None

    def targets(self, user: User) -> list[Target]:
        ways = (self.name,) if self.ways is None else self.ways
        return [Target(way, way, f"{way} of {user.sub}") for way in ways]

    def send(self, user: User, target: Target, message: Message) -> Outcome:
        assert target.address.endswith(user.sub)
        outcome = self.behave()
        self.sent.append((user, message))
        return outcome


class FakeTemplates:
    """Templates that say what they were given."""

    def render(
        self, template: str, channel: str, variables: Mapping[str, Any], unsubscribe_url: str = ""
    ) -> Message:
        if template == "broken":
            raise TemplateError("email.txt: total is missing")
        return Message(
            f"{template} by {channel}", f"Hello {variables['user']},", unsubscribe_url=unsubscribe_url
        )


@dataclass
class FakeRates:
    """A line before the channels. wait: how long; None when it is too long."""

    wait: timedelta | None = timedelta(0)
    taken: list[tuple[str, datetime]] = field(default_factory=list)

    def turn(self, channel: str, now: datetime) -> timedelta | None:
        self.taken.append((channel, now))
        return self.wait


@dataclass
class Scene:
    """One person's welcome, and those who are to deliver it."""

    tables: Tables
    clock: Clock
    channel: FakeChannel
    sms: FakeChannel
    push: FakeChannel
    rates: FakeRates
    delivery: Delivery
    slept: list[float] = field(default_factory=list)

    def register(self, person: Person = ADA) -> None:
        Registry(self.tables.client, USERS, NOTIFICATIONS).register(person, self.clock.now)

    def due(self) -> Due:
        row = self.tables.the_notification()
        return due_by_hand(row["NotificationID"], row["DueAt"])

    def deliver(self, due: Due | None = None) -> Outcome | None:
        attempt = self.delivery.deliver(due or self.due(), IN_TIME)
        return attempt.outcome if attempt else None

    def ask(self, category: str, template: str = "orders", **record: object) -> None:
        """One request in the place of the welcome, for Ada, whose record has other attributes too."""
        for row in self.tables.notifications:
            self.tables.client.delete_item(
                TableName=NOTIFICATIONS, Key=marshal({"NotificationID": row["NotificationID"]})
            )
        row = Notification(
            notification_id=f"welcome#{ADA.sub}",
            user_id=ADA.user_id,
            sub=ADA.sub,
            category=category,
            template=template,
            created_at=self.clock.now,
            good_until=self.clock.now + timedelta(days=1),
            due_at=self.clock.now + STREAM_GRACE,
        ).to_row()
        self.tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(row))
        for name, value in record.items():
            self.change(name, marshal({"v": value})["v"], USERS)

    def results(self) -> dict[str, tuple[str, str]]:
        """What the delivery log says, by target."""
        log = self.tables.the_notification()["Results"]
        return {target: (entry["State"], entry["Reason"]) for target, entry in log.items()}

    def change(self, name: str, value: dict[str, object], table: str = NOTIFICATIONS) -> None:
        key = (
            {"NotificationID": {"S": f"welcome#{ADA.sub}"}}
            if table == NOTIFICATIONS
            else {"UserID": {"S": "ada"}}
        )
        self.tables.client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )


@pytest.fixture
def scene(tables: Tables, clock: Clock) -> Scene:
    channels = {name: FakeChannel(name) for name in CHANNELS}
    slept: list[float] = []
    rates = FakeRates()
    delivery = Delivery(
        users=Users(tables.client, USERS),
        outbox=Outbox(tables.client, NOTIFICATIONS),
        channels=channels,
        categories=CATEGORIES,
        templates=FakeTemplates(),  # type: ignore[arg-type]  # only what delivery calls
        rates=rates,  # type: ignore[arg-type]  # only what delivery calls
        links=Mock(unsubscribe=link),
        clock=clock,
        sleep=slept.append,
    )
    email, sms, push = channels.values()
    scene = Scene(tables, clock, email, sms, push, rates, delivery, slept)
    scene.register()
    return scene


def link(user: User, category: str, channel: str, now: datetime) -> str:
    return f"stop {category} for {user.sub} by {channel} at {now:%H:%M}"


def raising(error: BaseException) -> Callable[[], Outcome]:
    def behave() -> Outcome:
        raise error

    return behave


def aws_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "ada@example.com"}}, "Publish")


def test_the_welcome_is_sent_once_and_says_hello(scene: Scene) -> None:
    due = scene.due()
    scene.deliver(due)
    assert scene.deliver(due) is None
    ((user, message),) = scene.channel.sent
    assert (user.email, user.sub) == (ADA.email, ADA.sub)
    assert message == Message("welcome by Email", "Hello ada,", notification_id=f"welcome#{ADA.sub}")
    assert scene.tables.the_notification()["State"] == "SENT"


def test_what_was_meant_for_one_never_reaches_who_took_over_the_username(scene: Scene) -> None:
    due = scene.due()
    scene.register(Person("ada", "another-sub", "other@example.com"))
    assert scene.deliver(due) == Outcome(State.SKIPPED, "RecipientGone")
    assert scene.channel.sent == []


def test_a_person_without_a_record_is_skipped(scene: Scene) -> None:
    scene.tables.client.delete_item(TableName=USERS, Key={"UserID": {"S": "ada"}})
    assert scene.deliver() == Outcome(State.SKIPPED, "RecipientGone")


def test_a_passing_failure_is_retried_until_it_has_passed(scene: Scene) -> None:
    scene.channel.behave = raising(aws_error("ServiceUnavailable"))
    for _ in range(3):
        assert scene.deliver() == Outcome(State.RETRY, "ServiceUnavailable")
        scene.clock.forward(hours=2)
    scene.channel.behave = FakeChannel().behave
    assert scene.deliver() == Outcome(State.SENT, message_id="1")
    assert len(scene.channel.sent) == 1


def test_a_service_that_does_not_answer_is_retried(scene: Scene) -> None:
    scene.channel.behave = raising(ReadTimeoutError(endpoint_url="x"))
    assert scene.deliver() == Outcome(State.RETRY, "ReadTimeoutError")
    assert scene.tables.the_notification()["Results"]["Email"]["Reason"] == "ReadTimeoutError"


@pytest.mark.parametrize("code", sorted(PERMANENT))
def test_a_lasting_failure_ends_at_once_with_its_reason(scene: Scene, code: str) -> None:
    scene.channel.behave = raising(aws_error(code))
    assert scene.deliver() == Outcome(State.FAILED, code)
    row = scene.tables.the_notification()
    assert (row["State"], row["Reason"]) == ("FAILED", code)
    assert "DueAt" not in row


def test_a_mistake_of_ours_does_not_stop_the_others(
    scene: Scene, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    scene.channel.behave = raising(KeyError("ada@example.com"))
    assert scene.deliver() == Outcome(State.RETRY, "KeyError")
    assert "ada" not in "".join([*capsys.readouterr(), caplog.text]).replace(ADA.sub, "")


def test_retries_end_where_an_operator_sees_it(scene: Scene) -> None:
    scene.channel.behave = raising(aws_error("ServiceUnavailable"))
    states: list[State] = []
    while not states or states[-1] is State.RETRY:
        outcome = scene.deliver()
        assert outcome
        states.append(outcome.state)
        scene.clock.forward(hours=2)
    assert states == [State.RETRY] * (MAX_ATTEMPTS - 1) + [State.FAILED]
    assert scene.tables.the_notification()["Reason"] == "GaveUp: ServiceUnavailable"


def test_a_row_that_kills_its_workers_ends_where_an_operator_sees_it(scene: Scene) -> None:
    scene.channel.behave = raising(SystemExit())  # as when the process dies: nothing is recorded
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(SystemExit):
            scene.deliver()
        scene.clock.now += LEASE
    assert scene.deliver() == Outcome(State.FAILED, "GaveUp: WorkerLost")


def test_a_worker_that_dies_after_sending_is_the_one_cause_of_a_duplicate(scene: Scene) -> None:
    due = scene.due()
    record = Mock(side_effect=aws_error("InternalServerError"))
    object.__setattr__(scene.delivery.outbox, "record", record)
    with pytest.raises(ClientError):
        scene.deliver(due)
    object.__delattr__(scene.delivery.outbox, "record")
    assert scene.deliver(due) is None
    scene.clock.now += LEASE
    assert scene.deliver() == Outcome(State.SENT, message_id="1")
    assert len(scene.channel.sent) == 2


def test_what_is_no_longer_worth_sending_expires(scene: Scene) -> None:
    scene.clock.now += WELCOME_IS_GOOD_FOR
    assert scene.deliver() == Outcome(State.EXPIRED, "TooLate")
    assert scene.channel.sent == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Template", {"S": "broken"}, "Template: email.txt: total is missing"),
        ("Results", {"S": "none"}, "InvalidRow: Results cannot be read"),
        ("Template", {"N": "1"}, "InvalidRow: Template is not a text"),
        ("State", {"N": "1"}, "InvalidRow: State cannot be read"),
        ("State", {"S": ""}, "InvalidRow: State cannot be read"),
        ("GoodUntil", {"S": "tomorrow"}, "InvalidRow: GoodUntil cannot be read"),
        ("Data", {"S": "x"}, "InvalidRow: Data cannot be read"),
    ],
)
def test_a_poison_row_ends_where_an_operator_sees_it(
    scene: Scene, name: str, value: dict[str, object], reason: str
) -> None:
    scene.change(name, value)
    assert scene.deliver() == Outcome(State.FAILED, reason)
    assert "DueAt" not in scene.tables.the_notification()


@pytest.mark.parametrize("error", [aws_error("ValidationException"), ArithmeticError()])
def test_a_row_that_cannot_even_be_claimed_ends_where_an_operator_sees_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """As when `Attempts` is a text. moto then leaves half of the claim behind, which DynamoDB does not."""
    claim = Mock(side_effect=error)
    monkeypatch.setattr(Outbox, "claim", claim)
    assert scene.deliver() == Outcome(State.FAILED, "InvalidRow: it cannot be claimed")
    row = scene.tables.the_notification()
    assert (row["State"], row["Reason"]) == ("FAILED", "InvalidRow: it cannot be claimed")
    assert "DueAt" not in row
    assert scene.channel.sent == []


def test_a_row_that_cannot_be_claimed_and_has_an_end_is_not_counted_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = scene.due()
    scene.deliver()
    monkeypatch.setattr(Outbox, "claim", Mock(side_effect=aws_error("ValidationException")))
    assert scene.deliver(due) is None
    assert scene.tables.the_notification()["State"] == "SENT"


def test_a_row_that_another_has_is_not_buried(scene: Scene) -> None:
    due = scene.due()
    scene.deliver()
    scene.change("Attempts", {"S": "many"})
    assert scene.deliver(due) is None
    assert scene.tables.the_notification()["State"] == "SENT"


def test_a_target_that_was_still_tried_ends_with_its_row(scene: Scene) -> None:
    scene.channel.behave = raising(aws_error("ServiceUnavailable"))
    scene.deliver()
    scene.clock.now += WELCOME_IS_GOOD_FOR
    assert scene.deliver() == Outcome(State.EXPIRED, "TooLate")
    assert scene.results() == {"Email": ("EXPIRED", "TooLate")}


def test_what_was_sent_stays_sent_when_the_rest_of_the_row_is_over(scene: Scene) -> None:
    scene.ask("orders")
    scene.sms.behave = raising(aws_error("ServiceUnavailable"))
    scene.deliver()
    scene.clock.forward(days=1)
    scene.deliver()
    assert scene.results() == {"Email": ("SENT", ""), "SMS": ("EXPIRED", "TooLate")}
    assert scene.tables.the_notification()["State"] == "SENT"


def test_a_record_that_cannot_be_read_is_tried_again_and_ends_where_an_operator_sees_it(scene: Scene) -> None:
    """A newer version of the API may have written it."""
    scene.change("NotificationPreference", {"S": "Pigeon"}, USERS)
    outcome = scene.deliver()
    assert outcome
    assert (outcome.state, outcome.reason.split(":")[0]) == (State.RETRY, "InvalidRecord")
    assert "Pigeon" not in outcome.reason
    scene.change("Attempts", {"N": str(MAX_ATTEMPTS)})
    outcome = scene.deliver()
    assert outcome
    assert (outcome.state, outcome.reason.split(":")[0]) == (State.FAILED, "GaveUp")


def pigeon(scene: Scene) -> None:
    scene.change("NotificationPreference", {"S": "Pigeon"}, USERS)


def no_such_category(scene: Scene) -> None:
    scene.change("Category", {"S": "no such"})


def no_users(scene: Scene) -> None:
    object.__setattr__(scene.delivery.users, "get", Mock(side_effect=aws_error("InternalServerError")))


def no_answer(scene: Scene) -> None:
    object.__setattr__(scene.delivery.users, "get", Mock(side_effect=ReadTimeoutError(endpoint_url="x")))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (pigeon, "InvalidRecord"),
        (no_such_category, "NoSuchCategory"),
        (no_users, "InternalServerError"),
        (no_answer, "ReadTimeoutError"),
    ],
)
def test_what_keeps_a_row_from_all_targets_is_tried_again_and_given_up(
    scene: Scene, spoil: Callable[[Scene], None], reason: str
) -> None:
    scene.ask("orders")
    scene.sms.behave = raising(aws_error("Throttled"))
    scene.deliver()
    spoil(scene)
    for _ in range(MAX_ATTEMPTS - 2):
        outcome = scene.deliver()
        assert outcome
        assert (outcome.state, outcome.reason.split(":")[0]) == (State.RETRY, reason)
    assert scene.results()["SMS"] == ("RETRY", "Throttled")
    scene.deliver()
    email, (state, why) = scene.results()["Email"], scene.results()["SMS"]
    assert (email, state, why.split(": ")[:2]) == (("SENT", ""), "FAILED", ["GaveUp", reason])
    assert "DueAt" not in scene.tables.the_notification()


def test_what_a_newer_version_has_written_is_left_to_it_and_counted_so(scene: Scene) -> None:
    scene.change("State", {"S": "NEWER"})
    assert scene.deliver() == Outcome(State.DEFERRED, "NewerVersion")
    row = scene.tables.the_notification()
    assert (row["State"], row["Attempts"]) == ("NEWER", 0)
    assert row["DueAt"] == milliseconds(scene.clock.now + timedelta(minutes=1))


def test_a_row_of_a_newer_version_is_not_waited_for_when_it_is_over(scene: Scene) -> None:
    scene.change("State", {"S": "NEWER"})
    scene.clock.now += WELCOME_IS_GOOD_FOR
    assert scene.deliver() == Outcome(State.FAILED, "InvalidRow: a state is not known")


def test_what_waits_for_two_things_is_looked_at_when_the_first_can_be(scene: Scene) -> None:
    scene.ask("orders")
    scene.channel.behave = lambda: Outcome(State.WAITING_OPT_IN)
    scene.sms.behave = lambda: Outcome(State.DEFERRED)
    assert scene.deliver() == Outcome(State.WAITING_OPT_IN)
    assert scene.tables.the_notification()["DueAt"] == milliseconds(scene.clock.now + MAKE_WAY)


def test_a_final_row_that_is_due_is_taken_out_of_the_index_and_not_sent(scene: Scene) -> None:
    scene.change("State", {"S": "SENT"})
    assert scene.deliver() == Outcome(State.SENT, "WasFinal")
    assert scene.channel.sent == []
    assert "DueAt" not in scene.tables.the_notification()


def test_two_people_get_their_own_welcome_each(scene: Scene) -> None:
    scene.register(BOB)
    for row in scene.tables.notifications:
        scene.deliver(due_by_hand(row["NotificationID"], row["DueAt"]))
    assert {(user.email, message.text.split(",")[0]) for user, message in scene.channel.sent} == {
        (ADA.email, "Hello ada"),
        (BOB.email, "Hello bob"),
    }


def test_a_row_and_a_target_are_begun_only_if_there_is_time_for_their_worst_case() -> None:
    for calls, has_time in (
        (CALLS_PER_ROW + CALLS_PER_TARGET, TimeLeft.for_a_row),
        (1 + CALLS_PER_TARGET, TimeLeft.for_a_target),
    ):
        worst = int((calls * DELIVERY.worst_case_seconds + LONGEST_WAIT.total_seconds()) * 1000)
        assert has_time(TimeLeft(Mock(get_remaining_time_in_millis=lambda at=worst: at + 1)))
        assert not has_time(TimeLeft(Mock(get_remaining_time_in_millis=lambda at=worst: at)))
        assert worst < LEASE.total_seconds() * 1000


def test_a_row_goes_out_by_every_channel_that_the_person_wants(scene: Scene) -> None:
    scene.ask("orders", Preferences={"orders": {"Push": True, "SMS": False}})
    assert scene.deliver() == Outcome(State.SENT, message_id="1")
    assert scene.results() == {"Email": ("SENT", ""), "Push": ("SENT", "")}
    assert [message.subject for _, message in scene.push.sent] == ["orders by Push"]
    assert scene.sms.sent == []


def test_only_a_mail_that_can_be_switched_off_says_how(scene: Scene) -> None:
    scene.ask("orders")
    scene.deliver()
    scene.ask("alarms")
    scene.deliver()
    switch = f"stop orders for {ADA.sub} by Email at 12:00"
    assert [message.unsubscribe_url for _, message in scene.channel.sent] == [switch, ""]
    assert [message.unsubscribe_url for _, message in scene.sms.sent] == ["", ""]


def test_who_wants_none_of_it_gets_none_of_it(scene: Scene) -> None:
    scene.ask("orders", Preferences={"orders": {"Email": False, "SMS": False}})
    assert scene.deliver() == Outcome(State.SKIPPED, "OptedOut")
    scene.ask("orders", Enabled=False)
    assert scene.deliver() == Outcome(State.SKIPPED, "OptedOut")
    assert scene.channel.sent == []


def test_what_is_critical_reaches_who_has_switched_everything_off(scene: Scene) -> None:
    night = {"Start": "00:00", "End": "23:59", "TimeZone": "UTC"}
    scene.ask("alarms", Enabled=False, Preferences={"alarms": {"Email": False}}, QuietHours=night)
    scene.deliver()
    assert scene.results() == {"Email": ("SENT", ""), "SMS": ("SENT", "")}


def test_quiet_hours_are_waited_out_to_the_minute(scene: Scene) -> None:
    # noon in UTC is half past five in the afternoon in Kolkata
    scene.ask("orders", QuietHours={"Start": "17:00", "End": "18:15", "TimeZone": "Asia/Kolkata"})
    outcome = scene.deliver()
    assert outcome
    assert (outcome.state, outcome.reason) == (State.DEFERRED, "QuietHours")
    row = scene.tables.the_notification()
    assert (row["State"], row["Attempts"]) == ("DEFERRED", 0)
    assert row["DueAt"] == milliseconds(scene.clock.now + timedelta(minutes=45))
    scene.clock.forward(minutes=45)
    scene.deliver()
    assert scene.tables.the_notification()["State"] == "SENT"


def test_what_is_not_worth_sending_after_the_quiet_hours_expires_when_it_is_over(scene: Scene) -> None:
    scene.ask("orders", QuietHours={"Start": "00:00", "End": "23:59", "TimeZone": "UTC"})
    scene.change("GoodUntil", {"S": "2026-11-22T13:00:00Z"})
    scene.deliver()
    assert scene.tables.the_notification()["DueAt"] == milliseconds(scene.clock.now + timedelta(hours=1))
    scene.clock.forward(hours=1)
    assert scene.deliver() == Outcome(State.EXPIRED, "TooLate")


def test_one_channel_that_fails_for_a_while_does_not_repeat_the_other(scene: Scene) -> None:
    scene.ask("orders")
    scene.sms.behave = raising(aws_error("Throttled"))
    assert scene.deliver() == Outcome(State.RETRY, "Throttled")
    assert scene.results() == {"Email": ("SENT", ""), "SMS": ("RETRY", "Throttled")}
    scene.sms.behave = FakeChannel().behave
    scene.deliver()
    assert scene.tables.the_notification()["State"] == "SENT"
    assert (len(scene.channel.sent), len(scene.sms.sent)) == (1, 1)


def test_a_row_waits_for_the_first_of_three_targets(scene: Scene) -> None:
    scene.ask("orders", Preferences={"orders": {"Push": True}})
    scene.channel.behave = raising(aws_error("Throttled"))
    assert scene.deliver() == Outcome(State.RETRY, "Throttled")
    scene.channel.behave = FakeChannel().behave
    assert scene.deliver() == Outcome(State.SENT, message_id="1")
    assert [len(channel.sent) for channel in (scene.channel, scene.sms, scene.push)] == [1, 1, 1]


def test_a_worker_that_dies_at_the_second_target_has_noted_the_first(scene: Scene) -> None:
    scene.ask("orders")
    scene.sms.behave = raising(SystemExit())
    with pytest.raises(SystemExit):
        scene.deliver()
    scene.sms.behave = FakeChannel().behave
    scene.clock.now += LEASE
    scene.deliver()
    assert (len(scene.channel.sent), len(scene.sms.sent)) == (1, 1)


def test_a_worker_that_dies_has_noted_all_that_it_sent_whatever_lay_between(scene: Scene) -> None:
    scene.ask("orders", Preferences={"orders": {"Push": True}})
    scene.sms.ways = ()
    scene.push.ways = ("Push:3", "Push:2", "Push:1")
    scene.push.behave = raising(aws_error("Throttled"))
    scene.deliver()
    sent = iter([Outcome(State.SENT), Outcome(State.SENT)])
    scene.push.behave = lambda: next(sent, None) or raising(SystemExit())()
    with pytest.raises(SystemExit):
        scene.deliver()
    scene.push.behave = FakeChannel().behave
    scene.clock.now += LEASE
    scene.deliver()
    assert scene.tables.the_notification()["State"] == "SENT"
    assert (len(scene.channel.sent), len(scene.push.sent)) == (1, 3)


def test_what_was_logged_of_one_channel_stays_when_another_is_tried_again(scene: Scene) -> None:
    scene.ask("orders", Preferences={"orders": {"Push": True}})
    scene.push.ways = ()

    def throttled() -> Outcome:
        scene.clock.forward(minutes=1)
        raise aws_error("Throttled")

    scene.sms.behave = throttled
    scene.deliver()
    before = scene.tables.the_notification()["Results"]
    assert before["Email"]["At"] < before["SMS"]["At"]
    scene.clock.forward(hours=1)
    scene.deliver()
    after = scene.tables.the_notification()["Results"]
    assert {target for target in after if after[target] != before[target]} == {"SMS"}


def test_waiting_for_one_channel_does_not_use_up_the_tries_of_another(scene: Scene) -> None:
    scene.ask("orders")
    scene.channel.behave = lambda: Outcome(State.WAITING_OPT_IN)
    scene.sms.behave = raising(aws_error("Throttled"))
    began = scene.clock.now
    while scene.results().get("SMS") != ("FAILED", "GaveUp: Throttled"):
        scene.clock.now = max(
            scene.clock.now, EPOCH + timedelta(milliseconds=int(scene.tables.the_notification()["DueAt"]))
        )
        scene.deliver()
    assert scene.clock.now - began > timedelta(hours=1)
    assert scene.tables.the_notification()["State"] == "WAITING_OPT_IN"


@pytest.mark.parametrize("state", State)
def test_whatever_a_target_says_a_row_has_an_outcome(state: State) -> None:
    assert combined([Outcome(State.SENT), Outcome(state)]).state in (State.SENT, state)


def test_the_sns_quota_is_counted_whatever_became_of_the_row() -> None:
    full = Outcome(State.FAILED, "FilterPolicyLimitExceeded")
    sent, waits = Outcome(State.SENT), Outcome(State.WAITING_OPT_IN)
    assert Attempt(waits, {"Email": waits}, {"Email": waits}).metrics == ["WaitingOptIn"]
    both = {"Email": full, "SMS": sent}
    assert Attempt(sent, both, both).metrics == ["Sent", "FilterPolicyLimitExceeded"]
    assert Attempt(sent, both, {"SMS": sent}).metrics == ["Sent"]


def test_who_has_lost_the_lease_sends_nothing_more(scene: Scene) -> None:
    scene.ask("orders")

    def too_slow() -> Outcome:
        scene.change("DueAt", {"N": "1"})
        return Outcome(State.SENT)

    scene.channel.behave = too_slow
    assert scene.deliver() == Outcome(State.QUEUED, "LeaseLost")
    assert scene.sms.sent == []
    assert scene.tables.the_notification()["DueAt"] == 1


def test_a_lasting_failure_of_one_channel_leaves_the_row_sent_and_is_in_the_log(scene: Scene) -> None:
    scene.ask("orders")
    scene.sms.behave = lambda: Outcome(State.FAILED, "InvalidNumber", stop=True)
    scene.deliver()
    row = scene.tables.the_notification()
    assert (row["State"], scene.results()["SMS"]) == ("SENT", ("FAILED", "InvalidNumber"))
    assert scene.tables.users[0]["Stopped"]["SMS"]["Reason"] == "InvalidNumber"


def test_a_stopped_channel_is_not_tried(scene: Scene) -> None:
    scene.ask("alarms", Stopped={"SMS": {"Reason": "InvalidNumber", "At": "2026-11-22T12:00:00Z"}})
    scene.deliver()
    assert scene.results()["SMS"] == ("SKIPPED", "Stopped: InvalidNumber")
    assert scene.sms.sent == []


def test_a_channel_that_is_not_set_up_is_in_the_log(scene: Scene) -> None:
    scene.ask("orders")
    scene.sms.ways = ()
    assert scene.deliver() == Outcome(State.SENT, message_id="1")
    assert scene.results()["SMS"] == ("SKIPPED", "NotSetUp")


def test_each_device_is_a_target_of_its_own(scene: Scene) -> None:
    scene.ask("orders", Preferences={"orders": {"Email": False, "SMS": False, "Push": True}})
    scene.push.ways = ("Push:1", "Push:2")
    outcomes = iter([Outcome(State.FAILED, "EndpointDisabled", stop=True), Outcome(State.SENT)])
    scene.push.behave = lambda: next(outcomes)
    scene.deliver()
    assert scene.results() == {"Push:1": ("FAILED", "EndpointDisabled"), "Push:2": ("SENT", "")}
    assert set(scene.tables.users[0]["Stopped"]) == {"Push:1"}


def test_who_opts_out_while_a_row_waits_does_not_get_it(scene: Scene) -> None:
    scene.ask("orders")
    scene.sms.behave = raising(aws_error("Throttled"))
    scene.deliver()
    scene.change("Preferences", marshal({"v": {"orders": {"SMS": False}}})["v"], USERS)
    scene.deliver()
    assert scene.results() == {"Email": ("SENT", ""), "SMS": ("SKIPPED", "OptedOut")}
    assert scene.tables.the_notification()["State"] == "SENT"


def test_a_worker_waits_for_its_turn(scene: Scene) -> None:
    scene.rates.wait = timedelta(seconds=1.5)
    scene.deliver()
    assert scene.slept == [1.5]
    assert scene.rates.taken == [("Email", scene.clock.now)]


def test_a_long_line_is_no_attempt_and_no_failure(scene: Scene) -> None:
    scene.rates.wait = None
    assert scene.deliver() == Outcome(State.DEFERRED, "RateLimited")
    row = scene.tables.the_notification()
    assert (row["Attempts"], row["State"]) == (0, "DEFERRED")
    scene.rates.wait = timedelta(0)
    scene.deliver()
    assert len(scene.channel.sent) == 1


def test_a_target_that_there_is_no_time_for_comes_later(scene: Scene) -> None:
    scene.ask("orders")
    times = iter([True, False])
    time_left = Mock(for_a_target=lambda: next(times))
    scene.delivery.deliver(scene.due(), time_left)
    assert scene.results() == {"Email": ("SENT", ""), "SMS": ("DEFERRED", "OutOfTime")}
    scene.deliver()
    assert scene.results()["SMS"] == ("SENT", "")
    assert len(scene.channel.sent) == 1
