from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.catalogue import CHANNELS, Category
from notifications.preferences import (
    ATTRIBUTES,
    InvalidPreferencesError,
    Preferences,
    QuietHours,
    resolve,
    wanted,
)

NIGHT = ("22:00", "07:00")
QUIET = QuietHours.of(*NIGHT, "UTC")
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
NOON = MIDNIGHT.replace(hour=12)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Apia",
         "Asia/Kathmandu", "Africa/Casablanca", "America/St_Johns", "UTC")  # fmt: skip

# critical, enabled, usual channel, what the person said -> goes there
TRUTH = {
    (False, True, True, None): True,
    (False, True, True, True): True,
    (False, True, True, False): False,
    (False, True, False, None): False,
    (False, True, False, True): True,
    (False, True, False, False): False,
    (False, False, True, None): False,
    (False, False, True, True): False,
    (False, False, True, False): False,
    (False, False, False, None): False,
    (False, False, False, True): False,
    (False, False, False, False): False,
    (True, True, True, None): True,
    (True, True, True, True): True,
    (True, True, True, False): True,
    (True, True, False, None): False,
    (True, True, False, True): True,
    (True, True, False, False): False,
    (True, False, True, None): True,
    (True, False, True, True): True,
    (True, False, True, False): True,
    (True, False, False, None): False,
    (True, False, False, True): True,
    (True, False, False, False): False,
}
BOOLS = (False, True)
USUAL = [tuple(c for c, on in zip(CHANNELS, ons, strict=True) if on) for ons in product(BOOLS, repeat=3)]
SAID = list(product((None, True, False), repeat=3))

