"""Publishing to one person: a device's endpoint, or a number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local_aws.conftest import Aws, Json, get, refused, unique


@pytest.fixture(scope="module")
def application(aws: Aws) -> str:
    made = aws.sns.create_platform_application(
        Name=unique("app"), Platform="GCM", Attributes={"PlatformCredential": "key"}
    )
    return made["PlatformApplicationArn"]


def create(aws: Aws, application: str, token: str | None = None, **more: Any) -> str:
    answer = aws.sns.create_platform_endpoint(
        PlatformApplicationArn=application, Token=token or unique("token"), **more
    )
    return answer["EndpointArn"]


def received(aws: Aws, target: str) -> list[Json]:
    held: dict[str, list[Json]] = json.loads(get(f"{aws.url}/_ministack/sns/sms-messages"))["sms_messages"]
    return held.get(target, [])


def test_an_endpoint_is_named_after_its_application(aws: Aws, application: str) -> None:
    assert create(aws, application).startswith(application.replace(":app/", ":endpoint/") + "/")


def test_a_token_has_one_endpoint_and_its_attributes(aws: Aws, application: str) -> None:
    token = unique("token")
    arn = create(aws, application, token, CustomUserData="a")
    assert create(aws, application, token, CustomUserData="a") == arn
    words = f"Endpoint {arn} already exists with the same Token, but different attributes."
    with refused("InvalidParameter", words):
        create(aws, application, token, CustomUserData="b")
    with refused("InvalidParameter", words):
        create(aws, application, token)
    with refused("InvalidParameter", words):
        create(aws, application, token, CustomUserData="a", Attributes={"Enabled": "false"})
    assert create(aws, application, CustomUserData="a") != arn


def test_a_message_is_kept_for_the_device_in_its_platforms_part(aws: Aws, application: str) -> None:
    token = unique("token")
    arn = create(aws, application, token)
    payload = json.dumps({"notification": {"title": "Hello"}})
    aws.sns.publish(
        TargetArn=arn, MessageStructure="json", Message=json.dumps({"default": "Hello", "GCM": payload})
    )
    aws.sns.publish(TargetArn=arn, Message="plain")
    assert [(kept["Token"], kept["Message"]) for kept in received(aws, arn)] == [
        (token, payload),
        (token, "plain"),
    ]


def test_a_disabled_endpoint_gets_nothing_until_it_is_enabled(aws: Aws, application: str) -> None:
    arn = create(aws, application)
    aws.sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})
    with refused("EndpointDisabled"):
        aws.sns.publish(TargetArn=arn, Message="hello")
    aws.sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "true"})
    aws.sns.publish(TargetArn=arn, Message="hello")
    assert len(received(aws, arn)) == 1


def test_an_endpoint_that_is_gone_is_refused_and_may_be_deleted_again(aws: Aws, application: str) -> None:
    arn = create(aws, application)
    aws.sns.delete_endpoint(EndpointArn=arn)
    aws.sns.delete_endpoint(EndpointArn=arn)
    with refused("InvalidParameter", "No endpoint found for the target arn specified"):
        aws.sns.publish(TargetArn=arn, Message="hello")
    with refused("NotFound"):
        aws.sns.get_endpoint_attributes(EndpointArn=arn)


def test_calls_on_an_endpoint_are_authorized_on_its_application(aws: Aws, application: str) -> None:
    actions = ["CreatePlatformEndpoint", "GetEndpointAttributes", "SetEndpointAttributes", "DeleteEndpoint"]
    allow = {"Effect": "Allow", "Action": [f"sns:{action}" for action in actions], "Resource": application}
    other = {**allow, "Resource": f"{application}-other"}
    mine, others = (aws.as_role(aws.role([statement])) for statement in (allow, other))
    arn = create(mine, application)
    mine.sns.get_endpoint_attributes(EndpointArn=arn)
    mine.sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "true"})
    with refused("AuthorizationError"):
        create(others, application)
    with refused("AuthorizationError"):
        others.sns.get_endpoint_attributes(EndpointArn=arn)
    with refused("AuthorizationError"):
        others.sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "true"})
    with refused("AuthorizationError"):
        others.sns.delete_endpoint(EndpointArn=arn)
    mine.sns.delete_endpoint(EndpointArn=arn)


def test_publishing_to_an_endpoint_is_authorized_on_the_endpoint(aws: Aws, application: str) -> None:
    endpoints = application.replace(":app/", ":endpoint/") + "/*"
    sns = aws.as_role(aws.role([{"Effect": "Allow", "Action": "sns:Publish", "Resource": endpoints}])).sns
    sns.publish(TargetArn=create(aws, application), Message="hello")
    with refused("AuthorizationError"):
        sns.publish(PhoneNumber="+491701234567", Message="hello")


@pytest.mark.parametrize("number", ["abcd", "491701234567", "+0491701234567", "+49 170 1234567", "+1"])
def test_a_number_that_is_none_is_refused(aws: Aws, number: str) -> None:
    with refused("InvalidParameter", "is not valid to publish to"):
        aws.sns.publish(PhoneNumber=number, Message="hello")


def test_a_text_is_kept_under_its_number(aws: Aws) -> None:
    aws.sns.publish(PhoneNumber="+491701234567", Message="hello")
    assert received(aws, "+491701234567")[-1]["Message"] == "hello"


@pytest.mark.parametrize("pattern", ["arn:*:sns:*:*:*", "arn:aws:sns:*:*:*"])
def test_texts_can_be_allowed_without_any_topic_or_endpoint(aws: Aws, application: str, pattern: str) -> None:
    topic = aws.sns.create_topic(Name=unique("topic"))["TopicArn"]
    sns = aws.as_role(aws.role([{"Effect": "Allow", "Action": "sns:Publish", "NotResource": pattern}])).sns
    sns.publish(PhoneNumber="+491701234568", Message="hello")
    with refused("AuthorizationError"):
        sns.publish(TopicArn=topic, Message="hello")
    with refused("AuthorizationError"):
        sns.publish(TargetArn=create(aws, application), Message="hello")


def test_what_is_set_for_sms_is_answered_and_nothing_else(aws: Aws) -> None:
    assert aws.sns.get_sms_attributes()["attributes"] == {}
    aws.sns.set_sms_attributes(attributes={"MonthlySpendLimit": "20", "DefaultSMSType": "Transactional"})
    assert aws.sns.get_sms_attributes(attributes=["MonthlySpendLimit"])["attributes"] == {
        "MonthlySpendLimit": "20"
    }
    assert len(aws.sns.get_sms_attributes()["attributes"]) == 2
    assert aws.sns.get_sms_sandbox_account_status()["IsInSandbox"] is False
