"""After DELETE /account nothing of the person is left, whatever died on the way."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from notifications.api.exchange import Caller
from notifications.api.services import Services
from notifications.channels.sns_email import digest, filter_policy
from notifications.clock import utc_now
from notifications.erasure import ONCE_MORE, WATCH, WATCH_EVERY, Erased, Erasure
from notifications.erasure_job import ERASING, device_row_id, erasure_id, watch_id
from notifications.letters import Letters, OutOfTimeError, is_about
from notifications.notification import LEASE, milliseconds
from notifications.outbox import ERASURES
from notifications.registration import Person, welcome_of
from notifications.rows import marshal

from .api import Api, Died, Fate
from .conftest import ADA, BOB, NOTIFICATIONS, USERS, Clock, Tables


class World:
    """Everything that can hold something of a person."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        make: Any = boto3.client
        self.api, self.clock, self.tables = Api(tables, clock), clock, tables
        self.cognito, self.sns, self.sqs = make("cognito-idp"), self.api.sns, make("sqs")
        self.pool = self.cognito.create_user_pool(PoolName="pool")["UserPool"]["Id"]
        self.topic = self.sns.create_topic(Name="topic")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="refused")["QueueUrl"]
        self.fate = Fate()
        self.out_of_time = False
        self.erasure = Erasure(
            user_table=USERS,
            outbox=replace(self.api.services.outbox, dynamodb=self.fate.of(make("dynamodb"))),
            cognito=self.fate.of(make("cognito-idp")),
            user_pool_id=self.pool,
            sns=self.fate.of(make("sns")),
            topic_arn=self.topic,
            letters=Letters(self.fate.of(make("sqs")), self.queue, hold_seconds=1, wait_seconds=0),
            check_time=self.check_time,
            clock=clock,
        )

    def check_time(self) -> None:
        if self.out_of_time:
            raise OutOfTimeError

    def sign_up(self, person: Person) -> Person:
        """A person with everything: account, record, subscription, device, history."""
        self.cognito.admin_create_user(
            UserPoolId=self.pool,
            Username=person.user_id,
            UserAttributes=[{"Name": "email", "Value": person.email}],
        )
        person = replace(person, sub=self.sub_of(person.user_id))
        self.api.register(person)
        self.sns.subscribe(
            TopicArn=self.topic,
            Protocol="email",
            Endpoint=person.email,
            Attributes={"FilterPolicy": filter_policy(person.email)},
        )
        token = {"platform": "GCM", "token": f"phone-of-{person.sub}"}
        assert self.api.as_(person)("POST", "/devices", token)[0] == 201
        return person

    def sub_of(self, user_id: str) -> str:
        user = self.cognito.admin_get_user(UserPoolId=self.pool, Username=user_id)
        (sub,) = [entry["Value"] for entry in user["UserAttributes"] if entry["Name"] == "sub"]
        return str(sub)

    def write_letter(self, body: Any) -> None:
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(body))

    def letters(self) -> list[Any]:
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(letter["Body"]) for letter in found.get("Messages", [])]

    def endpoints(self) -> list[str]:
        found = self.sns.list_endpoints_by_platform_application(
            PlatformApplicationArn=self.api.services.push_applications["GCM"]
        )["Endpoints"]
        return [endpoint["Attributes"]["Token"] for endpoint in found]

    def subscriptions(self) -> list[str]:
        return [
            s["Endpoint"] for s in self.sns.list_subscriptions_by_topic(TopicArn=self.topic)["Subscriptions"]
        ]

    def accounts(self) -> list[str]:
        return [user["Username"] for user in self.cognito.list_users(UserPoolId=self.pool)["Users"]]

    def everything(self) -> str:
        return json.dumps(
            [
                self.tables.users,
                self.tables.notifications,
                self.subscriptions(),
                self.endpoints(),
                self.accounts(),
                self.letters(),
            ],
            default=str,
        )

    def jobs(self) -> list[Any]:
        return list(self.erasure.outbox.due(ERASURES, self.clock()))

    def work(self) -> list[bool | None]:
        return [self.erasure.work_off(due) for due in self.jobs()]

    def work_to_the_end(self) -> None:
        for _ in range(5):
            self.work()
            self.clock.now += max(ONCE_MORE, LEASE)
        assert self.jobs() == []


