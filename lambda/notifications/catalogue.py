"""The catalogue: the categories of notifications that an environment has, as Terraform gives them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

EMAIL = "Email"
SMS = "SMS"
PUSH = "Push"
CHANNELS = (EMAIL, SMS, PUSH)


class CatalogueError(Exception):
    """The catalogue cannot be read; the message names what is wrong with it."""


@dataclass(frozen=True)
class Category:
    """A kind of notification.

    channels: where it goes unless a person says otherwise; none stands for the person's own default channel.
    critical: a person cannot switch it off.
    good_for: how long a message is worth sending.
    """

    key: str
    channels: tuple[str, ...]
    critical: bool
    good_for: timedelta
    name: str = ""
    description: str = ""


def catalogue_from(text: str) -> Mapping[str, Category]:
    """The categories by key, from the JSON that Terraform writes.

    Raises:
        CatalogueError: it is not such a JSON.
    """
    try:
        categories: Mapping[str, Any] = json.loads(text)
        return MappingProxyType({key: _category(key, values) for key, values in categories.items()})
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"CATALOGUE cannot be read: {type(error).__name__}: {error}") from None


def _category(key: str, values: Mapping[str, Any]) -> Category:
    unknown = set(values["channels"]) - set(CHANNELS)
    if unknown:
        raise ValueError(f"{key} has channels that do not exist: {', '.join(sorted(unknown))}")
    if not isinstance(values["critical"], bool):
        raise TypeError(f"critical of {key} is neither true nor false")
    return Category(
        key=key,
        channels=tuple(values["channels"]),
        critical=values["critical"],
        good_for=timedelta(hours=values["good_for_hours"]),
        name=values.get("name", ""),
        description=values.get("description", ""),
    )
