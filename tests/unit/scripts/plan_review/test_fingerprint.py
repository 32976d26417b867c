import copy
import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.plan_review.fingerprint import VOLATILE, fingerprint
from scripts.plan_review.plan import Plan
from tests.unit.scripts.plan_review.plans import DOCUMENTS

Json = Any

PUBLIC = {"before_sensitive": False, "after_sensitive": False}

CHANGE = {
    "address": "aws_sns_topic.this",
    "mode": "managed",
    "type": "aws_sns_topic",
    "name": "this",
    "provider_name": "example.com/hashicorp/aws",
    "change": {
        "actions": ["update"],
        "before": {"id": "topic", "display_name": "old", "tags": {"a": "b"}, "policy": "p", "users": 1},
        "after": {"id": "topic", "display_name": "new", "tags": {"a": "b"}, "users": 1},
        "after_unknown": {"policy": True},
        **PUBLIC,
    },
}
CONFIGURATION = {
    "provider_config": {
        "aws": {
            "name": "aws",
            "full_name": "example.com/hashicorp/aws",
            "version_constraint": ">= 5.0",
            "expressions": {"region": {"references": ["var.region"]}, "profile": {"constant_value": "dev"}},
        }
    },
    "root_module": {
        "resources": [{"mode": "managed", "type": "aws_sns_topic", "name": "this", "expressions": {}}],
        "variables": {"region": {}, "password": {"sensitive": True}},
    },
}
PLAN = {
    "format_version": "1.2",
    "terraform_version": "1.11.4",
    "timestamp": "2026-11-25T04:29:40Z",
    "variables": {"region": {"value": "eu-west-1"}, "path": {"value": "/home/ada/build/lambda.zip"}},
    "resource_changes": [CHANGE],
    "output_changes": {"topic": {"actions": ["update"], "before": "a", "after": "b", **PUBLIC}},
    "configuration": CONFIGURATION,
}


def of(document: Json, key: bytes = b"") -> str:
    return fingerprint(Plan.of(document), key)


def but(document: Json, value: Json, *path: str | int) -> Json:
    """The document with one thing in it changed."""
    changed = copy.deepcopy(document)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


def one(actions: Sequence[str], before: Json, after: Json, **more: Json) -> Json:
    """A plan of one change."""
    change = {
        "actions": list(actions),
        "before": before,
        "after": after,
        **PUBLIC,
    }
    return {**PLAN, "resource_changes": [{**CHANGE, "change": {**change, **more}}]}


def test_looks_like_one() -> None:
    assert re.fullmatch("v1-[0-9a-f]{64}", of(PLAN))
    assert re.fullmatch("v1k-[0-9a-f]{64}", of(PLAN, b"key"))


IN_CHANGE = ("resource_changes", 0, "change")


@pytest.mark.parametrize(
    "same",
    [
        but(PLAN, "2027-01-01T00:00:00Z", "timestamp"),
        but(PLAN, "1.11.5", "terraform_version"),
        but(PLAN, "1.9", "format_version"),
        but(PLAN, True, "applyable"),
        but(PLAN, [{"resource": "x", "attribute": ["y"]}], "relevant_attributes"),
        but(PLAN, [CHANGE], "resource_drift"),
        but(PLAN, "replace_because_tainted", "resource_changes", 0, "action_reason"),
        but(PLAN, [["display_name"]], *IN_CHANGE, "replace_paths"),
        but(PLAN, [CHANGE, one(["no-op"], {"x": 1}, {"x": 1})["resource_changes"][0]], "resource_changes"),
        but(PLAN, "another", *IN_CHANGE, "before", "policy"),
        but(but(PLAN, 2, *IN_CHANGE, "before", "users"), 2, *IN_CHANGE, "after", "users"),
        but(PLAN, None, *IN_CHANGE, "after", "arn"),
        but(PLAN, "/Users/bob/lambda.zip", "variables", "path", "value"),
        but(PLAN, ">= 6.0", "configuration", "provider_config", "aws", "version_constraint"),
        but(PLAN, {"actions": ["no-op"], "before": 1, "after": 1, **PUBLIC}, "output_changes", "same"),
    ],
    ids=lambda _: "",
)
def test_what_is_not_done_does_not_count(same: Json) -> None:
    assert of(same) == of(PLAN)


