"""How fast `deliver` sends, what it calls for a notification, and what batches change."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Any

import click

from notifications.notification import STREAM_GRACE, Notification
from notifications.rows import marshal
from scripts.catalogue import Catalogue
from scripts.environment import ROOT
from scripts.person import Person, wait_for
from tests.bench.calls import Call, count
from tests.bench.result import Result, Row, number
from tests.bench.run import Run
from tests.bench.statistics import ratio, spread
from tests.bench.system import System
from tests.deployment import Deployment
from tests.page import Paragraph, Table
from tests.samples import sample

ROUNDS, ROWS = 5, 20
ALONE, TOGETHER = 1, 100
# through the stream, at once
STREAMED = 100
CATEGORY = "promotions"
# as the table has it
Item = dict[str, Any]


@dataclass(frozen=True)
class Round:
    """Rows that were sent. size: so many were handed over at once. seconds: that the handler took for all."""

    size: int
    rows: int
    seconds: float
    calls: Sequence[Call]

    @property
    def per_row(self) -> float:
        """Milliseconds for each."""
        return 1e3 * self.seconds / self.rows

    @property
    def own(self) -> float:
        """Milliseconds for each in which nothing was waited for: what is not within a call."""
        return 1e3 * (self.seconds - sum(call.seconds for call in self.calls)) / self.rows


@dataclass(frozen=True)
class Streamed:
    """Rows that went through the stream, in batches of up to a size.

    seconds: from the first call for one to the last.
    """

    size: int
    rows: int
    seconds: float
    invocations: int

    @property
    def per_row(self) -> float:
        """Milliseconds for each."""
        return 1e3 * self.seconds / self.rows


def measure(run: Run) -> Result:
    """Has rows delivered, alone and together: by the handler in a process, and through the stream."""
    system = run.system
    run.progress.stage("delivery: deploying")
    deployed = system.deploy("ses")
    bench = Bench(run, system, deployed, deployed.member().person)
    # first, since what the handler is given in its process the stream hands over once more
    streamed = bench.through_the_stream()
    return result(bench.in_process(), streamed)


@dataclass(frozen=True)
class Bench:
    """The deployed system, and somebody who is written to."""

    run: Run
    system: System
    deployed: Deployment
    person: Person

    def in_process(self) -> list[Round]:
        """The handler in a process of its own, with rows alone and together in turns."""
        self.run.progress.stage("delivery: the handler in a process")
        rounds = self.run.rounds or ROUNDS
        program = [sys.executable, "-m", "tests.bench.deliver_rows"]
        environment = {
            **self.deployed.environment.variables,
            "AWS_DEFAULT_REGION": self.deployed.environment.region,
            **self.deployed.variables("deliver"),
            "PYTHONPATH": os.pathsep.join(
                [str(self.system.unpacked(self.run.folder / "deliver")), str(ROOT)]
            ),
        }
        found: list[Round] = []
        log = self.run.folder / "deliver.log"
        with (
            self._mapping(Enabled=False),
            log.open("w") as said,
            subprocess.Popen(
                program,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            ) as child,
        ):
            assert child.stdin
            assert child.stdout
            try:
                # the first round makes the connections
                for done in range(rounds + 1):
                    self.run.progress.at(done, rounds + 1)
                    for size in (ALONE, TOGETHER):
                        wanted = {"rows": self._write(ROWS), "size": size}
                        self.system.fresh()
                        child.stdin.write(json.dumps(wanted) + "\n")
                        child.stdin.flush()
                        answer = child.stdout.readline()
                        if not answer:
                            reason = log.read_text().strip().splitlines()[-1:]
                            raise click.ClickException(f"deliver failed in a process of its own: {reason}")
                        # the deployed functions go on with what is due every minute
                        calls = [call for call in self.system.fresh() if not call.function]
                        if done:
                            found.append(Round(size, ROWS, json.loads(answer), calls))
            finally:
                child.kill()
        return found

    def through_the_stream(self) -> list[Streamed]:
        """Rows that are written at once, and delivered by the deployed function."""
        self.run.progress.stage("delivery: through the stream")
        rounds = self.run.rounds or ROUNDS
        found: list[Streamed] = []
        for done in range(rounds):
            self.run.progress.at(done, rounds)
            found += [self._streamed(size) for size in (ALONE, TOGETHER)]
        return found

    def _streamed(self, size: int) -> Streamed:
        with self._mapping(BatchSize=size):
            self.system.fresh()
            invoked = self._invocations()
            keys = {row["NotificationID"]["S"] for row in self._write(STREAMED)}
            calls: list[Call] = []

            def ended() -> bool | None:
                calls.extend(call for call in self.system.fresh() if _key(call) in keys)
                # taken, and what came of it
                return len(calls) >= 2 * STREAMED or None

            wait_for(f"{STREAMED} rows that are sent", ended, within=120)
            return Streamed(
                size,
                STREAMED,
                max(call.at + call.seconds for call in calls) - min(call.at for call in calls),
                self._invocations() - invoked,
            )

    @property
    def _table(self) -> str:
        return str(self.deployed.outputs["notification_table_name"])

    def _write(self, rows: int) -> list[Item]:
        """Writes rows as `enqueue` does; returns them."""
        now = datetime.now(UTC)
        user = self.deployed.user(self.person)
        assert user
        data = sample(Catalogue.example("shop"), CATEGORY)
        made = [
            Notification(
                notification_id=f"app#bench-{secrets.token_hex(8)}",
                user_id=self.person.username,
                sub=user["Sub"],
                category=CATEGORY,
                template=CATEGORY,
                created_at=now,
                good_until=now + timedelta(days=3),
                due_at=now + STREAM_GRACE,
                data=data,
            )
            for _ in range(rows)
        ]
        items = [marshal(row.to_row()) for row in made]
        puts = [{"PutRequest": {"Item": item}} for item in items]
        for start in range(0, rows, 25):
            self.deployed.dynamodb.batch_write_item(RequestItems={self._table: puts[start : start + 25]})
        return items

    @contextmanager
    def _mapping(self, **settings: Any) -> Iterator[None]:
        """The stream's mapping to the function with other settings, for a while."""
        functions = self.deployed.functions
        (mapping,) = functions.list_event_source_mappings(
            FunctionName=":".join(self.deployed.live("deliver").values())
        )["EventSourceMappings"]
        usual = {"Enabled": True, "BatchSize": mapping["BatchSize"]}
        functions.update_event_source_mapping(UUID=mapping["UUID"], **settings)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=mapping["UUID"], **usual)

    def _invocations(self) -> int:
        """How often the deployed function has run."""
        pages = (
            self.deployed.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{self.deployed.live('deliver')['FunctionName']}")
        )
        return sum(event["message"].startswith("START ") for page in pages for event in page["events"])


