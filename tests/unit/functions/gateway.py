"""API Gateway in front of the API, as far as a client can see it: a WSGI application.

"Create AWS Lambda proxy integrations for HTTP APIs", "Control access to HTTP APIs with JWT authorizers" and
"Create routes for HTTP APIs" of its Developer Guide. What it answers by itself has a `message` alone.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from notifications.api.document import Operation, document, operations
from notifications.registration import Person

from .api import Api, claims_of

Environ = Mapping[str, Any]
DOCUMENT = "/openapi.json"
REASONS = {200: "OK"}


class Gateway:
    """Checks tokens, finds the route, and hands the request on.

    people: who has signed in, by token.
    """

    def __init__(self, api: Api, people: Mapping[str, Person]) -> None:
        self.api, self.people = api, people

    def __call__(self, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        answer = self._answer(environ)
        status = f"{answer['statusCode']} {REASONS.get(answer['statusCode'], '-')}"
        start_response(status, list(answer["headers"].items()))
        return [answer["body"].encode()]

    def _answer(self, environ: Environ) -> Mapping[str, Any]:
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        if (method, path) == ("GET", DOCUMENT):
            return _of_its_own(200, dict(document()))
        operation = _route(method, path)
        if operation is None:
            return _of_its_own(404, {"message": "Not Found"})
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        person = self.people.get(token)
        if operation.signed_in and person is None:
            return _of_its_own(401, {"message": "Unauthorized"})
        answer: Mapping[str, Any] = self.api.app.resolve(_event(method, path, environ, person), None)  # type: ignore[arg-type]  # no context is read
        return answer


def _route(method: str, path: str) -> Operation | None:
    fitting = [
        operation
        for operation in operations()
        if operation.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation.path), path)
    ]
    return fitting[0] if fitting else None


def _event(method: str, path: str, environ: Environ, person: Person | None) -> dict[str, Any]:
    """The event of format 2.0."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    headers = {k[5:].replace("_", "-").lower(): v for k, v in environ.items() if k.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    is_text = headers.get("content-type", "").startswith(("application/json", "text/"))
    try:
        body, encoded = (raw.decode(), False) if is_text else (base64.b64encode(raw).decode(), True)
    except UnicodeDecodeError:
        body, encoded = base64.b64encode(raw).decode(), True
    claims = {"authorizer": {"jwt": {"claims": claims_of(person), "scopes": None}}} if person else {}
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": environ.get("QUERY_STRING", ""),
        "headers": headers,
        **({"queryStringParameters": query} if query else {}),
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default", **claims},
        **({"body": body} if raw else {}),
        "isBase64Encoded": encoded,
    }


def _of_its_own(status: int, body: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body),
    }
