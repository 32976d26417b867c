import json
import string
from contextlib import suppress
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ReadTimeoutError
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.channels import Channel, Target, failure, stopped
from notifications.channels.push import MAX_PAYLOAD, Push, payloads
from notifications.channels.ses_email import SesEmail
from notifications.channels.sms import Sms, send_text
from notifications.channels.sns_email import SnsEmail, digest, filter_policy, subject
from notifications.feedback import notification_of
from notifications.message import Message
from notifications.notification import Outcome, State
from notifications.users import Device, User, Users

from .conftest import USERS, Tables

EMAIL = "ada@example.com"
MOVED = "ada@new.example.com"
ADA = User("ada", "sub-ada", EMAIL, email_verified=True, phone="+4915112345678")
WELCOME = Message("Account Created", "Hello ada")
TOPIC = "arn:aws:sns:eu-west-1:000000000000:topic"
PENDING = Outcome(State.WAITING_OPT_IN, "PendingConfirmation")
RECIPIENT_GONE = Outcome(State.SKIPPED, "RecipientGone")


class FakeSns:
    """Subscriptions by the contract of "Subscribe", "Unsubscribe" and "GetSubscriptionAttributes"."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, dict[str, str]] = {}
        self.published: list[dict[str, Any]] = []

    def subscribe(self, **call: Any) -> dict[str, str]:
        assert (call["TopicArn"], call["Protocol"]) == (TOPIC, "email")
        arn = f"{TOPIC}:{call['Endpoint']}"
        attributes = {"Endpoint": call["Endpoint"], **call["Attributes"]}
        known = self.subscriptions.setdefault(arn, {**attributes, "PendingConfirmation": "true"})
        if any(known.get(name) != value for name, value in attributes.items()):
            raise error("InvalidParameter")
        assert call["ReturnSubscriptionArn"]
        return {"SubscriptionArn": arn}

    def unsubscribe(self, **call: str) -> None:
        if self._find(call)["PendingConfirmation"] == "true":
            raise error("InvalidParameter")
        del self.subscriptions[call["SubscriptionArn"]]

    def get_subscription_attributes(self, **call: str) -> dict[str, Any]:
        return {"Attributes": self._find(call)}

    def publish(self, **call: Any) -> dict[str, str]:
        self.published.append(call)
        return {"MessageId": "1"}

    def opt_in(self) -> None:
        for subscription in self.subscriptions.values():
            subscription["PendingConfirmation"] = "false"

    def _find(self, call: dict[str, str]) -> dict[str, str]:
        if call["SubscriptionArn"] not in self.subscriptions:
            raise error("NotFound")
        return self.subscriptions[call["SubscriptionArn"]]


def error(code: str, message: str = "", status: int = 400) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "x")


def refusing(refusal: ClientError) -> Any:
    return Mock(**{"publish.side_effect": refusal})


def put(tables: Tables, user: User) -> None:
    record = {"UserID": user.user_id, "Sub": user.sub, "Email": user.email}
    if user.subscription_arn:
        record["SubscriptionArn"] = user.subscription_arn
    tables.client.put_item(TableName=USERS, Item={name: {"S": value} for name, value in record.items()})


def on_record(tables: Tables) -> User:
    """Ada, as the table has her."""
    (record,) = (row for row in tables.users if row["UserID"] == ADA.user_id)
    return User("ada", record["Sub"], record["Email"], subscription_arn=record.get("SubscriptionArn", ""))


def send(channel: Channel, user: User, message: Message = WELCOME) -> Outcome:
    (target,) = channel.targets(user)
    return channel.send(user, target, message)


@pytest.fixture
def sns() -> FakeSns:
    return FakeSns()


@pytest.fixture
def channel(sns: FakeSns, tables: Tables) -> SnsEmail:
    put(tables, ADA)
    return SnsEmail(sns, TOPIC, Users(tables.client, USERS))


@pytest.fixture
def subscribed(tables: Tables, channel: SnsEmail, sns: FakeSns) -> User:
    """Ada, who has opted in."""
    send(channel, ADA)
    sns.opt_in()
    return on_record(tables)


def test_nothing_is_published_before_the_person_has_opted_in(channel: SnsEmail, sns: FakeSns) -> None:
    assert send(channel, ADA) == PENDING
    assert sns.published == []


def test_the_subscription_is_remembered_and_not_asked_for_again(
    channel: SnsEmail, sns: FakeSns, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(channel, ADA)
    user = on_record(tables)
    assert user.subscription_arn in sns.subscriptions
    monkeypatch.setattr(sns, "subscribe", Mock(side_effect=AssertionError))
    assert send(channel, user) == PENDING


def test_after_the_opt_in_it_is_published_to_the_one_recipient(
    channel: SnsEmail, sns: FakeSns, subscribed: User
) -> None:
    assert send(channel, subscribed) == Outcome(State.SENT, message_id="1")
    (call,) = sns.published
    (recipient,) = json.loads(sns.subscriptions[subscribed.subscription_arn]["FilterPolicy"])["recipient"]
    assert call["MessageAttributes"] == {"recipient": {"DataType": "String", "StringValue": recipient}}
    assert (call["Subject"], call["Message"], call["TopicArn"]) == ("Account Created", "Hello ada", TOPIC)


def test_a_subscription_that_is_gone_ends_this_way_to_the_person(
    channel: SnsEmail, sns: FakeSns, subscribed: User
) -> None:
    sns.subscriptions.clear()
    assert send(channel, subscribed) == Outcome(State.EXPIRED, "SubscriptionGone", stop=True)
    # nobody who has left is asked again
    assert sns.subscriptions == {}


def test_a_subscription_that_another_worker_has_moved_is_looked_at_again(
    channel: SnsEmail, sns: FakeSns, tables: Tables, subscribed: User
) -> None:
    sns.subscriptions.clear()
    put(tables, User("ada", ADA.sub, EMAIL, subscription_arn=f"{TOPIC}:another"))
    assert send(channel, subscribed) == Outcome(State.RETRY, "SubscriptionMoved")


def test_a_subscription_that_sns_does_not_know_yet_is_not_taken_for_one_that_is_gone(
    channel: SnsEmail, sns: FakeSns, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sns, "get_subscription_attributes", Mock(side_effect=error("NotFound")))
        assert send(channel, ADA) == PENDING
    sns.opt_in()
    assert send(channel, on_record(tables)).state is State.SENT


@pytest.mark.parametrize("policy", [{"FilterPolicy": "{}"}, {"FilterPolicy": "null"}, {}])
def test_a_subscription_that_would_let_others_read_is_not_used(
    channel: SnsEmail, sns: FakeSns, subscribed: User, policy: dict[str, str]
) -> None:
    del sns.subscriptions[subscribed.subscription_arn]["FilterPolicy"]
    sns.subscriptions[subscribed.subscription_arn] |= policy
    assert send(channel, subscribed) == Outcome(State.FAILED, "SubscriptionNotOurs")
    assert sns.published == []


@pytest.mark.parametrize("opted_in", [True, False])
def test_a_new_address_is_subscribed_and_the_old_one_left(
    channel: SnsEmail, sns: FakeSns, tables: Tables, subscribed: User, opted_in: bool
) -> None:
    old = subscribed.subscription_arn
    sns.subscriptions[old]["PendingConfirmation"] = str(not opted_in).lower()
    put(tables, User("ada", ADA.sub, MOVED, subscription_arn=old))
    assert send(channel, on_record(tables)) == PENDING
    moved = on_record(tables)
    assert sns.subscriptions[moved.subscription_arn]["Endpoint"] == MOVED
    # one that was never confirmed cannot be ended: it lapses
    assert (old in sns.subscriptions) is not opted_in
    sns.opt_in()
    assert send(channel, moved).state is State.SENT


def test_a_move_from_a_subscription_that_ends_meanwhile_is_made(
    channel: SnsEmail, sns: FakeSns, tables: Tables, subscribed: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tables, User("ada", ADA.sub, MOVED, subscription_arn=subscribed.subscription_arn))
    monkeypatch.setattr(sns, "unsubscribe", Mock(side_effect=error("NotFound")))
    assert send(channel, on_record(tables)) == PENDING
    assert sns.subscriptions[on_record(tables).subscription_arn]["Endpoint"] == MOVED


@pytest.mark.parametrize(
    "more", [{"ResponseMetadata": {"HTTPStatusCode": 400}}, {"ResponseMetadata": {}}, {}]
)
def test_a_move_that_failed_half_way_is_made_again(
    channel: SnsEmail,
    sns: FakeSns,
    tables: Tables,
    subscribed: User,
    monkeypatch: pytest.MonkeyPatch,
    more: Any,
) -> None:
    put(tables, User("ada", ADA.sub, MOVED, subscription_arn=subscribed.subscription_arn))
    answer: Any = {"Error": {"Code": "Throttled"}, **more}
    refusal = ClientError(answer, "Unsubscribe")
    with monkeypatch.context() as broken:
        broken.setattr(sns, "unsubscribe", Mock(side_effect=refusal))
        with pytest.raises(ClientError):
            send(channel, on_record(tables))
    assert send(channel, on_record(tables)) == PENDING
    assert list(sns.subscriptions) == [on_record(tables).subscription_arn]


class DiedError(BaseException):
    """The worker is killed."""


@pytest.mark.parametrize("heard", [True, False])
def test_a_worker_that_dies_in_a_move_does_not_make_it_look_as_if_the_person_had_left(
    channel: SnsEmail,
    sns: FakeSns,
    tables: Tables,
    subscribed: User,
    monkeypatch: pytest.MonkeyPatch,
    heard: bool,
) -> None:
    put(tables, User("ada", ADA.sub, MOVED, subscription_arn=subscribed.subscription_arn))
    unsubscribe = sns.unsubscribe

    def die(**call: str) -> None:
        if heard:
            unsubscribe(**call)
        raise DiedError

    with monkeypatch.context() as killed:
        killed.setattr(sns, "unsubscribe", die)
        with pytest.raises(DiedError):
            send(channel, on_record(tables))
    assert send(channel, on_record(tables)) == PENDING
    sns.opt_in()
    assert send(channel, on_record(tables)).state is State.SENT


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize(
    "answer", [EndpointConnectionError(endpoint_url="x"), error("InternalError", status=500)], ids=type
)
def test_an_end_without_an_answer_does_not_make_it_look_as_if_the_person_had_left(
    channel: SnsEmail,
    sns: FakeSns,
    tables: Tables,
    subscribed: User,
    monkeypatch: pytest.MonkeyPatch,
    answer: Exception,
    heard: bool,
) -> None:
    put(tables, User("ada", ADA.sub, MOVED, subscription_arn=subscribed.subscription_arn))
    unsubscribe = sns.unsubscribe

    def unanswered(**call: str) -> None:
        if heard:
            unsubscribe(**call)
        raise answer

    with monkeypatch.context() as broken, suppress(ClientError, BotoCoreError):
        broken.setattr(sns, "unsubscribe", unanswered)
        send(channel, on_record(tables))
    assert send(channel, on_record(tables)) == PENDING
    # and nothing of the old address stays
    assert [subscription["Endpoint"] for subscription in sns.subscriptions.values()] == [MOVED]


def test_who_was_moved_by_another_worker_has_not_left(
    channel: SnsEmail, tables: Tables, subscribed: User
) -> None:
    before = User("ada", ADA.sub, MOVED, subscription_arn=subscribed.subscription_arn)
    put(tables, before)
    send(channel, before)
    outcome = send(channel, before)
    assert (outcome.state, outcome.stop) == (State.RETRY, False)


def test_the_same_address_in_other_letters_is_no_new_one(
    channel: SnsEmail, sns: FakeSns, subscribed: User
) -> None:
    sns.subscriptions[subscribed.subscription_arn]["Endpoint"] = EMAIL.title()
    assert send(channel, subscribed).state is State.SENT


def test_who_is_gone_by_the_time_of_the_subscription_is_skipped(channel: SnsEmail, tables: Tables) -> None:
    assert send(channel, User("ada", "an-older-sub", "old@example.com")) == RECIPIENT_GONE
    assert on_record(tables).subscription_arn == ""


def test_who_is_gone_by_the_time_of_a_move_is_skipped(channel: SnsEmail, subscribed: User) -> None:
    before = User("ada", "an-older-sub", MOVED, subscription_arn=subscribed.subscription_arn)
    assert send(channel, before) == RECIPIENT_GONE


def test_two_usernames_with_one_address_share_its_subscription(
    channel: SnsEmail, sns: FakeSns, tables: Tables, subscribed: User
) -> None:
    other = User("ada2", "sub-ada2", EMAIL)
    put(tables, other)
    assert send(channel, other, Message("Account Created", "Hello ada2")).state is State.SENT
    assert len(sns.subscriptions) == 1


@given(st.lists(st.text(min_size=1), unique=True, min_size=2))
def test_each_address_has_a_digest_of_its_own(addresses: list[str]) -> None:
    assert len({digest(address) for address in addresses}) == len(addresses)
    for address in addresses:
        assert json.loads(filter_policy(address)) == {"recipient": [digest(address)]}


@given(st.text(st.characters(exclude_categories=[])))
@example("\x00\u2028\ud800")
@example("x" * 100)
def test_a_subject_is_always_one_that_sns_takes(text: str) -> None:
    made = subject(text)
    assert 0 < len(made) < 100
    assert made.isascii()
    assert made.isprintable()
    assert made[0] in string.ascii_letters + string.digits + string.punctuation


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Account Created", "Account Created"),
        ("Votre reçu est prêt", "Votre recu est pret"),
        ("12 € back", "12 ? back"),
        (" two\nlines ", "two lines"),
        ("", "Notification"),
        ("добрый день", "Notification"),
        ("x" * 99, "x" * 99),
        ("x" * 100, "x" * 96 + "..."),
    ],
)
def test_a_subject_stays_as_near_to_the_text_as_ascii_comes(text: str, made: str) -> None:
    assert subject(text) == made


class Ses:
    """SES's client, and what it was last asked to send."""

    def __init__(self) -> None:
        self.client = Mock(**{"send_email.return_value": {"MessageId": "1"}})

    @property
    def call(self) -> dict[str, Any]:
        made: dict[str, Any] = self.client.send_email.call_args.kwargs
        return made


