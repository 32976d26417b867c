"""One trigger of a pool is changed, and everything else survives."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import boto3
import click
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from scripts import environment, user_pool
from scripts.environment import Environment
from scripts.user_pool import READ_ONLY, UserPool

from .cognito import POOL_ID, Cognito, Json, cognito

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:welcome"
OTHER = "arn:aws:lambda:eu-west-1:123456789012:function:theirs:live"
MODEL: Any = boto3.client("cognito-idp", region_name="eu-west-1").meta.service_model
NOT_FOUND = (400, {"__type": "ResourceNotFoundException", "message": "no pool"})
TOLD = MODEL.operation_model("UpdateUserPool").input_shape.members
DESCRIBED = MODEL.shape_for("UserPoolType").members


def pool_of(cognito: Cognito) -> UserPool:
    return UserPool(cognito.client(), POOL_ID)


def change(cognito: Cognito, arn: str | None) -> None:
    pool = pool_of(cognito)
    before = pool.read()
    pool.change(before, before.with_function(arn))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_pool, "SEEN_WITHIN", 0)


def values(shape: Any) -> st.SearchStrategy[Any]:
    """Whatever a shape of the SDK's model lets be said."""
    if shape.type_name == "structure":
        required = {name: values(shape.members[name]) for name in shape.required_members}
        others = {n: values(member) for n, member in shape.members.items() if n not in required}
        return st.fixed_dictionaries(required, optional=others)
    if shape.type_name == "list":
        return st.lists(values(shape.member), min_size=shape.metadata.get("min", 0), max_size=3)
    if shape.type_name == "map":
        return st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=3)
    if shape.type_name == "boolean":
        return st.booleans()
    if shape.type_name == "integer":
        return st.integers(shape.metadata.get("min", 0), shape.metadata.get("max", 9))
    if shape.type_name == "timestamp":
        return st.integers(0, 2**31)
    assert shape.type_name == "string", shape.type_name
    if shape.enum:
        return st.sampled_from(shape.enum)
    return st.text(min_size=max(1, shape.metadata.get("min", 1)), max_size=shape.metadata.get("min", 1) + 4)


@st.composite
def pools(draw: st.DrawFn) -> Json:
    """A pool as DescribeUserPool may tell it."""
    told = draw(st.fixed_dictionaries({}, optional={n: values(shape) for n, shape in DESCRIBED.items()}))
    pool: Json = {**told, "Id": POOL_ID, "Name": "theirs", "Arn": "arn"}
    if draw(st.booleans()):
        pool.setdefault("UserPoolTags", {})["aws:cloudformation:stack-name"] = "theirs"
    password = pool.get("Policies", {}).get("PasswordPolicy", {})
    if "TemporaryPasswordValidityDays" in password:
        days = password["TemporaryPasswordValidityDays"]
        pool.setdefault("AdminCreateUserConfig", {})["UnusedAccountValidityDays"] = days
    return pool


@given(pools(), st.sampled_from([None, ARN, OTHER]))
def test_everything_but_the_one_trigger_survives(pool: Json, former: str | None) -> None:
    triggers = {k: v for k, v in pool.get("LambdaConfig", {}).items() if k != "PostConfirmation"}
    pool["LambdaConfig"] = triggers | ({"PostConfirmation": former} if former else {})
    there = Cognito(deepcopy(pool))

    change(there, ARN)
    assert lasting(there.pool) == lasting(pool | {"LambdaConfig": triggers | {"PostConfirmation": ARN}})
    change(there, former)
    assert lasting(there.pool) == lasting(pool)


def lasting(pool: Mapping[str, Any]) -> Json:
    """What a pool is set to, as far as it is set at all."""
    volatile = ("LastModifiedDate", "EstimatedNumberOfUsers")
    return {k: v for k, v in pool.items() if k not in volatile and v not in ({}, [])}


def test_each_field_of_a_pool_is_carried_or_known_to_be_unchangeable() -> None:
    """A new SDK may know new ones: those must be decided on."""
    assert set(DESCRIBED) == (set(TOLD) - {"UserPoolId", "PoolName"}) | READ_ONLY
    assert [n for n in TOLD.keys() & DESCRIBED.keys() if TOLD[n].name != DESCRIBED[n].name] == []


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"Novelty": "ON"}, "Novelty"),
        ({"LambdaConfig": {"PreDream": ARN}}, "LambdaConfig.PreDream"),
        (
            {"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "admin_only", "Weight": 1}]}},
            "AccountRecoverySetting.RecoveryMechanisms.Weight",
        ),
    ],
)
def test_a_setting_that_the_sdk_does_not_know_is_not_lost(settings: Json, path: str) -> None:
    there = cognito(**settings)
    with pytest.raises(click.ClickException, match=rf"does not know \({path}\).*Update boto3"):
        pool_of(there).read()
    assert there.updates == []
    UserPool(there.client(), POOL_ID, ignored=[path]).read()


