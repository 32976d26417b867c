"""What there is in an emulator: which services, and what an apply has made and a destroy has left."""

from collections.abc import Collection
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scripts.environment import Environment

# how each service lists what our Terraform can make, and the subscriptions of people: where in the answer,
# and what names it there
CALLS: tuple[tuple[str, str, str, str | None, dict[str, Any]], ...] = (
    ("apigatewayv2", "get_apis", "Items", "Name", {}),
    ("cognito-idp", "list_user_pools", "UserPools", "Name", {"MaxResults": 60}),
    ("dynamodb", "list_tables", "TableNames", None, {}),
    ("iam", "list_policies", "Policies", "Arn", {"Scope": "Local"}),
    ("iam", "list_roles", "Roles", "Arn", {}),
    ("kms", "list_keys", "Keys", "KeyId", {}),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "EventSourceArn", {}),
    ("lambda", "list_functions", "Functions", "FunctionName", {}),
    ("logs", "describe_log_groups", "logGroups", "logGroupName", {}),
    ("scheduler", "list_schedule_groups", "ScheduleGroups", "Name", {}),
    ("scheduler", "list_schedules", "Schedules", "Name", {}),
    ("sesv2", "list_configuration_sets", "ConfigurationSets", None, {}),
    ("sns", "list_platform_applications", "PlatformApplications", "PlatformApplicationArn", {}),
    ("sns", "list_subscriptions", "Subscriptions", "Endpoint", {}),
    ("sns", "list_topics", "Topics", "TopicArn", {}),
    ("sqs", "list_queues", "QueueUrls", None, {}),
)
PATIENCE = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1})


def missing(aws: Environment) -> dict[str, str]:
    """The services of CALLS that an emulator does not have, and what it answers instead."""
    found = {}
    for service, operation, *_, options in CALLS:
        if service in found:
            continue
        try:
            getattr(aws.client(service, config=PATIENCE), operation)(**options)
        except ClientError as error:
            found[service] = str(error.response["Error"]["Code"])
        except BotoCoreError as error:
            found[service] = type(error).__name__
    return found


def everything(aws: Environment, without: Collection[str] = ()) -> set[str]:
    """The names of all that there is, but for services that the emulator is without.

    A key that is pending deletion is gone: nobody can use it, and AWS lets no key go at once.
    """
    client_of = cache(aws.client)
    found = set()
    for service, operation, field, key, options in CALLS:
        if service in without:
            continue
        client = client_of(service)
        if client.can_paginate(operation):
            pages = list(client.get_paginator(operation).paginate(**options))
        else:
            pages = [getattr(client, operation)(**options)]
        names = [item[key] if key else item for page in pages for item in page.get(field, [])]
        if service == "kms":
            keys = [client.describe_key(KeyId=name)["KeyMetadata"] for name in names]
            names = [k["Description"] or k["Arn"] for k in keys if k["KeyState"] != "PendingDeletion"]
        found |= {f"{service} {name}" for name in names}
    return found
