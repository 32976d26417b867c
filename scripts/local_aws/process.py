"""Starting, finding and stopping the local AWS as a background process.

    running = start(4566)      # or the one that runs already
    find(4566), stop(4566)

A process is ours only if both its id and its creation time are those written down when it was started: an id
alone may belong to somebody else by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from scripts.local_aws import server

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_SECONDS = 60.0
GRACE_SECONDS = 1.0  # there is nothing that it would have to save
STOPPED_WITHIN_SECONDS = 10.0


class LocalAwsError(Exception):
    """It could not be started or stopped; the message is one sentence for a person."""


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS."""

    port: int
    pid: int
    process_created: float
    url: str
    log: str
    started_at: str
    start_seconds: float
    idle_memory: int  # bytes resident when it was ready, before anybody called

    def memory(self) -> int:
        """Bytes resident in the server itself, without its functions."""
        return resident(psutil.Process(self.pid))

    def workers(self) -> list[psutil.Process]:
        """The processes in which functions run."""
        return psutil.Process(self.pid).children(recursive=True)


def resident(process: psutil.Process) -> int:
    """Bytes that a process holds; none if it has just ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _quiet(_sentence: str) -> None:
    """For callers that print nothing."""


def find(port: int, home: Path = server.DEFAULT_HOME) -> LocalAws | None:
    """The one that runs on this port and was started from here, else None."""
    known = _read(port, home)
    return known if known and _process(known) else None


def ports(home: Path = server.DEFAULT_HOME) -> list[int]:
    """The ports on which one was ever started from here."""
    return sorted(int(folder.name) for folder in home.glob("*") if folder.name.isdigit())


def start(
    port: int,
    home: Path = server.DEFAULT_HOME,
    say: Callable[[str], None] = _quiet,
    extra: dict[str, str] | None = None,
) -> LocalAws:
    """Start it and wait until it answers; the one that runs already is answered as it is.

    `extra` are LOCAL_AWS_* variables (see `limits.py`); `say` hears of a stale record that was removed.
    Raises LocalAwsError when the port is taken, or when the server ends or stays silent.
    """
    folder = server.directory(home, port)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalAwsError(f"{folder} cannot be made: {error.strerror}.") from None
    with _one_at_a_time(folder):
        if running := find(port, home):
            return running
        if _state(port, home).exists():
            say(f"Removed the stale record of a local AWS on port {port} that no longer runs.")
            _state(port, home).unlink()
        if not _is_free(port):
            raise LocalAwsError(
                f"Port {port} is taken by another program: stop that, or choose a port with LOCAL_AWS_PORT."
            )
        return _launch(port, home, extra or {})


def stop(port: int, home: Path = server.DEFAULT_HOME) -> bool:
    """End it and the functions that it runs, and wait for that; False if there was nothing to end.

    Raises LocalAwsError if it does not end.
    """
    known = _read(port, home)
    process = _process(known) if known else None
    if process:
        family = [process, *process.children(recursive=True)]
        process.terminate()  # it ends its functions itself; those that outlive it are ended below
        _wait_for_end([process], GRACE_SECONDS)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        if not _wait_for_end(family, STOPPED_WITHIN_SECONDS):
            raise LocalAwsError(f"The local AWS on port {port} (pid {process.pid}) did not end.")
    _state(port, home).unlink(missing_ok=True)
    return process is not None


def _launch(port: int, home: Path, extra: dict[str, str]) -> LocalAws:
    began = time.monotonic()
    shutil.rmtree(server.private(home, port), ignore_errors=True)  # nothing outlives a run
    log = server.directory(home, port) / "server.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "scripts.local_aws.server"],
            cwd=ROOT,
            env=server.environment({**os.environ, **extra}, port, home.resolve()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is not meant for it
        )
    try:
        created = psutil.Process(child.pid).create_time()
        _wait(child, port, log)
    except BaseException:  # also when the person gives up waiting
        child.kill()
        child.wait()
        raise
    child.returncode = 0  # from here on it is on its own: Popen shall not warn that it still runs
    running = LocalAws(
        port=port,
        pid=child.pid,
        process_created=created,
        url=server.url(port),
        log=str(log),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        start_seconds=round(time.monotonic() - began, 2),
        idle_memory=resident(psutil.Process(child.pid)),
    )
    draft = _state(port, home).with_suffix(".new")
    draft.write_text(json.dumps(asdict(running), indent=2) + "\n")
    draft.replace(_state(port, home))
    return running


def _wait(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it answers. Raises LocalAwsError if it ends before, or takes too long."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not _answers(port):
        if child.poll() is not None:
            raise LocalAwsError(f"The local AWS ended while it was starting; its log says why: {log}")
        if time.monotonic() > deadline:
            raise LocalAwsError(
                f"The local AWS did not answer within {READY_WITHIN_SECONDS:.0f} s; see {log}"
            )
        time.sleep(0.05)


def _state(port: int, home: Path) -> Path:
    return server.directory(home, port) / "state.json"


def _read(port: int, home: Path) -> LocalAws | None:
    """What was written down; an unreadable record is as good as none."""
    try:
        return LocalAws(**json.loads(_state(port, home).read_text()))
    except (OSError, RecursionError, ValueError, TypeError):
        return None


def _process(known: LocalAws) -> psutil.Process | None:
    """The process of the record, if it is still that one."""
    try:
        process = psutil.Process(known.pid)
        same = abs(process.create_time() - known.process_created) < 0.01
    except (psutil.Error, OverflowError, TypeError, ValueError):
        # the record is none of ours, or its process has ended
        return None
    return process if same and not _has_ended(process) else None


def _has_ended(process: psutil.Process) -> bool:
    """Also when nobody has asked for its exit code yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait_for_end(processes: list[psutil.Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (ended := all(map(_has_ended, processes))) and time.monotonic() < deadline:
        time.sleep(0.02)
    return ended


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself binds
        try:
            probe.bind((server.HOST, port))
        except OSError:
            return False
    return True


def _answers(port: int) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{server.url(port)}/_ministack/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Two starts at the same moment come one after the other; the second finds the first's."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
