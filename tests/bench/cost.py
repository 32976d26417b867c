"""What a million registrations and notifications cost, from the calls of a run and a dated price table."""

import json
import secrets
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import altair

from notifications.notification import timestamp
from scripts.catalogue import Catalogue
from scripts.person import Person
from tests.bench import recording
from tests.bench.bill import DELIVERIES, LINES, Usage, bill, prices, usage_of
from tests.bench.calls import count, item_size, recorded
from tests.bench.function import Function
from tests.bench.result import Result, Row, number
from tests.bench.run import Run
from tests.bench.statistics import Estimate
from tests.bench.system import System
from tests.bench.triggers import confirmation, emulator
from tests.deployment import Deployment
from tests.page import Block, Chart, Paragraph, Table
from tests.samples import new_number, sample

MILLION = 1_000_000
TIMES = 10
# What an invocation takes is the emulator's affair here, and its calls take longer than AWS's: so it is set.
INVOCATION_SECONDS = 0.1
MINUTES = 30.44 * 24 * 60
# Lambda holds so many long polls of 20 s at a queue that is empty ("Using Lambda with Amazon SQS")
POLLERS, POLL_SECONDS = 5, 20
# a row is kept for its 72 hours and 90 days more, until TTL deletes it, which is free
ROW_MONTHS = 3.1
# "Amazon DynamoDB pricing" adds so many bytes to each item that is stored, and CloudWatch Logs to each line
ITEM_OVERHEAD, LINE_OVERHEAD = 100, 26
ONE_BY_ONE = {"post_confirmation": 1, "enqueue": 1, "deliver": 1}
# as many rows and requests to an invocation as there can be: see the batch sizes in terraform/
BATCHED = {"post_confirmation": 1, "enqueue": 1 / 10, "deliver": 1 / 100}


@dataclass(frozen=True)
class Counted:
    """What was counted for one thing that was done some times.

    calls, usage: of one; the usage is without invocations and logs. memory: of functions, in MB. run_bytes:
    of logs, by function, for each invocation. row_bytes: of logs, for one. functions: those invoked for it.
    """

    name: str
    calls: Mapping[str, float]
    usage: Usage
    memory: Mapping[str, int]
    run_bytes: Mapping[str, float]
    row_bytes: float
    functions: Sequence[str]

    def one(self, share: Mapping[str, float]) -> Usage:
        """The usage of one, where each function's invocation is shared as it says."""
        runs = {name: share[name] for name in self.functions}
        return self.usage + Usage(
            invocations=sum(runs.values()),
            gigabyte_seconds=sum(
                # however many share it, each takes its time
                self.memory[name] / 1024 * INVOCATION_SECONDS
                for name in runs
            ),
            logged=self.row_bytes + sum(self.run_bytes[name] * share for name, share in runs.items()),
            # the poller's receive and delete; the application's send is in the usage
            sqs_requests=2 * runs.get("enqueue", 0),
        )

    def million(self, share: Mapping[str, float]) -> dict[str, float]:
        """The bill of a million."""
        return bill(self.one(share) * MILLION)


def measure(run: Run) -> Result:
    """Deploys the system, drives it each way, counts its calls and works out what a million would cost."""
    system = run.system
    found = []
    metrics = set()
    for way in ("sns", "ses"):
        run.progress.stage(f"cost: deploying, with e-mail by {way.upper()}")
        counting = Counting(system, system.deploy(way))
        run.progress.stage(f"cost: counting, with e-mail by {way.upper()}")
        found += [counting.registrations(), *counting.notifications()]
        idle = counting.idle()
        metrics |= counting.metrics
    run.progress.stage("cost: counting what the obvious version does")
    return result(found, idle, len(metrics), obvious(run, found[0].memory["post_confirmation"]))


