"""Every built-in rule finds, in a plan by the real Terraform, what it is for and nothing else."""

import re
from collections.abc import Mapping

import pytest

from scripts.plan_review.guard import Verdict, check
from scripts.plan_review.plan import Plan
from scripts.plan_review.rules import Rules
from tests.plan_review.conftest import CONFIGURATIONS, Json

RULES = Rules.load()
# rule → resources of configurations/aws
CAUGHT = {
    "data-destroyed": {
        "aws_cognito_user_pool.replaced",
        "aws_dynamodb_table.counted[1]",
        "aws_dynamodb_table.destroyed",
        "aws_dynamodb_table.replaced",
        "aws_s3_bucket.renamed",
    },
    "key-destroyed": {"aws_kms_key.destroyed"},
    "subscribers-lost": {"aws_sns_topic.renamed", "aws_sns_topic_subscription.person"},
    "messages-lost": {"aws_sqs_queue.renamed"},
    "logs-lost": {"aws_cloudwatch_log_group.destroyed"},
    "user-pool-trigger-lost": {
        "aws_cognito_user_pool.lambda_config_removed",
        "aws_cognito_user_pool.trigger_removed",
        "aws_cognito_user_pool.trigger_unknown",
    },
    "invoke-permission-lost": {"aws_lambda_permission.for_another", "aws_lambda_permission.removed"},
    "event-source-lost": {
        "aws_lambda_event_source_mapping.removed",
        "aws_lambda_event_source_mapping.switched_off",
        "aws_scheduler_schedule.switched_off",
    },
    "user-attribute-removed": {"aws_cognito_user_pool.attribute_removed"},
    "user-attribute-changed": {"aws_cognito_user_pool.attribute_changed"},
    "deletion-protection-off": {
        "aws_cognito_user_pool.unprotected",
        "aws_dynamodb_table.unprotected",
        "aws_s3_bucket.force_destroy",
    },
    "backup-off": {
        "aws_dynamodb_table.no_recovery",
        "aws_s3_bucket_versioning.removed",
        "aws_s3_bucket_versioning.suspended",
    },
    "policy-star": {
        "aws_iam_role_policy.new_with_star",
        "aws_iam_role_policy.star_actions",
        "aws_iam_role_policy.star_resource",
    },
    "policy-anyone": {"aws_sns_topic_policy.anyone"},
    "policy-principal": {
        "aws_iam_role.trusts_more",
        "aws_lambda_permission.added",
        "aws_lambda_permission.for_another",
    },
    "policy-actions": {"aws_iam_role_policy.reader_writes", "aws_iam_role_policy.second"},
    "policy-condition": {"aws_iam_role_policy.no_condition"},
    "policy-deny": {"aws_sns_topic_policy.deny_dropped"},
    "policy-unknown": {"aws_iam_role_policy.unknown"},
    "policy-attached": {
        "aws_iam_role_policy_attachment.attached",
        "aws_iam_role_policy_attachment.full_access",
    },
    "policy-full-access": {"aws_iam_role_policy_attachment.full_access"},
    "role-changed": {"aws_lambda_function.of_another_role"},
    "boundary-removed": {"aws_iam_role.trusts_more"},
    "public-access": {
        "aws_s3_bucket_public_access_block.removed",
        "aws_s3_bucket_public_access_block.switched_off",
    },
    "authorization-off": {"aws_apigatewayv2_route.open"},
}


def of(plan: Json) -> Verdict:
    return check(Plan.of(plan), RULES)


@pytest.mark.parametrize("rule", [rule.name for rule in RULES.rules])
def test_rule_finds_what_it_is_for(plans: Mapping[str, Json], rule: str) -> None:
    found = {finding.address for finding in of(plans["aws"]).stops if finding.rule.name == rule}

    assert found == CAUGHT[rule]


def test_nothing_is_found_in_what_is_harmless(plans: Mapping[str, Json]) -> None:
    files = (CONFIGURATIONS / "aws").glob("*/harmless.tf")
    harmless = {
        ".".join(names)
        for file in files
        for names in re.findall(r'^resource "(\w+)" "(\w+)"', file.read_text(), re.MULTILINE)
    }

    assert harmless
    assert [finding for finding in of(plans["aws"]).stops if finding.address in harmless] == []


@pytest.mark.parametrize("name", ["builtin", "drift", "many", "nothing"])
def test_plan_that_touches_no_data_and_no_permissions_passes(plans: Mapping[str, Json], name: str) -> None:
    assert of(plans[name]) == Verdict()


def test_what_cannot_be_told_says_so(plans: Mapping[str, Json]) -> None:
    verdict = of(plans["aws"])

    assert {finding.address for finding in verdict.stops if finding.unknown} == {
        "aws_cognito_user_pool.trigger_unknown",
        "aws_iam_role_policy.unknown",
    }
    # its role is made by the same plan; a new topic's policy, of which all but the ARN is known, is judged
    assert [finding.address for finding in verdict.not_judged] == ["aws_iam_role_policy.new_unknown"]


def test_finding_that_is_allowed_lets_the_plan_pass(plans: Mapping[str, Json]) -> None:
    plan = Plan.of(plans["aws"])
    stops = check(plan, RULES).stops

    verdict = check(plan, RULES, [finding.override for finding in stops])

    assert verdict.passes
    assert verdict.overridden == stops
    assert verdict.unused == ()
