"""The dead letters: requests that were refused, which may name people."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# More than that in one go would keep the others of the queue from its readers for too long
MOST = 1000
BATCH = 10


@dataclass(frozen=True)
class Letters:
    """The queue of refused requests.

    hold_seconds: for how long a letter that was read is hidden at most.
    wait_seconds: for one to come; without a wait SQS asks only some of its servers, and may say that there
    is none.
    """

    sqs: Any
    queue_url: str
    hold_seconds: int = 60
    wait_seconds: int = 1

    def destroy(self, user_id: str, words: Sequence[str], check_time: Callable[[], None]) -> int:
        """Destroys the letters about a person, and puts the others back at once.

        user_id: as the recipient of a request; empty when that name is somebody else's now.
        words: what stands for the person wherever it stands.

        Returns:
            How many were destroyed.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: SQS did not do it. What was
                read shows again when its time is over.
        """
        others: list[Mapping[str, Any]] = []
        destroyed = 0
        try:
            while len(others) < MOST:
                check_time()
                letters = self._read()
                if not letters:
                    break
                for letter in letters:
                    if is_about(_text(letter), user_id, [word for word in words if word]):
                        self.sqs.delete_message(
                            QueueUrl=self.queue_url, ReceiptHandle=letter["ReceiptHandle"]
                        )
                        destroyed += 1
                    else:
                        others.append(letter)
        finally:
            self._put_back(others)
        return destroyed

    def _read(self) -> Sequence[Mapping[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=self.hold_seconds,
            WaitTimeSeconds=self.wait_seconds,
            MessageAttributeNames=["All"],
        )
        letters: Sequence[Mapping[str, Any]] = answer.get("Messages", [])
        return letters

    def _put_back(self, letters: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(letters), BATCH):
            self.sqs.change_message_visibility_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": letter["ReceiptHandle"], "VisibilityTimeout": 0}
                    for number, letter in enumerate(letters[start : start + BATCH])
                ],
            )


def is_about(text: str, user_id: str, words: Sequence[str]) -> bool:
    """Whether a request, or what enqueue made of it, names a person."""
    if any(word in text for word in words):
        return True
    try:
        return _names(json.loads(text), user_id, words)
    except (ValueError, RecursionError):
        # not even JSON; a user name may be an everyday word, so it counts only as a recipient
        return bool(user_id) and bool(re.search(rf'"user\\*"\s*:\s*\\*"{re.escape(user_id)}\\*"', text))


def _names(value: Any, user_id: str, words: Sequence[str]) -> bool:
    if isinstance(value, Mapping):
        to = value.get("to")
        if user_id and isinstance(to, Mapping) and to.get("user") == user_id:
            return True
        return any(_names(inner, user_id, words) for pair in value.items() for inner in pair)
    if isinstance(value, list):
        return any(_names(inner, user_id, words) for inner in value)
    if isinstance(value, str):
        # a request in a request: JSON as a text
        return is_about(value, user_id, words) if value[:1] in ("{", "[") else any(w in value for w in words)
    return False


def _text(letter: Mapping[str, Any]) -> str:
    attributes = letter.get("MessageAttributes", {})
    notes = [attribute.get("StringValue", "") for attribute in attributes.values()]
    return letter["Body"] if not notes else json.dumps([letter["Body"], *notes])
