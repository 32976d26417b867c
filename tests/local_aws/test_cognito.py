"""The post-confirmation trigger and what surrounds it, by the contract that AWS documents."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import PASSWORD, REGION, Aws, Json, Person, Pool, refused, unique

# Writes down each event that it gets, and does as the caller's client metadata says.
FUNCTION = """
import json, os, pathlib, time

def handler(event, context):
    record = pathlib.Path(os.environ["RECORD"]) / event["request"]["userAttributes"]["sub"]
    first = not record.exists()
    with record.open("a") as lines:
        lines.write(json.dumps(event) + "\\n")
    told = event["request"].get("clientMetadata", {})
    if "raise" in told:
        raise ValueError(told["raise"])
    if "sleep" in told or ("sleep_first" in told and first):
        time.sleep(60)
    return json.loads(told["answer"]) if "answer" in told else event
"""


class Trigger:
    """A function and the events that it has got."""

    def __init__(self, aws: Aws, folder: Path) -> None:
        self.folder = folder
        self.arn = aws.function(FUNCTION, RECORD=str(folder))

    def events(self, person: Person) -> list[Json]:
        record = self.folder / person.sub
        return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


@pytest.fixture(scope="module")
def trigger(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Trigger:
    return Trigger(aws, tmp_path_factory.mktemp("events"))


@pytest.fixture(scope="module")
def pool(aws: Aws, trigger: Trigger) -> Pool:
    return aws.pool(trigger.arn)


def told(**what: str) -> dict[str, Any]:
    return {"ClientMetadata": what}


def test_confirm_sign_up_sends_the_documented_event(pool: Pool, trigger: Trigger) -> None:
    person = pool.sign_up()
    person.confirm(**told(campaign="spring"))
    assert trigger.events(person) == [
        {
            "version": "1",
            "region": REGION,
            "userPoolId": pool.id,
            "userName": person.name,
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": pool.client},
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "request": {
                "userAttributes": {
                    "sub": person.sub,
                    "email": person.email,
                    "email_verified": "true",
                    "cognito:user_status": "CONFIRMED",
                },
                "clientMetadata": {"campaign": "spring"},
            },
            "response": {},
        }
    ]
    assert person.status() == "CONFIRMED"


def test_admin_confirm_sign_up_fires_the_same_source_and_verifies_nothing(
    pool: Pool, trigger: Trigger
) -> None:
    person = pool.sign_up()
    pool.aws.cognito.admin_confirm_sign_up(UserPoolId=pool.id, Username=person.name)
    (event,) = trigger.events(person)
    assert event["triggerSource"] == "PostConfirmation_ConfirmSignUp"
    assert event["callerContext"]["clientId"] == "CLIENT_ID_NOT_APPLICABLE"
    assert "clientMetadata" not in event["request"]
    assert event["request"]["userAttributes"].get("email_verified", "false") == "false"
    assert event["request"]["userAttributes"]["cognito:user_status"] == "CONFIRMED"
    assert person.attributes().get("email_verified", "false") == "false"


def test_confirm_forgot_password_fires_a_source_of_its_own(pool: Pool, trigger: Trigger) -> None:
    person = pool.sign_up()
    person.confirm()
    pool.aws.cognito.forgot_password(ClientId=pool.client, Username=person.name)
    pool.aws.cognito.confirm_forgot_password(
        ClientId=pool.client,
        Username=person.name,
        ConfirmationCode=pool.aws.code(person.email),
        Password=PASSWORD + "!",
    )
    assert [event["triggerSource"] for event in trigger.events(person)] == [
        "PostConfirmation_ConfirmSignUp",
        "PostConfirmation_ConfirmForgotPassword",
    ]


def test_a_user_whom_an_administrator_created_fires_nothing(pool: Pool, trigger: Trigger) -> None:
    name = unique("made")
    made = pool.aws.cognito.admin_create_user(
        UserPoolId=pool.id,
        Username=name,
        UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}],
    )["User"]
    sub = next(a["Value"] for a in made["Attributes"] if a["Name"] == "sub")
    with refused("NotAuthorizedException", "Current status is FORCE_CHANGE_PASSWORD"):
        pool.aws.cognito.admin_confirm_sign_up(UserPoolId=pool.id, Username=name)
    pool.aws.cognito.admin_set_user_password(
        UserPoolId=pool.id, Username=name, Password=PASSWORD, Permanent=True
    )
    assert trigger.events(Person(pool, name, f"{name}@example.com", sub)) == []


def test_a_pool_without_the_trigger_confirms_all_the_same(aws: Aws) -> None:
    person = aws.pool().sign_up()
    person.confirm()
    assert person.status() == "CONFIRMED"


def test_the_functions_error_is_the_callers_and_is_not_retried(pool: Pool, trigger: Trigger) -> None:
    person = pool.sign_up()
    with refused("UserLambdaValidationException", "PostConfirmation failed with error no luck today."):
        person.confirm(**told(**{"raise": "no luck today"}))
    assert person.status() == "CONFIRMED"
    assert len(trigger.events(person)) == 1


@pytest.mark.parametrize("answer", [None, {}, {"statusCode": 500}, [], "done", 7])
def test_an_answer_that_is_not_the_event_is_refused(pool: Pool, answer: object) -> None:
    person = pool.sign_up()
    with refused("InvalidLambdaResponseException", "Unrecognizable lambda output"):
        person.confirm(**told(answer=json.dumps(answer)))
    assert person.status() == "CONFIRMED"


def test_the_same_errors_come_out_of_the_other_two_calls(pool: Pool) -> None:
    person = pool.sign_up()
    with refused("UserLambdaValidationException", "by hand"):
        pool.aws.cognito.admin_confirm_sign_up(
            UserPoolId=pool.id, Username=person.name, ClientMetadata={"raise": "by hand"}
        )
    assert person.status() == "CONFIRMED"
    pool.aws.cognito.forgot_password(ClientId=pool.client, Username=person.name)
    with refused("UserLambdaValidationException", "anew"):
        pool.aws.cognito.confirm_forgot_password(
            ClientId=pool.client,
            Username=person.name,
            ConfirmationCode=pool.aws.code(person.email),
            Password=PASSWORD,
            ClientMetadata={"raise": "anew"},
        )


def test_without_a_permission_for_this_pool_the_call_is_denied(aws: Aws, trigger: Trigger) -> None:
    denied = "PostConfirmation invocation failed due to error AccessDeniedException."
    other, pool = aws.pool(), aws.pool(trigger.arn, permit=False)
    person = pool.sign_up()
    with refused("UnexpectedLambdaException", denied):
        person.confirm()
    assert person.status() == "CONFIRMED"
    aws.permit(trigger.arn, other.arn)
    aws.permit(trigger.arn, pool.arn, principal="sns.amazonaws.com")
    person = pool.sign_up()
    with refused("UnexpectedLambdaException", denied):
        person.confirm()
    assert trigger.events(person) == []
    aws.permit(trigger.arn, pool.arn)
    person = pool.sign_up()
    person.confirm()
    assert len(trigger.events(person)) == 1


def test_a_function_that_was_deleted_is_denied_too(aws: Aws, tmp_path: Path) -> None:
    gone = Trigger(aws, tmp_path)
    person = aws.pool(gone.arn).sign_up()
    aws.functions.delete_function(FunctionName=gone.arn)
    with refused("UnexpectedLambdaException", "AccessDeniedException"):
        person.confirm()


def test_throttling_is_unexpected(aws: Aws, tmp_path: Path) -> None:
    throttled = Trigger(aws, tmp_path)
    aws.functions.put_function_concurrency(FunctionName=throttled.arn, ReservedConcurrentExecutions=0)
    person = aws.pool(throttled.arn).sign_up()
    with refused("UnexpectedLambdaException", "TooManyRequestsException"):
        person.confirm()


@pytest.fixture(scope="module")
def hasty_pool(hasty: Aws, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pool, Trigger]:
    trigger = Trigger(hasty, tmp_path_factory.mktemp("hasty"))
    return hasty.pool(trigger.arn), trigger


def test_a_silent_function_is_given_up_after_three_attempts(hasty_pool: tuple[Pool, Trigger]) -> None:
    pool, _trigger = hasty_pool
    person = pool.sign_up()
    began = time.monotonic()
    with refused("UnexpectedLambdaException", "Socket timeout while invoking Lambda function"):
        person.confirm(**told(sleep="yes"))
    assert 3 * 1.5 <= time.monotonic() - began < 4 * 1.5
    assert person.status() == "CONFIRMED"


def test_an_answer_at_a_later_attempt_is_good(hasty_pool: tuple[Pool, Trigger]) -> None:
    pool, trigger = hasty_pool
    person = pool.sign_up()
    person.confirm(**told(sleep_first="yes"))
    assert len(trigger.events(person)) == 2


def test_the_code_verifies_the_email_where_the_pool_says_so(aws: Aws) -> None:
    verified, unverified = aws.pool().sign_up(), aws.pool(verify=False).sign_up()
    verified.confirm()
    unverified.confirm()
    assert verified.attributes()["email_verified"] == "true"
    assert unverified.attributes().get("email_verified", "false") == "false"


def test_a_wrong_code_is_refused_and_fires_nothing(pool: Pool, trigger: Trigger) -> None:
    person = pool.sign_up()
    right = pool.aws.code(person.email)
    wrong = f"{(int(right) + 1) % 10**6:06}"
    with refused("CodeMismatchException"):
        person.confirm(wrong)
    assert (person.status(), trigger.events(person)) == ("UNCONFIRMED", [])
    person.confirm(right)
    assert person.status() == "CONFIRMED"


def test_a_second_confirmation_is_refused_and_fires_nothing(pool: Pool, trigger: Trigger) -> None:
    person = pool.sign_up()
    code = pool.aws.code(person.email)
    person.confirm(code)
    with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        person.confirm(code)
    with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        pool.aws.cognito.admin_confirm_sign_up(UserPoolId=pool.id, Username=person.name)
    assert len(trigger.events(person)) == 1


def test_of_two_confirmations_at_once_one_succeeds(pool: Pool, trigger: Trigger) -> None:
    person = pool.sign_up()
    code = pool.aws.code(person.email)

    def attempt(_number: int) -> str:
        try:
            person.confirm(code)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "confirmed"

    with ThreadPoolExecutor(4) as hands:
        answers = sorted(hands.map(attempt, range(4)))
    assert answers == ["NotAuthorizedException"] * 3 + ["confirmed"]
    assert len(trigger.events(person)) == 1


def test_codes_are_random_and_a_new_one_replaces_the_old(aws: Aws) -> None:
    pool = aws.pool()
    people = [pool.sign_up() for _ in range(4)]
    codes = [aws.code(person.email) for person in people]
    assert len(set(codes)) > 1
    person, old = people[0], codes[0]
    aws.cognito.resend_confirmation_code(ClientId=pool.client, Username=person.name)
    new = aws.code(person.email)
    if new != old:  # one in a million
        with refused("CodeMismatchException"):
            person.confirm(old)
    person.confirm(new)
    resets = set()
    for _ in range(4):
        aws.cognito.forgot_password(ClientId=pool.client, Username=person.name)
        resets.add(aws.code(person.email))
    assert len(resets) > 1


def test_a_verified_alias_belongs_to_one_user(aws: Aws, trigger: Trigger) -> None:
    pool = aws.pool(trigger.arn, alias=True)
    first = pool.sign_up()
    second = pool.sign_up(first.email.upper())  # the same address
    second.confirm()
    third = pool.sign_up(first.email)
    with refused("AliasExistsException"):
        third.confirm()
    assert (third.status(), trigger.events(third)) == ("UNCONFIRMED", [])
    third.confirm(ForceAliasCreation=True)
    assert third.attributes()["email_verified"] == "true"
    assert second.attributes()["email_verified"] == "false"


def test_without_the_alias_two_users_may_have_one_address(aws: Aws) -> None:
    pool = aws.pool()
    first = pool.sign_up()
    first.confirm()
    second = pool.sign_up(first.email)
    second.confirm()
    assert {person.attributes()["email_verified"] for person in (first, second)} == {"true"}


def test_a_confirmed_person_can_sign_in(pool: Pool) -> None:
    person = pool.sign_up()
    person.confirm()
    answer = pool.aws.cognito.initiate_auth(
        ClientId=pool.client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.name, "PASSWORD": PASSWORD},
    )
    assert answer["AuthenticationResult"]["TokenType"] == "Bearer"


def test_updating_a_pool_resets_what_is_not_said(aws: Aws) -> None:
    pool_id = aws.cognito.create_user_pool(
        PoolName=unique("pool"),
        AutoVerifiedAttributes=["email"],
        MfaConfiguration="OPTIONAL",
        Policies={"PasswordPolicy": {"MinimumLength": 20, "TemporaryPasswordValidityDays": 3}},
        UserPoolTier="PLUS",
        VerificationMessageTemplate={"DefaultEmailOption": "CONFIRM_WITH_LINK"},
    )["UserPool"]["Id"]
    aws.cognito.update_user_pool(UserPoolId=pool_id, DeletionProtection="ACTIVE")
    pool = aws.cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    assert pool["DeletionProtection"] == "ACTIVE"
    assert pool["AutoVerifiedAttributes"] == []
    assert pool["MfaConfiguration"] == "OFF"
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 8
    assert "VerificationMessageTemplate" not in pool
    assert pool["UserPoolTier"] == "PLUS"


def test_the_days_of_a_temporary_password_have_one_name_in_an_update(aws: Aws) -> None:
    pool_id = aws.pool().id
    policies: Any = {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}
    with refused("InvalidParameterException"):
        aws.cognito.update_user_pool(
            UserPoolId=pool_id, Policies=policies, AdminCreateUserConfig={"UnusedAccountValidityDays": 3}
        )
    aws.cognito.update_user_pool(UserPoolId=pool_id, Policies=policies)
    pool = aws.cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    assert pool["AdminCreateUserConfig"]["UnusedAccountValidityDays"] == 3


def test_a_pool_gets_another_name(aws: Aws) -> None:
    pool_id = aws.pool().id
    aws.cognito.update_user_pool(UserPoolId=pool_id, PoolName="another")
    assert aws.cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"]["Name"] == "another"


def test_the_factors_are_not_told_with_the_pool(aws: Aws) -> None:
    pool_id = aws.pool().id
    aws.cognito.set_user_pool_mfa_config(
        UserPoolId=pool_id, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="OPTIONAL"
    )
    kept: list[str] = []
    event = "before-parse.cognito-identity-provider.DescribeUserPool"
    aws.cognito.meta.events.register(event, lambda response_dict, **_: kept.append(response_dict["body"]))
    aws.cognito.describe_user_pool(UserPoolId=pool_id)
    told = json.loads(kept[0])["UserPool"]
    assert told["MfaConfiguration"] == "OPTIONAL"
    assert not [name for name in told if name.endswith("MfaConfiguration") and name != "MfaConfiguration"]
