"""Tables, rows, queues, keys, and the state that knows of them."""

import io
import itertools
import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.response import StreamingBody

from notifications.notification import milliseconds
from notifications.rows import marshal
from scripts import state_bucket
from scripts.doctor.checks.alarms import alarms
from scripts.doctor.checks.keys import keys
from scripts.doctor.checks.queues import queues
from scripts.doctor.checks.rows import rows
from scripts.doctor.checks.state import state
from scripts.doctor.checks.tables import tables
from scripts.doctor.findings import Status
from scripts.doctor.intention import Intention

from .conftest import ACCOUNT, BROKEN, NOW, OK, WARNING, Aws, Clinic, arn, metrics

NAME = "people-Notifications"
STREAM = arn("dynamodb", f"table/{NAME}/stream/1")


@pytest.fixture
def stored(clinic: Clinic) -> Clinic:
    return clinic.knowing(
        "aws_dynamodb_table",
        name=NAME,
        deletion_protection_enabled=True,
        stream_enabled=True,
        stream_arn=STREAM,
        point_in_time_recovery=[{"enabled": True}],
        ttl=[{"enabled": True}],
    ).answering(
        dynamodb__DescribeTable=table(),
        dynamodb__DescribeContinuousBackups=backups("ENABLED"),
        dynamodb__DescribeTimeToLive={"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED"}},
    )


def table(**more: Any) -> dict[str, Any]:
    """DescribeTable's answer."""
    indexes = [{"IndexName": name, "IndexStatus": "ACTIVE"} for name in ("Due", "ByUser")]
    live = {
        "TableStatus": "ACTIVE",
        "DeletionProtectionEnabled": True,
        "StreamSpecification": {"StreamEnabled": True},
        "LatestStreamArn": STREAM,
        "GlobalSecondaryIndexes": indexes,
    }
    return {"Table": {**live, **more}}


def backups(status: str) -> dict[str, Any]:
    recovery = {"PointInTimeRecoveryStatus": status}
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }
    }


def test_a_table_as_terraform_made_it(stored: Clinic) -> None:
    assert stored.told(tables) == {}


@pytest.mark.parametrize(
    ("answer", "check", "status"),
    [
        ("ResourceNotFoundException", "tables.there", BROKEN),
        (table(TableStatus="INACCESSIBLE_ENCRYPTION_CREDENTIALS"), "tables.there", BROKEN),
        (table(StreamSpecification={"StreamEnabled": False}), "tables.stream", BROKEN),
        (table(LatestStreamArn=f"{STREAM}-2"), "tables.stream", BROKEN),
        (
            table(GlobalSecondaryIndexes=[{"IndexName": "ByUser", "IndexStatus": "ACTIVE"}]),
            "tables.index",
            BROKEN,
        ),
        (table(DeletionProtectionEnabled=False), "tables.protection", WARNING),
    ],
)
def test_a_table_that_is_not_so(stored: Clinic, answer: Any, check: str, status: Status) -> None:
    told = stored.answering(dynamodb__DescribeTable=answer).told(tables)
    assert {name: state for name, (state, _words) in told.items()} == {check: status}


