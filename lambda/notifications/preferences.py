"""What a person wants: which categories by which channels, and when not.

No AWS here. The defaults are the catalogue's; a person's record holds only what they changed.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Self
from zoneinfo import ZoneInfo

from notifications.catalogue import CHANNELS, EMAIL, Category

# All that a row says about preferences
ATTRIBUTES = ("NotificationPreference", "Enabled", "Preferences", "QuietHours", "Version")
_CLOCK = "%H:%M"
# The hours that hold now may have begun yesterday, by the clock; a zone that changed its side of the date
# line leaves out a whole day more.
_NEARBY_DAYS = range(-2, 3)


class InvalidPreferencesError(Exception):
    """A record's preferences cannot be read; the message names the attribute, without its value."""


@dataclass(frozen=True)
class QuietHours:
    """Hours of the day, on the clock of the person's time zone, in which nothing is sent that can wait.

    start is in, end is out; when end is before start, they cross midnight. They begin and end when the clock
    first shows or passes the time: one that daylight saving leaves out counts when the clock jumps past it,
    and one that the clock shows twice counts the first time.

    Raises:
        ValueError: start and end are the same. A whole day would never be over, nor anything sent.
    """

    start: time
    end: time
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("start and end must differ; to get nothing at all, switch notifications off")

    @classmethod
    def of(cls, start: str, end: str, zone: str) -> Self:
        """Quiet hours from texts such as "22:00", "07:00", "Europe/Berlin".

        Raises:
            ValueError: one of them is no time of day, or no time zone (IANA), or start and end are the same.
                The message is fit to be shown, and has nothing of the texts.
        """
        return cls(_time_of_day("start", start), _time_of_day("end", end), _time_zone(zone))

    def over_at(self, now: datetime) -> datetime | None:
        """The moment (UTC) at which the quiet hours that hold now are over; None when none hold."""
        today = now.astimezone(self.zone).date()
        over = now
        for day in (today + timedelta(days=days) for days in _NEARBY_DAYS):
            ends_on = day if self.start < self.end else day + timedelta(days=1)
            end = self._first(ends_on, self.end)
            # where the clock leaves out all that was between them, one night's hours run on into the next's
            if self._first(day, self.start) <= over < end:
                over = end
        return over if over > now else None

    def _first(self, day: date, at: time) -> datetime:
        """The first moment (UTC) at which the clock shows or has passed a time of a day."""
        shown = datetime.combine(day, at)
        # in a gap the zone answers with the offsets before it and after it, and the jump is between the two
        later = shown.replace(tzinfo=self.zone).astimezone(UTC)
        earlier = shown.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        if earlier >= later:
            return later

        def passed(seconds: int) -> bool:
            return (earlier + timedelta(seconds=seconds)).astimezone(self.zone).replace(tzinfo=None) >= shown

        gap = range((later - earlier) // timedelta(seconds=1))
        return earlier + timedelta(seconds=bisect_left(gap, True, key=passed))


@dataclass(frozen=True)
class Preferences:
    """What one person has chosen.

    enabled: the global switch. default_channel: for categories whose catalogue entry names no channel.
    channels: by category and channel, only what differs from the catalogue or was said explicitly.
    version: counts the changes, for those who change it at the same time.
    """

    enabled: bool = True
    default_channel: str = EMAIL
    channels: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    quiet_hours: QuietHours | None = None
    version: int = 0

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Reads the preferences of a row of the UserPreferences table, as plain values.

        Raises:
            InvalidPreferencesError: an attribute cannot be read.
        """

        def read(name: str, parse: Any, absent: Any) -> Any:
            if name not in record:
                return absent
            try:
                return parse(record[name])
            except (ArithmeticError, KeyError, TypeError, ValueError):
                # neither the error nor its cause may carry the value on
                raise InvalidPreferencesError(f"{name} cannot be read") from None

        return cls(
            enabled=read("Enabled", _flag, True),
            default_channel=read("NotificationPreference", _channel, EMAIL),
            channels=read("Preferences", _choices, {}),
            quiet_hours=read("QuietHours", _quiet_hours, None),
            version=read("Version", _count, 0),
        )

    def to_record(self) -> dict[str, Any]:
        """The attributes of a row: NotificationPreference, and of the others those that say something.

        The others are left out when they are what their absence means: whoever changes a row removes those of
        ATTRIBUTES that are not here.
        """
        record: dict[str, Any] = {"NotificationPreference": self.default_channel}
        if not self.enabled:
            record["Enabled"] = False
        if self.channels:
            record["Preferences"] = {category: dict(said) for category, said in self.channels.items()}
        if self.quiet_hours:
            record["QuietHours"] = {
                "Start": self.quiet_hours.start.strftime(_CLOCK),
                "End": self.quiet_hours.end.strftime(_CLOCK),
                "TimeZone": self.quiet_hours.zone.key,
            }
        if self.version:
            record["Version"] = self.version
        return record


@dataclass(frozen=True)
class Decision:
    """What the preferences say about one notification.

    channels: where it is to go; none when the person wants none of it.
    wait_until: the end of the person's quiet hours, when they hold.
    """

    channels: tuple[str, ...]
    wait_until: datetime | None = None


def wanted(category: Category, preferences: Preferences) -> tuple[str, ...]:
    """The channels that a category goes to, in the order of CHANNELS.

    What is critical goes to its channels and to those that the person added, whatever they switched off.
    """
    usual = category.channels or (preferences.default_channel,)
    said = preferences.channels.get(category.key, {})

    def goes(channel: str) -> bool:
        chosen = said.get(channel, channel in usual)
        return chosen or channel in usual if category.critical else chosen and preferences.enabled

    return tuple(channel for channel in CHANNELS if goes(channel))


def resolve(category: Category, preferences: Preferences, now: datetime) -> Decision:
    """Where a notification of a category goes, and whether it must wait. What is critical never waits."""
    channels = wanted(category, preferences)
    if category.critical or not channels or preferences.quiet_hours is None:
        return Decision(channels)
    return Decision(channels, preferences.quiet_hours.over_at(now))


def _time_of_day(name: str, text: str) -> time:
    if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError(f'{name} must be a time of day such as "22:00"')
    return time.fromisoformat(text)


@cache
def _zones() -> frozenset[str]:
    """The names of the IANA time zones. zoneinfo itself also takes what else lies about in its folders."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


def _time_zone(name: str) -> ZoneInfo:
    try:
        if name in _zones():
            return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        pass  # the machine's own copy of the zone is damaged
    raise ValueError('the time zone must be an IANA name such as "Europe/Berlin"')


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _channel(value: Any) -> str:
    # the tuple's own text: a look-alike of another type is none
    return CHANNELS[CHANNELS.index(value)]


def _choices(value: Any) -> dict[str, dict[str, bool]]:
    if not isinstance(value, Mapping) or not all(isinstance(said, Mapping) for said in value.values()):
        raise TypeError
    return {
        category: {_channel(channel): _flag(choice) for channel, choice in said.items()}
        for category, said in value.items()
    }


def _quiet_hours(value: Any) -> QuietHours:
    return QuietHours.of(value["Start"], value["End"], value["TimeZone"])


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0 or value != int(value):
        raise TypeError
    return int(value)
