"""SendEmail: what the mail carries, what is refused, who may send, and what is told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local_aws.conftest import Aws, HttpError, Json, get, refused, unique

HEADERS = [
    {"Name": "List-Unsubscribe", "Value": "<https://example.com/unsubscribe?token=a>"},
    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
]


@pytest.fixture
def domain(aws: Aws) -> str:
    """A verified domain."""
    name = f"{unique('domain')}.example.com"
    aws.client("sesv2").create_email_identity(EmailIdentity=name)
    return name


@pytest.fixture
def configuration_set(aws: Aws) -> str:
    name = unique("set")
    aws.client("sesv2").create_configuration_set(ConfigurationSetName=name)
    return name


def send(
    aws: Aws,
    sender: str,
    to: str = "ada@example.com",
    headers: list[dict[str, str]] | None = None,
    **more: Any,
) -> str:
    body = {"Text": {"Data": "text"}, "Html": {"Data": "<p>html</p>"}}
    simple = {"Subject": {"Data": "subject"}, "Body": body, "Headers": headers or []}
    answer = aws.client("sesv2").send_email(
        FromEmailAddress=sender, Destination={"ToAddresses": [to]}, Content={"Simple": simple}, **more
    )
    return str(answer["MessageId"])


def test_a_mail_carries_its_headers_tags_and_configuration_set(
    aws: Aws, domain: str, configuration_set: str
) -> None:
    to = f"{unique('to')}@example.com"
    tags = [{"Name": "notification", "Value": "orders_1-2"}]
    send(aws, f"Shop <shop@{domain}>", to, HEADERS, EmailTags=tags, ConfigurationSetName=configuration_set)
    (mail,) = aws.mails(to)
    assert (mail["BodyText"], mail["BodyHtml"]) == ("text", "<p>html</p>")
    assert (mail["Headers"], mail["EmailTags"]) == (HEADERS, tags)
    assert mail["ConfigurationSetName"] == configuration_set


def test_the_mailbox_shows_what_came_from_a_moment_on(aws: Aws, domain: str) -> None:
    before, after = f"{unique('to')}@example.com", f"{unique('to')}@example.com"
    send(aws, f"shop@{domain}", before)
    (first,) = aws.mails(before)
    send(aws, f"shop@{domain}", after)
    mailbox = f"{aws.url}/_ministack/ses/messages?since="
    held = json.loads(get(f"{mailbox}{first['Timestamp'] + 0.000001!r}"))["messages"]
    assert [mail["To"] for mails in held.values() for mail in mails] == [[after]]
    held = json.loads(get(f"{mailbox}{first['Timestamp']!r}"))["messages"]
    assert [mail["To"] for mails in held.values() for mail in mails] == [[before], [after]]
    with pytest.raises(HttpError, match="number of seconds"):
        get(f"{mailbox}yesterday")


@pytest.mark.parametrize(
    "tag", [("a:b", "v"), ("n", "app#1"), ("", "v"), ("n", ""), ("n" * 257, "v"), ("n", "v" * 257)]
)
def test_a_tag_of_other_characters_is_refused(aws: Aws, domain: str, tag: tuple[str, str]) -> None:
    with refused("BadRequestException"):
        send(aws, f"shop@{domain}", EmailTags=[{"Name": tag[0], "Value": tag[1]}])


@pytest.mark.parametrize(
    "headers",
    [
        [("X:Y", "v")],
        [("X" * 127, "v")],
        [("X", "v\r\nBcc: eve@example.com")],
        [("X", "ü")],
        [("X", "v" * 871)],
        [(f"X-{number}", "v") for number in range(16)],
    ],
)
def test_a_header_outside_of_the_rules_is_refused(
    aws: Aws, domain: str, headers: list[tuple[str, str]]
) -> None:
    with refused("BadRequestException"):
        send(aws, f"shop@{domain}", headers=[{"Name": name, "Value": value} for name, value in headers])


def test_an_unverified_sender_and_an_unknown_configuration_set_are_refused(aws: Aws, domain: str) -> None:
    with refused("MessageRejected", "not verified"):
        send(aws, "shop@unverified.example.org")
    with refused("NotFoundException"):
        send(aws, f"shop@{domain}", ConfigurationSetName="none")


def test_sending_needs_the_identity_the_configuration_set_and_the_sender(
    aws: Aws, domain: str, configuration_set: str
) -> None:
    arn = "arn:aws:ses:us-east-1:000000000000"
    both = [f"{arn}:identity/{domain}", f"{arn}:configuration-set/{configuration_set}"]
    only = {"StringEquals": {"ses:FromAddress": f"shop@{domain}"}}

    def session(resources: list[str]) -> Aws:
        statement = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": resources, "Condition": only}
        return aws.as_role(aws.role([statement]))

    send(session(both), f"Shop <shop@{domain}>", ConfigurationSetName=configuration_set)
    with refused("AccessDeniedException", "identity"):
        send(session(both), f"other@{domain}", ConfigurationSetName=configuration_set)
    with refused("AccessDeniedException", "configuration-set"):
        send(session(both[:1]), f"shop@{domain}", ConfigurationSetName=configuration_set)
    with refused("AccessDeniedException", "identity"):
        send(session(both[1:]), f"shop@{domain}", ConfigurationSetName=configuration_set)


@pytest.mark.parametrize(
    ("to", "kinds"),
    [("bounce+1", ["Bounce"]), ("complaint", ["Complaint"]), ("success", [])],
)
def test_bounces_and_complaints_reach_the_topic_of_the_configuration_set(
    aws: Aws, domain: str, configuration_set: str, to: str, kinds: list[str]
) -> None:
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    queue = aws.client("sqs").create_queue(QueueName=unique("queue"))["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{queue.rpartition('/')[2]}"
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    aws.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    destination: Json = {
        "Enabled": True,
        "MatchingEventTypes": ["BOUNCE", "COMPLAINT"],
        "SnsDestination": {"TopicArn": topic},
    }
    aws.client("sesv2").create_configuration_set_event_destination(
        ConfigurationSetName=configuration_set, EventDestinationName="sns", EventDestination=destination
    )
    message_id = send(
        aws,
        f"shop@{domain}",
        f"{to}@simulator.amazonses.com",
        ConfigurationSetName=configuration_set,
        EmailTags=[{"Name": "notification", "Value": "a"}],
    )
    messages = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    events = [json.loads(message["Body"]) for message in messages]
    assert [event["eventType"] for event in events] == kinds
    for event in events:
        assert event["mail"]["messageId"] == message_id
        assert event["mail"]["tags"]["notification"] == ["a"]
        assert event["mail"]["tags"]["ses:configuration-set"] == [configuration_set]
        detail = event[event["eventType"].lower()]
        people = detail.get("bouncedRecipients") or detail["complainedRecipients"]
        assert people[0]["emailAddress"] == f"{to}@simulator.amazonses.com"