def test_what_is_missed_only_later(stored: Clinic) -> None:
    told = stored.answering(
        dynamodb__DescribeContinuousBackups=backups("DISABLED"),
        dynamodb__DescribeTimeToLive={"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
    ).told(tables)
    assert set(told) == {"tables.backup", "tables.ttl"}


def test_what_is_not_protected_on_purpose_is_well(stored: Clinic) -> None:
    known = stored.resources[0].values
    clinic = Clinic(stored.aws).knowing(
        "aws_dynamodb_table", **{**known, "deletion_protection_enabled": False}
    )
    assert clinic.answering(dynamodb__DescribeTable=table(DeletionProtectionEnabled=False)).told(tables) == {}


# ---------------------------------------------------------------- rows


def due(shard: str, *minutes: float, more: bool = False) -> Any:
    """Query on the index: of this shard rows that are due for so long."""

    pages = itertools.count()

    def answer(given: Mapping[str, Any]) -> dict[str, Any]:
        ours = given["ExpressionAttributeValues"][":shard"] == {"S": shard}
        items = (
            [marshal({"DueAt": milliseconds(NOW - timedelta(minutes=m))}) for m in minutes] if ours else []
        )
        last = (
            {"LastEvaluatedKey": marshal({"NotificationID": f"row-{next(pages)}"})} if ours and more else {}
        )
        return {"Items": items, **last}

    return answer


@pytest.mark.parametrize(
    ("minutes", "status"), [((), None), ((1, 0.5), None), ((7, 1), WARNING), ((16,), BROKEN)]
)
@pytest.mark.parametrize(("shard", "about"), [("3", "notifications"), ("broadcast", "jobs of broadcast")])
def test_rows_that_nobody_comes_to(
    clinic: Clinic, minutes: tuple[float, ...], status: Status | None, shard: str, about: str
) -> None:
    looked = clinic.answering(dynamodb__Query=due(shard, *minutes), cloudwatch__GetMetricData=metrics()).look(
        rows
    )
    bad = [finding for finding in looked if finding.status is not OK]
    assert [finding.status for finding in bad] == ([status] if status else [])
    for finding in bad:
        assert finding.about.startswith(about)
        assert f"{len(minutes)} due, the first for {minutes[0]} min" in finding.seen


def test_the_shard_that_is_behind_is_named(clinic: Clinic) -> None:
    answers = {"dynamodb__Query": due("3", 20), "cloudwatch__GetMetricData": metrics()}
    assert "notifications, shard 3" in {f.about for f in clinic.answering(**answers).look(rows)}


def test_of_very_many_rows_only_so_many_are_counted(clinic: Clinic) -> None:
    answers = {"dynamodb__Query": due("3", 20, 20, more=True), "cloudwatch__GetMetricData": metrics()}
    looked = clinic.answering(**answers)
    assert "more than 10 due" in looked.told(rows)["rows.due"][1]
    assert len(looked.aws.given("dynamodb.Query")) == 5 + 9


@pytest.mark.parametrize(("functions", "seen"), [({}, False), ({"reconcile": "prod-reconcile"}, True)])
def test_what_reconcile_has_left_counts_while_there_is_one(
    clinic: Clinic, functions: dict[str, str], seen: bool
) -> None:
    answers = {"dynamodb__Query": due("reconciliation", 20), "cloudwatch__GetMetricData": metrics()}
    told = clinic.giving(function_names=functions).answering(**answers).told(rows)
    assert ("rows.due" in told) is seen


@pytest.mark.parametrize(
    "metric",
    [
        *("Failed", "FilterPolicyLimitExceeded", "ErasureFailed", "NotTaken"),
        *("NotRepaired", "ReconciliationFailed"),
    ],
)
def test_what_lately_went_wrong_with_rows(clinic: Clinic, metric: str) -> None:
    told = clinic.answering(dynamodb__Query=due("3"), cloudwatch__GetMetricData=metrics(**{metric: 2})).told(
        rows
    )
    assert told["rows.outcomes"][0] is WARNING


# ---------------------------------------------------------------- queues


def queue(requests: Mapping[str, str] | None = None, refused: str = "0", failed: str = "0") -> Any:
    """GetQueueAttributes of each queue."""

    def answer(given: Mapping[str, Any]) -> Any:
        name = given["QueueUrl"].rsplit("-", 1)[1]
        target = json.dumps({"deadLetterTargetArn": arn("sqs", "people-refused"), "maxReceiveCount": 5})
        depth = {"refused": refused, "failed": failed}.get(name, "0")
        own = {"RedrivePolicy": target, **(requests or {})} if name == "requests" else {}
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": depth,
                "ApproximateNumberOfMessagesNotVisible": "0",
                **own,
            }
        }

    return answer


@pytest.mark.parametrize(
    ("answer", "age", "told"),
    [
        (queue(), 0, {}),
        (queue({"ApproximateNumberOfMessages": "3"}), 20, {}),
        (queue({"ApproximateNumberOfMessages": "3"}), 600, {"queues.requests": BROKEN}),
        (queue({"ApproximateNumberOfMessages": "0"}), 600, {}),
        (queue({"ApproximateNumberOfMessagesNotVisible": "9"}), 0, {}),
        (queue({"RedrivePolicy": ""}), 0, {"queues.redrive": BROKEN}),
        (queue(refused="2"), 0, {"queues.letters": WARNING}),
        (queue(failed="1"), 0, {"queues.letters": WARNING}),
        ("AWS.SimpleQueueService.NonExistentQueue", 0, {"queues.there": BROKEN}),
    ],
)
def test_queues(clinic: Clinic, answer: Any, age: float, told: dict[str, Status]) -> None:
    looked = clinic.answering(
        sqs__GetQueueAttributes=answer,
        cloudwatch__GetMetricData=metrics(ApproximateAgeOfOldestMessage=age),
    ).told(queues)
    assert {name: state for name, (state, _words) in looked.items()} == told


