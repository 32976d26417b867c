"""Who calls what a schedule names, and when: MiniStack asks for no permission, and looks every ten seconds.

Rule: "Setting up the execution role" (EventBridge Scheduler User Guide): a schedule calls its target as the
role that it is given, which must be allowed to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import eventbridge, scheduler

from scripts.local_aws.permission import role_may

Json = dict[str, Any]


def install() -> None:
    # a schedule of every minute would else come up to ten seconds late
    scheduler._SCHEDULE_TICK_INTERVAL = 1
    eventbridge._invoke_target = permitted(eventbridge._invoke_target)


def permitted(original: Callable[..., None]) -> Callable[..., None]:
    """A function that the schedule's role may not invoke is not invoked; rules have no such role."""

    def invoke(target: Json, event: Json, *more: Any) -> None:
        arn, role = target["Arn"], target.get("RoleArn", "")
        is_function = event.get("Source") == "aws.scheduler" and arn.startswith("arn:aws:lambda:")
        if is_function and not role_may(role, "lambda:InvokeFunction", arn):
            eventbridge.logger.warning("Scheduler: %s may not invoke %s", role, arn)
        else:
            original(target, event, *more)

    return invoke
