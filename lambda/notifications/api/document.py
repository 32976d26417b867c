"""The OpenAPI document, read once: the routes, who may use them, and what a body may hold."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from notifications.api.errors import ApiError

DOCUMENT = Path(__file__).parents[1] / "openapi.json"
_JSON = "application/json"
_SPEAKABLE = re.compile(r"[A-Za-z0-9_.\[\]]{1,80}")


@dataclass(frozen=True)
class Operation:
    """A route of the document.

    path: with parameters in braces. signed_in: whether it needs an access token.
    takes_json: whether it has a body that is JSON.
    """

    name: str
    method: str
    path: str
    signed_in: bool
    takes_json: bool


@cache
def document() -> Mapping[str, Any]:
    """The OpenAPI document."""
    read: Mapping[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return read


@cache
def operations() -> tuple[Operation, ...]:
    """All routes. One that says nothing of security needs an access token, as the whole document does."""
    everywhere = document()["security"]
    return tuple(
        Operation(
            name=entry["operationId"],
            method=method.upper(),
            path=path,
            signed_in=bool(entry.get("security", everywhere)),
            takes_json=_JSON in entry.get("requestBody", {}).get("content", {}),
        )
        for path, entries in document()["paths"].items()
        for method, entry in entries.items()
    )


def check_body(operation: Operation, body: Any) -> Mapping[str, Any]:
    """A body that is as the document says.

    Raises:
        ApiError: it is not; the message names the field.
    """
    try:
        checked: Mapping[str, Any] = _validator(operation.method, operation.path)(body)
    except fastjsonschema.JsonSchemaValueException as error:
        # a name that the client made up is as little to be repeated as a value
        name = error.name or ""
        field = name.removeprefix("data.") if _SPEAKABLE.fullmatch(name) else "a field"
        where = "the body" if field == "data" else field
        raise ApiError(400, "invalid_body", f"{where} is not as documented ({error.rule})") from None
    return checked


@cache
def _validator(method: str, path: str) -> Callable[[Any], Any]:
    entry = document()["paths"][path][method.lower()]
    return compiled(entry["requestBody"]["content"][_JSON]["schema"])


def compiled(schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    """A validator of a schema of the document, whose references it can follow."""
    # a reference would hide what stands beside it
    whole = {"allOf": [schema], "components": document()["components"]}
    validate: Callable[[Any], Any] = fastjsonschema.compile(whole, use_default=False)
    return validate