@pytest.mark.parametrize(
    "other",
    [
        but(PLAN, [], "resource_changes"),
        but(PLAN, "aws_sns_topic.that", "resource_changes", 0, "address"),
        but(PLAN, "00c0ffee", "resource_changes", 0, "deposed"),
        but(PLAN, "aws_sns_topic.that", "resource_changes", 0, "previous_address"),
        but(PLAN, "example.com/acme/aws", "resource_changes", 0, "provider_name"),
        but(PLAN, "aws.us", "configuration", "root_module", "resources", 0, "provider_config_key"),
        but(PLAN, {"id": "topic"}, *IN_CHANGE, "importing"),
        but(PLAN, ["delete", "create"], *IN_CHANGE, "actions"),
        but(PLAN, "newer", *IN_CHANGE, "after", "display_name"),
        but(PLAN, "older", *IN_CHANGE, "before", "display_name"),
        but(PLAN, "other topic", *IN_CHANGE, "after", "id"),
        but(PLAN, "1", *IN_CHANGE, "after", "users"),
        but(PLAN, True, *IN_CHANGE, "after", "users"),
        but(PLAN, {"a": ["b"]}, *IN_CHANGE, "after", "tags"),
        but(PLAN, {}, *IN_CHANGE, "after_unknown"),
        but(PLAN, {"policy": True, "tags": True}, *IN_CHANGE, "after_unknown"),
        but(PLAN, "us-east-1", "variables", "region", "value"),
        but(
            PLAN,
            "prod",
            "configuration",
            "provider_config",
            "aws",
            "expressions",
            "profile",
            "constant_value",
        ),
        but(PLAN, "c", "output_changes", "topic", "after"),
        but(PLAN, {}, "output_changes"),
        but(PLAN, [{"address": "action.a.b", "type": "a", "config_sensitive": {}}], "action_invocations"),
    ],
    ids=lambda _: "",
)
def test_what_is_done_counts(other: Json) -> None:
    assert of(other) != of(PLAN)


def test_what_is_done_at_the_same_address_in_another_way_counts() -> None:
    ways = [["delete", "create"], ["create", "delete"], ["update"], ["create"], ["delete"], ["forget"]]

    assert len({of(one(actions, {"x": 1}, {"x": 2})) for actions in ways}) == len(ways)


def test_only_what_changes_of_an_update_counts() -> None:
    assert of(one(["update"], {"x": 1, "y": 1}, {"x": 2, "y": 1})) == of(one(["update"], {"x": 1}, {"x": 2}))
    assert of(one(["create"], None, {"x": 2, "y": 1})) != of(one(["create"], None, {"x": 2}))
    assert of(one(["create"], None, {"x": 2, "y": None})) == of(one(["create"], None, {"x": 2}))


@pytest.mark.parametrize("actions", [["delete"], ["forget"], ["delete", "create"]])
def test_what_aws_counts_does_not_count_of_what_goes(actions: list[str]) -> None:
    """A pool that is destroyed is the same pool when one more person has signed up."""
    now, later = ({"id": "pool", "estimated_number_of_users": n, "last_modified_date": n} for n in (7, 8))
    after = {"id": None} if actions[-1] == "create" else None

    assert of(one(actions, now, after)) == of(one(actions, later, after))
    # what says how it is destroyed counts
    for name in (
        "force_destroy",
        "skip_final_snapshot",
        "recovery_window_in_days",
        "final_snapshot_identifier",
    ):
        assert not VOLATILE & {*name.split("_")}
        assert of(one(actions, {**now, name: 0}, after)) != of(one(actions, {**now, name: 1}, after))


def setting(attribute: str, document: Json) -> Json:
    """The plan of a configuration that sets the attribute of the resource."""
    expressions = {attribute: {"references": ["var.x"]}}
    return but(document, expressions, "configuration", "root_module", "resources", 0, "expressions")


