"""AWS clients whose worst case is known: how long a call may take before it has failed for good.

Most of a cold start is spent here, so nothing is done that is not needed: `make bench` says what it comes to.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any


@contextmanager
def _kept() -> Iterator[None]:
    """What is made meanwhile stays as long as the function: it is not looked through for garbage, ever."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


with _kept():
    import boto3
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.session import get_session

# those that the functions call
SERVICES = ("cognito-idp", "dynamodb", "kms", "sesv2", "sns", "sqs")


@dataclass(frozen=True)
class Patience:
    """How long one call to AWS may take.

    connect_seconds, read_seconds: of one attempt.
    attempts: in all, the first one included.
    """

    connect_seconds: float
    read_seconds: float
    attempts: int

    @property
    def worst_case_seconds(self) -> float:
        """The longest that a call can take: every attempt times out, every pause is the longest.

        botocore's standard mode pauses a random part of 2^n seconds, 20 at most, after the n-th retry
        (AWS SDKs and Tools Reference Guide, "Retry behavior").
        """
        pauses = sum(min(2.0**n, 20.0) for n in range(self.attempts - 1))
        return self.attempts * (self.connect_seconds + self.read_seconds) + pauses


# Cognito waits five seconds for its trigger and that cannot be changed: see registration.BUDGET_SECONDS
TRIGGER = Patience(connect_seconds=0.5, read_seconds=1.0, attempts=2)
DELIVERY = Patience(connect_seconds=1.0, read_seconds=2.0, attempts=2)
# What sends a message waits as long, but in one try: where the answer is late, a second one sends it again.
# What was refused is tried again with its row.
SENDING = Patience(connect_seconds=1.0, read_seconds=6.0, attempts=1)


def client(service: str, patience: Patience) -> Any:
    """A client of the service, in the Region and with the role of the function."""
    config = Config(
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.read_seconds,
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
    )
    make: Any = _session().client
    with _kept():
        return make(service, config=config)


class _Loader(Loader):
    """Knows which services there are, where botocore would look into the folders of all that it has."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        return list(SERVICES)


@cache
def _session() -> boto3.Session:
    """The session of all clients, whose loader is a component as any in botocore."""
    session = get_session()
    session.register_component("data_loader", _Loader())
    return boto3.Session(botocore_session=session)
