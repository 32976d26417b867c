"""Reviews of real plans as Markdown: the shape that they are to have, no secret, and what they say."""

import json
from collections.abc import Mapping

import pytest

from scripts.plan_review.guard import check
from scripts.plan_review.markdown import LIMIT, length, markdown
from scripts.plan_review.plan import Plan
from scripts.plan_review.rules import Rules
from scripts.plan_review.summary import rows
from tests.plan_review.conftest import Json
from tests.unit.scripts.plan_review.github import shape

NAMES = ["nothing", "builtin", "many", "created", "aws", "drift"]
# every sensitive value that there is in the configurations
SECRETS = [
    *("swordfish-before", "swordfish-after", "token-before", "token-after", "4711", "0815", "was-a-secret"),
    *("output-token", "api-key-before", "api-key-after", "parameter-before", "parameter-after"),
]


def review(plans: Mapping[str, Json], name: str) -> str:
    plan = Plan.of(plans[name])
    return markdown(plan, title=name, verdict=check(plan, Rules.load()))


@pytest.mark.parametrize("name", NAMES)
def test_a_review_has_the_shape_that_its_plan_asks_for(plans: Mapping[str, Json], name: str) -> None:
    text, plan = review(plans, name), Plan.of(plans[name])
    found = shape(text)
    assert length(text) <= LIMIT
    assert found["heading_open"] == 1
    assert found["td_open"] == 3 * len(rows(plan))
    assert found["html_block"] == 1 + 2 * found["fence"]
    assert not any(found[kind] for kind in ("html_inline", "link_open", "image", "code_block", "em_open"))


def test_no_secret_is_in_a_review(plans: Mapping[str, Json]) -> None:
    in_plans, in_reviews = json.dumps(plans), "".join(review(plans, name) for name in NAMES)
    assert [secret for secret in SECRETS if secret not in in_plans] == []
    assert [secret for secret in SECRETS if secret in in_reviews] == []


def details(text: str, summary: str) -> list[str]:
    """The lines that are folded below a summary."""
    (_, after) = text.split(f"<details><summary>{summary}</summary>\n\n```diff\n")
    return after.split("\n```\n")[0].splitlines()


@pytest.mark.parametrize(
    ("name", "summary", "lines"),
    [
        (
            "builtin",
            "update <code>terraform_data.nested</code>",
            [
                '- input.gone: "this key goes"',
                "! input.limits.high: 10.5 → 10.25",
                "+ input.limits.middle: 5",
                "+ input.none: false",
                '+ input.rules[0]: {"name": "zeroth", "open": true, "ports": [8080]}',
                "! input.rules[1].ports: [80, 443] → [443, 80]",
                "! input.rules[2].open: false → true",
                "# known after apply: output",
            ],
        ),
        (
            "builtin",
            "replace <code>terraform_data.secret_replaced</code>",
            [
                "# forces the replacement: triggers_replace",
                "! triggers_replace.password: (sensitive)",
                "# known after apply: id, output",
            ],
        ),
        (
            "aws",
            "update <code>aws_lambda_function.greet</code>",
            [
                "! environment[0].variables.API_KEY: (sensitive)",
                '! environment[0].variables.STAGE: "dev" → "prod"',
                '! source_code_hash: "hash-of-the-package-before" → "hash-of-the-package-after"',
                "# known after apply: architectures, last_modified",
            ],
        ),
        (
            "aws",
            "update <code>aws_iam_role.reader</code>",
            [
                "! assume_role_policy: IAM policy",
                "!   statement without a Sid: Allow",
                "      Principal: Service: lambda.amazonaws.com",
                "-     Principal: Service: states.amazonaws.com",
                "      Action: sts:AssumeRole",
                "# known after apply: managed_policy_arns",
            ],
        ),
        (
            "aws",
            "update <code>aws_iam_role_policy.star_actions</code>",
            [
                "! policy: IAM policy",
                "!   statement without a Sid: Allow",
                "-     Action: dynamodb:GetItem",
                "-     Action: dynamodb:PutItem",
                "-     Action: dynamodb:PutResourcePolicy",
                "-     Action: dynamodb:TagResource",
                "+     Action: dynamodb:*",
                "      Resource: arn:aws:dynamodb:eu-west-1:123456789012:table/users",
            ],
        ),
        (
            "drift",
            "drift <code>aws_cloudwatch_log_group.changed</code> and 1 more, all alike",
            [
                "# the same happens to",
                "# aws_cloudwatch_log_group.changed_as_meant",
                "# and to each of them:",
                "! retention_in_days: 7 → 30",
            ],
        ),
    ],
)
def test_what_a_review_says(plans: Mapping[str, Json], name: str, summary: str, lines: list[str]) -> None:
    assert details(review(plans, name), summary) == lines


def test_five_hundred_resources_have_room_for_what_is_important(plans: Mapping[str, Json]) -> None:
    text = review(plans, "many")
    assert text.splitlines()[1] == "### many: 20 to destroy, 480 to update, 20 to create"
    assert text.count("\n| **destroy** |") == 20
    assert "> **Cut** to fit into 65,536 characters: " in text
