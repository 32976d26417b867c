"""The metrics of every call of a function: MiniStack has them for Invoke alone.

Rules: "Types of metrics for Lambda functions" (AWS Lambda Developer Guide): Invocations and Errors count each
run of the function's code, whoever called; a throttled call is counted by Throttles, and by neither of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch
from ministack.services import lambda_svc as service

Json = dict[str, Any]


def install() -> None:
    service._execute_function_dispatch = counting(service._execute_function_dispatch)
    service._emit_lambda_metrics = throttles


def counting(original: Callable[..., Json]) -> Callable[..., Json]:
    """Count a run where all ways to call a function meet."""

    def dispatch(func: Json, config: Json, *call: Any) -> Json:
        began = time.monotonic()
        result = original(func, config, *call)
        name = config["FunctionName"]
        put(name, "Invocations", 1)
        put(name, "Errors", 1 if result.get("error") else 0)
        put(name, "Duration", (time.monotonic() - began) * 1000, "Milliseconds")
        return result

    return dispatch


def throttles(name: str, duration_ms: float, error: bool, throttle: bool) -> None:  # noqa: ARG001 - MiniStack's
    """Count a throttled call. MiniStack tells of it twice, and the second time with a duration."""
    if throttle and not duration_ms:
        put(name, "Throttles", 1)


def put(name: str, metric: str, value: float, unit: str = "Count") -> None:
    cloudwatch.record_metric("AWS/Lambda", metric, value, unit, {"FunctionName": name})
