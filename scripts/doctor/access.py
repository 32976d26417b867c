"""All that doctor may call, and what the identity that runs it must be allowed.

A call that is not listed here is refused before it leaves: so doctor reads and changes nothing, whatever its
checks are made of. Every operation is one that AWS documents with the access level List or Read ("Actions,
resources, and condition keys for AWS services" of the Service Authorization Reference).
"""

from collections.abc import Mapping
from typing import Any

OPERATIONS: Mapping[str, frozenset[str]] = {
    "cloudwatch": frozenset({"DescribeAlarms", "GetMetricData"}),
    "cognito-idp": frozenset({"AdminGetUser", "DescribeUserPool", "DescribeUserPoolClient"}),
    "dynamodb": frozenset(
        {"DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "GetItem", "Query"}
    ),
    "iam": frozenset({"GetRole", "ListAttachedRolePolicies", "ListRolePolicies", "SimulatePrincipalPolicy"}),
    "kms": frozenset({"DescribeKey"}),
    "lambda": frozenset(
        {
            "GetAccountSettings",
            "GetAlias",
            "GetFunctionConcurrency",
            "GetFunctionConfiguration",
            "GetPolicy",
            "ListEventSourceMappings",
        }
    ),
    "logs": frozenset({"DescribeLogGroups", "FilterLogEvents"}),
    "s3": frozenset({"GetObject", "HeadBucket"}),
    "scheduler": frozenset({"GetSchedule"}),
    "sesv2": frozenset(
        {
            "GetAccount",
            "GetConfigurationSet",
            "GetConfigurationSetEventDestinations",
            "GetEmailIdentity",
            "GetSuppressedDestination",
        }
    ),
    "sns": frozenset(
        {
            "GetSMSAttributes",
            "GetSMSSandboxAccountStatus",
            "GetSubscriptionAttributes",
            "GetTopicAttributes",
            "ListSubscriptionsByTopic",
        }
    ),
    "sqs": frozenset({"GetQueueAttributes"}),
    "sts": frozenset({"GetCallerIdentity"}),
}

# where IAM calls a service or an operation by another name than the SDK
_PREFIX = {"sesv2": "ses"}
_ACTION = {"s3:HeadBucket": "s3:ListBucket"}
# what doctor reads of people, and of the state: the tables, the pool and the bucket of this stack alone
_NARROW = {"cognito-idp:AdminGetUser", "dynamodb:GetItem", "dynamodb:Query", "s3:GetObject", "s3:ListBucket"}


class NotListedError(Exception):
    """A check made a call that is not listed here; the message names it."""


def action(service: str, operation: str) -> str:
    """What IAM calls an operation."""
    name = f"{_PREFIX.get(service, service)}:{operation}"
    return _ACTION.get(name, name)


def refuse_all_others(client: Any, service: str) -> None:
    """From here on a client makes only the calls that are listed."""

    def check(model: Any, **_more: Any) -> None:
        if model.name not in OPERATIONS[service]:
            raise NotListedError(f"doctor is not to call {action(service, model.name)}")

    client.meta.events.register("before-parameter-build.*.*", check)


def policy(name_prefix: str, key_arn: str | None = None) -> dict[str, Any]:
    """The IAM policy of the identity that runs doctor, for a stack with this prefix.

    Terraform reads the state with the same identity; what that takes is in it.

    key_arn: the customer-managed key of the tables, if they have one: DynamoDB decrypts for those alone who
    may use it ("DynamoDB encryption at rest: usage notes").
    """
    actions = {action(service, name) for service, names in OPERATIONS.items() for name in names}
    resources = {
        "cognito-idp": ["arn:*:cognito-idp:*:*:userpool/*"],
        "dynamodb": [
            f"arn:*:dynamodb:*:*:table/{name_prefix}-{table}{part}"
            for table in ("Notifications", "UserPreferences")
            for part in ("", "/index/*")
        ],
        "s3": [f"arn:*:s3:::{name_prefix}-tfstate-*", f"arn:*:s3:::{name_prefix}-tfstate-*/*"],
    }
    narrow = [
        {
            "Sid": f"Read{service.title().replace('-', '')}",
            "Effect": "Allow",
            "Action": sorted(found for found in _NARROW if found.startswith(f"{service}:")),
            "Resource": on,
        }
        for service, on in resources.items()
    ]
    wide = {"Sid": "Look", "Effect": "Allow", "Action": sorted(actions - _NARROW), "Resource": "*"}
    by_key = {
        "Sid": "ReadWithKey",
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": key_arn,
        "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com*"}},
    }
    return {"Version": "2012-10-17", "Statement": [wide, *narrow, *([by_key] if key_arn else [])]}
