"""What feeds the functions: the mappings of the stream and the queue, and the schedules."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, ok, warning
from scripts.doctor.intention import block


def mappings(context: Context) -> Iterable[Finding]:
    intended = {
        each.values["function_arn"].split(":function:")[-1]: each.values
        for each in context.intention.all("aws_lambda_event_source_mapping")
    }
    yield from context.each("mappings.state", intended, lambda mapping: _mapping(context, mapping))


def _mapping(context: Context, intended: Mapping[str, Any]) -> Iterable[Finding]:
    about, source = intended["function_arn"].split(":function:")[-1], intended["event_source_arn"]
    pages = context.client("lambda").get_paginator("list_event_source_mappings")
    there = [
        mapping
        for page in pages.paginate(FunctionName=intended["function_arn"])
        for mapping in page["EventSourceMappings"]
    ]
    live = next((mapping for mapping in there if mapping["EventSourceArn"] == source), None)
    what = "the queue of requests" if ":sqs:" in source else "the stream of the notifications"
    if live is None:
        yield broken(
            "mappings.state",
            about,
            f"nothing brings it {what}" + (": it reads another source" if there else ""),
            f"{context.make('deploy')}.",
        )
        return
    state = live["State"]
    reason = live.get("StateTransitionReason", "no reason given")
    if state in ("Disabled", "Disabling"):
        yield broken(
            "mappings.state",
            about,
            f"{what} is not read: the mapping is {state.lower()} ({reason})",
            f"Find out who did it and why, then {context.make('deploy')}, or "
            f"aws lambda update-event-source-mapping --enabled --uuid {live['UUID']}",
        )
    elif state != "Enabled":
        yield warning(
            "mappings.state", about, f"{what}: the mapping is {state.lower()}", "Look again in a minute."
        )
    else:
        yield ok("mappings.state", about, f"{what} is read")
    result = live.get("LastProcessingResult") or "OK"
    if result.startswith(("PROBLEM", "FAILED")):
        yield warning(
            "mappings.result",
            about,
            f"the last batch failed ({result.split(':')[0].title()})",
            f"Read its log: aws logs tail /aws/lambda/{about.split(':')[0]} --since 15m",
        )
    if _patterns(live.get("FilterCriteria", {}).get("Filters", ()), "Pattern") != _patterns(
        [f for block in intended.get("filter_criteria") or () for f in block.get("filter") or ()], "pattern"
    ):
        yield broken(
            "mappings.filter",
            about,
            "its filter is not the one that Terraform made: what it leaves out is dropped",
            f"{context.make('deploy')}.",
        )


def _patterns(filters: Iterable[Mapping[str, str]], key: str) -> list[str]:
    """Patterns that can be compared: the same JSON may be written in several ways."""
    return sorted(json.dumps(json.loads(each[key]), sort_keys=True) for each in filters)


def schedules(context: Context) -> Iterable[Finding]:
    intended = {each.values["name"]: each.values for each in context.intention.all("aws_scheduler_schedule")}
    yield from context.each("schedules.state", intended, lambda schedule: _schedule(context, schedule))


def _schedule(context: Context, intended: Mapping[str, Any]) -> Iterable[Finding]:
    about = intended["name"]
    try:
        live = context.client("scheduler").get_schedule(Name=about, GroupName=intended["group_name"])
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        yield broken("schedules.state", about, "there is no such schedule", f"{context.make('deploy')}.")
        return
    target = block(intended, "target").get("arn")
    if live["State"] != "ENABLED":
        yield broken(
            "schedules.state",
            about,
            "it is switched off: nobody does what it is there for",
            f"Find out who did it and why, then {context.make('deploy')}.",
        )
    elif live["Target"]["Arn"] != target:
        yield broken(
            "schedules.state", about, "it calls something else than intended", f"{context.make('deploy')}."
        )
    else:
        yield ok("schedules.state", about, f"{live['ScheduleExpression']}, switched on")
