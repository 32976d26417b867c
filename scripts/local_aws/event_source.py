"""The permissions that a queue's event source mapping needs, which MiniStack's poller takes for granted.

Rule: "CreateEventSourceMapping" (Lambda API reference) and "Configuring a queue to use with Lambda": the
function's role must be allowed to receive, to delete and to look at the queue, or the mapping is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core.iam_evaluator import EvalContext, _gather_role_policies, evaluate
from ministack.core.responses import error_response_json
from ministack.services import lambda_svc as service

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

NEEDED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


def install() -> None:
    service._create_esm = permitted(service._create_esm)


def permitted(original: Callable[[Json], Response]) -> Callable[[Json], Response]:
    """CreateEventSourceMapping: refused where the function's role may not read the queue."""

    def create(data: Json) -> Response:
        queue = data.get("EventSourceArn", "")
        name = service._resolve_existing_esm_function(data.get("FunctionName", ""))[0]
        function = service._get_func_record_for_ref(name)[1] if name else None
        if function and queue.startswith("arn:aws:sqs:"):
            for action in NEEDED:
                if not may(function["Role"], f"sqs:{action}", queue):
                    refused: Response = error_response_json(
                        "InvalidParameterValueException",
                        f"The provided execution role does not have permissions to call {action} on SQS",
                        400,
                    )
                    return refused
        return original(data)

    return create


def may(role: str, action: str, resource: str) -> bool:
    """Whether a role's own policies allow an action."""
    account = role.split(":")[4]
    context = EvalContext(
        principal_arn=role,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=resource.split(":")[3],
    )
    policies = _gather_role_policies(role.rpartition("/")[2], account)
    return bool(evaluate(context, policies).decision == "Allow")