@pytest.fixture
def ses() -> Ses:
    return Ses()


def test_ses_writes_to_the_address_itself(ses: Ses) -> None:
    assert send(SesEmail(ses.client, "us@example.com"), ADA) == Outcome(State.SENT, message_id="1")
    assert ses.call == {
        "FromEmailAddress": "us@example.com",
        "Destination": {"ToAddresses": [EMAIL]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Account Created", "Charset": "UTF-8"},
                "Body": {"Text": {"Data": "Hello ada", "Charset": "UTF-8"}},
            }
        },
    }


def test_ses_sends_html_and_a_link_to_unsubscribe_by_one_click(ses: Ses) -> None:
    message = Message("Sale", "Now", html="<b>Now</b>", unsubscribe_url="https://example.com/u?token=t")
    send(SesEmail(ses.client, "us@example.com"), ADA, message)
    content = ses.call["Content"]["Simple"]
    assert content["Body"]["Html"] == {"Data": "<b>Now</b>", "Charset": "UTF-8"}
    assert content["Headers"] == [
        {"Name": "List-Unsubscribe", "Value": "<https://example.com/u?token=t>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]


def test_ses_uses_the_configuration_set_that_it_is_given(ses: Ses) -> None:
    send(SesEmail(ses.client, "us@example.com", "events"), ADA)
    assert ses.call["ConfigurationSetName"] == "events"


def test_a_mail_is_tagged_with_its_notification(ses: Ses) -> None:
    channel = SesEmail(ses.client, "us@example.com")
    send(channel, ADA, Message("s", "t", notification_id="app#order:1#5f0c"))
    (tag,) = ses.call["EmailTags"]
    assert (tag["Name"], notification_of(tag["Value"])) == ("notification", "app#order:1#5f0c")
    send(channel, ADA, Message("s", "t", notification_id="x" * 200))
    assert "EmailTags" not in ses.call


def test_an_address_that_nobody_has_verified_is_not_written_to(ses: Ses) -> None:
    unverified = User("ada", "sub-ada", EMAIL)
    waiting = Outcome(State.WAITING_OPT_IN, "EmailNotVerified")
    assert send(SesEmail(ses.client, "us@example.com"), unverified) == waiting
    ses.client.send_email.assert_not_called()


def test_the_whole_call_is_one_that_the_api_has(aws: None) -> None:
    make: Any = boto3.client
    client = make("sesv2")
    client.create_email_identity(EmailIdentity="us@example.com")
    message = Message("s", "t", "<p>", "https://example.com/u", notification_id="app#1")
    assert send(SesEmail(client, "us@example.com", "events"), ADA, message).state is State.SENT


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("MessageRejected", State.FAILED),
        ("BadRequestException", State.FAILED),
        ("ParameterValueInvalid", State.FAILED),
        ("FilterPolicyLimitExceeded", State.FAILED),
        ("InvalidParameter", State.FAILED),
        ("InvalidParameterValue", State.FAILED),
        ("SubscriptionLimitExceeded", State.FAILED),
        ("ValidationException", State.FAILED),
        ("TooManyRequestsException", State.RETRY),
        ("LimitExceededException", State.RETRY),
        ("AccountSuspendedException", State.RETRY),
        ("SendingPausedException", State.RETRY),
        ("Throttled", State.RETRY),
        ("ThrottledException", State.RETRY),
        ("KMSThrottling", State.RETRY),
        ("PlatformApplicationDisabled", State.RETRY),
    ],
)
def test_an_error_that_may_pass_is_tried_again_and_none_stops_anybody(code: str, state: State) -> None:
    assert failure(error(code)) == Outcome(state, code)


