import base64
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from notifications.api.unsubscribe import HEADERS
from notifications.links import UNSUBSCRIBE_IS_GOOD_FOR
from notifications.tokens import Unsubscription
from notifications.users import Users

from .api import Api
from .conftest import ADA, BOB, Clock, Tables


@pytest.fixture
def api(tables: Tables, clock: Clock) -> Api:
    api = Api(tables, clock)
    api.register(ADA, BOB)
    return api


def link(api: Api, category: str = "orders", sub: str = ADA.sub) -> dict[str, str]:
    what = Unsubscription(ADA.user_id, sub, category, "Email")
    return {"token": api.tokens.sign(what, api.clock() + UNSUBSCRIBE_IS_GOOD_FOR)}


ONE_CLICK = {
    "body": base64.b64encode(b"List-Unsubscribe=One-Click").decode(),
    "isBase64Encoded": True,
    "headers": {"content-type": "application/x-www-form-urlencoded"},
}


def test_a_click_switches_one_category_off_on_one_channel(api: Api) -> None:
    api.change_record(ADA, Preferences={"orders": {"Push": True}}, Version=7)
    status, page = api.call("POST", "/unsubscribe", query=link(api), event=ONE_CLICK)
    assert (status, "Orders" in page, "e-mail" in page) == (200, True, True)
    record = api.record(ADA)
    assert record["Preferences"] == {"orders": {"Push": True, "Email": False}}
    assert record["Version"] == 8
    assert "Preferences" not in api.record(BOB)


def test_a_second_click_changes_nothing(api: Api) -> None:
    for _ in range(2):
        assert api.call("POST", "/unsubscribe", query=link(api), event=ONE_CLICK)[0] == 200
    assert api.record(ADA)["Version"] == 1


def test_a_program_that_follows_the_link_changes_nothing(api: Api) -> None:
    before = api.tables.users
    status, page = api.call("GET", "/unsubscribe", query=link(api))
    assert (status, '<form method="post">' in page) == (200, True)
    assert api.tables.users == before


def test_a_click_loses_to_no_change_at_the_same_time(api: Api) -> None:
    update, rivals = Users.update, [1, 2]

    def and_a_rival(users: Users, *arguments: Any, **more: Any) -> bool:
        if rivals:
            api.change_record(ADA, Version=10 * rivals.pop())
        return update(users, *arguments, **more)

    with patch.object(Users, "update", and_a_rival):
        assert api.call("POST", "/unsubscribe", query=link(api))[0] == 200
    assert api.record(ADA)["Preferences"]["orders"]["Email"] is False


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("query", [{}, {"token": ""}, {"token": "x"}, {"token": "ü"}, {"token": "x" * 9000}])
def test_a_link_that_is_none_says_what_to_do(api: Api, method: str, query: dict[str, str]) -> None:
    before = api.tables.users
    status, page = api.call(method, "/unsubscribe", query=query)
    assert (status, "sign in" in page) == (400, True)
    assert api.tables.users == before


def test_a_link_that_is_too_old_does_nothing(api: Api, clock: Clock) -> None:
    old = link(api)
    clock.now += UNSUBSCRIBE_IS_GOOD_FOR + timedelta(seconds=1)
    assert api.call("POST", "/unsubscribe", query=old)[0] == 400
    assert "Preferences" not in api.record(ADA)


def test_what_is_critical_cannot_be_switched_off(api: Api) -> None:
    status, page = api.call("POST", "/unsubscribe", query=link(api, "account"))
    assert (status, "cannot be switched off" in page) == (400, True)
    assert "Preferences" not in api.record(ADA)


def test_a_link_of_an_earlier_holder_of_the_name_changes_nothing(api: Api) -> None:
    before = api.tables.users
    assert api.call("POST", "/unsubscribe", query=link(api, sub="earlier"))[0] == 200
    assert api.tables.users == before


def test_a_category_that_is_gone_is_switched_off_all_the_same(api: Api) -> None:
    assert api.call("POST", "/unsubscribe", query=link(api, "promotions"))[0] == 200
    assert api.record(ADA)["Preferences"] == {"promotions": {"Email": False}}


def test_the_page_runs_nothing_and_tells_nobody_its_address(api: Api) -> None:
    event = {
        "version": "2.0",
        "rawPath": "/unsubscribe",
        "headers": {},
        "queryStringParameters": link(api),
        "requestContext": {"http": {"method": "GET", "path": "/unsubscribe"}, "stage": "$default"},
    }
    headers = api.app.resolve(event, None)["headers"]  # type: ignore[arg-type]  # no context is read
    assert {name: headers[name] for name in HEADERS} == HEADERS
