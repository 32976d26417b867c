"""The fault point: all that a function says to AWS passes through it, and it is where things go wrong.

    with FaultPoint(emulator_url, emulator_pid) as point:
        url = point.listen("deliver", lane="-1")      # the function's AWS_ENDPOINT_URL
        point.arm("-1", Plan(Fault.RESET_AFTER, "sns:Publish TopicArn", "deliver", nth=1))
        ...
        made = point.disarm("-1")

It is a proxy on loopback, with a port for each function of each lane, so that a request needs no mark to be
known. What it hands on it hands on to the byte: the signature covers the Host header too.

The faults of a call, together, are those of every line between two calls. Nothing leaves a process but its
calls, so a process that dies somewhere between the answer to one call and the next has done the same to the
world as one that dies at once on that answer, or at the last moment before the next call is made: KILL_AFTER
and KILL_BEFORE. A process that dies while it waits has either been heard (KILL_AFTER) or not (KILL_BEFORE).
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

import h11
import psutil

from tests.faults.calls import Call, call_of, refusal

LOOPBACK = "127.0.0.1"
# later than usual, and within what the functions wait for an answer: the trigger waits a second
SLOW_SECONDS = 0.7
# longer than any client waits
HANG_SECONDS = 60.0
# as the SDK tells it ("Retry behavior" in the AWS SDKs and Tools Reference Guide)
_RETRIED = re.compile(rb"attempt=(?!1\b)")
# as DynamoDB, SNS and all others say it
_DENIED = re.compile(rb"HTTP/1\.1 4.*(AccessDenied|AuthorizationError)", re.DOTALL)
_HANDLE = re.compile(rb'"ReceiptHandle":\s*"([^"]+)"')


class Fault(StrEnum):
    """What goes wrong with a call."""

    THROTTLED = "throttled"  # the service refuses it, since there are too many
    FAILED = "500"  # the service fails, and has done nothing
    RESET_BEFORE = "reset before"  # the connection breaks, and the service has not heard of it
    RESET_AFTER = "reset after"  # the service has acted, and the connection breaks before its answer
    HANG = "hang"  # the service has acted, and no answer comes until the client gives up
    SLOW = "slow"  # the answer comes late
    KILL_BEFORE = "kill before"  # the process is killed when it is about to make the call
    KILL_AFTER = "kill after"  # the process is killed when the service has answered
    TIMEOUT = "timeout"  # the process stands still before the call, until Lambda ends it


@dataclass
class Plan:
    """A fault that is to be made.

    call: as `str(Call)` names it. function: by its handler.
    nth: which of these calls, from 1; None for each of them, as long as it is armed.
    made: how often it was.
    """

    fault: Fault
    call: str
    function: str
    nth: int | None = None
    made: int = 0


@dataclass
class _Lane:
    plan: Plan | None = None
    seen: Counter[str] = field(default_factory=Counter)
    calls: list[tuple[str, Call]] = field(default_factory=list)


@dataclass(frozen=True)
class _Request:
    """A request as it came. raw: to the byte."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes
    raw: bytes


