import contextlib
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from notifications.api import devices
from notifications.erasure_job import device_row_id

from .api import Api, Died
from .conftest import ADA, BOB, Clock, Tables

PHONE = {"platform": "GCM", "token": "the-phone"}


@pytest.fixture
def api(tables: Tables, clock: Clock) -> Api:
    api = Api(tables, clock)
    api.register(ADA, BOB)
    return api


def endpoints(api: Api) -> dict[str, dict[str, str]]:
    found = api.sns.list_endpoints_by_platform_application(
        PlatformApplicationArn=api.services.push_applications["GCM"]
    )["Endpoints"]
    return {endpoint["EndpointArn"]: endpoint["Attributes"] for endpoint in found}


def add(api: Api, person: Any = ADA, body: dict[str, str] = PHONE) -> str:
    status, device = api.as_(person)("POST", "/devices", body)
    assert status == 201
    return str(device["id"])


def holders(api: Api, device_id: str) -> list[str]:
    return [row["UserID"] for row in api.tables.users if device_id in row.get("Devices", {})]


def test_a_device_gets_an_endpoint_that_the_sender_finds(api: Api) -> None:
    device_id = add(api)
    user = api.services.users.get(ADA.user_id, ADA.sub)
    assert user
    (device,) = user.devices
    assert (device.device_id, device.platform) == (device_id, "GCM")
    assert list(endpoints(api)) == [device.endpoint_arn]
    # what the phone is called by its maker is SNS's alone
    assert PHONE["token"] not in str(api.tables.users + api.tables.notifications)


def test_registering_again_changes_nothing_but_enables_the_endpoint(api: Api) -> None:
    device_id = add(api)
    (arn,) = endpoints(api)
    api.sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})
    api.change_record(ADA, Stopped={f"Push:{device_id}": {"Reason": "EndpointDisabled", "At": "x"}})
    assert add(api) == device_id
    assert endpoints(api)[arn]["Enabled"] == "true"
    assert api.record(ADA)["Stopped"] == {}
    assert holders(api, device_id) == ["ada"]


def test_a_phone_that_another_person_uses_is_not_the_formers_any_more(api: Api) -> None:
    device_id = add(api)
    api.change_record(ADA, Stopped={f"Push:{device_id}": {"Reason": "EndpointDisabled", "At": "x"}})
    assert add(api, BOB) == device_id
    assert holders(api, device_id) == ["bob"]
    assert api.record(ADA)["Stopped"] == {}
    assert add(api) == device_id
    assert holders(api, device_id) == ["ada"]


def test_a_phone_of_somebody_who_is_gone_can_be_taken(api: Api) -> None:
    device_id = add(api)
    assert api.as_(ADA)("DELETE", "/account")[0] == 202
    assert add(api, BOB) == device_id
    assert holders(api, device_id) == ["bob"]


def test_there_are_five_devices_at_most(api: Api) -> None:
    ids = [add(api, ADA, {"platform": "GCM", "token": f"t{n}"}) for n in range(5)]
    status, body = api.as_(ADA)("POST", "/devices", PHONE)
    assert (status, body["error"]["code"]) == (400, "too_many_devices")
    assert len(endpoints(api)) == 5
    assert add(api, ADA, {"platform": "GCM", "token": "t0"}) == ids[0]
    assert api.as_(ADA)("DELETE", f"/devices/{ids[0]}") == (204, None)
    add(api)


def meanwhile(api: Api, happens: Callable[[], Any]) -> tuple[int, Any]:
    """Adds a device, while something else happens after the endpoint was made."""
    made, left = devices._endpoint, [happens]

    def and_then(*arguments: Any) -> str:
        arn = made(*arguments)
        if left:
            left.pop()()
        return arn

    with patch.object(devices, "_endpoint", and_then):
        return api.as_(ADA)("POST", "/devices", PHONE)


def test_no_endpoint_is_left_when_the_account_is_deleted_meanwhile(api: Api) -> None:
    assert meanwhile(api, lambda: api.as_(ADA)("DELETE", "/account"))[0] == 404
    assert endpoints(api) == {}


def test_no_endpoint_is_left_when_others_take_the_room_meanwhile(api: Api) -> None:
    others = [{"platform": "GCM", "token": f"t{n}"} for n in range(5)]
    status, body = meanwhile(api, lambda: [add(api, ADA, other) for other in others])
    assert (status, body["error"]["code"]) == (400, "too_many_devices")
    assert {endpoint["Token"] for endpoint in endpoints(api).values()} == {other["token"] for other in others}


def test_the_endpoint_of_who_took_the_phone_over_meanwhile_stays(api: Api) -> None:
    assert meanwhile(api, lambda: [api.as_(ADA)("DELETE", "/account"), add(api, BOB)])[0] == 404
    assert len(endpoints(api)) == 1


def test_an_unknown_platform_is_refused_with_those_that_there_are(api: Api) -> None:
    status, body = api.as_(ADA)("POST", "/devices", {"platform": "APNS", "token": "t"})
    assert (status, body["error"]["code"], "GCM" in body["error"]["message"]) == (
        400,
        "unknown_platform",
        True,
    )


@pytest.mark.parametrize("token", ["", " ", "x" * 4097, "\n", "é", "\ud800"])
def test_a_token_that_is_none_is_refused(api: Api, token: str) -> None:
    status, body = api.as_(ADA)("POST", "/devices", {"platform": "GCM", "token": token})
    assert (status, body["error"]["code"]) == (400, "invalid_body")


def test_a_removed_device_leaves_nothing(api: Api) -> None:
    device_id = add(api)
    api.change_record(ADA, Stopped={f"Push:{device_id}": {"Reason": "EndpointDisabled", "At": "x"}})
    for _ in range(2):
        assert api.as_(ADA)("DELETE", f"/devices/{device_id}") == (204, None)
    assert endpoints(api) == {}
    assert (api.record(ADA)["Devices"], api.record(ADA)["Stopped"]) == ({}, {})
    assert api.services.outbox.get(device_row_id(device_id)) is None


def test_nobody_removes_anothers_device(api: Api) -> None:
    device_id = add(api)
    assert api.as_(BOB)("DELETE", f"/devices/{device_id}") == (204, None)
    assert holders(api, device_id) == ["ada"]
    assert len(endpoints(api)) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("calls", range(8))
def test_a_death_is_repaired_by_repeating(api: Api, calls: int, after: bool) -> None:
    device_id = add(api)
    api.fate.calls_left, api.fate.after = calls, after
    try:
        api.as_(BOB)("POST", "/devices", PHONE)
    except Died:
        assert len(holders(api, device_id)) == 1
    api.fate.calls_left = None
    assert add(api, BOB) == device_id
    assert holders(api, device_id) == ["bob"]
    assert len(endpoints(api)) == 1
    api.fate.calls_left = calls
    with contextlib.suppress(Died):
        api.as_(BOB)("DELETE", f"/devices/{device_id}")
    api.fate.calls_left = None
    assert api.as_(BOB)("DELETE", f"/devices/{device_id}")[0] == 204
    assert (endpoints(api), holders(api, device_id)) == ({}, [])
    assert api.services.outbox.get(device_row_id(device_id)) is None
