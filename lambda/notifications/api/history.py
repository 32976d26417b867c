"""GET /notifications: what was sent to the person who asks, and what is still to be sent."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from notifications.api.errors import ApiError, try_again
from notifications.api.exchange import Answer, Caller, Request, plain
from notifications.api.services import Services
from notifications.outbox import BY_USER_INDEX
from notifications.rows import KEY_BYTES, marshal, unmarshal

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
# of what an index sorts by ("Quotas in Amazon DynamoDB")
SORT_KEY_BYTES = 1024
# Lambda answers with 6 MB at most ("Lambda quotas"), in which each quote of the body is escaped; and a row
# may have 200 KB of data
MAX_BYTES = 2_500_000


def show(services: Services, request: Request) -> Answer:
    # without a record there is no history either
    services.person(request.caller)
    limit = _limit(request.query.get("limit"))
    start = _start(request.query.get("cursor"), request.caller)
    pages = services.outbox.dynamodb.get_paginator("query").paginate(
        TableName=services.outbox.table,
        IndexName=BY_USER_INDEX,
        KeyConditionExpression="UserID = :user",
        # jobs and devices are rows too, and have no category
        FilterExpression="#sub = :sub AND attribute_exists(Category)",
        ExpressionAttributeNames={"#sub": "Sub"},
        ExpressionAttributeValues=marshal({":user": request.caller.user_id, ":sub": request.caller.sub}),
        ScanIndexForward=False,
        # what is left out counts too
        PaginationConfig={"PageSize": MAX_LIMIT + 1},
        **({"ExclusiveStartKey": start} if start else {}),
    )
    rows = (unmarshal(item) for page in pages for item in page["Items"])
    # one more than is shown. What an earlier holder of the user name left is read over, however much it is:
    # a cursor that stood in it would tell of it
    try:
        found = list(islice(rows, limit + 1))
    except ClientError as error:
        if _is_made_anew(error):
            raise try_again() from None
        raise
    page = _fitting(_shown(row) for row in found[:limit])
    cursor = _cursor(found[len(page) - 1], request.caller) if len(found) > len(page) else None
    return Answer(200, {"notifications": page, "cursor": cursor})


def _is_made_anew(error: ClientError) -> bool:
    """Whether the index is not there, or not yet: a deploy that changes what it holds makes it anew."""
    said = error.response["Error"]
    return said["Code"] == "ValidationException" and BY_USER_INDEX in said.get("Message", "")


def _fitting(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first entries, as many as an answer has room for."""
    page: list[dict[str, Any]] = []
    room = MAX_BYTES
    for entry in entries:
        room -= len(json.dumps(entry))
        if room < 0:
            break
        page.append(entry)
    return page


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise ApiError(400, "invalid_limit", f"limit is a number from 1 to {MAX_LIMIT}.")
    return int(text)


def _cursor(last: Mapping[str, Any], caller: Caller) -> str:
    """Where to go on: after the last row that was shown.

    It has the subject in it, not the user name, since it stands in a URL.
    """
    place = json.dumps([caller.sub, last["CreatedAt"], last["NotificationID"]])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _start(cursor: str | None, caller: Caller) -> dict[str, Any] | None:
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        sub, created_at, notification_id = place
        # what the table has as keys, and no row of another person's
        fits = (
            sub == caller.sub and _is_key(created_at, SORT_KEY_BYTES) and _is_key(notification_id, KEY_BYTES)
        )
    except (binascii.Error, ValueError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise ApiError(400, "invalid_cursor", "The cursor is not one that this API gave to this person.")
    return marshal({"UserID": caller.user_id, "CreatedAt": created_at, "NotificationID": notification_id})


def _is_key(value: Any, most: int) -> bool:
    """Whether it can be a key, which has so many bytes at most."""
    return isinstance(value, str) and 0 < len(value.encode()) <= most


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is shown; what cannot be read of it is left empty, or nothing would be shown."""
    return {
        "id": row["NotificationID"],
        "category": _text(row, "Category"),
        "created_at": row["CreatedAt"],
        "state": _text(row, "State"),
        "reason": _text(row, "Reason"),
        "channels": {
            target: {name.lower(): _text(entry, name) for name in ("State", "Reason", "At")}
            for target, entry in _map(row, "Results").items()
            if isinstance(entry, Mapping)
        },
        "data": plain(_map(row, "Data")),
    }


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def _map(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}
