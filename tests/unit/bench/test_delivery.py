"""What is made of deliveries that were measured."""

from typing import Any

import pytest

from tests.bench.calls import Call
from tests.bench.deliver_rows import events
from tests.bench.delivery import Round, Streamed, result


def test_rows_are_handed_over_in_batches_and_none_is_left_out() -> None:
    rows: list[dict[str, Any]] = [{"NotificationID": {"S": str(number)}} for number in range(5)]
    batches = [event["Records"] for event in events(rows, 2)]
    assert [len(batch) for batch in batches] == [2, 2, 1]
    keys = [record["dynamodb"]["Keys"]["NotificationID"]["S"] for batch in batches for record in batch]
    assert keys == ["0", "1", "2", "3", "4"]


def test_what_a_row_takes_is_told_apart_from_what_its_calls_take() -> None:
    calls = [Call("deliver", "kms", "GenerateMac", {}, seconds=0.2)] * 4
    one = Round(size=1, rows=4, seconds=1.2, calls=calls)
    assert one.per_row == pytest.approx(300)
    assert one.own == pytest.approx(100)
    shown = result(
        [one, Round(size=100, rows=4, seconds=0.6, calls=calls[:2])],
        [Streamed(1, 10, 2.0, 10), Streamed(100, 10, 1.0, 1)],
    )
    assert [row.ratio and pytest.approx(row.ratio.value) for row in shown.rows] == [0.5, 0.5, 0.5]
    assert shown.data["calls"] == {"kms GenerateMac": 0.5}
