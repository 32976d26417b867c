import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.doctor.checks.pool import pool
from scripts.doctor.checks.trigger import COGNITO, trigger
from scripts.doctor.findings import Status
from scripts.doctor.policies import Verdict, judge, same

from .conftest import BROKEN, POOL, POOL_ARN, WARNING, Clinic, allow, function_arn, policy

OURS = function_arn("post-confirmation")
ANOTHER = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Another"


def live(calls: str = OURS, **more: object) -> dict[str, object]:
    """DescribeUserPool's answer."""
    config = {"PostConfirmation": calls} if calls else {}
    return {"UserPool": {"Id": POOL, "Arn": POOL_ARN, "LambdaConfig": config, **more}}


@pytest.fixture
def well(clinic: Clinic) -> Clinic:
    return clinic.knowing("aws_cognito_user_pool", id=POOL).answering(
        cognito_idp__DescribeUserPool=live(), lambda__GetPolicy=policy(allow(COGNITO, POOL_ARN))
    )


def test_a_trigger_that_works(well: Clinic) -> None:
    assert well.told(trigger) == {}


def test_a_pool_that_is_gone(well: Clinic) -> None:
    told = well.answering(cognito_idp__DescribeUserPool="ResourceNotFoundException").told(trigger)
    assert told["trigger.attached"][0] is BROKEN
    assert "make plan ENV=prod" in told["trigger.attached"][1]


def test_a_lost_trigger_is_to_be_deployed_and_those_whom_it_missed_reconciled(well: Clinic) -> None:
    _, words = well.answering(cognito_idp__DescribeUserPool=live("")).told(trigger)["trigger.attached"]
    assert "make deploy ENV=prod" in words
    assert "make reconcile ENV=prod" in words


def test_in_a_pool_that_was_there_before_it_is_attached_by_its_own_command(well: Clinic) -> None:
    clinic = well.giving(existing_user_pool=True).answering(cognito_idp__DescribeUserPool=live(""))
    assert "make attach-trigger ENV=prod" in clinic.told(trigger)["trigger.attached"][1]


def test_a_pool_that_was_there_before_may_have_triggers_of_its_own(clinic: Clinic) -> None:
    config = {"PostConfirmation": OURS, "PreSignUp": function_arn("another")}
    others = live(LambdaConfig=config)
    told = clinic.answering(
        cognito_idp__DescribeUserPool=others, lambda__GetPolicy=policy(allow(COGNITO, POOL_ARN))
    ).told(trigger)
    assert told == {}


@pytest.mark.parametrize(
    ("intended", "calls", "status"),
    [
        (OURS, function_arn("sweep"), BROKEN),
        (f"{OURS}:live", f"{OURS}:3", WARNING),
        (f"{OURS}:live", OURS, WARNING),
        (f"{OURS}:live", OURS.replace("123456789012", "210987654321"), BROKEN),
    ],
)
def test_a_trigger_that_calls_something_else(well: Clinic, intended: str, calls: str, status: Status) -> None:
    clinic = well.giving(post_confirmation_arn=intended).answering(cognito_idp__DescribeUserPool=live(calls))
    assert clinic.told(trigger)["trigger.attached"][0] is status


def test_where_no_output_names_the_function_the_state_does(clinic: Clinic) -> None:
    known = clinic.giving(post_confirmation_arn=None).knowing(
        "aws_cognito_user_pool", id=POOL, lambda_config=[{"post_confirmation": OURS}]
    )
    answers = {"cognito_idp__DescribeUserPool": live(), "lambda__GetPolicy": policy(allow(COGNITO, POOL_ARN))}
    assert known.answering(**answers).told(trigger) == {}


def test_triggers_that_were_dropped_are_named(clinic: Clinic) -> None:
    known = clinic.knowing(
        "aws_cognito_user_pool", id=POOL, lambda_config=[{"pre_sign_up": function_arn("x")}]
    )
    told = known.answering(
        cognito_idp__DescribeUserPool=live(), lambda__GetPolicy=policy(allow(COGNITO, POOL_ARN))
    ).told(trigger)
    assert told["trigger.others"][0] is BROKEN
    assert "PreSignUp" in told["trigger.others"][1]