def test_an_sms_goes_to_the_number_on_the_record(aws: None) -> None:
    make: Any = boto3.client
    outcome = send(Sms(make("sns")), ADA)
    assert (outcome.state, outcome.stop) == (State.SENT, False)
    assert outcome.message_id


def test_an_sms_is_one_that_a_person_waits_for(sns: FakeSns) -> None:
    assert send_text(sns, "+4915100000000", "123456") == Outcome(State.SENT, message_id="1")
    (call,) = sns.published
    assert (call["PhoneNumber"], call["Message"]) == ("+4915100000000", "123456")
    assert call["MessageAttributes"]["AWS.SNS.SMS.SMSType"]["StringValue"] == "Transactional"


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (error("InvalidParameter", "Invalid parameter: PhoneNumber Reason: not valid"), "InvalidNumber"),
        (error("InvalidParameter"), "InvalidNumber"),
        (error("OptedOut"), "OptedOut"),
        (error("OptedOutException"), "OptedOut"),
    ],
)
def test_a_number_that_can_never_be_reached_is_stopped(refusal: ClientError, reason: str) -> None:
    assert send(Sms(refusing(refusal)), ADA) == Outcome(State.FAILED, reason, stop=True)


@pytest.mark.parametrize(
    "refusal", [error("Throttled"), error("InvalidParameter", "Invalid parameter: Message too long")]
)
def test_a_number_is_not_stopped_for_what_is_not_its_fault(refusal: ClientError) -> None:
    with pytest.raises(ClientError) as raised:
        send(Sms(refusing(refusal)), ADA)
    assert raised.value is refusal


