import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.plan_review.guard import Finding, Verdict, check
from scripts.plan_review.plan import Action, Plan
from scripts.plan_review.rules import Rules
from tests.unit.scripts.plan_review.plans import DOCUMENTS

RULES = Rules.load()
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
ROLE = {"name": "reader"}
Json = dict[str, Any]


def change(
    type_: str, before: Json | None, after: Json | None, *, name: str = "this", actions: str = "", **more: Any
) -> Json:
    """One of resource_changes; its actions by its sides, if they are not given."""
    by_sides = "create" if before is None else "delete" if after is None else "update"
    given = more.pop("change", {})
    return {
        "address": f"{type_}.{name}",
        "mode": "managed",
        "type": type_,
        "name": name,
        "change": {
            "actions": (actions or by_sides).split(),
            "before": before,
            "after": after,
            "after_unknown": more.pop("unknown", {}),
            "before_sensitive": {},
            "after_sensitive": {},
            **given,
        },
        **more,
    }


def plan(*changes: Json, **more: Any) -> Plan:
    return Plan.of({"format_version": "1.2", "resource_changes": list(changes), **more})


def policy(*statements: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(actions: Any, resources: Any = TABLE, **more: Any) -> Json:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def of_role(before: Sequence[Json] | None, after: Sequence[Json] | None, name: str = "this") -> Json:
    """A change of a policy of a role that is there already."""
    sides = [None if s is None else {"role": "reader", "policy": policy(*s)} for s in (before, after)]
    return change("aws_iam_role_policy", *sides, name=name)


def of_topic(before: Sequence[Json] | None, after: Sequence[Json] | None) -> Json:
    sides = [None if s is None else {"arn": "topic", "policy": policy(*s)} for s in (before, after)]
    return change("aws_sns_topic_policy", *sides)


def found(*changes: Json, rules: Rules = RULES, **more: Any) -> set[str]:
    """The names of the rules that stop a plan."""
    return names(check(plan(*changes, **more), rules).stops)


def names(findings: Iterable[Finding]) -> set[str]:
    return {finding.rule.name for finding in findings}


def team(tmp_path: Path, text: str) -> Rules:
    """The built-in rules and one more, `mine`, with the matches."""
    file = tmp_path / "team.toml"
    file.write_text(f'[[rule]]\nname = "mine"\nsays = "Wrong."\ndo = "Right."\n{text}')
    return Rules.load(file)


# ---- what holds data


@pytest.mark.parametrize("actions", ["delete", "delete create", "create delete", "create forget"])
def test_data_is_lost_with_its_resource(actions: str) -> None:
    after: Json | None = None if actions == "delete" else {}

    assert found(change("aws_dynamodb_table", {}, after, actions=actions)) == {"data-destroyed"}


@pytest.mark.parametrize(
    "harmless",
    [
        change("aws_dynamodb_table", {}, None, actions="forget"),
        change("aws_dynamodb_table", {}, {}, actions="no-op", previous_address="aws_dynamodb_table.old"),
        change("aws_dynamodb_table", {}, {"tags": {}}, previous_address="aws_dynamodb_table.old"),
        change("aws_dynamodb_table", None, {}),
        change("aws_cloudwatch_log_group", {"skip_destroy": True}, None),
        change("aws_sns_topic_subscription", {"protocol": "sms"}, None),
        change("aws_ssm_parameter", {"type": "String"}, None),
    ],
    ids=["forget", "move", "move and update", "create", "skip_destroy", "sms", "no secret"],
)
def test_nothing_is_lost(harmless: Json) -> None:
    assert found(harmless) == set()


def test_secret_in_a_parameter_is_lost_with_it() -> None:
    assert found(change("aws_ssm_parameter", {"type": "SecureString"}, None)) == {"key-destroyed"}


def test_what_an_interrupted_replacement_left_over_may_hold_data() -> None:
    left_over = change("aws_dynamodb_table", {}, None, deposed="00c0ffee")

    assert found(left_over) == {"data-destroyed"}


# ---- triggers


def pool(trigger: Any, **more: Any) -> Json:
    return {"lambda_config": [{"post_confirmation": trigger, "pre_sign_up": None}], **more}


@pytest.mark.parametrize("after", [pool(None), pool(""), {"lambda_config": []}, {"lambda_config": None}, {}])
def test_trigger_is_lost(after: Json) -> None:
    verdict = check(plan(change("aws_cognito_user_pool", pool("greet"), after)), RULES)

    assert names(verdict.stops) == {"user-pool-trigger-lost"}
    assert verdict.stops[0].details[0].startswith("lambda_config.0.post_confirmation: greet → ")


def test_another_trigger_is_none_lost() -> None:
    assert found(change("aws_cognito_user_pool", pool("greet"), pool("welcome"))) == set()


def test_trigger_that_is_known_after_apply_may_be_lost() -> None:
    unknown = {"lambda_config": [{"post_confirmation": True}]}
    (stop,) = check(
        plan(change("aws_cognito_user_pool", pool("greet"), pool(None), unknown=unknown)), RULES
    ).stops

    assert stop.rule.name == "user-pool-trigger-lost"
    assert stop.unknown


FOR_POOL = {
    "function_name": "greet",
    "principal": "cognito-idp.amazonaws.com",
    "source_arn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/a",
}


@pytest.mark.parametrize(
    ("changed", "rules"),
    [
        (change("aws_lambda_permission", FOR_POOL, {**FOR_POOL, "statement_id": "x"}), set()),
        (
            change("aws_lambda_permission", FOR_POOL, {**FOR_POOL, "source_arn": "of another"}),
            {"invoke-permission-lost"},
        ),
        (
            change("aws_lambda_permission", FOR_POOL, {**FOR_POOL, "source_arn": None}),
            {"invoke-permission-lost", "policy-condition"},
        ),
        (
            change("aws_lambda_permission", {**FOR_POOL, "source_account": "1"}, FOR_POOL),
            {"policy-condition"},
        ),
        (
            change("aws_dynamodb_table", {"stream_enabled": True}, {"stream_enabled": False}),
            {"event-source-lost"},
        ),
        (
            change("aws_s3_bucket_notification", {"eventbridge": True}, {"eventbridge": False}),
            {"event-source-lost"},
        ),
    ],
)
def test_trigger_that_is_left_alone_or_taken_away(changed: Json, rules: set[str]) -> None:
    assert found(changed) == rules


@pytest.mark.parametrize("block", ["lambda_function", "queue", "topic"])
def test_bucket_no_longer_tells_one_of_those_that_it_told(block: str) -> None:
    told = [{f"{block}_arn": arn} for arn in ("a", "b")]
    before, after = {block: told}, {block: [*reversed(told)]}

    assert found(change("aws_s3_bucket_notification", before, after)) == set()
    assert found(change("aws_s3_bucket_notification", before, {block: told[1:]})) == {"event-source-lost"}


@pytest.mark.parametrize(
    "type_",
    [
        "aws_cloudwatch_event_permission",
        "aws_eks_access_policy_association",
        "aws_kms_grant",
        "aws_lakeformation_permissions",
        "aws_lambda_layer_version_permission",
        "aws_ram_principal_association",
        "aws_ssoadmin_account_assignment",
        "aws_vpc_endpoint_service_allowed_principal",
    ],
)
def test_somebody_gains_something_without_a_policy(type_: str) -> None:
    assert found(change(type_, None, {})) == {"policy-principal"}
    assert found(change(type_, {}, None)) == set()


def test_everybody_may_call_a_function_unless_they_must_be_of_an_organization() -> None:
    function = change("aws_lambda_function", None, {"function_name": "greet"})
    everybody = {"function_name": "greet", "principal": "*"}

    assert found(function, change("aws_lambda_permission", None, everybody)) == {"policy-anyone"}
    ours = change("aws_lambda_permission", None, {**everybody, "principal_org_id": "o-1"})
    assert found(function, ours) == set()


@pytest.mark.parametrize(
    ("changed", "rules"),
    [
        (
            change("aws_iam_role", {"managed_policy_arns": ["a"]}, {"managed_policy_arns": ["b", "a"]}),
            {"policy-attached"},
        ),
        (change("aws_iam_role", {"managed_policy_arns": ["b", "a"]}, {"managed_policy_arns": ["a"]}), set()),
        (
            change("aws_iam_role", {"managed_policy_arns": []}, {}, unknown={"managed_policy_arns": True}),
            {"policy-attached", "policy-full-access"},
        ),
        (change("aws_iam_policy_attachment", None, {"roles": ["a"]}), {"policy-attached"}),
        (change("aws_iam_policy_attachment", {"roles": ["a"]}, {"roles": ["a", "b"]}), {"policy-attached"}),
        (change("aws_iam_user_group_membership", {"groups": ["a"]}, {"groups": ["b"]}), {"policy-attached"}),
        (change("aws_lambda_function", {"role": "a"}, {"role": "b"}), {"role-changed"}),
        (change("aws_lambda_function", {"role": "a"}, {}, unknown={"role": True}), {"role-changed"}),
        (change("aws_lambda_function", None, {"role": "b"}), set()),
    ],
)
def test_what_is_gained_by_a_name(changed: Json, rules: set[str]) -> None:
    assert found(changed) == rules


# ---- people's attributes


def schema(*elements: Json) -> Json:
    return {"schema": list(elements)}


TEAM = {"name": "team", "mutable": True, "required": None}
OFFICE = {"name": "office", "mutable": True, "required": None}


@pytest.mark.parametrize(
    ("after", "rules"),
    [
        (schema(OFFICE, TEAM), set()),
        (schema(TEAM, OFFICE, {"name": "more"}), set()),
        (schema(TEAM, {**OFFICE, "required": ""}), set()),
        (schema(TEAM), {"user-attribute-removed"}),
        (schema(), {"user-attribute-removed"}),
        (schema(TEAM, {**OFFICE, "mutable": False}), {"user-attribute-changed"}),
    ],
    ids=["order", "one more", "null or empty", "removed", "all removed", "changed"],
)
def test_people_keep_their_attributes(after: Json, rules: set[str]) -> None:
    assert found(change("aws_cognito_user_pool", schema(TEAM, OFFICE), after)) == rules


# ---- protection


@given(
    before=st.sampled_from([True, False, None, "ACTIVE", "INACTIVE"]),
    after=st.sampled_from([True, False, None, "ACTIVE", "INACTIVE"]),
)
def test_protection_is_off_exactly_if_it_was_on_and_would_not_be(before: Any, after: Any) -> None:
    on = (True, "ACTIVE")
    changed = change("acme_store", {"deletion_protection": before}, {"deletion_protection": after})

    assert ("deletion-protection-off" in found(changed)) == (before in on and after not in on)


@given(before=st.booleans() | st.none(), after=st.booleans() | st.none())
def test_force_destroy_is_found_exactly_if_it_comes(before: bool | None, after: bool | None) -> None:
    changed = change("aws_s3_bucket", {"force_destroy": before}, {"force_destroy": after})

    assert ("deletion-protection-off" in found(changed)) == (after is True and before is not True)


def test_what_cannot_be_told_is_not_passed_over() -> None:
    changed = change("acme_store", {"deletion_protection": True}, {}, unknown={"deletion_protection": True})
    (stop,) = check(plan(changed), RULES).stops

    assert stop.unknown
    assert stop.details == ("deletion_protection: true → (known after apply)",)


# ---- permissions

READ = allow(["dynamodb:GetItem", "dynamodb:Query"])


@pytest.mark.parametrize(
    ("after", "rules"),
    [
        ([allow("dynamodb:GetItem")], set()),
        ([allow(["dynamodb:getitem"]), allow("dynamodb:Query")], set()),
        ([allow(["dynamodb:GetItem", "dynamodb:BatchGetItem"])], set()),
        ([allow(READ["Action"], [TABLE, f"{TABLE}-2"])], set()),
        ([allow(READ["Action"], f"{TABLE}/index/*")], set()),
        ([allow(READ["Action"], f"{TABLE[:-1]}*")], {"policy-star"}),
        ([allow("dynamodb:BatchGetItem", f"{TABLE[:-1]}*")], set()),
        ([{**READ, "Effect": "Deny"}], set()),
        ([{**READ, "Effect": "Deny", "Action": "*", "Resource": "*"}], set()),
        ([allow("dynamodb:*")], {"policy-star", "policy-actions"}),
        ([allow("*", "*")], {"policy-star", "policy-actions"}),
        ([allow("dynamodb:Get*")], {"policy-star"}),
        ([allow("dynamodb:GetIte?")], {"policy-star"}),
        ([allow("dynamodb:GetItem", "*")], {"policy-star"}),
        ([allow("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:123456789012:table/*")], {"policy-star"}),
        ([allow("dynamodb:GetItem", "arn:aws:dynamodb:*")], {"policy-star"}),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": TABLE}], {"policy-star", "policy-actions"}),
        ([{"Effect": "Allow", "Action": "dynamodb:Query", "NotResource": TABLE}], {"policy-star"}),
        ([allow(["dynamodb:GetItem", "dynamodb:DeleteItem"])], {"policy-actions"}),
        ([allow(["dynamodb:GetItem", "dynamodb:TagResource"])], {"policy-actions"}),
        ([allow(["dynamodb:GetItem", "dynamodb:PutResourcePolicy"])], {"policy-actions"}),
        ([READ, allow("s3:GetObject", "arn:aws:s3:::reports/*")], {"policy-actions"}),
        ([READ, allow("s3:GetObject", "arn:aws:s3:::*")], {"policy-star", "policy-actions"}),
    ],
)
def test_what_a_role_gains(after: list[Json], rules: set[str]) -> None:
    assert found(of_role([READ], after)) == rules


def test_star_that_was_there_or_is_narrower_is_none() -> None:
    wide = [allow("dynamodb:*", "*")]

    for narrower in (
        wide,
        [allow("dynamodb:Get*", "*")],
        [allow("dynamodb:*")],
        [allow("dynamodb:GetItem", "*")],
    ):
        assert found(of_role(wide, narrower)) == set()


def test_more_exceptions_allow_less_and_fewer_allow_more() -> None:
    few, many = (
        {"Effect": "Allow", "NotAction": names, "Resource": "*"} for names in ("iam:*", ["iam:*", "sts:*"])
    )

    assert found(of_role([few], [many])) == set()
    assert found(of_role([many], [few])) == {"policy-star"}


def test_what_was_excepted_is_new() -> None:
    all_but_iam = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}

    assert found(of_role([all_but_iam], [allow("iam:Get*", "*")])) == {"policy-star"}
    assert found(of_role([all_but_iam], [allow("s3:Get*", "*")])) == set()


