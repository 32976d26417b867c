"""What a function is told by its environment, read once at its start."""

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Self


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the environment variable."""


@dataclass(frozen=True)
class Settings:
    """The settings of every function. Each field is the environment variable of its upper-case name."""

    user_table: str
    notification_table: str

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Reads the settings.

        Raises:
            SettingsError: a variable is missing, empty or not one of the values that it may have.
        """
        wanted = {field.name: environment.get(field.name.upper(), "") for field in fields(cls)}
        missing = [f.name.upper() for f in fields(cls) if f.default is MISSING and not wanted[f.name]]
        if missing:
            raise SettingsError(f"not set: {', '.join(missing)}; the function's Terraform module sets them")
        return cls(**{name: value for name, value in wanted.items() if value})


@dataclass(frozen=True)
class DeliverySettings(Settings):
    """The settings of the functions that send.

    catalogue, channel_rates: JSON. api_endpoint: where the links to unsubscribe lead.
    """

    catalogue: str
    rate_table: str
    email_delivery: str
    api_endpoint: str
    token_key_arn: str
    channel_rates: str = "{}"
    notification_topic_arn: str = ""
    email_from: str = ""
    email_configuration_set: str = ""

    def __post_init__(self) -> None:
        needs = {"sns": "notification_topic_arn", "ses": "email_from"}
        if self.email_delivery not in needs:
            raise SettingsError(f"EMAIL_DELIVERY must be one of {', '.join(needs)}")
        name = needs[self.email_delivery]
        if not getattr(self, name):
            raise SettingsError(f"not set: {name.upper()}, which EMAIL_DELIVERY={self.email_delivery} needs")


@dataclass(frozen=True)
class EnqueueSettings(Settings):
    """The settings of the function that takes requests. catalogue: JSON."""

    catalogue: str
    refused_queue_url: str


@dataclass(frozen=True)
class EraseSettings(Settings):
    """The settings of the function that erases people."""

    user_pool_id: str
    notification_topic_arn: str
    refused_queue_url: str


@dataclass(frozen=True)
class ReconcileSettings(Settings):
    """The settings of the function that reconciles the pool with the table of users.

    every_hours: from the end of one pass to the beginning of the next.
    settled_seconds: how long ago a user must have been changed to be missed; as usual where it is not set.
    """

    user_pool_id: str
    every_hours: str
    settled_seconds: str = ""

    def __post_init__(self) -> None:
        for name in ("every_hours", "settled_seconds"):
            if not (getattr(self, name) or "0").isdecimal():
                raise SettingsError(f"{name.upper()} must be a whole number")


@dataclass(frozen=True)
class ApiSettings(Settings):
    """The settings of the HTTP API. catalogue, push_applications, channel_rates: JSON."""

    catalogue: str
    email_delivery: str
    rate_table: str
    token_key_arn: str
    channel_rates: str = "{}"
    push_applications: str = "{}"
