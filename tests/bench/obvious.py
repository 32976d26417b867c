"""The obvious version of the trigger: what is written first. It is here to be measured, not to be used.

It welcomes before the person has opted in, and with the person everybody else; it logs the event, with the
address; and it acts on each event, a reset password too.
"""

import json
from typing import Any

import boto3

TABLE = "ObviousUsers"
TOPIC_ARN = "arn:aws:sns:eu-central-1:000000000000:obvious-notifications"

make: Any = boto3
table = make.resource("dynamodb").Table(TABLE)
sns = make.client("sns")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    print(json.dumps(event))  # noqa: T201 - so it does
    email = event["request"]["userAttributes"]["email"]
    table.put_item(
        Item={"UserID": event["userName"], "Email": email, "NotificationPreference": "Email"},
    )
    sns.subscribe(TopicArn=TOPIC_ARN, Protocol="email", Endpoint=email)
    sns.publish(
        TopicArn=TOPIC_ARN,
        Subject="Welcome!",
        Message=f"Hello {event['userName']}, thank you for registering.",
    )
    return event
