"""The whole table of preference, critical, quiet hours and channel state: who is reached, and by what."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

from hypothesis import given
from hypothesis import strategies as st

from notifications.catalogue import CHANNELS, Category
from notifications.channels import Target
from notifications.delivery import Delivery
from notifications.message import Message
from notifications.notification import Notification, Outcome, State, milliseconds
from notifications.outbox import Claim, Due, due_by_hand
from notifications.preferences import Preferences, QuietHours
from notifications.users import User

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
MORNING = datetime(2026, 11, 23, 7, tzinfo=UTC)
NIGHT = QuietHours.of("22:00", "07:00", "UTC")
USUAL = ("Email", "SMS")
# what a channel is like → what is logged of it
LIKE = {
    "ready": State.SENT,
    "pending": State.WAITING_OPT_IN,
    "away": State.RETRY,
    "refusing": State.FAILED,
    "stopped": State.SKIPPED,
    "not set up": State.SKIPPED,
    "in line": State.DEFERRED,
}
SPEAKS = (State.RETRY, State.WAITING_OPT_IN, State.DEFERRED, State.SENT, State.FAILED, State.SKIPPED)


@dataclass
class Channel:
    """A channel of some kind, that remembers how often it sent."""

    name: str
    like: str
    sent: int = 0

    def targets(self, user: User) -> list[Target]:
        return [] if self.like == "not set up" else [Target(self.name, self.name, user.email)]

    def send(self, _user: User, _target: Target, _message: Message) -> Outcome:
        assert self.like not in ("stopped", "in line")
        self.sent += self.like == "ready"
        return Outcome(LIKE[self.like], "as told", stop=self.like == "refusing")


@dataclass
class OneRow:
    """An outbox that holds one row."""

    row: dict[str, Any]
    logged: dict[str, Outcome] = field(default_factory=dict)
    outcome: Outcome | None = None
    due: datetime | None = None

    def claim(self, due: Due, _now: datetime) -> Claim:
        self.row["Attempts"] += 1
        return Claim(due.notification_id, 1, self.row)

    def note(self, _claim: Claim, results: dict[str, Outcome], _now: datetime) -> bool:
        self.logged |= results
        return True

    def record(
        self, claim: Claim, outcome: Outcome, results: dict[str, Outcome], now: datetime, due: datetime | None
    ) -> bool:
        self.outcome, self.due = outcome, due
        return self.note(claim, results, now)


@given(
    critical=st.booleans(),
    enabled=st.booleans(),
    quiet=st.booleans(),
    choices=st.fixed_dictionaries({name: st.sampled_from([None, True, False]) for name in CHANNELS}),
    like=st.fixed_dictionaries({name: st.sampled_from(sorted(LIKE)) for name in CHANNELS}),
)
def test_a_row_goes_where_the_table_says_and_nowhere_else(
    critical: bool, enabled: bool, quiet: bool, choices: dict[str, bool | None], like: dict[str, str]
) -> None:
    channels = {name: Channel(name, like[name]) for name in CHANNELS}
    said = {name: choice for name, choice in choices.items() if choice is not None}
    user = User(
        "ada",
        "sub",
        "ada@example.com",
        preferences=Preferences(enabled, channels={"c": said}, quiet_hours=NIGHT if quiet else None),
        stopped={name: "Bounce" for name in CHANNELS if like[name] == "stopped"},
    )
    row = Notification("id", "ada", "sub", "c", "c", NOW, NOW + timedelta(days=1), NOW)
    outbox = OneRow(row.to_row())
    delivery: Any = Delivery(
        users=Mock(get=Mock(return_value=user)),
        outbox=outbox,  # type: ignore[arg-type]  # only what delivery calls
        channels=channels,
        categories={"c": Category("c", USUAL, critical=critical, good_for=timedelta(days=1))},
        templates=Mock(render=lambda *_args, **_options: Message("subject", "text")),
        rates=Mock(turn=lambda name, _now: None if like[name] == "in line" else timedelta(0)),
        links=Mock(),
        clock=lambda: NOW,
        sleep=lambda _seconds: None,
    )
    delivery.deliver(due_by_hand("id", None), Mock(for_a_target=lambda: True))

    wanted = {
        name
        for name in CHANNELS
        if (choices[name] or (choices[name] is None and name in USUAL) or (critical and name in USUAL))
        and (enabled or critical)
    }
    waits = bool(wanted) and quiet and not critical
    reached = set() if waits else wanted
    states = {name: LIKE[like[name]] for name in reached}
    assert {name: result.state for name, result in outbox.logged.items()} == states
    assert {name: channel.sent for name, channel in channels.items()} == {
        name: int(states.get(name) is State.SENT) for name in CHANNELS
    }
    assert outbox.outcome
    if waits:
        assert (outbox.outcome.state, outbox.outcome.reason) == (State.DEFERRED, "QuietHours")
        assert outbox.due == MORNING
    else:
        assert outbox.outcome.state is next(
            state for state in SPEAKS if state in states.values() or (state is State.SKIPPED)
        )
        assert (outbox.due is None) is outbox.outcome.state.final


def test_a_row_is_deferred_over_a_change_of_the_clocks_and_sent_at_the_right_minute() -> None:
    """In Berlin the clocks go from two to three in the night of 29 March 2026: seven is an hour sooner."""
    now = datetime(2026, 3, 28, 22, tzinfo=UTC)
    user = User(
        "ada",
        "sub",
        "ada@example.com",
        preferences=Preferences(quiet_hours=QuietHours.of("22:00", "07:00", "Europe/Berlin")),
    )
    email = Channel("Email", "ready")
    outbox = OneRow(Notification("id", "ada", "sub", "c", "c", now, now + timedelta(days=1), now).to_row())

    def deliver(at: datetime) -> None:
        delivery: Any = Delivery(
            users=Mock(get=Mock(return_value=user)),
            outbox=outbox,  # type: ignore[arg-type]  # only what delivery calls
            channels={"Email": email},
            categories={"c": Category("c", ("Email",), critical=False, good_for=timedelta(days=1))},
            templates=Mock(render=lambda *_args, **_options: Message("subject", "text")),
            rates=Mock(turn=lambda *_args: timedelta(0)),
            links=Mock(),
            clock=lambda: at,
        )
        delivery.deliver(due_by_hand("id", None), Mock(for_a_target=lambda: True))

    deliver(now)
    assert outbox.due == datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert milliseconds(outbox.due) - milliseconds(now) == timedelta(hours=7) // timedelta(milliseconds=1)
    deliver(outbox.due - timedelta(minutes=1))
    assert email.sent == 0
    deliver(datetime(2026, 3, 29, 5, tzinfo=UTC))
    assert email.sent == 1
