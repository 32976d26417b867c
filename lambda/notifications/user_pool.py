"""The user pool, as those read it who compare it with what is stored."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError


def holder(cognito: Any, user_pool_id: str, name: str) -> str:
    """The subject of who has a user name, or an e-mail address, which is one too; empty for nobody.

    Whoever is found counts as active in that month, and is paid for ("AdminGetUser" of the Amazon Cognito API
    Reference).
    """
    try:
        user = cognito.admin_get_user(UserPoolId=user_pool_id, Username=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "UserNotFoundException":
            return ""
        raise
    return attributes(user["UserAttributes"])["sub"]


def attributes(entries: list[Mapping[str, str]]) -> dict[str, str]:
    """A user's attributes by name."""
    return {entry["Name"]: entry.get("Value", "") for entry in entries}
