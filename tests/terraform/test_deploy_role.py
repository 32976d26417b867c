"""The roles that plan and deploy may do what was recorded, and nothing that nobody can explain."""

import json
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import Future
from fnmatch import fnmatchcase
from pathlib import Path

import boto3
import pytest

from scripts import environment
from scripts.deploy_calls import RECORD, Record
from scripts.deploy_role import FOLDER, SHARED
from scripts.doctor import access
from scripts.environment import ROOT, TERRAFORM, load_hcl
from scripts.terraform import Terraform
from tests.deploy_role import Json, Roles, make, written
from tests.terraform.conftest import UNREACHABLE, Made
from tests.terraform.test_variables import refusal

# "IAM and AWS STS quotas": characters without white space in a managed policy, and policies on a role
MAX_POLICY, MAX_POLICIES = 6144, 10
GITHUB = "token.actions.githubusercontent.com"
STATE = "arn:aws:s3:::registration-tfstate-000000000000-eu-west-1/registration/terraform.tfstate"
# what the stack is given, whatever it is called
GIVEN = (
    STATE.partition("/")[0],
    STATE,
    f"{STATE}.tflock",
    "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000",
    "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_existing",
    "arn:aws:ses:eu-west-1:000000000000:configuration-set/the-teams-own",
)
READS = re.compile(r".+:(AdminGet|Decrypt|Describe|Filter|Get|GET|List|Query|Simulate)\w*")
CASES = ("as_it_is", "everything")

