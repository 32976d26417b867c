"""The sweep over a table that grows: `python -m tests.bench.due_rows FOLDER ROWS…`, in a process of its own.

The table is the emulator's own, filled and asked within this process: over HTTP a million rows would take a
quarter of an hour. The function is the real one. Prints a JSON line for each size.
"""

import asyncio
import contextlib
import gc
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import psutil
from botocore.awsrequest import AWSResponse
from botocore.handlers import BUILTIN_HANDLERS

from notifications.notification import Notification, State, due_shard
from notifications.rows import marshal
from tests.bench import calls, recording

DUE = 100
# of the rows, so many wait for a time to come
WAITING_SHARE = 0.03
PAGE_BYTES = 2**20
CONTEXT = SimpleNamespace(
    function_name="sweep",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:sweep",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 180_000,
)


@dataclass(frozen=True)
class Swept:
    """A sweep over so many rows.

    waiting: in the index too, and not due yet. taken: that the sweep took. read, units: rows and read request
    units of its queries. scanned_units: of a Scan of the table, as the obvious version would make one.
    """

    rows: int
    waiting: int
    taken: int
    queries: int
    read: int
    units: float
    scanned_units: float
    fill_seconds: float
    sweep_seconds: float
    memory: int


class Body:
    """An answer's body, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self) -> Iterator[bytes]:
        yield self.content


def answer_here(table_service: Any) -> None:
    """Has all clients of DynamoDB, of whatever session, answered by the emulator, in this process."""

    def send(request: Any, **_: Any) -> AWSResponse:
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        status, answered, body = asyncio.run(
            table_service.handle_request(request.method, "/", headers, request.body, {})
        )
        return AWSResponse(request.url, status, answered, Body(body))

    BUILTIN_HANDLERS.append(("before-send.dynamodb", send))


def row(number: int, state: State, due_at: datetime) -> dict[str, Any]:
    """A row as it stands in the table; one that is over is not in the index."""
    created = datetime(2026, 11, 1, tzinfo=UTC)
    made = Notification(
        notification_id=f"app#order-{number:08}",
        user_id="ada",
        sub="5f0c6f3e-8d3c-4b1e-9c57-0d5b6f1f3a52",
        category="orders",
        template="orders",
        created_at=created,
        good_until=datetime.now(UTC) + timedelta(days=3),
        due_at=due_at,
        state=state,
        data={"order": "1042", "items": ["a book", "two pens"], "link": "https://example.com/orders/1042"},
    ).to_row()
    made |= {"Reason": "", "Results": {"Email": {"At": made["CreatedAt"], "State": str(state), "Reason": ""}}}
    if state.final:
        del made["DueAt"], made["DueShard"]
    return marshal(made)


class Table:
    """The two tables, in the emulator's memory."""

    def __init__(self, table_service: Any) -> None:
        self.service = table_service
        self.client: Any = boto3.client("dynamodb")
        self.client.create_table(
            TableName="Users",
            KeySchema=[{"AttributeName": "UserID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "UserID", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client.create_table(
            TableName="Notifications",
            KeySchema=[{"AttributeName": "NotificationID", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "NotificationID", "AttributeType": "S"},
                {"AttributeName": "DueShard", "AttributeType": "S"},
                {"AttributeName": "DueAt", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "Due",
                    "KeySchema": [
                        {"AttributeName": "DueShard", "KeyType": "HASH"},
                        {"AttributeName": "DueAt", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
        # somebody who wants nothing: their rows end as SKIPPED, and nothing but DynamoDB is needed
        self.client.put_item(
            TableName="Users",
            Item=marshal({"UserID": "ada", "Sub": "5f0c6f3e-8d3c-4b1e-9c57-0d5b6f1f3a52", "Enabled": False}),
        )
        self.rows = 0
        self.waiting = 0
        self.bytes = 0

    def fill(self, rows: int) -> None:
        """Adds rows that are over, and some that wait, up to so many with those that are to be due."""
        # by the front door once: so all have a form that it takes
        over = row(0, State.SENT, datetime.now(UTC))
        waits = row(0, State.DEFERRED, datetime.now(UTC) + timedelta(hours=8))
        for item in (over, waits):
            self.client.put_item(TableName="Notifications", Item=item)
        self.client.delete_item(TableName="Notifications", Key={"NotificationID": over["NotificationID"]})
        sizes = calls.item_size(over), calls.item_size(waits)
        stored = self.service._tables["Notifications"]
        every = round(1 / WAITING_SHARE)
        for number in range(self.rows, rows - DUE):
            key = f"app#order-{number:08}"
            is_waiting = number % every == 0
            item = {**(waits if is_waiting else over), "NotificationID": {"S": key}}
            if is_waiting:
                item["DueShard"] = {"S": due_shard(key)}
            self.service._set_item(stored, key, "__no_sort__", item)
            self.waiting += is_waiting
            self.bytes += sizes[is_waiting]
        self.rows = rows - DUE

    def make_due(self) -> None:
        """Writes the rows that are due; those of an earlier sweep are the same ones."""
        for number in range(DUE):
            item = row(90_000_000 + number, State.RETRY, datetime.now(UTC) - timedelta(minutes=1))
            self.client.put_item(TableName="Notifications", Item=item)

    @property
    def scanned_units(self) -> float:
        """Of a Scan: by "Scanning tables in DynamoDB", pages of 1 MB, each of which is rounded up."""
        due = DUE * calls.item_size(row(90_000_000, State.RETRY, datetime.now(UTC)))
        pages, rest = divmod(self.bytes + due, PAGE_BYTES)
        full = pages * calls.read_units(PAGE_BYTES, consistent=False)
        return full + (calls.read_units(rest, consistent=False) if rest else 0)


def main(folder: Path, sizes: list[int]) -> None:
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        # nothing is to be asked over the network
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "USER_TABLE": "Users",
        "NOTIFICATION_TABLE": "Notifications",
        "CATALOGUE": '{"orders": {"channels": ["Email"], "critical": false, "good_for_hours": 72}}',
        "RATE_TABLE": "Rates",
        "EMAIL_DELIVERY": "ses",
        "EMAIL_FROM": "us@example.com",
        "API_ENDPOINT": "https://example.com",
        "TOKEN_KEY_ARN": "arn:aws:kms:eu-west-1:000000000000:key/1",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
        "POWERTOOLS_SERVICE_NAME": "sweep",
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }
    # what is filled in stays: looking through it again and again would take most of the time
    gc.disable()
    from ministack.services import dynamodb as table_service

    answer_here(table_service)
    table = Table(table_service)
    from notifications.handlers import sweep

    for rows in sizes:
        began = time.monotonic()
        table.fill(rows)
        table.make_due()
        filled = time.monotonic()
        records = folder / str(rows)
        records.mkdir()
        end = recording.install(str(records))
        with contextlib.redirect_stdout(io.StringIO()):
            taken = sweep.handler({}, CONTEXT)["taken"]
        end()
        swept = time.monotonic()
        (path,) = records.iterdir()
        made = [call for call in calls.recorded(path) if call.operation == "Query"]
        print(  # noqa: T201 - it is what this program says
            json.dumps(
                asdict(
                    Swept(
                        rows=rows,
                        waiting=table.waiting,
                        taken=taken,
                        queries=len(made),
                        read=sum(call.answer["ScannedCount"] for call in made),
                        units=calls.units(made).reads,
                        scanned_units=table.scanned_units,
                        fill_seconds=filled - began,
                        sweep_seconds=swept - filled,
                        memory=psutil.Process().memory_info().rss,
                    )
                )
            ),
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])
