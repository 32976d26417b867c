"""Settings as they were given: MiniStack leaves out some and invents others, and a second plan would show it.

Rules: "PutMetricAlarm" and "DescribeAlarms" (CloudWatch API reference): an alarm is described with all the
settings that it was given, and with no others. The Terraform provider speaks the Query protocol, whose
answers are the ones that need mending. "CreateAuthorizer" (API Gateway v2 API reference): a payload format
version and its companions are those of Lambda authorizers, and a JWT authorizer has none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import apigateway, cloudwatch

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
LAMBDA_AUTHORIZER = {
    "authorizerCredentialsArn",
    "authorizerPayloadFormatVersion",
    "authorizerResultTtlInSeconds",
    "authorizerUri",
    "enableSimpleResponses",
}


def install() -> None:
    cloudwatch._put_metric_alarm = putting_alarm(cloudwatch._put_metric_alarm)
    cloudwatch._describe_alarms = describing_alarms(cloudwatch._describe_alarms)
    apigateway._create_authorizer = creating_authorizer(apigateway._create_authorizer)


def creating_authorizer(original: Callable[..., Response]) -> Callable[..., Response]:
    """Forget what MiniStack fills in for a JWT authorizer."""

    def create(api_id: str, data: Json) -> Response:
        answer = original(api_id, data)
        if answer[0] != 201:
            return answer
        authorizer = apigateway._authorizers[api_id][json.loads(answer[2])["authorizerId"]]
        if authorizer["authorizerType"] == "JWT":
            for name in LAMBDA_AUTHORIZER - data.keys():
                authorizer.pop(name, None)
        created: Response = apigateway._apigw_response(authorizer, 201)
        return created

    return create


def putting_alarm(original: Callable[..., Response]) -> Callable[..., Response]:
    """Keep InsufficientDataActions, which are lost in the Query protocol."""

    def put(params: Json, data: Json, is_cbor: bool, is_json: bool = False) -> Response:
        answer = original(params, data, is_cbor, is_json)
        if answer[0] == 200 and not (is_cbor or is_json):
            given = json_request(params)
            alarm = cloudwatch._alarms[given["AlarmName"]]
            alarm["InsufficientDataActions"] = given.get("InsufficientDataActions", [])
        return answer

    return put


def describing_alarms(original: Callable[..., Response]) -> Callable[..., Response]:
    """Answer the Query protocol with all that the JSON protocol answers."""

    def describe(params: Json, data: Json, is_cbor: bool, is_json: bool = False) -> Response:
        if is_cbor or is_json:
            return original(params, data, is_cbor, is_json)
        status, _headers, body = original({}, json_request(params), False, True)
        if status != 200:  # in the Query protocol's own error envelope
            return original(params, data, False)
        result = json.loads(body)
        result["MetricAlarms"] = [as_given(alarm) for alarm in result["MetricAlarms"]]
        answer: Response = cloudwatch._xml(
            200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{xml(result)}</DescribeAlarmsResult>"
        )
        return answer

    return describe


def as_given(alarm: Json) -> Json:
    """Without what MiniStack fills in: an alarm has one statistic, and one on metric math has none."""
    invented = {"Statistic"} if alarm["ExtendedStatistic"] else set()
    if not alarm["MetricName"]:
        invented |= {"MetricName", "Namespace", "Statistic", "Period"}
    return {name: value for name, value in alarm.items() if name not in invented}


def json_request(params: Json) -> Json:
    """`AlarmNames.member.1=a` → `{"AlarmNames": ["a"]}`; members that are structures are left out."""
    request: Json = {}
    for key, values in params.items():
        name, is_list, index = key.partition(".member.")
        value = values[0] if isinstance(values, list) else values
        if not is_list:
            request[name] = value
        elif index.isdigit():
            request.setdefault(name, []).append(value)
    return request


def xml(value: Any) -> str:
    """JSON as the Query protocol writes it: lists of `<member>`, ISO 8601 times, nothing for null."""
    if isinstance(value, dict):
        return "".join(
            f"<{name}>{timestamp(inner) if name.endswith('Timestamp') else xml(inner)}</{name}>"
            for name, inner in value.items()
            if inner is not None
        )
    if isinstance(value, list):
        return "".join(f"<member>{xml(inner)}</member>" for inner in value)
    if isinstance(value, bool):
        return str(value).lower()
    return escape(str(value))


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
