"""What calls consume and cost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench.bill import LINES, Usage, bill, prices, usage_of
from tests.bench.calls import Call, Units, count, item_size, read_units, recorded, units


def call(service: str, operation: str, *, answer: Any = None, error: str = "", **request: Any) -> Call:
    return Call("f", service, operation, request, answer=answer or {}, error=error)


@pytest.mark.parametrize(
    ("size", "consistent", "expected"),
    [(0, True, 1), (0, False, 0.5), (4096, True, 1), (4097, True, 2), (4097, False, 1), (40_000, False, 5)],
)
def test_a_read_is_a_unit_for_each_4_kb_begun_and_half_of_it_when_it_may_be_late(
    size: int, consistent: bool, expected: float
) -> None:
    assert read_units(size, consistent=consistent) == expected


def test_the_size_of_an_item_is_that_of_its_names_and_values() -> None:
    assert item_size({"Näme": {"S": "wörd"}}) == 5 + 5
    assert item_size({"N": {"N": "1795614291687"}}) == 1 + 8
    assert item_size({"N": {"N": "-100"}}) == 1 + 3
    assert item_size({"M": {"M": {"a": {"BOOL": True}}}}) == 1 + 3 + (1 + 1 + 1)
    assert item_size({"L": {"L": [{"S": "ab"}, {"NULL": True}]}}) == 1 + 3 + (2 + 1) + (1 + 1)


def test_a_query_reads_all_its_items_as_one_and_an_empty_one_half_a_unit() -> None:
    items = [{"NotificationID": {"S": "x" * 1000}}] * 5
    assert units([call("dynamodb", "Query", answer={"Items": items})]) == Units(reads=1)
    assert units([call("dynamodb", "Query", answer={"Items": []})]) == Units(reads=0.5)
    assert units([call("dynamodb", "GetItem", answer={"Item": items[0]}, ConsistentRead=True)]) == Units(1)


def test_a_write_to_a_table_and_those_to_its_indexes_are_told_apart() -> None:
    consumed = {"CapacityUnits": 4, "GlobalSecondaryIndexes": {"Due": {"CapacityUnits": 2}}}
    update = call("dynamodb", "UpdateItem", answer={"ConsumedCapacity": consumed})
    assert units([update, update]) == Units(writes=4, indexes=4)


def test_a_transaction_is_the_sum_of_its_tables() -> None:
    consumed = [
        {"CapacityUnits": 2},
        {"CapacityUnits": 4, "GlobalSecondaryIndexes": {"Due": {"CapacityUnits": 1}}},
    ]
    written = call("dynamodb", "TransactWriteItems", answer={"ConsumedCapacity": consumed})
    assert units([written]) == Units(writes=5, indexes=1)


def test_a_condition_that_does_not_hold_is_paid_for_too() -> None:
    assert units([call("dynamodb", "UpdateItem", error="ConditionalCheckFailedException")]) == Units(writes=1)
    refused = call(
        "dynamodb", "TransactWriteItems", error="TransactionCanceledException", TransactItems=[{}, {}]
    )
    assert units([refused]) == Units(writes=4)


def test_what_is_not_known_is_no_free_call() -> None:
    with pytest.raises(ValueError, match="RestoreTable"):
        units([call("dynamodb", "RestoreTable")])
    with pytest.raises(ValueError, match="s3 PutObject"):
        usage_of([call("s3", "PutObject")])


def test_each_service_is_counted_in_what_it_is_paid_by() -> None:
    made = [
        call("sns", "Publish", Message="x", TopicArn="t"),
        call("sns", "Publish", Message="x", TargetArn="t"),
        call("sns", "Publish", Message="x" * 161, PhoneNumber="+15550100"),
        call("sns", "Publish", error="Throttled", Message="x", TopicArn="t"),
        call("sns", "GetSubscriptionAttributes"),
        call("sns", "Publish", Message="x" * 65_537, TopicArn="t"),
        call("sesv2", "SendEmail"),
        call("kms", "GenerateMac"),
        call("sqs", "SendMessage", MessageBody="x"),
    ]
    assert usage_of(made) == Usage(
        sns_requests=7, sns_emails=2, pushes=1, texts=2, ses_emails=1, kms_requests=1, sqs_requests=1
    )


def test_a_bill_is_usage_times_prices_and_has_no_empty_lines() -> None:
    million = Usage(writes=7, index_writes=4, sns_emails=1) * 1_000_000
    assert bill(million) == {
        "DynamoDB: writes to tables": pytest.approx(4.375),
        "DynamoDB: writes to indexes": pytest.approx(2.5),
        "SNS: e-mails delivered": pytest.approx(20),
    }
    assert bill(Usage(logged=2e9, stored=1e9, recoverable=1e9)) == {
        "DynamoDB: storage and recovery": pytest.approx(0.45),
        "CloudWatch: logs": pytest.approx(1.0),
    }


def test_all_usage_is_on_the_bill_and_every_price_is_used() -> None:
    parts = [part for line in LINES.values() for part in line]
    assert sorted(name for name, _, _ in parts) == sorted(vars(Usage()))
    used = {(section, price) for _, section, price in parts}
    there = {
        (section, price)
        for section, found in prices().items()
        if isinstance(found, dict)
        for price in found
        if price not in ("page", "confirmed")
    }
    assert used == there


def test_usage_adds_up() -> None:
    assert Usage(reads=1, keys=2) + Usage(reads=3) * 2 == Usage(reads=7, keys=2)


def test_calls_are_read_as_they_were_written_down_but_for_a_line_that_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "1.jsonl"
    line = '{"function": "f", "service": "sns", "operation": "Publish", "request": {}, "at": 1}'
    path.write_text(f"{line}\n{line}\n{line[:20]}")
    found = recorded(path)
    assert found == [replace(call("sns", "Publish"), at=1)] * 2
    assert count(found) == {"sns Publish": 2}
