"""What SES tells of mails, from the event to the person's record and the row."""

import contextlib
import json
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from notifications.feedback import (
    STOP_KEY,
    Feedback,
    FeedbackError,
    Report,
    RowInUseError,
    UnreadableEventError,
    Verdict,
    notification_of,
    report_of,
    tag_value,
)
from notifications.notification import LEASE, Notification, Outcome, State, timestamp
from notifications.outbox import Claim, Outbox, due_by_hand
from notifications.rows import marshal
from notifications.users import Users

from .conftest import NOTIFICATIONS, USERS, Clock, Tables

EMAIL = "ada@example.com"
SUB = "5f0c6f3e-ada"
ID = f"app#sale:1#{SUB}"
SENT = Outcome(State.SENT, message_id="m-1")
LOST = {"Bounce": "bouncedRecipients", "Complaint": "complainedRecipients"}
CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="1"
)


def event(kind: str = "Bounce", to: str = EMAIL, tag: str = tag_value(ID), **details: Any) -> dict[str, Any]:
    """An event of "Examples of event data that Amazon SES publishes to Amazon SNS"."""
    named: dict[str, Any] = {LOST[kind]: [{"emailAddress": to}]} if kind in LOST else {}
    if kind == "Bounce":
        named |= {"bounceType": "Permanent", "bounceSubType": "General"}
    return {
        "eventType": kind,
        kind.lower(): {**named, "timestamp": "2026-11-22T12:00:00.000Z", **details},
        "mail": {
            "messageId": "m-1",
            "destination": [to],
            "tags": {"ses:configuration-set": ["events"], "notification": [tag]},
        },
    }


@pytest.fixture
def outbox(tables: Tables) -> Outbox:
    return Outbox(tables.client, NOTIFICATIONS)


@pytest.fixture
def feedback(tables: Tables, outbox: Outbox, clock: Clock) -> Feedback:
    return Feedback(Users(tables.client, USERS), outbox, clock)


@pytest.fixture
def held(tables: Tables, outbox: Outbox, clock: Clock) -> Claim:
    """Ada, and a row of hers that a worker has taken."""
    put_person(tables)
    row = Notification(
        ID, "ada", SUB, "promotions", "promotions", clock(), clock.now.replace(day=25), clock()
    )
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(row.to_row()))
    claim = outbox.claim(due_by_hand(ID, Decimal(row.to_row()["DueAt"])), clock())
    assert claim
    return claim


@pytest.fixture
def sent(outbox: Outbox, held: Claim, clock: Clock) -> None:
    """Ada, and a row of hers that was sent to her by e-mail."""
    outbox.record(held, SENT, {"Email": SENT}, clock(), None)


def put_person(tables: Tables, **changes: Any) -> None:
    record = {"UserID": "ada", "Sub": SUB, "Email": EMAIL, **changes}
    tables.client.put_item(TableName=USERS, Item=marshal(record))


def stops(tables: Tables) -> dict[str, str]:
    (record,) = tables.users
    return {key: entry["Reason"] for key, entry in record.get("Stopped", {}).items()}


def says(tables: Tables) -> tuple[str, str, str, str]:
    row = tables.the_notification()
    result = row["Results"].get("Email", {})
    return row["State"], row.get("Reason", ""), result.get("State", ""), result.get("Reason", "")


def rows(tables: Tables) -> list[Any]:
    return [tables.users, tables.notifications]


@pytest.mark.parametrize("kind", ["Bounce", "Complaint"])
def test_the_way_is_stopped_and_the_row_says_why(
    feedback: Feedback, tables: Tables, sent: None, clock: Clock, kind: str
) -> None:
    clock.forward(hours=1)
    assert feedback.take(json.dumps(event(kind))) == kind
    assert stops(tables) == {"Email:ses": kind}
    assert says(tables) == ("FAILED", kind, "FAILED", kind)
    email = tables.the_notification()["Results"]["Email"]
    assert (email["MessageID"], email["At"]) == ("m-1", timestamp(clock()))


def test_a_mail_that_failed_for_another_reason_is_no_event_that_came_before(
    feedback: Feedback, tables: Tables, outbox: Outbox, held: Claim, clock: Clock
) -> None:
    rejected = Outcome(State.FAILED, "MessageRejected")
    outbox.record(held, rejected, {"Email": rejected}, clock(), None)
    feedback.take(json.dumps(event()))
    assert stops(tables) == {STOP_KEY: "Bounce"}
    assert says(tables) == ("FAILED", "MessageRejected", "FAILED", "Bounce")


