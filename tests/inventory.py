"""What there is in an emulator, to see what an apply has made and a destroy has left."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from scripts.environment import Environment


def everything(aws: Environment) -> set[str]:
    """The names of all that our Terraform can make, and of the subscriptions of people.

    A key that is pending deletion is gone: nobody can use it, and AWS lets no key go at once.
    """

    client_of = cache(aws.client)

    def names(
        service: str, operation: str, field: str, key: str | None = None, **options: Any
    ) -> Iterable[str]:
        client = client_of(service)
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate(**options)
        else:
            pages = [getattr(client, operation)(**options)]
        return [f"{service} {item[key] if key else item}" for page in pages for item in page.get(field, [])]

    kms = client_of("kms")
    return {
        *names("apigatewayv2", "get_apis", "Items", "Name"),
        *names("cognito-idp", "list_user_pools", "UserPools", "Name", MaxResults=60),
        *names("dynamodb", "list_tables", "TableNames"),
        *names("iam", "list_policies", "Policies", "Arn", Scope="Local"),
        *names("iam", "list_roles", "Roles", "Arn"),
        *(
            f"kms {key['Description'] or key['Arn']}"
            for key in (
                kms.describe_key(KeyId=name.removeprefix("kms "))["KeyMetadata"]
                for name in names("kms", "list_keys", "Keys", "KeyId")
            )
            if key["KeyState"] != "PendingDeletion"
        ),
        *names("lambda", "list_event_source_mappings", "EventSourceMappings", "EventSourceArn"),
        *names("lambda", "list_functions", "Functions", "FunctionName"),
        *names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        *names("scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
        *names("scheduler", "list_schedules", "Schedules", "Name"),
        *names("sesv2", "list_configuration_sets", "ConfigurationSets"),
        *names("sns", "list_platform_applications", "PlatformApplications", "PlatformApplicationArn"),
        *names("sns", "list_subscriptions", "Subscriptions", "Endpoint"),
        *names("sns", "list_topics", "Topics", "TopicArn"),
        *names("sqs", "list_queues", "QueueUrls"),
    }
