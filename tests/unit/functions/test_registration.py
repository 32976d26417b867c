import copy
import itertools
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.clients import TRIGGER
from notifications.registration import (
    BUDGET_SECONDS,
    CONFIRMED_SIGN_UP,
    InvalidEventError,
    Person,
    RegistrationError,
    Registry,
    person_of,
    welcome_of,
)

from .conftest import ADA, BOB, NOTIFICATIONS, RATES, USERS, Tables, sign_up_event

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
names = st.text(min_size=1, max_size=128).filter(str.strip)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


@pytest.fixture
def registry(tables: Tables) -> Registry:
    return Registry(tables.client, USERS, NOTIFICATIONS)


@pytest.fixture
def trigger(tables: Tables, load_handler: Callable[..., ModuleType]) -> ModuleType:
    return load_handler("post_confirmation", USER_TABLE=USERS, NOTIFICATION_TABLE=NOTIFICATIONS)


def cancelled(*reasons: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": "not for logs: ada@example.com"},
            "CancellationReasons": [{"Code": reason} for reason in reasons],
        },
        "TransactWriteItems",
    )


def test_confirmed_sign_up_stores_record_and_welcome(trigger: ModuleType, tables: Tables) -> None:
    event = sign_up_event(ADA)
    assert trigger.handler(event, None) is event
    (record,) = tables.users
    assert record.pop("RegisteredAt").endswith("Z")
    assert record == {
        "UserID": "ada",
        "Email": "ada@example.com",
        "EmailVerified": True,
        "NotificationPreference": "Email",
        "Sub": ADA.sub,
    }
    welcome = tables.the_notification()
    assert welcome["NotificationID"] == f"welcome#{ADA.sub}"
    assert (welcome["State"], welcome["Template"], welcome["UserID"]) == ("QUEUED", "welcome", "ada")


def test_the_address_is_stored_in_one_place_only(trigger: ModuleType, tables: Tables) -> None:
    trigger.handler(sign_up_event(ADA), None)
    assert ADA.email not in str(tables.notifications)


@given(source=st.text().filter(lambda s: s != CONFIRMED_SIGN_UP) | anything, rest=anything)
def test_every_other_source_registers_nobody(source: Any, rest: Any) -> None:
    assert person_of({"triggerSource": source, "request": rest, "userName": rest}) is None


def test_password_reset_changes_nothing(trigger: ModuleType, tables: Tables) -> None:
    trigger.handler(sign_up_event(ADA), None)
    before = (tables.users, tables.notifications)
    event = sign_up_event(Person("ada", ADA.sub, "new@example.com"), "PostConfirmation_ConfirmForgotPassword")
    untouched = copy.deepcopy(event)
    assert trigger.handler(event, None) == untouched
    assert (tables.users, tables.notifications) == before


@given(user=names, sub=names, email=names, more=st.dictionaries(st.text(), st.text()))
def test_any_name_and_any_further_attribute_is_taken(
    user: str, sub: str, email: str, more: dict[str, str]
) -> None:
    event = sign_up_event(Person(user, sub, email))
    event["request"]["userAttributes"] = {**more, **event["request"]["userAttributes"]}
    assert person_of(event) == Person(user, sub, email)


@given(attributes=anything, user=anything)
def test_an_event_that_lacks_something_is_refused_without_its_values(attributes: Any, user: Any) -> None:
    event = {"triggerSource": CONFIRMED_SIGN_UP, "userName": user, "request": {"userAttributes": attributes}}
    with pytest.raises(InvalidEventError) as refused:
        person_of(event)
    assert "sub" in str(refused.value)


@pytest.mark.parametrize("sub", [None, 7, "", " "])
def test_an_event_says_what_it_lacks(sub: object) -> None:
    event = sign_up_event(ADA)
    event["request"]["userAttributes"] |= {"sub": sub, "email": ""}
    with pytest.raises(InvalidEventError, match=r"^the confirmation lacks sub, email$"):
        person_of(event)
    with pytest.raises(InvalidEventError, match=r"^the confirmation lacks sub, email$"):
        person_of({**event, "request": sub})


def test_a_welcome_is_worth_sending_for_three_days() -> None:
    welcome = welcome_of(ADA, NOW)
    assert (welcome.category, welcome.good_until) == ("account", NOW + timedelta(days=3))
    assert welcome.due_at == NOW + timedelta(seconds=90)


def test_what_is_not_even_an_object_is_refused_as_that() -> None:
    with pytest.raises(InvalidEventError, match=r"^the event is not an object$"):
        person_of([])  # type: ignore[arg-type]


def test_an_address_is_taken_for_verified_only_when_that_is_said() -> None:
    assert not Person("ada", ADA.sub, ADA.email).email_verified


def test_delivered_three_times_there_is_one_record_and_one_welcome(
    registry: Registry, tables: Tables
) -> None:
    assert [registry.register(ADA, NOW) for _ in range(3)] == [True, False, False]
    assert (len(tables.users), len(tables.notifications)) == (1, 1)


def test_a_retry_leaves_what_has_happened_since(registry: Registry, tables: Tables) -> None:
    registry.register(ADA, NOW)
    key = {"UserID": {"S": "ada"}}
    tables.client.update_item(
        TableName=USERS,
        Key=key,
        UpdateExpression="SET SubscriptionArn = :arn",
        ExpressionAttributeValues={":arn": {"S": "arn"}},
    )
    before = tables.users
    registry.register(ADA, NOW)
    assert tables.users == before


