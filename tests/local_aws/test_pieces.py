"""The adapter's parts that need no server."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.local_aws import authorization, post_confirmation, server, sns, terraform_drift
from scripts.local_aws.limits import Limits

EVENT = post_confirmation.event(
    source="PostConfirmation_ConfirmSignUp",
    pool_id="eu-west-1_abc",
    user_name="somebody",
    client_id="client",
    attributes={"sub": "1"},
    metadata=None,
)
ARNS = ("arn:aws:lambda:::function:f", "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_abc")


def test_the_limits_are_those_that_aws_documents() -> None:
    assert Limits.from_environ({}) == Limits(
        trigger_seconds=5.0,
        trigger_attempts=3,
        pending_seconds=48 * 3600,
        filter_policies_per_topic=200,
        environment_bytes=4096,
    )


def test_a_limit_is_taken_from_the_environment() -> None:
    given = {"LOCAL_AWS_TRIGGER_SECONDS": "0.5", "LOCAL_AWS_FILTER_POLICIES_PER_TOPIC": "2", "OTHER": "x"}
    assert Limits.from_environ(given) == Limits(trigger_seconds=0.5, filter_policies_per_topic=2)


@pytest.mark.parametrize("text", ["soon", "1.5"])
def test_a_limit_that_is_no_number_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="LOCAL_AWS_TRIGGER_ATTEMPTS must be a number"):
        Limits.from_environ({"LOCAL_AWS_TRIGGER_ATTEMPTS": text})


def test_another_version_of_ministack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "version", lambda _name: "1.5.34")
    with pytest.raises(SystemExit) as caught:
        server.main()
    assert caught.value.code == "The local AWS needs ministack 1.5.33 exactly, but 1.5.34 is installed."


class Function:
    """Stands for the function: answers one thing after the other, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> None:
        self.answers, self.calls = list(answers), 0
        monkeypatch.setattr(post_confirmation, "may_invoke", lambda *_: True)
        monkeypatch.setattr(post_confirmation, "_invoke", self)

    def __call__(self, _arn: str, _event: Any) -> dict[str, Any]:
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            threading.Event().wait(10)
        return {"body": answer} if answer == EVENT else answer

    def call(self) -> None:
        post_confirmation.call(*ARNS, EVENT, Limits(trigger_seconds=0.1))


THROTTLED = {"throttle": True, "error": True, "body": {}}


@pytest.mark.parametrize("failure", [None, THROTTLED, OSError("worker")])
def test_a_call_that_came_to_nothing_is_tried_three_times(
    monkeypatch: pytest.MonkeyPatch, failure: object
) -> None:
    function = Function(monkeypatch, failure, failure, EVENT)
    function.call()
    assert function.calls == 3
    function = Function(monkeypatch, failure, failure, failure, EVENT)
    with pytest.raises(post_confirmation.TriggerError) as caught:
        function.call()
    assert function.calls == 3
    assert caught.value.code == "UnexpectedLambdaException"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error": True, "body": {"errorMessage": "no"}}, "UserLambdaValidationException"),
        ({"body": None}, "InvalidLambdaResponseException"),
    ],
)
def test_an_answer_is_an_answer_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, answer: Any, code: str
) -> None:
    function = Function(monkeypatch, answer, EVENT)
    with pytest.raises(post_confirmation.TriggerError) as caught:
        function.call()
    assert (function.calls, caught.value.code) == (1, code)


def test_the_event_may_come_back_with_more() -> None:
    post_confirmation.check({"body": {**EVENT, "response": {"more": 1}, "extra": True}}, EVENT)


@pytest.mark.parametrize("missing", EVENT)
def test_the_event_may_not_come_back_with_less(missing: str) -> None:
    with pytest.raises(post_confirmation.TriggerError, match="Unrecognizable lambda output"):
        post_confirmation.check({"body": {k: v for k, v in EVENT.items() if k != missing}}, EVENT)


POLICIES = st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5), max_size=3), max_size=3)


@given(POLICIES, POLICIES)
def test_filter_policies_differ_exactly_when_their_json_does(
    one: dict[str, list[str]], two: dict[str, list[str]]
) -> None:
    written, spaced = json.dumps(one), json.dumps(dict(reversed(one.items())), indent=1)
    assert not sns.differ({"FilterPolicy": spaced}, {"FilterPolicy": written})
    assert sns.differ({"FilterPolicy": json.dumps(two)}, {"FilterPolicy": written}) == (one != two)


def test_an_attribute_that_is_not_given_does_not_differ() -> None:
    assert not sns.differ({}, {"FilterPolicy": '{"a": ["b"]}'})
    assert sns.differ({"FilterPolicy": '{"a": ["b"]}'}, {})
    assert sns.differ({"FilterPolicy": "no json"}, {"FilterPolicy": '{"a": ["b"]}'})


@pytest.mark.parametrize(
    ("subscription", "topic"),
    [
        ("arn:aws:sns:us-east-1:000000000000:name:1-2", "arn:aws:sns:us-east-1:000000000000:name"),
        ("arn:aws:sns:us-east-1:000000000000:name", None),
        ("PendingConfirmation", None),
        ("", None),
    ],
)
def test_the_topic_of_a_subscription(subscription: str, topic: str | None) -> None:
    assert authorization.topic_of(subscription) == topic


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"A": "<&>", "B": None, "C": True}, "<A>&lt;&amp;&gt;</A><C>true</C>"),
        ({"A": [{"B": 0.5}, {"B": 2}]}, "<A><member><B>0.5</B></member><member><B>2</B></member></A>"),
        ({"ATimestamp": 0}, "<ATimestamp>1970-01-01T00:00:00Z</ATimestamp>"),
    ],
)
def test_json_as_the_query_protocol_writes_it(value: object, written: str) -> None:
    assert terraform_drift.xml(value) == written
