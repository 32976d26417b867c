"""AWS clients whose worst case is known: how long a call may take before it has failed for good.

Most of a cold start is spent here, so nothing is done that is not needed: `make bench` says what it comes to.
"""

import gc
import random
import time
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
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError
    from botocore.loaders import Loader
    from botocore.session import get_session

# those that the functions call
SERVICES = ("cognito-idp", "dynamodb", "kms", "sesv2", "sns", "sqs")
# A connection that was quiet for longer may have been closed by AWS, and a function that was frozen meanwhile
# has not heard of it.
QUIET_SECONDS = 5.0
_THROTTLED = 429


@dataclass(frozen=True)
class Patience:
    """How long one call to AWS may take.

    connect_seconds, read_seconds: of one attempt.
    attempts: in all, the first one included.
    again_seconds: above zero for what must not be sent twice: one attempt more, that begins so soon after the
        first, if that was certainly not taken.
    """

    connect_seconds: float
    read_seconds: float
    attempts: int
    again_seconds: float = 0.0

    @property
    def worst_case_seconds(self) -> float:
        """The longest that a call can take: every attempt times out, every pause is the longest.

        botocore's standard mode pauses a random part of 2^n seconds, 20 at most, after the n-th retry
        (AWS SDKs and Tools Reference Guide, "Retry behavior").
        """
        pauses = sum(min(2.0**n, 20.0) for n in range(self.attempts - 1))
        return self.again_seconds + self.attempts * (self.connect_seconds + self.read_seconds) + pauses


# Cognito waits five seconds for its trigger and that cannot be changed: see registration.BUDGET_SECONDS
TRIGGER = Patience(connect_seconds=0.5, read_seconds=1.0, attempts=2)
DELIVERY = Patience(connect_seconds=1.0, read_seconds=2.0, attempts=2)
# What sends a message waits as long, but in one try: where the answer is late, a second one sends it again.
# What was refused is tried again with its row.
SENDING = Patience(connect_seconds=1.0, read_seconds=4.5, attempts=1, again_seconds=1.5)


def client(service: str, patience: Patience) -> Any:
    """A client of the service, in the Region and with the role of the function."""
    config = Config(
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.read_seconds,
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
    )
    make: Any = _session().client
    with _kept():
        made = make(service, config=config)
        if patience.again_seconds:
            _Once(made, patience.again_seconds)
    return made


class _Once:
    """Has a client take no risk of sending twice, nor of failing where nothing was sent.

    Each of its calls finds a connection that is not old: on one that is closed, nobody could tell whether a
    message was taken. One that never reached AWS, or that AWS throttled, is made again.
    """

    def __init__(self, made: Any, again_seconds: float) -> None:
        self._close = made.close
        self._again_seconds = again_seconds
        self._began = 0.0
        made.meta.events.register("before-call", self._begin)
        made.meta.events.register("needs-retry", self._pause)

    def _begin(self, **_: Any) -> None:
        # the clock on the wall: it goes on while a function is frozen
        now = time.time()
        if not 0 <= now - self._began < QUIET_SECONDS:
            self._close()
        self._began = now

    def _pause(
        self,
        attempts: int,
        response: tuple[Any, dict[str, Any]] | None,
        caught_exception: Exception | None,
        **_: Any,
    ) -> float | None:
        """The seconds until the call is made again; None where it is not."""
        left = self._again_seconds - (time.time() - self._began)
        if attempts > 1 or left < 0:
            return None
        if isinstance(caught_exception, ConnectTimeoutError | EndpointConnectionError):
            return 0.0
        # by chance, or all that were throttled together would come together again; it is no secret
        return random.uniform(0, left) if response and _is_throttled(*response) else None  # noqa: S311


def _is_throttled(answer: Any, parsed: dict[str, Any]) -> bool:
    code: str = parsed.get("Error", {}).get("Code", "")
    return code.startswith("Throttl") or answer.status_code == _THROTTLED


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
