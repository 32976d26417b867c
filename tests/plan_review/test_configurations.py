"""The plans are what their configurations are made for: each kind of change just as often as meant."""

from collections import Counter
from collections.abc import Mapping

import pytest

from scripts.plan_review.plan import Action, Plan
from scripts.plan_review.summary import headline
from tests.plan_review.conftest import Json


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("nothing", "no changes"),
        (
            "builtin",
            "7 to destroy, 4 to replace, 2 to forget, 22 to update, 1 to import, 6 to move, 5 to create, "
            "1 to read, 6 outputs to change",
        ),
        ("many", "20 to destroy, 480 to update, 20 to create"),
        ("drift", "2 to update, 1 to import, 1 to create, 3 changed outside of Terraform"),
    ],
)
def test_one_line_says_what_happens(plans: Mapping[str, Json], name: str, line: str) -> None:
    assert headline(Plan.of(plans[name])) == line


def actions(plan: Json) -> dict[Action, int]:
    return dict(Counter(change.action for change in Plan.of(plan).changes))


def addresses(plan: Json, action: Action) -> set[str]:
    return {change.address for change in Plan.of(plan).changes if change.action is action}


def test_without_a_change(plans: Mapping[str, Json]) -> None:
    assert set(actions(plans["nothing"])) == {Action.NO_OP}


def test_resource_of_no_provider(plans: Mapping[str, Json]) -> None:
    plan = plans["builtin"]

    assert actions(plan) == {
        Action.CREATE: 5,
        Action.UPDATE: 22,
        Action.REPLACE: 4,
        Action.DESTROY: 7,
        Action.MOVE: 6,
        Action.IMPORT: 1,
        Action.FORGET: 2,
        Action.READ: 1,
        Action.NO_OP: 6,
    }
    assert addresses(plan, Action.MOVE) == {
        "terraform_data.new_name",
        'terraform_data.each["new_key"]',
        'terraform_data.from_count["first"]',
        'terraform_data.from_count["second"]',
        "module.new_module.module.inner[0].terraform_data.this",
        "module.new_module.module.inner[1].terraform_data.this",
    }
    assert addresses(plan, Action.FORGET) == {
        "terraform_data.forgotten",
        "module.forgotten.terraform_data.this",
    }
    changes = Plan.of(plan).changes
    assert [c.address for c in changes if c.create_first] == ["terraform_data.replaced_create_first"]
    assert [c.address for c in changes if c.deposed] == ["terraform_data.kept"]
    assert [c.previous_address for c in changes if c.previous_address and c.action is Action.UPDATE] == [
        "terraform_data.old_name_changed"
    ]
    assert {output.name: output.action for output in Plan.of(plan).outputs} == {
        "changed": Action.UPDATE,
        "gone": Action.DESTROY,
        "kept": Action.NO_OP,
        "new": Action.CREATE,
        "newly_secret": Action.CREATE,
        "secret": Action.UPDATE,
        "unknown": Action.CREATE,
    }


def test_many(plans: Mapping[str, Json]) -> None:
    assert actions(plans["many"]) == {Action.UPDATE: 480, Action.CREATE: 20, Action.DESTROY: 20}


def test_aws(plans: Mapping[str, Json]) -> None:
    plan = plans["aws"]

    assert set(actions(plans["created"])) == {Action.CREATE}
    assert addresses(plan, Action.FORGET) == {"aws_dynamodb_table.forgotten"}
    assert addresses(plan, Action.MOVE) == {"aws_dynamodb_table.new_address"}
    assert addresses(plan, Action.READ) == {"data.aws_iam_policy_document.alarms"}
    assert addresses(plan, Action.DESTROY) == {
        "aws_cloudwatch_log_group.destroyed",
        "aws_dynamodb_table.counted[1]",
        "aws_dynamodb_table.destroyed",
        "aws_kms_key.destroyed",
        "aws_lambda_event_source_mapping.removed",
        "aws_lambda_permission.removed",
        "aws_s3_bucket_public_access_block.removed",
        "aws_s3_bucket_versioning.removed",
        "aws_sns_topic_subscription.person",
    }
    assert addresses(plan, Action.REPLACE) == {
        "aws_cognito_user_pool.replaced",
        "aws_dynamodb_table.replaced",
        "aws_iam_role.renamed",
        "aws_iam_role_policy_attachment.full_access",
        "aws_lambda_alias.live",
        "aws_lambda_permission.for_another",
        "aws_s3_bucket.renamed",
        "aws_sns_topic.renamed",
        "aws_sqs_queue.renamed",
    }


def test_drift_and_import(plans: Mapping[str, Json]) -> None:
    plan = plans["drift"]

    assert {change.name: change.action for change in Plan.of(plan).drift} == {
        "changed": Action.UPDATE,
        "changed_as_meant": Action.UPDATE,
        "deleted": Action.DESTROY,
    }
    assert {change.name: (change.action, change.import_id) for change in Plan.of(plan).changes} == {
        "changed": (Action.UPDATE, ""),
        "changed_as_meant": (Action.NO_OP, ""),
        "deleted": (Action.CREATE, ""),
        "imported": (Action.IMPORT, "imported"),
        "imported_changed": (Action.UPDATE, "imported-changed"),
    }
