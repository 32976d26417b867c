"""The UserPreferences table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from botocore.exceptions import ClientError

from notifications.notification import timestamp
from notifications.preferences import InvalidPreferencesError, Preferences
from notifications.rows import marshal, unmarshal


@dataclass(frozen=True)
class Device:
    """A phone or browser that takes push messages: an endpoint of an SNS platform application."""

    device_id: str
    endpoint_arn: str
    platform: str


@dataclass(frozen=True)
class User:
    """A person.

    email_verified: whether Cognito has seen the person read mail at that address.
    phone: verified, in E.164; empty when there is none.
    subscription_arn: of the SNS e-mail subscription; empty before there is one.
    stopped: why a way to the person is not used any more, by stop key.
    """

    user_id: str
    sub: str
    email: str
    email_verified: bool = False
    phone: str = ""
    devices: tuple[Device, ...] = ()
    subscription_arn: str = ""
    preferences: Preferences = field(default_factory=Preferences)
    stopped: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Reads a row of the table.

        Raises:
            InvalidPreferencesError: an attribute cannot be read; the message names it.
        """
        try:
            devices = record.get("Devices", {})
            return cls(
                user_id=_text(record["UserID"]),
                sub=_text(record["Sub"]),
                email=_text(record.get("Email", "")),
                email_verified=record.get("EmailVerified", False) is True,
                phone=_text(record.get("PhoneNumber", "")),
                devices=tuple(
                    Device(key, _text(devices[key]["EndpointArn"]), _text(devices[key]["Platform"]))
                    for key in sorted(devices)
                ),
                subscription_arn=_text(record.get("SubscriptionArn", "")),
                preferences=Preferences.from_record(record),
                stopped={key: _text(entry["Reason"]) for key, entry in record.get("Stopped", {}).items()},
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise InvalidPreferencesError(f"the record cannot be read: {type(error).__name__}") from None


@dataclass(frozen=True)
class Users:
    """The UserPreferences table, as those who send read it."""

    dynamodb: Any
    table: str

    def record(self, user_id: str) -> dict[str, Any] | None:
        """The row of a user name as it stands, as plain values."""
        answer = self.dynamodb.get_item(
            TableName=self.table, Key=marshal({"UserID": user_id}), ConsistentRead=True
        )
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def get(self, user_id: str, sub: str) -> User | None:
        """The person with this user name, if it is still the one with this subject.

        A user name can pass to somebody else, and what was meant for the first must not reach the second.

        Raises:
            InvalidPreferencesError: the record cannot be read.
        """
        record = self.record(user_id)
        return User.from_record(record) if record and record.get("Sub") == sub else None

    def keep_subscription(self, user: User, arn: str) -> bool:
        """Remembers a person's subscription; False when the person is not there any more."""
        return self.update(user, "SET SubscriptionArn = :arn", {":arn": arn})

    def stop(self, user: User, key: str, reason: str, now: datetime, addresses: Sequence[str] = ()) -> bool:
        """Remembers that a way to a person does not work.

        addresses: where given, the record must have one of them.

        Returns:
            False when the person is not there any more, or not at these addresses.
        """
        entry = {"Reason": reason, "At": timestamp(now)}
        known = {f":address{number}": address for number, address in enumerate(addresses)}
        there = f" AND Email IN ({', '.join(known)})" if known else ""
        for _ in range(2):
            # whoever stops the first one makes the map, and two may do so at once
            if self.update(
                user,
                "SET Stopped.#key = :entry",
                {":entry": entry, **known},
                {"#key": key},
                condition=f"attribute_exists(Stopped){there}",
            ) or self.update(
                user,
                "SET Stopped = :map",
                {":map": {key: entry}, **known},
                condition=f"attribute_not_exists(Stopped){there}",
            ):
                return True
        return False

    def update(
        self,
        user: User,
        expression: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        condition: str = "",
    ) -> bool:
        """Changes a person's record, if the user name is still theirs and the condition holds.

        Returns:
            Whether it was changed.
        """
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key=marshal({"UserID": user.user_id}),
                UpdateExpression=expression,
                ConditionExpression=" AND ".join(["#sub = :sub", *([condition] if condition else [])]),
                ExpressionAttributeNames={"#sub": "Sub", **(names or {})},
                ExpressionAttributeValues=marshal({":sub": user.sub, **values}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
