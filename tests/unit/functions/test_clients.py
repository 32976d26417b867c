"""How long calls may take, and what is sent again: nothing that may have been taken."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from notifications.clients import DELIVERY, QUIET_SECONDS, SENDING, client
from notifications.settings import DeliverySettings
from notifications.wiring import delivery_from

LATE_SECONDS = 0.3
SETTINGS = {
    "USER_TABLE": "users",
    "NOTIFICATION_TABLE": "notifications",
    "NOTIFICATION_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:topic",
    "RATE_TABLE": "rates",
    "CHANNEL_RATES": "{}",
    "CATALOGUE": "{}",
    "TOKEN_KEY_ARN": "key",
    "API_ENDPOINT": "https://api.example.com",
    "EMAIL_FROM": "no-reply@example.com",
    "EMAIL_CONFIGURATION_SET": "set",
}


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A service that takes what it is asked and answers too late. What it was asked, by path."""
    asked: list[str] = []

    class Late(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            time.sleep(LATE_SECONDS)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Late)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield asked
    server.shutdown()
    server.server_close()


def test_a_message_whose_answer_is_late_is_not_sent_again(aws: None, late: list[str]) -> None:
    ses = client("sesv2", replace(SENDING, read_seconds=LATE_SECONDS / 3))
    with pytest.raises(ReadTimeoutError):
        ses.send_email(Content={"Simple": {"Subject": {"Data": "s"}, "Body": {}}})
    assert len(late) == 1


def test_all_other_calls_are_made_again(aws: None, late: list[str]) -> None:
    dynamodb = client("dynamodb", replace(DELIVERY, read_seconds=LATE_SECONDS / 3))
    with pytest.raises(ReadTimeoutError):
        dynamodb.get_item(TableName="users", Key={"UserID": {"S": "ada"}})
    assert len(late) == DELIVERY.attempts


def test_a_message_may_take_as_long_as_any_other_call() -> None:
    assert SENDING.worst_case_seconds <= DELIVERY.worst_case_seconds


@pytest.mark.parametrize("way", ["sns", "ses"])
def test_every_channel_sends_once(aws: None, way: str) -> None:
    delivery = delivery_from(DeliverySettings.load({**SETTINGS, "EMAIL_DELIVERY": way}))
    clients = [
        made
        for channel in delivery.channels.values()
        for made in vars(channel).values()
        if hasattr(made, "meta")
    ]
    assert len(clients) == 3
    assert {made.meta.config.retries["total_max_attempts"] for made in clients} == {1}


class Answers:
    """A service on a port of its own: what it answers, call by call, and by which connections it was asked.

    statuses: of the next answers; 200 after them.
    """

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.connections: list[int] = []
        service = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                service.connections.append(self.client_address[1])
                status = service.statuses.pop(0) if service.statuses else 200
                if not status:
                    self.close_connection = True
                    return
                body = b'{"MessageId": "1"}'
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def answers(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    service = Answers()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{service.server.server_port}")
    yield service
    service.server.shutdown()
    service.server.server_close()


def send(ses: Any) -> Any:
    return ses.send_email(Content={"Simple": {"Subject": {"Data": "s"}, "Body": {}}})


def test_a_message_that_was_throttled_is_sent_again_at_once(answers: Answers) -> None:
    answers.statuses = [429]
    assert send(client("sesv2", SENDING))["MessageId"] == "1"
    assert len(answers.connections) == 2


@pytest.mark.parametrize("statuses", [[429, 429, 200], [500, 200], [503, 200], [400, 200], [0, 200]])
def test_what_may_have_been_taken_or_was_throttled_twice_is_left_to_its_row(
    answers: Answers, statuses: list[int]
) -> None:
    answers.statuses = [*statuses]
    with pytest.raises((ClientError, ConnectionClosedError)):
        send(client("sesv2", SENDING))
    assert len(answers.connections) == len(statuses) - 1


def test_a_message_that_never_left_is_sent_again_at_once(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ses = client("sesv2", SENDING)
    connect, tried = HTTPConnection.connect, []

    def refuse_once(connection: HTTPConnection) -> None:
        tried.append(connection)
        if len(tried) == 1:
            raise NewConnectionError(connection, "refused")
        connect(connection)

    monkeypatch.setattr("botocore.awsrequest.AWSHTTPConnection.connect", refuse_once)
    assert send(ses)["MessageId"] == "1"
    assert (len(tried), len(answers.connections)) == (2, 1)


@pytest.mark.parametrize(("quiet", "connections"), [(0, 1), (QUIET_SECONDS + 1, 2), (-1, 2)])
def test_a_message_does_not_go_by_a_connection_that_was_quiet(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, quiet: float, connections: int
) -> None:
    ses = client("sesv2", SENDING)
    send(ses)
    now = time.time()
    monkeypatch.setattr("notifications.clients.time.time", lambda: now + quiet)
    send(ses)
    assert len(set(answers.connections)) == connections


def test_a_second_try_is_left_out_where_the_first_took_long(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ses = client("sesv2", replace(SENDING, again_seconds=0.000001))
    answers.statuses = [429]
    with pytest.raises(ClientError):
        send(ses)