def test_question_mark_is_less_than_a_star() -> None:
    assert found(of_role([allow("dynamodb:Get?tem")], [allow("dynamodb:Get*tem")])) == {"policy-star"}
    assert found(of_role([allow("dynamodb:Get*tem")], [allow("dynamodb:Get?tem")])) == set()


def test_policy_that_is_forgotten_goes_on_allowing() -> None:
    forgotten = change(
        "aws_iam_role_policy", {"role": "reader", "policy": policy(READ)}, None, actions="forget"
    )

    assert found(forgotten, of_role(None, [READ], "second")) == set()
    assert (
        found(
            of_topic([DENY], None) | {"change": {**of_topic([DENY], None)["change"], "actions": ["forget"]}}
        )
        == set()
    )


def test_statement_that_moves_to_another_policy_of_the_role_widens_nothing() -> None:
    write = allow("dynamodb:PutItem")

    assert found(of_role([READ, write], [READ]), of_role(None, [write], "second")) == set()
    assert found(of_role([READ], [READ]), of_role(None, [write], "second")) == {"policy-actions"}


def test_of_another_role_it_does() -> None:
    write = allow("dynamodb:PutItem")
    other = change("aws_iam_role_policy", None, {"role": "other", "policy": policy(write)}, name="other")

    assert found(of_role([READ, write], [READ]), other) == {"policy-actions"}


