"""Workers whose clocks differ, on the same rows at the same time, and who may die between any two calls.

A small simulation: each worker is a thread that stops before each of its calls; what goes on next, hypothesis
chooses. The table is moto's, and the delivery is the real one.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from notifications.catalogue import Category
from notifications.channels import Target
from notifications.delivery import Delivery
from notifications.message import Message
from notifications.notification import (
    CLOCKS_DIFFER,
    LEASE,
    LONGEST_RUN,
    RETRY_BASE,
    Notification,
    Outcome,
    State,
    milliseconds,
)
from notifications.outbox import Due, Outbox, due_by_hand
from notifications.rows import marshal
from notifications.users import User, Users

from .conftest import ADA, NOTIFICATIONS, USERS, Tables

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD_FOR = timedelta(days=30)
WHILE_IT_HOLDS = Mock(for_a_row=lambda: True, for_a_target=lambda: True)
HALF = CLOCKS_DIFFER / 2


class Killed(BaseException):
    """The process is gone: nobody catches this."""


class Steps:
    """Stops a worker before each of its calls."""

    def __init__(self) -> None:
        self.go, self.stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.killed = self.over = False
        self.next = ""

    def before(self, call: str) -> None:
        self.next = call
        self.stopped.release()
        self.go.acquire()
        if self.killed:
            raise Killed

    def end(self) -> None:
        self.over = True
        self.stopped.release()

    def on(self, *, kill: bool = False) -> None:
        """Lets the worker do the call that it stands before, or die there, and waits for its next stop."""
        self.killed = kill
        self.go.release()
        self.stopped.acquire()


@dataclass
class Stepwise:
    """A client that stops its worker before each call."""

    client: Any
    steps: Steps

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.client, name)

        def stepped(**arguments: Any) -> Any:
            self.steps.before(name)
            return call(**arguments)

        return stepped


@dataclass
class Mail:
    """The channel, and what it has sent: how often, by row."""

    sent: Counter[str]
    steps: Steps | None = None

    def targets(self, user: User) -> list[Target]:
        return [Target("Email", "Email", user.email)]

    def send(self, user: User, _target: Target, message: Message) -> Outcome:
        assert user.sub == ADA.sub
        if self.steps:
            self.steps.before("send")
        self.sent[message.notification_id] += 1
        return Outcome(State.SENT, message_id="1")


@dataclass
class Worker:
    """One that has a row to deliver, since it began."""

    row_id: str
    steps: Steps
    began: datetime
    has_claimed: bool = False
    has_sent: bool = False


class World:
    """A table, a true time, and workers whose clocks are off."""

    def __init__(self, client: Any, names: Iterator[int]) -> None:
        self.client, self.names = client, names
        self.now = START
        self.sent: Counter[str] = Counter()
        self.workers: list[Worker] = []
        self.rows: list[str] = []
        # those who died, or were ended, after they had sent and before that was recorded
        self.forgotten: Counter[str] = Counter()

    def delivery(self, off: timedelta, steps: Steps | None = None) -> Delivery:
        client = Stepwise(self.client, steps) if steps else self.client
        return Delivery(
            users=Users(client, USERS),
            outbox=Outbox(client, NOTIFICATIONS),
            channels={"Email": Mail(self.sent, steps)},
            categories={"c": Category("c", ("Email",), critical=True, good_for=GOOD_FOR)},
            templates=Mock(render=lambda *_args, **_options: Message("subject", "text")),
            rates=Mock(turn=lambda _channel, _now: timedelta(0)),
            links=Mock(),
            clock=lambda: self.now + off,
            sleep=lambda _seconds: None,
        )

    def add_row(self) -> str:
        row_id = f"row-{next(self.names)}"
        row = Notification(row_id, ADA.user_id, ADA.sub, "c", "c", self.now, self.now + GOOD_FOR, self.now)
        self.client.put_item(TableName=NOTIFICATIONS, Item=marshal(row.to_row()))
        self.rows.append(row_id)
        return row_id

    def row(self, row_id: str) -> dict[str, Any]:
        row = Outbox(self.client, NOTIFICATIONS).get(row_id)
        assert row, "no row is ever lost"
        return row

    def due(self, row_id: str) -> Due:
        """The row as the stream or the index shows it, whether it is due or not."""
        return due_by_hand(row_id, self.row(row_id).get("DueAt"))

    def is_due(self, row_id: str, off: timedelta) -> bool:
        """Whether a sweep by a clock that is off would find it."""
        due_at = self.row(row_id).get("DueAt")
        return due_at is not None and due_at <= (self.now + off).timestamp() * 1000

    def begin(self, due: Due, off: timedelta, calls: int = 0) -> Worker:
        """A worker that stands before its claim, or has made so many calls."""
        steps = Steps()
        delivery = self.delivery(off, steps)

        def run() -> None:
            try:
                delivery.deliver(due, WHILE_IT_HOLDS)
            except Killed:
                pass
            finally:
                steps.end()

        threading.Thread(target=run, daemon=True).start()
        steps.stopped.acquire()
        worker = Worker(due.notification_id, steps, self.now)
        self.workers.append(worker)
        for _ in range(calls):
            if not steps.over:
                self.step(worker)
        return worker

    def step(self, worker: Worker, *, kill: bool = False) -> None:
        """The worker's next call, or its death before that."""
        call = worker.steps.next
        worker.steps.on(kill=kill)
        if kill:
            self.forgotten[worker.row_id] += worker.has_sent
        elif call == "update_item":
            # claimed, or recorded
            worker.has_claimed = not worker.has_claimed and not worker.steps.over
        elif call == "send":
            worker.has_sent = True
        if worker.steps.over:
            self.workers.remove(worker)

    def pass_time(self, by: timedelta) -> None:
        """Lambda ends whoever runs for too long."""
        self.now += by
        for worker in [worker for worker in self.workers if self.now - worker.began >= LONGEST_RUN]:
            self.step(worker, kill=True)

    def holders(self) -> Counter[str]:
        return Counter(worker.row_id for worker in self.workers if worker.has_claimed)

    def finish(self) -> None:
        """A healthy worker sweeps, long after all the others."""
        for worker in list(self.workers):
            self.step(worker, kill=True)
        healthy = self.delivery(timedelta(0))
        self.now += LEASE + timedelta(hours=1)
        for row_id in self.rows:
            if self.is_due(row_id, timedelta(0)):
                healthy.deliver(self.due(row_id), WHILE_IT_HOLDS)