@dataclass
class Counting:
    """Drives the deployed system and counts. metrics: that its functions have given a value, by service."""

    system: System
    deployed: Deployment
    metrics: set[tuple[str, str]] = field(default_factory=set)
    _read: dict[str, int] = field(default_factory=dict)

    @property
    def _email(self) -> str:
        return f"e-mail by {self.deployed.way.upper()}"

    def registrations(self) -> Counted:
        """People who register and are welcomed. By SNS they opt in between the first look and the second."""
        people = [Person() for _ in range(TIMES)]
        with self._counted(f"Registrations, {self._email}", ["post_confirmation", "deliver"]) as counted:
            # one after the other: whoever waits for long is looked at more often
            subs = [self._registered(person) for person in people]
        stored = self._stored([f"welcome#{sub}" for sub in subs])
        record = self.deployed.dynamodb.get_item(
            TableName=self.deployed.outputs["user_table_name"], Key={"UserID": {"S": people[0].username}}
        )["Item"]
        size = item_size(record) + ITEM_OVERHEAD
        return counted(stored + Usage(stored=size, recoverable=size))

    def _registered(self, person: Person) -> str:
        """The subject of somebody who has registered and been welcomed."""
        sub = self.deployed.application.register(person)
        self.deployed.welcomed(person, sub)
        return sub

    def notifications(self) -> list[Counted]:
        """Requests of an application's, each to one person on one channel."""
        member = self.deployed.member()
        applications = json.loads(self.deployed.variables("api")["PUSH_APPLICATIONS"])
        endpoint = self.deployed.client("sns").create_platform_endpoint(
            PlatformApplicationArn=applications["GCM"], Token=secrets.token_hex(16)
        )["EndpointArn"]
        device = {"EndpointArn": endpoint, "Platform": "GCM", "At": timestamp(datetime.now(UTC))}
        self.deployed.change_record(
            member.person,
            PhoneNumber=new_number(),
            Devices={"0123456789abcdef": device},
            # of each category one channel alone
            Preferences={"orders": {"Email": False}, "shipping": {"Email": False}},
        )
        wanted = {"promotions": self._email}
        if self.deployed.way == "ses":
            # neither has anything to do with how e-mail goes out
            wanted |= {"orders": "SMS", "shipping": "push"}
        return [self._notifications(member.person, category, channel) for category, channel in wanted.items()]

    def _notifications(self, person: Person, category: str, channel: str) -> Counted:
        data = sample(Catalogue.example("shop"), category)
        with self._counted(f"Notifications, {channel}", ["enqueue", "deliver"]) as counted:
            rows = [self.deployed.ask(category, person, data=data) for _ in range(TIMES)]
            for row in rows:
                self.deployed.wait_state(row, "SENT", within=60)
        # the application's own request to the queue
        return counted(self._stored(rows) + Usage(sqs_requests=1))

    def idle(self) -> Counted:
        """A minute in which nothing is to be done: each schedule's function runs once."""
        pages = self.deployed.client("scheduler").get_paginator("list_schedules").paginate()
        targets = [schedule["Target"]["Arn"] for page in pages for schedule in page["Schedules"]]
        names = {
            handler
            for handler, name in self.deployed.outputs["function_names"].items()
            if any(f":function:{name}:" in target for target in targets)
        }

        def run() -> None:
            for name in sorted(names):
                self.deployed.invoke(name, {})

        # what is to be done once in hours is done by then
        run()
        with self._counted("A minute", sorted(names), by_run=True) as counted:
            run()
        return counted(Usage(ticks=len(names)))

    @contextmanager
    def _counted(
        self, name: str, functions: Sequence[str], *, by_run: bool = False
    ) -> Iterator[Callable[[Usage], Counted]]:
        """Counts what functions call and log meanwhile; made into the result by what is known only then.

        by_run: what is counted is an invocation of each function, however many there were. Else it is one of
        TIMES, and the sweep's looking for rows is left out: it is done each minute, and for no row.
        """
        counted: list[Counted] = []
        self._settle()
        self.system.fresh()
        self._lines()

        def made(more: Usage) -> Counted:
            assert counted, "it is not over yet"
            return replace(counted[0], usage=counted[0].usage + more)

        yield made
        self._settle()
        names = {name: handler for handler, name in self.deployed.outputs["function_names"].items()}
        wanted = [
            call
            for call in self.system.fresh()
            if (by_run or call.operation != "Query")
            and names[call.function] not in UNCONCERNED - set(functions)
        ]
        lines = self._lines()
        runs = {handler: [line for line in lines[handler] if _is_of_a_run(line)] for handler in functions}
        invoked = {
            handler: sum(line.startswith("START ") for line in said) or 1 for handler, said in runs.items()
        }
        concerned = {*functions, "sweep"}
        rows = [line for handler in concerned for line in lines.get(handler, []) if _is_of_a_row(line)]
        usage, calls = Usage(), defaultdict[str, float](float)
        for handler in {names[call.function] for call in wanted}:
            times = invoked[handler] if by_run else TIMES
            its = [call for call in wanted if names[call.function] == handler]
            usage += usage_of(its) * (1 / times)
            for call, often in count(its).items():
                calls[call] += often / times
        counted.append(
            Counted(
                name=name,
                calls=dict(sorted(calls.items())),
                usage=usage,
                memory={handler: self.deployed.configuration(handler)["MemorySize"] for handler in functions},
                run_bytes={handler: _bytes(said) / invoked[handler] for handler, said in runs.items()},
                row_bytes=0 if by_run else _bytes(rows) / TIMES,
                functions=functions,
            )
        )

    def _settle(self) -> None:
        """Waits until no function has called anything for a while: records and logs are written behind."""
        seen = -1
        while (now := self.system.size()) != seen:
            seen = now
            time.sleep(1.5)

    def _lines(self) -> dict[str, list[str]]:
        """What the functions have logged since the last time, by handler."""
        logs = self.deployed.client("logs")
        found: dict[str, list[str]] = {}
        for handler, name in self.deployed.outputs["function_names"].items():
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
            lines = [event["message"] for page in pages for event in page["events"]]
            found[handler] = lines[self._read.get(handler, 0) :]
            self._read[handler] = len(lines)
            for said in (json.loads(line) for line in found[handler] if line.startswith('{"_aws"')):
                (of,) = said["_aws"]["CloudWatchMetrics"]
                self.metrics |= {(said["service"], metric["Name"]) for metric in of["Metrics"]}
        return found

    def _stored(self, rows: Sequence[str]) -> Usage:
        """What a row takes in the table and in the index of a person's history, while it is kept."""
        dynamodb, table = self.deployed.dynamodb, self.deployed.outputs["notification_table_name"]
        items = [
            dynamodb.get_item(TableName=table, Key={"NotificationID": {"S": row}})["Item"] for row in rows
        ]
        size = sum(map(item_size, items)) / len(items) + ITEM_OVERHEAD
        indexes = dynamodb.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
        (history,) = (index for index in indexes if index["IndexName"] == "ByUser")
        entries = [_projected(item, history) for item in items]
        entry = sum(map(item_size, entries)) / len(entries) + ITEM_OVERHEAD
        return Usage(stored=(size + entry) * ROW_MONTHS, recoverable=size * ROW_MONTHS)