class Phones:
    """Two devices at SNS, and their owner."""

    def __init__(self) -> None:
        make: Any = boto3.client
        self.sns = make("sns")
        app = self.sns.create_platform_application(Name="app", Platform="GCM", Attributes={})
        self.arns = [
            self.sns.create_platform_endpoint(
                PlatformApplicationArn=app["PlatformApplicationArn"], Token=token
            )["EndpointArn"]
            for token in ("one", "two")
        ]
        devices = tuple(Device(f"d{number}", arn, "GCM") for number, arn in enumerate(self.arns))
        self.owner = User("ada", "sub-ada", EMAIL, devices=devices)


ONE_DEVICE = User("ada", "sub-ada", EMAIL, devices=(Device("d", "arn", "GCM"),))


@pytest.fixture
def phones(aws: None) -> Phones:
    return Phones()


def test_each_device_is_a_target_of_its_own(phones: Phones) -> None:
    channel = Push(phones.sns)
    targets = channel.targets(phones.owner)
    assert targets == [Target(f"Push:d{n}", f"Push:d{n}", arn) for n, arn in enumerate(phones.arns)]
    for target in targets:
        assert channel.send(phones.owner, target, WELCOME).state is State.SENT


def test_a_device_that_was_switched_off_or_removed_is_stopped(phones: Phones) -> None:
    channel = Push(phones.sns)
    off, removed = channel.targets(phones.owner)
    phones.sns.set_endpoint_attributes(EndpointArn=off.address, Attributes={"Enabled": "false"})
    phones.sns.delete_endpoint(EndpointArn=removed.address)
    assert channel.send(phones.owner, off, WELCOME) == Outcome(State.FAILED, "EndpointDisabled", stop=True)
    assert channel.send(phones.owner, removed, WELCOME) == Outcome(State.FAILED, "EndpointGone", stop=True)


