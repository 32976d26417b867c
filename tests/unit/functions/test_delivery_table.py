"""The whole table of preference, critical, quiet hours and channel state: who is reached, and by what."""

from collections.abc import Collection, Mapping
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
from notifications.notification import Notification, Outcome, State
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


def deliver(
    outbox: OneRow,
    user: User,
    channels: Mapping[str, Channel],
    category: Category,
    now: datetime,
    in_line: Collection[str] = (),
) -> None:
    """Delivers the one row. in_line: the channels that are at their rate."""
    delivery = Delivery(
        users=Mock(get=Mock(return_value=user)),
        outbox=outbox,  # type: ignore[arg-type]  # only what delivery calls
        channels=channels,
        categories={category.key: category},
        templates=Mock(render=lambda *_args, **_options: Message("subject", "text")),
        rates=Mock(turn=lambda name, _now: None if name in in_line else timedelta(0)),
        links=Mock(),
        clock=lambda: now,
        sleep=lambda _seconds: None,
    )
    delivery.deliver(due_by_hand("id", None), Mock(for_a_target=lambda: True))


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
    category = Category("c", USUAL, critical=critical, good_for=timedelta(days=1))
    in_line = {name for name in CHANNELS if like[name] == "in line"}
    deliver(outbox, user, channels, category, NOW, in_line)

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
    category = Category("c", ("Email",), critical=False, good_for=timedelta(days=1))
    outbox = OneRow(Notification("id", "ada", "sub", "c", "c", now, now + timedelta(days=1), now).to_row())

    seven = datetime(2026, 3, 29, 5, tzinfo=UTC)
    for at, due, sent in ((now, seven, 0), (seven - timedelta(minutes=1), seven, 0), (seven, None, 1)):
        deliver(outbox, user, {"Email": email}, category, at)
        assert (outbox.due, email.sent) == (due, sent)
