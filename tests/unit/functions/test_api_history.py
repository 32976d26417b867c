import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from notifications.notification import Outcome, State
from notifications.outbox import Outbox, due_by_hand
from notifications.registration import Person, welcome_of
from notifications.rows import marshal

from .api import Api
from .conftest import ADA, BOB, NOTIFICATIONS, Clock, Tables

EARLIER_ADA = replace(ADA, sub="an earlier holder of the name")


@pytest.fixture
def api(tables: Tables, clock: Clock) -> Api:
    api = Api(tables, clock)
    api.register(ADA, BOB)
    return api


def put(api: Api, row: dict[str, Any]) -> None:
    api.tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(row))


def message(api: Api, number: int, person: Person = ADA, **more: Any) -> None:
    at = api.clock() + timedelta(minutes=number)
    row = replace(welcome_of(person, at), notification_id=f"app#{person.sub}-{number}", category="orders")
    put(api, {**row.to_row(), **more})


def history(api: Api, **query: str) -> Any:
    status, body = api.as_(ADA)("GET", "/notifications", query=query)
    assert status == 200
    return body


def failing(error: ClientError) -> Iterator[Any]:
    """Pages of which not even the first one comes."""
    raise error
    yield


def pages(api: Api, limit: int) -> list[list[str]]:
    found, query = [], {"limit": str(limit)}
    while True:
        page = history(api, **query)
        found.append([entry["id"] for entry in page["notifications"]])
        if page["cursor"] is None:
            return found
        query["cursor"] = page["cursor"]
        assert json.loads(base64.urlsafe_b64decode(f"{page['cursor']}=="))[2] == found[-1][-1]


def test_a_person_sees_what_became_of_a_notification(api: Api) -> None:
    row_id = f"welcome#{ADA.sub}"
    outbox: Outbox = api.services.outbox
    claim = outbox.claim(due_by_hand(row_id, (outbox.get(row_id) or {})["DueAt"]), api.clock())
    assert claim
    sent = Outcome(State.SENT, message_id="secret")
    outbox.record(claim, sent, {"Email": sent}, api.clock(), None)
    (entry,) = history(api)["notifications"]
    assert (entry["id"], entry["category"], entry["state"]) == (row_id, "account", "SENT")
    assert entry["channels"]["Email"] == {"state": "SENT", "reason": "", "at": "2026-11-22T12:00:00.000Z"}


def test_data_is_shown_as_it_was_sent(api: Api) -> None:
    message(api, 1, Data={"total": Decimal("9.5"), "items": [Decimal(2), {"n": "x"}]})
    assert history(api)["notifications"][0]["data"] == {"total": 9.5, "items": [2, {"n": "x"}]}


def test_a_page_is_no_larger_than_lambda_can_answer_with(api: Api) -> None:
    for number in range(40):
        message(api, number, Data={"text": '"' * 190_000})
    found: list[str] = []
    query = {"limit": "100"}
    while query:
        page = history(api, **query)
        assert len(json.dumps(json.dumps(page))) < 6_000_000
        found += [entry["id"] for entry in page["notifications"]]
        query = {"limit": "100", "cursor": page["cursor"]} if page["cursor"] else {}
    assert len(found) == len(set(found)) == 41


@pytest.mark.parametrize("limit", [1, 3, 4, 8, 9, 100])
def test_pages_go_from_the_newest_to_the_oldest_and_leave_nothing_out(api: Api, limit: int) -> None:
    for number in range(1, 9):
        message(api, number)
        message(api, number, BOB)
    found = pages(api, limit)
    newest_first = [f"app#{ADA.sub}-{number}" for number in range(8, 0, -1)]
    assert [entry for page in found for entry in page] == [*newest_first, f"welcome#{ADA.sub}"]
    assert all(len(page) == limit for page in found[:-1])


@pytest.mark.parametrize("limit", [1, 3, 6])
def test_an_earlier_holders_rows_are_read_over(api: Api, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    # or a page of the table would hold all of them
    monkeypatch.setattr("notifications.api.history.MAX_LIMIT", 6)
    for number in range(-9, 40):
        message(api, number, ADA if number in (2, 3, 4, 20, 30) else EARLIER_ADA)
    newest_first = [*(f"app#{ADA.sub}-{number}" for number in (30, 20, 4, 3, 2)), f"welcome#{ADA.sub}"]
    assert pages(api, limit) == [newest_first[at : at + limit] for at in range(0, 6, limit)]


def test_what_is_not_a_notification_is_not_shown(api: Api) -> None:
    api.as_(ADA)("POST", "/devices", {"platform": "GCM", "token": "t"})
    put(api, {"NotificationID": f"erasure#{ADA.sub}", "UserID": ADA.user_id, "Sub": ADA.sub})
    assert [entry["id"] for entry in history(api)["notifications"]] == [f"welcome#{ADA.sub}"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "", "1e1", "٣"])
def test_a_limit_that_is_none_is_refused(api: Api, limit: str) -> None:
    status, body = api.as_(ADA)("GET", "/notifications", query={"limit": limit})
    assert (status, body["error"]["code"]) == (400, "invalid_limit")


@pytest.mark.parametrize("cursor", ["", "x", "W10", "bnVsbA", "WzEsMiwzXQ", "é", "a" * 3000])
def test_a_cursor_that_is_none_is_refused(api: Api, cursor: str) -> None:
    status, body = api.as_(ADA)("GET", "/notifications", query={"cursor": cursor})
    assert (status, body["error"]["code"]) == (400, "invalid_cursor")


def test_another_persons_cursor_is_refused(api: Api) -> None:
    message(api, 1, BOB)
    _, page = api.as_(BOB)("GET", "/notifications", query={"limit": "1"})
    assert api.as_(BOB)("GET", "/notifications", query={"cursor": page["cursor"]})[0] == 200
    status, body = api.as_(ADA)("GET", "/notifications", query={"cursor": page["cursor"]})
    assert (status, body["error"]["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    "said",
    [
        "The table does not have the specified index: ByUser",
        "Cannot read from backfilling global secondary index: ByUser",
    ],
)
def test_while_the_index_is_made_anew_the_client_is_asked_to_come_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    refusal = ClientError({"Error": {"Code": "ValidationException", "Message": said}}, "Query")
    paginator = Mock()
    paginator.paginate.return_value = failing(refusal)
    monkeypatch.setattr(api.services.outbox.dynamodb, "get_paginator", lambda _: paginator)
    status, body = api.as_(ADA)("GET", "/notifications")
    assert (status, body["error"]["code"]) == (503, "try_again")