recorded: Record = json.loads(RECORD.read_text())
in_each_case = pytest.mark.parametrize("case", CASES)
of_each_role = pytest.mark.parametrize("role", ["plan", "look", "deploy"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, made_up: Mapping[str, str]) -> Made:
    return make(tmp_path_factory.mktemp("roles"), made_up)


@pytest.fixture(scope="module")
def roles(made: Made) -> dict[str, Roles]:
    return {case: Roles(resources) for case, resources in made.items()}


def needed(*phases: str) -> set[str]:
    """The actions of the phases, or of all."""
    return {
        action
        for phase in phases or recorded
        for operations in recorded[phase].values()
        for actions in operations.values()
        for action in actions
    }


def looks() -> set[str]:
    """The actions of all that the doctor may call."""
    free = {"sts:GetCallerIdentity"}
    return {
        access.action(service, name) for service, names in access.OPERATIONS.items() for name in names
    } - free


def explained() -> set[str]:
    """The actions that are in statements which say why no recording shows them."""
    return {action for one in written().values() if one.get("unseen") for action in one["actions"]}


def test_the_role_that_plans_may_do_what_a_plan_was_recorded_to_do(roles: dict[str, Roles]) -> None:
    assert needed("plan") - roles["everything"].actions("plan") == set()


def test_the_role_that_deploys_may_do_all_that_was_recorded(roles: dict[str, Roles]) -> None:
    assert needed() - roles["everything"].actions("deploy") == set()


def test_the_role_that_looks_may_do_what_the_doctor_may_call(roles: dict[str, Roles]) -> None:
    assert looks() - roles["as_it_is"].actions("look") == set()


def test_all_that_is_allowed_is_called_or_is_explained(roles: dict[str, Roles]) -> None:
    may = roles["everything"]
    assert may.actions("plan") - needed("plan") - explained() == set()
    assert may.actions("look") - needed("plan") - looks() - explained() == set()
    assert may.actions("deploy") - needed() - explained() == set()


def test_pull_requests_see_nothing_of_people(roles: dict[str, Roles]) -> None:
    of_people = {"cognito-idp:AdminGetUser", "dynamodb:GetItem", "dynamodb:Query", "logs:FilterLogEvents"}
    assert roles["everything"].actions("plan") & of_people == set()
    assert of_people <= roles["everything"].actions("look")


def test_what_is_explained_was_not_recorded() -> None:
    """Else the explanation is out of date."""
    unseen = {sid: one["actions"] for sid, one in written().items() if one.get("unseen")}
    assert {sid: needed() & set(actions) for sid, actions in unseen.items()} == {sid: set() for sid in unseen}


def test_every_kind_of_resource_of_the_stack_was_recorded(root_made: Future[Made]) -> None:
    kinds = {one["type"] for case in root_made.result().values() for one in case if one["mode"] == "managed"}
    made = recorded["create"].keys() | recorded["change"].keys()
    assert kinds - made == set(), "record it: make deploy-calls"
    assert kinds - recorded["plan"].keys() == set()
    assert kinds - (recorded["destroy"].keys() | recorded["change"].keys()) == set()


@pytest.mark.parametrize("role", ["plan", "look"])
def test_who_only_looks_changes_nothing_but_the_lock(roles: dict[str, Roles], role: str) -> None:
    for statement in roles["everything"].statements(role):
        writes = [action for action in statement["Action"] if not READS.fullmatch(action)]
        if writes:
            assert (statement["Sid"], statement["Resource"]) == (
                "LockState",
                [
                    "arn:aws:s3:::registration-tfstate-000000000000-eu-west-1/registration/terraform.tfstate.tflock"
                ],
            )


def test_the_state_of_these_roles_is_out_of_their_reach(roles: dict[str, Roles]) -> None:
    objects = {
        resource
        for one in roles["everything"].statements("deploy")
        for resource in one.get("Resource", [])
        if resource.startswith("arn:aws:s3:") and "/" in resource
    }
    assert objects == {STATE, f"{STATE}.tflock"}


@in_each_case
def test_data_is_deleted_only_where_that_is_allowed(roles: dict[str, Roles], case: str) -> None:
    deletes = {
        "cognito-idp:DeleteUserPool",
        "dynamodb:DeleteTable",
        "kms:ScheduleKeyDeletion",
        "sns:DeleteTopic",
        "sqs:DeleteQueue",
    }
    assert roles[case].actions("deploy") & deletes == (deletes if case == "everything" else set())


@in_each_case
@of_each_role
def test_only_the_stacks_own_is_in_reach_or_it_is_said_why(
    roles: dict[str, Roles], case: str, role: str
) -> None:
    prefix, reasons = roles[case].prefix, {sid: one.get("reason") for sid, one in written().items()}
    own = re.compile(
        rf"arn:aws:.+[:/]{prefix}(-.*)?|{'|'.join(map(re.escape, GIVEN))}|.+:role/aws-service-role/.+"
    )
    for statement in roles[case].statements(role):
        is_tagged = f'Tag/System": "{prefix}"' in json.dumps(statement.get("Condition", {}))
        for resource in statement["Resource"]:
            ours = own.fullmatch(resource) or is_tagged
            assert ours or reasons[statement["Sid"]], (statement["Sid"], resource)


@in_each_case
def test_policies_fit_into_what_iam_takes(roles: dict[str, Roles], case: str) -> None:
    sizes = {name: len(re.sub(r"\s", "", text)) for name, text in roles[case].policies.items()}
    assert {name: size for name, size in sizes.items() if size > MAX_POLICY} == {}
    assert len(roles[case].attached("deploy")) <= MAX_POLICIES
    assert set(roles[case].attached("plan")) < set(roles[case].attached("deploy"))
    assert set(roles[case].attached("plan")) < set(roles[case].attached("look"))


@pytest.mark.parametrize(
    ("case", "repository", "branch"),
    [("as_it_is", "example/registration", "main"), ("everything", "example@123/registration@456", "trunk")],
)
def test_only_jobs_of_the_repository_take_the_roles_on(
    roles: dict[str, Roles], case: str, repository: str, branch: str
) -> None:
    subjects = {
        "plan": f"repo:{repository}:pull_request",
        "look": f"repo:{repository}:ref:refs/heads/{branch}",
        "deploy": f"repo:{repository}:environment:prod",
    }
    for role, expected in subjects.items():
        trust = roles[case].trust(role)
        assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert trust["Condition"] == {
            "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": expected}
        }


def test_githubs_provider_is_made_unless_there_is_one(made: Made) -> None:
    providers = {
        case: [one["values"]["url"] for one in made[case] if one["type"] == "aws_iam_openid_connect_provider"]
        for case in CASES
    }
    assert providers == {"as_it_is": [f"https://{GITHUB}"], "everything": []}


def statement(roles: Roles, sid: str) -> Json:
    (found,) = [one for one in roles.statements("deploy") if one["Sid"] == sid]
    return found


