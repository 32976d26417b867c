"""The post-confirmation trigger as a function: repeated, at once, and with DynamoDB failing."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from notifications.clients import TRIGGER
from scripts.environment import LOOPBACK
from scripts.person import Application, Person
from tests.deployment import Deployment

COGNITO_WAITS_SECONDS = 5


def event_of(person: Person, sub: str, source: str = "PostConfirmation_ConfirmSignUp") -> dict[str, Any]:
    """The event of "Post confirmation Lambda trigger" in the Amazon Cognito Developer Guide."""
    return {
        "version": "1",
        "triggerSource": source,
        "region": "eu-west-1",
        "userPoolId": "eu-west-1_example",
        "userName": person.username,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
        "request": {"userAttributes": {"sub": sub, "email": person.email, "email_verified": "true"}},
        "response": {},
    }


@contextmanager
def black_hole() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.create_server((LOOPBACK, 0)) as server:
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=hold, daemon=True).start()
        yield f"http://{LOOPBACK}:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for connection in held:
        connection.close()


def test_delivered_many_times_at_one_moment_there_is_one_record_and_one_welcome(system: Deployment) -> None:
    person, sub = Person(), secrets.token_hex(8)
    event = event_of(person, sub)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: system.invoke("post_confirmation", event), range(6)))
    assert answers == [(event, "")] * 6
    record, row = system.user(person), system.welcome(sub)
    assert record
    assert row
    assert record["RegisteredAt"] == row["CreatedAt"], "record and welcome come from one transaction"


def test_the_documented_event_is_recorded_and_its_welcome_taken_in_hand(system: Deployment) -> None:
    """The flow where there is no Cognito to drive it: everything behind the trigger."""
    person, sub = Person(), secrets.token_hex(8)
    assert system.invoke("post_confirmation", event_of(person, sub))[1] == ""
    record = system.user(person)
    assert record
    assert record["Email"] == person.email
    assert system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN", "SENT", "RETRY")["Results"]["Email"]


@pytest.mark.parametrize("source", ["PostConfirmation_ConfirmForgotPassword", "Something_Else", ""])
def test_other_sources_return_the_event_and_register_nobody(system: Deployment, source: str) -> None:
    person, sub = Person(), secrets.token_hex(8)
    event = event_of(person, sub, source)
    assert system.invoke("post_confirmation", event) == (event, "")
    assert system.user(person) is None
    assert system.welcome(sub) is None


@pytest.mark.needs("trigger")
def test_when_dynamodb_refuses_the_caller_is_told_and_nothing_is_half_written(
    system: Deployment, application: Application
) -> None:
    person = Person()
    sub = application.sign_up(person)
    with (
        system.changed("post_confirmation", NOTIFICATION_TABLE="no-such-table"),
        pytest.raises(application.cognito.exceptions.UserLambdaValidationException) as refused,
    ):
        application.confirm(person, application.code(person))

    assert "setting it up was delayed" in str(refused.value)
    assert person.username not in str(refused.value)
    assert system.user(person) is None
    assert system.welcome(sub) is None
    user = system.client("cognito-idp").admin_get_user(UserPoolId=system.pool, Username=person.username)
    assert user["UserStatus"] == "CONFIRMED", "as on AWS: reconciliation has to find them"


def test_when_dynamodb_is_silent_the_trigger_fails_before_cognito_gives_up(system: Deployment) -> None:
    person, sub = Person(), secrets.token_hex(8)
    with black_hole() as nowhere, system.changed("post_confirmation", AWS_ENDPOINT_URL_DYNAMODB=nowhere):
        system.invoke("post_confirmation", {"triggerSource": "warm-up"})
        began = time.monotonic()
        answer, error = system.invoke("post_confirmation", event_of(person, sub))
        took = time.monotonic() - began
    assert error
    assert "setting it up was delayed" in answer["errorMessage"], "its own error, not a time-out"
    assert took < COGNITO_WAITS_SECONDS
    assert system.user(person) is None


def test_the_worst_case_of_the_trigger_is_within_its_timeout_and_cognitos(system: Deployment) -> None:
    timeout = system.configuration("post_confirmation")["Timeout"]
    assert TRIGGER.worst_case_seconds < timeout <= COGNITO_WAITS_SECONDS
