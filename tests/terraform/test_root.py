"""Who may do what, and what else the root module makes, read from an apply to a made-up AWS."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import environment
from scripts.terraform import Terraform
from tests.terraform.conftest import UNREACHABLE

Json = dict[str, Any]
Permissions = set[tuple[str, ...]]

USERS = "dynamodb:table/users"
NOTIFICATIONS = "dynamodb:table/notifications"
KEY = "kms:key/key"
TOPIC = "sns:topic"

# What each role may do: action, resource, and the condition where there is one.
POST_CONFIRMATION: Permissions = {
    ("logs:CreateLogStream", "logs:log-group:post-confirmation:*"),
    ("logs:PutLogEvents", "logs:log-group:post-confirmation:*"),
    ("dynamodb:PutItem", USERS),
    ("dynamodb:PutItem", NOTIFICATIONS),
}
DELIVERY: Permissions = {
    ("dynamodb:UpdateItem", NOTIFICATIONS),
    ("dynamodb:GetItem", USERS),
    ("dynamodb:UpdateItem", USERS),
}
DELIVER: Permissions = DELIVERY | {
    ("logs:CreateLogStream", "logs:log-group:deliver:*"),
    ("logs:PutLogEvents", "logs:log-group:deliver:*"),
    ("dynamodb:DescribeStream", f"{NOTIFICATIONS}/stream/now"),
    ("dynamodb:GetRecords", f"{NOTIFICATIONS}/stream/now"),
    ("dynamodb:GetShardIterator", f"{NOTIFICATIONS}/stream/now"),
    ("dynamodb:ListStreams", f"{NOTIFICATIONS}/stream/*"),
    ("sqs:SendMessage", "sqs:deliver-failed"),
}
SWEEP: Permissions = DELIVERY | {
    ("logs:CreateLogStream", "logs:log-group:sweep:*"),
    ("logs:PutLogEvents", "logs:log-group:sweep:*"),
    ("dynamodb:Query", f"{NOTIFICATIONS}/index/Due"),
}
SNS: Permissions = {
    ("sns:GetSubscriptionAttributes", TOPIC),
    ("sns:Publish", TOPIC),
    ("sns:Subscribe", TOPIC, "StringEquals sns:Protocol email"),
}
FROM = "StringEquals ses:FromAddress no-reply@example.com"
SES: Permissions = {
    ("ses:SendEmail", "ses:identity/example.com", FROM),
    ("ses:SendEmail", "ses:configuration-set/notifications", FROM),
}


def key_for(*services: str) -> Permissions:
    """The customer key, but only by way of these services."""
    return {
        (action, KEY, f"StringEquals kms:ViaService {service}.eu-west-1.amazonaws.com")
        for action in ("kms:Decrypt", "kms:GenerateDataKey")
        for service in services
    }


MEANT: dict[str, dict[str, Permissions]] = {
    "sns": {
        "deliver": DELIVER | SNS,
        "post-confirmation": POST_CONFIRMATION,
        "sweep": SWEEP | SNS,
    },
    "ses_and_customer_key": {
        "deliver": DELIVER | SES | key_for("dynamodb", "sqs"),
        "post-confirmation": POST_CONFIRMATION | key_for("dynamodb"),
        "sweep": SWEEP | SES | key_for("dynamodb"),
    },
    "sns_and_customer_key": {
        "deliver": DELIVER | SNS | key_for("dynamodb", "sqs", "sns"),
        "post-confirmation": POST_CONFIRMATION | key_for("dynamodb"),
        "sweep": SWEEP | SNS | key_for("dynamodb", "sns"),
    },
}

in_each_case = pytest.mark.parametrize("case", MEANT)


@pytest.fixture(scope="module")
def made(root: Terraform, package: Path) -> dict[str, list[Json]]:
    """All resources, by case, after an apply to a made-up AWS."""
    # root.tftest.hcl; python-terraform has no `test`
    done = subprocess.run(
        ["terraform", "test", "-json", "-verbose", f"-var=lambda_package_path={package}"],
        cwd=root.folder,
        env=dict(environment.local(UNREACHABLE).variables),
        capture_output=True,
        text=True,
        check=False,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, [m for m in messages if m["@level"] == "error"] or done.stderr
    return {
        m["@testrun"]: list(resources_of(m["test_state"]["root_module"]))
        for m in messages
        if m["type"] == "test_state"
    }


@in_each_case
def test_each_function_may_do_what_it_must_and_nothing_else(made: dict[str, list[Json]], case: str) -> None:
    roles = {policy["role"]: allowed(policy) for policy in of_type(made[case], "aws_iam_role_policy")}

    assert roles == {
        "registration-sweep-schedule": {("lambda:InvokeFunction", "lambda:function:sweep")},
        **{f"registration-{function}": meant for function, meant in MEANT[case].items()},
    }


@in_each_case
def test_no_role_has_a_policy_from_elsewhere(made: dict[str, list[Json]], case: str) -> None:
    types = {resource["type"] for resource in made[case]}

    assert not types & {"aws_iam_policy", "aws_iam_policy_attachment", "aws_iam_role_policy_attachment"}


@in_each_case
def test_only_its_own_service_takes_on_a_role(made: dict[str, list[Json]], case: str) -> None:
    trusts = {
        role["name"].removeprefix("registration-"): only_statement(role["assume_role_policy"])
        for role in of_type(made[case], "aws_iam_role")
    }

    schedule = trusts.pop("sweep-schedule")
    assert schedule["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert schedule["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "000000000000"},
        "ArnEquals": {"aws:SourceArn": "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/sweep"},
    }
    assert set(trusts) == {"deliver", "post-confirmation", "sweep"}
    assert all(trust["Principal"] == {"Service": "lambda.amazonaws.com"} for trust in trusts.values())


@in_each_case
def test_only_the_senders_publish_and_subscribe(made: dict[str, list[Json]], case: str) -> None:
    (policy,) = of_type(made[case], "aws_sns_topic_policy")

    statement = only_statement(policy["policy"])
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == ["sns:Publish", "sns:Subscribe"]
    assert statement["Condition"] == {
        "ArnNotEquals": {
            "aws:PrincipalArn": [f"arn:aws:iam::000000000000:role/{name}" for name in ("deliver", "sweep")]
        }
    }


@in_each_case
def test_only_this_pool_calls_the_trigger(made: dict[str, list[Json]], case: str) -> None:
    (permission,) = of_type(made[case], "aws_lambda_permission")

    assert permission["function_name"] == "registration-post-confirmation"
    assert permission["principal"] == "cognito-idp.amazonaws.com"
    assert permission["source_arn"] == "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/pool"


@in_each_case
def test_each_function_is_told_what_it_needs_and_nothing_else(made: dict[str, list[Json]], case: str) -> None:
    told = {
        function["function_name"].removeprefix("registration-"): set(function["environment"][0]["variables"])
        for function in of_type(made[case], "aws_lambda_function")
    }

    tables = {"NOTIFICATION_TABLE", "USER_TABLE"}
    sending = tables | {
        "EMAIL_DELIVERY",
        "NOTIFICATION_TOPIC_ARN",
        "POWERTOOLS_METRICS_NAMESPACE",
        "POWERTOOLS_SERVICE_NAME",
    }
    if case.startswith("ses"):
        sending |= {"EMAIL_CONFIGURATION_SET", "EMAIL_FROM"}
    assert told == {"deliver": sending, "post-confirmation": tables, "sweep": sending}


@in_each_case
def test_nothing_personal_lies_unencrypted_unprotected_or_for_ever(
    made: dict[str, list[Json]], case: str
) -> None:
    for table in of_type(made[case], "aws_dynamodb_table"):
        assert table["server_side_encryption"][0]["enabled"]
        assert table["point_in_time_recovery"][0]["enabled"]
        assert table["deletion_protection_enabled"]
    (pool,) = of_type(made[case], "aws_cognito_user_pool")
    assert pool["deletion_protection"] == "ACTIVE"
    (queue,) = of_type(made[case], "aws_sqs_queue")
    assert queue["sqs_managed_sse_enabled"] is True or queue["kms_master_key_id"]
    assert {group["retention_in_days"] for group in of_type(made[case], "aws_cloudwatch_log_group")} == {30}


def allowed(policy: Json) -> Permissions:
    """A policy as (action, resource) or (action, resource, condition), each ARN without its beginning."""
    found: Permissions = set()
    for statement in json.loads(policy["policy"])["Statement"]:
        assert statement["Effect"] == "Allow"
        conditions = [
            f"{test} {variable} {value}"
            for test, variables in statement.get("Condition", {}).items()
            for variable, values in variables.items()
            for value in values
        ]
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                assert resource.startswith("arn:aws:"), "each resource is named"
                _, _, service, _, _, name = resource.split(":", 5)
                found |= {(action, f"{service}:{name}", *([c] if c else [])) for c in conditions or [""]}
    return found


def only_statement(policy: str) -> Json:
    (statement,) = json.loads(policy)["Statement"]
    return dict(statement)


def of_type(resources: list[Json], kind: str) -> list[Json]:
    return [resource["values"] for resource in resources if resource["type"] == kind]


def resources_of(module: Json) -> Iterator[Json]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources_of(child)
