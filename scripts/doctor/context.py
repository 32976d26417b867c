"""What a check has in its hands."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from notifications.outbox import Outbox
from notifications.users import Users
from scripts.doctor import access
from scripts.doctor.findings import Finding, warning
from scripts.doctor.intention import Intention, NotKnownError
from scripts.environment import LOCAL, Environment

T = TypeVar("T")
SIDE_BY_SIDE = 8
# a report that waits for one service is no report; and IAM's simulator is throttled early
CALLS = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=SIDE_BY_SIDE**2,
)
# by which the services say that the caller may not
DENIED = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorizedException",
    "UnauthorizedOperation",
}
# by which an emulator says that it has no such call
UNKNOWN = {"InvalidAction", "NotImplemented", "UnknownOperationException", "UnsupportedOperation", "501"}


@dataclass(frozen=True)
class Context:
    """The deployed system, what was intended, and when it is.

    since: how far back metrics and logs are looked at. user: a username, where one person is asked about.
    """

    environment: Environment
    intention: Intention
    now: datetime
    since: timedelta = timedelta(hours=1)
    user: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    def client(self, service: str) -> Any:
        """A client that can make the calls of `access` and no others."""
        with self._lock:
            if service not in self._clients:
                client = self.environment.client(service, config=CALLS)
                access.refuse_all_others(client, service)
                self._clients[service] = client
            return self._clients[service]

    def output(self, name: str) -> Any:
        return self.intention.output(name)

    def make(self, target: str) -> str:
        """How a target of make is run for this environment."""
        return (
            f"make {target}"
            if self.environment.name == LOCAL
            else f"make {target} ENV={self.environment.name}"
        )

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.client("dynamodb"), self.output("notification_table_name"))

    @property
    def users(self) -> Users:
        return Users(self.client("dynamodb"), self.output("user_table_name"))

    @cached_property
    def user_pool(self) -> Mapping[str, Any]:
        """The live user pool.

        Raises:
            botocore.exceptions.ClientError: there is none, or the caller may not see it.
        """
        answer = self.client("cognito-idp").describe_user_pool(UserPoolId=self.output("user_pool_id"))
        pool: Mapping[str, Any] = answer["UserPool"]
        return pool

    @property
    def namespace(self) -> str:
        """The namespace of the functions' own metrics, which is the name prefix."""
        for function in self.intention.all("aws_lambda_function") if self.intention.resources else ():
            for block in function.values.get("environment") or ():
                if name := (block.get("variables") or {}).get("POWERTOOLS_METRICS_NAMESPACE"):
                    return str(name)
        return self.environment.setting("name_prefix")

    def each(
        self, check: str, things: Mapping[str, T], look: Callable[[T], Iterable[Finding]]
    ) -> list[Finding]:
        """What a look at each of several things finds; one that cannot be looked at hides no other.

        things: by the name that a finding about them has.
        """
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            found = pool.map(lambda name: list(tried(check, name, lambda: look(things[name]))), things)
            return [finding for findings in found for finding in findings]


def tried(check: str, about: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a look finds, and, where it could not be taken to its end, why not."""
    try:
        yield from look()
    except NotKnownError as error:
        yield warning(
            check, about, f"not looked at: {error}", "See what `state` says above, or deploy this version."
        )
    except ClientError as error:
        yield warning(check, about, *_of_client_error(error))
    except BotoCoreError as error:
        # the message may hold what was sent
        yield warning(
            check, about, f"not looked at: {type(error).__name__}", "Look at the network and the credentials."
        )
    except Exception as error:
        yield warning(
            check,
            about,
            f"not looked at: {type(error).__name__}",
            "This is a mistake of doctor's; report it.",
        )


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _of_client_error(error: ClientError) -> tuple[str, str]:
    """What was seen and what to do, by the error's code: its message may hold a name."""
    code, operation = code_of(error), error.operation_name
    if code in DENIED:
        return (
            f"not looked at: {operation} is not allowed to these credentials ({code})",
            "Have it allowed; --policy prints all that doctor needs.",
        )
    if code in UNKNOWN:
        return f"not looked at: {operation} is not known here ({code})", "Look by hand, if this is AWS."
    return f"not looked at: {operation} answered {code}", "Run it again; if it stays, look by hand."