times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
quiet_hours = st.tuples(times, times, st.sampled_from(ZONES).map(ZoneInfo)).filter(lambda q: q[0] != q[1])
moments = st.datetimes(datetime(1980, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def category(usual: tuple[str, ...] = ("Email",), critical: bool = False) -> Category:
    return Category("orders", usual, critical, timedelta(hours=1))


@pytest.mark.parametrize("critical", BOOLS)
@pytest.mark.parametrize("enabled", BOOLS)
def test_channels_and_waiting_are_as_the_table_says(critical: bool, enabled: bool) -> None:
    for usual, default, said, quiet, now in product(USUAL, CHANNELS, SAID, (None, QUIET), (MIDNIGHT, NOON)):
        choices = {c: choice for c, choice in zip(CHANNELS, said, strict=True) if choice is not None}
        preferences = Preferences(enabled, default, {"orders": choices, "other": {"SMS": True}}, quiet)
        decision = resolve(category(usual, critical), preferences, now)
        expected = [
            channel
            for channel, choice in zip(CHANNELS, said, strict=True)
            if TRUTH[critical, enabled, channel in (usual or [default]), choice]
        ]
        waits = bool(not critical and quiet and now == MIDNIGHT and expected)
        assert list(decision.channels) == expected
        assert decision.wait_until == (MIDNIGHT.replace(hour=7) if waits else None)


def test_channels_come_in_one_order_whatever_the_catalogues() -> None:
    assert wanted(category(("Push", "SMS", "Email")), Preferences()) == CHANNELS


@pytest.mark.parametrize(
    ("zone", "hours", "now", "over"),
    [
        ("UTC", NIGHT, "2026-11-22T21:59:59.999999", None),
        ("UTC", NIGHT, "2026-11-22T22:00", "2026-11-23T07:00"),
        ("UTC", NIGHT, "2026-11-23T06:59:59.999999", "2026-11-23T07:00"),
        ("UTC", NIGHT, "2026-11-23T07:00", None),
        ("UTC", ("13:00", "14:00"), "2026-11-22T13:30", "2026-11-22T14:00"),
        ("UTC", ("13:00", "14:00"), "2026-11-22T12:59", None),
        ("UTC", ("00:00", "23:59"), "2026-11-22T00:00", "2026-11-22T23:59"),
        # the night of the change is an hour shorter, and one longer
        ("Europe/Berlin", NIGHT, "2026-03-28T22:30", "2026-03-29T05:00"),
        ("Europe/Berlin", NIGHT, "2026-10-24T21:30", "2026-10-25T06:00"),
        ("America/New_York", NIGHT, "2026-03-08T04:30", "2026-03-08T11:00"),
        ("America/New_York", NIGHT, "2026-11-01T04:30", "2026-11-01T12:00"),
        # the clock jumps from 02:00 to 03:00, at 01:00 UTC
        ("Europe/Berlin", ("22:00", "02:30"), "2026-03-28T23:00", "2026-03-29T01:00"),
        ("Europe/Berlin", ("22:00", "02:30"), "2026-03-29T01:00", None),
        ("Europe/Berlin", ("02:30", "07:00"), "2026-03-29T00:59", None),
        ("Europe/Berlin", ("02:30", "07:00"), "2026-03-29T01:00", "2026-03-29T05:00"),
        ("Europe/Berlin", ("02:10", "02:50"), "2026-03-29T01:00", None),
        ("Europe/Berlin", ("02:50", "02:10"), "2026-03-29T00:30", "2026-03-30T00:10"),
        # it shows 02:00 to 03:00 twice, from 00:00 UTC and from 01:00 UTC
        ("Europe/Berlin", ("22:00", "02:30"), "2026-10-24T23:00", "2026-10-25T00:30"),
        ("Europe/Berlin", ("22:00", "02:30"), "2026-10-25T01:15", None),
        ("Europe/Berlin", ("02:30", "07:00"), "2026-10-25T01:15", "2026-10-25T06:00"),
        ("America/New_York", ("22:00", "01:30"), "2026-11-01T04:00", "2026-11-01T05:30"),
        # half an hour: from 02:00 to 02:30 on the 4th of October, back on the 5th of April
        ("Australia/Lord_Howe", ("22:00", "02:15"), "2026-10-03T15:00", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", ("22:00", "01:45"), "2026-04-04T14:00", "2026-04-04T14:45"),
        ("Australia/Lord_Howe", NIGHT, "2026-10-03T15:00", "2026-10-03T20:00"),
        ("Pacific/Kiritimati", NIGHT, "2026-11-22T08:00", "2026-11-22T17:00"),
        ("Pacific/Kiritimati", NIGHT, "2026-11-22T07:59", None),
        ("Asia/Kathmandu", NIGHT, "2026-11-22T16:15", "2026-11-23T01:15"),
        # there was no 30th of December: the 29th ends at 10:00 UTC of the 30th, and the 31st begins
        ("Pacific/Apia", NIGHT, "2011-12-30T09:00", "2011-12-30T17:00"),
        ("Pacific/Apia", ("09:00", "17:00"), "2011-12-30T10:00", None),
        ("Pacific/Apia", ("09:00", "17:00"), "2011-12-30T19:00", "2011-12-31T03:00"),
    ],
)  # fmt: skip
def test_quiet_hours_are_those_of_the_persons_clock(
    zone: str, hours: tuple[str, str], now: str, over: str | None
) -> None:
    at = QuietHours.of(*hours, zone).over_at(datetime.fromisoformat(f"{now}+00:00"))
    assert at == (over and datetime.fromisoformat(f"{over}+00:00"))


@given(day=st.dates(datetime(2026, 1, 1).date(), datetime(2030, 1, 1).date()), zone=st.sampled_from(ZONES))  # noqa: DTZ001 - bounds
def test_a_message_deferred_at_half_past_eleven_is_due_at_seven_sharp(day: Any, zone: str) -> None:
    now = datetime.combine(day, time(23, 30), ZoneInfo(zone)).astimezone(UTC)
    over = QuietHours.of(*NIGHT, zone).over_at(now)
    assert over
    assert over.utcoffset() == timedelta(0)
    local = over.astimezone(ZoneInfo(zone))
    assert (local.date(), local.time()) == (day + timedelta(days=1), time(7))


@given(quiet_hours, moments)
def test_what_is_over_is_later_and_over(hours: tuple[time, time, ZoneInfo], now: datetime) -> None:
    quiet = QuietHours(*hours)
    over = quiet.over_at(now)
    if over:
        assert over > now
        assert quiet.over_at(over) is None
        assert quiet.over_at(over - timedelta(microseconds=1)) == over


@given(quiet_hours, moments)
def test_on_a_clock_that_is_not_changed_they_hold_as_the_clock_says(
    hours: tuple[time, time, ZoneInfo], now: datetime
) -> None:
    start, end, zone = hours
    days = [(now + timedelta(days=n)).astimezone(zone).utcoffset() for n in range(-3, 4)]
    shown = now.astimezone(zone).time()
    holds = start <= shown < end if start < end else not end <= shown < start
    if len(set(days)) == 1:
        assert (QuietHours(*hours).over_at(now) is not None) == holds


@pytest.mark.parametrize(
    "text",
    ["7:00", "24:00", "07:60", "07:00:00", "07:00\n", " 07:00", "0700", "", "\u0660\u0667:\u0660\u0660"],
)
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^start must be a time"):
        QuietHours.of(text, "08:00", "UTC")
    with pytest.raises(ValueError, match=r"^end must be a time"):
        QuietHours.of("08:00", text, "UTC")


@pytest.mark.parametrize(
    "zone",
    ["", "Etc", "Europe", "../UTC", "/etc/localtime", "localtime", "posixrules", "right/UTC", "zone.tab",
     "europe/berlin", "UTC\0", "Europe/Berlin ", "Mars/Olympus", "x" * 5000],
)  # fmt: skip
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match=r"^the time zone must be an IANA name"):
        QuietHours.of(*NIGHT, zone)


@given(st.text(), st.text(), st.text())
def test_any_text_is_read_or_refused(start: str, end: str, zone: str) -> None:
    for texts in ((start, end, zone), (*NIGHT, zone), (start, "07:00", "UTC")):
        try:
            QuietHours.of(*texts)
        except ValueError as error:
            assert type(error) is ValueError  # noqa: PT017 - it may also not raise


def test_quiet_hours_that_would_never_be_over_are_refused() -> None:
    with pytest.raises(ValueError, match="must differ"):
        QuietHours.of("07:00", "07:00", "UTC")


preferences = st.builds(
    Preferences,
    st.booleans(),
    st.sampled_from(CHANNELS),
    st.dictionaries(st.text(), st.dictionaries(st.sampled_from(CHANNELS), st.booleans())),
    st.none() | quiet_hours.map(lambda hours: QuietHours(*hours)),
    st.integers(0, 10**20),
)


@given(preferences)
def test_what_is_written_is_read_back(chosen: Preferences) -> None:
    record = chosen.to_record()
    assert Preferences.from_record(record) == chosen
    stored = {**record, "Version": Decimal(chosen.version), "Email": "ada@example.com", "New": None}
    assert Preferences.from_record(stored) == chosen


def test_what_says_nothing_is_not_written() -> None:
    assert Preferences().to_record() == {"NotificationPreference": "Email"}
    assert Preferences.from_record({}) == Preferences()


WRONG: dict[str, list[Any]] = {
    "NotificationPreference": ["", "email", "secret", None, 1, []],
    "Enabled": [None, "secret", 1, Decimal(1)],
    "Version": [None, "1", True, -1, Decimal("1.5"), Decimal("NaN"), Decimal("Infinity")],
    "Preferences": [None, "secret", [], {"orders": True}, {"orders": {"SMS": 1}}, {"orders": {"Fax": True}}],
    "QuietHours": [
        *(None, "secret", {}, {"Start": "22:00", "End": "07:00"}),
        *({"Start": start, "End": "07:00", "TimeZone": "UTC"} for start in ("secret", None, "07:00")),
        *({"Start": "22:00", "End": "07:00", "TimeZone": zone} for zone in ("secret", "Etc")),
        {"Start": "22:00", "End": "07:00", "TimeZone": []},
    ],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_an_attribute_that_cannot_be_read_is_named_without_its_value(name: str, value: Any) -> None:
    with pytest.raises(InvalidPreferencesError) as refused:
        Preferences.from_record({name: value})
    assert str(refused.value) == f"{name} cannot be read"
    assert refused.value.__suppress_context__


def test_whoever_changes_a_record_knows_all_that_it_may_say() -> None:
    everything = Preferences(False, "SMS", {"orders": {"SMS": True}}, QUIET, 1)
    assert tuple(everything.to_record()) == ATTRIBUTES
    assert tuple(Preferences().to_record()) == ATTRIBUTES[:1]


def test_hours_that_would_never_be_over_are_refused_with_what_to_do_instead() -> None:
    message = "start and end must differ; to get nothing at all, switch notifications off"
    with pytest.raises(ValueError, match=f"^{message}$"):
        QuietHours.of("22:00", "22:00", "UTC")
