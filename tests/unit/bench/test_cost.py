"""What is made of what was counted."""

import pytest

from tests.bench.bill import Usage
from tests.bench.cost import BATCHED, ONE_BY_ONE, Counted, _is_of_a_row, _is_of_a_run, _projected, result

COUNTED = Counted(
    name="Notifications, push",
    calls={"sns Publish": 1.0},
    usage=Usage(writes=7, sns_requests=1, pushes=1, sqs_requests=1),
    memory={"enqueue": 256, "deliver": 512},
    run_bytes={"enqueue": 100, "deliver": 1000},
    row_bytes=500,
    functions=["enqueue", "deliver"],
)
MINUTE = Counted("A minute", {}, Usage(ticks=1, reads=4), {"sweep": 256}, {"sweep": 400}, 0, ["sweep"])


def test_alone_each_has_invocations_polls_and_lines_of_its_own() -> None:
    one = COUNTED.one(ONE_BY_ONE)
    assert one.invocations == 2
    assert one.logged == 500 + 100 + 1000
    assert one.sqs_requests == 1 + 2
    assert one.writes == 7


def test_together_they_share_these_and_nothing_else() -> None:
    alone, together = COUNTED.one(ONE_BY_ONE), COUNTED.one(BATCHED)
    assert together.invocations == pytest.approx(1 / 10 + 1 / 100)
    assert together.logged == pytest.approx(500 + 10 + 10)
    assert together.sqs_requests == pytest.approx(1 + 0.2)
    # whoever shares an invocation makes it longer
    assert together.gigabyte_seconds == alone.gigabyte_seconds == pytest.approx(0.1 * (0.25 + 0.5))
    assert (together.writes, together.pushes) == (alone.writes, alone.pushes)


def test_a_million_is_compared_and_a_month_has_what_is_there_without_anybody() -> None:
    shown = result([COUNTED], MINUTE, 2, {COUNTED.name: Usage(sns_requests=1, pushes=1)})
    million, month = shown.rows
    assert million.ratio
    assert million.other
    assert million.other.value == pytest.approx(1)
    # writes 4.375, requests 0.4, time 1.0, SQS 1.2, logs 0.8, SNS 1.0
    assert million.ours.value == pytest.approx(8.775, rel=0.01)
    assert shown.data["month"]["CloudWatch: metrics"] == pytest.approx(0.6)
    assert shown.data["month"]["KMS"] == 1
    assert shown.data["month"]["EventBridge Scheduler"] == pytest.approx(0.0438, rel=0.01)
    assert month.ours.value == pytest.approx(sum(shown.data["month"].values()))


@pytest.mark.parametrize(
    ("line", "of_a_run", "of_a_row"),
    [
        ("START RequestId: 1 Version: 1", True, False),
        ("REPORT RequestId: 1\tDuration: 1 ms", True, False),
        ('{"_aws":{"Timestamp":1}}', True, False),
        ('{"level":"INFO","notification":"app#1"}', False, True),
        ("INFO notifications.handlers.post_confirmation registered sub=1 new=True", False, True),
        ("INFO botocore.credentials Found credentials in environment variables.", False, False),
    ],
)
def test_lines_are_of_an_invocation_of_a_row_or_of_a_start(line: str, of_a_run: bool, of_a_row: bool) -> None:
    assert (_is_of_a_run(line), _is_of_a_row(line)) == (of_a_run, of_a_row)


def test_an_index_holds_its_keys_and_what_it_is_told_to() -> None:
    item = {name: {"S": name} for name in ("NotificationID", "UserID", "CreatedAt", "State", "Data")}
    keys = [{"AttributeName": "UserID"}, {"AttributeName": "CreatedAt"}]
    some = {"KeySchema": keys, "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["State"]}}
    assert _projected(item, some).keys() == {"NotificationID", "UserID", "CreatedAt", "State"}
    assert _projected(item, {"KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}) == item