def test_roles_are_made_within_the_boundary_and_given_to_functions_and_schedules_alone(
    roles: dict[str, Roles],
) -> None:
    may = roles["as_it_is"]
    own = ["arn:aws:iam::000000000000:role/registration-*"]
    boundary = {"iam:PermissionsBoundary": ["arn:aws:iam::000000000000:policy/boundary-registration"]}
    assert statement(may, "MakeBoundedRoles")["Condition"] == {"StringEquals": boundary}
    assert statement(may, "GiveRolesToFunctionsAndSchedules")["Condition"] == {
        "StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]}
    }
    for one in may.statements("deploy"):
        of_iam = {action for action in one["Action"] if action.startswith("iam:")}
        if of_iam and of_iam != {"iam:CreateServiceLinkedRole"}:
            assert one["Resource"] == own
    unbounded = {
        action
        for one in may.statements("deploy")
        if "Condition" not in one
        for action in one["Action"]
        if action.startswith("iam:")
    }
    assert not unbounded & {
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:DeleteRolePermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
        "iam:UpdateAssumeRolePolicy",
    }


@pytest.mark.parametrize(
    ("action", "held"),
    [
        ("cognito-idp:TagResource", {}),
        ("kms:TagResource", {"StringEqualsIfExists": {"kms:KeySpec": "HMAC_256"}}),
    ],
)
def test_only_what_is_nobodys_can_be_made_the_stacks(
    roles: dict[str, Roles], action: str, held: Json
) -> None:
    """Pools and keys are known by their tag: whoever gives it to one may then do all to it."""
    asked = [one["Condition"] for one in roles["as_it_is"].statements("deploy") if action in one["Action"]]
    is_ours = {"StringEquals": {"aws:ResourceTag/System": "registration"}}
    becomes_ours = {"StringEquals": {"aws:RequestTag/System": "registration"}}
    is_nobodys = {"Null": {"aws:ResourceTag/System": "true"}}
    assert sorted(asked, key=json.dumps) == sorted(
        [is_ours, becomes_ours | is_nobodys | held], key=json.dumps
    )


def test_a_new_key_is_read_before_its_tag_counts(roles: dict[str, Roles]) -> None:
    read = {
        action
        for actions in recorded["create"]["aws_kms_key"].values()
        for action in actions
        if READS.fullmatch(action)
    }
    untagged = {
        action
        for one in roles["as_it_is"].statements("deploy")
        if "ResourceTag" not in json.dumps(one.get("Condition", {}))
        for action in one["Action"]
    }
    assert read
    assert read - untagged == set()


def test_a_pool_of_somebody_else_is_only_read(roles: dict[str, Roles]) -> None:
    for one in roles["everything"].statements("deploy"):
        if any("/eu-west-1_existing" in resource for resource in one["Resource"]):
            assert [action for action in one["Action"] if not READS.fullmatch(action)] == []
            assert "cognito-idp:ListUsers" not in one["Action"]


def test_whoever_reads_a_function_reads_its_tags(roles: dict[str, Roles]) -> None:
    """Lambda leaves them out for everybody else, and every plan would change them."""
    (one,) = [one for one in roles["as_it_is"].statements("plan") if "lambda:GetFunction" in one["Action"]]
    assert "lambda:ListTags" in one["Action"]


def test_the_boundary_holds_all_that_the_functions_may_do_and_no_way_out_of_it(
    roles: dict[str, Roles], root_made: Future[Made]
) -> None:
    of_functions = {
        action
        for case in root_made.result().values()
        for one in case
        if one["type"] == "aws_iam_role_policy"
        for statement in json.loads(one["values"]["policy"])["Statement"]
        for action in statement["Action"]
    }
    boundary = roles["everything"].actions("boundary")
    assert of_functions - boundary == set()
    assert boundary - of_functions == set()
    assert not [action for action in boundary if action.startswith(("iam:", "sts:")) or "*" in action]


