"""What applications ask for: a message of the request queue becomes a row, or a refusal with its reason.

The contract is `request.schema.json`. What a schema cannot say is here: numbers that DynamoDB holds, times,
who there is, which keys were used. A message may come twice and in any order ("Amazon SQS at-least-once
delivery", Amazon SQS Developer Guide); what it asks for is done once.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow, Subnormal
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import fastjsonschema

from notifications.broadcast import Broadcast
from notifications.catalogue import Category
from notifications.notification import STREAM_GRACE, Notification, State, timestamp
from notifications.outbox import OVER, Cancelled, Outbox
from notifications.rows import marshal, unmarshal
from notifications.transaction import UnstorableError, while_there, write_together

SCHEMA = Path(__file__).with_name("request.schema.json")
EVERYONE = "everyone"
# the system's own category, which has no template but the welcome's
RESERVED = "account"
MAX_BYTES = 200_000
MAX_DEPTH = 32
# of a refused request, as a JSON text: SQS takes 256 KiB, and the refusal says more than that
MAX_KEPT = 250_000
# the same key within this time is the same request
WINDOW = timedelta(hours=24)
NOT_BEFORE_AHEAD = timedelta(days=365)
EXPIRES_AHEAD = timedelta(days=2 * 365)
# when a notification was cancelled that was not there yet: SQS keeps no order
CANCELLED_AT = "CancelledAt"
# how often a row may be written anew by somebody else while it is looked at
_LOOKS = 3
# what a number may be ("Data types", Amazon DynamoDB Developer Guide)
_NUMBERS = Context(prec=38, Emin=-130, Emax=125, traps=[Inexact, InvalidOperation, Overflow, Subnormal])
# it also puts in the defaults of what was left out
_validate = fastjsonschema.compile(json.loads(SCHEMA.read_text()))


class RefusedError(Exception):
    """A request that nothing will come of.

    code: for machines. The message is a sentence for people; no username and nothing of `data` is in it.
    kept: what may be kept of the request, as text.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.kept = ""


class BusyError(Exception):
    """It cannot be done just now; the message is to come again."""


class Taken(StrEnum):
    """What came of a request, as its metric is called."""

    ACCEPTED = "Accepted"
    REPEATED = "Repeated"
    CANCELLED = "Cancelled"


@dataclass(frozen=True)
class Cancellation:
    """The wish that a notification be not sent."""

    key: str


@dataclass(frozen=True)
class Request:
    """The wish that a notification be sent.

    key: of idempotency. user: the recipient's username; empty for everyone.
    """

    key: str
    user: str
    category: str
    data: Mapping[str, Any] = field(default_factory=dict)
    not_before: datetime | None = None
    expires_at: datetime | None = None

    @cached_property
    def digest(self) -> str:
        """The same for requests that ask for the same, however they were written."""
        times = [moment and timestamp(moment) for moment in (self.not_before, self.expires_at)]
        content = [{"user": self.user} if self.user else EVERYONE, self.category, self.data, times]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=_canonical_number)
        return hashlib.sha256(text.encode()).hexdigest()

    def good_until(self, category: Category, requested_at: datetime) -> datetime:
        """After that it is not worth sending."""
        begins = max(self.not_before or requested_at, requested_at)
        return self.expires_at or begins + category.good_for


def row_id(key: str) -> str:
    """The row of a request, by its key."""
    return f"app#{key}"


def parse(body: str) -> Request | Cancellation:
    """Reads a request, by itself: nothing is looked up.

    Raises:
        RefusedError: it is not one.
    """
    content = _content(body)
    try:
        _validate(content)
    except fastjsonschema.JsonSchemaValueException as error:
        raise RefusedError("invalid_request", _explanation(error)) from None
    if "cancel" in content:
        return Cancellation(content["id"])
    return Request(
        key=content["id"],
        user="" if content["to"] == EVERYONE else content["to"]["user"],
        category=content["category"],
        data=content["data"],
        not_before=_moment(content, "not_before"),
        expires_at=_moment(content, "expires_at"),
    )


