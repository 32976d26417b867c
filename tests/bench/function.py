"""Functions in processes of their own, as Lambda runs them."""

import json
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
# as Lambda gives them to every function, and Terraform to ours
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "test",
    "LANG": "en_US.UTF-8",
    "NOTIFICATION_TABLE": NOTIFICATIONS,
    "USER_TABLE": USERS,
}
WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Start:
    """What a cold start took.

    seconds: from the process's start to its first answer. processor: the seconds of it that the process was
    computing, which others on the machine change less. memory: what it holds then, in bytes.
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

    def _process(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", str(WORKER), self.module],
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
            stderr=subprocess.DEVNULL,
        )

    @contextmanager
    def warm(self) -> Iterator["Warm"]:
        """The function, which answers one event after the other."""
        with self._process() as process:
            try:
                yield Warm(self.name, process)
            finally:
                process.kill()

    def start(self, event: Mapping[str, Any]) -> Start:
        """Starts the function and has it answer one event.

        Raises:
            FunctionError: it did not.
        """
        began = time.perf_counter()
        process = self._process()
        try:
            Warm(self.name, process).call(event)
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

    def call(self, event: Mapping[str, Any]) -> float:
        """Has it answer an event.

        Returns:
            The seconds that its handler took.

        Raises:
            FunctionError: it ended in place of an answer.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(event).encode() + b"\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise FunctionError(f"the function {self.name} failed")
        return int(answer) / 1e9
