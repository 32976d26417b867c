"""Functions in processes of their own, as Lambda runs them."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

REGION = "eu-central-1"
USERS = "BenchUsers"
NOTIFICATIONS = "BenchNotifications"
# as Lambda gives them to every function, and Terraform to some of ours
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "test",
    "CATALOGUE": "{}",
    "API_ENDPOINT": "https://api.example.com",
    "EMAIL_DELIVERY": "sns",
    "EVERY_HOURS": "24",
    "LANG": "en_US.UTF-8",
    "NOTIFICATION_TABLE": NOTIFICATIONS,
    "NOTIFICATION_TOPIC_ARN": f"arn:aws:sns:{REGION}:000000000000:notifications",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "RATE_TABLE": "BenchRates",
    "REFUSED_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/000000000000/refused",
    "TOKEN_KEY_ARN": f"arn:aws:kms:{REGION}:000000000000:key/bench",
    "USER_POOL_ID": f"{REGION}_example",
    "USER_TABLE": USERS,
}
_IMPORTED = re.compile(r"import time:\s*(?P<own>\d+) \|\s*\d+ \|\s+(?P<package>\w+)[\w.]*")
WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Start:
    """What a cold start took.

    seconds: from the process's start until it was ready, or had answered. processor: the seconds of it that
    the process was computing, which others on the machine change less. memory: what it holds then, in bytes.
    """

    seconds: float
    processor: float
    memory: int


@dataclass(frozen=True)
class Function:
    """A function that can be started. module: of its handler. task: the folder that holds its code."""

    name: str
    module: str
    task: Path
    environment: Mapping[str, str]

    def imports(self) -> dict[str, float]:
        """The milliseconds of each top-level package's own modules among the imports at its start.

        What the handler's own module does is not in it, as the making of clients.
        """
        with self._process("-X", "importtime", errors=subprocess.PIPE) as process:
            _, told = process.communicate()
        took: dict[str, float] = {}
        for line in told.decode().splitlines():
            if found := _IMPORTED.fullmatch(line):
                took[found["package"]] = took.get(found["package"], 0) + int(found["own"]) / 1e3
        return took

    def _process(self, *flags: str, errors: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", *flags, str(WORKER), self.module],
            cwd=self.task,
            env={
                **ENVIRONMENT,
                # nobody may write where Lambda puts a function's code
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": str(self.task),
                **self.environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )

    @contextmanager
    def warm(self) -> Iterator["Warm"]:
        """The function, which answers one event after the other."""
        with self._process() as process:
            try:
                warm = Warm(self.name, process)
                warm.ready()
                yield warm
            finally:
                process.kill()

    def start(self, event: Mapping[str, Any] | None = None) -> Start:
        """Starts the function, and has it answer an event if there is one.

        Raises:
            FunctionError: it did not.
        """
        began = time.perf_counter()
        process = self._process()
        try:
            warm = Warm(self.name, process)
            warm.ready()
            if event is not None:
                warm.call(event)
            seconds = time.perf_counter() - began
            seen = psutil.Process(process.pid)
            used = seen.cpu_times()
            return Start(seconds, used.user + used.system, seen.memory_info().rss)
        finally:
            process.kill()
            process.communicate()


class FunctionError(Exception):
    """A function failed; the message names it."""


@dataclass(frozen=True)
class Warm:
    """A function's process."""

    name: str
    process: subprocess.Popen[bytes]

    def ready(self) -> None:
        """Waits until it can answer.

        Raises:
            FunctionError: it ended in place of that.
        """
        self._line()

    def call(self, event: Mapping[str, Any]) -> float:
        """Has it answer an event.

        Returns:
            The seconds that its handler took.

        Raises:
            FunctionError: it ended in place of an answer.
        """
        assert self.process.stdin
        self.process.stdin.write(json.dumps(event).encode() + b"\n")
        self.process.stdin.flush()
        return int(self._line()) / 1e9

    def _line(self) -> bytes:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise FunctionError(f"the function {self.name} failed")
        return line
