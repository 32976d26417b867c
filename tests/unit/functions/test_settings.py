from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.settings import DeliverySettings, ReconcileSettings, Settings, SettingsError

COMPLETE = {
    "USER_TABLE": "users",
    "NOTIFICATION_TABLE": "notifications",
    "CATALOGUE": "{}",
    "RATE_TABLE": "rates",
    "API_ENDPOINT": "http://127.0.0.1",
    "TOKEN_KEY_ARN": "arn",
    "EMAIL_DELIVERY": "sns",
    "NOTIFICATION_TOPIC_ARN": "arn",
}


def test_settings_are_read_from_the_environment() -> None:
    assert Settings.load(COMPLETE) == Settings("users", "notifications")
    assert DeliverySettings.load(COMPLETE).notification_topic_arn == "arn"


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_named(name: str, value: str | None) -> None:
    environment = (
        {**COMPLETE, name: value} if value is not None else {k: v for k, v in COMPLETE.items() if k != name}
    )
    with pytest.raises(SettingsError, match=name):
        DeliverySettings.load(environment)


@given(st.text().filter(lambda way: way not in ("sns", "ses", "")))
def test_an_email_delivery_that_does_not_exist_is_named(way: str) -> None:
    with pytest.raises(SettingsError, match="EMAIL_DELIVERY must be one of sns, ses"):
        DeliverySettings.load({**COMPLETE, "EMAIL_DELIVERY": way})


@pytest.mark.parametrize("name", ["EVERY_HOURS", "SETTLED_SECONDS"])
def test_a_number_that_is_none_is_named(name: str) -> None:
    environment = {**COMPLETE, "USER_POOL_ID": "pool", "EVERY_HOURS": "24"}
    assert ReconcileSettings.load(environment).every_hours == "24"
    with pytest.raises(SettingsError, match=f"{name} must be a whole number"):
        ReconcileSettings.load({**environment, name: "often"})


def test_ses_needs_a_sender() -> None:
    with pytest.raises(SettingsError, match="EMAIL_FROM"):
        DeliverySettings.load({**COMPLETE, "EMAIL_DELIVERY": "ses"})


@pytest.mark.parametrize(
    "function",
    [
        "api",
        "broadcast",
        "deliver",
        "enqueue",
        "erase",
        "feedback",
        "post_confirmation",
        "reconcile",
        "sweep",
    ],
)
def test_a_function_does_not_start_without_its_settings(
    function: str, load_handler: Callable[..., ModuleType]
) -> None:
    with pytest.raises(SettingsError, match="USER_TABLE"):
        load_handler(function)