def test_new_role_may_do_what_it_is_made_for_but_no_star() -> None:
    role = change("aws_iam_role", None, ROLE)

    assert found(role, of_role(None, [allow("dynamodb:PutItem")])) == set()
    assert found(role, of_role(None, [allow("dynamodb:*")])) == {"policy-star"}


def test_role_is_not_new_because_a_new_one_speaks_of_it() -> None:
    role = change("aws_iam_role", None, {"name": "other", "description": "reader"})

    assert found(role, of_role(None, [READ])) == {"policy-actions"}


def test_role_that_is_replaced_is_not_new() -> None:
    role = change("aws_iam_role", ROLE, ROLE, actions="delete create")

    assert found(role, of_role([READ], [allow("dynamodb:PutItem")])) == {"policy-actions"}


def test_role_that_goes_at_another_address_and_comes_back_by_its_name_is_not_new() -> None:
    roles = change("aws_iam_role", ROLE, None, name="old"), change("aws_iam_role", None, ROLE, name="new")

    assert found(*roles, of_role([READ], None, "old"), of_role(None, [READ], "new")) == set()
    write = of_role(None, [allow("dynamodb:PutItem")], "new")
    assert found(*roles, of_role([READ], None, "old"), write) == {"policy-actions"}


def test_role_whose_name_is_known_after_apply_is_new_unless_one_is_replaced() -> None:
    added = change("aws_iam_role_policy", None, {"policy": policy(READ)}, unknown={"role": True})
    made, replaced = (
        change("aws_iam_role", before, {}, actions=actions, unknown={"name": True})
        for before, actions in ((None, "create"), (ROLE, "delete create"))
    )

    assert found(made, added) == set()
    assert found(replaced, added) == {"policy-actions"}
    by_role = {"aws_iam_role.this.name": {"policy-actions"}, "aws_iam_role.other.name": set()}
    for reference, rules in by_role.items():
        assert found(replaced, added, configuration=configuration("role", reference)) == rules


