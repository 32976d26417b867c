"""What a queue's event source mapping needs, and that there is one: MiniStack takes both for granted.

Rules: "CreateEventSourceMapping" (Lambda API reference) and "Configuring a queue to use with Lambda": the
function's role must be allowed to receive, to delete and to look at the queue, or the mapping is refused; and
so is a second mapping of a queue to a function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc as service

from scripts.local_aws.permission import role_may

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

NEEDED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


def install() -> None:
    service._create_esm = permitted(single(service._create_esm))


def single(original: Callable[[Json], Response]) -> Callable[[Json], Response]:
    """CreateEventSourceMapping: refused where the queue is mapped to the function already."""

    def create(data: Json) -> Response:
        source = data.get("EventSourceArn", "")
        name = service._resolve_existing_esm_function(data.get("FunctionName", ""))[0]
        for known in service._esms.values() if source.startswith("arn:aws:sqs:") else ():
            if (known["EventSourceArn"], known["FunctionName"]) == (source, name):
                refused: Response = error_response_json(
                    "ResourceConflictException",
                    f"An event source mapping of {source} to {name} exists: {known['UUID']}",
                    409,
                )
                return refused
        return original(data)

    return create


def permitted(original: Callable[[Json], Response]) -> Callable[[Json], Response]:
    """CreateEventSourceMapping: refused where the function's role may not read the queue."""

    def create(data: Json) -> Response:
        queue = data.get("EventSourceArn", "")
        name = service._resolve_existing_esm_function(data.get("FunctionName", ""))[0]
        function = service._get_func_record_for_ref(name)[1] if name else None
        if function and queue.startswith("arn:aws:sqs:"):
            for action in NEEDED:
                if not role_may(function["Role"], f"sqs:{action}", queue):
                    refused: Response = error_response_json(
                        "InvalidParameterValueException",
                        f"The provided execution role does not have permissions to call {action} on SQS",
                        400,
                    )
                    return refused
        return original(data)

    return create
