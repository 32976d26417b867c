import re
from datetime import timedelta
from typing import Any
from unittest.mock import Mock, patch

import pytest
from botocore.exceptions import ClientError

from notifications.rates import Rates
from notifications.users import Users

from .api import Api
from .conftest import ADA, Clock, Tables

NUMBER = "+491701234567"
OTHER = "+491709999999"


@pytest.fixture
def api(tables: Tables, clock: Clock) -> Api:
    api = Api(tables, clock)
    api.register(ADA)
    return api


@pytest.fixture
def sent(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The SMS that went out."""
    messages: list[dict[str, Any]] = []

    def publish(**sms: Any) -> dict[str, str]:
        messages.append(sms)
        return {"MessageId": "1"}

    monkeypatch.setattr(api.services.sns, "publish", publish)
    return messages


def put(api: Api, **body: Any) -> tuple[int, Any]:
    return api.as_(ADA)("PUT", "/phone", body)


def code_in(sms: dict[str, Any]) -> str:
    (code,) = re.findall(r"\b\d{6}\b", sms["Message"])
    return str(code)


def wrong(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 10**6:06}"


def test_a_number_is_used_once_its_code_has_come_back(api: Api, sent: list[dict[str, Any]]) -> None:
    api.change_record(ADA, Stopped={"SMS": {"Reason": "OptedOut", "At": "x"}})
    assert put(api, phone_number=NUMBER) == (202, {"status": "code_sent", "expires_in": 600})
    (sms,) = sent
    assert sms["PhoneNumber"] == NUMBER
    assert "PhoneNumber" not in api.record(ADA)
    assert code_in(sms) not in str(api.record(ADA))
    for _ in range(2):
        assert put(api, phone_number=NUMBER, code=code_in(sms)) == (200, {"phone_number": NUMBER})
    record = api.record(ADA)
    assert (record["PhoneNumber"], record["Stopped"]) == (NUMBER, {})
    assert "PendingPhone" not in record


def test_until_then_the_number_before_is_used(api: Api, sent: list[dict[str, Any]]) -> None:
    api.change_record(ADA, PhoneNumber=NUMBER)
    put(api, phone_number=OTHER)
    assert api.record(ADA)["PhoneNumber"] == NUMBER


def test_a_code_is_good_for_its_number_alone(api: Api, sent: list[dict[str, Any]]) -> None:
    put(api, phone_number=NUMBER)
    status, body = put(api, phone_number=OTHER, code=code_in(sent[0]))
    assert (status, body["error"]["code"]) == (400, "no_code")


def test_a_code_that_is_too_old_is_refused(api: Api, clock: Clock, sent: list[dict[str, Any]]) -> None:
    put(api, phone_number=NUMBER)
    clock.forward(minutes=10)
    status, body = put(api, phone_number=NUMBER, code=code_in(sent[0]))
    assert (status, body["error"]["code"]) == (400, "code_expired")


def test_after_five_wrong_tries_the_right_code_is_too_late(api: Api, sent: list[dict[str, Any]]) -> None:
    put(api, phone_number=NUMBER)
    code = code_in(sent[0])
    for by in range(1, 6):
        assert put(api, phone_number=NUMBER, code=wrong(code, by))[1]["error"]["code"] == "wrong_code"
    assert put(api, phone_number=NUMBER, code=code)[0] == 429
    assert "PhoneNumber" not in api.record(ADA)
    put(api, phone_number=NUMBER)
    assert put(api, phone_number=NUMBER, code=code_in(sent[1]))[0] == 200


def test_who_guesses_many_at_once_has_no_more_tries(api: Api, sent: list[dict[str, Any]]) -> None:
    put(api, phone_number=NUMBER)
    code = code_in(sent[0])
    update, deep = Users.update, [0]

    def and_guess_again(users: Users, *arguments: Any, **more: Any) -> bool:
        deep[0] += 1
        if deep[0] <= 12:
            statuses.append(put(api, phone_number=NUMBER, code=wrong(code, deep[0]))[0])
        return update(users, *arguments, **more)

    statuses: list[int] = []
    with patch.object(Users, "update", and_guess_again):
        statuses.append(put(api, phone_number=NUMBER, code=wrong(code))[0])
    assert sorted(statuses) == [400] * 5 + [429] * 8


def test_five_codes_a_day_are_sent(api: Api, clock: Clock, sent: list[dict[str, Any]]) -> None:
    assert [put(api, phone_number=NUMBER)[0] for _ in range(6)] == [202] * 5 + [429]
    put(api, phone_number=None)
    assert put(api, phone_number=OTHER)[0] == 429
    clock.now += timedelta(days=1)
    assert put(api, phone_number=NUMBER)[0] == 202
    assert len(sent) == 6


def test_a_code_that_was_asked_for_at_the_same_time_counts(api: Api, sent: list[dict[str, Any]]) -> None:
    update, rivals = Users.update, [1]

    def and_a_rival(users: Users, *arguments: Any, **more: Any) -> bool:
        if rivals:
            rivals.pop()
            put(api, phone_number=OTHER)
        return update(users, *arguments, **more)

    with patch.object(Users, "update", and_a_rival):
        assert put(api, phone_number=NUMBER)[0] == 202
    assert api.record(ADA)["PhoneCodes"]["Sent"] == 2
    assert put(api, phone_number=NUMBER, code=code_in(sent[1]))[0] == 200


def test_null_removes_the_number(api: Api, sent: list[dict[str, Any]]) -> None:
    put(api, phone_number=NUMBER)
    put(api, phone_number=NUMBER, code=code_in(sent[0]))
    put(api, phone_number=OTHER)
    for _ in range(2):
        assert put(api, phone_number=None) == (200, {"phone_number": None})
    assert not {"PhoneNumber", "PendingPhone"} & set(api.record(ADA))


@pytest.mark.parametrize(
    "number", ["", "0170123", "+0170123456", "+49 170", "+491701234567\n", "+" + "1" * 16]
)
def test_a_number_that_is_none_is_refused(api: Api, sent: list[dict[str, Any]], number: str) -> None:
    status, body = put(api, phone_number=number)
    assert (status, body["error"]["code"], sent) == (400, "invalid_body", [])


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("InvalidParameter", 400, "number_refused"),
        ("OptedOut", 400, "number_refused"),
        ("ValidationException", 400, "number_refused"),
        ("Throttled", 503, "try_again"),
    ],
)
def test_what_sns_refuses_is_told(api: Api, error: str, status: int, code: str) -> None:
    refused = Mock(side_effect=ClientError({"Error": {"Code": error}}, "Publish"))
    with patch.object(api.services.sns, "publish", refused):
        answered, body = put(api, phone_number=NUMBER)
    assert (answered, body["error"]["code"]) == (status, code)


def test_codes_stand_in_line_with_other_sms(api: Api, sent: list[dict[str, Any]]) -> None:
    with patch.object(Rates, "turn", return_value=None):
        assert put(api, phone_number=NUMBER)[0] == 503
    assert (sent, "PhoneCodes" in api.record(ADA)) == ([], False)


def test_who_gets_no_more_codes_today_takes_no_turn(api: Api, sent: list[dict[str, Any]]) -> None:
    for _ in range(5):
        put(api, phone_number=NUMBER)
    with patch.object(Rates, "turn") as turn:
        assert put(api, phone_number=NUMBER)[0] == 429
    assert turn.call_count == 0
