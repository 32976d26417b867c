"""A bad value is refused at plan time, with a sentence that says what to do."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts import environment
from scripts.environment import TERRAFORM
from scripts.terraform import Terraform, TerraformError
from tests.terraform.conftest import OFFLINE, UNREACHABLE

LOG_DAYS = "Set log_retention_days to a value that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120,"
PREFIX = "Give name_prefix as 3 to 24 lower-case letters, digits or hyphens"
LENGTH = "Set password_minimum_length to 8 to 99"
RUNTIME = "Set lambda_runtime to python3.11 or later"
ELSEWHERE = "arn:aws:ses:us-east-1:000000000000:identity/example.com"

# Plans of the root module: variable → (a bad value, the sentences). Terraform names every bad variable of a
# plan, but leaves out those whose check looks at another bad one: hence more than one plan.
PLANS: list[dict[str, tuple[Any, list[str]]]] = [
    {
        "allowed_account_ids": (
            ["1234"],
            ["Give allowed_account_ids as account ids of 12 digits, in quotes."],
        ),
        "aws_region": ("Ireland", ["Give aws_region as the id of a region, for example eu-west-1."]),
        "lambda_architecture": ("riscv", ['Set lambda_architecture to "arm64" or "x86_64"']),
        "lambda_package_path": (
            "none.zip",
            ["There is no package at lambda_package_path. Build it with `make"],
        ),
        "lambda_runtime": ("python3.9", [RUNTIME]),
        "log_retention_days": (-1, [LOG_DAYS]),
        "name_prefix": ("a-prefix-that-is-too-long", [PREFIX]),
        "password_minimum_length": (6, [LENGTH]),
    },
    {
        "kms_key_arn": ("alias/aws/sns", ["Give kms_key_arn as the ARN of a key in aws_region"]),
        "lambda_runtime": ("nodejs22.x", [RUNTIME]),
        "log_retention_days": (0, [LOG_DAYS]),
        "name_prefix": ("Registration", [PREFIX]),
        "password_minimum_length": (100, [LENGTH]),
        "ses_identity": (
            {"arn": ELSEWHERE, "from_address": "Us <us@example.com>"},
            [
                "Give ses_identity.arn as the ARN of an SES identity in aws_region",
                "Give ses_identity.from_address as a bare address, for example no-reply@example.com.",
            ],
        ),
    },
    {
        "email_delivery": ("pigeon", ['Set email_delivery to "sns" or "ses".']),
        "log_retention_days": (31, [LOG_DAYS]),
        "name_prefix": ("ab", [PREFIX]),
    },
    {
        "email_delivery": (
            "ses",
            ["Give ses_identity the identity that SES is to send from, or set email_delivery"],
        ),
        "name_prefix": ("ends-in-a-hyphen-", [PREFIX]),
    },
]
CASES = [(i, name, value, say) for i, plan in enumerate(PLANS) for name, (value, say) in plan.items()]


@pytest.fixture(scope="module")
def refusals(root: Terraform, package: Path) -> list[str]:
    """What Terraform says to each of the plans."""
    good = {"aws_region": "eu-west-1", "lambda_package_path": str(package)}
    return [refusal(root, good | {name: value for name, (value, _) in plan.items()}) for plan in PLANS]


@pytest.mark.parametrize(("plan", "name", "value", "sentences"), CASES)
def test_root(refusals: list[str], plan: int, name: str, value: object, sentences: list[str]) -> None:
    for sentence in sentences:
        assert sentence in refusals[plan], f"{name} = {value!r}"


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
  statements = [{ sid = "All", actions = ["sns:*"], resources = ["arn:aws:sns:eu-west-1:000000000000:a"] }]
}

module "role_with_a_reason" {
  source     = "./modules/iam"
  name       = "role"
  statements = [{ sid = "All", actions = ["sns:ListTopics"], resources = ["*"], reason = "No resource." }]
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
  stream             = { arn = "arn:aws:sqs:eu-west-1:000000000000:rows", maximum_retry_attempts = -1 }
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
    'Name the resource instead of "*". If the action has no resource to name, say so in the statement',
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
