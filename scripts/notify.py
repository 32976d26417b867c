"""Asks for a notification, as an application does, and follows it to its final state."""

import json
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from notifications.notification import EPOCH, instant
from notifications.requests import WINDOW, Cancellation, RefusedError, Request, parse, row_id
from notifications.rows import unmarshal
from scripts.environment import Environment
from scripts.stack import Stack, env_option, environment_named, plainly

NEVER_SEEN = "UNKNOWN"
REFUSED = "REFUSED"
RIGHT = {"SENT", "SKIPPED", "FANNED_OUT"}
FINAL = {*RIGHT, "EXPIRED", "FAILED", "CANCELLED"}
# Seconds between two looks at the row, and at the refused requests, which it hides from others for a moment
EVERY = 0.5
REFUSED_EVERY = 3.0
# of refused requests: so many are read, so many at a time, and hidden for so many seconds at most
MOST = 1000
BATCH = 10
HOLD_SECONDS = 30
# without a wait SQS asks only some of its servers, and may say that there is none
WAIT_SECONDS = 1
DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Seen:
    """What is known of a request. due_at: when it is to go on; None when it is over."""

    state: str = NEVER_SEEN
    reason: str = ""
    results: Mapping[str, Mapping[str, str]] | None = None
    due_at: datetime | None = None
    count: int | None = None

    @property
    def final(self) -> bool:
        return self.state in FINAL or self.state == REFUSED

    def is_put_off_beyond(self, moment: datetime) -> bool:
        """Whether it waits, as it should, for a time that is later than that."""
        waits = self.state in ("DEFERRED", "FANNING_OUT")
        return waits and self.due_at is not None and self.due_at > moment


@dataclass(frozen=True)
class Post:
    """The queues and the table of a deployed stack."""

    sqs: Any
    dynamodb: Any
    queue: str
    refused_queue: str
    table: str

    @classmethod
    def of(cls, environment: Environment, outputs: Mapping[str, Any]) -> "Post":
        """Those of a stack.

        Raises:
            click.ClickException: it was deployed before there were any.
        """
        needed = ("notification_queue_url", "refused_queue_url", "notification_table_name")
        if not all(outputs.get(name) for name in needed):
            raise click.ClickException(
                f"What is deployed in {environment.name!r} takes no requests yet: "
                f"make deploy ENV={environment.name}."
            )
        return cls(environment.client("sqs"), environment.client("dynamodb"), *(outputs[n] for n in needed))

    def send(self, body: str) -> str:
        """Sends a request; returns the message's id."""
        return str(self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)["MessageId"])

    def row(self, asked: Request | Cancellation, sent_at: datetime, *, was_seen: bool = False) -> Seen | None:
        """What the row of a request says; None while it has none.

        was_seen: the row has been the request's before.
        """
        answer = self.dynamodb.get_item(
            TableName=self.table, Key={"NotificationID": {"S": row_id(asked.key)}}, ConsistentRead=True
        )
        row = unmarshal(answer.get("Item", {}))
        state = str(row.get("State", NEVER_SEEN))
        if isinstance(asked, Request):
            asked_at = _moment(lambda: instant(row["RequestedAt"])) or EPOCH
            # one that still waits is what a request of the same id and content asks for, however old it is
            is_over = state in FINAL and not was_seen and sent_at - asked_at >= WINDOW
            if row.get("Digest") != asked.digest or is_over:
                # an earlier one with the same id
                return None
        elif state != "CANCELLED":
            return None
        count = row.get("Count")
        return Seen(
            state,
            str(row.get("Reason", "")),
            _results(row.get("Results")),
            _moment(lambda: EPOCH + timedelta(milliseconds=int(row["DueAt"]))),
            int(count) if isinstance(count, Decimal) else None,
        )

    def refusal(self, message_id: str) -> Seen | None:
        """The refusal of a message. What was read to find it is put back, for others to see."""
        letters: list[Mapping[str, Any]] = []
        try:
            while len(letters) < MOST:
                read = self.sqs.receive_message(
                    QueueUrl=self.refused_queue,
                    MaxNumberOfMessages=BATCH,
                    VisibilityTimeout=HOLD_SECONDS,
                    WaitTimeSeconds=WAIT_SECONDS,
                ).get("Messages", [])
                letters += read
                found = next(filter(None, (_refusal(letter, message_id) for letter in read)), None)
                if found or not read:
                    return found
            return None
        finally:
            for start in range(0, len(letters), BATCH):
                self.sqs.change_message_visibility_batch(
                    QueueUrl=self.refused_queue,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": letter["ReceiptHandle"], "VisibilityTimeout": 0}
                        for number, letter in enumerate(letters[start : start + BATCH])
                    ],
                )