def test_letters_are_told_by_what_they_are(clinic: Clinic) -> None:
    answers = {"cloudwatch__GetMetricData": metrics()}
    refused = clinic.answering(sqs__GetQueueAttributes=queue(refused="2"), **answers).told(queues)
    assert "2 letters: requests that were refused" in refused["queues.letters"][1]
    failed = clinic.answering(sqs__GetQueueAttributes=queue(failed="1"), **answers).told(queues)
    assert "1 batch of the stream" in failed["queues.letters"][1]


def test_requests_that_waited_hours_ago_are_past(clinic: Clinic) -> None:
    looked = clinic.answering(
        sqs__GetQueueAttributes=queue({"ApproximateNumberOfMessages": "1"}),
        cloudwatch__GetMetricData=metrics(),
    )
    looked.look(queues, since=timedelta(hours=24))
    (given,) = looked.aws.given("cloudwatch.GetMetricData")
    assert given["EndTime"] - given["StartTime"] == timedelta(minutes=15)


@pytest.mark.parametrize(("depth", "words"), [("0", "nothing waits"), ("3", "3 requests waiting")])
def test_requests_that_wait_for_a_moment_are_well(clinic: Clinic, depth: str, words: str) -> None:
    answer = queue({"ApproximateNumberOfMessages": depth})
    looked = clinic.answering(sqs__GetQueueAttributes=answer, cloudwatch__GetMetricData=metrics())
    assert looked.seen(queues)["queues.requests"] == words


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"KeyState": "Enabled"}, ""),
        ({"KeyState": "Disabled"}, "aws kms enable-key --key-id 0123"),
        ({"KeyState": "PendingDeletion", "DeletionDate": datetime(2026, 7, 1, tzinfo=UTC)}, "on 2026-07-01"),
        ("NotFoundException", "there is no such key"),
    ],
)
def test_a_key_that_is_not_to_be_used(clinic: Clinic, answer: Any, words: str) -> None:
    found = answer if isinstance(answer, str) else {"KeyMetadata": {"KeyId": "0123", **answer}}
    told = (
        clinic.knowing("aws_cloudwatch_log_group", kms_key_id="").answering(kms__DescribeKey=found).told(keys)
    )
    assert set(told) == ({"keys.state"} if words else set())
    assert words in told.get("keys.state", ("", ""))[1]


def test_the_key_of_the_data_is_looked_at_where_there_is_one(clinic: Clinic) -> None:
    key = arn("kms", "key/of-the-data")
    known = clinic.knowing("aws_cloudwatch_log_group", kms_key_id=key)
    known = known.answering(kms__DescribeKey={"KeyMetadata": {"KeyId": "a", "KeyState": "Enabled"}})
    assert known.told(keys) == {}
    assert {given["KeyId"] for given in known.aws.given("kms.DescribeKey")} == {key, arn("kms", "key/0123")}


# ---------------------------------------------------------------- alarms


OF_OURS = {"Metric": {"Namespace": "people"}, "Period": 60, "Stat": "Sum"}


def raised(**more: Any) -> dict[str, Any]:
    # botocore's answers are in the zone of the machine
    since = datetime(2026, 6, 1, 13, 0, tzinfo=timezone(timedelta(hours=2)))
    return {
        "AlarmName": "people-errors",
        "StateValue": "ALARM",
        "StateUpdatedTimestamp": since,
        "AlarmActions": ["a"],
        **more,
    }


def test_alarms_that_are_raised_or_tell_nobody(clinic: Clinic) -> None:
    quiet = raised(AlarmName="people-quiet", StateValue="OK", AlarmActions=[])
    answer = {"MetricAlarms": [raised(), quiet], "CompositeAlarms": [raised(AlarmName="people-all")]}
    found = clinic.answering(cloudwatch__DescribeAlarms=answer).look(alarms)
    assert {(f.check, f.status, f.about) for f in found} == {
        ("alarms.raised", BROKEN, "people-errors"),
        ("alarms.raised", BROKEN, "people-all"),
        ("alarms.actions", WARNING, "people-quiet"),
    }
    assert "in ALARM since 2026-06-01 11:00 UTC" in {f.seen for f in found}