@pytest.fixture
def world(tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> World:
    # what was read shows again when its time is over by this clock, too
    began = clock()
    monkeypatch.setattr(
        "moto.sqs.models.unix_time_millis", lambda: (time.time() + (clock() - began).total_seconds()) * 1000
    )
    return World(tables, clock)


def delete_account(world: World, person: Person) -> Any:
    status, body = world.api.as_(person)("DELETE", "/account")
    assert status == 202
    return body


def traces(world: World, person: Person) -> list[str]:
    everything = world.everything()
    words = (person.sub, person.email, f'"{person.user_id}"')
    return [word for word in words if word in everything]


def test_nothing_is_left_of_a_person_and_all_of_another(world: World) -> None:
    ada, bob = world.sign_up(ADA), world.sign_up(BOB)
    world.api.change_record(ada, PhoneNumber="+491701234567")
    for body in (
        {"reason": "x", "request": {"to": {"user": "ada"}}},
        {"request": json.dumps({"to": {"user": "ada"}})},
        {"request": {"data": {"mail": ada.email}}},
        {"request": {"data": {"text": "Call +491701234567."}}},
        {"request": {"to": {"user": "bob"}, "data": {"to": "ada lovelace"}}},
    ):
        world.write_letter(body)
    answer = delete_account(world, ada)
    for word in ("backups", "suppression list", "opted out"):
        assert word in str(answer["not_erased"])
    assert world.api.as_(ada)("GET", "/preferences")[0] == 404
    world.work_to_the_end()
    assert traces(world, ada) == []
    assert [row["UserID"] for row in world.tables.users] == ["bob"]
    assert (world.subscriptions(), world.accounts()) == ([bob.email], ["bob"])
    assert len(world.endpoints()) == 1
    assert {row["UserID"] for row in world.tables.notifications} == {"bob"}
    (left,) = world.letters()
    assert left["request"]["to"] == {"user": "bob"}


def test_asking_twice_is_asking_once(world: World) -> None:
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    before = world.tables.notifications
    delete_account(world, ada)
    assert world.tables.notifications == before
    world.work_to_the_end()
    delete_account(world, ada)
    world.work_to_the_end()
    assert traces(world, ada) == []


def test_what_comes_between_the_two_rounds_goes_too(world: World) -> None:
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    assert world.work() == [False]
    late = replace(welcome_of(ada, world.clock()), notification_id="app#late").to_row()
    world.tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(late))
    world.sns.subscribe(TopicArn=world.topic, Protocol="email", Endpoint=ada.email)
    world.write_letter({"to": {"user": "ada"}})
    world.work_to_the_end()
    assert traces(world, ada) == []


def test_asking_again_after_the_record_has_come_back_forgets_nothing(world: World) -> None:
    ada = world.sign_up(ADA)
    world.api.change_record(ada, PhoneNumber="+491701234567")
    world.write_letter("+491701234567")
    delete_account(world, ada)
    world.api.register(ada)
    assert world.api.as_(ada)("POST", "/devices", {"platform": "GCM", "token": "another"})[0] == 201
    delete_account(world, ada)
    world.work_to_the_end()
    assert (traces(world, ada), world.endpoints(), world.letters()) == ([], [], [])


@pytest.mark.parametrize("attribute", ["NotificationPreference", "QuietHours", "Stopped"])
def test_who_has_a_record_that_cannot_be_read_is_erased_too(world: World, attribute: str) -> None:
    ada = world.sign_up(ADA)
    world.api.change_record(ada, **{attribute: "what it never was"})
    delete_account(world, ada)
    world.work_to_the_end()
    assert traces(world, ada) == []


def test_who_has_an_account_but_no_record_is_erased_too(world: World) -> None:
    ada = world.sign_up(ADA)
    world.tables.client.delete_item(TableName="UserPreferences", Key=marshal({"UserID": "ada"}))
    delete_account(world, ada)
    world.work_to_the_end()
    assert world.accounts() == []
    assert {row["UserID"] for row in world.tables.notifications} == set()


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_record_that_is_written_again_meanwhile_goes_too(world: World, rounds: int) -> None:
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    assert world.work()[:rounds] == [False] * rounds
    world.api.register(ada)
    world.work_to_the_end()
    assert traces(world, ada) == []


def test_a_device_that_no_row_knows_of_any_more_is_erased(world: World) -> None:
    ada = world.sign_up(ADA)
    (device,) = world.api.record(ada)["Devices"]
    world.tables.client.delete_item(
        TableName=NOTIFICATIONS, Key=marshal({"NotificationID": device_row_id(device)})
    )
    delete_account(world, ada)
    world.work_to_the_end()
    assert world.endpoints() == []


