"""How long calls may take, and that a late answer does not send a message again."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from notifications.clients import DELIVERY, SENDING, client
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
