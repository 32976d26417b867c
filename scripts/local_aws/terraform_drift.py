"""Describe answers that MiniStack gives without everything it was told, so that a second plan is not empty.

Rule: "DescribeAlarms" (CloudWatch API reference): a metric alarm is described with all its settings.
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
    cloudwatch._describe_alarms = describing_alarms(cloudwatch._describe_alarms)


def describing_alarms(original: Callable[..., Response]) -> Callable[..., Response]:
    """Answer the Query protocol, which the Terraform provider speaks, with what the JSON protocol answers."""

    def describe(params: Json, data: Json, is_cbor: bool, is_json: bool = False) -> Response:
        if is_cbor or is_json:
            return original(params, data, is_cbor, is_json)
        status, _headers, body = original({}, json_request(params), False, True)
        if status != 200:  # in the Query protocol's own error envelope
            return original(params, data, False)
        answer: Response = cloudwatch._xml(
            200,
            "DescribeAlarmsResponse",
            f"<DescribeAlarmsResult>{xml(json.loads(body))}</DescribeAlarmsResult>",
        )
        return answer

    return describe


def json_request(params: Json) -> Json:
    """`AlarmNames.member.1=a` → `{"AlarmNames": ["a"]}`."""
    request: Json = {}
    for key, values in params.items():
        name, is_list, _index = key.partition(".member.")
        value = values[0] if isinstance(values, list) else values
        if is_list:
            request.setdefault(name, []).append(value)
        else:
            request[name] = value
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