# what runs by a schedule and has nothing to do with one registration or notification
UNCONCERNED = {"broadcast", "erase", "reconcile"}


def _projected(item: Mapping[str, Any], index: Mapping[str, Any]) -> Mapping[str, Any]:
    """An item as an index has it."""
    if index["Projection"]["ProjectionType"] == "ALL":
        return item
    keys = {"NotificationID", *(key["AttributeName"] for key in index["KeySchema"])}
    kept = keys | set(index["Projection"].get("NonKeyAttributes", ()))
    return {name: value for name, value in item.items() if name in kept}


def _is_of_a_run(line: str) -> bool:
    """Whether a line is written for each invocation, whatever it has to do."""
    return line.startswith(("START ", "END ", "REPORT ")) or '"_aws"' in line


def _is_of_a_row(line: str) -> bool:
    """Whether a line is about a row; others are of the start of a process."""
    return '"notification"' in line or " registered " in line


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + LINE_OVERHEAD for line in lines)


def obvious(run: Run, memory: int) -> dict[str, Usage]:
    """What the obvious version uses, for one registration, and for one notification on each channel.

    memory: of its trigger, in MB: as much as ours has.

    Its trigger's calls are counted. An application without this system sends by itself: that is one request,
    and what the channel takes.
    """
    task = run.folder / "recorded"
    records = task / "calls"
    records.mkdir(parents=True)
    for module in (recording.__file__, OBVIOUS):
        shutil.copy(module, task)
    begin = f"import recording\n\nrecording.install({str(records)!r})\nfrom obvious import handler"
    (task / "recorded.py").write_text(begin)
    with emulator(run) as url:
        trigger = Function("obvious", "recorded", task, {"AWS_ENDPOINT_URL": url})
        with trigger.warm() as warm:
            for _ in range(TIMES):
                warm.call(confirmation())
    (path,) = records.iterdir()
    registration = usage_of(recorded(path)) * (1 / TIMES) + Usage(
        invocations=1, gigabyte_seconds=memory / 1024 * INVOCATION_SECONDS
    )
    return {
        "Registrations, e-mail by SNS": registration,
        # as far as the trigger goes it has no other way
        "Registrations, e-mail by SES": registration,
        "Notifications, e-mail by SNS": Usage(sns_requests=1, sns_emails=1),
        "Notifications, e-mail by SES": Usage(ses_emails=1),
        "Notifications, SMS": Usage(sns_requests=1, texts=1),
        "Notifications, push": Usage(sns_requests=1, pushes=1),
    }


OBVIOUS = Path(__file__).with_name("obvious.py")