def test_a_new_person_with_a_freed_username_starts_afresh(registry: Registry, tables: Tables) -> None:
    registry.register(ADA, NOW)
    newcomer = Person("ada", "another-sub", "other@example.com")
    assert registry.register(newcomer, NOW)
    (record,) = tables.users
    assert (record["Sub"], record["Email"]) == (newcomer.sub, newcomer.email)
    assert {row["Sub"] for row in tables.notifications} == {ADA.sub, newcomer.sub}


@settings(max_examples=25)
@given(order=st.lists(st.sampled_from([ADA, BOB]), max_size=8))
def test_events_in_any_order_and_number_store_each_person_once(order: list[Person]) -> None:
    tables = Tables()
    registry = Registry(tables.client, USERS, NOTIFICATIONS)
    for person in order:
        registry.register(person, NOW)
    assert sorted(row["UserID"] for row in tables.users) == sorted({person.user_id for person in order})
    assert len(tables.notifications) == len(set(order))
    for table in (USERS, NOTIFICATIONS, RATES):
        tables.client.delete_table(TableName=table)


def test_a_lost_record_is_restored_without_a_second_welcome(registry: Registry, tables: Tables) -> None:
    registry.register(ADA, NOW)
    before = tables.notifications
    tables.client.delete_item(TableName=USERS, Key={"UserID": {"S": "ada"}})
    assert registry.register(ADA, NOW + timedelta(days=1))
    (record,) = tables.users
    assert (record["Sub"], record["Email"]) == (ADA.sub, ADA.email)
    assert tables.notifications == before


def test_a_late_repetition_takes_no_user_name_back(registry: Registry, tables: Tables) -> None:
    """Ada has registered and left, and somebody else has her user name; then her trigger comes once more."""
    registry.register(ADA, NOW)
    registry.register(replace(BOB, user_id=ADA.user_id), NOW + timedelta(minutes=1))
    before = (tables.users, tables.notifications)
    assert not registry.register(ADA, NOW + timedelta(minutes=2))
    assert (tables.users, tables.notifications) == before


def test_a_late_repetition_changes_nothing_when_the_log_of_the_welcome_is_gone(
    registry: Registry, tables: Tables
) -> None:
    registry.register(ADA, NOW)
    before = tables.users
    key = {"NotificationID": {"S": f"welcome#{ADA.sub}"}}
    tables.client.delete_item(TableName=NOTIFICATIONS, Key=key)
    assert not registry.register(ADA, NOW + timedelta(days=100))
    assert (tables.users, tables.notifications) == (before, [])


def test_a_conflict_is_tried_again_while_there_is_time() -> None:
    dynamodb = Mock()
    dynamodb.transact_write_items.side_effect = [cancelled("None", "TransactionConflict"), {}]
    assert Registry(dynamodb, USERS, NOTIFICATIONS).register(ADA, NOW)
    assert dynamodb.transact_write_items.call_count == 2


def test_the_pauses_between_tries_double() -> None:
    dynamodb, pauses = Mock(), list[float]()
    conflict = cancelled("TransactionConflict", "None")
    dynamodb.transact_write_items.side_effect = [conflict, conflict, conflict, {}]
    assert Registry(dynamodb, USERS, NOTIFICATIONS, lambda: 0, pauses.append).register(ADA, NOW)
    assert pauses == [0.05, 0.1, 0.2]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "x"), "InternalServerError"),
        (ConnectTimeoutError(endpoint_url="x"), "ConnectTimeoutError"),
    ],
)
def test_a_record_that_cannot_be_restored_is_a_failure(
    error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    dynamodb = Mock()
    dynamodb.transact_write_items.side_effect = cancelled("None", "ConditionalCheckFailed")
    dynamodb.put_item.side_effect = error
    with pytest.raises(RegistrationError) as raised:
        Registry(dynamodb, USERS, NOTIFICATIONS).register(ADA, NOW)
    assert raised.value.__suppress_context__
    assert code in caplog.text


def test_a_lasting_conflict_is_given_up_in_time(caplog: pytest.LogCaptureFixture) -> None:
    time = itertools.count(step=0.1)
    dynamodb = Mock()
    dynamodb.transact_write_items.side_effect = cancelled("TransactionConflict", "None")
    registry = Registry(dynamodb, USERS, NOTIFICATIONS, clock=lambda: next(time), sleep=lambda _: None)
    with pytest.raises(RegistrationError):
        registry.register(ADA, NOW)
    assert next(time) + TRIGGER.worst_case_seconds < 5
    assert "TransactionCanceledException" in caplog.text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (cancelled("ThrottlingError", "None"), "TransactionCanceledException"),
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "ada@example.com"}}, "x"),
            "AccessDeniedException",
        ),
        (ConnectTimeoutError(endpoint_url="https://example.com/ada@example.com"), "ConnectTimeoutError"),
    ],
)
def test_a_failure_is_an_error_without_personal_data(
    error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    dynamodb = Mock()
    dynamodb.transact_write_items.side_effect = error
    with caplog.at_level(logging.DEBUG), pytest.raises(RegistrationError) as raised:
        Registry(dynamodb, USERS, NOTIFICATIONS).register(ADA, NOW)
    assert raised.value.__suppress_context__
    assert "ada" not in f"{raised.value}{caplog.text}"
    assert code in caplog.text
    # Cognito shows it to the person
    assert str(raised.value) == "the account is confirmed, but setting it up was delayed"


def test_the_worst_case_of_the_trigger_is_within_its_budget() -> None:
    assert TRIGGER.worst_case_seconds <= BUDGET_SECONDS < 5
