"""Each module alone: its README's example is planned, applied, planned again and destroyed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pytest_terraform import terraform

from scripts.environment import Environment
from scripts.terraform import Terraform
from tests.terraform.conftest import MODULES

for module in MODULES:
    # the test itself destroys, since it looks at what is left
    terraform(module, teardown=terraform.TEARDOWN_OFF)


@pytest.mark.parametrize("module", MODULES)
def test_example(module: str, examples: Path, local_aws: Environment, request: pytest.FixtureRequest) -> None:
    before = everything(local_aws)

    applied = request.getfixturevalue(module)

    assert everything(local_aws) > before, "the example makes something"
    state = Path(applied.terraform.state_path)
    again = Terraform(examples / module, local_aws.variables, data_dir=Path(applied.work_dir))
    plan = state.with_name("again.tfplan")
    assert not again.plan(state=state, out=plan), changes(again.show(plan))

    applied.terraform.destroy()

    assert everything(local_aws) == before


def changes(plan: dict[str, Any]) -> str:
    changed = [c for c in plan["resource_changes"] if c["change"]["actions"] != ["no-op"]]
    return f"a plan after the apply should be empty, but: {changed}"


def everything(aws: Environment) -> set[str]:
    """The names of all that these modules can make."""

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