class FaultPoint:
    """The proxy. Faults are made in one lane without another hearing of it.

    Args:
        upstream: the emulator's URL. pid: of the emulator, whose children are the functions' processes.
    """

    def __init__(self, upstream: str, pid: int) -> None:
        at = urlsplit(upstream)
        self._upstream = (str(at.hostname), int(at.port or 80))
        self._pid = pid
        self._lanes: dict[str, _Lane] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-point", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None] | None] = set()
        # the calls that met a fault, by the SDK's own ids, and the lanes in which others were repeated
        self._broken: set[bytes] = set()
        self._disturbed: set[str] = set()
        # receipt handles, by queue
        self._handed_out: dict[str, list[str]] = {}
        # the calls that IAM has refused
        self.denied: list[Call] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def listen(self, function: str, lane: str) -> str:
        """The URL at which a function of a lane is to find AWS."""

        async def serve() -> str:
            async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                # asyncio alone lets go of a connection whose client is gone while the emulator is asked
                self._open.add(task := asyncio.current_task())
                # a client that is gone; or all ends, and asyncio would tell of each that was cancelled
                gone = (
                    ConnectionError,
                    h11.RemoteProtocolError,
                    psutil.NoSuchProcess,
                    asyncio.CancelledError,
                )
                with contextlib.suppress(*gone):
                    await self._serve(function, lane, reader, writer)
                writer.close()
                self._open.discard(task)

            server = await asyncio.start_server(one, LOOPBACK, 0)
            self._servers.append(server)
            return f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"

        self._lanes.setdefault(lane, _Lane())
        url: str = self._run(serve())
        return url

    def arm(self, lane: str, plan: Plan | None) -> None:
        """From here on the calls of a lane are counted anew, and meet the fault where there is one."""
        self._lanes[lane] = _Lane(plan)

    def disarm(self, lane: str) -> list[tuple[str, Call]]:
        """From here on all goes well in a lane.

        Returns:
            What its functions have called since it was armed, and which function it was.
        """
        before = self._lanes[lane]
        self._lanes[lane] = _Lane()
        return before.calls

    def disturbed(self, lane: str) -> bool:
        """Whether a call of the lane has failed that was to meet no fault, since this was last asked.

        On a busy machine the emulator answers later than the functions wait, and they ask again.
        """
        disturbed = lane in self._disturbed
        self._disturbed.discard(lane)
        return disturbed

    def end_functions(self) -> None:
        """Kills all processes of functions: what waits for one of them has an answer at once."""
        for process in psutil.Process(self._pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def handed_out(self, queue: str) -> list[str]:
        """The receipt handles of messages of a queue that functions have read, since this was last asked."""
        return self._handed_out.pop(queue, [])

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        waiting = [task for task in self._open if task]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _serve(
        self, function: str, lane: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The requests of a connection, one after the other."""
        while request := await _next_request(reader):
            call = call_of(request.method, request.path, request.headers, request.body, lane)
            fault = self._fault_of(function, lane, call)
            invocation = request.headers.get(b"amz-sdk-invocation-id", b"")
            if fault:
                self._broken.add(invocation)
            elif invocation not in self._broken and _RETRIED.search(
                request.headers.get(b"amz-sdk-request", b"")
            ):
                self._disturbed.add(lane)
            if not await self._answer(fault, call, request, writer):
                return

    def _fault_of(self, function: str, lane: str, call: Call) -> Fault | None:
        at = self._lanes[lane]
        at.calls.append((function, call))
        plan = at.plan
        if plan is None or (plan.function, plan.call) != (function, str(call)):
            return None
        at.seen[plan.call] += 1
        if plan.nth not in (None, at.seen[plan.call]):
            return None
        plan.made += 1
        return plan.fault

    async def _answer(
        self, fault: Fault | None, call: Call, request: _Request, writer: asyncio.StreamWriter
    ) -> bool:
        """Answers a request, or does what the fault says; whether the connection goes on."""
        match fault:
            case Fault.THROTTLED | Fault.FAILED:
                refused = refusal(call, throttled=fault is Fault.THROTTLED)
                lines = [f"{name}: {value}" for name, value in refused.headers]
                head = [f"HTTP/1.1 {refused.status} Refused", *lines, f"Content-Length: {len(refused.body)}"]
                writer.write("\r\n".join([*head, "", ""]).encode() + refused.body)
            case Fault.RESET_BEFORE:
                _reset(writer)
                return False
            case Fault.KILL_BEFORE:
                await self._signal(writer, signal.SIGKILL)
                return False
            case Fault.TIMEOUT:
                process = await self._signal(writer, signal.SIGSTOP)
                while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    await asyncio.sleep(0.2)
                return False
            case _:
                answer = await _ask(self._upstream, request.raw)
                if call.operation == "ReceiveMessage":
                    handles = self._handed_out.setdefault(json.loads(request.body)["QueueUrl"], [])
                    handles += [handle.decode() for handle in _HANDLE.findall(answer)]
                if _DENIED.match(answer):
                    self.denied.append(call)
                match fault:
                    case Fault.RESET_AFTER:
                        _reset(writer)
                        return False
                    case Fault.HANG:
                        await asyncio.sleep(HANG_SECONDS)
                        return False
                    case Fault.KILL_AFTER:
                        await self._signal(writer, signal.SIGKILL)
                        return False
                    case Fault.SLOW:
                        await asyncio.sleep(SLOW_SECONDS)
                writer.write(answer)
        await writer.drain()
        return True

    async def _signal(self, writer: asyncio.StreamWriter, what: signal.Signals) -> psutil.Process:
        """Signals the process at the other end, which is one of the emulator's, and no other."""
        address = writer.get_extra_info("sockname")
        url = f"http://{address[0]}:{address[1]}"
        return await asyncio.to_thread(self._signal_who, url, writer.get_extra_info("peername")[1], what)

    def _signal_who(self, url: str, port: int, what: signal.Signals) -> psutil.Process:
        """Signals the function's process that finds AWS at a URL and holds a port."""
        found = []
        for process in psutil.Process(self._pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.environ().get("AWS_ENDPOINT_URL") == url:
                    found.append(process)
        if len(found) > 1:
            found = [
                each for each in found if any(at.laddr.port == port for at in each.net_connections("tcp4"))
            ]
        if not found:
            # it has been killed at another call that it was making at the same time
            raise psutil.NoSuchProcess(0, msg=f"no process of the emulator's finds AWS at {url}")
        os.kill(found[0].pid, what)
        return found[0]


async def _ask(address: tuple[str, int], raw: bytes) -> bytes:
    """The emulator's answer to a request, to the byte. The connection is new: an old one may be closed."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(raw)
        await writer.drain()
        parser = h11.Connection(h11.CLIENT)
        # so that h11 sees where the answer ends: that hangs on none of the methods that are used
        parser.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
        parser.send(h11.EndOfMessage())
        answer = b""
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                answer += data
                parser.receive_data(data)
        return answer
    finally:
        writer.close()


async def _next_request(reader: asyncio.StreamReader) -> _Request | None:
    """The next request of a connection; None when there is none. The SDK sends no two at once."""
    parser = h11.Connection(h11.SERVER)
    raw, body = b"", b""
    head: h11.Request | None = None
    while True:
        match parser.next_event():
            case h11.NEED_DATA:
                data = await reader.read(65536)
                raw += data
                parser.receive_data(data)
            case h11.Request() as request:
                head = request
            case h11.Data() as part:
                body += part.data
            case h11.EndOfMessage() if head:
                return _Request(head.method.decode(), head.target.decode(), dict(head.headers), body, raw)
            case _:
                return None


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def positions(calls: list[tuple[str, Call]], function: str) -> Iterator[tuple[str, int]]:
    """Each call of a function by its name, and which of that name it is, from 1."""
    seen: Counter[str] = Counter()
    for caller, call in calls:
        if caller == function:
            seen[str(call)] += 1
            yield str(call), seen[str(call)]
