"""One row, from due to what became of it: claim, send, record.

At least once: a message can go out twice when a worker dies, or loses DynamoDB, between the send and the
write that records it, and when the service has taken a message but its answer was lost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from notifications.channels import Channel, failure
from notifications.clients import DELIVERY
from notifications.notification import (
    MAX_ATTEMPTS,
    InvalidRowError,
    Notification,
    Outcome,
    State,
    next_due,
)
from notifications.outbox import Claim, Due, Outbox
from notifications.templates import TemplateError, render
from notifications.users import Users

# claim, read the user, subscribe, remember it, read the subscription, publish, record
CALLS_PER_ROW = 7
# of a row that came to none
NO_CHANNEL = ""

log = Logger(child=True)


def time_for_another(context: LambdaContext) -> bool:
    """Whether there is time to begin a row: enough for its worst case, so that none is cut off half-way."""
    return context.get_remaining_time_in_millis() > CALLS_PER_ROW * DELIVERY.worst_case_seconds * 1000


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Delivery:
    """Sends rows. channels: by the name that `NotificationPreference` gives them."""

    users: Users
    outbox: Outbox
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime] = utc_now

    def deliver(self, due: Due) -> Outcome | None:
        """Sends a row if nobody else has it, and records what came of it.

        Returns:
            The outcome, or None when the row was somebody else's or done with.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB could not be
                read or written. The row is due again when its lease ends.
        """
        try:
            claim = self.outbox.claim(due, self.clock())
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            return self._bury(due)
        if claim is None:
            return None
        outcome, channel, again = self._try(claim)
        recorded = self.outbox.record(claim, outcome, channel, self.clock(), again)
        log.info(
            "delivery",
            notification=claim.notification_id,
            state=outcome.state,
            reason=outcome.reason,
            channel=channel,
            recorded=recorded,
        )
        return outcome

    def _bury(self, due: Due) -> Outcome | None:
        """Ends a row that can never be claimed, or it would be due for ever."""
        outcome = Outcome(State.FAILED, "InvalidRow: it cannot be claimed")
        log.error("buried", notification=due.notification_id, reason=outcome.reason)
        return outcome if self.outbox.give_up(due, outcome.reason) else None

    def _try(self, claim: Claim) -> tuple[Outcome, str, datetime | None]:
        """The outcome of sending a row, the channel that was tried, and when it is due again."""
        try:
            row = Notification.from_row(claim.row)
        except InvalidRowError as error:
            return Outcome(State.FAILED, f"InvalidRow: {error}"), NO_CHANNEL, None
        outcome, channel = self._send(row)
        if outcome.state is State.RETRY and row.attempts >= MAX_ATTEMPTS:
            outcome = Outcome(State.FAILED, f"GaveUp: {outcome.reason}")
        return outcome, channel, next_due(row, outcome, self.clock())

    def _send(self, row: Notification) -> tuple[Outcome, str]:
        """The outcome of sending a row, and the channel that was tried."""
        if row.state.final:
            return Outcome(row.state, "WasFinal"), NO_CHANNEL
        if row.attempts > MAX_ATTEMPTS:
            # nobody lived to record the last try: whatever kills them must not do so for ever
            return Outcome(State.FAILED, "GaveUp: WorkerLost"), NO_CHANNEL
        if self.clock() >= row.good_until:
            return Outcome(State.EXPIRED, "TooLate"), NO_CHANNEL
        name = NO_CHANNEL
        try:
            user = self.users.get(row.user_id, row.sub)
            if user is None:
                return Outcome(State.SKIPPED, "RecipientGone"), name
            if user.channel not in self.channels:
                return Outcome(State.FAILED, "NoSuchChannel"), name
            name = user.channel
            return self.channels[name].send(user, render(row.template, user)), name
        except TemplateError:
            return Outcome(State.FAILED, "NoSuchTemplate"), name
        except (ClientError, BotoCoreError) as error:
            return failure(error), name
        except Exception as error:
            # a mistake of ours: other rows go on, and this one ends where an operator sees it
            log.error("unexpected", notification=row.notification_id, error=type(error).__name__)
            return Outcome(State.RETRY, type(error).__name__), name
