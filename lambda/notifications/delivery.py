"""One row, from due to what became of it: claim, decide, send to each target, record.

At least once: a message can go out twice when a worker dies, or loses DynamoDB, between the send and the
write that records it, and when the service has taken a message but its answer was lost.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from notifications.catalogue import EMAIL, Category
from notifications.channels import Channel, Target, failure
from notifications.clients import DELIVERY
from notifications.clock import utc_now
from notifications.links import Links
from notifications.message import Message
from notifications.notification import (
    LEFT_TO_NEWER,
    MAX_ATTEMPTS,
    InvalidRowError,
    Notification,
    Outcome,
    State,
    UnknownStateError,
    next_due,
)
from notifications.outbox import Claim, Due, Outbox
from notifications.preferences import InvalidPreferencesError, resolve
from notifications.rates import LONGEST_WAIT, Rates
from notifications.templates import MissingTemplateError, TemplateError, Templates
from notifications.users import User, Users

# note the target before; take a turn twice, sign a link; read the subscription, subscribe, unsubscribe,
# remember it, send; stop it, which is four writes at the most
CALLS_PER_TARGET = 13
# claim and read the user; record
CALLS_PER_ROW = 3

log = Logger(child=True)


def seconds_for(calls: int) -> float:
    """The longest that so many calls to AWS can take."""
    return calls * DELIVERY.worst_case_seconds


@dataclass(frozen=True)
class TimeLeft:
    """What is left of an invocation, so that nothing is begun that would be cut off half-way."""

    context: LambdaContext

    def for_a_row(self) -> bool:
        return self._left() > seconds_for(CALLS_PER_ROW + CALLS_PER_TARGET)

    def for_a_target(self) -> bool:
        return self._left() > seconds_for(1 + CALLS_PER_TARGET)

    def _left(self) -> float:
        return self.context.get_remaining_time_in_millis() / 1000 - LONGEST_WAIT.total_seconds()


@dataclass(frozen=True)
class Attempt:
    """What came of a row. results: by target, of all of them; fresh: those that are not written yet."""

    outcome: Outcome
    results: Mapping[str, Outcome] = field(default_factory=dict)
    fresh: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """The metrics that count it: its state's, and the SNS quota's where one of its targets met that."""
        quota = "FilterPolicyLimitExceeded"
        met = any(result.reason == quota for result in self.fresh.values())
        return [self.outcome.state.title().replace("_", ""), *([quota] if met else [])]


@dataclass(frozen=True)
class Delivery:
    """Sends rows.

    categories: the catalogue. channels: by the name that preferences give them.
    """

    users: Users
    outbox: Outbox
    channels: Mapping[str, Channel]
    categories: Mapping[str, Category]
    templates: Templates
    rates: Rates
    links: Links
    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep

    def deliver(self, due: Due, time_left: TimeLeft) -> Attempt | None:
        """Sends a row if nobody else has it, and records what came of it.

        Returns:
            What came of it, or None when the row was somebody else's or done with.

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
        except ArithmeticError:
            # its DueAt is so large that nothing comes after it
            return self._bury(due)
        if claim is None:
            return None
        try:
            attempt, again = self._try(claim, time_left)
        except UnknownStateError as left:
            return self._leave(claim, left)
        recorded = self.outbox.record(claim, attempt.outcome, attempt.fresh, self.clock(), again)
        log.info(
            "delivery",
            notification=claim.notification_id,
            state=attempt.outcome.state,
            reason=attempt.outcome.reason,
            targets={target: result.state for target, result in attempt.results.items()},
            recorded=recorded,
        )
        return attempt

    def _bury(self, due: Due) -> Attempt | None:
        """Ends a row that can never be claimed, or it would be due for ever."""
        outcome = Outcome(State.FAILED, "InvalidRow: it cannot be claimed")
        log.error("buried", notification=due.notification_id, reason=outcome.reason)
        return Attempt(outcome) if self.outbox.give_up(due, outcome.reason) else None

    def _leave(self, claim: Claim, left: UnknownStateError) -> Attempt:
        """Leaves a row as it is to the newer version that has written it; this was no try."""
        outcome = Outcome(State.DEFERRED, "NewerVersion")
        log.warning("left", notification=claim.notification_id, reason=outcome.reason)
        self.outbox.write(claim, {"Attempts": left.attempts - 1}, self.clock() + LEFT_TO_NEWER)
        return Attempt(outcome)

    def _try(self, claim: Claim, time_left: TimeLeft) -> tuple[Attempt, datetime | None]:
        """What came of a row, and when it is due again.

        Raises:
            UnknownStateError: the row is for a newer version.
        """
        try:
            row = Notification.from_row(claim.row)
        except InvalidRowError as error:
            if isinstance(error, UnknownStateError) and self.clock() < error.good_until:
                raise
            return Attempt(Outcome(State.FAILED, f"InvalidRow: {error}")), None
        attempt = self._attempt(claim, row, time_left)
        waits = [result for result in attempt.results.values() if not result.state.final]
        if attempt.outcome.state is State.RETRY or not waits:
            # what failed sets the pace: what else is waited for must not use up its tries
            waits = [attempt.outcome]
        now = self.clock()
        return attempt, min(
            (due for due in (next_due(row, wait, now) for wait in waits) if due), default=None
        )

    def _attempt(self, claim: Claim, row: Notification, time_left: TimeLeft) -> Attempt:
        over = self._over(row)
        if over:
            return _of_the_row(row, over)
        try:
            user = self.users.get(row.user_id, row.sub)
        except InvalidPreferencesError as error:
            # a newer version may have written it, or somebody mends it
            return _of_the_row(row, _unless_given_up(row, Outcome(State.RETRY, f"InvalidRecord: {error}")))
        except (ClientError, BotoCoreError) as error:
            return _of_the_row(row, _unless_given_up(row, failure(error)))
        if user is None:
            return _of_the_row(row, Outcome(State.SKIPPED, "RecipientGone"))
        category = self.categories.get(row.category)
        if category is None:
            # in the middle of a deploy, the function that takes requests can know it before this one
            return _of_the_row(row, _unless_given_up(row, Outcome(State.RETRY, "NoSuchCategory")))
        decision = resolve(category, user.preferences, self.clock())
        if decision.wait_until:
            return Attempt(Outcome(State.DEFERRED, "QuietHours", again=decision.wait_until))
        if not decision.channels:
            return _of_the_row(row, Outcome(State.SKIPPED, "OptedOut"))
        return self._send(claim, row, user, category, decision.channels, time_left)

    def _over(self, row: Notification) -> Outcome | None:
        """Why a row is not to be sent any more, whoever it is for."""
        if row.state.final:
            return Outcome(row.state, "WasFinal")
        if row.attempts > MAX_ATTEMPTS:
            # nobody lived to record the last try: whatever kills them must not do so for ever
            return Outcome(State.FAILED, "GaveUp: WorkerLost")
        if self.clock() >= row.good_until:
            return Outcome(State.EXPIRED, "TooLate")
        return None

    def _send(
        self,
        claim: Claim,
        row: Notification,
        user: User,
        category: Category,
        channels: Sequence[str],
        time_left: TimeLeft,
    ) -> Attempt:
        """Sends to each target that has not come to its end before."""
        tried: dict[str, Outcome] = {}
        fresh: dict[str, Outcome] = {}
        for name in channels:
            targets = self.channels[name].targets(user)
            if not targets and name not in row.results:
                fresh[name] = Outcome(State.SKIPPED, "NotSetUp")
            for target in targets:
                if target.key in row.results and row.results[target.key].state.final:
                    continue
                # so that a worker that dies at this target has not forgotten those before
                if fresh and not self.outbox.note(claim, fresh, self.clock()):
                    return Attempt(Outcome(row.state, "LeaseLost"), {**row.results, **tried, **fresh})
                tried |= fresh
                outcome = self._reach(row, user, category, name, target, time_left)
                fresh = {target.key: _unless_given_up(row, outcome)}
        for key, before in row.results.items():
            if not before.state.final and key not in tried and key not in fresh:
                # the person has chosen otherwise since it was last tried
                fresh[key] = Outcome(State.SKIPPED, "OptedOut")
        results = {**row.results, **tried, **fresh}
        return Attempt(combined(results.values()), results, fresh)

    def _reach(
        self,
        row: Notification,
        user: User,
        category: Category,
        channel: str,
        target: Target,
        time_left: TimeLeft,
    ) -> Outcome:
        """What came of one target."""
        if target.stop_key in user.stopped:
            return Outcome(State.SKIPPED, f"Stopped: {user.stopped[target.stop_key]}")
        if not time_left.for_a_target():
            return Outcome(State.DEFERRED, "OutOfTime")
        try:
            wait = self.rates.turn(channel, self.clock())
            if wait is None:
                return Outcome(State.DEFERRED, "RateLimited")
            message = self._message(row, user, category, channel)
            self.sleep(wait.total_seconds())
            outcome = self.channels[channel].send(user, target, message)
            if outcome.stop:
                self.users.stop(user, target.stop_key, outcome.reason, self.clock())
        except MissingTemplateError as error:
            return Outcome(State.RETRY, f"Template: {error}")
        except TemplateError as error:
            return Outcome(State.FAILED, f"Template: {error}")
        except (ClientError, BotoCoreError) as error:
            return failure(error)
        except Exception as error:
            # a mistake of ours: other rows go on, and this one ends where an operator sees it
            log.error("unexpected", notification=row.notification_id, error=type(error).__name__)
            return Outcome(State.RETRY, type(error).__name__)
        return outcome

    def _message(self, row: Notification, user: User, category: Category, channel: str) -> Message:
        link = ""
        if channel == EMAIL and not category.critical:
            link = self.links.unsubscribe(user, category.key, channel, self.clock())
        message = self.templates.render(
            row.template, channel, {**row.data, "user": user.user_id}, unsubscribe_url=link
        )
        return replace(message, notification_id=row.notification_id)


# Which of several targets speaks for the row: what waits before what is over, what was sent before the rest
_SPEAKS = (
    State.RETRY,
    State.WAITING_OPT_IN,
    State.DEFERRED,
    State.QUEUED,
    State.SENT,
    State.FAILED,
    State.EXPIRED,
    State.SKIPPED,
    State.CANCELLED,
)


def combined(results: Iterable[Outcome]) -> Outcome:
    """The outcome of a row that went to several targets."""
    return min(results, key=lambda result: _SPEAKS.index(result.state))


def _unless_given_up(row: Notification, outcome: Outcome) -> Outcome:
    if outcome.state is State.RETRY and row.attempts >= MAX_ATTEMPTS:
        return Outcome(State.FAILED, f"GaveUp: {outcome.reason}")
    return outcome


def _of_the_row(row: Notification, outcome: Outcome) -> Attempt:
    """What is true of the whole row; targets that have come to their end keep what came of them."""
    if not outcome.state.final or not row.results:
        return Attempt(outcome)
    fresh = {key: outcome for key, before in row.results.items() if not before.state.final}
    results = {**row.results, **fresh}
    return Attempt(combined(results.values()), results, fresh)
