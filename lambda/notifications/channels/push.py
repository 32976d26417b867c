"""Push messages by SNS, to each of a person's devices.

The payloads are those of "Publishing Amazon SNS notifications with platform-specific payloads" and "Using
Google Firebase Cloud Messaging v1 payloads in Amazon SNS" in the Amazon SNS Developer Guide.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from botocore.exceptions import ClientError

from notifications.catalogue import PUSH
from notifications.channels import Target, stopped
from notifications.message import Message
from notifications.notification import Outcome, State
from notifications.users import User

# Apple and Google take 4 KB ("Generating a remote notification", "About FCM messages")
MAX_PAYLOAD = 4096
# of the payload, so that the body has most of it
MAX_TITLE = 1024
_MORE = "..."
# An application whose credentials have lapsed (PlatformApplicationDisabled) is not among them: it is for an
# operator to mend, and no device's fault
_ENDS = {
    "EndpointDisabled": "EndpointDisabled",
    "NotFound": "EndpointGone",
    "InvalidParameter TargetArn": "EndpointGone",
}


@dataclass(frozen=True)
class Push:
    """Sends to the devices on the record."""

    sns: Any

    def targets(self, user: User) -> Sequence[Target]:
        return [
            Target(f"{PUSH}:{device.device_id}", f"{PUSH}:{device.device_id}", device.endpoint_arn)
            for device in user.devices
        ]

    def send(self, user: User, target: Target, message: Message) -> Outcome:  # noqa: ARG002 - the device is all
        try:
            sent = self.sns.publish(
                TargetArn=target.address,
                MessageStructure="json",
                Message=payloads(message.subject, message.text),
            )
        except ClientError as error:
            return stopped(error, _ENDS)
        return Outcome(State.SENT, message_id=sent["MessageId"])


def payloads(title: str, body: str) -> str:
    """The message in the form of each platform, as JSON; SNS takes the form of the device's own.

    Each fits into what its platform takes: a title or body that is too long is cut.
    """
    title = _cut(title, MAX_TITLE)
    forms = {"GCM": _fcm, "APNS": _apns, "APNS_SANDBOX": _apns}
    fitted = {platform: _fitted(form, title, body) for platform, form in forms.items()}
    return json.dumps({"default": _cut(body, MAX_PAYLOAD), **fitted})


def _fcm(title: str, body: str) -> dict[str, Any]:
    return {"fcmV1Message": {"message": {"notification": {"title": title, "body": body}}}}


def _apns(title: str, body: str) -> dict[str, Any]:
    return {"aps": {"alert": {"title": title, "body": body}}}


def _fitted(form: Callable[[str, str], dict[str, Any]], title: str, body: str) -> str:
    room = MAX_PAYLOAD - len(json.dumps(form(title, "")))
    return json.dumps(form(title, _cut(body, room)))


def _cut(text: str, room: int) -> str:
    """A text that takes no more than so many bytes in a JSON, with dots where the rest of it was."""
    if _size(text) <= room:
        return text
    ends = accumulate(_size(char) for char in text)
    return text[: sum(end <= room - len(_MORE) for end in ends)] + _MORE


def _size(text: str) -> int:
    """The bytes of a text in a JSON, all but ASCII escaped: no service can make it longer."""
    return len(json.dumps(text)) - len('""')