def test_file_counts_by_its_path_where_its_hash_is_that_of_the_file_before() -> None:
    def upload(path: str) -> Json:
        return one(["update"], {"source": "a.txt", "etag": "of a"}, {"source": path, "etag": "of a"})

    assert of(upload("b.txt")) != of(upload("c.txt"))
    assert of(setting("etag", upload("b.txt"))) == of(setting("etag", upload("c.txt")))


def test_file_counts_by_its_hash_and_not_by_where_it_is() -> None:
    def function(path: str, its_hash: Json, **more: Json) -> str:
        after = {"filename": path, "source_code_hash": its_hash}
        return of(setting("source_code_hash", one(["create"], None, after, **more)))

    assert function("/home/ada/lambda.zip", "h") == function("/Users/bob/lambda.zip", "h")
    assert function("/home/ada/lambda.zip", "h") != function("/home/ada/lambda.zip", "i")
    # where there is no hash, nothing else tells what is in it
    assert function("/home/ada/lambda.zip", None) != function("/Users/bob/lambda.zip", None)
    unknown = {"after_unknown": {"source_code_hash": True}}
    assert function("/home/ada/lambda.zip", None, **unknown) != function(
        "/Users/bob/lambda.zip", None, **unknown
    )


def test_number_counts_by_its_value() -> None:
    def number(value: Json) -> str:
        return of(one(["create"], None, {"x": value}))

    assert number(1) == number(1.0) == number(Decimal("1.00")) == number(Decimal("1e0"))
    assert number(10) == number(Decimal("1e1"))
    assert len({number(value) for value in (0, 1, -1, 10, 0.1, "1", True, None)}) == 8
    assert number(10**40 + 1) != number(10**40)


def test_order_of_a_list_counts() -> None:
    """It may be what is run first; of a set Terraform always writes the same."""
    assert of(one(["create"], None, {"layers": ["a", "b"]})) != of(
        one(["create"], None, {"layers": ["b", "a"]})
    )


def test_provisioners_count_where_they_run() -> None:
    def runs(command: str, actions: Sequence[str]) -> str:
        provisioner = {"type": "local-exec", "expressions": {"command": {"constant_value": command}}}
        resource = {"mode": "managed", "type": "aws_sns_topic", "name": "this", "provisioners": [provisioner]}
        return of(one(actions, {}, {}) | {"configuration": {"root_module": {"resources": [resource]}}})

    assert runs("true", ["create"]) != runs("rm -rf /", ["create"])
    assert runs("true", ["delete", "create"]) != runs("rm -rf /", ["delete", "create"])
    assert runs("true", ["update"]) == runs("rm -rf /", ["update"])


@pytest.mark.parametrize("keys", ["", '["a.b]"]', "[0]"])
def test_provisioners_count_in_a_module_whatever_its_key(keys: str) -> None:
    def runs(command: str) -> str:
        provisioner = {"type": "local-exec", "expressions": {"command": {"constant_value": command}}}
        resource = {"mode": "managed", "type": "aws_sns_topic", "name": "this", "provisioners": [provisioner]}
        inner = {"module_calls": {"inner": {"module": {"resources": [resource]}}}}
        made_from = {"root_module": {"module_calls": {"outer": {"module": inner}}}}
        created = one(["create"], None, {}) | {"configuration": made_from}
        return of(but(created, f"module.outer{keys}.module.inner", "resource_changes", 0, "module_address"))

    assert runs("true") != runs("rm -rf /")


def test_all_variables_count_if_a_provider_uses_what_is_not_in_the_plan() -> None:
    region = ("configuration", "provider_config", "aws", "expressions", "region")
    by_local = but(PLAN, {"references": ["local.region"]}, *region)

    assert of(by_local) != of(but(by_local, "other", "variables", "path", "value"))


def test_nothing_is_the_same_everywhere() -> None:
    nothing = {**PLAN, "resource_changes": [], "output_changes": {}}

    assert of(nothing) == of(but(nothing, "us-east-1", "variables", "region", "value"))


# ---- secrets


def secret(value: Json, **more: Json) -> Json:
    marks = {"after_sensitive": {"pin": True}, **more}
    return one(["create"], None, {"pin": value, "copy": value}, **marks)