def machine(client: Any, names: Iterator[int], furthest: timedelta) -> type[RuleBasedStateMachine]:
    """Workers whose clocks are off by up to so much, one way or the other."""
    strictly = furthest * 2 <= CLOCKS_DIFFER
    offs = st.sampled_from([(-furthest, furthest), (furthest, -furthest), (timedelta(0), -furthest)])
    calls = st.integers(0, 3)

    class Outboxes(RuleBasedStateMachine):
        @initialize(rows=st.integers(1, 2), offs=offs)
        def some_rows(self, rows: int, offs: tuple[timedelta, timedelta]) -> None:
            self.world, (self.deliver_is_off, self.sweep_is_off) = World(client, names), offs
            for _ in range(rows):
                self.world.add_row()

        @rule(calls=calls, data=st.data())
        def the_stream_shows_a_row(self, calls: int, data: st.DataObject) -> None:
            """As it was written, twice, or days late."""
            row_id = data.draw(st.sampled_from(self.world.rows))
            shown = due_by_hand(row_id, Decimal(milliseconds(START)))
            self.world.begin(shown, self.deliver_is_off, calls)

        @rule(calls=calls, data=st.data())
        def a_sweep_finds_a_row(self, calls: int, data: st.DataObject) -> None:
            row_id = data.draw(st.sampled_from(self.world.rows))
            if self.world.is_due(row_id, self.sweep_is_off):
                self.world.begin(self.world.due(row_id), self.sweep_is_off, calls)

        @precondition(lambda self: self.world.workers)
        @rule(data=st.data())
        def somebody_goes_on(self, data: st.DataObject) -> None:
            self.world.step(data.draw(st.sampled_from(self.world.workers)))

        @precondition(lambda self: self.world.workers)
        @rule(data=st.data())
        def somebody_dies(self, data: st.DataObject) -> None:
            self.world.step(data.draw(st.sampled_from(self.world.workers)), kill=True)

        @rule(seconds=st.sampled_from([1, 60, 170, 600]))
        def time_passes(self, seconds: int) -> None:
            self.world.pass_time(timedelta(seconds=seconds))

        @invariant()
        def nobody_holds_what_another_holds(self) -> None:
            if strictly:
                assert all(count <= 1 for count in self.world.holders().values())

        def teardown(self) -> None:
            world = self.world
            world.finish()
            for row_id in world.rows:
                row = world.row(row_id)
                assert (row["State"], world.sent[row_id] >= 1) == ("SENT", True), "nothing is lost"
                assert "DueAt" not in row
                if strictly:
                    assert world.sent[row_id] <= 1 + world.forgotten[row_id], (
                        "a duplicate that nobody died for"
                    )

    return Outboxes


