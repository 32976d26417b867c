"""A user pool in memory, whose list is as ListUsers gives it: in pages, in any order, and possibly old."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from notifications.registration import Person

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ID = "eu-west-1_pool"


class Pool:
    """In place of the client of cognito-idp.

    asked: how often each user name was looked up. old: what the list still says, where it is old.
    """

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.old: dict[str, dict[str, Any]] | None = None
        self.asked: list[str] = []
        self.pages = 0
        self._chains: dict[str, list[dict[str, Any]]] = {}
        self._order = random.Random(7)  # noqa: S311 - not a secret

    def add(self, *people: Person, status: str = "CONFIRMED", **changes: Any) -> None:
        """People who have an account."""
        for person in people:
            attributes = {
                "sub": person.sub,
                "email": person.email,
                "email_verified": str(person.email_verified).lower(),
            }
            self.users[person.user_id] = {
                "Username": person.user_id,
                "Attributes": [{"Name": name, "Value": value} for name, value in attributes.items() if value],
                "Enabled": True,
                "UserStatus": status,
                "UserCreateDate": LONG_AGO,
                "UserLastModifiedDate": LONG_AGO,
                **changes,
            }

    def lose_places(self) -> None:
        """No token that was given out is good any more."""
        self._chains.clear()

    def list_users(self, **wanted: Any) -> Mapping[str, Any]:
        assert wanted["UserPoolId"] == ID
        assert 0 < wanted["Limit"] <= 60
        self.pages += 1
        token = wanted.get("PaginationToken")
        if token is None:
            token = f"chain-{self.pages}:0"
            users = list((self.users if self.old is None else self.old).values())
            self._order.shuffle(users)
            self._chains[token.split(":")[0]] = users
        chain, _, offset = token.partition(":")
        if chain not in self._chains:
            raise failure("InvalidParameterException", "ListUsers")
        start, end = int(offset), int(offset) + wanted["Limit"]
        more = {"PaginationToken": f"{chain}:{end}"} if end < len(self._chains[chain]) else {}
        return {"Users": self._chains[chain][start:end], **more}

    def admin_get_user(self, **wanted: Any) -> Mapping[str, Any]:
        assert wanted["UserPoolId"] == ID
        self.asked.append(wanted["Username"])
        if wanted["Username"] not in self.users:
            raise failure("UserNotFoundException", "AdminGetUser")
        user = self.users[wanted["Username"]]
        return {**user, "UserAttributes": user["Attributes"]}

    def describe_user_pool(self, **_wanted: Any) -> Mapping[str, Any]:
        return {"UserPool": {"Id": ID, "EstimatedNumberOfUsers": len(self.users)}}


def failure(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "ada@example.com"}}, operation)
