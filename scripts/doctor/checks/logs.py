"""The log groups: without one a function runs and says nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from scripts.doctor.context import Context
from scripts.doctor.findings import Finding, broken, counted, ok, warning


def logs(context: Context) -> Iterable[Finding]:
    intended = {
        each.values["name"]: each.values for each in context.intention.all("aws_cloudwatch_log_group")
    }
    found = context.each("logs.there", intended, lambda group: _group(context, group))
    yield from found
    well = len(intended) - len({finding.about for finding in found})
    if well:
        yield ok(
            "logs.there", f"{well} of {counted(len(intended), 'log group')}", "kept for as long as intended"
        )


def _group(context: Context, intended: Mapping[str, Any]) -> Iterable[Finding]:
    name = intended["name"]
    there = context.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    live = next((group for group in there if group["logGroupName"] == name), None)
    if live is None:
        yield broken(
            "logs.there",
            name,
            "there is no such log group, and the function may make none: what it says is lost",
            f"{context.make('deploy')}.",
        )
        return
    kept = live.get("retentionInDays", 0)
    length = f"for {counted(kept, 'day')}" if kept else "for ever"
    if kept != intended["retention_in_days"]:
        yield warning(
            "logs.retention",
            name,
            f"kept {length}, and {counted(intended['retention_in_days'], 'day')} are intended",
            f"{context.make('deploy')}.",
        )