def test_an_alarm_that_is_part_of_another_tells_by_that_one(clinic: Clinic) -> None:
    part = raised(AlarmName="part", Namespace="people", StateValue="OK", AlarmActions=[])
    whole = raised(AlarmName="whole", StateValue="OK", AlarmRule='ALARM("part") OR ALARM(another)')
    looked = clinic.answering(cloudwatch__DescribeAlarms={"MetricAlarms": [part], "CompositeAlarms": [whole]})
    assert [(f.check, f.status, f.about) for f in looked.look(alarms)] == [("alarms.raised", OK, "2 alarms")]


def test_an_alarms_name_is_one_word_of_the_next_step(clinic: Clinic) -> None:
    named = raised(AlarmName="people's; rm -rf .")
    (found,) = clinic.answering(cloudwatch__DescribeAlarms={"MetricAlarms": [named]}).look(alarms)
    assert shlex.split(found.next_step)[-1] == named["AlarmName"]


@pytest.mark.parametrize(
    ("alarm", "ours"),
    [
        (raised(AlarmName="x", Namespace="people"), True),
        (raised(AlarmName="x", Dimensions=[{"Name": "QueueName", "Value": "people-refused"}]), True),
        (
            raised(
                AlarmName="x",
                Metrics=[
                    {
                        "Id": "m",
                        "MetricStat": {"Metric": {"Namespace": "people"}, "Period": 60, "Stat": "Sum"},
                    }
                ],
            ),
            True,
        ),
        (raised(AlarmName="x", Namespace="AWS/Lambda"), False),
        (raised(AlarmName="x", Dimensions=[{"Name": "FunctionName", "Value": "peoples-api"}]), False),
        (raised(AlarmName="x", Dimensions=[{"Name": "Resource", "Value": "people-api:live"}]), True),
        (raised(AlarmName="people-bounces", Namespace="AWS/SES"), True),
        (raised(AlarmName="peoples-errors"), False),
        # another environment in the same account, whose prefix begins like this one's
        (
            raised(
                AlarmName="people-dev-errors",
                Namespace="AWS/Lambda",
                Dimensions=[{"Name": "FunctionName", "Value": "people-dev-api"}],
            ),
            False,
        ),
        (raised(AlarmName="people-dev-failed", Namespace="people-dev"), False),
    ],
)
def test_alarms_of_other_systems_are_not_ours(clinic: Clinic, alarm: dict[str, Any], ours: bool) -> None:
    told = clinic.answering(cloudwatch__DescribeAlarms={"MetricAlarms": [alarm]}).told(alarms)
    assert set(told) == ({"alarms.raised"} if ours else {"alarms.there"})


# ---------------------------------------------------------------- the state


@pytest.fixture
def kept(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    monkeypatch.setattr(state_bucket, "find", lambda _environment: "bucket")
    return clinic.answering(sts__GetCallerIdentity={"Account": ACCOUNT}, s3__GetObject="NoSuchKey")


def test_a_state_that_can_be_read(kept: Clinic) -> None:
    assert kept.told(state) == {}


def test_credentials_of_another_account(kept: Clinic) -> None:
    told = kept.answering(sts__GetCallerIdentity={"Account": "210987654321"}).told(state)
    assert told["state.account"][0] is BROKEN


def test_a_lock_that_was_left_is_told_with_how_to_release_it_and_not_whose_it_was(kept: Clinic) -> None:
    lock = {
        "ID": "0123",
        "Operation": "OperationTypeApply",
        "Who": "ada@laptop",
        "Created": "2026-06-01T10:00:00Z",
    }
    body = json.dumps(lock).encode()
    told = kept.answering(
        s3__GetObject=lambda _given: {"Body": StreamingBody(io.BytesIO(body), len(body))}
    ).told(state)
    status, words = told["state.lock"]
    assert status is WARNING
    assert "make unlock ENV=prod LOCK=0123" in words
    assert "ada" not in words


def test_what_the_state_would_say_is_not_known_without_it() -> None:
    without = Clinic(Aws(), {}).context()
    unread = type(without)(without.environment, Intention({}, why="HeadBucket answered 403"), NOW)
    (read, *_more) = list(state(unread)) if False else [next(iter(state(unread)))]
    assert (read.status, "HeadBucket answered 403" in read.seen) == (WARNING, True)
