import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.catalogue import CHANNELS
from notifications.tokens import KIND, MAX_LENGTH, InvalidTokenError, Tokens, Unsubscription

from .conftest import Clock

NOW = Clock().now
LATER = NOW + timedelta(days=30)
WHAT = Unsubscription("ada", "5f0c6f3e-ada", "orders", "Email")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


# a key is slow to make, and reading and signing leave it as it is
one_key = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def tokens(aws: None) -> Tokens:
    return new_tokens()


def new_tokens() -> Tokens:
    make: Any = boto3.client
    kms = make("kms")
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    return Tokens(kms, key["KeyMetadata"]["Arn"])


class NoKms:
    """Fails the test when it is asked anything."""

    def verify_mac(self, **_: Any) -> None:
        raise AssertionError("KMS was asked")


@one_key
@given(
    what=st.builds(
        Unsubscription,
        st.text(max_size=128),
        st.uuids().map(str),
        st.text(max_size=32),
        st.sampled_from(CHANNELS),
    )
)
def test_what_is_signed_is_read(tokens: Tokens, what: Unsubscription) -> None:
    token = tokens.sign(what, LATER)
    assert len(token) <= MAX_LENGTH
    assert set(token) <= {*LETTERS, "."}
    assert tokens.read(token, NOW) == what


def test_a_token_expires_to_the_second(tokens: Tokens) -> None:
    token = tokens.sign(WHAT, LATER)
    assert tokens.read(token, LATER - timedelta(microseconds=1)) == WHAT
    with pytest.raises(InvalidTokenError, match=r"^it has expired$"):
        tokens.read(token, LATER)


@pytest.mark.parametrize("user_id", ["ada", "adam", "adams"])
def test_a_token_has_one_spelling(tokens: Tokens, user_id: str) -> None:
    token = tokens.sign(Unsubscription(user_id, "", "orders", "Email"), LATER)
    for last in (token.index(".") - 1, len(token) - 1):
        for letter in set(LETTERS) - {token[last]}:
            with pytest.raises(InvalidTokenError):
                tokens.read(token[:last] + letter + token[last + 1 :], NOW)


@one_key
@given(data=st.data())
def test_a_changed_character_is_noticed(tokens: Tokens, data: st.DataObject) -> None:
    token = tokens.sign(WHAT, LATER)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(
        (st.sampled_from(LETTERS + ".=+/ ") | st.characters()).filter(lambda c: c != token[place])
    )
    with pytest.raises(InvalidTokenError):
        tokens.read(token[:place] + other + token[place + 1 :], NOW)


@pytest.mark.parametrize("change", ["{}=", "{}\n", " {}", "{}.", ".{}", "{0}.{0}", "{}A"])
def test_what_is_added_is_noticed(tokens: Tokens, change: str) -> None:
    with pytest.raises(InvalidTokenError):
        tokens.read(change.format(tokens.sign(WHAT, LATER)), NOW)


@one_key
@given(text=st.text() | st.from_regex(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", fullmatch=True))
def test_any_other_text_is_refused(tokens: Tokens, text: str) -> None:
    with pytest.raises(InvalidTokenError):
        tokens.read(text, NOW)


@pytest.mark.parametrize("payload", ["é", "A", "AB", "A" * (MAX_LENGTH - 43), "A" * 10**6])
@pytest.mark.parametrize("mac", ["A" * 43, "A" * 42 + "B"])
def test_what_is_malformed_or_too_long_does_not_reach_kms(payload: str, mac: str) -> None:
    with pytest.raises(InvalidTokenError, match=r"^it is malformed$"):
        Tokens(NoKms(), "arn").read(f"{payload}.{mac}", NOW)


@pytest.mark.parametrize("text", ["", ".", "a.b", "AA", "A" * 43, f"AA.{'A' * 42}", f"AA.{'A' * 42}B"])
def test_what_has_not_the_form_of_a_token_does_not_reach_kms(text: str) -> None:
    with pytest.raises(InvalidTokenError, match=r"^it is malformed$"):
        Tokens(NoKms(), "arn").read(text, NOW)


class AnyMac:
    """Signs all and takes all."""

    def generate_mac(self, **_: Any) -> dict[str, bytes]:
        return {"Mac": b"M" * 32}

    def verify_mac(self, **_: Any) -> None:
        return None


def test_a_link_that_is_in_a_mail_already_is_read_by_the_next_version() -> None:
    said = base64.urlsafe_b64encode(b'["unsubscribe-1","J\xc3\xb6","sub","orders","Email",1795348800]')
    token = f"{said.decode().rstrip('=')}.{'TU1N' * 10}TU0"
    tokens, what = Tokens(AnyMac(), "arn"), Unsubscription("J\u00f6", "sub", "orders", "Email")
    assert tokens.read(token, NOW - timedelta(days=1)) == what
    assert tokens.sign(what, datetime.fromtimestamp(1795348800, tz=UTC)) == token


def test_the_longest_token_that_is_signed_is_read() -> None:
    tokens = Tokens(AnyMac(), "arn")
    longest = replace(WHAT, user_id="a" * 1440)
    token = tokens.sign(longest, LATER)
    assert len(token) == MAX_LENGTH == 2048
    assert tokens.read(token, NOW) == longest
    with pytest.raises(ValueError, match=r"^too long for a token$"):
        tokens.sign(replace(WHAT, user_id=longest.user_id + "a"), LATER)


def test_another_keys_token_is_refused() -> None:
    token = new_tokens().sign(WHAT, LATER)
    with pytest.raises(InvalidTokenError, match=r"^it is not ours, or was changed$"):
        new_tokens().read(token, NOW)


@pytest.mark.parametrize(
    "said",
    [
        [], {}, 1, "x", None,
        [KIND, "ada", "sub", "orders", "Email"],
        [KIND, "ada", "sub", "orders", "Email", "1"],
        [KIND, "ada", "sub", "orders", "Fax", 10**10],
        [KIND, 1, "sub", "orders", "Email", 10**10],
        ["other-1", "ada", "sub", "orders", "Email", 10**10],
    ],
)  # fmt: skip
def test_what_the_key_signed_for_another_purpose_is_refused(tokens: Tokens, said: Any) -> None:
    refused_as_foreign(tokens, json.dumps(said).encode())


def test_what_the_key_signed_and_is_no_json_is_refused(tokens: Tokens) -> None:
    refused_as_foreign(tokens, b"\xff{")


def refused_as_foreign(tokens: Tokens, payload: bytes) -> None:
    mac = tokens.kms.generate_mac(KeyId=tokens.key_arn, MacAlgorithm="HMAC_SHA_256", Message=payload)["Mac"]
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (payload, mac))
    with pytest.raises(InvalidTokenError, match=r"^it is not for this$"):
        tokens.read(token, NOW)


def test_a_refusal_tells_nothing_of_the_token() -> None:
    token = new_tokens().sign(WHAT, NOW)
    with pytest.raises(InvalidTokenError) as refused:
        new_tokens().read(token, NOW)
    assert "ada" not in str(refused.value)
    assert token[:8] not in str(refused.value)


def test_a_kms_that_does_not_answer_is_no_invalid_token(tokens: Tokens) -> None:
    token = tokens.sign(WHAT, LATER)
    with pytest.raises(ClientError, match="NotFoundException"):
        Tokens(tokens.kms, tokens.key_arn[:-1] + "x").read(token, NOW)


def test_what_would_be_too_long_is_not_signed(tokens: Tokens) -> None:
    with pytest.raises(ValueError, match="too long"):
        tokens.sign(Unsubscription("a" * MAX_LENGTH, "", "orders", "Email"), LATER)
