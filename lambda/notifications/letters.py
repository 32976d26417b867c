"""The dead letters: requests that were refused, which may name people."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

BATCH = 10
_EVERYONE = "everyone"
# A field of a request in a text that is no JSON
_RECIPIENT = re.compile(r"""(["'])(to|user)\\*\1\s*:\s*\\*(["'])(.+?)\\*\3""")
# Around what is a whole address, number or subject. In a text that is no JSON, an escape may stand before it
_BEFORE = r"(?:(?<![\w.%+-])|(?<=\\[bfnrt]))"
_AFTER = r"(?![\w-]|\.\w)"


class OutOfTimeError(Exception):
    """The function must end; what is left is for its next run."""


@dataclass(frozen=True)
class Letters:
    """The queue of refused requests.

    hold_seconds: for how long a letter that was read is hidden: as long as the function may run, or it would
    read it again.
    wait_seconds: for one to come; without a wait SQS asks only some of its servers, and may say that there
    is none.
    """

    sqs: Any
    queue_url: str
    hold_seconds: int = 180
    wait_seconds: int = 1

    def destroy(self, user_id: str, words: Sequence[str], check_time: Callable[[], None]) -> int:
        """Destroys the letters about a person, and puts the others back at once.

        user_id: as the recipient of a request; empty when that name is somebody else's now.
        words: what stands for the person wherever it stands.

        Returns:
            How many were destroyed.

        Raises:
            OutOfTimeError: there was no time to read all. What was read stays hidden for a while, so that the
                next run sees the rest first.
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: SQS did not do it. What was
                read shows again when its time is over.
        """
        others: list[str] = []
        destroyed = 0
        while letters := self._read(check_time):
            for letter in letters:
                handle = letter["ReceiptHandle"]
                if any(is_about(text, user_id, words) for text in _texts(letter)):
                    self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=handle)
                    destroyed += 1
                else:
                    others.append(handle)
        with suppress(OutOfTimeError):
            self._put_back(others, check_time)
        return destroyed

    def _read(self, check_time: Callable[[], None]) -> Sequence[Any]:
        check_time()
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=self.hold_seconds,
            WaitTimeSeconds=self.wait_seconds,
            MessageAttributeNames=["All"],
        )
        letters: Sequence[Any] = answer.get("Messages", [])
        return letters

    def _put_back(self, handles: Sequence[str], check_time: Callable[[], None]) -> None:
        for start in range(0, len(handles), BATCH):
            check_time()
            self.sqs.change_message_visibility_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for number, handle in enumerate(handles[start : start + BATCH])
                ],
            )


def is_about(text: str, user_id: str, words: Sequence[str]) -> bool:
    """Whether a request, what enqueue made of it, or a text in it names a person."""
    if any(re.search(f"{_BEFORE}{re.escape(word)}{_AFTER}", text, re.IGNORECASE) for word in words if word):
        return True
    try:
        # as pairs: a name that is twice in an object is a reason to be refused
        return _names(json.loads(text, object_pairs_hook=list), user_id, words)
    except (ValueError, RecursionError):
        # not even JSON
        return any(_is_recipient((key, name), user_id) for _, key, _, name in _RECIPIENT.findall(text))


def _names(value: Any, user_id: str, words: Sequence[str]) -> bool:
    if isinstance(value, str):
        # a request in a request: JSON as a text
        return is_about(value, user_id, words)
    if isinstance(value, tuple) and _is_recipient(value, user_id):
        return True
    return isinstance(value, list | tuple) and any(_names(inner, user_id, words) for inner in value)


def _is_recipient(field: tuple[str, Any], user_id: str) -> bool:
    """Whether a field says that it is for a person; elsewhere a user name may be an everyday word."""
    key, name = field
    # what is for everyone is not for somebody who is called so
    is_name = key == "user" or (key == "to" and name != _EVERYONE)
    # the pool does not tell names apart by their case
    return is_name and isinstance(name, str) and user_id != "" and name.casefold() == user_id.casefold()


def _texts(letter: Mapping[str, Any]) -> list[str]:
    notes = letter.get("MessageAttributes", {}).values()
    return [letter["Body"], *(note.get("StringValue", "") for note in notes)]
