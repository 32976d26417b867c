"""The least that a trigger can do which stores a person and their welcome: one call, with its items given."""

from typing import Any

import boto3

make: Any = boto3
dynamodb = make.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    dynamodb.transact_write_items(TransactItems=event["items"])
    return event