PUBLISH: Json = {
    "Effect": "Allow",
    "Action": "sns:Publish",
    "Resource": "topic",
    "Principal": {"AWS": "123456789012"},
}
ORG = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}


@pytest.mark.parametrize(
    ("principal", "rules"),
    [
        ({"AWS": "123456789012"}, set()),
        ({"AWS": ["arn:aws:iam::123456789012:root"]}, set()),
        ({"AWS": ["123456789012", "210987654321"]}, {"policy-principal"}),
        ({"AWS": "123456789012", "Service": "events.amazonaws.com"}, {"policy-principal"}),
        ("*", {"policy-anyone"}),
        ({"AWS": "*"}, {"policy-anyone"}),
    ],
)
def test_who_is_allowed(principal: Any, rules: set[str]) -> None:
    assert found(of_topic([PUBLISH], [{**PUBLISH, "Principal": principal}])) == rules


def test_everybody_under_a_condition_is_somebody_new() -> None:
    assert found(of_topic([PUBLISH], [{**PUBLISH, "Principal": "*", "Condition": ORG}])) == {
        "policy-principal"
    }


@pytest.mark.parametrize(
    ("condition", "anyone"),
    [
        ({}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}, True),
        ({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/"}}, True),
        ({"StringLike": {"aws:PrincipalArn": ["arn:aws:iam::1:role/a", "*"]}}, True),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
        ({"StringEquals": {"sns:Protocol": "https"}}, True),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b"}}, False),
        ({"StringLike": {"sns:Endpoint": "*@example.com"}}, False),
        (ORG | {"Bool": {"aws:SecureTransport": "true"}}, False),
    ],
)
def test_everybody_is_whoever_meets_a_condition_that_tells_nobody_apart(
    condition: Json, anyone: bool
) -> None:
    topic = change("aws_sns_topic", None, {"arn": "topic"})
    created = of_topic(None, [{**PUBLISH, "Principal": "*", "Condition": condition}])

    assert found(topic, created) == ({"policy-anyone"} if anyone else set())


def all_but(*accounts: str, effect: str = "Allow") -> Json:
    named = {name: value for name, value in PUBLISH.items() if name != "Principal"}
    return {**named, "Effect": effect, "NotPrincipal": {"AWS": [*accounts]}}


def test_all_but_some_is_everybody() -> None:
    assert found(of_topic([PUBLISH], [all_but("1")])) == {"policy-anyone"}
    assert found(of_topic([all_but("1", "2")], [all_but("1")])) == {"policy-anyone"}
    assert found(of_topic([all_but("1")], [all_but("1", "2")])) == set()


def test_whoever_is_no_longer_denied_is_found() -> None:
    one, two = all_but("1", effect="Deny"), all_but("1", "2", effect="Deny")

    assert found(of_topic([PUBLISH, one], [PUBLISH, two])) == {"policy-deny"}
    assert found(of_topic([PUBLISH, two], [PUBLISH, one])) == set()


def test_principal_may_gain_what_another_one_had() -> None:
    other = {**PUBLISH, "Principal": {"AWS": "210987654321"}}
    reader = {**PUBLISH, "Action": "sns:GetTopicAttributes"}

    assert found(of_topic([reader, other], [PUBLISH, other])) == {"policy-actions"}
    assert found(of_topic([PUBLISH, other], [{**PUBLISH, "Action": "sns:TagResource"}, other])) == {
        "policy-actions"
    }


def test_what_everybody_may_do_lets_nobody_do_more() -> None:
    everybody = {**PUBLISH, "Principal": "*", "Action": "sns:Subscribe"}

    assert found(of_topic([everybody], [everybody, {**PUBLISH, "Action": "sns:Subscribe"}])) == set()
    assert found(of_topic([everybody], [everybody, PUBLISH])) == {"policy-principal"}


def of_bucket(*sides: Json) -> Json:
    """A change of one statement of a bucket's policy."""
    given = [{"Action": "s3:GetObject", "Principal": "*", "Effect": "Allow", **side} for side in sides]
    return change("aws_s3_bucket_policy", *({"bucket": "b", "policy": policy(side)} for side in given))


BUCKET, PUBLIC = {"Resource": "arn:aws:s3:::b/*"}, {"Resource": "arn:aws:s3:::b/public/*"}


def test_policy_of_a_bucket_is_on_some_of_its_objects() -> None:
    assert found(of_bucket(PUBLIC, BUCKET)) == {"policy-star", "policy-anyone"}
    assert found(of_bucket(BUCKET, PUBLIC)) == set()
    others = {"NotResource": PUBLIC["Resource"]}
    assert found(of_bucket(PUBLIC, others)) == {"policy-star", "policy-anyone"}
    deny = {"Effect": "Deny"}
    assert found(of_bucket(BUCKET | deny, PUBLIC | deny)) == {"policy-deny"}
    assert found(of_bucket(others | deny, {"NotResource": BUCKET["Resource"]} | deny)) == {"policy-deny"}
    assert found(of_bucket(PUBLIC | deny, BUCKET | deny)) == set()


def test_first_policy_on_a_topic_that_is_there_allows_somebody_new() -> None:
    topic = change("aws_sns_topic", None, {"arn": "topic"})

    assert found(of_topic(None, [PUBLISH])) == {"policy-principal", "policy-actions"}
    assert found(topic, of_topic(None, [PUBLISH])) == set()


def with_condition(**condition: Any) -> list[Json]:
    return [{**PUBLISH, "Condition": condition}] if condition else [PUBLISH]


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        ({"StringEquals": {"k": "a"}}, {}, True),
        ({"StringEquals": {"k": "a"}}, {"StringEquals": {"other": "a"}}, True),
        ({"StringEquals": {"k": "a"}}, {"StringEquals": {"k": ["a", "b"]}}, True),
        ({"StringEquals": {"k": ["a", "b"]}}, {"StringEquals": {"k": "a"}}, False),
        ({"StringEquals": {"k": "a"}}, {"StringEquals": {"k": "a", "more": "b"}}, False),
        ({}, {"StringEquals": {"k": "a"}}, False),
        ({"StringNotEquals": {"k": ["a", "b"]}}, {"StringNotEquals": {"k": "a"}}, True),
        ({"StringNotEquals": {"k": "a"}}, {"StringNotEquals": {"k": ["a", "b"]}}, False),
        ({"StringLike": {"sub": "repo:a/b:*"}}, {"StringLike": {"sub": "repo:a/*"}}, True),
        ({"StringLike": {"sub": "repo:a/*"}}, {"StringLike": {"sub": "repo:a/b:ref:main"}}, False),
        ({"Bool": {"k": "true"}}, {"Bool": {"k": "false"}}, True),
        ({"StringEquals": {"k": []}}, {}, True),
        (
            {"NumericLessThan": {"k": 5}},
            {"NumericLessThan": {"k": 4}},
            True,
        ),  # which is less is not looked at
    ],
)
def test_condition_that_is_dropped_or_weaker(before: Json, after: Json, weaker: bool) -> None:
    expected = {"policy-condition"} if weaker else set()

    assert found(of_topic(with_condition(**before), with_condition(**after))) == expected


