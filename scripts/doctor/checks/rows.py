"""The rows that are due, and what lately became of rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from notifications.notification import DUE_SHARDS, milliseconds
from notifications.outbox import BROADCASTS, DUE_INDEX, ERASURES, RECONCILIATIONS
from notifications.rows import marshal, unmarshal
from scripts.doctor.context import Context
from scripts.doctor.findings import Finding, broken, counted, ok, warning
from scripts.doctor.metrics import Metric, read

# sweep comes every minute and works for three at most: what is due for longer was passed over
LATE = timedelta(minutes=5)
STUCK = timedelta(minutes=15)
# of a shard so many pages of the index are counted
PAGES = 5
WHOSE = {BROADCASTS: "broadcast", ERASURES: "erase", RECONCILIATIONS: "reconcile"}
# metrics of the functions that somebody should know of: by service, and what it means
_TELLING = {
    ("deliver", "Failed"): "rows ended as FAILED",
    ("sweep", "Failed"): "rows ended as FAILED",
    (
        "deliver",
        "FilterPolicyLimitExceeded",
    ): "people could not be subscribed: the topic's filter policies are used up",
    (
        "sweep",
        "FilterPolicyLimitExceeded",
    ): "people could not be subscribed: the topic's filter policies are used up",
    ("erase", "ErasureFailed"): "erasures failed",
    ("feedback", "NotTaken"): "events of SES could not be taken",
    ("reconcile", "NotRepaired"): "users who were missed could not be registered",
    ("reconcile", "ReconciliationFailed"): "looks for users who were missed failed",
}


@dataclass(frozen=True)
class Waiting:
    """What is due of a shard. more: there are more than were counted."""

    count: int = 0
    oldest: timedelta = timedelta(0)
    more: bool = False


def rows(context: Context) -> Iterable[Finding]:
    notifications = {f"shard {number}": str(number) for number in range(DUE_SHARDS)}
    functions = context.intention.functions
    jobs = {f"jobs of {function}": shard for shard, function in WHOSE.items() if function in functions}
    waiting: dict[str, Waiting] = {}

    def look(shard: str) -> Iterable[Finding]:
        waiting[shard] = _due(context, shard)
        return ()

    yield from context.each("rows.due", {**notifications, **jobs}, look)
    told = [waiting[shard] for shard in notifications.values() if shard in waiting]
    if told:
        worst = [
            name
            for name, shard in notifications.items()
            if shard in waiting and waiting[shard].oldest >= LATE
        ]
        yield _finding(
            context,
            "notifications" if len(worst) != 1 else f"notifications, {worst[0]}",
            Waiting(
                sum(each.count for each in told),
                max(each.oldest for each in told),
                any(each.more for each in told),
            ),
            "sweep",
        )
    for name, shard in jobs.items():
        if shard in waiting and waiting[shard].count:
            yield _finding(context, name, waiting[shard], WHOSE[shard])
    yield from _outcomes(context)


def _due(context: Context, shard: str) -> Waiting:
    pages = (
        context.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=context.output("notification_table_name"),
            IndexName=DUE_INDEX,
            KeyConditionExpression="DueShard = :shard AND DueAt <= :now",
            ProjectionExpression="DueAt",
            ExpressionAttributeValues=marshal({":shard": shard, ":now": milliseconds(context.now)}),
        )
    )
    count, oldest = 0, timedelta(0)
    for number, page in enumerate(pages, 1):
        if page["Items"] and not count:
            first = int(unmarshal(page["Items"][0])["DueAt"])
            oldest = timedelta(milliseconds=milliseconds(context.now) - first)
        count += len(page["Items"])
        if number >= PAGES and "LastEvaluatedKey" in page:
            return Waiting(count, oldest, more=True)
    return Waiting(count, oldest)


def _finding(context: Context, about: str, waiting: Waiting, function: str) -> Finding:
    number = f"more than {waiting.count}" if waiting.more else str(waiting.count)
    if not waiting.count:
        return ok("rows.due", about, "nothing is due")
    seen = f"{number} due, the first for {_long(waiting.oldest)}"
    if waiting.oldest < LATE:
        return ok("rows.due", about, seen)
    name = context.intention.functions.get(function, function)
    step = (
        f"{function} does not come to them: see its schedule and its errors, and its log: "
        f"aws logs tail /aws/lambda/{name} --since 15m"
    )
    return (broken if waiting.oldest >= STUCK else warning)("rows.due", about, seen, step)


def _outcomes(context: Context) -> Iterable[Finding]:
    metrics = {key: Metric(context.namespace, key[1], {"service": key[0]}) for key in _TELLING}
    values = read(context, metrics.values())
    sums: dict[str, int] = {}
    for key, metric in metrics.items():
        sums[_TELLING[key]] = sums.get(_TELLING[key], 0) + int(values[metric])
    found = False
    for what, number in sums.items():
        if number:
            found = True
            yield warning(
                "rows.outcomes",
                "what became of rows",
                f"{number} {what}",
                "The attribute Reason of the rows says why; the logs of deliver and sweep name them.",
            )
    if not found:
        yield ok("rows.outcomes", "what became of rows", "none failed, by the functions' own metrics")


def _long(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return counted(seconds // 3600, "hour") if seconds < 172800 else counted(seconds // 86400, "day")
