"""What MiniStack's HTTP APIs lack: an address that resolves here, and the permission to invoke a function.

Rules: "Api" (API Gateway v2 API reference: `apiEndpoint` is where the API is called, without the stage's
name where the stage is `$default`), "Create AWS Lambda proxy integrations for HTTP APIs" (without a
permission on the function the API answers 500; the source is the route's execute-api ARN).

`{id}.execute-api.{host}` is a name that no resolver here knows. MiniStack serves the same API at a path,
which every HTTP client reaches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import apigateway as service

from scripts.local_aws.permission import may_invoke

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Invoke = Callable[..., Awaitable[Response]]

PRINCIPAL = "apigateway.amazonaws.com"


def install(url: str) -> None:
    """Put the adapter's handlers in the place of MiniStack's; `url` is where the server is reached."""
    service._create_api = with_address(service._create_api, url)
    service._invoke_lambda_proxy = permitted(service._invoke_lambda_proxy)


def with_address(original: Callable[[Json], Response], url: str) -> Callable[[Json], Response]:
    """CreateApi: the endpoint is the path at which this machine reaches the API."""

    def create(data: Json) -> Response:
        before = set(service._apis)
        answer = original(data)
        for api_id in set(service._apis) - before:
            api = service._apis[api_id]
            api["apiEndpoint"] = f"{url}/_aws/execute-api/{api_id}"
            created: Response = service._apigw_response(api, answer[0])
            return created
        return answer

    return create


def permitted(original: Invoke) -> Invoke:
    """A function that the API may not invoke is a server error to the API's caller."""

    async def invoke(
        integration: Json,
        api_id: str,
        stage: str,
        path: str,
        method: str,
        headers: dict[str, str],
        body: bytes,
        query: Json,
        route_key: str = "$default",
        parameters: Json | None = None,
        **more: Any,
    ) -> Response:
        function = service._extract_lambda_ref_from_integration_uri(integration.get("integrationUri", ""))
        verb, _, template = route_key.partition(" ")
        source = (
            f"arn:aws:execute-api:{more['owner_region']}:{more['owner_account_id']}:{api_id}"
            f"/{stage}/{verb if template else '*'}{template or '/$default'}"
        )
        if not may_invoke(function, PRINCIPAL, source):
            return 500, {"Content-Type": "application/json"}, b'{"message":"Internal Server Error"}'
        return await original(
            integration, api_id, stage, path, method, headers, body, query, route_key, parameters, **more
        )

    return invoke