@pytest.mark.parametrize("taken", [False, True])
def test_the_subscription_of_an_earlier_address_ends_if_it_is_nobody_elses(world: World, taken: bool) -> None:
    ada = world.sign_up(ADA)
    (subscription,) = world.sns.list_subscriptions_by_topic(TopicArn=world.topic)["Subscriptions"]
    world.api.change_record(ada, Email="new@example.com", SubscriptionArn=subscription["SubscriptionArn"])
    if taken:
        world.cognito.admin_create_user(UserPoolId=world.pool, Username=ada.email)
    delete_account(world, ada)
    world.work_to_the_end()
    assert world.subscriptions() == [ada.email] * taken


def test_a_subscription_is_an_addresss_whatever_its_case(world: World) -> None:
    ada = world.sign_up(replace(ADA, email="Ada@example.com"))
    world.sns.subscribe(TopicArn=world.topic, Protocol="email", Endpoint=ada.email.lower())
    delete_account(world, ada)
    world.work_to_the_end()
    assert world.subscriptions() == []


def test_a_namesake_keeps_everything(world: World) -> None:
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    assert world.work() == [False]
    namesake = world.sign_up(replace(ADA, email="another@example.com"))
    world.write_letter({"to": {"user": "ada"}})
    # the first one's token is good for a while
    delete_account(world, ada)
    world.work_to_the_end()
    assert world.tables.users == [world.api.record(namesake)]
    assert (world.subscriptions(), world.accounts()) == ([namesake.email], ["ada"])
    assert len(world.endpoints()) == 1
    assert len(world.letters()) == 1
    assert {row["Sub"] for row in world.tables.notifications} == {namesake.sub}


@pytest.mark.parametrize("taken", [False, True])
def test_letters_are_sought_by_a_name_only_while_nobody_else_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    delete_account(world, world.sign_up(ADA))
    if taken:
        monkeypatch.setattr(world.erasure.cognito, "admin_get_user", lambda **_: account_of("another"))
    sought: list[str] = []
    monkeypatch.setattr(Letters, "destroy", lambda _, user_id, *_rest: sought.append(user_id))
    world.work()
    assert sought == ["" if taken else "ada"]


def account_of(sub: str) -> Any:
    return {"UserAttributes": [{"Name": "sub", "Value": sub}]}


def test_a_phone_and_an_address_that_have_a_new_owner_stay_theirs(world: World) -> None:
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    # an address is a user name, too
    world.cognito.admin_create_user(UserPoolId=world.pool, Username=ada.email)
    bob = world.sign_up(BOB)
    phone = {"platform": "GCM", "token": f"phone-of-{ada.sub}"}
    assert world.api.as_(bob)("POST", "/devices", phone)[0] == 201
    world.work_to_the_end()
    assert phone["token"] in world.endpoints()
    assert ada.email in world.subscriptions()


@pytest.mark.parametrize("after", [False, True])
def test_a_death_at_any_call_of_the_job_leaves_nothing_for_good(world: World, after: bool) -> None:
    deaths = 0
    for calls in range(100):
        ada = world.sign_up(ADA)
        for name in ("ada", "eve"):
            world.write_letter({"to": {"user": name}})
        delete_account(world, ada)
        died = False
        for _ in range(2):
            world.fate.calls_left, world.fate.after = calls if not died else None, after
            try:
                world.work()
            except Died:
                died = True
                deaths += 1
            world.fate.calls_left = None
            world.clock.now += LEASE
        world.work_to_the_end()
        assert traces(world, ada) == [], calls
        assert world.letters() == [{"to": {"user": "eve"}}]
        assert world.erasure.letters.destroy("eve", (), lambda: None) == 1
        if not died:
            break
    assert deaths > 10


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("calls", range(4))
def test_a_death_of_the_request_is_repaired_by_repeating(world: World, calls: int, after: bool) -> None:
    ada = world.sign_up(ADA)
    world.api.fate.calls_left, world.api.fate.after = calls, after
    try:
        world.api.as_(ada)("DELETE", "/account")
    except Died:
        # both or neither
        jobs = [row for row in world.tables.notifications if row["NotificationID"].startswith("erasure#")]
        assert len(jobs) + len(world.tables.users) == 1
    world.api.fate.calls_left = None
    delete_account(world, ada)
    world.work_to_the_end()
    assert traces(world, ada) == []


