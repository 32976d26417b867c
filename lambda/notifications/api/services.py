"""What the operations work with, and the person whom they work for."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifications.api.errors import ApiError
from notifications.api.exchange import Caller
from notifications.catalogue import Category
from notifications.clock import utc_now
from notifications.outbox import Outbox
from notifications.rates import Rates
from notifications.tokens import Tokens
from notifications.users import User, Users

# Who loses to a change that is made at the same time looks again, so many times in all
TRIES = 4


@dataclass(frozen=True)
class Person:
    """Somebody who has a record: as others read it, and the row itself."""

    user: User
    record: Mapping[str, Any]

    @property
    def version(self) -> int:
        return self.user.preferences.version


@dataclass(frozen=True)
class Services:
    """What the operations work with.

    email_delivery: "sns" or "ses". push_applications: ARN of the SNS platform application, by platform.
    """

    users: Users
    outbox: Outbox
    categories: Mapping[str, Category]
    rates: Rates
    tokens: Tokens
    sns: Any
    email_delivery: str
    push_applications: Mapping[str, str]
    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep

    def record(self, caller: Caller) -> Mapping[str, Any] | None:
        """The row of the person who asks, if they have one; it may be one that cannot be read."""
        record = self.users.record(caller.user_id)
        # the user name may be somebody else's by now
        return record if record and record.get("Sub") == caller.sub else None

    def find(self, caller: Caller) -> Person | None:
        """The person who asks, if they have a record."""
        record = self.record(caller)
        return Person(User.from_record(record), record) if record else None

    def person(self, caller: Caller) -> Person:
        """The person who asks.

        Raises:
            ApiError: they have no record.
        """
        person = self.find(caller)
        if person is None:
            raise ApiError(404, "no_record", "There is no record: not registered yet, or erased.")
        return person