def test_an_interrupted_deploy_is_finished_and_rolled_back_by_the_role_that_deploys(
    roles: dict[str, Roles],
) -> None:
    """What calls Lambda by itself, and not through Terraform."""
    code = "".join((ROOT / "scripts" / name).read_text() for name in ("functions.py", "rollback.py"))
    client = boto3.client("lambda", region_name="eu-west-1")
    called = {
        f"lambda:{client.meta.method_to_api_mapping[name]}"
        for name in re.findall(r'client\.(?:get_paginator\(")?(\w+)', code)
        if name in client.meta.method_to_api_mapping
    }
    assert {"lambda:ListVersionsByFunction", "lambda:UpdateAlias", "lambda:PublishVersion"} <= called
    (of_functions,) = {
        tuple(one["Resource"])
        for one in roles["as_it_is"].statements("deploy")
        if "lambda:UpdateAlias" in one["Action"]
    }
    may = {
        action
        for one in roles["as_it_is"].statements("deploy")
        if tuple(one["Resource"]) == of_functions
        for action in one["Action"]
    }
    assert called - may == set()
    assert fnmatchcase("arn:aws:lambda:eu-west-1:000000000000:function:registration-api:live", *of_functions)


NOT_OURS = "Give the stack a name_prefix that does not begin with deploy, look or plan"
REFUSED: list[dict[str, tuple[object, str]]] = [
    {
        "allowed_account_ids": (["1"], "Give allowed_account_ids as account ids of 12 digits, in quotes."),
        "aws_region": ("Ireland", "Give aws_region as the id of a region"),
        "branch": ("release/*", "Give branch as the name of one branch, without wildcards"),
        "environment": ("*", "Give environment as the name of one GitHub environment, without wildcards"),
        "existing_user_pool_id": ("*", "Give existing_user_pool_id as the id of a user pool"),
        "github_repository": ("example/*", "Give github_repository as owner/name, or as owner@id/name@id"),
        "kms_key_arn": ("alias/ours", "Give kms_key_arn as the ARN of a key"),
        "name_prefix": ("Registration", "Give name_prefix as 3 to 24 lower-case letters, digits or hyphens"),
        "oidc_provider_arn": ("github", "Give oidc_provider_arn as arn:aws:iam::<account>:oidc-provider/"),
        "ses_configuration_set": ("*", "Give ses_configuration_set as the name of a configuration set"),
        "state_bucket": ("arn:aws:s3:::ours", "Give state_bucket as the name of a bucket, not an ARN."),
        "state_key": ("*", "Give state_key as in the stack's backend.hcl, without wildcards."),
    },
    {"name_prefix": ("plan", NOT_OURS)},
    {"name_prefix": ("deploy-role", NOT_OURS)},
]


def test_bad_values_are_refused(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "variables.tf", tmp_path)
    terraform = Terraform(tmp_path, environment.local(UNREACHABLE).variables)
    good = {
        "aws_region": "eu-west-1",
        "environment": "dev",
        "github_repository": "example/registration",
        "name_prefix": "lookout",
        "state_bucket": "ours",
        "state_key": "a/terraform.tfstate",
    }
    for bad in REFUSED:
        said = refusal(terraform, good | {name: value for name, (value, _) in bad.items()})
        assert [sentence for _, sentence in bad.values() if sentence not in said] == []
    terraform.plan(variables=good)


def test_what_the_stack_is_told_too_is_held_to_the_same() -> None:
    """Else the roles could be made for what the stack then refuses."""
    ours, the_stacks = (declared(folder / "variables.tf") for folder in (FOLDER, TERRAFORM))
    for name in SHARED:
        for rule in the_stacks[name].get("validation", []):
            if "var.aws_region" not in str(rule):
                assert rule in ours[name]["validation"], name
        assert ours[name]["type"] == the_stacks[name]["type"]


def declared(file: Path) -> dict[str, Json]:
    return {name: one for block in load_hcl(file)["variable"] for name, one in block.items()}


def test_actions_are_named_in_full_and_each_once_in_a_statement(roles: dict[str, Roles]) -> None:
    for role in ("plan", "look", "deploy", "boundary"):
        for one in roles["everything"].statements(role):
            assert sorted(set(one["Action"])) == one["Action"], one["Sid"]
            assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", action) for action in one["Action"])
    assert set(written()) == {
        one["Sid"] for role in ("deploy", "look", "boundary") for one in roles["everything"].statements(role)
    }
