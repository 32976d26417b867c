import random
from typing import Any
from unittest.mock import Mock, call

import pytest
from botocore.exceptions import ClientError

from notifications.transaction import UnstorableError, cancellation_reasons, while_there, write_together

from .conftest import ADA, USERS, Tables

WRITES: tuple[dict[str, dict[str, str]], ...] = ({"Put": {}}, {"Update": {}})


def refused(*reasons: str, code: str = "TransactionCanceledException") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": ""}}
    if reasons:
        answer["CancellationReasons"] = [{"Code": reason} if reason else {} for reason in reasons]
    return ClientError(answer, "TransactWriteItems")


def dynamodb(*answers: object) -> Mock:
    return Mock(transact_write_items=Mock(side_effect=answers))


def test_there_is_a_reason_for_each_write() -> None:
    assert cancellation_reasons(refused("", "TransactionConflict")) == ["None", "TransactionConflict"]
    assert cancellation_reasons(refused(code="InternalServerError")) == []


def test_what_is_written_is_written_at_once() -> None:
    client = dynamodb({})
    assert write_together(client, WRITES) is None
    assert client.transact_write_items.mock_calls == [call(TransactItems=list(WRITES))]


@pytest.mark.parametrize(
    ("reasons", "place"),
    [
        (("ConditionalCheckFailed", "None"), 0),
        (("", "ConditionalCheckFailed"), 1),
        (("TransactionConflict", "ConditionalCheckFailed", "ConditionalCheckFailed"), 1),
    ],
)
def test_a_condition_that_does_not_hold_is_named_and_not_tried_again(
    reasons: tuple[str, ...], place: int
) -> None:
    assert write_together(dynamodb(refused(*reasons)), WRITES) == place


@pytest.mark.parametrize("error", [refused("None", "ValidationError"), refused(code="ValidationException")])
def test_what_no_table_takes_is_not_tried_again(error: ClientError) -> None:
    with pytest.raises(UnstorableError) as raised:
        write_together(dynamodb(error), WRITES)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("error", [refused("ThrottlingError", "None"), refused(code="InternalServerError")])
def test_another_failure_is_left_to_the_caller(error: ClientError) -> None:
    with pytest.raises(ClientError) as raised:
        write_together(dynamodb(error), WRITES)
    assert raised.value is error


def test_a_conflict_is_tried_again_after_longer_and_longer_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Mock(return_value=0.5)
    monkeypatch.setattr(random, "uniform", part)
    conflict, pauses = refused("None", "TransactionConflict"), list[float]()
    assert write_together(dynamodb(*[conflict] * 4, {}), WRITES, pauses.append) is None
    assert pauses == [0.05, 0.1, 0.2, 0.4]
    part.assert_called_with(0.5, 1)


def test_a_conflict_that_lasts_is_given_up_after_five_tries() -> None:
    client = dynamodb(*[refused("TransactionConflict")] * 9)
    with pytest.raises(ClientError, match="Canceled"):
        write_together(client, WRITES, lambda _seconds: None)
    assert client.transact_write_items.call_count == 5


def test_a_write_for_a_person_is_done_while_they_are_there(tables: Tables) -> None:
    person = {"UserID": {"S": ADA.user_id}, "Sub": {"S": ADA.sub}}
    tables.client.put_item(TableName=USERS, Item=person)
    assert write_together(tables.client, [while_there(USERS, ADA.user_id, ADA.sub)]) is None
    assert write_together(tables.client, [while_there(USERS, ADA.user_id, "another")]) == 0
    assert write_together(tables.client, [while_there(USERS, "nobody", ADA.sub)]) == 0
