"""What calls cost: usage that was counted, times the prices of prices.toml."""

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from notifications.sms_text import segments
from tests.bench.calls import Call, Units, units

PRICES = Path(__file__).parent / "prices.toml"
GIGABYTE = 1e9


@dataclass(frozen=True)
class Usage:
    """What a million of something, or a month, uses.

    gigabyte_seconds: of functions' memory. stored, recoverable: byte-months in tables and indexes, and in
    tables alone. logged: bytes.
    """

    reads: float = 0.0
    writes: float = 0.0
    index_writes: float = 0.0
    stored: float = 0.0
    recoverable: float = 0.0
    invocations: float = 0.0
    gigabyte_seconds: float = 0.0
    logged: float = 0.0
    sns_requests: float = 0.0
    kms_requests: float = 0.0
    sqs_requests: float = 0.0
    ticks: float = 0.0
    sns_emails: float = 0.0
    ses_emails: float = 0.0
    texts: float = 0.0
    pushes: float = 0.0
    keys: float = 0.0
    metrics: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, times: float) -> "Usage":
        return Usage(*(getattr(self, f.name) * times for f in fields(self)))


# the line of the bill: what it is called, and the usage that it is for with its price
LINES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "DynamoDB: writes to tables": (("writes", "dynamodb", "write_request_unit"),),
    "DynamoDB: writes to indexes": (("index_writes", "dynamodb", "write_request_unit"),),
    "DynamoDB: reads": (("reads", "dynamodb", "read_request_unit"),),
    "DynamoDB: storage and recovery": (
        ("stored", "dynamodb", "gigabyte_month"),
        ("recoverable", "dynamodb", "recovery_gigabyte_month"),
    ),
    "Lambda: requests": (("invocations", "lambda", "request"),),
    "Lambda: time": (("gigabyte_seconds", "lambda", "gigabyte_second"),),
    "SQS": (("sqs_requests", "sqs", "request"),),
    "KMS": (("kms_requests", "kms", "request"), ("keys", "kms", "key_month")),
    "CloudWatch: logs": (("logged", "cloudwatch", "log_gigabyte"),),
    "CloudWatch: metrics": (("metrics", "cloudwatch", "metric_month"),),
    "EventBridge Scheduler": (("ticks", "scheduler", "invocation"),),
    "SNS: requests": (("sns_requests", "sns", "request"),),
    "SNS: e-mails delivered": (("sns_emails", "sns", "email"),),
    "SNS: pushes delivered": (("pushes", "sns", "push"),),
    "SES: e-mails": (("ses_emails", "ses", "email"),),
    "SMS": (("texts", "sms", "message"),),
}
# what the channel takes for the message itself, whoever sends it
DELIVERIES = frozenset({"SNS: e-mails delivered", "SNS: pushes delivered", "SES: e-mails", "SMS"})
_BYTES = {"gigabyte_month", "recovery_gigabyte_month", "log_gigabyte"}


@cache
def prices() -> dict[str, Any]:
    """The price table."""
    return tomllib.loads(PRICES.read_text())


def bill(usage: Usage) -> dict[str, float]:
    """US dollars, by line, of the lines that are not nothing."""
    table = prices()
    lines = {
        line: sum(
            getattr(usage, name) * table[section][price] / (GIGABYTE if price in _BYTES else 1)
            for name, section, price in parts
        )
        for line, parts in LINES.items()
    }
    return {line: dollars for line, dollars in lines.items() if dollars}


def usage_of(calls: Iterable[Call]) -> Usage:
    """What calls that functions made use of DynamoDB, SNS, SES, KMS and SQS.

    Raises:
        ValueError: a service is none that a price is known of.
    """
    made = list(calls)
    consumed: Units = units(made)
    total = Usage(reads=consumed.reads, writes=consumed.writes, index_writes=consumed.indexes)
    for call in made:
        total += _of_a_call(call)
    return total


def _of_a_call(call: Call) -> Usage:
    match call.service, call.operation:
        case "dynamodb", _:
            return Usage()
        case "sns", "Publish" | "Subscribe" | "GetSubscriptionAttributes":
            request = Usage(sns_requests=_chunks(call.request.get("Message", "")))
            if call.operation != "Publish" or call.error:
                return request
            if "PhoneNumber" in call.request:
                return replace(request, texts=segments(call.request["Message"]).segments)
            if "TargetArn" in call.request:
                return replace(request, pushes=1)
            return replace(request, sns_emails=1)
        case "sesv2", "SendEmail":
            return Usage(ses_emails=1)
        case "kms", "GenerateMac" | "VerifyMac":
            return Usage(kms_requests=1)
        case "sqs", _:
            return Usage(sqs_requests=_chunks(call.request.get("MessageBody", "")))
    raise ValueError(f"what {call.name} costs is not known")


def _chunks(text: str) -> int:
    """Requests that a message counts as: one for each 64 KB begun."""
    return max(1, math.ceil(len(text.encode()) / 65_536))