def test_condition_is_dropped_from_what_is_wider_as_well() -> None:
    tagged = {"StringEquals": {"aws:ResourceTag/Team": "a"}}
    before = allow("s3:GetObject", "arn:aws:s3:::b/private/*", Condition=tagged)

    assert "policy-condition" in found(of_role([before], [allow("s3:GetObject", "arn:aws:s3:::b/*")]))
    assert found(of_role([before], [before, allow("s3:GetObject", "arn:aws:s3:::b/public/*")])) == set()


def test_condition_is_not_dropped_from_what_was_excepted() -> None:
    tagged = {"Condition": {"StringEquals": {"aws:ResourceTag/Team": "a"}}}
    others, reader = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, allow("iam:GetRole", "*")

    assert "policy-condition" not in found(of_role([others | tagged], [others | tagged, reader]))
    assert "policy-condition" not in found(of_role([reader | tagged], [reader | tagged, others]))


DENY = {"Effect": "Deny", "Principal": "*", "Action": ["sns:Publish", "sns:Subscribe"], "Resource": "topic"}


@pytest.mark.parametrize(
    ("after", "dropped"),
    [
        ([DENY], False),
        ([{**DENY, "Sid": "Renamed", "Action": "sns:*"}], False),
        ([{**DENY, "Action": "sns:Publish"}, {**DENY, "Action": "sns:Subscribe"}], False),
        ([], True),
        ([{**DENY, "Action": "sns:Publish"}], True),
        ([{**DENY, "Principal": {"AWS": "123456789012"}}], True),
        ([{**DENY, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}], True),
        ([{**DENY, "Condition": {"StringEquals": {"aws:SourceVpc": []}}}], True),
        ([{**DENY, "Effect": "Allow"}], True),
    ],
)
def test_what_was_denied(after: list[Json], dropped: bool) -> None:
    assert ("policy-deny" in found(of_topic([PUBLISH, DENY], [PUBLISH, *after]))) == dropped