def test_the_way_is_stopped_also_when_the_row_cannot_say_why(
    feedback: Feedback, tables: Tables, sent: None
) -> None:
    tables.client.put_item(
        TableName=NOTIFICATIONS, Item=marshal({**tables.the_notification(), "Results": "none"})
    )
    assert feedback.take(json.dumps(event())) is Verdict.BOUNCE
    assert stops(tables) == {STOP_KEY: "Bounce"}


def test_an_event_that_comes_again_changes_nothing_even_when_the_person_has_resumed(
    feedback: Feedback, tables: Tables, sent: None, clock: Clock
) -> None:
    feedback.take(json.dumps(event()))
    put_person(tables)
    before = rows(tables)
    clock.forward(hours=1)
    assert feedback.take(json.dumps(event())) is Verdict.BOUNCE
    assert rows(tables) == before


@pytest.mark.parametrize("order", [("Bounce", "Complaint"), ("Complaint", "Bounce")])
def test_of_two_events_in_any_order_the_way_stays_stopped(
    feedback: Feedback, tables: Tables, sent: None, order: tuple[str, str]
) -> None:
    for kind in order:
        feedback.take(json.dumps(event(kind)))
    assert list(stops(tables)) == [STOP_KEY]
    assert says(tables)[0::2] == ("FAILED", "FAILED")


def test_other_ways_that_were_stopped_before_stay_so(feedback: Feedback, tables: Tables, sent: None) -> None:
    put_person(tables, Stopped={"SMS": {"Reason": "InvalidNumber", "At": "x"}})
    feedback.take(json.dumps(event()))
    assert stops(tables) == {"SMS": "InvalidNumber", STOP_KEY: "Bounce"}


def test_an_event_before_the_record_of_the_mail_stops_at_once_and_comes_again_for_the_row(
    feedback: Feedback, tables: Tables, outbox: Outbox, held: Claim, clock: Clock
) -> None:
    with pytest.raises(RowInUseError, match=r"^a worker has the row$"):
        feedback.take(json.dumps(event()))
    assert stops(tables) == {STOP_KEY: "Bounce"}
    assert outbox.record(held, SENT, {"Email": SENT}, clock(), None)
    assert feedback.take(json.dumps(event())) is Verdict.BOUNCE
    assert says(tables) == ("FAILED", "Bounce", "FAILED", "Bounce")


def test_a_worker_that_takes_the_row_meanwhile_is_not_disturbed(
    feedback: Feedback,
    tables: Tables,
    outbox: Outbox,
    held: Claim,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox.record(held, Outcome(State.RETRY, "Throttled"), {"Email": SENT}, clock(), clock())
    stale = outbox.get(ID)
    assert stale
    assert outbox.claim(due_by_hand(ID, stale["DueAt"]), clock())
    taken = tables.notifications
    monkeypatch.setattr(Outbox, "get", lambda *_: stale)
    with pytest.raises(RowInUseError, match=r"^a worker has taken the row$"):
        feedback.take(json.dumps(event()))
    assert tables.notifications == taken


def test_the_row_of_a_worker_that_died_is_not_in_use(
    feedback: Feedback, tables: Tables, held: Claim, clock: Clock
) -> None:
    clock.now += LEASE
    feedback.take(json.dumps(event()))
    # what is left of it is for the sweep, which finds the mail at its end
    assert says(tables)[0::2] == ("QUEUED", "FAILED")


@pytest.mark.parametrize(
    ("state", "sms"), [(State.SENT, SENT), (State.RETRY, Outcome(State.RETRY, "Throttled"))]
)
def test_what_went_or_goes_another_way_still_speaks_for_the_row(
    feedback: Feedback,
    tables: Tables,
    outbox: Outbox,
    held: Claim,
    clock: Clock,
    state: State,
    sms: Outcome,
) -> None:
    due = None if state.final else clock()
    outbox.record(held, Outcome(state), {"Email": SENT, "SMS": sms}, clock(), due)
    feedback.take(json.dumps(event()))
    assert says(tables) == (state, "", "FAILED", "Bounce")
    assert tables.the_notification()["Results"]["SMS"]["State"] == sms.state
    assert ("DueAt" in tables.the_notification()) is not state.final


@pytest.mark.parametrize(
    ("ignored", "verdict"),
    [
        (event(bounceType="Transient"), Verdict.OTHER),
        (event(bounceType="Undetermined"), Verdict.OTHER),
        (event("Complaint", complaintFeedbackType="not-spam"), Verdict.OTHER),
        (event("Delivery"), Verdict.OTHER),
        (event(tag=""), Verdict.UNTAGGED),
        (event(tag="not of ours!"), Verdict.UNTAGGED),
        (event() | {"mail": {"tags": {"notification": []}}}, Verdict.UNTAGGED),
        (event() | {"mail": {"tags": {"notification": 1}}}, Verdict.UNTAGGED),
        (event() | {"mail": {"destination": [EMAIL]}}, Verdict.UNTAGGED),
        (event(tag=tag_value("app#gone")), Verdict.ROW_GONE),
        (event(to="old@example.com"), Verdict.PERSON_GONE),
    ],
)
def test_what_says_nothing_of_the_person_as_they_are_now_is_ignored(
    feedback: Feedback, tables: Tables, sent: None, ignored: dict[str, Any], verdict: Verdict
) -> None:
    before = rows(tables)
    assert feedback.take(json.dumps(ignored)) is verdict
    assert rows(tables) == before


def test_who_took_over_the_username_is_left_alone(feedback: Feedback, tables: Tables, sent: None) -> None:
    put_person(tables, Sub="another")
    before = rows(tables)
    assert feedback.take(json.dumps(event())) is Verdict.PERSON_GONE
    assert rows(tables) == before


def test_who_was_erased_is_not_made_anew(feedback: Feedback, tables: Tables, sent: None) -> None:
    tables.client.delete_item(TableName=USERS, Key=marshal({"UserID": "ada"}))
    assert feedback.take(json.dumps(event())) is Verdict.PERSON_GONE
    assert tables.users == []


@pytest.mark.parametrize("row", [{}, {"UserID": "ada"}, {"Sub": SUB}])
def test_a_job_is_nobodys_row(feedback: Feedback, tables: Tables, row: dict[str, str]) -> None:
    put_person(tables)
    tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal({"NotificationID": ID, **row}))
    assert feedback.take(json.dumps(event())) is Verdict.ROW_GONE


