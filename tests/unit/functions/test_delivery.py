from collections.abc import Callable
from dataclasses import dataclass, field
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from notifications.channels import PERMANENT
from notifications.clients import DELIVERY
from notifications.delivery import CALLS_PER_ROW, Delivery, time_for_another
from notifications.notification import LEASE, MAX_ATTEMPTS, Outcome, State
from notifications.outbox import Due, Outbox
from notifications.registration import WELCOME_IS_GOOD_FOR, Person, Registry
from notifications.templates import Message
from notifications.users import User, Users

from .conftest import ADA, BOB, NOTIFICATIONS, USERS, Clock, Tables


@dataclass
class FakeChannel:
    """A channel that does as it is told and remembers whom it was given."""

    behave: Callable[[], Outcome] = lambda: Outcome(State.SENT, message_id="1")
    sent: list[tuple[User, Message]] = field(default_factory=list)

    def send(self, user: User, message: Message) -> Outcome:
        outcome = self.behave()
        self.sent.append((user, message))
        return outcome


@dataclass
class Scene:
    """One person's welcome, and those who are to deliver it."""

    tables: Tables
    clock: Clock
    channel: FakeChannel
    delivery: Delivery

    def register(self, person: Person = ADA) -> None:
        Registry(self.tables.client, USERS, NOTIFICATIONS).register(person, self.clock.now)

    def due(self) -> Due:
        row = self.tables.the_notification()
        return Due(row["NotificationID"], row["DueAt"])

    def deliver(self) -> Outcome | None:
        return self.delivery.deliver(self.due())

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
    channel = FakeChannel()
    users, outbox = Users(tables.client, USERS), Outbox(tables.client, NOTIFICATIONS)
    scene = Scene(tables, clock, channel, Delivery(users, outbox, {"Email": channel}, clock))
    scene.register()
    return scene


def raising(error: BaseException) -> Callable[[], Outcome]:
    def behave() -> Outcome:
        raise error

    return behave


def aws_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "ada@example.com"}}, "Publish")


def test_the_welcome_is_sent_once_and_says_hello(scene: Scene) -> None:
    due = scene.due()
    scene.delivery.deliver(due)
    assert scene.delivery.deliver(due) is None
    ((user, message),) = scene.channel.sent
    assert (user.email, user.sub) == (ADA.email, ADA.sub)
    assert message == Message("Account Created", "Hello ada, your account has been successfully created!")
    assert scene.tables.the_notification()["State"] == "SENT"


def test_what_was_meant_for_one_never_reaches_who_took_over_the_username(scene: Scene) -> None:
    due = scene.due()
    scene.register(Person("ada", "another-sub", "other@example.com"))
    assert scene.delivery.deliver(due) == Outcome(State.SKIPPED, "RecipientGone")
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
        scene.delivery.deliver(due)
    object.__delattr__(scene.delivery.outbox, "record")
    assert scene.delivery.deliver(due) is None
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
        ("Template", {"S": "no such"}, "NoSuchTemplate"),
        ("Template", {"N": "1"}, "InvalidRow: Template is not a text"),
        ("State", {"S": "no such"}, "InvalidRow: State cannot be read"),
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


def test_a_row_that_cannot_even_be_claimed_ends_where_an_operator_sees_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when `Attempts` is a text. moto then leaves half of the claim behind, which DynamoDB does not."""
    claim = Mock(side_effect=aws_error("ValidationException"))
    monkeypatch.setattr(Outbox, "claim", claim)
    assert scene.deliver() == Outcome(State.FAILED, "InvalidRow: it cannot be claimed")
    row = scene.tables.the_notification()
    assert (row["State"], row["Reason"]) == ("FAILED", "InvalidRow: it cannot be claimed")
    assert "DueAt" not in row
    assert scene.channel.sent == []


def test_a_row_that_another_has_is_not_buried(scene: Scene) -> None:
    due = scene.due()
    scene.deliver()
    scene.change("Attempts", {"S": "many"})
    assert scene.delivery.deliver(due) is None
    assert scene.tables.the_notification()["State"] == "SENT"


def test_what_earlier_tries_left_in_the_log_stays(scene: Scene) -> None:
    scene.channel.behave = raising(aws_error("ServiceUnavailable"))
    scene.deliver()
    scene.clock.now += WELCOME_IS_GOOD_FOR
    assert scene.deliver() == Outcome(State.EXPIRED, "TooLate")
    assert scene.tables.the_notification()["Results"]["Email"]["Reason"] == "ServiceUnavailable"


def test_an_unknown_channel_ends_where_an_operator_sees_it(scene: Scene) -> None:
    scene.change("NotificationPreference", {"S": "Pigeon"}, USERS)
    assert scene.deliver() == Outcome(State.FAILED, "NoSuchChannel")


def test_a_final_row_that_is_due_is_taken_out_of_the_index_and_not_sent(scene: Scene) -> None:
    scene.change("State", {"S": "SENT"})
    assert scene.deliver() == Outcome(State.SENT, "WasFinal")
    assert scene.channel.sent == []
    assert "DueAt" not in scene.tables.the_notification()


def test_two_people_get_their_own_welcome_each(scene: Scene) -> None:
    scene.register(BOB)
    for row in scene.tables.notifications:
        scene.delivery.deliver(Due(row["NotificationID"], row["DueAt"]))
    assert {(user.email, message.text.split(",")[0]) for user, message in scene.channel.sent} == {
        (ADA.email, "Hello ada"),
        (BOB.email, "Hello bob"),
    }


def test_a_row_is_begun_only_if_there_is_time_for_its_worst_case() -> None:
    worst = int(CALLS_PER_ROW * DELIVERY.worst_case_seconds * 1000)
    assert time_for_another(Mock(get_remaining_time_in_millis=lambda: worst + 1))
    assert not time_for_another(Mock(get_remaining_time_in_millis=lambda: worst))
    assert worst < LEASE.total_seconds() * 1000
