"""What SES tells of a mail after it has taken it: that it bounced, or that somebody complained.

The shapes are those of "Contents of event data that Amazon SES publishes to Amazon SNS" in the Amazon SES
Developer Guide. A mail leads back to its row by a tag; each mail has one recipient.

First the person's way is stopped, then the row says why. An event can come before the worker has recorded
that it sent the mail, and the record would hide it: the stop is written at once, and the event is to come
again for the row.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from notifications.catalogue import EMAIL
from notifications.clock import utc_now
from notifications.notification import State, milliseconds, timestamp
from notifications.outbox import Outbox
from notifications.rows import marshal
from notifications.users import User, Users

STOP_KEY = "Email:ses"
TAG = "notification"
MAX_TAG = 256
# far more than the one that a mail of ours has, far fewer than a condition can hold
MAX_ADDRESSES = 40


class FeedbackError(Exception):
    """An event that was not taken; the message says why, without a value of the event's."""


class UnreadableEventError(FeedbackError):
    """An event lacks what SES promises; the message names it."""


class RowInUseError(FeedbackError):
    """A worker has the row at this moment: the event must come again."""


class Verdict(StrEnum):
    """What came of an event; the name of the metric that counts it."""

    BOUNCE = "Bounce"
    COMPLAINT = "Complaint"
    NOT_AN_EVENT = "IgnoredNotAnEvent"
    OTHER = "IgnoredOtherEvent"
    UNTAGGED = "IgnoredUntagged"
    ROW_GONE = "IgnoredRowGone"
    PERSON_GONE = "IgnoredPersonGone"


@dataclass(frozen=True)
class Report:
    """That a mail will never reach the person, or must not.

    addresses: any of them may be what the record has.
    """

    reason: Verdict
    notification_id: str
    addresses: tuple[str, ...]


def tag_value(notification_id: str) -> str:
    """The value of the tag that leads from a mail to its row; empty when it would be too long for a tag.

    A tag has up to 256 of A-Z, a-z, 0-9, - and _ ("MessageTag" in the Amazon SES API v2 Reference): 192 bytes
    of an ID. What SES tells of a mail without the tag cannot be taken.
    """
    value = base64.urlsafe_b64encode(notification_id.encode()).decode().rstrip("=")
    return value if len(value) <= MAX_TAG else ""


def notification_of(value: str) -> str:
    """The ID of which this is the tag; empty when there is none."""
    try:
        found = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except ValueError:
        return ""
    return found if tag_value(found) == value else ""


def report_of(text: str) -> Report | Verdict:
    """The report in a message of SES's, or why there is none in it.

    Raises:
        UnreadableEventError: it is JSON and not such an event.
    """
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        # SES greets a new topic with a sentence
        return Verdict.NOT_AN_EVENT
    kind = _read(event, "eventType", str)
    if kind == "Bounce":
        reason, details, who = Verdict.BOUNCE, _read(event, "bounce", dict), "bouncedRecipients"
        if _read(details, "bounceType", str) != "Permanent":
            return Verdict.OTHER
    elif kind == "Complaint":
        reason, details, who = Verdict.COMPLAINT, _read(event, "complaint", dict), "complainedRecipients"
        if details.get("complaintFeedbackType") == "not-spam":
            return Verdict.OTHER
    else:
        return Verdict.OTHER
    mail = _read(event, "mail", dict)
    tags = mail.get("tags")
    values = tags.get(TAG) if isinstance(tags, dict) else None
    value = values[0] if isinstance(values, list) and values else None
    notification_id = notification_of(value) if isinstance(value, str) else ""
    if not notification_id:
        return Verdict.UNTAGGED
    recipients = [_read(recipient, "emailAddress", str) for recipient in _read(details, who, list)]
    return Report(reason, notification_id, _spellings([*recipients, *_read(mail, "destination", list)]))


def _read(holder: Any, name: str, kind: type) -> Any:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, kind):
        raise UnreadableEventError(f"the event has no {name}")
    return value


def _spellings(addresses: list[Any]) -> tuple[str, ...]:
    """How the record may have the address of a mail.

    A recipient's comes from the bounce: in other letters, or of the mailbox that it was forwarded to. The
    mail's destination is as the record had it.
    """
    texts = [text for text in addresses if isinstance(text, str) and text and text.isprintable()]
    return tuple(sorted({*texts, *(text.lower() for text in texts)}))[:MAX_ADDRESSES]


@dataclass(frozen=True)
class Feedback:
    """Takes what SES tells."""

    users: Users
    outbox: Outbox
    clock: Callable[[], datetime] = utc_now

    def take(self, text: str) -> Verdict:
        """Takes one message; one that was taken before changes nothing, also after the person has resumed.

        Raises:
            UnreadableEventError: it is JSON and not an event of SES's.
            RowInUseError: the way is stopped, but a worker has the row: the message must come again.
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB could not be read
                or written. The message must come again.
        """
        report = report_of(text)
        if isinstance(report, Verdict):
            return report
        row = self.outbox.get(report.notification_id)
        recipient = _recipient(row) if row else None
        if row is None or recipient is None:
            return Verdict.ROW_GONE
        results = _results(row)
        logged = results.get(EMAIL, {}) if results is not None else {}
        if logged.get("State") == State.FAILED and logged.get("Reason") == report.reason:
            return report.reason
        now = self.clock()
        if not report.addresses or not self.users.stop(
            recipient, STOP_KEY, report.reason, now, report.addresses
        ):
            return Verdict.PERSON_GONE
        if results is not None:
            self._log(row, results, report.reason, now)
        return report.reason

    def _log(
        self, row: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]], reason: str, now: datetime
    ) -> None:
        """Says on the row what came of its mail. What another target took, or waits for, stays as it is."""
        lease = row.get("LeaseEnd")
        if isinstance(lease, Decimal) and lease > milliseconds(now):
            raise RowInUseError("a worker has the row")
        entry = {**results.get(EMAIL, {}), "At": timestamp(now), "State": State.FAILED, "Reason": reason}
        changes = "SET Results.#target = :entry"
        names = {"#target": EMAIL, "#state": "State"}
        values: dict[str, Any] = {":entry": entry, ":seen": row["State"]}
        elsewhere = any(result.get("State") == State.SENT for key, result in results.items() if key != EMAIL)
        if row["State"] == State.SENT and not elsewhere:
            changes += ", #state = :failed, Reason = :reason"
            values |= {":failed": State.FAILED, ":reason": reason}
        # a worker that takes the row moves its DueAt, and one that is done with it removes it
        untouched = "attribute_not_exists(DueAt)"
        if "DueAt" in row:
            untouched, values[":due"] = "DueAt = :due", row["DueAt"]
        try:
            self.outbox.dynamodb.update_item(
                TableName=self.outbox.table,
                Key=marshal({"NotificationID": row["NotificationID"]}),
                UpdateExpression=changes,
                ConditionExpression=f"#state = :seen AND {untouched}",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=marshal(values),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise RowInUseError("a worker has taken the row") from None


def _results(row: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]] | None:
    """What a row says of its targets; None when that cannot be read, as where a hand has written it."""
    results = row.get("Results")
    maps = isinstance(results, dict) and all(isinstance(entry, dict) for entry in results.values())
    return results if maps and isinstance(row.get("State"), str) else None


def _recipient(row: Mapping[str, Any]) -> User | None:
    """The person whom a row is for; a job's is for nobody."""
    user_id, sub = row.get("UserID"), row.get("Sub")
    return User(user_id, sub, email="") if isinstance(user_id, str) and isinstance(sub, str) else None
