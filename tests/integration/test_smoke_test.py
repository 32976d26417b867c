"""The smoke test of a deploy, against the deployed system: it sees what is broken, and leaves nothing."""

import io

import pytest
from rich.console import Console

from scripts.smoke_test import PREFIX, SmokeTest, SmokeTestError
from scripts.story import Story
from tests.deployment import Deployment

pytestmark = pytest.mark.needs("trigger")


def smoke(system: Deployment, delivered_within: float = 60) -> SmokeTest:
    return SmokeTest(system.environment, system.outputs, Story(Console(file=io.StringIO())), delivered_within)


def traces(system: Deployment) -> list[str]:
    """The user names and welcomes of smoke tests, wherever there are any."""
    users = system.client("cognito-idp").list_users(UserPoolId=system.pool, Filter=f'username ^= "{PREFIX}"')
    rows = [
        str(item)
        for table in ("user_table_name", "notification_table_name")
        for page in system.dynamodb.get_paginator("scan").paginate(TableName=system.outputs[table])
        for item in page["Items"]
        if PREFIX in str(item)
    ]
    return [user["Username"] for user in users["Users"]] + rows


def test_a_throw_away_user_is_registered_and_no_trace_is_left(system: Deployment) -> None:
    smoke(system).run()
    assert traces(system) == []


def test_a_trigger_that_cannot_write_is_seen_and_no_trace_is_left(system: Deployment) -> None:
    with (
        system.changed("post_confirmation", USER_TABLE="another"),
        pytest.raises(SmokeTestError, match="Cognito would not confirm the user"),
    ):
        smoke(system).run()
    assert traces(system) == []