@dataclass(frozen=True)
class Intake:
    """Takes requests: writes a row for each, or says why not."""

    dynamodb: Any
    user_table: str
    outbox: Outbox
    catalogue: Mapping[str, Category]
    pause: Callable[[float], None] = time.sleep

    def take(self, body: str, requested_at: datetime, now: datetime) -> Taken:
        """Does what a message asks for.

        requested_at: when the message was sent, which is the same however often it comes.

        Raises:
            RefusedError: nothing will come of it.
            BusyError: it is to come again.
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: likewise.
        """
        try:
            asked = parse(body)
            if isinstance(asked, Cancellation):
                return self._cancel(asked, requested_at, now)
            return self._accept(asked, requested_at, now)
        except RefusedError as refusal:
            refusal.kept = self._what_may_be_kept(body)
            raise

    def _accept(self, asked: Request, requested_at: datetime, now: datetime) -> Taken:
        try:
            category = self._category(asked.category)
            _check_times(asked, requested_at)
        except RefusedError:
            # it may be one that was taken, and comes again when its time is over
            before = self.outbox.get(row_id(asked.key))
            if before is not None and before.get("Digest") == asked.digest:
                return Taken.REPEATED
            raise
        sub = asked.user and self._subject(asked.user)
        if sub is None:
            _refuse_recipient()
        still_there = [while_there(self.user_table, asked.user, sub)] if asked.user else []
        good_until = asked.good_until(category, requested_at)
        before = None
        for _ in range(_LOOKS):
            if asked.user:
                row = _row_for_one(asked, sub, good_until, now, replaces=before is not None)
            else:
                row = _row_for_all(asked, good_until, requested_at, now)
            row |= {"RequestedAt": timestamp(requested_at), "Digest": asked.digest}
            try:
                failed = write_together(self.dynamodb, [*still_there, self._put(row, before)], self.pause)
            except UnstorableError:
                raise RefusedError("unstorable", "The table cannot hold the request's data.") from None
            if failed is None:
                return Taken.ACCEPTED
            if failed < len(still_there):
                _refuse_recipient()
            before = self.outbox.get(row["NotificationID"])
            if before is not None and CANCELLED_AT in before:
                if timestamp(requested_at) <= before[CANCELLED_AT]:
                    return Taken.CANCELLED
            elif before is not None and _is_repeated(before, asked, requested_at):
                return Taken.REPEATED
        raise BusyError

    def _cancel(self, asked: Cancellation, requested_at: datetime, now: datetime) -> Taken:
        outcome = self.outbox.cancel(row_id(asked.key), now)
        if outcome is Cancelled.DONE:
            return Taken.CANCELLED
        if outcome is Cancelled.HELD:
            raise BusyError
        row = self.outbox.get(row_id(asked.key))
        if row is None:
            self._forestall(asked.key, requested_at, now)
            raise RefusedError("not_found", "There is no notification with this id.")
        if row.get("State") == State.CANCELLED:
            return Taken.REPEATED
        raise RefusedError("too_late", "The notification had come to its end before it could be cancelled.")

    def _forestall(self, key: str, requested_at: datetime, now: datetime) -> None:
        """Keeps what was asked for before it was cancelled, and comes after that, from being sent."""
        row = {
            "NotificationID": row_id(key),
            "State": State.CANCELLED,
            "Reason": "Cancelled",
            "CreatedAt": timestamp(now),
            CANCELLED_AT: timestamp(requested_at),
            "ExpiresAt": int((now + WINDOW).timestamp()),
        }
        if write_together(self.dynamodb, [self._put(row, None)], self.pause) is not None:
            # it has come meanwhile
            raise BusyError

    def _category(self, key: str) -> Category:
        if key in self.catalogue and key != RESERVED:
            return self.catalogue[key]
        there_are = ", ".join(sorted(self.catalogue.keys() - {RESERVED})) or "none in this environment"
        raise RefusedError("unknown_category", f"category is not one of the catalogue's: {there_are}.")

    def _subject(self, user_id: str) -> str | None:
        """The Cognito subject of the person who has this username; None when nobody has."""
        answer = self.dynamodb.get_item(
            TableName=self.user_table,
            Key=marshal({"UserID": user_id}),
            ConsistentRead=True,
            ProjectionExpression="#sub",
            ExpressionAttributeNames={"#sub": "Sub"},
        )
        sub = unmarshal(answer.get("Item", {})).get("Sub")
        return sub if isinstance(sub, str) and sub else None

    def _put(self, row: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
        """Writes a row where there is none, or in place of just the one that was seen."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(NotificationID)"}
        if before is not None:
            # a row that was written by hand may have neither
            seen = {name: before[name] for name in ("State", "CreatedAt") if name in before}
            condition = {
                "ConditionExpression": " AND ".join(
                    f"#{name} = :{name}" if name in seen else f"attribute_not_exists(#{name})"
                    for name in ("State", "CreatedAt")
                ),
                "ExpressionAttributeNames": {"#State": "State", "#CreatedAt": "CreatedAt"},
                **(
                    {"ExpressionAttributeValues": marshal({f":{name}": seen[name] for name in seen})}
                    if seen
                    else {}
                ),
            }
        return {"Put": {"TableName": self.outbox.table, "Item": marshal(row), **condition}}

    def _what_may_be_kept(self, body: str) -> str:
        """The request as it came; without recipient and data if it may be of somebody whom we do not know.

        That may be somebody who was erased, and nothing of theirs may come back by this way. Nor has the
        queue room for every request, with what JSON makes of its quotes and line breaks.
        """
        whole = body if len(json.dumps(body).encode()) <= MAX_KEPT else ""
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            return whole
        if not isinstance(content, dict):
            return whole
        if whole and self._is_of_those_we_know(content):
            return whole
        key, category = content.get("id"), content.get("category")
        kept = {}
        if isinstance(key, str) and re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", key):
            kept["id"] = key
        if isinstance(category, str) and category in self.catalogue:
            kept["category"] = category
        return json.dumps(kept)

    def _is_of_those_we_know(self, content: Mapping[str, Any]) -> bool:
        """Whether a request is for everyone, for somebody who has a record, or just to cancel one."""
        to = content.get("to")
        if to == EVERYONE or content.keys() == {"id", "cancel"}:
            return True
        user = to.get("user") if isinstance(to, dict) else to
        named = isinstance(user, str) and re.fullmatch(r"[^\ud800-\udfff]{1,128}", user)
        return bool(named and self._subject(named[0]))


def _row_for_one(
    asked: Request, sub: str, good_until: datetime, now: datetime, *, replaces: bool
) -> dict[str, Any]:
    waits_until = asked.not_before if asked.not_before and asked.not_before > now else None
    # the stream takes what is new alone: what takes another's place is the sweep's from the first
    due_at = waits_until or (now if replaces else now + STREAM_GRACE)
    row = Notification(
        notification_id=row_id(asked.key),
        user_id=asked.user,
        sub=sub,
        category=asked.category,
        template=asked.category,
        data=asked.data,
        created_at=now,
        good_until=good_until,
        due_at=due_at,
        state=State.DEFERRED if waits_until else State.QUEUED,
    ).to_row()
    return row | ({"Reason": "NotBefore"} if waits_until else {})


def _row_for_all(
    asked: Request, good_until: datetime, requested_at: datetime, now: datetime
) -> dict[str, Any]:
    return Broadcast(
        notification_id=row_id(asked.key),
        category=asked.category,
        data=asked.data,
        requested_at=requested_at,
        accepted_at=now,
        good_until=good_until,
    ).to_row(due_at=max(asked.not_before or now, now))


def _is_repeated(before: Mapping[str, Any], asked: Request, requested_at: datetime) -> bool:
    """Whether a row is what the request asks for; if it is not, the row may give way to the request.

    Raises:
        RefusedError: the row stands in the way.
    """
    same = before.get("Digest") == asked.digest
    over = before.get("State") in OVER
    try:
        recent = requested_at - datetime.fromisoformat(before["RequestedAt"]) < WINDOW
    except (KeyError, TypeError, ValueError):
        # no request made it
        over, recent = False, False
    if over and not recent:
        return False
    if same:
        return True
    hours = WINDOW // timedelta(hours=1)
    why = f"less than {hours} hours ago" if recent else "and that has not come to its end"
    raise RefusedError("key_was_used", f"The id was used for another request, {why}.")


def _check_times(asked: Request, requested_at: datetime) -> None:
    """Refuses times that make no sense, seen from when it was asked, however often the message comes."""
    if asked.not_before and asked.not_before > requested_at + NOT_BEFORE_AHEAD:
        raise RefusedError("invalid_time", "not_before is more than a year ahead.")
    if asked.expires_at is None:
        return
    if asked.expires_at > requested_at + EXPIRES_AHEAD:
        raise RefusedError("invalid_time", "expires_at is more than two years ahead.")
    if asked.expires_at <= requested_at:
        raise RefusedError("invalid_time", "expires_at had passed when the request was sent.")
    if asked.not_before and asked.expires_at <= asked.not_before:
        raise RefusedError("invalid_time", "expires_at is not after not_before.")


def _refuse_recipient() -> NoReturn:
    raise RefusedError("no_such_user", "Nobody has the username that the request is for.")


def _content(body: str) -> Any:
    """What a JSON text says, if DynamoDB can hold it."""
    try:
        size = len(body.encode())
    except UnicodeEncodeError:
        raise RefusedError("invalid_json", "The request is not a text in UTF-8.") from None
    if size > MAX_BYTES:
        raise RefusedError("too_large", f"The request is larger than {MAX_BYTES // 1000} KB.")
    try:
        content = json.loads(
            body,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_number,
            object_pairs_hook=_object,
        )
    except RecursionError:
        _refuse_depth()
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RefusedError("invalid_json", f"The request is not JSON: {error.msg}, {where}.") from None
    _check_values(content, MAX_DEPTH)
    return content


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
        if not number:
            # whatever its sign and exponent, which DynamoDB need not like
            return Decimal(0)
        if number.is_finite():
            _NUMBERS.normalize(number)
            # zeros at the end may be more than the digits that there may be
            return number if len(number.as_tuple().digits) <= _NUMBERS.prec else _NUMBERS.normalize(number)
    except DecimalException:
        pass
    raise RefusedError(
        "invalid_request",
        "A number has more than 38 digits, or is not between 1E-130 and 9.99E+125; send it as a text.",
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: with two of a name, readers differ on which one holds."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RefusedError("invalid_json", "A name is twice in one object.")
    return found


def _check_values(value: Any, depth: int) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RefusedError("invalid_json", "A text holds half a character (a lone surrogate).") from None
    elif isinstance(value, dict | list):
        if not depth:
            _refuse_depth()
        if "" in value and isinstance(value, dict):
            raise RefusedError("invalid_request", "A name in data is empty.")
        for below in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_values(below, depth - 1)


def _refuse_depth() -> NoReturn:
    raise RefusedError("invalid_request", f"The request is nested more than {MAX_DEPTH} deep.")


def _canonical_number(number: Decimal) -> dict[str, str]:
    # no object of a request has an empty name
    return {"": str(_NUMBERS.normalize(number))}


def _moment(content: Mapping[str, Any], name: str) -> datetime | None:
    if name not in content:
        return None
    try:
        return datetime.fromisoformat(content[name].upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError("invalid_time", f"{name} is not a time that there is.") from None


def _explanation(error: fastjsonschema.JsonSchemaValueException) -> str:
    """What the schema says of the place that is wrong, without what is there."""
    definition: Mapping[str, Any] = error.definition
    name = ".".join(error.path[1:])
    of = f" of {name}" if name else ""
    if error.rule == "required":
        lacking = [field for field in definition["required"] if field not in error.value]
        return f"The request lacks {', '.join(f'{name}.{f}' if name else f for f in lacking)}."
    if error.rule == "additionalProperties":
        return f"There are fields that are not known; those{of} are {', '.join(definition['properties'])}."
    if error.rule == "propertyNames":
        definition = definition["propertyNames"]
    return f"{name or 'The request'} is not right. {definition['description']}"
