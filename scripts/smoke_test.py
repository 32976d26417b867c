"""Registers a throw-away user in a deployed stack, looks at what came of it, and removes every trace.

Nobody reads the mail: it goes to Amazon's mailbox simulator, which takes it also from a new account
("Using the mailbox simulator manually" in the Amazon SES Developer Guide). So an administrator's call
confirms the user instead of a code; Cognito runs the same trigger ("Post confirmation Lambda trigger").
"""

import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from botocore.exceptions import ClientError
from rich.console import Console

from notifications.rows import unmarshal
from scripts.environment import Environment
from scripts.person import NotSeenError, wait_for
from scripts.stack import Stack, env_option, environment_named, plainly
from scripts.story import Story

PREFIX = "smoke-test-"
SIMULATOR = "simulator.amazonses.com"
# by then a test that runs somewhere else has come to its end
LEFT_BEHIND_AFTER = timedelta(minutes=15)
# the stream takes seconds; what it misses the sweep takes 90 s later, in its next minute
DELIVERED_WITHIN = 180
# what a row comes to when all is well, by how e-mail goes out
GOOD = {"sns": "WAITING_OPT_IN", "ses": "SENT"}
_ON_THE_WAY = {"QUEUED", "RETRY", "DEFERRED"}


class SmokeTestError(click.ClickException):
    """The deployed system does not do what it is for; the message says what was seen."""


