from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from notifications.users import Users

from .api import Api
from .conftest import ADA, BOB, Clock, Tables


@pytest.fixture
def api(tables: Tables, clock: Clock) -> Api:
    api = Api(tables, clock)
    api.register(ADA, BOB)
    return api


def preferences(api: Api) -> Any:
    status, body = api.as_(ADA)("GET", "/preferences")
    assert status == 200
    return body


def change(api: Api, **body: Any) -> tuple[int, Any]:
    return api.as_(ADA)("PUT", "/preferences", {"version": preferences(api)["version"], **body})


def test_who_has_chosen_nothing_sees_the_defaults(api: Api) -> None:
    shown = preferences(api)
    assert (shown["version"], shown["enabled"], shown["quiet_hours"]) == (0, True, None)
    assert shown["categories"]["orders"]["channels"] == {"Email": True, "SMS": True, "Push": False}
    assert shown["categories"]["account"]["channels"] == {"Email": True, "SMS": False, "Push": False}
    assert shown["channels"]["Email"] == {"state": "ready"}
    assert shown["channels"]["SMS"] == {"state": "not_set_up", "phone_number": None}
    assert shown["channels"]["Push"] == {"state": "not_set_up", "devices": []}


def test_what_is_changed_is_shown_and_the_rest_stays(api: Api) -> None:
    quiet = {"start": "22:00", "end": "07:00", "time_zone": "Europe/Berlin"}
    status, shown = change(api, quiet_hours=quiet, categories={"orders": {"SMS": False, "Push": True}})
    assert (status, shown["version"], shown["quiet_hours"]) == (200, 1, quiet)
    assert shown["categories"]["orders"]["channels"] == {"Email": True, "SMS": False, "Push": True}
    _, shown = change(api, enabled=False, default_channel="SMS")
    assert (shown["version"], shown["enabled"], shown["quiet_hours"]) == (2, False, quiet)
    # the switch hides nothing
    assert shown["categories"]["orders"]["channels"]["Push"]
    assert shown["categories"]["account"]["channels"]["SMS"]
    assert api.record(BOB).get("Version") is None


def test_what_was_switched_off_can_be_switched_on(api: Api) -> None:
    change(api, enabled=False)
    _, shown = change(api, enabled=True)
    assert shown["enabled"]


def test_null_takes_back_a_choice_and_the_quiet_hours(api: Api) -> None:
    before = preferences(api)
    change(
        api,
        quiet_hours={"start": "22:00", "end": "07:00", "time_zone": "UTC"},
        categories={"orders": {"SMS": False}},
    )
    _, shown = change(api, quiet_hours=None, categories={"orders": {"SMS": None}})
    assert {**shown, "version": 0} == before
    assert not api.record(ADA).get("Preferences")
    assert "QuietHours" not in api.record(ADA)


def test_a_stale_version_is_refused_with_the_one_that_holds(api: Api) -> None:
    change(api, enabled=False)
    status, body = api.as_(ADA)("PUT", "/preferences", {"version": 0, "enabled": True})
    assert (status, body["error"]["code"], body["error"]["version"]) == (409, "stale_version", 1)
    assert preferences(api)["enabled"] is False