def _key(call: Call) -> str:
    """The key of the row that a call is about; empty where it is about none."""
    key: str = call.request.get("Key", {}).get("NotificationID", {}).get("S", "")
    return key


def result(rounds: Sequence[Round], streamed: Sequence[Streamed]) -> Result:
    """The tables."""
    alone, together = ([one for one in rounds if one.size == size] for size in (ALONE, TOGETHER))
    made = count(call for one in together for call in one.calls)
    rows = sum(one.rows for one in together)
    slow, fast = ([one for one in streamed if one.size == size] for size in (ALONE, TOGETHER))
    slowly, quickly = ([one.per_row for one in those] for those in (slow, fast))
    return Result(
        "Delivery",
        [
            Row(
                f"A row in deliver, {ROWS} handed over at once",
                spread([one.per_row for one in together]),
                "ms",
                "one at a time",
                spread([one.per_row for one in alone]),
                ratio([one.per_row for one in together], [one.per_row for one in alone]),
            ),
            Row(
                "Of that its own time, between the calls",
                spread([one.own for one in together]),
                "ms",
                "one at a time",
                spread([one.own for one in alone]),
                ratio([one.own for one in together], [one.own for one in alone]),
            ),
            Row(
                f"Through the stream, batches of up to {TOGETHER}",
                spread(quickly),
                "ms",
                "one at a time",
                spread(slowly),
                ratio(quickly, slowly),
            ),
        ],
        [
            Paragraph(
                f"That is {number(1e3 / spread([one.per_row for one in together]).value)} notifications a "
                f"second in one process, and {number(1e3 / spread(quickly).value)} through the stream, "
                f"{number(1e3 / spread(slowly).value)} with a batch for each: the emulator's calls are most "
                f"of it. {STREAMED} rows took {number(mean(one.invocations for one in fast))} invocations in "
                f"batches, and {number(mean(one.invocations for one in slow))} alone."
            ),
            Table(
                ["Call for one e-mail by SES", "How often", "Could be"],
                [
                    [name, number(times / rows), COULD_BE.get(name, "")]
                    for name, times in sorted(made.items())
                ],
                "Calls of deliver, and what batches of 100 could save of them",
            ),
            Paragraph(_LEFT),
        ],
        {
            "rounds": [
                {"size": one.size, "rows": one.rows, "seconds": one.seconds, "own_ms": one.own}
                for one in rounds
            ],
            "streamed": [asdict(one) for one in streamed],
            "calls": {name: times / rows for name, times in made.items()},
        },
    )


COULD_BE = {
    "dynamodb GetItem": "0.01, by BatchGetItem",
    "dynamodb UpdateItem": "the same: each has a condition of its own",
    "kms GenerateMac": "0, with a key in the process",
    "sesv2 SendEmail": "0.02, by SendBulkEmail",
}
_LEFT = (
    "None of these is built. BatchGetItem has the same read units, so it saves a call and no money; and a "
    "record read early may have changed by the turn of its row: somebody who has just switched a category "
    "off would be written to. PublishBatch and SendBulkEmail would save requests, not deliveries; but a "
    "worker that dies between sending and recording would send up to ten or fifty messages twice, where it "
    "is one now. A MAC by KMS for each link is 3 dollars a million; signing in the process would be for "
    "nothing, with a key that can leave KMS."
)
