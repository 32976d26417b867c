import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import boto3
import click
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from notifications.requests import Request, parse
from notifications.rows import marshal
from scripts import notify

ORDER = ("--to", "ada", "--category", "orders", "--data", '{"order": "1042"}', "--id", "1042")
LONG_AGO = (datetime.now(UTC) - timedelta(days=2)).isoformat()


class Deployed:
    """A stack in an AWS in memory, whose functions do at once what the test says.

    then: what becomes of a request, by its body and the message's id.
    meanwhile: what happens while it is waited for.
    """

    def __init__(self) -> None:
        self.sqs: Any = boto3.client("sqs", region_name="eu-west-1")
        self.dynamodb: Any = boto3.client("dynamodb", region_name="eu-west-1")
        self.queue, self.refused = (
            self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("requests", "refused")
        )
        self.dynamodb.create_table(
            TableName="Notifications",
            AttributeDefinitions=[{"AttributeName": "NotificationID", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "NotificationID", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.sent: list[str] = []
        self.now = 0.0
        self.then: Callable[[str, str], None] = lambda _body, _message_id: None
        self.meanwhile: Callable[[], None] = lambda: None
        self.calls: list[str] = []
        for call in ("GetItem", "ReceiveMessage"):
            for client in (self.sqs, self.dynamodb):
                client.meta.events.register(
                    f"before-call.*.{call}", lambda model, **_more: self.calls.append(model.name)
                )

    def client(self, service: str) -> Any:
        return {"sqs": self.sqs, "dynamodb": self.dynamodb}[service]

    def init(self, *, new: bool = True) -> None:
        assert not new

    def outputs(self) -> dict[str, str]:
        return {
            "notification_queue_url": self.queue,
            "refused_queue_url": self.refused,
            "notification_table_name": "Notifications",
        }

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()

    def will_be(self, state: str, **more: Any) -> None:
        """The next request becomes a row in this state."""

        def then(body: str, _message_id: str) -> None:
            asked = parse(body)
            digest = {"Digest": asked.digest} if isinstance(asked, Request) else {}
            asked_at = datetime.now(UTC).isoformat()
            self.put(
                NotificationID=f"app#{asked.key}", State=state, **digest | {"RequestedAt": asked_at} | more
            )

        self.then = then

    def will_be_refused(self, code: str, message: str) -> None:
        """The next request is refused."""
        self.then = lambda _body, message_id: self.refuse(code, message, message_id)

    def put(self, **row: Any) -> None:
        self.dynamodb.put_item(TableName="Notifications", Item=marshal(row))

    def refuse(self, code: str, message: str, message_id: str = "another") -> None:
        reason = {"code": code, "message": message}
        self.write(json.dumps({"reason": reason, "message_id": message_id, "request": "{}"}))

    def write(self, letter: str) -> None:
        self.sqs.send_message(QueueUrl=self.refused, MessageBody=letter)

    def letters(self) -> list[str]:
        """What can be read of the refused queue at this moment."""
        found: list[str] = []
        while read := self.sqs.receive_message(QueueUrl=self.refused, MaxNumberOfMessages=10).get("Messages"):
            found += [letter["Body"] for letter in read]
        return found


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    send = notify.Post.send

    def sent(post: notify.Post, body: str) -> str:
        message_id = send(post, body)
        stack.sent.append(body)
        stack.then(body, message_id)
        return message_id

    with mock_aws():
        stack = Deployed()
        monkeypatch.setattr(notify, "environment_named", lambda _name, **_options: stack)
        monkeypatch.setattr(notify, "Stack", lambda _environment, **_options: stack)
        monkeypatch.setattr(notify, "WAIT_SECONDS", 0)
        monkeypatch.setattr(notify, "time", stack)
        monkeypatch.setattr(notify.Post, "send", sent)
        yield stack


def run(*line: str, **environment: str) -> Result:
    return CliRunner().invoke(notify.main, ["--timeout", "5", *line], env=environment)


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


def test_a_request_is_sent_and_its_row_read_as_aws_has_them(deployed: Deployed) -> None:
    deployed.will_be("RETRY", DueAt=1_780_000_000_123, Results={"SMS": {"State": "RETRY"}}, Attempts=1)
    told = json.loads(run(*ORDER, "--json").stdout)
    (message,) = deployed.sqs.receive_message(QueueUrl=deployed.queue)["Messages"]
    assert (message["Body"], message["MessageId"]) == (deployed.sent[0], told["message_id"])
    assert (told["state"], told["results"]) == ("RETRY", {"SMS": {"State": "RETRY"}})
    assert told["due_at"] == "2026-05-28T20:26:40.123000+00:00"


def test_a_refusal_is_shown_with_its_reason_and_stays_in_its_queue(deployed: Deployed) -> None:
    deployed.refuse("other", "Not this one.")
    for letter in ("not JSON", "[]", "[" * 100_000):
        deployed.write(letter)
    deployed.will_be_refused("no_such_user", "Nobody has the username.")
    done = run(*ORDER)
    assert done.exit_code == 1
    assert "REFUSED: Nobody has the username. (no_such_user)" in done.output
    assert len(deployed.letters()) == 5


def test_a_refusal_is_found_behind_many_and_all_are_there_for_the_next_reader(deployed: Deployed) -> None:
    for number in range(25):
        deployed.refuse("other", f"Not this one, {number}.")
    deployed.will_be_refused("no_such_user", "Nobody has the username.")
    assert "(no_such_user)" in run(*ORDER).output
    assert len(set(deployed.letters())) == 26


def test_no_more_refusals_are_read_than_may_be_hidden(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "MOST", 10)
    for number in range(25):
        deployed.refuse("other", f"Not this one, {number}.")
    deployed.will_be_refused("no_such_user", "Nobody has the username.")
    assert "not taken from the queue within" in run(*ORDER).output
    assert len(deployed.letters()) == 26


def test_the_row_is_looked_at_more_often_than_the_refusals(deployed: Deployed) -> None:
    run(*ORDER)
    assert (deployed.calls.count("GetItem"), deployed.calls.count("ReceiveMessage")) == (11, 3)
    deployed.calls.clear()
    deployed.will_be("RETRY")
    run(*ORDER)
    assert (deployed.calls.count("GetItem"), deployed.calls.count("ReceiveMessage")) == (11, 0)


def test_what_could_never_be_taken_is_found_in_the_refused_queue_too(deployed: Deployed) -> None:
    with patch.object(
        notify.Post,
        "send",
        lambda post, body: post.sqs.send_message(QueueUrl=deployed.refused, MessageBody=body)["MessageId"],
    ):
        done = run(*ORDER)
    assert done.exit_code == 1
    assert "REFUSED: it could not be taken, however often it was tried" in done.output


def test_an_earlier_notification_of_the_same_id_is_not_taken_for_this_one(deployed: Deployed) -> None:
    deployed.will_be("SENT", RequestedAt=LONG_AGO)
    assert "not taken from the queue within" in run(*ORDER).output
    deployed.will_be("SENT", Digest="of other content")
    assert run(*ORDER).exit_code == 1


def test_one_that_still_waits_is_what_is_asked_for_again_however_old_it_is(deployed: Deployed) -> None:
    deployed.will_be("WAITING_OPT_IN", RequestedAt=LONG_AGO)
    assert "WAITING_OPT_IN" in run(*ORDER).output
    asked = parse(deployed.sent[0])
    assert isinstance(asked, Request)
    row = {"NotificationID": "app#1042", "RequestedAt": LONG_AGO, "Digest": asked.digest}
    deployed.meanwhile = lambda: deployed.put(State="SENT", **row)
    done = run(*ORDER)
    assert (done.exit_code, "SENT" in done.output) == (0, True)


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
    deployed.put(NotificationID="app#1042", State="SENT")
    deployed.will_be_refused("too_late", "It had come to its end.")
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
        ((*ORDER, "--data", "[" * 100_000), "It is nested too deep."),
        ((*ORDER, "--data", '{"a": ' + "[" * 40 + "]" * 40 + "}"), "nested more than 32 deep"),
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
