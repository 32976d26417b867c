"""The size of a function's environment, which MiniStack does not bound.

Rule: "Lambda quotas": 4 KB for all environment variables together. What is measured is their JSON, as the
message of a refusal shows: `String measured: {"NAME":"value"}`, in which a quote of a value is two bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc as service

from scripts.local_aws.limits import Limits

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]


def install(limits: Limits) -> None:
    service._create_function = bounded(service._create_function, limits)
    service._update_config = bounded(service._update_config, limits)


def bounded(original: Callable[..., Response], limits: Limits) -> Callable[..., Response]:
    """CreateFunction, UpdateFunctionConfiguration: refused where the variables are too much."""

    def configure(*arguments: Any) -> Response:
        variables = (arguments[-1].get("Environment") or {}).get("Variables") or {}
        measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
        if len(measured.encode()) > limits.environment_bytes:
            refused: Response = error_response_json(
                "InvalidParameterValueException",
                "Lambda was unable to configure your environment variables because the environment variables "
                f"you have provided exceeded the 4KB limit. String measured: {measured}",
                400,
            )
            return refused
        return original(*arguments)

    return configure