def test_a_device_that_is_added_at_this_moment_is_erased(world: World) -> None:
    ada = world.sign_up(ADA)
    read, rivals = Services.record, [1]

    def and_a_device(services: Services, caller: Caller) -> Any:
        record = read(services, caller)
        if rivals:
            rivals.pop()
            assert world.api.as_(ada)("POST", "/devices", {"platform": "GCM", "token": "new"})[0] == 201
        return record

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Services, "record", and_a_device)
        delete_account(world, ada)
    world.work_to_the_end()
    assert world.endpoints() == []


def pend(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Makes every subscription pending as long as the list is not empty: moto confirms them at once."""
    pending = [True]
    paginator = world.erasure.sns.get_paginator

    class Pages:
        def paginate(self, **arguments: Any) -> Iterator[Any]:
            for page in paginator("list_subscriptions_by_topic").paginate(**arguments):
                for subscription in page["Subscriptions"]:
                    if pending:
                        subscription["SubscriptionArn"] = "PendingConfirmation"
                yield page

    monkeypatch.setattr(world.erasure.sns, "get_paginator", lambda _: Pages())
    return pending


def test_a_pending_subscription_is_watched_by_a_digest_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = pend(world, monkeypatch)
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    world.work()
    world.clock.now += ONCE_MORE
    world.work()
    (watch,) = world.tables.notifications
    assert watch["Address"] == digest(ada.email)
    assert [word for word in (ada.sub, ada.email, "ada") if word in str(watch)] == []
    world.clock.now += WATCH_EVERY
    assert world.work() == [False]
    # it is confirmed after all
    pending.clear()
    world.clock.now += WATCH_EVERY
    assert world.work() == [True]
    assert (world.subscriptions(), world.tables.notifications) == ([], [])


def test_a_watch_comes_to_its_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pend(world, monkeypatch)
    delete_account(world, world.sign_up(ADA))
    world.work()
    world.clock.now += ONCE_MORE
    world.work()
    end = world.clock() + WATCH
    world.clock.now = end - timedelta(seconds=1)
    assert world.work() == [False]
    world.clock.now = end + WATCH_EVERY
    assert world.work() == [True]
    assert world.tables.notifications == []


def test_a_watch_ends_at_the_moment_that_it_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pend(world, monkeypatch)
    world.sign_up(ADA)
    watch = {
        "NotificationID": watch_id(digest(ADA.email)),
        "Address": digest(ADA.email),
        "DueShard": ERASURES,
        "DueAt": milliseconds(world.clock()),
        "WatchUntil": milliseconds(world.clock()),
    }
    world.tables.client.put_item(TableName=NOTIFICATIONS, Item=marshal(watch))
    assert world.work() == [True]


def test_each_round_and_each_look_has_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pend(world, monkeypatch)
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    job = erasure_id(ada.sub)

    def due_in(notification_id: str) -> timedelta:
        row = world.erasure.outbox.get(notification_id)
        assert row is not None
        assert "LeaseEnd" not in row
        return timedelta(milliseconds=int(row["DueAt"]) - milliseconds(world.clock()))

    world.out_of_time = True
    assert (world.work(), due_in(job)) == ([False], timedelta())
    world.out_of_time = False
    assert (world.work(), due_in(job)) == ([False], timedelta(minutes=4))
    world.clock.forward(minutes=4)
    assert world.work() == [True]
    in_days, in_hours = (Decimal(milliseconds(world.clock() + timedelta(hours=hours))) for hours in (72, 1))
    (watch,) = world.tables.notifications
    assert watch == {
        "NotificationID": watch_id(digest(ada.email)),
        "Address": digest(ada.email),
        "WatchUntil": in_days,
        "DueAt": in_hours,
        "DueShard": ERASURES,
        "State": ERASING,
    }
    world.clock.forward(hours=1)
    assert (world.work(), due_in(watch["NotificationID"])) == ([False], timedelta(hours=1))
    assert world.erasure.outbox.get(watch["NotificationID"])["WatchUntil"] == in_days  # type: ignore[index]


def test_a_job_that_another_has_is_left_to_them(world: World) -> None:
    delete_account(world, world.sign_up(ADA))
    jobs = world.jobs()
    assert [world.erasure.work_off(due) for due in jobs * 2] == [False, None]


def test_a_job_that_is_asked_for_anew_on_its_last_steps_is_not_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    assert world.work() == [False]
    world.clock.now += ONCE_MORE
    destroy = Letters.destroy

    def and_asked_anew(letters: Letters, *arguments: Any) -> int:
        world.api.register(ada)
        delete_account(world, ada)
        return destroy(letters, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Letters, "destroy", and_asked_anew)
        assert world.work() == [False]
    assert len(world.jobs()) == 1
    world.work_to_the_end()
    assert traces(world, ada) == []


@pytest.mark.parametrize(
    ("client", "operation", "code", "passes"),
    [
        ("cognito", "admin_delete_user", "UserNotFoundException", True),
        ("cognito", "admin_delete_user", "TooManyRequestsException", False),
        ("dynamodb", "delete_item", "ConditionalCheckFailedException", True),
        ("dynamodb", "delete_item", "ThrottlingException", False),
    ],
)
def test_what_has_gone_already_is_no_failure_and_all_else_is(
    world: World, monkeypatch: pytest.MonkeyPatch, client: str, operation: str, code: str, passes: bool
) -> None:
    delete_account(world, world.sign_up(ADA))
    error = ClientError({"Error": {"Code": code, "Message": ""}}, operation)
    owner = world.erasure.outbox if client == "dynamodb" else world.erasure
    monkeypatch.setattr(getattr(owner, client), operation, Mock(side_effect=error))
    if passes:
        assert world.work() == [False]
    else:
        with pytest.raises(ClientError, match=code):
            world.work()
    assert len(world.tables.notifications) > 0


def test_an_account_that_still_shows_after_its_end_holds_no_subscription(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    monkeypatch.setattr(world.erasure.cognito, "admin_get_user", lambda **_: account_of(ada.sub))
    assert world.work() == [False]
    assert world.subscriptions() == []


def list_subscriptions(
    world: World, monkeypatch: pytest.MonkeyPatch, *subscriptions: tuple[str, str]
) -> list[str]:
    """Makes these the subscriptions, address and ARN; answers which were ended, as they are."""
    listed = [{"Endpoint": address, "SubscriptionArn": arn} for address, arn in subscriptions]
    pages = Mock(paginate=lambda **_: [{"Subscriptions": listed}])
    ended: list[str] = []
    monkeypatch.setattr(world.erasure.sns, "get_paginator", lambda _: pages)
    monkeypatch.setattr(world.erasure.sns, "unsubscribe", lambda **wanted: ended.extend(wanted.values()))
    return ended


def test_subscriptions_that_are_others_hide_none_behind_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = world.sign_up(ADA)
    world.api.change_record(ada, SubscriptionArn="arn:earlier")
    ended = list_subscriptions(
        world,
        monkeypatch,
        ("other@example.com", "arn:other"),
        ("earlier@example.com", "arn:earlier"),
        (ada.email, "arn:hers"),
    )
    holders = {"earlier@example.com": "another"}
    monkeypatch.setattr(
        world.erasure.cognito,
        "admin_get_user",
        lambda **wanted: account_of(holders.get(wanted["Username"], ada.sub)),
    )
    delete_account(world, ada)
    assert world.work() == [False]
    assert ended == ["arn:hers"]


@pytest.mark.parametrize("status", ["PendingConfirmation", "Deleted"])
def test_only_a_subscription_that_there_is_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """SNS lists one that has ended for a while, and says so in place of its ARN."""
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    ended = list_subscriptions(world, monkeypatch, (ada.email, status))
    world.work()
    world.clock.now += ONCE_MORE
    assert world.work() == [True]
    assert ended == []
    assert bool(world.tables.notifications) is (status == "PendingConfirmation")


def test_what_a_job_says_that_cannot_be_read_leads_nowhere() -> None:
    row = {
        "UserID": "ada",
        "Sub": "1",
        "Email": 1,
        "PhoneNumber": None,
        "Devices": {"a": "text", "b": {}, "c": {"EndpointArn": 1}, "d": {"EndpointArn": "arn"}},
    }
    assert Erased.from_row(row) == Erased("ada", "1", "", "", "", {"d": "arn"})
    read = {"Email": "a@x.co", "PhoneNumber": "+49", "SubscriptionArn": "arn:s", "Devices": "text"}
    assert Erased.from_row({**row, **read}) == Erased("ada", "1", "a@x.co", "+49", "arn:s", {})


def test_erasures_go_by_the_present_time() -> None:
    usual = Erasure("users", Mock(), Mock(), "pool", Mock(), "topic", Mock(), check_time=Mock())
    assert usual.clock is utc_now


def test_what_there_is_no_time_for_is_left_to_the_next_run(world: World) -> None:
    ada = world.sign_up(ADA)
    delete_account(world, ada)
    world.out_of_time = True
    assert world.work() == [False]
    world.out_of_time = False
    world.work_to_the_end()
    assert traces(world, ada) == []


@given(st.text(), st.text(min_size=1), st.text(min_size=1))
def test_no_letter_breaks_the_search(text: str, user_id: str, word: str) -> None:
    is_about(text, user_id, [word])
    assert is_about(json.dumps({"request": {"to": {"user": user_id}}}), user_id, [])
    assert is_about(json.dumps([json.dumps({"to": {"user": user_id}})]), user_id, [])
    assert is_about(json.dumps({"data": {"text": f"to {word}"}}), "", [word])


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ('{"to": {"user": "ada"}, ', True),
        ('{"to": {"user": "adam"}, ', False),
        ('{"data": {"text": "ada"}}', False),
        ('{"request": "{\\"to\\": {\\"user\\": \\"ada\\"}"}', True),
        ('{"request": " \\n {\\"to\\": \\"ada\\"}"}', True),
        ('{"recipient": {"user": "ada"}}', True),
        ('{"user": "ada"}', True),
        ('{"to": "Ada"}', True),
        ('{"to": "adam"}', False),
        ('["to", "ada"]', False),
        ('{"to": {"user": "ada"}, "to": "everyone"}', True),
        ('{"to": "ada", ', True),
        ("{'to': 'ada'}", True),
        ('{"to": ""}', False),
        ("[" * 20000, False),
    ],
)
def test_a_user_name_counts_only_as_a_recipient(text: str, about: bool) -> None:
    assert is_about(text, "ada", ["ada@example.com"]) is about
    assert not is_about(text, "", [""])


@pytest.mark.parametrize("end", ["}", ", "])
def test_what_is_for_everyone_is_not_for_somebody_who_is_called_so(end: str) -> None:
    assert not is_about(f'{{"to": "everyone"{end}', "everyone", [])
    assert is_about(f'{{"to": {{"user": "everyone"}}{end}', "everyone", [])


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("ann@x.co", True),
        ("Write to <Ann@X.co>.", True),
        ("mailto:ann@x.co.", True),
        ('{"text": "Hello,\\nann@x.co', True),
        ("joann@x.co", False),
        ("jo.ann@x.co", False),
        ("jo+ann@x.co", False),
        ("ann@x.com", False),
        ("ann@x.co.uk", False),
        ("ann@x.co-op.example", False),
        ("tel:+491701234567", True),
        ("+4917012345678", False),
    ],
)
def test_an_address_or_a_number_counts_as_a_whole_and_in_any_case(text: str, about: bool) -> None:
    assert is_about(text, "", ["ann@x.co", "+491701234567"]) is about
    assert is_about(json.dumps({"text": text}), "", ["ann@x.co", "+491701234567"]) is about


def test_more_letters_than_one_answer_holds_are_read_and_put_back(world: World) -> None:
    for number in range(25):
        world.write_letter({"to": {"user": "ada" if number % 5 == 0 else "eve"}})
    assert world.erasure.letters.destroy("ada", (), lambda: None) == 5
    left = world.sqs.get_queue_attributes(QueueUrl=world.queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == "20"


def test_a_letter_is_found_behind_any_number_of_others() -> None:
    others = {"Messages": [{"Body": "{}", "ReceiptHandle": "other"}] * 10}
    hers = {"Messages": [{"Body": '{"to": "ada"}', "ReceiptHandle": "hers"}]}
    sqs = Mock()
    sqs.receive_message.side_effect = [*[others] * 101, hers, {}]
    assert Letters(sqs, "refused").destroy("ada", (), lambda: None) == 1
    sqs.delete_message.assert_called_once_with(QueueUrl="refused", ReceiptHandle="hers")
    assert sqs.change_message_visibility_batch.call_count == 101


def test_a_run_without_time_for_all_letters_leaves_the_rest_to_the_next(world: World) -> None:
    for number in range(25):
        world.write_letter({"to": {"user": "ada" if number % 5 == 4 else "eve"}})
    letters = replace(world.erasure.letters, hold_seconds=60)

    def time_for_two() -> Callable[[], None]:
        turns = iter(range(2))

        def check_time() -> None:
            if next(turns, None) is None:
                raise OutOfTimeError

        return check_time

    with pytest.raises(OutOfTimeError):
        letters.destroy("ada", (), time_for_two())
    assert letters.destroy("ada", (), time_for_two()) == 1
