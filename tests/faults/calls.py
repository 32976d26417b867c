"""What a request to AWS asks for, and the errors of each service in its own shape."""

import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

# "AWS Signature Version 4 for API requests": the scope names the service as IAM does
_SCOPE = re.compile(rb"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_REST = {("POST", "/v2/email/outbound-emails"): "SendEmail"}
# what an SNS message is published to decides what it is
_PUBLISHED_TO = ("TopicArn", "TargetArn", "PhoneNumber")
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}


@dataclass(frozen=True)
class Call:
    """A call to AWS.

    service: as IAM calls it. operation: as its API reference does. on: what tells it from others of the same
        name: the table and index, or what is published to.
    permissions: what IAM must allow for it, in words that policies are put in too (`permissions_of`).
    """

    service: str
    operation: str
    on: str
    permissions: frozenset[str]

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}" + (f" {self.on}" if self.on else "")


def call_of(method: str, path: str, headers: Mapping[bytes, bytes], body: bytes, lane: str) -> Call:
    """The call that a signed request makes.

    lane: what the names of its tables end with.
    """
    signed = _SCOPE.search(headers.get(b"authorization", b""))
    service = signed[1].decode() if signed else "unsigned"
    target = headers.get(b"x-amz-target", b"").decode()
    if target:
        operation = target.rpartition(".")[2]
        asked = json.loads(body)
        if service == "sqs":
            queue = _short(asked.get("QueueUrl", "").rpartition("/")[2], lane)
            # "AddPermission" of the Amazon SQS API Reference: a batch is allowed with the call itself
            return _call(service, operation, queue, {f"{operation.removesuffix('Batch')} {queue}".strip()})
        if service == "dynamodb":
            return _call(service, operation, _tables(asked, lane), _transacted(asked, lane))
        return _call(service, operation)
    form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    if "Action" in form:
        on = next((name for name in _PUBLISHED_TO if name in form), "") if form["Action"] == "Publish" else ""
        return _call(service, form["Action"], on)
    return _call(service, _REST.get((method, path.partition("?")[0]), f"{method} {path}"))


def _call(service: str, operation: str, on: str = "", allowed: Set[str] = frozenset()) -> Call:
    words = allowed or {f"{operation} {on}".strip()}
    return Call(service, operation, on, frozenset(f"{service}:{each}" for each in words))


def _transacted(asked: Mapping[str, Any], lane: str) -> set[str]:
    """IAM knows the writes of a transaction by their own names."""
    return {
        f"{_TRANSACTED.get(kind, f'{kind}Item')} {_short(write['TableName'], lane)}"
        for item in asked.get("TransactItems", [])
        for kind, write in item.items()
    }


def _tables(asked: Mapping[str, Any], lane: str) -> str:
    names = [asked["TableName"]] if "TableName" in asked else sorted(asked.get("RequestItems", {}))
    tables = " ".join(_short(name, lane) for name in names)
    return f"{tables}/{asked['IndexName']}" if "IndexName" in asked else tables


def _short(name: str, lane: str = "") -> str:
    """What a name says besides the prefix that all names have, and the lane's mark."""
    return name.removesuffix(lane).rpartition("-")[2]


# by terraform/modules/lambda/iam.tf: what Lambda itself does with a function's role
_BY_LAMBDA = {
    "WriteOwnLogs",
    "ReadStream",
    "ListStreams",
    "SendFailedBatches",
    "ReceiveFromQueue",
    "SendFailedCalls",
}


def permissions_of(policy: Mapping[str, Any]) -> set[str]:
    """What a policy of ours lets a function's own calls do, in the words of `Call.permissions`."""
    return {
        f"{action} {_target(action, resource)}".strip()
        for statement in policy["Statement"]
        if statement["Sid"] not in _BY_LAMBDA
        for action in statement["Action"]
        # only a telephone number is no ARN: what is allowed for all but ARNs is allowed for these
        for resource in statement.get("Resource", ["PhoneNumber"])
    }


def _target(action: str, resource: str) -> str:
    """What a resource of a statement is in the name of a call."""
    service = action.partition(":")[0]
    if service == "dynamodb":
        table, _, index = resource.partition(":table/")[2].partition("/index/")
        return _short(table) + (f"/{index}" if index else "")
    if service == "sqs":
        return _short(resource)
    if action == "sns:Publish":
        return {"arn": "TargetArn" if ":endpoint/" in resource else "TopicArn"}.get(resource[:3], resource)
    return ""


@dataclass(frozen=True)
class Refusal:
    """An answer that refuses: its status, headers and body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


# By service: what it says when there is too much to do, and when it fails, with the status of each. From
# the "Errors" or "Common errors" of its API reference.
_CODES = {
    "dynamodb": (("ProvisionedThroughputExceededException", 400), ("InternalServerError", 500)),
    "sns": (("Throttling", 400), ("InternalError", 500)),
    "ses": (("TooManyRequestsException", 429), ("InternalServiceErrorException", 500)),
    "kms": (("ThrottlingException", 400), ("KMSInternalException", 500)),
    "sqs": (("ThrottlingException", 400), ("InternalFailure", 500)),
    "cognito-idp": (("TooManyRequestsException", 400), ("InternalErrorException", 500)),
}
_NAMESPACES = {"dynamodb": "com.amazonaws.dynamodb.v20120810#", "sqs": "com.amazonaws.sqs#"}


def refusal(call: Call, *, throttled: bool) -> Refusal:
    """How the service says that it is asked too often, or that it has failed."""
    code, status = _CODES[call.service][0 if throttled else 1]
    message = "Rate exceeded" if throttled else "We encountered an internal error. Please try again."
    if call.service == "sns":
        fault = "Sender" if throttled else "Receiver"
        body = (
            '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error>'
            f"<Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message>"
            "</Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
        )
        return Refusal(status, [("Content-Type", "text/xml")], body.encode())
    headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-ErrorType", code)]
    said = {"__type": f"{_NAMESPACES.get(call.service, '')}{code}", "message": message}
    return Refusal(status, headers, json.dumps(said).encode())