@pytest.mark.parametrize("record", ["Ada@Example.com", EMAIL])
def test_an_address_in_other_letters_is_the_same(
    feedback: Feedback, tables: Tables, sent: None, record: str
) -> None:
    put_person(tables, Email=record)
    told = event(to="ADA@example.com")
    told["mail"]["destination"] = [record]
    assert feedback.take(json.dumps(told)) is Verdict.BOUNCE


def test_a_bounce_of_the_mailbox_that_it_was_forwarded_to_is_the_persons(
    feedback: Feedback, tables: Tables, sent: None
) -> None:
    told = event(to="ada@elsewhere.example.com")
    told["mail"]["destination"] = [EMAIL]
    assert feedback.take(json.dumps(told)) is Verdict.BOUNCE


def test_an_address_is_what_the_record_may_have_and_nothing_else() -> None:
    told = event(to="ADA@example.com")
    told["mail"]["destination"] = [5, None, "", "a\nb", "Ada@Example.com"]
    report = report_of(json.dumps(told))
    assert isinstance(report, Report)
    assert report.addresses == ("ADA@example.com", "Ada@Example.com", "ada@example.com")


def test_no_more_addresses_are_taken_than_a_condition_can_hold() -> None:
    told = event()
    told["mail"]["destination"] = [f"{number}@example.com" for number in range(50)]
    report = report_of(json.dumps(told))
    assert isinstance(report, Report)
    assert len(report.addresses) == 40


def test_the_greeting_of_a_new_topic_is_no_event() -> None:
    greeting = "Successfully validated SNS topic for Amazon SES event publishing."
    assert report_of(greeting) is Verdict.NOT_AN_EVENT


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {},
        {"eventType": "Bounce"},
        event() | {"mail": None},
        event(bouncedRecipients=[{}]),
        event(bouncedRecipients="x"),
    ],
)
def test_an_event_that_lacks_what_ses_promises_is_an_error_without_its_values(broken: Any) -> None:
    with pytest.raises(UnreadableEventError, match=r"^the event has no \w+$"):
        report_of(json.dumps(broken))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_tag_leads_back_to_its_notification(notification_id: str) -> None:
    value = tag_value(notification_id)
    assert len(value) <= 256
    if len(notification_id.encode()) <= 192:
        assert value.replace("-", "").replace("_", "").isalnum() or value.strip("-_") == ""
        assert notification_of(value) == notification_id
    else:
        assert value == ""


@pytest.mark.parametrize(
    ("notification_id", "value"), [("abW", "YWJX"), ("a", "YQ"), ("a" * 192, "YWFh" * 64)]
)
def test_a_tag_is_the_id_in_the_letters_that_a_tag_may_have(notification_id: str, value: str) -> None:
    assert tag_value(notification_id) == value
    assert notification_of(value) == notification_id