def test_the_permission_is_looked_for_where_cognito_calls(well: Clinic) -> None:
    clinic = well.giving(post_confirmation_arn=f"{OURS}:live").answering(
        cognito_idp__DescribeUserPool=live(f"{OURS}:live")
    )
    assert clinic.told(trigger) == {}
    assert clinic.aws.given("lambda.GetPolicy") == [
        {"FunctionName": "people-post-confirmation", "Qualifier": "live"}
    ]


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ("ResourceNotFoundException", BROKEN, "no statement is for it"),
        (policy(), BROKEN, "no statement is for it"),
        (policy(allow("sns.amazonaws.com", POOL_ARN)), BROKEN, "no statement is for it"),
        (policy(allow(COGNITO, ANOTHER)), BROKEN, ANOTHER),
        (policy(allow(COGNITO)), WARNING, "any user pool"),
        (policy(allow(COGNITO, POOL_ARN), allow(COGNITO, Effect="Deny")), BROKEN, "denies"),
    ],
)
def test_a_permission_that_is_not_right(well: Clinic, answer: str, status: Status, words: str) -> None:
    told = well.answering(lambda__GetPolicy=answer).told(trigger)
    assert told["trigger.permission"][0] is status
    assert words in told["trigger.permission"][1]


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        (allow(COGNITO, POOL_ARN), Verdict.ALLOWED),
        (allow(COGNITO, "arn:aws:cognito-idp:*:*:userpool/*"), Verdict.ALLOWED),
        (allow("*", POOL_ARN), Verdict.ALLOWED),
        ({**allow(COGNITO, POOL_ARN), "Principal": {"AWS": "*"}}, Verdict.ALLOWED),
        ({**allow(COGNITO, POOL_ARN), "Principal": {"AWS": "123456789012"}}, Verdict.SILENT),
        (
            allow(COGNITO, Condition={"StringEqualsIgnoreCase": {"aws:SourceArn": POOL_ARN.upper()}}),
            Verdict.ALLOWED,
        ),
        (
            allow(COGNITO, Condition={"StringEquals": {"aws:SourceArn": POOL_ARN.upper()}}),
            Verdict.OTHER_SOURCE,
        ),
        (allow(COGNITO, Condition={"StringEquals": {"aws:SourceArn": "arn:*"}}), Verdict.OTHER_SOURCE),
        ({**allow(COGNITO, POOL_ARN), "Principal": "*"}, Verdict.ALLOWED),
        ({**allow(COGNITO, POOL_ARN), "Action": ["lambda:*"]}, Verdict.ALLOWED),
        ({**allow(COGNITO, POOL_ARN), "Action": "lambda:GetFunction"}, Verdict.SILENT),
        (allow(COGNITO, POOL_ARN.replace("AbCd", "????")), Verdict.ALLOWED),
        (allow(COGNITO, Condition={"StringEquals": {"aws:SourceAccount": "123456789012"}}), Verdict.UNBOUND),
        (allow(COGNITO, Condition={"StringEquals": {"aws:SourceAccount": "1"}}), Verdict.OTHER_SOURCE),
        (
            allow(COGNITO, Condition={"StringEquals": {"lambda:Other": "x"}}),
            Verdict.OTHER_SOURCE,
        ),
        (allow(COGNITO, Condition={"DateLessThan": {"aws:SourceArn": "2020"}}), Verdict.OTHER_SOURCE),
    ],
)
def test_a_policy_is_judged_as_iam_would(statement: dict[str, object], verdict: Verdict) -> None:
    assert judge(str(policy(statement)["Policy"]), COGNITO, POOL_ARN).verdict is verdict


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        ({"Statement": [allow("*", Sid="x")]}, True),
        ({"Statement": allow("*")}, True),
        ({"Statement": [{**allow("*"), "Action": ["lambda:InvokeFunction"]}]}, True),
        ({"Statement": [allow("*"), allow(COGNITO)]}, False),
        ({"Statement": [allow("*", Effect="Deny")]}, False),
        ({}, False),
    ],
)
def test_policies_that_say_the_same_are_the_same(other: dict[str, object], equal: bool) -> None:
    assert same({"Version": "2012-10-17", "Statement": [allow("*")]}, other) is equal