@dataclass(frozen=True)
class SmokeTest:
    """One test of one deployed stack.

    delivered_within: seconds that a delivery may take.
    """

    environment: Environment
    outputs: dict[str, Any]
    story: Story
    delivered_within: float = DELIVERED_WITHIN

    def run(self) -> None:
        """Registers somebody, checks the record and the welcome, and removes both.

        Safe to interrupt: what is left is removed by the next run, and nobody else's is touched.

        Raises:
            SmokeTestError: something is not as it should be. What was made is removed all the same.
        """
        with self.story.step("Remove what interrupted tests have left") as tell:
            left = list(self._left_behind())
            for name, sub in left:
                self._remove(name, sub)
            tell(f"{len(left)} users")
        name = f"{PREFIX}{secrets.token_hex(6)}"
        sub = ""
        try:
            with self.story.step(f"Sign up {name}"):
                sub = self._sign_up(name)
            with self.story.step("Confirm"):
                self._confirm(name)
            with self.story.step("The record is in the table"):
                self._check_record(name, sub)
            with self.story.step("The welcome is on its way") as tell:
                tell(self._check_welcome(sub))
        finally:
            if sub:
                with self.story.step("Remove every trace") as tell:
                    self._remove(name, sub)
                    if self._way == "sns":
                        tell("but one: AWS drops the pending subscription of the simulator after 48 hours")

    @property
    def _way(self) -> str:
        return str(self.outputs["email_delivery"])

    @property
    def _cognito(self) -> Any:
        return self.environment.client("cognito-idp")

    @property
    def _dynamodb(self) -> Any:
        return self.environment.client("dynamodb")

    @property
    def _pool(self) -> str:
        return str(self.outputs["user_pool_id"])

    def _address(self, name: str) -> str:
        """Where the user's mail goes.

        By SNS it is the same at each run, so that there is one pending subscription and not one a run: a
        topic has at most 200 with a filter policy. By SES the address becomes an alias, so each has its own.
        """
        label = self.outputs["notification_topic_arn"].rsplit(":", 1)[-1] if self._way == "sns" else name
        return f"success+{label}@{SIMULATOR}"

    def _sign_up(self, name: str) -> str:
        try:
            answer = self._cognito.sign_up(
                ClientId=self.outputs["user_pool_client_id"],
                Username=name,
                Password=f"Aa1!{secrets.token_urlsafe(24)}",
                UserAttributes=[{"Name": "email", "Value": self._address(name)}],
            )
        except ClientError as error:
            raise _refused("sign the user up", error) from None
        return str(answer["UserSub"])

    def _confirm(self, name: str) -> None:
        try:
            if self._way == "ses":
                # as a code would have done: SES writes to no other address
                self._cognito.admin_update_user_attributes(
                    UserPoolId=self._pool,
                    Username=name,
                    UserAttributes=[{"Name": "email_verified", "Value": "true"}],
                )
            self._cognito.admin_confirm_sign_up(UserPoolId=self._pool, Username=name)
        except ClientError as error:
            raise _refused("confirm the user", error) from None

    def _check_record(self, name: str, sub: str) -> None:
        record = self._row("user_table_name", UserID=name)
        if record is None:
            raise SmokeTestError(
                "The user is confirmed and has no record: the trigger did not run, or not to its end. "
                f"make doctor ENV={self.environment.name} says more."
            )
        expected = {"Sub": sub, "Email": self._address(name), "NotificationPreference": "Email"}
        wrong = sorted(key for key, value in expected.items() if record.get(key) != value)
        if wrong:
            raise SmokeTestError(f"The record of the user is wrong in {', '.join(wrong)}.")

    def _check_welcome(self, sub: str) -> str:
        def come_to_something() -> dict[str, Any] | None:
            row = self._row("notification_table_name", NotificationID=f"welcome#{sub}")
            if row is None:
                raise SmokeTestError("There is a record of the user, but no welcome beside it.")
            return None if row["State"] in _ON_THE_WAY else row

        try:
            row = wait_for("the delivery of the welcome", come_to_something, self.delivered_within, every=1)
        except NotSeenError:
            row = self._row("notification_table_name", NotificationID=f"welcome#{sub}") or {}
        state = row.get("State", "gone")
        if state != GOOD[self._way]:
            raise SmokeTestError(
                f"The welcome should be {GOOD[self._way]} and is {state} ({row.get('Reason', 'no reason')}). "
                f"make doctor ENV={self.environment.name} says more."
            )
        return str(state)

    def _left_behind(self) -> Iterator[tuple[str, str]]:
        pages = self._cognito.get_paginator("list_users").paginate(
            UserPoolId=self._pool, Filter=f'username ^= "{PREFIX}"', AttributesToGet=["sub", "email"]
        )
        for page in pages:
            for user in page["Users"]:
                attributes = {entry["Name"]: entry["Value"] for entry in user["Attributes"]}
                # anybody may choose such a user name, but nobody has such an address
                is_ours = attributes.get("email", "").endswith(f"@{SIMULATOR}")
                if is_ours and datetime.now(UTC) - user["UserCreateDate"] > LEFT_BEHIND_AFTER:
                    yield user["Username"], attributes["sub"]

    def _remove(self, name: str, sub: str) -> None:
        """Removes a user: the Cognito user last, since the others are found again by it."""
        self._dynamodb.delete_item(
            TableName=self.outputs["user_table_name"],
            Key={"UserID": {"S": name}},
        )
        self._dynamodb.delete_item(
            TableName=self.outputs["notification_table_name"],
            Key={"NotificationID": {"S": f"welcome#{sub}"}},
        )
        try:
            self._cognito.admin_delete_user(UserPoolId=self._pool, Username=name)
        except self._cognito.exceptions.UserNotFoundException:
            return

    def _row(self, table: str, **key: str) -> dict[str, Any] | None:
        found = self._dynamodb.get_item(
            TableName=self.outputs[table],
            Key={name: {"S": value} for name, value in key.items()},
            ConsistentRead=True,
        )
        return unmarshal(found["Item"]) if "Item" in found else None


def _refused(what: str, error: ClientError) -> SmokeTestError:
    details = error.response["Error"]
    return SmokeTestError(f"Cognito would not {what}: {details['Code']}: {details['Message']}")


@click.command()
@env_option
@plainly
def main(name: str) -> None:
    """Register a throw-away user in a deployed environment, check what came of it, remove every trace."""
    stack = Stack(environment_named(name, start=False), stream=False)
    stack.init(new=False)
    SmokeTest(stack.environment, stack.outputs(), Story(Console())).run()


if __name__ == "__main__":
    sys.exit(main(prog_name="make smoke-test"))
