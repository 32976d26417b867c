import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import click
import pytest
from boto3.dynamodb.types import TypeSerializer
from click.testing import CliRunner, Result

from notifications.requests import Request, parse
from scripts import notify

ORDER = ("--to", "ada", "--category", "orders", "--data", '{"order": "1042"}', "--id", "1042")
OUTPUTS = {
    "notification_queue_url": "requests",
    "refused_queue_url": "refused",
    "notification_table_name": "Notifications",
}


class Deployed:
    """A stack whose functions do at once what the test says."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.refused: list[dict[str, Any]] = []
        self.then: Callable[[str], None] = lambda _body: None
        self.sqs = MagicMock(send_message=self._send, receive_message=MagicMock(side_effect=self._receive))
        self.dynamodb = MagicMock(get_item=self._get)

    def client(self, service: str) -> Any:
        return {"sqs": self.sqs, "dynamodb": self.dynamodb}[service]

    def _send(self, QueueUrl: str, MessageBody: str) -> dict[str, str]:  # noqa: N803 - AWS's names
        assert QueueUrl == "requests"
        self.sent.append(MessageBody)
        self.then(MessageBody)
        return {"MessageId": "the-message"}

    def _receive(self, **_arguments: Any) -> dict[str, Any]:
        return {"Messages": self.refused} if self.refused else {}

    def _get(self, Key: dict[str, Any], **_arguments: Any) -> dict[str, Any]:  # noqa: N803
        row = self.rows.get(Key["NotificationID"]["S"])
        serialize = TypeSerializer().serialize
        return {"Item": {name: serialize(value) for name, value in row.items()}} if row else {}

    def will_be(self, state: str, **more: Any) -> None:
        """The next request becomes a row in this state."""

        def then(body: str) -> None:
            asked = parse(body)
            row = {"State": state, "RequestedAt": datetime.now(UTC).isoformat(), **more}
            if isinstance(asked, Request):
                row = {"Digest": asked.digest, **row}
            self.rows[f"app#{asked.key}"] = row

        self.then = then

    def refuse(self, code: str, message: str, message_id: str = "the-message") -> None:
        reason = {"code": code, "message": message}
        body = {"reason": reason, "message_id": message_id, "request": "{}"}
        self.refused.append({"MessageId": "another", "Body": json.dumps(body)})


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    stack = Deployed()
    monkeypatch.setattr(notify, "environment_named", lambda _name, **_options: stack)
    monkeypatch.setattr(
        notify, "Stack", lambda _environment, **_options: MagicMock(outputs=MagicMock(return_value=OUTPUTS))
    )
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    return stack


def run(*line: str, **environment: str) -> Result:
    return CliRunner().invoke(notify.main, ["--timeout", "0.05", *line], env=environment)


def test_a_notification_is_followed_until_it_was_sent(deployed: Deployed) -> None:
    deployed.will_be("SENT", Results={"Email": {"State": "SENT", "Reason": "", "MessageID": "m-1"}})
    done = run(*ORDER)
    assert done.exit_code == 0, done.output
    assert json.loads(deployed.sent[0]) == {
        "id": "1042",
        "to": {"user": "ada"},
        "category": "orders",
        "data": {"order": "1042"},
    }
    for words in ("1042", "SENT", "Email", "m-1"):
        assert words in done.output


@pytest.mark.parametrize(
    ("state", "code"),
    [("SENT", 0), ("SKIPPED", 0), ("EXPIRED", 1), ("FAILED", 1), ("CANCELLED", 1), ("RETRY", 1)],
)
def test_the_exit_code_says_whether_it_came_out_right(deployed: Deployed, state: str, code: int) -> None:
    deployed.will_be(state, Reason="Because")
    done = run(*ORDER)
    assert (done.exit_code, state in done.output) == (code, True)


def test_what_waits_for_later_as_it_should_is_not_waited_for(deployed: Deployed) -> None:
    later = datetime.now(UTC) + timedelta(hours=3)
    deployed.will_be("DEFERRED", DueAt=int(later.timestamp() * 1000))
    done = run(*ORDER, "--not-before", later.isoformat())
    assert done.exit_code == 0
    assert f"DEFERRED: it waits until {later:%Y-%m-%d %H:%M:%S} UTC." in done.output


def test_a_refusal_is_shown_with_its_reason_and_stays_in_its_queue(deployed: Deployed) -> None:
    deployed.refuse("other", "Not this one.", message_id="somebody else's")
    deployed.refused.append({"MessageId": "raw", "Body": "not JSON"})
    deployed.refuse("no_such_user", "Nobody has the username.")
    done = run(*ORDER)
    assert done.exit_code == 1
    assert "REFUSED: Nobody has the username. (no_such_user)" in done.output
    assert deployed.sqs.receive_message.call_args.kwargs["VisibilityTimeout"] == 0
    deployed.sqs.delete_message.assert_not_called()


def test_what_could_never_be_taken_is_found_in_the_refused_queue_too(deployed: Deployed) -> None:
    deployed.refused.append({"MessageId": "the-message", "Body": "{}"})
    done = run(*ORDER)
    assert done.exit_code == 1
    assert "REFUSED: it could not be taken, however often it was tried" in done.output


def test_an_earlier_notification_of_the_same_id_is_not_taken_for_this_one(deployed: Deployed) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=2)
    deployed.will_be("SENT", RequestedAt=long_ago.isoformat())
    assert "not taken from the queue within" in run(*ORDER).output
    deployed.will_be("SENT", Digest="of other content")
    assert run(*ORDER).exit_code == 1


def test_a_broadcast_shows_its_rows(deployed: Deployed) -> None:
    deployed.will_be("FANNED_OUT", Count=2000)
    done = run("--everyone", "--category", "promotions")
    assert done.exit_code == 0
    assert json.loads(deployed.sent[0])["to"] == "everyone"
    assert "2000 rows, one for each person." in done.output


def test_a_cancellation_is_right_when_it_was_cancelled(deployed: Deployed) -> None:
    deployed.will_be("CANCELLED")
    assert run("--cancel", "1042").exit_code == 0
    assert json.loads(deployed.sent[0]) == {"id": "1042", "cancel": True}
    deployed.will_be("SENT")
    deployed.refuse("too_late", "It had come to its end.")
    done = run("--cancel", "1042")
    assert (done.exit_code, "too_late" in done.output) == (1, True)


def test_without_an_id_there_is_a_new_one_each_time(deployed: Deployed) -> None:
    for _ in range(2):
        done = run("--to", "ada", "--category", "orders", "--no-follow")
        assert done.exit_code == 0
        assert json.loads(deployed.sent[-1])["id"] in done.output
    assert deployed.sent[0] != deployed.sent[1]


def test_machines_get_one_object(deployed: Deployed) -> None:
    deployed.will_be("SENT", Results={"SMS": {"State": "SENT"}})
    told = json.loads(run(*ORDER, "--json").stdout)
    assert (told["id"], told["state"], told["results"]) == ("1042", "SENT", {"SMS": {"State": "SENT"}})


def test_data_can_come_from_a_file(deployed: Deployed, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"order": "ü"}', encoding="utf-8")
    run("--to", "ada", "--category", "orders", "--data", f"@{tmp_path}/data.json", "--no-follow")
    assert json.loads(deployed.sent[0])["data"] == {"order": "ü"}


def test_make_hands_its_variables_on(deployed: Deployed) -> None:
    done = run("--no-follow", NOTIFY_USER="ada", NOTIFY_CATEGORY="orders", NOTIFY_DATA="", NOTIFY_EVERYONE="")
    assert done.exit_code == 0, done.output
    assert json.loads(deployed.sent[0])["to"] == {"user": "ada"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ((), "Say one of --to, --everyone and --cancel."),
        (("--to", "ada", "--everyone"), "Say one of --to, --everyone and --cancel."),
        (("--to", "ada"), "Say the --category."),
        ((*ORDER, "--data", "{"), "It is not JSON"),
        ((*ORDER, "--data", "@/nowhere"), "/nowhere cannot be read"),
        ((*ORDER, "--data", "[]"), "data is not right"),
        ((*ORDER, "--id", "a b"), "id is not right"),
        ((*ORDER, "--not-before", "tomorrow"), "not_before is not right"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_sent(
    deployed: Deployed, line: tuple[str, ...], sentence: str
) -> None:
    done = run(*line)
    assert (done.exit_code, deployed.sent) == (2, [])
    assert sentence in " ".join(done.output.split())


def test_without_a_deployment_there_is_one_sentence(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "environment_named", MagicMock(side_effect=click.ClickException("Not here.")))
    done = run(*ORDER)
    assert (done.exit_code, done.output) == (1, "Error: Not here.\n")


def test_a_deployment_that_takes_no_requests_yet_is_named() -> None:
    environment = MagicMock()
    environment.name = "dev"
    with pytest.raises(click.ClickException, match="takes no requests yet: make deploy ENV=dev"):
        notify.Post.of(environment, {})
