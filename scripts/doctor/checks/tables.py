"""The tables: there, readable, protected and backed up, with the stream and the index that delivery needs."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from notifications.outbox import BY_USER_INDEX, DUE_INDEX
from scripts.doctor.checks.pool import protection
from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, counted, ok, warning
from scripts.doctor.intention import block


def tables(context: Context) -> Iterable[Finding]:
    intended = {each.values["name"]: each.values for each in context.intention.all("aws_dynamodb_table")}
    found = context.each("tables.there", intended, lambda table: _table(context, table))
    bad = [finding for finding in found if finding.next_step]
    yield from bad
    well = len(intended) - len({finding.about for finding in bad})
    if well:
        protected = sum(bool(table["deletion_protection_enabled"]) for table in intended.values())
        yield ok(
            "tables.there",
            f"{well} of {counted(len(intended), 'table')}",
            f"as Terraform made them; {protected or 'none'} protected from deletion, as intended",
        )


def _table(context: Context, intended: Mapping[str, Any]) -> Iterable[Finding]:
    name, dynamodb = intended["name"], context.client("dynamodb")
    try:
        live = dynamodb.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        yield broken(
            "tables.there",
            name,
            "there is no such table",
            "Restore it from its backup before anything is applied: an apply would make an empty one.",
        )
        return
    if live["TableStatus"] not in ("ACTIVE", "UPDATING"):
        yield broken(
            "tables.there",
            name,
            f"it is {live['TableStatus']}",
            "See the key that it is encrypted with, below; if that is well, ask AWS.",
        )
    yield from _stream(context, name, live, intended)
    yield from _indexes(name, live)
    yield protection(
        context,
        "tables.protection",
        name,
        live.get("DeletionProtectionEnabled", False),
        intended["deletion_protection_enabled"],
    )
    yield from _upkeep(context, name, intended)


def _stream(
    context: Context, name: str, live: Mapping[str, Any], intended: Mapping[str, Any]
) -> Iterable[Finding]:
    if not intended["stream_enabled"]:
        return
    if not live.get("StreamSpecification", {}).get("StreamEnabled"):
        yield broken(
            "tables.stream",
            name,
            "its stream is switched off: what is new waits for sweep, a minute and a half or more",
            f"{context.make('deploy')}.",
        )
    elif live.get("LatestStreamArn") != intended["stream_arn"]:
        yield broken(
            "tables.stream",
            name,
            "it has another stream than the one that is read: it was switched off and on, or restored",
            f"{context.make('deploy')}.",
        )


def _indexes(name: str, live: Mapping[str, Any]) -> Iterable[Finding]:
    if not name.endswith("-Notifications"):
        return
    there = {index["IndexName"]: index["IndexStatus"] for index in live.get("GlobalSecondaryIndexes", ())}
    for index in (DUE_INDEX, BY_USER_INDEX):
        if there.get(index) not in ("ACTIVE", "UPDATING"):
            yield broken(
                "tables.index",
                name,
                f"its index {index} is {there.get(index, 'not there')}",
                "Wait while it is made; one that is not there comes with the next deploy.",
            )


def _upkeep(context: Context, name: str, intended: Mapping[str, Any]) -> Iterable[Finding]:
    """What is noticed only on the day that it is missed: the backup, and the end of old rows."""
    dynamodb = context.client("dynamodb")
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    backed_up = (
        backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"
    )
    if block(intended, "point_in_time_recovery").get("enabled") and not backed_up:
        yield warning("tables.backup", name, "its backup has been switched off", f"{context.make('deploy')}.")
    if block(intended, "ttl").get("enabled"):
        ends = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if ends.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            yield warning(
                "tables.ttl",
                name,
                "old rows stay for ever: its time to live is off",
                f"{context.make('deploy')}.",
            )