def test_of_two_changes_at_once_one_wins(api: Api) -> None:
    update, rivals = Users.update, [1]

    def and_a_rival(users: Users, *arguments: Any, **more: Any) -> bool:
        if rivals.pop() if rivals else None:
            assert api.as_(ADA)("PUT", "/preferences", {"version": 0, "default_channel": "SMS"})[0] == 200
        return update(users, *arguments, **more)

    with patch.object(Users, "update", and_a_rival):
        status, body = api.as_(ADA)("PUT", "/preferences", {"version": 0, "enabled": False})
    assert (status, body["error"]["version"]) == (409, 1)
    assert (preferences(api)["enabled"], preferences(api)["default_channel"]) == (True, "SMS")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"categories": {"promotions": {"SMS": True}}}, "unknown_category"),
        ({"categories": {"orders": {"Fax": True}}}, "invalid_body"),
        ({"categories": {"account": {"Email": False}}}, "critical_category"),
        ({"quiet_hours": {"start": "22:00", "end": "07:00", "time_zone": "Europe/Atlantis"}}, "invalid_body"),
        ({"quiet_hours": {"start": "22:00", "end": "07:00", "time_zone": "Europe"}}, "invalid_body"),
        ({"quiet_hours": {"start": "24:00", "end": "07:00", "time_zone": "UTC"}}, "invalid_body"),
        ({"default_channel": "Fax"}, "invalid_body"),
        ({"resume": ["Push"]}, "invalid_body"),
        ({"resume": ["Email", "Email"]}, "invalid_body"),
        ({"enabled": "yes"}, "invalid_body"),
    ],
)
def test_what_cannot_be_is_refused(api: Api, body: dict[str, Any], code: str) -> None:
    before = api.record(ADA)
    status, answer = change(api, **body)
    assert (status, answer["error"]["code"]) == (400, code)
    assert api.record(ADA) == before


def test_a_channel_that_has_stopped_says_why_and_can_be_used_again(api: Api) -> None:
    at = "2026-11-22T12:00:00.000Z"
    api.change_record(
        ADA,
        PhoneNumber="+491701234567",
        SubscriptionArn="arn:gone",
        Stopped={
            "Email:sns": {"Reason": "SubscriptionGone", "At": at},
            "SMS": {"Reason": "OptedOut", "At": at},
            "Email:ses": {"Reason": "Bounce", "At": at},
        },
    )
    channels = preferences(api)["channels"]
    assert channels["Email"] == {"state": "stopped", "reason": "SubscriptionGone"}
    assert channels["SMS"] == {"state": "stopped", "reason": "OptedOut", "phone_number": "+491701234567"}
    _, shown = change(api, resume=["Email", "SMS"])
    assert [shown["channels"][channel]["state"] for channel in ("Email", "SMS")] == ["ready", "ready"]
    record = api.record(ADA)
    assert "SubscriptionArn" not in record
    assert list(record["Stopped"]) == ["Email:ses"]


def test_an_address_that_nobody_has_verified_is_not_set_up_for_ses(api: Api) -> None:
    api.change_record(ADA, EmailVerified=False)
    _, by_sns = api.as_(ADA)("GET", "/preferences")
    object.__setattr__(api.services, "email_delivery", "ses")
    _, by_ses = api.as_(ADA)("GET", "/preferences")
    states = [shown["channels"]["Email"]["state"] for shown in (by_sns, by_ses)]
    assert states == ["ready", "not_set_up"]


def test_what_has_not_stopped_is_not_asked_for_anew(api: Api) -> None:
    api.change_record(ADA, SubscriptionArn="arn:good")
    assert change(api, resume=["Email"])[0] == 200
    assert api.record(ADA)["SubscriptionArn"] == "arn:good"


def test_each_device_has_its_state(api: Api) -> None:
    device = {"EndpointArn": "arn:e", "Platform": "GCM", "At": "2026-11-22T12:00:00.000Z"}
    api.change_record(
        ADA,
        Devices={"a" * 16: device, "b" * 16: device},
        Stopped={f"Push:{'a' * 16}": {"Reason": "EndpointDisabled", "At": "2026-11-22T12:00:00.000Z"}},
    )
    push = preferences(api)["channels"]["Push"]
    assert push["state"] == "ready"
    assert [device["state"] for device in push["devices"]] == ["stopped", "ready"]


def test_what_the_api_writes_the_sender_reads(api: Api) -> None:
    change(api, enabled=False, quiet_hours={"start": "22:00", "end": "07:00", "time_zone": "UTC"})
    user = api.services.users.get(ADA.user_id, ADA.sub)
    assert user
    assert not user.preferences.enabled
    assert user.preferences.quiet_hours
    assert user.preferences.quiet_hours.over_at(datetime(2026, 11, 22, 23, tzinfo=UTC))