def test_denial_goes_with_its_policy_but_not_if_the_topic_goes_too() -> None:
    topic = change("aws_sns_topic", {"arn": "topic"}, None)

    assert found(of_topic([DENY], None)) == {"policy-deny"}
    assert found(of_topic([DENY], None), topic) == {"subscribers-lost"}


def test_denial_goes_with_the_last_policy_of_a_role_that_stays() -> None:
    denial = {**READ, "Effect": "Deny"}
    role = change("aws_iam_role", ROLE, None)

    assert found(of_role([denial], None)) == {"policy-deny"}
    assert found(of_role([READ], None)) == set()
    assert found(of_role([denial], None), role) == set()
    for statement, rules in ((denial, {"policy-deny"}), (READ, set())):
        assert found(change("aws_iam_policy", {"policy": policy(statement)}, None)) == rules


def test_exception_that_is_added_to_a_denial_is_found() -> None:
    but_one, but_two = (
        {**DENY, "Condition": {"ArnNotEquals": {"aws:PrincipalArn": arns}}} for arns in (["a"], ["a", "b"])
    )

    assert found(of_topic([but_one], [but_two])) == {"policy-deny"}
    assert found(of_topic([but_two], [but_one])) == set()


def role_policy_unknown(before: Json | None, **configured: Any) -> Json:
    return change("aws_iam_role_policy", before, {"role": "reader"}, unknown={"policy": True}, **configured)


def test_policy_that_is_known_after_apply_stops_what_is_there_and_is_named_for_what_is_new() -> None:
    there = {"role": "reader", "policy": policy(READ)}
    role = change("aws_iam_role", None, ROLE)

    assert found(role_policy_unknown(there)) == {"policy-unknown"}
    assert found(role_policy_unknown(None)) == {"policy-unknown"}
    verdict = check(plan(role, role_policy_unknown(None)), RULES)
    assert verdict.passes
    assert names(verdict.not_judged) == {"policy-unknown"}


def test_document_of_iam_that_cannot_be_read_is_as_good_as_unknown() -> None:
    changed = change("aws_iam_role_policy", None, {"role": "reader", "policy": '{"Statement": "?"}'})

    assert found(changed) == {"policy-unknown"}


def test_document_is_looked_at_once_though_two_sources_name_it() -> None:
    created = change("aws_sns_topic_policy", None, {"arn": "topic"}, unknown={"policy": True})
    verdict = check(plan(created), RULES)

    assert names(verdict.stops) == {"policy-unknown"}
    # by the general source the policy would be its own holder, and new
    assert verdict.not_judged == ()


def test_attribute_named_policy_may_hold_something_else() -> None:
    rules = json.dumps({"rules": [{"action": {"type": "expire"}}]})

    assert found(change("aws_ecr_lifecycle_policy", {"policy": rules}, {"policy": "x"})) == set()


def configuration(attribute: str, *references: str, type_: str = "aws_iam_role_policy") -> Json:
    return {
        "root_module": {
            "resources": [
                {
                    "mode": "managed",
                    "type": type_,
                    "name": "this",
                    "expressions": {attribute: {"references": list(references)}},
                }
            ]
        }
    }


def test_list_that_nobody_sets_is_left_to_aws() -> None:
    unknown = {"managed_policy_arns": True}
    changed = change("aws_iam_role", {"managed_policy_arns": ["a"]}, {}, unknown=unknown)

    for attribute, rules in (
        ("managed_policy_arns", {"policy-attached", "policy-full-access"}),
        ("name", set()),
    ):
        assert found(changed, configuration=configuration(attribute, type_="aws_iam_role")) == rules


def test_policy_that_nobody_sets_is_left_to_aws() -> None:
    created = role_policy_unknown(None)

    assert found(created, configuration=configuration("policy")) == {"policy-unknown"}
    assert found(created, configuration=configuration("name")) == set()


