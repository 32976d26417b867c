"""What the API refuses, as clients read it."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

# DynamoDB, SNS and KMS say it in different words
_FOR_A_WHILE = {
    "InternalServerError",
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_SERVER_ERROR = 500


class ApiError(Exception):
    """A request that is answered with an error.

    status: of HTTP. code: a word for programs. details: more for programs, beside code and message.
    The message is for people; it names what is wrong, never a value that was sent.
    """

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def to_body(self) -> dict[str, Mapping[str, Any]]:
        return {"error": {"code": self.code, "message": self.message, **self.details}}


def try_again() -> ApiError:
    """Something was in the way that passes by itself; a repetition finishes what was begun."""
    return ApiError(503, "try_again", "This did not work just now. Please try again.")


def internal() -> ApiError:
    """A mistake of ours. The log has its kind; the answer has nothing."""
    return ApiError(500, "internal", "Something went wrong on our side.")


def aws_failure(error: ClientError | BotoCoreError) -> ApiError:
    """What an AWS call that failed means for the client."""
    if isinstance(error, BotoCoreError):
        return try_again()
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passes = error.response["Error"]["Code"] in _FOR_A_WHILE or status >= _SERVER_ERROR
    return try_again() if passes else internal()