def test_sns_may_say_in_other_words_that_a_device_is_gone() -> None:
    refusal = error("InvalidParameter", "Invalid parameter: TargetArn Reason: No endpoint found")
    assert send(Push(refusing(refusal)), ONE_DEVICE) == Outcome(State.FAILED, "EndpointGone", stop=True)


def test_no_device_is_stopped_for_what_its_application_lacks() -> None:
    with pytest.raises(ClientError):
        send(Push(refusing(error("PlatformApplicationDisabled"))), ONE_DEVICE)


def test_a_push_is_sent_in_the_form_of_each_platform() -> None:
    sns = Mock(publish=Mock(return_value={"MessageId": "1"}))
    assert send(Push(sns), ONE_DEVICE) == Outcome(State.SENT, message_id="1")
    (target,) = Push(sns).targets(ONE_DEVICE)
    sns.publish.assert_called_once_with(
        TargetArn=target.address,
        MessageStructure="json",
        Message=payloads(WELCOME.subject, WELCOME.text),
    )


def test_a_title_leaves_most_of_a_push_to_its_body() -> None:
    made = json.loads(json.loads(payloads("a" * 1025, "Now"))["APNS"])
    assert made["aps"]["alert"] == {"title": "a" * 1021 + "...", "body": "Now"}


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        ("a" * MAX_PAYLOAD, "a" * MAX_PAYLOAD),
        ("a" * (MAX_PAYLOAD + 1), "a" * (MAX_PAYLOAD - 3) + "..."),
        # six bytes each
        ("ü" * 683, "ü" * 682 + "..."),
    ],
)
def test_a_push_is_cut_where_it_must_be_and_no_sooner(body: str, cut: str) -> None:
    assert json.loads(payloads("", body))["default"] == cut