def test_tags_are_free_in_their_names() -> None:
    there = cognito(UserPoolTags={"whatever it is": "called"})
    change(there, ARN)
    assert there.pool["UserPoolTags"] == {"whatever it is": "called"}


def test_what_somebody_changes_meanwhile_is_left_to_them() -> None:
    there = cognito(MfaConfiguration="OFF")
    pool = pool_of(there)
    before = pool.read()
    there.pool["MfaConfiguration"] = "ON"
    with pytest.raises(click.ClickException, match=r"changed MfaConfiguration of the pool .* run this again"):
        pool.change(before, before.with_function(ARN))
    assert there.updates == []


def test_more_users_and_a_new_date_are_no_change() -> None:
    there = cognito(EstimatedNumberOfUsers=1)
    pool = pool_of(there)
    before = pool.read()
    there.pool |= {"EstimatedNumberOfUsers": 2, "LastModifiedDate": 7}
    pool.change(before, before.with_function(ARN))
    assert there.pool["LambdaConfig"] == {"PostConfirmation": ARN}


def mfa_is_off(there: Cognito) -> None:
    there.mfa = {"MfaConfiguration": "OFF"}


def the_tier_is_another(there: Cognito) -> None:
    there.pool["UserPoolTier"] = "LITE"


@pytest.mark.parametrize(
    ("mishap", "name"), [(mfa_is_off, "MFA"), (the_tier_is_another, "UserPoolTier")], ids=["mfa", "tier"]
)
def test_what_has_changed_after_all_is_said(mishap: Callable[[Cognito], None], name: str) -> None:
    there = cognito()
    there.mfa = {"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": {"Enabled": True}}
    there.mishap = mishap
    with pytest.raises(click.ClickException, match=f"{name} of the pool .* no longer what it was"):
        change(there, ARN)


def test_a_trigger_that_does_not_show_is_no_success() -> None:
    there = cognito()
    there.mishap = lambda there: there.pool.pop("LambdaConfig")
    with pytest.raises(click.ClickException, match="the new trigger was not seen"):
        change(there, ARN)


@pytest.mark.parametrize(
    ("function", "existing", "refused"),
    [
        (ARN, True, True),
        (f"{ARN}:live", True, True),
        (OTHER, True, False),
        (None, True, False),
        (ARN, False, False),
    ],
)
def test_a_function_is_not_taken_away_from_the_pool_that_calls_it(
    monkeypatch: pytest.MonkeyPatch, function: str | None, existing: bool, refused: bool
) -> None:
    there = cognito(LambdaConfig={"PostConfirmation": function} if function else {})
    monkeypatch.setattr(Environment, "client", lambda *_: there.client())
    dev = environment.remote("dev")
    outputs = {"existing_user_pool": existing, "user_pool_id": POOL_ID, "post_confirmation_arn": ARN}
    if refused:
        with pytest.raises(click.ClickException, match="make detach-trigger ENV=dev first"):
            user_pool.refuse_while_called(dev, outputs)
    else:
        user_pool.refuse_while_called(dev, outputs)
    user_pool.refuse_while_called(dev, {})
    there._DescribeUserPool = lambda _asked: NOT_FOUND  # type: ignore[method-assign]  # it is gone
    user_pool.refuse_while_called(dev, outputs)


@pytest.mark.parametrize(
    ("actions", "existing", "refused"),
    [
        (["update"], True, True),
        (["no-op"], True, False),
        (["update"], False, False),
        (["create"], None, False),
    ],
)
def test_no_plan_leaves_a_pool_that_still_calls(
    monkeypatch: pytest.MonkeyPatch, actions: list[str], existing: bool | None, refused: bool
) -> None:
    there = cognito(LambdaConfig={"PostConfirmation": ARN})
    monkeypatch.setattr(Environment, "client", lambda *_: there.client())
    before = {"existing_user_pool": existing, "user_pool_id": POOL_ID, "post_confirmation_arn": ARN}
    changes = {name: {"actions": ["no-op"], "before": value} for name, value in before.items()}
    changes["user_pool_id"]["actions"] = actions
    with pytest.raises(click.ClickException, match="make detach-trigger") if refused else nullcontext():
        user_pool.refuse_to_leave(environment.remote("dev"), {"output_changes": changes})
    user_pool.refuse_to_leave(environment.remote("dev"), {})


def test_a_pool_that_is_not_there_is_awss_own_error() -> None:
    there = cognito()
    there._DescribeUserPool = lambda _asked: NOT_FOUND  # type: ignore[method-assign]  # it is gone
    with pytest.raises(ClientError, match="no pool"):
        pool_of(there).read()
