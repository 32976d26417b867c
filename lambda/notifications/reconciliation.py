"""Users of the pool who have no record are registered after all.

The trigger registers whoever confirms a sign-up. When it fails nobody repeats it, and for users whom an
administrator made or who were imported it never runs ("Post confirmation Lambda trigger" of the Amazon
Cognito Developer Guide). They get the two rows that the trigger would have written, in one transaction.

"ListUsers" of its API Reference: what it says may be old, and is in any order; it is one chain of pages that
names nobody twice. So nothing is lost or brought back by its word alone:

- A record is written only where there is none. One of another subject under the same user name stays: it is
  the last that is known of somebody, and where the pool is a new one, everybody's record is such.
- Nobody is written whose erasure is under way. That lasts minutes longer than their account.

What remains is somebody whose account was deleted a moment ago and not by way of the API: they get a record
that the next run finds to be nobody's. AdminGetUser would tell, but it makes everybody whom it is asked about
an active user, who is paid for.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from notifications.clock import utc_now
from notifications.erasure_job import erasure_id
from notifications.notification import EPOCH
from notifications.outbox import Outbox
from notifications.pace import Pace
from notifications.registration import Person, record_of, welcome_of
from notifications.rows import marshal, unmarshal
from notifications.transaction import UnstorableError, write_together
from notifications.user_pool import attributes

# ListUsers gives no more at once; BatchGetItem would take 100 keys
PAGE = 60
WORKERS = 8
# "Quotas in Amazon Cognito", UserList: requests a second in an account and Region. They are shared with the
# applications, and cannot be raised
LIST_QUOTA = 30
# Cognito lets 50 people sign up or confirm a second: 25 registrations, which all that is behind them bears
REPAIRS_PER_SECOND = 25
# Cognito waits for its trigger five seconds, three times: whoever was changed since may be in its hands
SETTLED = timedelta(minutes=1)
# "Signing up and confirming user accounts" of the Amazon Cognito Developer Guide: imported users, and those
# whom an administrator made, are confirmed, whatever is asked of them about their password
CONFIRMED = {"CONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED"}
EXTERNAL = "EXTERNAL_PROVIDER"
# "Error handling with DynamoDB": nobody else would be written either, however often it is tried
_FOR_NOBODY = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "MissingAuthenticationTokenException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
}
_READS = 5
_PAUSE_SECONDS = 0.1


class PlaceLostError(Exception):
    """Cognito does not go on from this place in its list any more; for how long it does, it does not say."""


class Verdict(StrEnum):
    """What is to be said of a user, as its metric is called."""

    REGISTERED = "Registered"
    MISSING = "Missing"
    REPAIRED = "Repaired"
    NOT_REPAIRED = "NotRepaired"
    # not confirmed: there is nothing to register yet
    UNCONFIRMED = "Unconfirmed"
    # these have no record, and get none
    CHANGING = "Changing"
    DISABLED = "Disabled"
    ERASING = "Erasing"
    EXTERNAL_PROVIDER = "ExternalProvider"
    NAME_TAKEN = "NameTaken"
    NO_EMAIL = "NoEmail"
    UNREADABLE = "Unreadable"


@dataclass(frozen=True)
class Account:
    """A user of the pool, as Cognito lists them.

    user_id: the user name. email: empty where there is none. status: their `UserStatus`.
    """

    user_id: str
    sub: str
    email: str = ""
    email_verified: bool = False
    status: str = ""
    enabled: bool = True
    modified_at: datetime = EPOCH

    @classmethod
    def from_user(cls, user: Mapping[str, Any]) -> Self:
        found = attributes(user.get("Attributes", []))
        return cls(
            user_id=user["Username"],
            sub=found.get("sub", ""),
            email=found.get("email", "").strip(),
            email_verified=found.get("email_verified") == "true",
            status=user.get("UserStatus", ""),
            enabled=user.get("Enabled") is True,
            modified_at=user.get("UserLastModifiedDate", EPOCH),
        )

    @property
    def person(self) -> Person:
        return Person(self.user_id, self.sub, self.email, self.email_verified)


@dataclass(frozen=True)
class Finding:
    """What is to be said of a user.

    registered_at: when their own record was written, as it says.
    """

    account: Account
    verdict: Verdict
    registered_at: str = ""


@dataclass(frozen=True)
class Reconciliation:
    """Compares the pool with the table of users, a page of the pool at a time.

    settled: how long ago a user must have been changed to be missed.
    lists, repairs: the pace of ListUsers, and of what is written.
    """

    cognito: Any
    user_pool_id: str
    outbox: Outbox
    user_table: str
    lists: Pace = field(default_factory=lambda: Pace(LIST_QUOTA / 6))
    repairs: Pace = field(default_factory=lambda: Pace(REPAIRS_PER_SECOND))
    settled: timedelta = SETTLED
    clock: Callable[[], datetime] = utc_now
    pause: Callable[[float], None] = time.sleep
    workers: int = WORKERS

    def accounts(self, place: str) -> tuple[list[Account], str]:
        """The users from a place in the list on, a page of them, and the next place.

        place: empty for the beginning; the next place is empty at the end.

        Raises:
            PlaceLostError: Cognito does not know the place any more.
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: Cognito could not be asked.
        """
        self.lists.wait()
        try:
            page = self.cognito.list_users(
                UserPoolId=self.user_pool_id, Limit=PAGE, **({"PaginationToken": place} if place else {})
            )
        except ClientError as error:
            if place and error.response["Error"]["Code"] == "InvalidParameterException":
                raise PlaceLostError from None
            raise
        return [Account.from_user(user) for user in page["Users"]], page.get("PaginationToken", "")

    def judge(self, accounts: Sequence[Account]) -> list[Finding]:
        """What is to be said of each user of a page.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB could not be asked.
        """
        records = self._read(
            self.user_table, "UserID", (account.user_id for account in accounts), "Sub", "RegisteredAt"
        )
        without = [a for a in accounts if records.get(a.user_id, {}).get("Sub") != a.sub]
        jobs = self._read(self.outbox.table, "NotificationID", (erasure_id(a.sub) for a in without))
        return [
            self._finding(account, records.get(account.user_id), erasure_id(account.sub) in jobs)
            for account in accounts
        ]

    def _finding(self, account: Account, record: Mapping[str, Any] | None, erasing: bool) -> Finding:
        held_by = record.get("Sub") if record else None
        if record and held_by == account.sub:
            return Finding(account, Verdict.REGISTERED, str(record.get("RegisteredAt", "")))
        if not account.sub or (record and not (isinstance(held_by, str) and held_by)):
            return Finding(account, Verdict.UNREADABLE)
        if account.status == EXTERNAL:
            # it may be linked with a user of the pool, who would then be registered twice: a list shows both
            verdict = Verdict.EXTERNAL_PROVIDER
        elif account.status not in CONFIRMED:
            verdict = Verdict.UNCONFIRMED
        elif erasing:
            verdict = Verdict.ERASING
        elif not account.enabled:
            verdict = Verdict.DISABLED
        elif not account.email:
            verdict = Verdict.NO_EMAIL
        elif account.modified_at > self.clock() - self.settled:
            verdict = Verdict.CHANGING
        elif record:
            verdict = Verdict.NAME_TAKEN
        else:
            verdict = Verdict.MISSING
        return Finding(account, verdict)

    def repair(self, findings: Sequence[Finding]) -> list[Verdict]:
        """Registers users who are missing, several at once; says what became of each.

        Raises:
            botocore.exceptions.ClientError: DynamoDB would take nobody, for a reason that does not pass.
        """
        if not findings:
            return []
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(self._repair, findings))

    def _repair(self, finding: Finding) -> Verdict:
        self.repairs.wait()
        try:
            return self._register(finding.account.person)
        except ClientError as error:
            if error.response["Error"]["Code"] in _FOR_NOBODY:
                raise
        except (BotoCoreError, UnstorableError):
            pass
        # it is still missing when the list comes round again
        return Verdict.NOT_REPAIRED

    def _register(self, person: Person) -> Verdict:
        """What the trigger writes, on the conditions of one who comes late."""
        now = self.clock()
        not_erasing = {
            "ConditionCheck": {
                "TableName": self.outbox.table,
                "Key": marshal({"NotificationID": erasure_id(person.sub)}),
                "ConditionExpression": "attribute_not_exists(NotificationID)",
            }
        }
        record = _put(
            self.user_table, record_of(person, now), ConditionExpression="attribute_not_exists(UserID)"
        )
        welcome = _put(
            self.outbox.table,
            welcome_of(person, now).to_row(),
            ConditionExpression="attribute_not_exists(NotificationID)",
        )
        failed = self._write(not_erasing, record, welcome)
        if failed == 2:
            # the record was lost, and its welcome asked for before
            failed = self._write(not_erasing, record)
        return {
            None: Verdict.REPAIRED,
            0: Verdict.ERASING,
            # somebody was first: the trigger, or whoever has the name now
            1: Verdict.REGISTERED,
        }[failed]

    def _write(self, *writes: Mapping[str, Any]) -> int | None:
        return write_together(self.outbox.dynamodb, writes, self.pause)

    def _read(self, table: str, key: str, values: Iterable[str], *names: str) -> dict[str, dict[str, Any]]:
        """Attributes of the rows that there are of some keys, as they stand, by key."""
        every = {f"#{number}": name for number, name in enumerate((key, *names))}
        wanted: dict[str, Any] = {
            table: {
                "Keys": [marshal({key: value}) for value in dict.fromkeys(values)],
                "ConsistentRead": True,
                "ProjectionExpression": ", ".join(every),
                "ExpressionAttributeNames": every,
            }
        }
        rows: dict[str, dict[str, Any]] = {}
        if not wanted[table]["Keys"]:
            return rows
        for tried in range(1, _READS + 1):
            answer = self.outbox.dynamodb.batch_get_item(RequestItems=wanted)
            rows |= {row[key]: row for row in map(unmarshal, answer["Responses"].get(table, []))}
            # "BatchGetItem": what was too much for the moment is to be asked for again, not at once
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return rows
            self.pause(_PAUSE_SECONDS * 2**tried)
        raise ClientError(
            {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "keys were left"}},
            "BatchGetItem",
        )


def _put(table: str, row: Mapping[str, Any], **condition: Any) -> dict[str, Any]:
    return {"Put": {"TableName": table, "Item": marshal(row), **condition}}
