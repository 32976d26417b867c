"""GET and PUT /preferences."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from notifications.api.choices import save, with_choice
from notifications.api.errors import ApiError
from notifications.api.exchange import Answer, Request
from notifications.api.services import Person, Services
from notifications.catalogue import CHANNELS, EMAIL, PUSH, SMS, Category
from notifications.preferences import Preferences, QuietHours, wanted


def show(services: Services, request: Request) -> Answer:
    return Answer(200, _shown(services, services.person(request.caller)))


def change(services: Services, request: Request) -> Answer:
    person = services.person(request.caller)
    if request.body["version"] != person.version:
        raise _stale(person)
    changed = _changed(person.user.preferences, request.body, services.categories)
    keys = {EMAIL: f"Email:{services.email_delivery}", SMS: SMS}
    resumed = tuple(keys[channel] for channel in request.body.get("resume", ()))
    if not save(services, person, changed, resumed):
        raise _stale(services.person(request.caller))
    return show(services, request)


def _stale(person: Person) -> ApiError:
    message = "The preferences have changed meanwhile: read them again."
    return ApiError(409, "stale_version", message, version=person.version)


def _changed(
    preferences: Preferences, body: Mapping[str, Any], categories: Mapping[str, Category]
) -> Preferences:
    """The preferences with what a body says.

    Raises:
        ApiError: it asks for what cannot be.
    """
    changed = replace(
        preferences,
        enabled=body.get("enabled", preferences.enabled),
        default_channel=body.get("default_channel", preferences.default_channel),
    )
    if "quiet_hours" in body:
        changed = replace(changed, quiet_hours=_quiet_hours(body["quiet_hours"]))
    for key, choices in body.get("categories", {}).items():
        category = categories.get(key)
        if category is None:
            raise ApiError(400, "unknown_category", f"The categories are {', '.join(sorted(categories))}.")
        if category.critical and False in choices.values():
            raise ApiError(400, "critical_category", f"{key} is critical and cannot be switched off.")
        changed = with_choice(changed, key, choices)
    return changed


def _quiet_hours(hours: Mapping[str, str] | None) -> QuietHours | None:
    if hours is None:
        return None
    try:
        return QuietHours.of(hours["start"], hours["end"], hours["time_zone"])
    except ValueError as error:
        raise ApiError(400, "invalid_body", f"quiet_hours: {error}") from None


def _shown(services: Services, person: Person) -> dict[str, Any]:
    preferences = person.user.preferences
    # what the global switch would hide is to be seen all the same
    switched_on = replace(preferences, enabled=True)
    return {
        "version": preferences.version,
        "enabled": preferences.enabled,
        "default_channel": preferences.default_channel,
        "quiet_hours": _shown_hours(preferences.quiet_hours),
        "categories": {
            key: {
                "name": category.name,
                "description": category.description,
                "critical": category.critical,
                "channels": {channel: channel in wanted(category, switched_on) for channel in CHANNELS},
            }
            for key, category in services.categories.items()
        },
        "channels": _channels(person, services.email_delivery),
    }


def _shown_hours(hours: QuietHours | None) -> dict[str, str] | None:
    if hours is None:
        return None
    return {"start": f"{hours.start:%H:%M}", "end": f"{hours.end:%H:%M}", "time_zone": hours.zone.key}


def _channels(person: Person, email_delivery: str) -> dict[str, Any]:
    """Whether each channel can be used, whatever the person wants."""
    user = person.user
    devices = [
        {
            "id": device.device_id,
            "platform": device.platform,
            **_state(True, user.stopped.get(f"{PUSH}:{device.device_id}")),
        }
        for device in user.devices
    ]
    # SES writes to an address that Cognito has verified, and to no other
    has_email = bool(user.email) and (email_delivery == "sns" or user.email_verified)
    ready = any(device["state"] == "ready" for device in devices)
    push = "ready" if ready else "stopped" if devices else "not_set_up"
    return {
        EMAIL: _state(has_email, user.stopped.get(f"{EMAIL}:{email_delivery}")),
        SMS: {**_state(bool(user.phone), user.stopped.get(SMS)), "phone_number": user.phone or None},
        PUSH: {"state": push, "devices": devices},
    }


def _state(set_up: bool, stopped: str | None) -> dict[str, str]:
    if not set_up:
        return {"state": "not_set_up"}
    return {"state": "ready"} if stopped is None else {"state": "stopped", "reason": stopped}
