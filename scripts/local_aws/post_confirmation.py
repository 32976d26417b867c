"""Calling a pool's post-confirmation function the way Amazon Cognito does.

Documented ("Customizing user pool workflows with Lambda triggers", "Post confirmation Lambda trigger"):
- the call is synchronous; the function must answer within 5 s; if it does not, and the call can be
  retried, Cognito retries; after three unsuccessful attempts the function times out;
- the function's own error comes out as `UserLambdaValidationException`, an answer that Cognito cannot
  read as `InvalidLambdaResponseException`, all else as `UnexpectedLambdaException`; a function that
  may not be invoked, or that was deleted, is `AccessDeniedException` within the latter
  (AWS re:Post, "How do I troubleshoot errors with Lambda triggers in Amazon Cognito?").

Not documented, and decided here: an error that the function raised is an answer, so it is not retried;
throttling and failures of the emulator itself are. "The event's JSON object" is taken to be an object
that still holds every key of the event that was sent.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ministack.services import lambda_svc

from scripts.local_aws.limits import Limits
from scripts.local_aws.permission import may_invoke

Json = dict[str, Any]

PRINCIPAL = "cognito-idp.amazonaws.com"


class TriggerError(Exception):
    """The trigger failed; `code` is the error that Cognito's caller sees."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def event(
    *,
    source: str,
    pool_id: str,
    user_name: str,
    client_id: str,
    attributes: Mapping[str, str],
    metadata: Mapping[str, str] | None,
) -> Json:
    """The event of "Post confirmation Lambda trigger"; `clientMetadata` only where the caller gave it."""
    request: Json = {"userAttributes": {**attributes, "cognito:user_status": "CONFIRMED"}}
    if metadata:
        request["clientMetadata"] = dict(metadata)
    return {
        "version": "1",
        "region": pool_id.partition("_")[0],
        "userPoolId": pool_id,
        "userName": user_name,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client_id},
        "triggerSource": source,
        "request": request,
        "response": {},
    }


def call(function_arn: str, pool_arn: str, sent: Json, limits: Limits) -> None:
    """Invoke the function for this pool, as often as Cognito would.

    Raises TriggerError for whatever is not the event's object, answered in time.
    """
    if not may_invoke(function_arn, PRINCIPAL, pool_arn):
        raise unexpected("AccessDeniedException")
    reason = ""
    for _ in range(limits.trigger_attempts):
        try:
            result = within(limits.trigger_seconds, lambda: _invoke(function_arn, sent))
        except TimeoutError:
            reason = "Socket timeout while invoking Lambda function"
        except Exception as error:
            reason = type(error).__name__
        else:
            if not result.get("throttle"):
                return check(result, sent)
            reason = "TooManyRequestsException"
    raise unexpected(reason)


def check(result: Json, sent: Json) -> None:
    """Judge what came back. Raises TriggerError unless it is the event's object."""
    answer = result.get("body")
    if result.get("error"):
        message = answer.get("errorMessage") if isinstance(answer, dict) else answer
        raise TriggerError("UserLambdaValidationException", f"PostConfirmation failed with error {message}.")
    if not isinstance(answer, dict) or not sent.keys() <= answer.keys():
        raise TriggerError("InvalidLambdaResponseException", "Unrecognizable lambda output")


def unexpected(reason: str) -> TriggerError:
    return TriggerError(
        "UnexpectedLambdaException", f"PostConfirmation invocation failed due to error {reason}."
    )


def within(seconds: float, work: Callable[[], Json]) -> Json:
    """Run `work` on a thread of its own, and leave it behind if it takes longer. Raises TimeoutError."""
    future: Future[Json] = Future()
    context = contextvars.copy_context()  # MiniStack keeps the request's account and region there

    def run() -> None:
        try:
            future.set_result(context.run(work))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="post-confirmation").start()
    return future.result(timeout=seconds)


def _invoke(function_arn: str, sent: Json) -> Json:
    record, config, _name = lambda_svc._get_func_record_for_ref(function_arn)
    execution = lambda_svc._execution_record_for_config(record, config)
    result: Json = lambda_svc._execute_function_with_config_scope(execution, sent)
    return result
