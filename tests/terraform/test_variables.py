"""A bad value is refused at plan time, with a sentence that says what to do."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts import environment
from scripts.environment import TERRAFORM
from scripts.terraform import Terraform, TerraformError
from tests.terraform.conftest import OFFLINE, UNREACHABLE

ARN = "arn:aws:ses:eu-west-1:000000000000:identity/example.com"
LOG_DAYS = "Set log_retention_days to a value that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120,"

# variable of the root module: bad values, the sentence. The first values are planned together, the second
# together, and so on, since Terraform names every bad variable at once.
ROOT: dict[str, tuple[list[Any], str]] = {
    "allowed_account_ids": ([["1234"]], "Give allowed_account_ids as account ids of 12 digits, in quotes."),
    "aws_region": (["Ireland"], "Give aws_region as the id of a region, for example eu-west-1."),
    "email_delivery": (["pigeon", ""], 'Set email_delivery to "sns" or "ses".'),
    "kms_key_arn": (["alias/aws/sns"], "Give kms_key_arn as the ARN of a key in aws_region"),
    "lambda_architecture": (["riscv"], 'Set lambda_architecture to "arm64" or "x86_64"'),
    "lambda_package_path": (
        ["none.zip"],
        "There is no package at lambda_package_path. Build it with `make package`",
    ),
    "lambda_runtime": (["python3.9", "nodejs22.x"], "Set lambda_runtime to python3.11 or later"),
    "log_retention_days": ([-1, 0, 31], LOG_DAYS),
    "name_prefix": (
        ["a-prefix-that-is-too-long", "Registration", "ab", "ends-in-a-hyphen-"],
        "Give name_prefix as 3 to 24 lower-case letters, digits or hyphens",
    ),
    "password_minimum_length": ([6, 100], "Set password_minimum_length to 8 to 99"),
    "ses_identity": (
        [
            {"arn": "example.com", "from_address": "Us <us@example.com>"},
            {
                "arn": "arn:aws:ses:us-east-1:000000000000:identity/example.com",
                "from_address": "us@example.com",
            },
        ],
        "Give ses_identity.arn as the ARN of an SES identity in aws_region",
    ),
}
CASES = [(name, value, i) for name, (values, _) in ROOT.items() for i, value in enumerate(values)]


@pytest.fixture(scope="module")
def refusals(root: Terraform, package: Path) -> list[str]:
    """What Terraform says to the first, second, … bad value of each variable."""
    rounds = max(len(values) for values, _ in ROOT.values())
    good = {"aws_region": "eu-west-1", "lambda_package_path": str(package)}
    return [
        refusal(root, good | {name: values[i] for name, (values, _) in ROOT.items() if i < len(values)})
        for i in range(rounds)
    ]


@pytest.mark.parametrize(("name", "value", "i"), CASES, ids=lambda value: str(value))
def test_root(refusals: list[str], name: str, value: object, i: int) -> None:
    assert ROOT[name][1] in refusals[i]


def test_sender_is_a_bare_address(refusals: list[str]) -> None:
    assert "Give ses_identity.from_address as a bare address" in refusals[0]


def test_ses_without_an_identity(root: Terraform, package: Path) -> None:
    said = refusal(
        root, {"aws_region": "eu-west-1", "email_delivery": "ses", "lambda_package_path": str(package)}
    )

    assert "Give ses_identity the identity that SES is to send from, or set email_delivery to" in said


MODULES = """
module "role_without_statements" {
  source     = "./modules/iam"
  name       = "role"
  statements = []
}

module "role_with_a_wildcard_resource" {
  source     = "./modules/iam"
  name       = "role"
  statements = [{ sid = "All", actions = ["sns:Publish"], resources = ["*"] }]
}

module "role_with_an_empty_reason" {
  source     = "./modules/iam"
  name       = "role"
  statements = [{ sid = "All", actions = ["sns:ListTopics"], resources = ["*"], reason = " " }]
}