def with_password(value: str) -> Json:
    """A plan with a provider that uses a sensitive variable."""
    setting = ("configuration", "provider_config", "aws", "expressions", "token")
    return but(
        but(PLAN, {"references": ["var.password"]}, *setting), {"value": value}, "variables", "password"
    )


def test_secret_counts() -> None:
    assert of(secret("0815")) != of(secret("4711"))
    assert of(secret("0815"), b"key") != of(secret("4711"), b"key")
    assert of(secret("0815")) != of(secret("0815", after_sensitive={}))
    assert of(with_password("a")) != of(with_password("b"))


def test_secret_makes_each_try_expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    derived: list[bytes] = []

    def scrypt(password: bytes, *, salt: bytes, n: int, r: int, p: int, maxmem: int) -> bytes:
        assert (n, r, p) == (2**17, 8, 1)
        derived.append(salt)
        return hashlib.sha256(salt + password).digest()

    monkeypatch.setattr(hashlib, "scrypt", scrypt)
    of(PLAN)
    of(secret("0815"), b"key")
    # there is nothing to try out
    of(secret(None))
    of(secret(None, after_unknown={"pin": True}))
    assert derived == []
    of(secret("0815"))
    of(secret("4711"))
    of(secret("4711") | {"output_changes": {}})
    # the salt is the rest of the plan: nothing can be computed beforehand, and nothing of the secret is in it
    assert len(derived) == 3
    assert derived[0] == derived[1] != derived[2]
    of(with_password("a"))
    of(with_password("b"))
    assert len(derived) == 5
    assert derived[3] == derived[4]


def test_key_counts() -> None:
    assert len({of(PLAN), of(PLAN, b"one"), of(PLAN, b"other")}) == 3


# ---- whatever the plan

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
scalars = st.none() | st.booleans() | st.integers(-5, 5) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from(["name", "tags", "rules", "filename", "x"]), values, min_size=1)
WAYS = [
    (("create",), False, True),
    (("update",), True, True),
    (("delete",), True, False),
    (("delete", "create"), True, True),
    (("forget",), True, False),
]


@st.composite
def plans(draw: st.DrawFn) -> Json:
    changes = []
    for number in range(draw(st.integers(1, 4))):
        actions, has_before, has_after = draw(st.sampled_from(WAYS))
        change = {
            "actions": list(actions),
            "before": draw(objects) if has_before else None,
            "after": draw(objects) if has_after else None,
            "after_unknown": {},
            **PUBLIC,
        }
        changes.append(
            {**CHANGE, "address": f"aws_sns_topic.this[{number}]", "index": number, "change": change}
        )
    outputs = draw(st.dictionaries(texts, values, max_size=2))
    return {
        **PLAN,
        "resource_changes": changes,
        "output_changes": {
            name: {"actions": ["create"], "before": None, "after": value, **PUBLIC}
            for name, value in outputs.items()
        },
    }


def shuffled(value: Json, chance: random.Random) -> Json:
    """The same document with its keys in another order."""
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    return [shuffled(inner, chance) for inner in value] if isinstance(value, list) else value


@given(plans(), st.randoms(use_true_random=False))
def test_order_of_changes_and_keys_does_not_count(document: Json, chance: random.Random) -> None:
    turned = shuffled(document, chance)
    chance.shuffle(turned["resource_changes"])

    assert of(turned) == of(document)


def leaves(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_any_plan_has_one(document: Json, chance: random.Random) -> None:
    assert of(document, b"key") == of(shuffled(document, chance), b"key")


@given(plans(), st.data())
def test_any_value_that_is_changed_counts(document: Json, data: st.DataObject) -> None:
    places = [
        ("resource_changes", number, "change", side, *path)
        for number, change in enumerate(document["resource_changes"])
        for side in ("before", "after")
        if change["change"][side] is not None
        for path in leaves(change["change"][side])
    ]
    place = data.draw(st.sampled_from(places))

    # a text that is nowhere, since the generated ones are shorter
    assert of(but(document, "another", *place)) != of(document)


@given(plans(), st.data())
def test_any_change_that_is_left_out_counts(document: Json, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(document["resource_changes"]) - 1))
    left = [change for place, change in enumerate(document["resource_changes"]) if place != number]

    assert of({**document, "resource_changes": left}) != of(document)
