"""CloudWatch's alarms that watch this system, whoever made them."""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from scripts.doctor.context import Context
from scripts.doctor.findings import Finding, at, broken, counted, ok, warning


def alarms(context: Context) -> Iterable[Finding]:
    pages = (
        context.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmTypes=["CompositeAlarm", "MetricAlarm"])
    )
    all_of_them = [
        alarm for page in pages for alarm in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ()))
    ]
    things = _things(context)
    ours = [alarm for alarm in all_of_them if _watches(context.namespace, things, alarm)]
    names = {alarm["AlarmName"] for alarm in ours}
    ours += [alarm for alarm in all_of_them if alarm["AlarmName"] not in names and names & _combined(alarm)]
    told_by_others = {name for alarm in ours for name in _combined(alarm)}
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
        yield broken(
            "alarms.raised",
            alarm["AlarmName"],
            f"in ALARM since {at(alarm['StateUpdatedTimestamp'])}",
            f"aws cloudwatch describe-alarm-history --alarm-name {shlex.quote(alarm['AlarmName'])}",
        )
    for alarm in ours:
        tells = alarm.get("ActionsEnabled", True) and alarm.get("AlarmActions")
        if not tells and alarm["AlarmName"] not in told_by_others:
            yield warning(
                "alarms.actions",
                alarm["AlarmName"],
                "it tells nobody: its actions are switched off, or it has none",
                "Give it an action, such as a topic that people on call listen to.",
            )
    if not raised:
        yield ok("alarms.raised", counted(len(ours), "alarm"), "none is raised")


def _things(context: Context) -> set[str]:
    """What the dimensions of metrics call the things of this system."""
    named = (
        "delivery_failure_queue_url",
        "notification_queue_url",
        "notification_table_name",
        "notification_topic_arn",
        "refused_queue_url",
        "user_pool_id",
        "user_table_name",
    )
    outputs = context.intention.outputs
    api = str(outputs.get("api_endpoint", "")).removeprefix("https://").split(".")[0]
    # the configuration set of SES is named like the system
    found = {api, context.namespace, *context.intention.functions.values()}
    return {*found, *(re.split("[:/]", str(outputs[name]))[-1] for name in named if outputs.get(name))} - {""}


def _watches(namespace: str, things: set[str], alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm is on a metric of the system or of a thing of its own.

    One on a whole service is known by its name alone. Another environment's prefix may begin like this one's.
    """
    metrics = [alarm, *(query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics", ()))]
    of = {d["Value"].split(":")[0] for metric in metrics for d in metric.get("Dimensions", ())}
    spaces = {metric["Namespace"] for metric in metrics if "Namespace" in metric}
    if namespace in spaces or of & things:
        return True
    whole = not of and all(space.startswith("AWS/") for space in spaces)
    return whole and re.match(rf"{re.escape(namespace)}(?![A-Za-z0-9])", alarm["AlarmName"]) is not None


def _combined(alarm: Mapping[str, Any]) -> set[str]:
    """The alarms that a composite one is made of ("Create a composite alarm", CloudWatch User Guide)."""
    rule = re.findall(
        r"(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*[\"']?(.+?)[\"']?\s*\)", alarm.get("AlarmRule", "")
    )
    return {name.split(":alarm:")[-1] for name in rule}