@pytest.mark.parametrize(
    ("statement", "rules"),
    [
        ({"actions": ["dynamodb:GetItem"], "resources": [None]}, set()),
        ({"actions": ["dynamodb:PutItem"], "resources": [None]}, {"policy-actions"}),
        ({"actions": ["dynamodb:Get*"], "resources": [None]}, {"policy-star"}),
        ({"actions": [None], "resources": ["*"]}, {"policy-unknown"}),
    ],
)
def test_document_that_is_put_together_later_is_judged_by_what_is_known(
    statement: Json, rules: set[str]
) -> None:
    data = change(
        "aws_iam_policy_document",
        None,
        {"statement": [{"effect": None, "sid": None, "condition": [], **statement}]},
        actions="read",
        unknown={"json": True, "statement": [{k: [v is None for v in vs] for k, vs in statement.items()}]},
        mode="data",
    )
    reference = "data.aws_iam_policy_document.this"
    changed = role_policy_unknown({"role": "reader", "policy": policy(READ)})
    made_from = configuration("policy", f"{reference}.json", reference)

    assert found(changed, data, configuration=made_from) == rules
    assert found(changed, data, configuration=configuration("policy", reference, "var.more")) == {
        "policy-unknown"
    }
    data["change"]["after"]["source_policy_documents"] = ["{}"]
    assert found(changed, data, configuration=made_from) == {"policy-unknown"}


def test_policy_with_a_secret_in_it_is_judged_and_not_told() -> None:
    changed = of_role([READ], [allow("dynamodb:*", "arn:s3cr3t")])
    changed["change"]["after_sensitive"] = {"policy": True}
    verdict = check(plan(changed), RULES)

    assert names(verdict.stops) == {"policy-star", "policy-actions"}
    assert {detail for stop in verdict.stops for detail in stop.details} == {"policy: (sensitive)"}
    assert "s3cr3t" not in repr(verdict)


def test_secret_in_a_document_that_is_put_together_later_is_not_told() -> None:
    statement = {"effect": "Allow", "actions": ["sts:AssumeRole"], "condition": []}
    who = {"type": "AWS", "identifiers": ["s3cr3t"]}
    data = change(
        "aws_iam_policy_document",
        None,
        {"statement": [{**statement, "principals": [who]}]},
        actions="read",
        unknown={"json": True},
        mode="data",
    )
    data["change"]["after_sensitive"] = {"statement": [{"principals": [{"identifiers": [True]}]}]}
    trust = change(
        "aws_iam_role", {"assume_role_policy": policy(PUBLISH)}, {}, unknown={"assume_role_policy": True}
    )
    made_from = configuration("assume_role_policy", "data.aws_iam_policy_document.this", type_="aws_iam_role")
    verdict = check(plan(trust, data, configuration=made_from), RULES)

    assert names(verdict.stops) == {"policy-principal"}
    assert "s3cr3t" not in repr(verdict)


def test_secret_element_is_not_told() -> None:
    changed = change("aws_iam_group_membership", {"users": []}, {"users": ["ada", "s3cr3t"]})
    changed["change"]["after_sensitive"] = {"users": [False, True]}
    (stop,) = check(plan(changed), RULES).stops

    assert stop.details == ("users",)


def test_secret_value_is_not_told() -> None:
    changed = change("aws_cognito_user_pool", pool("s3cr3t"), pool(None))
    changed["change"]["before_sensitive"] = {"lambda_config": True}
    (stop,) = check(plan(changed), RULES).stops

    assert stop.details == ("lambda_config",)


# ---- overrides

DESTROYED = change("aws_dynamodb_table", {}, None)
OTHER = change("aws_dynamodb_table", {}, None, name="other")


@pytest.mark.parametrize(
    ("allowed", "stops", "unused"),
    [
        ([], 2, ()),
        (["data-destroyed"], 0, ()),
        (["data-destroyed=aws_dynamodb_table.this"], 1, ()),
        (["data-destroyed=aws_dynamodb_table.*"], 2, ("data-destroyed=aws_dynamodb_table.*",)),
        (["data-destroyed=aws_dynamodb_table.gone"], 2, ("data-destroyed=aws_dynamodb_table.gone",)),
        (["data"], 2, ("data",)),
        (["logs-lost", "logs-lost", "data-destroyed"], 0, ("logs-lost",)),
    ],
)
def test_override_allows_what_it_names_and_says_if_that_is_nothing(
    allowed: list[str], stops: int, unused: tuple[str, ...]
) -> None:
    verdict = check(plan(DESTROYED, OTHER), RULES, allowed)

    assert len(verdict.stops) == stops
    assert len(verdict.overridden) == 2 - stops
    assert verdict.unused == unused
    assert verdict.passes == (stops == 0)


# ---- a team's own rules


