"""A bad value for the root module is refused at plan time, with a sentence that says what to do.

The checks look at variables alone: those are planned by themselves, without the provider, which takes seconds
to load.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts import environment
from scripts.environment import TERRAFORM
from scripts.terraform import Terraform, TerraformError
from tests.terraform.conftest import UNREACHABLE

LOG_DAYS = "Set log_retention_days to a value that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120,"
PREFIX = "Give name_prefix as 3 to 24 lower-case letters, digits or hyphens"
HOURS = "Set reconcile_every_hours to a whole number from 1 to 720 (30 days), or leave it null."
LENGTH = "Set password_minimum_length to 8 to 99"
RUNTIME = "Set lambda_runtime to python3.11 or later"
ORIGINS = "Give api_cors_origins as origins in full, scheme and host and nothing behind"
THROTTLE = "Set api_throttle.rate above 0 and api_throttle.burst to a whole number of at least 1"
RATES = 'Give channel_rates a rate for each of "Email", "SMS" and "Push", and for nothing else.'
PUSH = "Give push_application_arns as platform and ARN of an SNS platform application of that platform"
PUSH_ROOM = "each quote as two bytes, they may take 500 bytes"
CATEGORY = {"name": "Orders", "description": "What became of them."}
RESERVED = 'Give the categories "account" and "welcome" of catalogue.categories other keys'
TEXTS = "Give each of catalogue.categories a name and a description: people choose by them."
ROOM = "as Lambda counts it, each quote as two bytes, they may take 2861 bytes of the 4096"
NO_TEMPLATES = "There are no templates in the folder that catalogue.templates names."
CLIENTS = "Give existing_user_pool.client_ids as the ids of at least one app client"
SENDER = "Give ses_identity.from_address as an address that ses_identity.arn may send from"
SES = "arn:aws:ses:eu-west-1:000000000000:identity"
NOTHING = {"name": "n", "description": "d", "channels": [], "critical": False, "good_for_hours": 72}
# 495 bytes as they stand
PLATFORMS = {
    name: f"arn:aws:sns:eu-west-1:000000000000:app/{name}/{'x' * 70}"
    for name in ("ADM", "APNS", "BAIDU", "GCM")
}
ELSEWHERE = "arn:aws:ses:us-east-1:000000000000:identity/example.com"

# Plans of the root module: variable → (a bad value, the sentences). Terraform names every bad variable of a
# plan, but leaves out those whose check looks at another bad one: hence more than one plan.
PLANS: list[dict[str, tuple[Any, list[str]]]] = [
    {
        "allowed_account_ids": (
            ["1234"],
            ["Give allowed_account_ids as account ids of 12 digits, in quotes."],
        ),
        "api_cors_origins": (["*"], [ORIGINS, '"*" is refused: name the sites']),
        "api_throttle": ({"rate": 0}, [THROTTLE]),
        "aws_region": ("Ireland", ["Give aws_region as the id of a region, for example eu-west-1."]),
        "catalogue": (
            {"categories": {"Orders": CATEGORY, "account": {"name": " ", "description": "Mine"}}},
            [
                "Give each key of catalogue.categories as 1 to 32 lower-case letters, digits or underscores",
                RESERVED,
                TEXTS,
            ],
        ),
        "channel_rates": ({"Email": 10}, [RATES]),
        "lambda_architecture": ("riscv", ['Set lambda_architecture to "arm64" or "x86_64"']),
        "lambda_package_path": (
            "none.zip",
            ["There is no package at lambda_package_path. Build it with `make"],
        ),
        "lambda_runtime": ("python3.9", [RUNTIME]),
        "log_retention_days": (-1, [LOG_DAYS]),
        "name_prefix": ("a-prefix-that-is-too-long", [PREFIX]),
        "password_minimum_length": (6, [LENGTH]),
        "permissions_boundary_arn": ("the-boundary", ["Give permissions_boundary_arn as the ARN of a"]),
        "reconcile_every_hours": (0, [HOURS]),
    },
    {
        "api_cors_origins": (["https://example.com/app"], [ORIGINS]),
        "api_throttle": ({"burst": 0.5}, [THROTTLE]),
        "catalogue": (
            {
                "categories": {
                    "orders": CATEGORY | {"channels": ["Pigeon"], "good_for_hours": 2161},
                    "news": CATEGORY | {"description": "é" * 1500},
                },
                "templates": "none",
            },
            [
                'Choose the channels of each of catalogue.categories from "Email", "SMS" and "Push", each',
                "Set good_for_hours of each of catalogue.categories to a whole number from 1 to 2160",
                ROOM,
                NO_TEMPLATES,
            ],
        ),
        "channel_rates": (
            {"Email": 0, "SMS": 1, "Push": 1001},
            ["Set each of channel_rates above 0 and to at most 1000 a second."],
        ),
        "existing_user_pool": (
            {"id": "us-east-1_Pool", "client_ids": ["my app"], "issuer": "pool"},
            [
                "Give existing_user_pool.id as the id of a user pool in aws_region",
                CLIENTS,
                "Give existing_user_pool.issuer as the URL in the tokens' claim iss",
            ],
        ),
        "kms_key_arn": ("alias/aws/sns", ["Give kms_key_arn as the ARN of a key in aws_region"]),
        "lambda_runtime": ("nodejs22.x", [RUNTIME]),
        "log_retention_days": (0, [LOG_DAYS]),
        "name_prefix": ("Registration", [PREFIX]),
        "password_minimum_length": (100, [LENGTH]),
        "push_application_arns": ({"GCM": "arn:aws:sns:eu-west-1:000000000000:app/APNS/shop"}, [PUSH]),
        "reconcile_every_hours": (721, [HOURS]),
        "ses_identity": (
            {"arn": ELSEWHERE, "from_address": "Us <us@example.com>", "configuration_set": "a set"},
            [
                "Give ses_identity.configuration_set as the name of a configuration set: 1 to 64 letters",
                "Give ses_identity.arn as the ARN of an SES identity in aws_region",
                "Give ses_identity.from_address as a bare address, for example no-reply@example.com.",
            ],
        ),
    },
    {
        "catalogue": (
            {"categories": {"welcome": CATEGORY | {"channels": ["SMS", "SMS"]}}},
            ["Choose the channels of each of catalogue.categories", RESERVED],
        ),
        "channel_rates": ({"Email": 1, "SMS": 1, "Push": 1, "Fax": 1}, [RATES]),
        "email_delivery": ("pigeon", ['Set email_delivery to "sns" or "ses".']),
        "existing_user_pool": ({"id": "eu-west-1_Pool", "client_ids": []}, [CLIENTS]),
        "log_retention_days": (31, [LOG_DAYS]),
        "name_prefix": ("ab", [PREFIX]),
        "push_application_arns": ({"GCM": "arn:aws:sns:us-east-1:000000000000:app/GCM/shop"}, [PUSH]),
        "reconcile_every_hours": (1.5, [HOURS]),
    },
    {
        "catalogue": (
            {"categories": {"orders": CATEGORY | {"name": None}}, "templates": "empty"},
            [TEXTS, NO_TEMPLATES],
        ),
        "channel_rates": (
            {"Email": 10, "SMS": 10, "Push": None},
            ["Set each of channel_rates above 0 and to at most 1000 a second."],
        ),
        "email_delivery": (
            "ses",
            ["Give ses_identity the identity that SES is to send from, or set email_delivery"],
        ),
        "name_prefix": ("ends-in-a-hyphen-", [PREFIX]),
    },
    {
        # 2729 bytes as it stands
        "catalogue": ({"categories": {f"c{i:02}": NOTHING for i in range(31)}}, [ROOM]),
        "push_application_arns": (PLATFORMS, [PUSH_ROOM]),
        "ses_identity": ({"arn": f"{SES}/example.com", "from_address": "us@notexample.com"}, [SENDER]),
    },
    {
        "catalogue": ({"categories": {"orders": None}}, [TEXTS]),
        "ses_identity": ({"arn": f"{SES}/us@example.com", "from_address": "a.us@example.com"}, [SENDER]),
    },
    {"ses_identity": ({"arn": f"{SES}/mail.example.com", "from_address": "us@example.com"}, [SENDER])},
]
CASES = [(i, name, value, say) for i, plan in enumerate(PLANS) for name, (value, say) in plan.items()]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory, package: Path) -> list[str]:
    """What Terraform says to each of the plans."""
    folder = tmp_path_factory.mktemp("bad-values")
    shutil.copy(TERRAFORM / "variables.tf", folder)
    root = Terraform(folder, environment.local(UNREACHABLE).variables)
    (folder / "empty").mkdir()
    good = {"aws_region": "eu-west-1", "lambda_package_path": str(package)}
    return [refusal(root, good | {name: value for name, (value, _) in plan.items()}) for plan in PLANS]


@pytest.mark.parametrize(("plan", "name", "value", "sentences"), CASES)
def test_root(refusals: list[str], plan: int, name: str, value: object, sentences: list[str]) -> None:
    for sentence in sentences:
        assert sentence in refusals[plan], f"{name} = {value!r}"


def test_what_is_right_is_let_through(tmp_path: Path, package: Path) -> None:
    shutil.copy(TERRAFORM / "variables.tf", tmp_path)
    (tmp_path / "texts/welcome").mkdir(parents=True)
    (tmp_path / "texts/welcome/sms.txt").touch()
    root = Terraform(tmp_path, environment.local(UNREACHABLE).variables)
    good = {"aws_region": "eu-west-1", "lambda_package_path": str(package)}
    for identity, address in (
        ("example.com", "Us@Example.com"),
        ("example.com", "us@mail.example.com"),
        ("us@example.com", "us@example.com"),
    ):
        sender = {"arn": f"{SES}/{identity}", "from_address": address, "configuration_set": "a_Set-1"}
        root.plan(variables=good | {"catalogue": {"templates": "texts"}, "ses_identity": sender})


def refusal(terraform: Terraform, variables: dict[str, Any]) -> str:
    """What Terraform says in refusing a plan, on one line."""
    with pytest.raises(TerraformError) as refused:
        terraform.plan(variables=variables)
    lines = [line.strip("│╷╵ ") for line in refused.value.output.splitlines()]
    return " ".join(" ".join(lines).split())