def test_a_push_has_a_title_and_a_body_for_each_platform() -> None:
    made = json.loads(payloads("Sale", "Now"))
    assert made["default"] == "Now"
    fcm = {"fcmV1Message": {"message": {"notification": {"title": "Sale", "body": "Now"}}}}
    assert json.loads(made["GCM"]) == fcm
    for platform in ("APNS", "APNS_SANDBOX"):
        assert json.loads(made[platform]) == {"aps": {"alert": {"title": "Sale", "body": "Now"}}}


@given(title=st.text(), body=st.text(), times=st.sampled_from([1, 100, 10_000]))
@example(title="ü" * 5000, body="ü", times=5000)
def test_a_push_fits_into_what_its_platform_takes(title: str, body: str, times: int) -> None:
    body *= times
    made = json.loads(payloads(title, body))
    texts = [json.loads(made[name])["aps"]["alert"]["body"] for name in ("APNS", "APNS_SANDBOX")]
    texts.append(json.loads(made["GCM"])["fcmV1Message"]["message"]["notification"]["body"])
    for text in texts:
        assert text == body or (text.endswith("...") and body.startswith(text[:-3]) and len(text) > 200)
    for payload in made.values():
        assert len(payload.encode()) <= MAX_PAYLOAD


NOBODY = Users(None, "")


@pytest.mark.parametrize(
    ("channel", "target"),
    [
        (SnsEmail(None, TOPIC, NOBODY), Target("Email", "Email:sns", EMAIL)),
        (SesEmail(None, ""), Target("Email", "Email:ses", EMAIL)),
        (Sms(None), Target("SMS", "SMS", ADA.phone)),
        (Push(None), None),
    ],
)
def test_a_channel_has_a_target_where_it_is_set_up(channel: Channel, target: Target | None) -> None:
    assert list(channel.targets(ADA)) == ([target] if target else [])
    assert list(channel.targets(User("ada", "sub-ada", ""))) == []


def test_a_service_that_does_not_answer_is_asked_again() -> None:
    assert failure(ReadTimeoutError(endpoint_url="x")) == Outcome(State.RETRY, "ReadTimeoutError")


def test_a_refusal_needs_no_message() -> None:
    refusal = ClientError({"Error": {"Code": "OptedOut"}}, "Publish")
    assert stopped(refusal, {"OptedOut": "why"}) == Outcome(State.FAILED, "why", stop=True)
