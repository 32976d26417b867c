"""One request and its answer, without API Gateway's shapes."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from boto3.dynamodb.types import Binary

from notifications.api.document import Operation, check_body
from notifications.api.errors import ApiError

# The longest push token has 4 KB; nothing else comes near it
MAX_BODY_BYTES = 16 * 1024


@dataclass(frozen=True)
class Caller:
    """Who asks: a user name, and the subject that tells its holder from earlier ones."""

    user_id: str
    sub: str


@dataclass(frozen=True)
class Request:
    """What is asked. signed_in: the caller, where the route wants one."""

    query: Mapping[str, str]
    path: Mapping[str, str]
    body: Mapping[str, Any]
    signed_in: Caller | None

    @property
    def caller(self) -> Caller:
        if self.signed_in is None:
            raise _unauthorized()
        return self.signed_in


@dataclass(frozen=True)
class Answer:
    """What is answered. body: JSON as plain values, or a page; None for none."""

    status: int
    body: Mapping[str, Any] | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def request_of(operation: Operation, event: Mapping[str, Any], path: Mapping[str, str]) -> Request:
    """Reads an event of API Gateway ("Create AWS Lambda proxy integrations for HTTP APIs" of its guide).

    Raises:
        ApiError: nobody is signed in where that is needed, or the body is not as documented.
    """
    caller = _caller(event) if operation.signed_in else None
    body = check_body(operation, _json(event)) if operation.takes_json else {}
    return Request(event.get("queryStringParameters") or {}, path, body, caller)


def _caller(event: Mapping[str, Any]) -> Caller:
    """Who has signed in. API Gateway has checked the token and whose it is: the pool's, for our app clients.

    It lets ID tokens in as well ("Control access to HTTP APIs with JWT authorizers"), and we do not.

    The claims are in "Understanding the access token" of the Amazon Cognito Developer Guide.
    """
    claims: Any = event.get("requestContext", {})
    for step in ("authorizer", "jwt", "claims"):
        claims = claims.get(step) if isinstance(claims, Mapping) else None
    if not isinstance(claims, Mapping):
        raise _unauthorized()
    user_id, sub = claims.get("username"), claims.get("sub")
    is_access = claims.get("token_use") == "access"
    if not is_access or not isinstance(user_id, str) or not isinstance(sub, str) or not user_id or not sub:
        raise _unauthorized()
    return Caller(user_id, sub)


def _unauthorized() -> ApiError:
    return ApiError(401, "unauthorized", "An access token of this application is needed.")


def _json(event: Mapping[str, Any]) -> Any:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind = str(headers.get("content-type", "")).partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "unsupported_media_type", "The Content-Type must be application/json.")
    text = event.get("body") or ""
    try:
        raw = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
        if len(raw) > MAX_BODY_BYTES:
            raise ApiError(413, "too_large", f"The body may have {MAX_BODY_BYTES} bytes.")
        return json.loads(raw.decode(), parse_constant=_no_number)
    # RecursionError: it is nested too deeply
    except (binascii.Error, ValueError, RecursionError):
        raise ApiError(400, "invalid_json", "The body is not JSON.") from None


def _no_number(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def plain(value: Any) -> Any:
    """A value of DynamoDB's as JSON has it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | set):
        return [plain(inner) for inner in value]
    if isinstance(value, Binary):
        # JSON has no bytes, and no request brings any
        return None
    return value
