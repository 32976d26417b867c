"""HTTP APIs: where they are reached, whom they let in, and what the function gets."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.local_aws.conftest import PASSWORD, Aws, Person, Pool, unique

ECHO = """
import json

def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""


@dataclass(frozen=True)
class Api:
    """An HTTP API in front of a function that answers its event, for two clients of a pool.

    The tokens of the hasty one last for two seconds, where AWS wants five minutes.
    """

    aws: Aws
    id: str
    url: str
    pool: Pool
    hasty_client: str

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        return httpx.request(
            method, f"{self.url}{path}", headers=headers, trust_env=False, timeout=30, **more
        )


def tokens(person: Person, client: str | None = None) -> dict[str, Any]:
    answer: Any = person.pool.aws.cognito.initiate_auth(
        ClientId=client or person.pool.client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.name, "PASSWORD": PASSWORD},
    )
    result: dict[str, Any] = answer["AuthenticationResult"]
    return result


def client_of(pool: Pool, **settings: Any) -> str:
    """One more client of a pool."""
    made = pool.aws.cognito.create_user_pool_client(
        UserPoolId=pool.id, ClientName="other", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"], **settings
    )
    return made["UserPoolClient"]["ClientId"]


def confirmed(pool: Pool) -> Person:
    person = pool.sign_up()
    person.confirm()
    return person


@pytest.fixture(scope="module")
def api(aws: Aws) -> Api:
    gateway = aws.client("apigatewayv2")
    pool = aws.pool()
    hasty = client_of(pool, AccessTokenValidity=2, TokenValidityUnits={"AccessToken": "seconds"})
    made = gateway.create_api(
        Name="it",
        ProtocolType="HTTP",
        CorsConfiguration={
            "AllowOrigins": ["https://shop.example.com"],
            "AllowMethods": ["GET", "PUT"],
            "AllowHeaders": ["authorization"],
            "MaxAge": 60,
        },
    )
    function, api_id = aws.function(ECHO), made["ApiId"]
    aws.permit(
        function, f"arn:aws:execute-api:us-east-1:000000000000:{api_id}/*/*", "apigateway.amazonaws.com"
    )
    integration = gateway.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    authorizer = gateway.create_authorizer(
        ApiId=api_id,
        Name="jwt",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={
            "Audience": [pool.client, hasty],
            "Issuer": f"https://cognito-idp.us-east-1.amazonaws.com/{pool.id}",
        },
    )["AuthorizerId"]
    for key in ("GET /preferences", "DELETE /devices/{id}"):
        gateway.create_route(
            ApiId=api_id,
            RouteKey=key,
            Target=f"integrations/{integration}",
            AuthorizationType="JWT",
            AuthorizerId=authorizer,
        )
    gateway.create_route(ApiId=api_id, RouteKey="POST /open", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
    return Api(aws, api_id, gateway.get_api(ApiId=api_id)["ApiEndpoint"], pool, hasty)


@pytest.fixture(scope="module")
def person(api: Api) -> Person:
    return confirmed(api.pool)


def test_an_access_token_opens_the_api_at_its_endpoint(api: Api, person: Person) -> None:
    answer = api.call("GET", "/preferences?a=1&b=x%20y", tokens(person)["AccessToken"])
    assert answer.status_code == 200
    event = answer.json()
    assert (event["rawPath"], event["rawQueryString"]) == ("/preferences", "a=1&b=x%20y")
    assert event["requestContext"]["stage"] == "$default"
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    assert all(isinstance(value, str) for value in claims.values())
    assert (claims["sub"], claims["username"]) == (person.sub, person.name)
    assert (claims["client_id"], claims["token_use"]) == (api.pool.client, "access")
    assert claims["iss"] == f"https://cognito-idp.us-east-1.amazonaws.com/{api.pool.id}"
    assert int(claims["exp"]) > int(claims["auth_time"])


def test_a_token_of_another_client_or_pool_or_none_is_refused(api: Api, person: Person) -> None:
    good = tokens(person)["AccessToken"]
    head, claims, signature = good.split(".")
    bad = [
        None,
        "garbage",
        "a.b.c",
        f"{head}.{claims}.{signature[:-8]}AAAAAAAA",
        f"{head}.{claims}.",
        tokens(person, client_of(api.pool))["AccessToken"],
        tokens(confirmed(api.aws.pool()))["AccessToken"],
    ]
    assert [api.call("GET", "/preferences", token).status_code for token in bad] == [401] * len(bad)
    assert api.call("GET", "/preferences", good).status_code == 200


def test_a_token_that_has_run_out_is_refused(api: Api, person: Person) -> None:
    token = tokens(person, api.hasty_client)["AccessToken"]
    assert api.call("GET", "/preferences", token).status_code == 200
    time.sleep(2)
    assert api.call("GET", "/preferences", token).status_code == 401


def test_a_deleted_persons_token_opens_the_api_until_it_runs_out(api: Api) -> None:
    person = confirmed(api.pool)
    token = tokens(person)["AccessToken"]
    api.aws.cognito.admin_delete_user(UserPoolId=api.pool.id, Username=person.name)
    assert api.call("GET", "/preferences", token).status_code == 200


def test_a_path_parameter_arrives_decoded(api: Api, person: Person) -> None:
    event = api.call("DELETE", "/devices/a%20b", tokens(person)["AccessToken"]).json()
    assert event["pathParameters"] == {"id": "a b"}
    assert event["routeKey"] == "DELETE /devices/{id}"


@pytest.mark.parametrize(
    ("kind", "encoded"),
    [
        ("application/json", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", True),
        ("application/octet-stream", True),
    ],
)
def test_all_but_text_arrives_as_base64(api: Api, kind: str, encoded: bool) -> None:
    event = api.call("POST", "/open", content=b"a=1", headers={"content-type": kind}).json()
    assert event["isBase64Encoded"] is encoded
    assert event["body"] == ("YT0x" if encoded else "a=1")


def test_an_unknown_route_is_not_found_with_and_without_a_token(api: Api, person: Person) -> None:
    for token in (None, tokens(person)["AccessToken"]):
        assert api.call("GET", "/nowhere", token).status_code == 404
        assert api.call("PUT", "/open", token).status_code == 404


def test_a_browser_of_the_right_origin_may_call(api: Api) -> None:
    asks = {"access-control-request-method": "PUT", "access-control-request-headers": "authorization"}
    answer = api.call("OPTIONS", "/preferences", headers={"origin": "https://shop.example.com", **asks})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.example.com"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    answer = api.call("OPTIONS", "/preferences", headers={"origin": "https://evil.example.org", **asks})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("source", [None, "arn:aws:execute-api:us-east-1:000000000000:another/*/*"])
def test_a_function_that_the_api_may_not_invoke_is_a_server_error(aws: Aws, source: str | None) -> None:
    gateway, function = aws.client("apigatewayv2"), aws.function(ECHO)
    if source:
        aws.permit(function, source, "apigateway.amazonaws.com")
    made = gateway.create_api(Name=unique("api"), ProtocolType="HTTP", Target=function)
    api_id = made["ApiId"]
    integration = gateway.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    gateway.create_route(ApiId=api_id, RouteKey="GET /it", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)

    def call() -> tuple[int, str]:
        answer = httpx.get(f"{made['ApiEndpoint']}/it", trust_env=False, timeout=30)
        return answer.status_code, answer.text

    assert call() == (500, json.dumps({"message": "Internal Server Error"}, separators=(",", ":")))
    aws.permit(
        function, f"arn:aws:execute-api:us-east-1:000000000000:{api_id}/*/GET/it", "apigateway.amazonaws.com"
    )
    assert call()[0] == 200