def test_rule_of_the_team_by_action_and_where(tmp_path: Path) -> None:
    rules = team(
        tmp_path,
        '[[rule.match]]\ntypes = ["acme_*"]\nexcept = ["acme_toy"]\nactions = ["create", "forget"]\n'
        'where = { "tags.Stage" = ["prod*"] }\nunless = { size = ["1", "2"] }',
    )
    prod = {"tags": {"Stage": "production"}, "size": 3}

    assert found(change("acme_store", None, prod), rules=rules) == {"mine"}
    assert found(change("acme_store", prod, None, actions="forget"), rules=rules) == {"mine"}
    assert found(change("acme_store", prod, None), rules=rules) == set()
    assert found(change("acme_toy", None, prod), rules=rules) == set()
    assert found(change("acme_store", None, {**prod, "size": 2}), rules=rules) == set()
    assert found(change("acme_store", None, {**prod, "tags": {}}), rules=rules) == set()
    # what is known after apply may be it
    assert found(change("acme_store", None, {"size": 3}, unknown={"tags": True}), rules=rules) == {"mine"}
    assert found(change("acme_store", None, {"tags": prod["tags"]}, unknown={"size": True}), rules=rules) == {
        "mine"
    }


def test_rule_of_the_team_for_documents_that_are_unknown(tmp_path: Path) -> None:
    """Unless a rule says so of their kind, each that looks at documents says so itself."""
    rules = team(tmp_path, '[[rule.match]]\nwidened = "star"\nkinds = ["identity"]')
    alone = Rules(rules.rules[-1:], rules.sources, rules.classes)
    changed = role_policy_unknown({"role": "reader", "policy": policy(READ)})

    assert found(changed, rules=alone) == {"mine"}
    assert found(changed, rules=rules) == {"policy-unknown"}


# ---- whatever the plan

scalars = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["*", policy(READ)])
)
names_of_attributes = st.sampled_from(
    ["policy", "role", "schema", "name", "statement", "lambda_config", "state", "principal", "x"]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names_of_attributes, inner, max_size=3),
    max_leaves=8,
)
sides = st.none() | st.dictionaries(names_of_attributes, anything, max_size=4)
types = st.sampled_from(
    [
        "aws_cognito_user_pool",
        "aws_iam_policy_document",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_lambda_permission",
        "aws_scheduler_schedule",
        "aws_sns_topic",
        "aws_sns_topic_policy",
    ]
)
actions_of_terraform = st.sampled_from(
    [
        "create",
        "update",
        "delete",
        "delete create",
        "create delete",
        "create forget",
        "forget",
        "read",
        "no-op",
    ]
)


@st.composite
def any_change(draw: st.DrawFn, actions: st.SearchStrategy[str] = actions_of_terraform) -> Json:
    return change(
        draw(types),
        draw(sides),
        draw(sides),
        actions=draw(actions),
        mode=draw(st.sampled_from(["managed", "data"])),
        name=draw(st.sampled_from(["this", "other"])),
        unknown=draw(anything),
        change={"before_sensitive": draw(anything), "after_sensitive": draw(anything)},
    )


@given(
    st.lists(any_change(), max_size=4),
    st.none() | st.dictionaries(st.sampled_from(["root_module", "provider_config"]), anything, max_size=2),
    st.lists(st.sampled_from([rule.name for rule in RULES.rules]), max_size=3),
)
def test_guard_takes_values_of_any_shape(changes: list[Json], made_from: Any, allowed: list[str]) -> None:
    given_plan = plan(*changes, configuration=made_from)
    verdict = check(given_plan, RULES, allowed)

    alone = check(given_plan, RULES)
    # an override only moves findings, and each is either used or said to be unused
    assert {*verdict.stops, *verdict.overridden} == {*alone.stops}
    assert verdict.not_judged == alone.not_judged
    assert {*verdict.unused} == {*allowed} - names(verdict.overridden) - names(verdict.not_judged)


@given(DOCUMENTS)
def test_guard_takes_any_plan(document: Json) -> None:
    check(Plan.of(document), RULES)


@given(st.lists(any_change(st.just("no-op")), max_size=4))
def test_what_is_not_changed_is_not_found(changes: list[Json]) -> None:
    assert check(plan(*changes), RULES) == Verdict()


ACTIONS = st.lists(
    st.sampled_from(["dynamodb:GetItem", "dynamodb:PutItem", "s3:GetObject", "dynamodb:*", "*"]),
    min_size=1,
    max_size=3,
)
STATEMENTS = st.lists(ACTIONS.map(allow), max_size=3)


@given(STATEMENTS)
def test_same_permissions_widen_nothing(statements: list[Json]) -> None:
    assert found(of_role(statements, [*reversed(statements)])) == set()


@given(STATEMENTS, STATEMENTS)
def test_fewer_permissions_widen_nothing(statements: list[Json], more: list[Json]) -> None:
    assert found(of_role([*statements, *more], statements)) == set()


@given(STATEMENTS, STATEMENTS)
def test_star_is_found_exactly_if_no_star_covered_it(before: list[Json], after: list[Json]) -> None:
    def stars(statements: list[Json]) -> set[str]:
        return {action for s in statements for action in s["Action"] if "*" in action}

    had, has = stars(before), stars(after)

    assert ("policy-star" in found(of_role(before, after))) == bool("*" not in had and has - had)


@given(actions_of_terraform)
def test_data_is_found_exactly_if_its_object_goes(actions: str) -> None:
    changed = change("aws_dynamodb_table", {}, {}, actions=actions)

    goes = plan(changed).changes[0].action in (Action.DESTROY, Action.REPLACE)
    assert ("data-destroyed" in found(changed)) == goes
