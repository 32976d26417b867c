"""What time it is, for those who are told so in their tests."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
