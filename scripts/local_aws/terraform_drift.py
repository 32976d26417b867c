"""Alarms as they were put: MiniStack leaves out some settings, and a second plan would not be empty.

Rule: "PutMetricAlarm" and "DescribeAlarms" (CloudWatch API reference): an alarm is described with all the
settings that it was given, and with no others. The Terraform provider speaks the Query protocol, whose
answers are the ones that need mending.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]


def install() -> None:
    cloudwatch._put_metric_alarm = putting_alarm(cloudwatch._put_metric_alarm)
    cloudwatch._describe_alarms = describing_alarms(cloudwatch._describe_alarms)


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
