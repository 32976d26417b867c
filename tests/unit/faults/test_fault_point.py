"""What a client meets at the fault point, and what the service has heard of it."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import psutil
import pytest

from tests.faults import fault_point
from tests.faults.fault_point import Fault, FaultPoint, Plan, positions

LANE = "-lane1"
SIGNED = "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0"
CALL = "kms:GenerateMac"
HEADERS = {"Authorization": SIGNED, "X-Amz-Target": "TrentService.GenerateMac", "Host": "of.the.client"}
CLIENT = """
import http.client, os, sys
address = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
connection = http.client.HTTPConnection(address, timeout=20)
connection.request("POST", "/", b"{}", {"Authorization": sys.argv[1], "X-Amz-Target": "T.GenerateMac"})
connection.getresponse()
"""


class Service(ThreadingHTTPServer):
    """What stands for AWS: it remembers the requests, and answers each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[dict[str, str]] = []
        self.answer = b"ok"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_what: object) -> None:
        """Says nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        service.shutdown()
        thread.join()


@pytest.fixture
def point(service: Service) -> Iterator[FaultPoint]:
    with FaultPoint(service.url, os.getpid()) as point:
        yield point


@pytest.fixture
def url(point: FaultPoint) -> str:
    return point.listen("deliver", LANE)


def ask(
    url: str, timeout: float = 10, headers: Mapping[str, str] = HEADERS, body: bytes = b"{}"
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(str(urlsplit(url).netloc), timeout=timeout)
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_without_a_fault_all_is_handed_on_as_it_came(service: Service, point: FaultPoint, url: str) -> None:
    point.arm(LANE, None)
    assert ask(url) == (200, b"ok")
    assert service.heard[0]["host"] == "of.the.client"
    assert [(function, str(call)) for function, call in point.disarm(LANE)] == [("deliver", CALL)]


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.FAILED])
def test_a_refusal_does_not_reach_the_service(
    service: Service, point: FaultPoint, url: str, fault: Fault
) -> None:
    point.arm(LANE, Plan(fault, CALL, "deliver"))
    status, body = ask(url)
    assert status == (400 if fault is Fault.THROTTLED else 500)
    assert json.loads(body)["__type"] == (
        "ThrottlingException" if fault is Fault.THROTTLED else "KMSInternalException"
    )
    assert not service.heard


@pytest.mark.parametrize(("fault", "heard"), [(Fault.RESET_BEFORE, 0), (Fault.RESET_AFTER, 1)])
def test_a_reset_comes_before_the_service_has_heard_or_after(
    service: Service, point: FaultPoint, url: str, fault: Fault, heard: int
) -> None:
    point.arm(LANE, Plan(fault, CALL, "deliver"))
    with pytest.raises(ConnectionResetError):
        ask(url)
    assert len(service.heard) == heard


def test_a_hang_lasts_until_the_client_gives_up_and_the_service_has_acted(
    service: Service, point: FaultPoint, url: str
) -> None:
    point.arm(LANE, Plan(Fault.HANG, CALL, "deliver"))
    with pytest.raises(TimeoutError):
        ask(url, timeout=0.3)
    assert len(service.heard) == 1


def test_slowness_is_an_answer_that_comes_late(
    monkeypatch: pytest.MonkeyPatch, point: FaultPoint, url: str
) -> None:
    monkeypatch.setattr(fault_point, "SLOW_SECONDS", 0.2)
    point.arm(LANE, Plan(Fault.SLOW, CALL, "deliver"))
    began = time.monotonic()
    assert ask(url) == (200, b"ok")
    assert time.monotonic() - began >= 0.2


def test_a_fault_is_made_of_the_call_that_is_meant_alone(point: FaultPoint, url: str) -> None:
    plan = Plan(Fault.FAILED, CALL, "deliver", nth=2)
    point.arm(LANE, plan)
    assert [ask(url)[0] for _ in range(3)] == [200, 500, 200]
    assert plan.made == 1
    point.arm(LANE, Plan(Fault.FAILED, "kms:VerifyMac", "deliver"))
    assert ask(url)[0] == 200
    point.arm(LANE, Plan(Fault.FAILED, CALL, "sweep"))
    assert ask(url)[0] == 200
    point.arm(LANE, Plan(Fault.FAILED, CALL, "deliver"))
    assert ask(point.listen("deliver", "-lane2"))[0] == 200


def test_a_fault_for_a_stretch_is_made_until_it_is_disarmed(point: FaultPoint, url: str) -> None:
    plan = Plan(Fault.FAILED, CALL, "deliver")
    point.arm(LANE, plan)
    assert [ask(url)[0] for _ in range(3)] == [500] * 3
    calls = point.disarm(LANE)
    assert list(positions(calls, "deliver")) == [(CALL, 1), (CALL, 2), (CALL, 3)]
    assert not list(positions(calls, "sweep"))
    assert ask(url)[0] == 200
    assert plan.made == 3


@pytest.mark.parametrize(("fault", "heard"), [(Fault.KILL_BEFORE, 0), (Fault.KILL_AFTER, 1)])
def test_a_kill_ends_the_process_that_calls_and_no_other(
    service: Service, point: FaultPoint, url: str, fault: Fault, heard: int
) -> None:
    point.arm(LANE, Plan(fault, CALL, "deliver"))
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    caller = subprocess.Popen(
        [sys.executable, "-c", CLIENT, SIGNED], env={**os.environ, "AWS_ENDPOINT_URL": url}
    )
    try:
        assert caller.wait(20) == -9
        assert len(service.heard) == heard
        assert other.poll() is None
    finally:
        other.communicate(b"\n")


def test_a_process_stands_still_until_it_is_ended(service: Service, point: FaultPoint, url: str) -> None:
    plan = Plan(Fault.TIMEOUT, CALL, "deliver")
    point.arm(LANE, plan)
    caller = subprocess.Popen(
        [sys.executable, "-c", CLIENT, SIGNED], env={**os.environ, "AWS_ENDPOINT_URL": url}
    )
    with pytest.raises(subprocess.TimeoutExpired):
        caller.wait(1.5)
    assert plan.made == 1
    caller.kill()
    assert caller.wait(5) == -9
    assert not service.heard


def test_a_call_that_is_repeated_without_a_fault_shows(point: FaultPoint, url: str) -> None:
    def again(invocation: str, attempt: int) -> int:
        told = {"amz-sdk-invocation-id": invocation, "amz-sdk-request": f"attempt={attempt}; max=2"}
        return ask(url, headers={**HEADERS, **told})[0]

    point.arm(LANE, Plan(Fault.FAILED, CALL, "deliver", nth=1))
    assert [again("a", 1), again("a", 2), again("b", 1)] == [500, 200, 200]
    assert not point.disturbed(LANE)
    again("b", 2)
    assert point.disturbed(LANE)
    assert not point.disturbed(LANE)


def test_messages_that_a_function_was_given_are_known_though_it_never_heard_of_them(
    service: Service, point: FaultPoint, url: str
) -> None:
    service.answer = json.dumps({"Messages": [{"ReceiptHandle": "1"}, {"ReceiptHandle": "2"}]}).encode()
    headers = {
        **HEADERS,
        "Authorization": SIGNED.replace("/kms/", "/sqs/"),
        "X-Amz-Target": "AmazonSQS.ReceiveMessage",
    }
    point.arm(LANE, Plan(Fault.RESET_AFTER, "sqs:ReceiveMessage queue", "deliver"))
    with pytest.raises(ConnectionResetError):
        ask(url, headers=headers, body=b'{"QueueUrl": "the-queue"}')
    assert point.handed_out("the-queue") == ["1", "2"]
    assert point.handed_out("the-queue") == []


def test_all_functions_can_be_ended_at_once(service: Service) -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & sleep 61 & wait"]) as emulator:
        with FaultPoint(service.url, emulator.pid) as point:
            while len(psutil.Process(emulator.pid).children()) < 2:
                time.sleep(0.01)
            point.end_functions()
        assert emulator.wait(10) == 0
