"""How the functions' calls went lately: metrics, and what the logs say of errors."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, counted, listed, ok, warning
from scripts.doctor.metrics import Metric, read

# "Types of metrics for Lambda functions"
_SUMS = ("Invocations", "Errors", "Throttles", "AsyncEventsDropped", "DestinationDeliveryFailures")
_MAXIMA = ("Duration", "IteratorAge")
# within minutes of its limit a function that somebody waits for is as good as too slow
NEAR = 0.8
BEHIND = timedelta(minutes=5)
# a schedule that has called nobody for twice its time, and for so long at least, does not work
SILENT = timedelta(minutes=10)
# "Rate-based schedules" (Amazon EventBridge Scheduler User Guide)
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
# of the lines of errors: so many pages are read at most, in each of which may be none
PAGES = 10
ERRORS = (
    '{ ($.level = "ERROR") || ($.level = "CRITICAL") || ($.level = "FATAL")'
    ' || ($.record.status = "error") || ($.record.status = "failure") || ($.record.status = "timeout") }'
)
# What may be shown of a line: a class or a sentence of the code's own. No digits, no address.
_HARMLESS = re.compile(r"[A-Za-z][A-Za-z_.: ]{0,79}")


def invocations(context: Context) -> Iterable[Finding]:
    functions = context.intention.functions
    values = read(
        context,
        [_metric(name, metric) for name in functions.values() for metric in (*_SUMS, *_MAXIMA)],
    )
    quiet = True
    for handler, name in functions.items():
        for finding in _of(context, handler, name, {m: values[_metric(name, m)] for m in (*_SUMS, *_MAXIMA)}):
            quiet = False
            yield finding
    if quiet:
        calls = int(sum(values[_metric(name, "Invocations")] for name in functions.values()))
        yield ok(
            "invocations.errors", counted(len(functions), "function"), f"{counted(calls, 'call')}, no error"
        )
    found = context.each(
        "invocations.logs", {name: name for name in functions.values()}, lambda name: _logged(context, name)
    )
    yield from found
    if well := len(functions) - len({finding.about for finding in found}):
        yield ok(
            "invocations.logs", f"{well} of {counted(len(functions), 'function')}", "no error in their logs"
        )


def _metric(function: str, name: str) -> Metric:
    statistic = "Maximum" if name in _MAXIMA else "Sum"
    return Metric("AWS/Lambda", name, {"FunctionName": function}, statistic)


def _of(context: Context, handler: str, name: str, value: Mapping[str, float]) -> Iterable[Finding]:
    span = _minutes(context.since)
    errors, calls = int(value["Errors"]), int(value["Invocations"])
    look = (
        f"Read its log: aws logs tail /aws/lambda/{name} --since {int(context.since.total_seconds() // 60)}m"
    )
    if errors:
        registers = handler == "post_confirmation"
        after = f", then {context.make('reconcile')} for those who were not registered" if registers else ""
        level = broken if registers or errors * 2 >= calls else warning
        yield level(
            "invocations.errors", name, f"{errors} of {counted(calls, 'call')} failed in {span}", look + after
        )
    if value["Throttles"]:
        yield (broken if handler == "post_confirmation" else warning)(
            "invocations.throttles",
            name,
            f"{counted(int(value['Throttles']), 'call')} throttled in {span}",
            "Ask for more: Service Quotas, Lambda, Concurrent executions; or take it from other functions.",
        )
    if lost := int(value["AsyncEventsDropped"] + value["DestinationDeliveryFailures"]):
        yield broken("invocations.dropped", name, f"{counted(lost, 'event')} dropped in {span}", look)
    if value["IteratorAge"] > BEHIND.total_seconds() * 1000:
        yield warning(
            "invocations.behind",
            name,
            f"up to {_minutes(timedelta(milliseconds=value['IteratorAge']))} behind the stream",
            f"See its errors and its mapping; what the stream does not bring, sweep takes. {look}",
        )
    yield from _duration(context, handler, name, value, look)


def _duration(
    context: Context, handler: str, name: str, value: Mapping[str, float], look: str
) -> Iterable[Finding]:
    function = (
        context.intention.find("aws_lambda_function", function_name=name)
        if context.intention.resources
        else None
    )
    limit = int(function["timeout"]) if function else 0
    longest = value["Duration"] / 1000
    # a function with a schedule works until its time is nearly over, where there is so much to do
    patient = handler not in ("post_confirmation", "api")
    if limit and longest >= limit:
        yield (warning if patient else broken)(
            "invocations.timeouts", name, f"a call ran into the limit of {limit} s", look
        )
    elif limit and longest >= NEAR * limit and not patient:
        yield warning(
            "invocations.timeouts",
            name,
            f"a call took {longest:.1f} s of at most {limit} s, while somebody waited",
            look,
        )
    if function and not value["Invocations"]:
        yield from _silent(context, name)


def _silent(context: Context, name: str) -> Iterable[Finding]:
    """A function that its schedule should have called long ago."""
    schedule = context.intention.find("aws_scheduler_schedule", name=name)
    rate = _RATE.fullmatch(schedule["schedule_expression"]) if schedule else None
    if rate is None:
        return
    due = max(2 * timedelta(**{f"{rate[2]}s": int(rate[1])}), SILENT)
    live = context.client("lambda").get_function_configuration(FunctionName=name)
    changed = datetime.strptime(live["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")
    if context.since >= due and context.now - changed > due:
        yield broken(
            "invocations.silent",
            name,
            f"it was not called in {_minutes(context.since)}, and its schedule is {rate[0]}",
            "See its schedule below, and the role that calls it.",
        )


def _logged(context: Context, name: str) -> Iterable[Finding]:
    seen: Counter[str] = Counter()
    last, whole = 0, True
    look = f"aws logs tail /aws/lambda/{name} --since {int(context.since.total_seconds() // 60)}m"
    pages = (
        context.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{name}",
            startTime=int((context.now - context.since).timestamp() * 1000),
            filterPattern=ERRORS,
        )
    )
    try:
        for number, page in enumerate(pages, 1):
            for event in page["events"]:
                if kind := kind_of(event["message"]):
                    seen[kind] += 1
                    last = max(last, event["timestamp"])
            if number >= PAGES and page.get("nextToken"):
                whole = False
                break
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        # the log groups have a check of their own
        return
    if seen:
        kinds = listed([f"{kind} ({number})" for kind, number in seen.most_common()], most=3)
        at = datetime.fromtimestamp(last / 1000, UTC)
        yield warning(
            "invocations.logs",
            name,
            f"{kinds}; the last at {at:%H:%M:%S} UTC" + ("" if whole else "; there is more than was read"),
            look,
        )
    elif not whole:
        yield ok("invocations.logs", name, f"no error in {PAGES} pages of its log, and there is more of it")


def kind_of(line: str) -> str:
    """What kind of error a line of a log tells of; empty where it tells of none.

    The lines are JSON, as in "Log and monitor Python Lambda functions"; an emulator's are text.
    """
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        if "Task timed out" in line:
            return "Timeout"
        if line.startswith("Traceback"):
            return "Traceback"
        found = re.search(r"\[ERROR\] ([A-Za-z_][A-Za-z_.]*)", line)
        return found[1] if found else ""
    record = entry.get("record")
    status = record.get("status") if isinstance(record, dict) else None
    if status in ("error", "failure", "timeout"):
        return str(status).title()
    if entry.get("level") not in ("ERROR", "CRITICAL", "FATAL"):
        return ""
    for name in ("errorType", "error", "message"):
        value = entry.get(name)
        if isinstance(value, str) and _HARMLESS.fullmatch(value):
            return value
    return "Error"


def _minutes(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"