def test_a_tag_that_would_be_too_long_is_none() -> None:
    assert tag_value("a" * 193) == ""


@pytest.mark.parametrize("value", ["YR", "YQ=", "Y", "/w", "_w"])
def test_what_is_not_a_tag_of_ours_is_of_no_notification(value: str) -> None:
    assert notification_of(value) == ""


WORDS = st.sampled_from(
    ["eventType", "bounce", "complaint", "mail", "tags", "notification", "destination", *LOST, *LOST.values()]
)
VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.just("Permanent") | st.just(tag_value(ID))
JSON = st.recursive(
    VALUES, lambda more: st.lists(more, max_size=3) | st.dictionaries(WORDS | st.text(), more, max_size=5)
)
SHAPED = st.builds(
    lambda kind, details, mail: {"eventType": kind, kind.lower(): details, "mail": mail},
    st.sampled_from(["Bounce", "Complaint"]),
    st.fixed_dictionaries({"bounceType": st.just("Permanent")}, optional=dict.fromkeys(LOST.values(), JSON)),
    st.fixed_dictionaries({}, optional={"destination": st.lists(VALUES), "tags": JSON}),
)


@pytest.fixture
def untouched(tables: Tables, sent: None) -> list[Any]:
    """All rows, of which Ada's now has another address than that of her mail."""
    put_person(tables, Email="somebody@else.example.com")
    return rows(tables)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(JSON | SHAPED)
@example(event(to="\ud800"))
@example(event(tag="\ud800"))
@example(event() | {"mail": {"destination": [f"{n}@x" for n in range(500)], "tags": event()["mail"]["tags"]}})
@example({"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bouncedRecipients": []}, "mail": {}})
def test_whatever_comes_in_nothing_is_written_and_no_other_error_is_raised(
    feedback: Feedback, tables: Tables, untouched: list[Any], told: Any
) -> None:
    with contextlib.suppress(UnreadableEventError):
        assert feedback.take(json.dumps(told)) not in (Verdict.BOUNCE, Verdict.COMPLAINT)
    assert rows(tables) == untouched


@given(st.text())
@example("[" * 100_000)
@example("NaN")
def test_any_text_is_at_most_an_unreadable_event(text: str) -> None:
    with contextlib.suppress(UnreadableEventError):
        assert isinstance(report_of(text), Verdict)


@pytest.fixture
def handler(tables: Tables, load_handler: Callable[..., ModuleType]) -> ModuleType:
    return load_handler("feedback", USER_TABLE=USERS, NOTIFICATION_TABLE=NOTIFICATIONS)


def batch(*messages: str) -> dict[str, Any]:
    """The event of "Invoking Lambda functions with Amazon SNS notifications"."""
    return {
        "Records": [
            {"EventSource": "aws:sns", "Sns": {"MessageId": f"s-{number}", "Message": message}}
            for number, message in enumerate(messages)
        ]
    }


def test_one_bad_event_loses_no_other_and_all_come_again(
    handler: ModuleType, tables: Tables, sent: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FeedbackError, match=r"^1 of 2 events were not taken$"):
        handler.handler(batch("{}", json.dumps(event())), CONTEXT)
    assert stops(tables) == {STOP_KEY: "Bounce"}
    counted = capsys.readouterr().out
    assert '"NotTaken":[1.0]' in counted
    assert '"Bounce":[1.0]' in counted


def test_a_mistake_of_ours_loses_no_other_event(
    handler: ModuleType, tables: Tables, sent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Feedback.take

    def mistaken(self: Feedback, text: str) -> Verdict:
        return take(self, text) if text else next(iter(()))

    monkeypatch.setattr(Feedback, "take", mistaken)
    with pytest.raises(FeedbackError):
        handler.handler(batch("", json.dumps(event())), CONTEXT)
    assert stops(tables) == {STOP_KEY: "Bounce"}


def test_no_address_is_logged(
    load_handler: Callable[..., ModuleType],
    tables: Tables,
    sent: None,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    handler = load_handler(
        "feedback", USER_TABLE=USERS, NOTIFICATION_TABLE=NOTIFICATIONS, POWERTOOLS_LOGGER_LOG_EVENT="true"
    )
    broken = event(bouncedRecipients=[EMAIL])
    with pytest.raises(FeedbackError):
        handler.handler(batch(*map(json.dumps, (event(), broken, event(bounceType="Transient")))), CONTEXT)
    logged = [str(vars(record)) for record in caplog.records]
    assert any("the event has no emailAddress" in line for line in logged)
    assert "example.com" not in "".join([*logged, *capfd.readouterr()])
