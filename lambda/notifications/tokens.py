"""Signed tokens for links in mails: what they say cannot be changed, and they expire.

KMS signs and checks them with a key that never leaves it: no secret is in an environment, a log or a state.
"""

import base64
import binascii
import json
import re
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from notifications.catalogue import CHANNELS

# The first thing that a token says: what the same key may one day sign for another purpose is none of these.
KIND = "unsubscribe-1"
MAX_LENGTH = 2048
_ALGORITHM = "HMAC_SHA_256"
# 43 letters are the 32 bytes of the code
_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})")


class InvalidTokenError(Exception):
    """The token is not ours, was changed, or has expired; the message says which, and nothing of it."""


@dataclass(frozen=True)
class Unsubscription:
    """What a link in a mail lets a person switch off, without signing in."""

    user_id: str
    sub: str
    category: str
    channel: str


@dataclass(frozen=True)
class Tokens:
    """Tokens signed by a KMS HMAC key (AWS KMS Developer Guide, "HMAC keys in AWS KMS").

    A token is what it says, as JSON, and the code of that, each in base64url without padding, with a dot
    between.
    """

    kms: Any
    key_arn: str

    def sign(self, what: Unsubscription, expires: datetime) -> str:
        """A token, fit for a query string. expires: to the second.

        Raises:
            ValueError: it would be longer than MAX_LENGTH; Cognito's names and subjects never make it so.
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: KMS did not sign it.
        """
        said = [KIND, *astuple(what), int(expires.timestamp())]
        payload = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
        if len(_encode(payload)) > MAX_LENGTH - 44:
            raise ValueError("too long for a token")
        mac = self.kms.generate_mac(KeyId=self.key_arn, MacAlgorithm=_ALGORITHM, Message=payload)["Mac"]
        return f"{_encode(payload)}.{_encode(mac)}"

    def read(self, token: str, now: datetime) -> Unsubscription:
        """What a token says.

        Raises:
            InvalidTokenError: it is not ours, was changed, or has expired.
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: KMS could not be asked.
        """
        form = _FORM.fullmatch(token) if len(token) <= MAX_LENGTH else None
        if not form:
            raise InvalidTokenError("it is malformed")
        payload, mac = (_decode(part) for part in form.groups())
        try:
            self.kms.verify_mac(KeyId=self.key_arn, MacAlgorithm=_ALGORITHM, Message=payload, Mac=mac)
        except ClientError as error:
            if error.response["Error"]["Code"] != "KMSInvalidMacException":
                raise
            raise InvalidTokenError("it is not ours, or was changed") from None
        what, expires = _parse(payload)
        if now.timestamp() >= expires:
            raise InvalidTokenError("it has expired")
        return what


def _parse(payload: bytes) -> tuple[Unsubscription, int]:
    try:
        said = json.loads(payload)
    except ValueError:
        said = None
    match said:
        case [kind, str(user_id), str(sub), str(category), str(channel), int(expires)] if (
            kind == KIND and channel in CHANNELS
        ):
            return Unsubscription(user_id, sub, category, channel), expires
    raise InvalidTokenError("it is not for this")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise InvalidTokenError("it is malformed") from None
    # the last letter has bits that say nothing: one token must not have several spellings
    if _encode(data) != text:
        raise InvalidTokenError("it is malformed")
    return data
