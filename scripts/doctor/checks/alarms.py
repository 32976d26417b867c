"""CloudWatch's alarms that watch this system, whoever made them."""

from collections.abc import Iterable, Mapping
from typing import Any

from scripts.doctor.context import Context
from scripts.doctor.findings import Finding, broken, counted, ok, warning


def alarms(context: Context) -> Iterable[Finding]:
    pages = (
        context.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmTypes=["CompositeAlarm", "MetricAlarm"])
    )
    ours = [
        alarm
        for page in pages
        for alarm in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ()))
        if _watches(context, alarm)
    ]
    if not ours:
        yield warning(
            "alarms.there",
            "alarms",
            "none watches this system: nobody is told when it breaks",
            f"Make some: on the metrics of {context.namespace} (Failed, Refused) and the functions' Errors.",
        )
        return
    raised = [alarm for alarm in ours if alarm["StateValue"] == "ALARM"]
    for alarm in raised:
        since = alarm["StateUpdatedTimestamp"]
        yield broken(
            "alarms.raised",
            alarm["AlarmName"],
            f"in ALARM since {since:%Y-%m-%d %H:%M} UTC",
            f"aws cloudwatch describe-alarm-history --alarm-name '{alarm['AlarmName']}'",
        )
    for alarm in ours:
        if not (alarm.get("ActionsEnabled", True) and alarm.get("AlarmActions")):
            yield warning(
                "alarms.actions",
                alarm["AlarmName"],
                "it tells nobody: its actions are switched off, or it has none",
                "Give it an action, such as a topic that people on call listen to.",
            )
    if not raised:
        yield ok("alarms.raised", counted(len(ours), "alarm"), "none is raised")


def _watches(context: Context, alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm is named like the system, or on a metric of its own or of a thing of its own."""
    prefix = context.namespace
    metrics = [alarm, *(query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics", ()))]
    return alarm["AlarmName"].startswith(prefix) or any(
        metric.get("Namespace") == prefix
        or any(d["Value"].startswith(f"{prefix}-") for d in metric.get("Dimensions", ()))
        for metric in metrics
    )
