"""The UserPreferences table, as those who send read it."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError


@dataclass(frozen=True)
class User:
    """A recipient.

    channel: where notifications go that name no other.
    subscription_arn: of the SNS e-mail subscription; empty before there is one.
    """

    user_id: str
    sub: str
    email: str
    channel: str
    subscription_arn: str = ""


@dataclass(frozen=True)
class Users:
    """The UserPreferences table."""

    dynamodb: Any
    table: str

    def get(self, user_id: str, sub: str) -> User | None:
        """The person with this user name, if it is still the one with this subject.

        A user name can pass to somebody else, and what was meant for the first must not reach the second.
        """
        answer = self.dynamodb.get_item(
            TableName=self.table, Key={"UserID": {"S": user_id}}, ConsistentRead=True
        )
        row = {name: value.get("S", "") for name, value in answer.get("Item", {}).items()}
        if row.get("Sub") != sub:
            return None
        return User(
            user_id=user_id,
            sub=sub,
            email=row.get("Email", ""),
            channel=row.get("NotificationPreference", ""),
            subscription_arn=row.get("SubscriptionArn", ""),
        )

    def keep_subscription(self, user: User, arn: str) -> None:
        """Remembers a person's subscription, unless the user name has passed to somebody else."""
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"UserID": {"S": user.user_id}},
                UpdateExpression="SET SubscriptionArn = :arn",
                ConditionExpression="#sub = :sub",
                ExpressionAttributeNames={"#sub": "Sub"},
                ExpressionAttributeValues={":arn": {"S": arn}, ":sub": {"S": user.sub}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
