"""What there is in an emulator, to see what an apply has made and a destroy has left."""

from collections.abc import Iterable
from typing import Any

from scripts.environment import Environment


def everything(aws: Environment) -> set[str]:
    """The names of all that our Terraform can make."""

    def names(
        service: str, operation: str, field: str, key: str | None = None, **options: Any
    ) -> Iterable[str]:
        found = getattr(aws.client(service), operation)(**options).get(field, [])
        return [f"{service} {item[key] if key else item}" for item in found]

    return {
        *names("cognito-idp", "list_user_pools", "UserPools", "Name", MaxResults=60),
        *names("dynamodb", "list_tables", "TableNames"),
        *names("iam", "list_policies", "Policies", "Arn", Scope="Local"),
        *names("iam", "list_roles", "Roles", "Arn"),
        *names("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
        *names("lambda", "list_functions", "Functions", "FunctionName"),
        *names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        *names("scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
        *names("scheduler", "list_schedules", "Schedules", "Name"),
        *names("sns", "list_topics", "Topics", "TopicArn"),
        *names("sqs", "list_queues", "QueueUrls"),
    }