def _moment(read: Callable[[], datetime]) -> datetime | None:
    """What a row says, if it says it: a row may be another's, under the same id."""
    try:
        return read()
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def _results(said: Any) -> dict[str, dict[str, str]]:
    """What a row says of its targets, as texts."""
    entries = said.items() if isinstance(said, dict) else ()
    return {
        target: {name: str(value) for name, value in entry.items()}
        for target, entry in entries
        if isinstance(entry, dict)
    }


def _refusal(letter: Mapping[str, Any], message_id: str) -> Seen | None:
    """What a letter of the refused queue says of a message, if it is that one's."""
    if letter["MessageId"] == message_id:
        return Seen(REFUSED, "it could not be taken, however often it was tried")
    try:
        refused = json.loads(letter["Body"])
        reason = refused["reason"]
        if refused["message_id"] == message_id:
            return Seen(REFUSED, f"{reason['message']} ({reason['code']})")
    except (KeyError, TypeError, ValueError, RecursionError):
        # it tells of something else
        pass
    return None


@click.command(context_settings={"auto_envvar_prefix": "NOTIFY"})
@env_option
@click.option("--to", "user", metavar="USERNAME", help="The recipient.")
@click.option("--everyone", is_flag=True, help="For everyone who has registered by now.")
@click.option("--category", help="A category of the catalogue.")
@click.option("--data", default="{}", help="What the texts need, as JSON, or @FILE that holds it.")
@click.option("--id", "key", help="The idempotency key; a random one if not given.")
@click.option("--not-before", metavar="TIME", help="Not sent before, such as 2026-06-01T08:00:00+02:00.")
@click.option("--expires-at", metavar="TIME", help="Not sent from then on.")
@click.option("--cancel", metavar="KEY", help="Cancel the one with this id instead.")
@click.option("--no-follow", is_flag=True, help="Do not wait for what becomes of it.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, DAY_SECONDS),
    default=120,
    show_default=True,
    help="Seconds to wait.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
@plainly
def main(
    name: str,
    user: str | None,
    everyone: bool,
    category: str | None,
    data: str,
    key: str | None,
    not_before: str | None,
    expires_at: str | None,
    cancel: str | None,
    no_follow: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Send one notification, or cancel one, and follow it to its final state.

    Exit codes: 0 when it was sent, when it was not since the person's preferences say so (SKIPPED), when it
    waits for a time beyond --timeout as it should (DEFERRED), when a broadcast has become rows, and when it
    was cancelled as wished; 1 when it was refused or failed, expired, or had not come to its end within
    --timeout; 2 when the command line is wrong.
    """
    if [bool(user), everyone, bool(cancel)].count(True) != 1:
        raise click.UsageError("Say one of --to, --everyone and --cancel.")
    wish: dict[str, Any]
    if cancel:
        wish = {"id": cancel, "cancel": True}
    else:
        if not category:
            raise click.UsageError("Say the --category.")
        wish = {
            "id": key or f"notify-{secrets.token_hex(8)}",
            "to": "everyone" if everyone else {"user": user},
            "category": category,
            "data": _json_of(data),
            **({"not_before": not_before} if not_before else {}),
            **({"expires_at": expires_at} if expires_at else {}),
        }
    try:
        body = json.dumps(wish, ensure_ascii=False)
        asked = parse(body)
    except (RefusedError, RecursionError) as refusal:
        raise click.UsageError(str(refusal)) from None

    environment = environment_named(name, start=False)
    stack = Stack(environment, stream=False)
    stack.init(new=False)
    post = Post.of(environment, stack.outputs())
    sent_at = datetime.now(UTC)
    message_id = post.send(body)
    if not as_json:
        click.echo(f"Asked for, with the id {asked.key}.")
    seen = Seen() if no_follow else _follow(post, asked, message_id, sent_at, timeout, quiet=as_json)
    wished = seen.state in RIGHT if isinstance(asked, Request) else seen.state == "CANCELLED"
    put_off = seen.is_put_off_beyond(sent_at + timedelta(seconds=timeout))
    if as_json:
        click.echo(json.dumps(_told(asked.key, message_id, seen), ensure_ascii=False))
    elif not no_follow:
        _tell(seen, put_off, timeout)
    sys.exit(0 if no_follow or wished or put_off else 1)


def _json_of(data: str) -> Any:
    try:
        return json.loads(Path(data[1:]).read_text(encoding="utf-8") if data.startswith("@") else data)
    except OSError as error:
        raise click.BadParameter(
            f"{data[1:]} cannot be read: {error.strerror}.", param_hint="--data"
        ) from None
    except ValueError as error:
        raise click.BadParameter(f"It is not JSON: {error}.", param_hint="--data") from None
    except RecursionError:
        raise click.BadParameter("It is nested too deep.", param_hint="--data") from None


def _follow(
    post: Post,
    asked: Request | Cancellation,
    message_id: str,
    sent_at: datetime,
    timeout: float,
    *,
    quiet: bool,
) -> Seen:
    """Looks until the request has come to its end, or waits for longer than we do."""
    console = Console(stderr=True)
    deadline = time.monotonic() + timeout
    refused_next = time.monotonic()
    seen = Seen()
    shown = console.status("Waiting …") if console.is_terminal and not quiet else nullcontext()
    with shown as status:
        while True:
            last = time.monotonic() >= deadline
            seen = post.row(asked, sent_at, was_seen=seen.state != NEVER_SEEN) or seen
            if seen.state == NEVER_SEEN and (last or time.monotonic() >= refused_next):
                seen = post.refusal(message_id) or seen
                refused_next = time.monotonic() + REFUSED_EVERY
            if last or seen.final or seen.is_put_off_beyond(sent_at + timedelta(seconds=timeout)):
                return seen
            if status:
                rows = f", {seen.count} rows" if seen.count is not None else ""
                status.update(f"{seen.state}{rows} …")
            time.sleep(EVERY)


def _told(key: str, message_id: str, seen: Seen) -> dict[str, Any]:
    return {
        "id": key,
        "message_id": message_id,
        "state": seen.state,
        "reason": seen.reason,
        "results": dict(seen.results or {}),
        "due_at": seen.due_at.isoformat() if seen.due_at else None,
        "rows": seen.count,
    }


def _tell(seen: Seen, put_off: bool, timeout: float) -> None:
    console = Console()
    if seen.state == NEVER_SEEN:
        words = f"It was not taken from the queue within {timeout:.0f} s."
    elif put_off:
        words = f"{seen.state}: it waits until {seen.due_at:%Y-%m-%d %H:%M:%S} UTC."
    elif not seen.final:
        words = f"{seen.state}: it has not come to its end within {timeout:.0f} s."
    else:
        words = f"{seen.state}: {seen.reason}" if seen.reason else seen.state
    console.print(words, markup=False, highlight=False, soft_wrap=True)
    if seen.count is not None:
        console.print(f"{seen.count} rows, one for each person.", highlight=False)
    if seen.results:
        table = Table("Channel", "State", "Reason", "Message")
        for target, result in sorted(seen.results.items()):
            table.add_row(target, *(str(result.get(name, "")) for name in ("State", "Reason", "MessageID")))
        console.print(table)


if __name__ == "__main__":
    main(prog_name="make notify")
