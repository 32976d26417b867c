"""Several at the same work at once, and events that come late: nothing twice, and nothing lost."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.catalogue import EMAIL
from notifications.erasure_job import ERASING, erasure_id
from notifications.notification import Notification, milliseconds
from notifications.outbox import ERASURES
from notifications.rows import marshal
from scripts import package
from scripts.catalogue import Catalogue
from scripts.person import Person, wait_for
from tests.accounts import made_by_administrator
from tests.deployment import Deployment, Row, with_words
from tests.samples import sample

from .conftest import ONCE

pytestmark = [pytest.mark.needs("mailbox"), ONCE]
MANY = 120
AT_ONCE = 4
OLD, NEW = "are getting it ready", "are packing it"


@contextmanager
def stream_stopped(system: Deployment) -> Iterator[Callable[[], None]]:
    """The stream falls behind until it is told to go on."""
    functions, name = system.functions, system.live("deliver")
    (mapping,) = functions.list_event_source_mappings(FunctionName=":".join(name.values()))[
        "EventSourceMappings"
    ]

    def switch(*, on: bool) -> None:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)

    switch(on=False)
    try:
        yield lambda: switch(on=True)
    finally:
        switch(on=True)


def at_once(system: Deployment, handler: str, until: Callable[[], bool], within: float = 60) -> list[Any]:
    """Calls a function again and again, several at once, until something is so; what they have answered.

    Half of them call the version that is live, half the newest one, in processes of their own.
    """
    name, alias = system.live(handler).values()
    over = threading.Event()

    def call(qualifier: str) -> list[Any]:
        answers = []
        while not over.is_set():
            answer = system.client("lambda").invoke(FunctionName=name, Qualifier=qualifier, Payload=b"{}")
            text = answer["Payload"].read()
            assert "FunctionError" not in answer, text
            answers.append(text)
        return answers

    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = [pool.submit(call, (alias, "$LATEST")[number % 2]) for number in range(AT_ONCE)]
        try:
            wait_for(f"the end of what {handler} does", lambda: until() or None, within, every=0.5)
        finally:
            over.set()
        return [answer for each in calls for answer in each.result()]


@contextmanager
def newest(system: Deployment, handler: str, code: bytes) -> Iterator[None]:
    """Other code for a function that is not live yet, as in the middle of a deploy."""
    name = system.live(handler)["FunctionName"]

    def put(package: bytes) -> None:
        system.functions.update_function_code(FunctionName=name, ZipFile=package)
        system.functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    put(code)
    try:
        yield
    finally:
        put(package.TARGET.read_bytes())


def rows_for(people: list[Person], mark: str, data: Row) -> list[Row]:
    """An order for each person, due at once."""
    now = datetime.now(UTC)
    good_until = now + timedelta(days=1)
    return [
        Notification(
            notification_id=f"app#{mark}-{person.username}",
            user_id=person.username,
            sub=f"sub-{person.username}",
            category="orders",
            template="orders",
            data=data,
            created_at=now,
            good_until=good_until,
            due_at=now,
        ).to_row()
        for person in people
    ]


def write(system: Deployment, rows: list[Row]) -> None:
    table = system.outputs["notification_table_name"]
    requests = [{"PutRequest": {"Item": marshal(row)}} for row in rows]
    for start in range(0, len(requests), 25):
        system.dynamodb.batch_write_item(RequestItems={table: requests[start : start + 25]})


def test_while_the_stream_is_behind_sweeps_of_two_versions_send_all_and_it_finds_nothing_left(
    system: Deployment,
) -> None:
    data = sample(Catalogue.example("shop"), "orders")
    newer = with_words(package.TARGET.read_bytes(), OLD, NEW)
    with (
        system.crowd(MANY, Preferences={"orders": {EMAIL: True}}) as people,
        newest(system, "sweep", newer),
    ):
        with stream_stopped(system) as go_on:
            rows = rows_for(people, "behind", data)
            write(system, rows)

            def sent() -> int:
                return sum(row["State"] == "SENT" for row in system.rows_of("behind-"))

            at_once(system, "sweep", lambda: sent() >= MANY / 2)
            # the records of all rows come now, late: of those that are sent, and beside sweeps of the others
            go_on()
            at_once(system, "sweep", lambda: sent() == MANY)
        addresses = {person.email for person in people}
        received = [mail for mail in system.application.mailbox.all() if addresses & {*mail.to}]
    assert Counter(to for mail in received for to in mail.to) == dict.fromkeys(addresses, 1)
    assert {NEW in mail.text for mail in received} == {True, False}, "both versions have sent"


def test_what_only_a_newer_version_knows_waits_until_it_delivers(system: Deployment) -> None:
    """In the middle of a deploy `enqueue` has it, and `deliver` and `sweep` are yet to."""
    with system.crowd(1) as (person,):
        with system.catalogues(["bank"], ["enqueue"]) as newer:
            asked = system.ask("statements", person, data=sample(newer["bank"], "statements"))
            system.wait_state(asked, "RETRY")
            system.sweep(asked)
            left = system.notification(asked)
        assert left
        assert (left["State"], left["Attempts"]) == ("RETRY", 2)
        assert system.application.mailbox.of(person.email) == []
        with system.catalogues(["bank"], ["deliver", "sweep"]):
            system.sweep(asked)
            system.wait_state(asked, "SENT")
        assert len(system.application.mailbox.of(person.email)) == 1


def test_broadcasts_at_once_write_one_row_for_each_person(system: Deployment) -> None:
    with system.crowd(MANY, Preferences={"orders": {EMAIL: False}}) as people:
        everyone = system.ask("promotions", "everyone", data=sample(Catalogue.example("shop"), "promotions"))
        system.wait_state(everyone, "FANNING_OUT", "FANNED_OUT", within=30)

        def over() -> bool:
            row = system.notification(everyone)
            return bool(row and row["State"] == "FANNED_OUT")

        at_once(system, "broadcast", over)
        subs = {f"sub-{person.username}" for person in people}
        mark = everyone.removeprefix("app#")
        written = Counter(row["Sub"] for row in system.rows_of(f"{mark}#") if row["Sub"] in subs)
        assert written == dict.fromkeys(subs, 1)


def test_erasures_at_once_leave_nothing_and_nobody_else_is_touched(system: Deployment) -> None:
    with system.crowd(AT_ONCE * 3) as people:
        stay, go = people[:AT_ONCE], people[AT_ONCE:]
        jobs = [erasure_id(f"sub-{person.username}") for person in go]
        now = datetime.now(UTC)

        def due() -> None:
            write(
                system,
                [
                    {
                        "NotificationID": job,
                        "UserID": person.username,
                        "Sub": f"sub-{person.username}",
                        "Email": person.email,
                        "State": ERASING,
                        "Repeated": True,
                        "DueAt": milliseconds(now),
                        "DueShard": ERASURES,
                    }
                    for job, person in zip(jobs, go, strict=True)
                ],
            )

        due()
        at_once(system, "erase", lambda: not any(map(system.notification, jobs)))
        assert not any(map(system.user, go))
        assert all(map(system.user, stay))


def test_reconciliations_at_once_register_everybody_once(system: Deployment) -> None:
    people = [Person() for _ in range(AT_ONCE * 3)]
    for person in people:
        made_by_administrator(system, person)
    with system.changed("reconcile", SETTLED_SECONDS="0"):
        key = {"NotificationID": {"S": "reconciliation"}}
        system.dynamodb.delete_item(TableName=system.outputs["notification_table_name"], Key=key)
        at_once(system, "reconcile", lambda: all(map(system.user, people)))
    for person in people:
        record = system.user(person)
        assert record
        system.swept(f"welcome#{record['Sub']}", "SENT")
    assert [system.welcomes_of(person) for person in people] == [[person.email] for person in people]
