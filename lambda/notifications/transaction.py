"""Several writes to DynamoDB that are done together or not at all."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from notifications.rows import marshal

_CONDITION_FAILED = "ConditionalCheckFailed"
# Two transactions that touch one item at once: the loser's next try is likely to win
_CONFLICT = "TransactionConflict"
_TRIES = 5
_PAUSE_SECONDS = 0.05


class UnstorableError(Exception):
    """DynamoDB will never take one of the items."""


def write_together(
    dynamodb: Any, writes: Sequence[Mapping[str, Any]], pause: Callable[[float], None] = time.sleep
) -> int | None:
    """Does all writes or none.

    Returns:
        None when all were done, else the place of the first write whose condition did not hold.

    Raises:
        UnstorableError: an item is not one that the table can hold.
        botocore.exceptions.ClientError: nothing was written, and the same call may succeed later.
            What ends a transaction is in "TransactWriteItems" of the Amazon DynamoDB API Reference.
    """
    tries = 0
    while True:
        tries += 1
        try:
            dynamodb.transact_write_items(TransactItems=list(writes))
        except ClientError as error:
            reasons = cancellation_reasons(error)
            if _CONDITION_FAILED in reasons:
                return reasons.index(_CONDITION_FAILED)
            if "ValidationError" in reasons or error.response["Error"]["Code"] == "ValidationException":
                raise UnstorableError from None
            if _CONFLICT not in reasons or tries == _TRIES:
                raise
            pause(random.uniform(0.5, 1) * _PAUSE_SECONDS * 2**tries)  # noqa: S311 - not a secret
        else:
            return None


def while_there(user_table: str, user_id: str, sub: str) -> dict[str, Any]:
    """The condition that a person is there: whoever is erased at that moment is left no row."""
    return {
        "ConditionCheck": {
            "TableName": user_table,
            "Key": marshal({"UserID": user_id}),
            "ConditionExpression": "#sub = :sub",
            "ExpressionAttributeNames": {"#sub": "Sub"},
            "ExpressionAttributeValues": marshal({":sub": sub}),
        }
    }


def cancellation_reasons(error: ClientError) -> list[str]:
    """Why each write was not done: a code for each, "None" where it was not to blame."""
    reasons: Any = error.response.get("CancellationReasons", [])
    return [reason.get("Code", "None") for reason in reasons]