@pytest.fixture
def client(tables: Tables) -> Any:
    record = {"UserID": ADA.user_id, "Sub": ADA.sub, "Email": ADA.email}
    tables.client.put_item(TableName=USERS, Item=marshal(record))
    return tables.client


@pytest.mark.parametrize("furthest", [HALF, timedelta(minutes=30)], ids=["minutes apart", "an hour apart"])
def test_nothing_is_lost_whatever_the_clocks_say_nor_sent_twice_while_they_differ_by_minutes(
    client: Any, furthest: timedelta
) -> None:
    run_state_machine_as_test(
        machine(client, itertools.count(), furthest),
        settings=settings(
            max_examples=settings().max_examples // 10,
            stateful_step_count=15,
            # a case has a few steps already, and to make it shorter takes minutes
            phases=(Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize(("more", "held_by"), [(timedelta(0), 1), (timedelta(seconds=2), 2)])
def test_two_hold_a_row_only_where_their_clocks_differ_by_more_than_they_may(
    client: Any, more: timedelta, held_by: int
) -> None:
    """The first has nearly run as long as it may when the second looks."""
    world = World(client, itertools.count())
    row_id = world.add_row()
    world.begin(world.due(row_id), -HALF, 1)
    world.pass_time(LONGEST_RUN - timedelta(seconds=1))
    ahead = HALF + more
    if world.is_due(row_id, ahead):
        world.begin(world.due(row_id), ahead, 1)
    assert world.holders() == {row_id: held_by}
    world.finish()
    assert world.row(row_id)["State"] == "SENT"


@pytest.mark.parametrize("off", [timedelta(minutes=30), -timedelta(minutes=30)], ids=["ahead", "behind"])
def test_a_clock_that_is_off_moves_what_is_timed_by_as_much_and_loses_nothing(
    client: Any, off: timedelta
) -> None:
    """A failure that is put off by the one clock is taken up again by the others."""
    world = World(client, itertools.count())
    row_id = world.add_row()
    away = world.delivery(off)
    away.channels["Email"].send = Mock(return_value=Outcome(State.RETRY, "away"))  # type: ignore[method-assign]
    away.deliver(world.due(row_id), WHILE_IT_HOLDS)
    assert world.row(row_id)["State"] == "RETRY"
    world.now += max(off, timedelta(0)) + RETRY_BASE
    assert world.is_due(row_id, timedelta(0))
    world.delivery(timedelta(0)).deliver(world.due(row_id), WHILE_IT_HOLDS)
    assert (world.row(row_id)["State"], world.sent[row_id]) == ("SENT", 1)
