"""What MiniStack's SNS lacks where it publishes to one person: devices' endpoints, and what holds for SMS.

Rules: "CreatePlatformEndpoint" (same token and attributes: the same endpoint), "Publish" (API reference),
"Common Amazon SNS mobile push API errors", "Sending platform-specific payloads to mobile devices" (a JSON
message has a part for each platform), "Publishing SMS messages to a mobile phone" (E.164);
"GetSMSAttributes", "SetSMSAttributes" and "GetSMSSandboxAccountStatus" (API reference; this account has left
the sandbox).

Known from AWS's answers: the words of the refusals, and that an endpoint which is gone is an invalid
parameter of Publish, while GetEndpointAttributes says NotFound.

A push message is kept beside the SMS, under the ARN of its endpoint instead of a number.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ministack.core.responses import new_uuid
from ministack.services import sns as service

from scripts.local_aws.sns import Handler, Json, Response, given_attributes, invalid, result

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# of the account; until one is set it is not answered
SMS_ATTRIBUTES: dict[str, str] = {}


def install() -> None:
    service._create_platform_endpoint = creating_endpoint(service._create_platform_endpoint)
    service._publish = publishing(service._publish)
    service.handle_request = knowing_sms(service.handle_request)


def knowing_sms(original: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """The calls about SMS that MiniStack does not have."""
    calls: dict[str, Handler] = {
        "GetSMSAttributes": get_sms_attributes,
        "GetSMSSandboxAccountStatus": lambda _params: result(
            "GetSMSSandboxAccountStatus", "<IsInSandbox>false</IsInSandbox>"
        ),
        "SetSMSAttributes": set_sms_attributes,
    }

    async def handle(method: str, path: str, headers: Json, body: bytes, query: Json) -> Response:
        params = {**query, **parse_qs(body.decode("utf-8", errors="replace"))}
        call = calls.get(service._p(params, "Action"))
        return call(params) if call else await original(method, path, headers, body, query)

    return handle


def set_sms_attributes(params: Json) -> Response:
    number = 1
    while key := service._p(params, f"attributes.entry.{number}.key"):
        SMS_ATTRIBUTES[key] = service._p(params, f"attributes.entry.{number}.value")
        number += 1
    return result("SetSMSAttributes", "")


def get_sms_attributes(params: Json) -> Response:
    wanted: set[str] = set()
    while name := service._p(params, f"attributes.member.{len(wanted) + 1}"):
        wanted.add(name)
    entries = "".join(
        f"<entry><key>{escape(key)}</key><value>{escape(value)}</value></entry>"
        for key, value in SMS_ATTRIBUTES.items()
        if not wanted or key in wanted
    )
    return result("GetSMSAttributes", f"<attributes>{entries}</attributes>")


def creating_endpoint(original: Handler) -> Handler:
    """CreatePlatformEndpoint: ARNs of AWS's form, and one endpoint with its attributes for each token."""

    def create(params: Json) -> Response:
        application, token = service._p(params, "PlatformApplicationArn"), service._p(params, "Token")
        given = given_attributes(params)
        if user_data := service._p(params, "CustomUserData"):
            given["CustomUserData"] = user_data
        for endpoint in service._platform_endpoints.values():
            has = endpoint["attributes"]
            if (endpoint["application_arn"], has["Token"]) != (application, token):
                continue
            wanted = {"CustomUserData": "", **given}
            if any(has.get(name, "") != value for name, value in wanted.items()):
                return invalid(
                    f"Token Reason: Endpoint {endpoint['arn']} already exists with the same Token, "
                    "but different attributes."
                )
            return result("CreatePlatformEndpoint", f"<EndpointArn>{endpoint['arn']}</EndpointArn>")
        before = set(service._platform_endpoints)
        answer = original(params)
        for made in set(service._platform_endpoints) - before:
            endpoint = service._platform_endpoints.pop(made)
            endpoint["arn"] = made.replace(":app/", ":endpoint/", 1)
            service._platform_endpoints[endpoint["arn"]] = endpoint
            return result("CreatePlatformEndpoint", f"<EndpointArn>{endpoint['arn']}</EndpointArn>")
        return answer

    return create


def publishing(original: Handler) -> Handler:
    """Publish: a number must be one, and an endpoint must be there and enabled."""

    def publish(params: Json) -> Response:
        target, number = service._p(params, "TargetArn"), service._p(params, "PhoneNumber")
        if number and not E164.fullmatch(number):
            return invalid(f"PhoneNumber Reason: {number} is not valid to publish to")
        if ":endpoint/" not in target:
            return original(params)
        endpoint = service._platform_endpoints.get(target)
        if endpoint is None:
            return invalid("TargetArn Reason: No endpoint found for the target arn specified")
        if endpoint["attributes"]["Enabled"].lower() != "true":
            disabled: Response = service._error("EndpointDisabled", "Endpoint is disabled", 400)
            return disabled
        return push(endpoint, params)

    return publish


def push(endpoint: Json, params: Json) -> Response:
    """Keep what the device would get: the part for its platform, or the default one."""
    structure, message = service._p(params, "MessageStructure"), service._p(params, "Message")
    platform = endpoint["arn"].split(":endpoint/")[1].split("/")[0]
    kept = {
        "TargetArn": endpoint["arn"],
        "Token": endpoint["attributes"]["Token"],
        "MessageId": new_uuid(),
        "Message": service._resolve_message_for_protocol(message, structure, platform),
        "MessageAttributes": service._parse_message_attributes(params),
    }
    service._sms_log_for(endpoint["arn"]).append(kept)
    return result("Publish", f"<MessageId>{kept['MessageId']}</MessageId>")