def test_everybody_can_be_written_in_two_ways() -> None:
    ways = [
        {"Statement": [{**allow(COGNITO), "Principal": who}]} for who in ("*", {"AWS": "*"}, {"AWS": ["*"]})
    ]
    assert all(same(ways[0], way) for way in ways)


STATEMENT = st.builds(
    lambda who, source, effect, actions: {**allow(who, source), "Effect": effect, "Action": actions},
    st.sampled_from([COGNITO, "*", "sns.amazonaws.com"]),
    st.sampled_from([POOL_ARN, ANOTHER, "*", ""]),
    st.sampled_from(["Allow", "Deny"]),
    st.lists(st.sampled_from(["lambda:InvokeFunction", "lambda:*", "*", "s3:GetObject"]), max_size=2),
)


@given(st.lists(STATEMENT, max_size=6))
def test_what_nobody_allows_or_somebody_denies_is_not_allowed(statements: list[dict[str, object]]) -> None:
    good = (Verdict.ALLOWED, Verdict.UNBOUND)
    silenced = [statement for statement in statements if statement["Effect"] == "Deny"]
    assert judge(str(policy(*silenced)["Policy"]), COGNITO, POOL_ARN).verdict not in good
    denied = policy(*statements, allow("*", Effect="Deny", Action="*"))
    assert judge(str(denied["Policy"]), COGNITO, POOL_ARN).verdict is Verdict.DENIED


def test_a_pool_that_people_can_sign_up_in(clinic: Clinic) -> None:
    email = {"EmailSendingAccount": "DEVELOPER"}
    well = clinic.knowing("aws_cognito_user_pool", id=POOL, deletion_protection="ACTIVE").answering(
        cognito_idp__DescribeUserPool=live(EmailConfiguration=email, DeletionProtection="ACTIVE"),
        cognito_idp__DescribeUserPoolClient={"UserPoolClient": {}},
    )
    assert well.told(pool) == {}
    assert (well.seen(pool)["pool.sign_up"], well.seen(pool)["pool.protection"]) == (
        "people may sign up",
        "protected from deletion",
    )
    closed = {"AllowAdminCreateUserOnly": True}
    told = well.answering(
        cognito_idp__DescribeUserPool=live(AdminCreateUserConfig=closed, DeletionProtection="INACTIVE"),
        cognito_idp__DescribeUserPoolClient="ResourceNotFoundException",
    ).told(pool)
    assert {check: status for check, (status, _words) in told.items()} == {
        "pool.sign_up": BROKEN,
        "pool.client": BROKEN,
        "pool.sender": WARNING,
        "pool.protection": WARNING,
    }


def test_a_pool_that_is_closed_on_purpose_is_well(clinic: Clinic) -> None:
    known = clinic.knowing(
        "aws_cognito_user_pool", id=POOL, admin_create_user_config=[{"allow_admin_create_user_only": True}]
    )
    known_closed = known.answering(
        cognito_idp__DescribeUserPool=live(AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}),
        cognito_idp__DescribeUserPoolClient={"UserPoolClient": {}},
    )
    assert "pool.sign_up" not in known_closed.told(pool)
    assert known_closed.seen(pool)["pool.sign_up"] == "closed, as intended"
    assert known_closed.seen(pool)["pool.protection"] == "not protected from deletion, as intended"


def test_a_pool_that_was_there_before_may_be_closed(clinic: Clinic) -> None:
    status, words = clinic.answering(
        cognito_idp__DescribeUserPool=live(AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}),
        cognito_idp__DescribeUserPoolClient={"UserPoolClient": {}},
    ).told(pool)["pool.sign_up"]
    assert status is WARNING
    assert "make reconcile ENV=prod" in words