module "role_with_a_wildcard_action" {
  source     = "./modules/iam"
  name       = "role"
  statements = [{ sid = "All", actions = ["sns:*"], resources = ["arn:aws:sns:eu-west-1:000000000000:topic"] }]
}

module "role_with_a_reason" {
  source     = "./modules/iam"
  name       = "role"
  statements = [{ sid = "All", actions = ["sns:ListTopics"], resources = ["*"], reason = "Lists have no resource." }]
}

module "topic_without_publishers" {
  source         = "./modules/sns"
  name_prefix    = "topic"
  publisher_arns = []
}

module "function" {
  source             = "./modules/lambda"
  name               = "function"
  handler            = "handler"
  log_retention_days = -1
  memory_mb          = 64
  package_path       = "none.zip"
  timeout_seconds    = 901
  schedule           = { expression = "every minute" }
  stream             = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows", maximum_retry_attempts = -1 }
}

module "pool" {
  source                  = "./modules/cognito"
  name_prefix             = "a pool"
  password_minimum_length = 6
  token_lifetimes         = { access_minutes = 1, refresh_days = 0 }
}

module "tables" {
  source      = "./modules/dynamodb"
  name_prefix = ""
  kms_key_arn = "alias/key"
}
"""
SENTENCES = [
    "Give at least one statement",
    'Name the resource instead of "*". If the action has no resource to name, say so in the statement\'s reason.',
    "Name each action in full, for example dynamodb:PutItem: wildcards are refused.",
    "Name at least one role in publisher_arns",
    "Give handler as package.module.function",
    LOG_DAYS,
    "Set memory_mb to a whole number from 128 to 10240.",
    "There is no file at package_path.",
    "Set timeout_seconds to a whole number from 1 to 900.",
    "Give schedule.expression as rate(…), cron(…) or at(…)",
    "Give stream.arn as the ARN of a DynamoDB stream",
    "Set stream.maximum_retry_attempts to 0 to 10000: without a bound, one bad record blocks its shard.",
    "Give name_prefix as 1 to 64 letters, digits, hyphens or underscores.",
    "Set password_minimum_length to 8 to 99",
    "Set token_lifetimes.access_minutes and token_lifetimes.id_minutes to 5 to 1440",
    "Set token_lifetimes.refresh_days to 1 to 3650.",
    "Give name_prefix as 1 to 64 letters, digits, dots, hyphens or underscores.",
    "Give kms_key_arn as the ARN of a key",
]


@pytest.fixture(scope="module")
def module_refusal(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Terraform says to bad inputs of the modules, all at once."""
    folder = tmp_path_factory.mktemp("bad-inputs")
    shutil.copytree(TERRAFORM / "modules", folder / "modules")
    shutil.copy(TERRAFORM / ".terraform.lock.hcl", folder)
    (folder / "main.tf").write_text(MODULES + OFFLINE)
    (folder / "region_override.tf").write_text('provider "aws" {\n  region = "eu-west-1"\n}\n')
    terraform = Terraform(folder, environment.local(UNREACHABLE).variables)
    terraform.init()
    return refusal(terraform, {})


@pytest.mark.parametrize("sentence", SENTENCES)
def test_modules(module_refusal: str, sentence: str) -> None:
    assert sentence in module_refusal


def test_a_wildcard_resource_needs_a_reason(module_refusal: str) -> None:
    assert "role_with_a_wildcard_resource" in module_refusal
    assert "role_with_an_empty_reason" in module_refusal
    assert "role_with_a_reason" not in module_refusal


def refusal(terraform: Terraform, variables: dict[str, Any]) -> str:
    """What Terraform says in refusing a plan, on one line."""
    with pytest.raises(TerraformError) as refused:
        terraform.plan(variables=variables)
    lines = [line.strip("│╷╵ ") for line in refused.value.output.splitlines()]
    return " ".join(" ".join(lines).split())
