"""Where the design says that a message can arrive twice, and why; anywhere else a duplicate is a failure.

README, "The way of a registration": "Delivery is at least once. A duplicate is possible only when a worker
dies, or loses DynamoDB, between sending and recording that it has sent, or when a service takes a message and
its answer is lost."
"""

from collections.abc import Set
from dataclasses import dataclass

from notifications.catalogue import CHANNELS
from tests.faults.fault_point import Fault

_SEND = frozenset({"deliver", "sweep"})
_DIES = frozenset({Fault.KILL_BEFORE, Fault.TIMEOUT})
_LOST_ANSWER = frozenset({Fault.RESET_AFTER, Fault.HANG, Fault.KILL_AFTER})


@dataclass(frozen=True)
class Allowed:
    """Calls of functions, and faults, with which a message may arrive more than once."""

    functions: Set[str]
    calls: Set[str]
    faults: Set[Fault]
    why: str


ALLOWED = (
    Allowed(
        _SEND,
        {"sns:Publish TopicArn", "sns:Publish PhoneNumber", "sns:Publish TargetArn", "ses:SendEmail"},
        _LOST_ANSWER,
        "the service took the message, and its answer was lost",
    ),
    Allowed(
        _SEND,
        {"dynamodb:UpdateItem Notifications"},
        _DIES,
        "the worker died between sending and recording that it had sent",
    ),
    Allowed(
        {"api"},
        {"sns:Publish PhoneNumber"},
        _LOST_ANSWER,
        "the code was sent, and that was not heard: it is sent again, or another when the person asks again",
    ),
    Allowed(
        {"enqueue"},
        {"sqs:SendMessage refused"},
        _LOST_ANSWER,
        "the refusal was put in the refused queue, and that was not heard: it is told again",
    ),
)


def most(fault: Fault, made: int) -> int:
    """So many may there be where a fault was made so often.

    Whoever hears no answer sends that message again, and no other; of a worker that dies, nothing is recorded
    of what it had sent: one message on each channel.
    """
    return made * (len(CHANNELS) if fault in _DIES | {Fault.KILL_AFTER} else 1)


def reason(function: str, call: str, fault: Fault) -> str:
    """Why a message may arrive twice with this fault of this call; empty where it may not."""
    return next(
        (
            each.why
            for each in ALLOWED
            if function in each.functions and call in each.calls and fault in each.faults
        ),
        "",
    )