def result(found: Sequence[Counted], idle: Counted, metrics: int, others: Mapping[str, Usage]) -> Result:
    """The tables and the drawing. metrics: of the functions' own, each of which is paid for by the month."""
    bills = {counted.name: counted.million(ONE_BY_ONE) for counted in found}
    batched = {counted.name: counted.million(BATCHED) for counted in found}
    month = bill(_month(idle, metrics))
    rows = []
    for counted in found:
        ours, other = sum(bills[counted.name].values()), sum(bill(others[counted.name] * MILLION).values())
        rows.append(
            Row(
                f"A million {counted.name[0].lower()}{counted.name[1:]}",
                Estimate.exact(ours),
                "$",
                "obvious version",
                Estimate.exact(other),
                Estimate.exact(ours / other),
            )
        )
    rows.append(Row("A month in which nothing happens", Estimate.exact(sum(month.values())), "$"))
    table = prices()
    blocks: list[Block] = [
        Paragraph(
            f"Prices of {table['region']}, known on {table['as_of']}; no free tier, no discount. Each row, "
            "request and message comes alone, so that each is an invocation; an invocation is taken to "
            f"last {INVOCATION_SECONDS * 1000:.0f} ms, since the emulator's own times say nothing of AWS. "
            "Sweeping is part of the month. Cognito's monthly active users and the mails that ask for an "
            "opt-in are left out. By SNS somebody opts in between the first look at their welcome and the "
            "second; and a topic has room for 200 people, so that a million by SNS is a price and no plan. "
            "The obvious version is the trigger alone, with one mail for each registration, though it "
            "mails each welcome to all who are subscribed; and an application that sends by itself, with "
            "one call. Its trigger welcomes by SNS, beside ours by SES too, whose mails cost five times as "
            "much. What it logs and stores is not counted, and ours is; its trigger is taken to last as long "
            "as ours, though it makes three calls."
        ),
        _lines_table(bills, "US dollars for a million, each alone"),
        Paragraph(
            "As many at once as an invocation takes: "
            + "; ".join(f"{name} {_dollars(sum(lines.values()))}" for name, lines in batched.items())
            + "."
        ),
        Chart(_drawn(bills), "US dollars for a million without what the channel itself takes, by line"),
        _calls_table(found),
        Table(
            ["Line", "US dollars"],
            [[line, _dollars(dollars)] for line, dollars in month.items()],
            "A month in which nothing happens: schedules, polls, keys and metrics",
        ),
        _price_table(table),
    ]
    data = {
        "bills": bills,
        "batched": batched,
        "month": month,
        "calls": {counted.name: dict(counted.calls) for counted in found},
    }
    return Result("Cost", rows, blocks, data)


def _month(idle: Counted, metrics: int) -> Usage:
    polls = POLLERS * MINUTES * 60 / POLL_SECONDS
    each = idle.one(dict.fromkeys(idle.functions, 1))
    return each * MINUTES + Usage(sqs_requests=polls, keys=1, metrics=metrics)


def _lines_table(bills: Mapping[str, Mapping[str, float]], caption: str) -> Table:
    lines = [line for line in LINES if any(line in found for found in bills.values())]
    rows = [[line, *(_dollars(found.get(line, 0)) for found in bills.values())] for line in lines]
    rows.append(["In all", *(_dollars(sum(found.values())) for found in bills.values())])
    return Table(["Line", *bills], rows, caption)


def _calls_table(found: Sequence[Counted]) -> Table:
    names = sorted({name for counted in found for name in counted.calls})
    rows = [[name, *(number(counted.calls.get(name, 0)) for counted in found)] for name in names]
    return Table(["Call", *(counted.name for counted in found)], rows, "Calls that functions make for one")


def _price_table(table: Mapping[str, Any]) -> Table:
    rows = [
        [section, price, f"{value:.10f}".rstrip("0").rstrip("."), found["page"], found["confirmed"]]
        for section, found in table.items()
        if isinstance(found, dict)
        for price, value in found.items()
        if price not in ("page", "confirmed")
    ]
    return Table(["Service", "Of a", "US dollars", "Page", "Confirmed by"], rows, "The prices")


def _dollars(value: float) -> str:
    return f"{value:,.2f}" if value else ""


def _drawn(bills: Mapping[str, Mapping[str, float]]) -> Any:
    values = [
        {"of": name, "line": line, "dollars": dollars}
        for name, lines in bills.items()
        for line, dollars in lines.items()
        if line not in DELIVERIES
    ]
    return (
        altair.Chart({"values": values})
        .mark_bar()
        .encode(
            altair.X("sum(dollars):Q", title="US dollars"),
            altair.Y("of:N", title=None, sort=None),
            altair.Color("line:N", title=None),
        )
    )
