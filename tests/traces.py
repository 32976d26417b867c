"""What is to be found of a person, anywhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from notifications.erasure_job import erasure_id
from tests.deployment import Deployment, Member

PENDING = "PendingConfirmation"


TABLES = ("user_table_name", "notification_table_name", "channel_rate_table_name")


@dataclass(frozen=True)
class Known:
    """Somebody, and all that they could be known by. endpoints: ARNs, of their devices."""

    member: Member
    endpoints: tuple[str, ...] = ()

    @property
    def job(self) -> str:
        return erasure_id(self.member.sub)

    @property
    def words(self) -> list[str]:
        """What stands for the person and for nobody else."""
        person = self.member.person
        return [word for word in (person.username, person.email, self.member.phone) if word]

    def erase(self) -> dict[str, Any]:
        """Asks to be erased; returns what the answer says."""
        answer = self.member.call("DELETE", "/account")
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()
        assert told["status"] == "erasing"
        return told


def traces(system: Deployment, known: Known) -> list[str]:
    """What is still to be found of a person, anywhere."""
    # the logs may have the subject, a pseudonym of which nobody can tell whose it was
    lines = (f"log {line}" for line in logged(system) if any(word in line for word in known.words))
    return sorted([*stored(system, known), *lines])


def stored(system: Deployment, known: Known, *queues: str) -> list[str]:
    """What is stored of a person. queues: whose messages count; else those of all."""
    words = [*known.words, known.member.sub]
    found = [
        *(f"row {row}" for row in rows(system) if any(word in row for word in words)),
        *(f"subscription {arn}" for arn in subscriptions(system, known.member.person.email)),
        *(f"device {arn}" for arn in known.endpoints if is_there(system, arn)),
        *(f"account {user}" for user in accounts(system) if any(word in user for word in words)),
        *(f"message {text}" for text in messages(system, *queues) if any(word in text for word in words)),
    ]
    return sorted(found)


def rows(system: Deployment) -> Iterator[str]:
    """Every row of every table."""
    for name in TABLES:
        pages = system.dynamodb.get_paginator("scan").paginate(TableName=system.outputs[name])
        yield from (json.dumps(item, default=str) for page in pages for item in page["Items"])


def subscriptions(system: Deployment, email: str) -> list[str]:
    pages = system.client("sns").get_paginator("list_subscriptions_by_topic")
    found = pages.paginate(TopicArn=system.outputs["notification_topic_arn"]).search("Subscriptions[]")
    return [one["SubscriptionArn"] for one in found if one and one["Endpoint"] == email]


def is_there(system: Deployment, endpoint: str) -> bool:
    sns = system.client("sns")
    try:
        sns.get_endpoint_attributes(EndpointArn=endpoint)
    except sns.exceptions.NotFoundException:
        return False
    return True


def accounts(system: Deployment) -> Iterator[str]:
    pages = system.client("cognito-idp").get_paginator("list_users").paginate(UserPoolId=system.pool)
    for user in pages.search("Users[]"):
        yield json.dumps(user, default=str)


def messages(system: Deployment, *queues: str) -> list[str]:
    """What is in some queues, or in any, and is there afterwards, for all to see."""
    sqs, found = system.client("sqs"), list[str]()
    for queue in queues or sqs.list_queues()["QueueUrls"]:
        taken: list[dict[str, Any]] = []
        while more := sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            taken += more
        for one in taken:
            found.append(json.dumps([one["Body"], one.get("MessageAttributes", {})]))
            sqs.change_message_visibility(
                QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
            )
    return found


def logged(system: Deployment) -> Iterator[str]:
    """Every line of every log: the functions' and the API's."""
    logs = system.client("logs")
    for group in logs.get_paginator("describe_log_groups").paginate().search("logGroups[]"):
        events = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        yield from (event["message"] for event in events.search("events[]"))
