"""Erasing a person: everything that is left after their record has gone.

Each step can be repeated, in part too, and looks for what is there instead of remembering what was done.
All run twice: the indexes follow the tables with a delay, and a worker may have been sending meanwhile. A
user name or an address can have a new owner by then, who keeps everything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from notifications.channels.sns_email import digest
from notifications.clock import utc_now
from notifications.erasure_job import ERASING, device_row_id, devices_of, watch_id
from notifications.letters import Letters, OutOfTimeError
from notifications.notification import EPOCH, milliseconds
from notifications.outbox import BY_USER_INDEX, ERASURES, Claim, Due, Outbox
from notifications.rows import marshal, unmarshal
from notifications.user_pool import holder

# Until then a worker that held a row or a letter has let go, and the indexes have caught up
ONCE_MORE = timedelta(minutes=4)
# A subscription that nobody confirms lapses after 48 hours
WATCH = timedelta(days=3)
WATCH_EVERY = timedelta(hours=1)
_PENDING = "PendingConfirmation"


@dataclass(frozen=True)
class Erased:
    """Whose traces are sought.

    email, phone, subscription_arn: empty when the record had none. endpoints: by device id.
    """

    user_id: str
    sub: str
    email: str
    phone: str
    subscription_arn: str
    endpoints: Mapping[str, str]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Erased":
        """Reads a job. What the record had that cannot be read leads nowhere, and must not keep the rest."""
        devices = devices_of(row).items()
        arns = {key: _text(device.get("EndpointArn")) for key, device in devices if isinstance(device, dict)}
        return cls(
            user_id=row["UserID"],
            sub=row["Sub"],
            email=_text(row.get("Email")),
            phone=_text(row.get("PhoneNumber")),
            subscription_arn=_text(row.get("SubscriptionArn")),
            endpoints={key: arn for key, arn in arns.items() if arn},
        )


@dataclass(frozen=True)
class Erasure:
    """Works off erasures.

    check_time: raises OutOfTimeError when nothing more is to be begun.
    """

    user_table: str
    outbox: Outbox
    cognito: Any
    user_pool_id: str
    sns: Any
    topic_arn: str
    letters: Letters
    check_time: Callable[[], None]
    clock: Callable[[], datetime] = utc_now

    def work_off(self, due: Due) -> bool | None:
        """Does one job's turn.

        Returns:
            Whether the job has come to its end; None when it was somebody else's.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: a step failed. The job is due
                again when its lease ends.
        """
        claim = self.outbox.claim(due, self.clock())
        if claim is None:
            return None
        try:
            return self._watch(claim) if "Address" in claim.row else self._erase(claim)
        except OutOfTimeError:
            self.outbox.write(claim, {}, self.clock())
            return False

    def _erase(self, claim: Claim) -> bool:
        person = Erased.from_row(claim.row)
        name_is_theirs = self._delete_account(person)
        # a late repetition of Cognito's trigger may have written it again
        self._delete(self.user_table, {"UserID": person.user_id}, "Sub", person.sub)
        pending = self._unsubscribe(_digest(person.email), person.sub, person.subscription_arn)
        self._delete_endpoints(person)
        self._delete_history(person)
        self.letters.destroy(
            person.user_id if name_is_theirs else "",
            (person.sub, person.email, person.phone),
            self.check_time,
        )
        if "Repeated" not in claim.row:
            self.outbox.write(claim, {"Repeated": True}, self.clock() + ONCE_MORE)
            return False
        if pending:
            self._begin_watch(_digest(person.email))
        return self._end(claim)

    def _delete_account(self, person: Erased) -> bool:
        """Deletes the Cognito user; False when somebody else has the user name."""
        sub = self._holder(person.user_id)
        if sub == person.sub:
            try:
                self.cognito.admin_delete_user(UserPoolId=self.user_pool_id, Username=person.user_id)
            except ClientError as error:
                if error.response["Error"]["Code"] != "UserNotFoundException":
                    raise
        return sub in ("", person.sub)

    def _holder(self, name: str) -> str:
        """The subject of who has a user name, or an e-mail address, which is one too; empty for nobody."""
        self.check_time()
        return holder(self.cognito, self.user_pool_id, name)

    def _unsubscribe(self, address: str, sub: str, own: str = "") -> bool:
        """Ends the subscriptions of an address, by its digest; whether one is still pending.

        sub: whose address it was. Somebody who has signed up with it since then keeps the subscription.
        own: the ARN of theirs, which may be of an address that they had before.
        """
        pending = False
        pages = self.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self.topic_arn)
        for page in pages:
            for subscription in page["Subscriptions"]:
                endpoint, arn = subscription["Endpoint"], subscription["SubscriptionArn"]
                if _digest(endpoint) != address and arn != own:
                    continue
                if self._holder(endpoint) not in ("", sub):
                    continue
                if arn == _PENDING:
                    pending = True
                elif arn.startswith("arn:"):
                    self.sns.unsubscribe(SubscriptionArn=arn)
        return pending

    def _delete_endpoints(self, person: Erased) -> None:
        for device_id, arn in person.endpoints.items():
            self.check_time()
            # the phone may be somebody else's by now; the row goes with the history
            holder = self.outbox.get(device_row_id(device_id))
            if holder is None or holder["Sub"] == person.sub:
                self.sns.delete_endpoint(EndpointArn=arn)

    def _delete_history(self, person: Erased) -> None:
        pages = self.outbox.dynamodb.get_paginator("query").paginate(
            TableName=self.outbox.table,
            IndexName=BY_USER_INDEX,
            KeyConditionExpression="UserID = :user",
            FilterExpression="#sub = :sub",
            ExpressionAttributeNames={"#sub": "Sub"},
            ExpressionAttributeValues=marshal({":user": person.user_id, ":sub": person.sub}),
        )
        for page in pages:
            for item in page["Items"]:
                self.check_time()
                key = {"NotificationID": unmarshal(item)["NotificationID"]}
                self._delete(self.outbox.table, key, "Sub", person.sub)

    def _begin_watch(self, address: str) -> None:
        """Leaves a row that knows nothing but a digest."""
        now = self.clock()
        self.outbox.dynamodb.update_item(
            TableName=self.outbox.table,
            Key=marshal({"NotificationID": watch_id(address)}),
            UpdateExpression="SET Address = :address, WatchUntil = :until, DueAt = :due, "
            "DueShard = :shard, #state = :state",
            ExpressionAttributeNames={"#state": "State"},
            ExpressionAttributeValues=marshal(
                {
                    ":address": address,
                    ":until": milliseconds(now + WATCH),
                    ":due": milliseconds(now + WATCH_EVERY),
                    ":shard": ERASURES,
                    ":state": ERASING,
                }
            ),
        )

    def _watch(self, claim: Claim) -> bool:
        """Ends a subscription that was confirmed after all."""
        pending = self._unsubscribe(claim.row["Address"], "")
        until = EPOCH + timedelta(milliseconds=int(claim.row["WatchUntil"]))
        if pending and self.clock() < until:
            self.outbox.write(claim, {}, self.clock() + WATCH_EVERY)
            return False
        return self._end(claim)

    def _end(self, claim: Claim) -> bool:
        """Deletes the job; False when it had passed to another, or was asked for anew."""
        key = {"NotificationID": claim.notification_id}
        return self._delete(self.outbox.table, key, "DueAt", claim.lease)

    def _delete(self, table: str, key: Mapping[str, str], name: str, value: Any) -> bool:
        """Deletes a row whose attribute has a value; False when it has another, or there is no row."""
        try:
            self.outbox.dynamodb.delete_item(
                TableName=table,
                Key=marshal(key),
                ConditionExpression="#name = :value",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues=marshal({":value": value}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _digest(email: str) -> str:
    """What stands for an address; SNS need not show it in the case in which it was subscribed."""
    return digest(email.lower())
