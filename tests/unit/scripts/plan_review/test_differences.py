import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from scripts.plan_review.differences import changed, compare, forcing, lines, path
from scripts.plan_review.plan import Change, Plan
from scripts.plan_review.values import UNKNOWN, Json, Sensitive
from tests.unit.scripts.plan_review.test_plan import change, document

STATEMENT = {"Sid": "Publish", "Effect": "Allow", "Action": ["sns:Publish"], "Resource": ["arn:a"]}


def told(old: Json, new: Json) -> list[str]:
    return [f"{line.sign} {'  ' * line.depth}{line.text}" for line in compare("x", old, new)]


def plan(*actions: str, sets: Sequence[str] | None = None, **values: Any) -> tuple[Plan, Change]:
    """A plan with one change. sets: what the configuration sets of the resource, if it is there."""
    block = {"type": "aws_sqs_queue", "name": "q", "expressions": {name: {} for name in sets or ()}}
    configuration = {"root_module": {"resources": [block]}} if sets is not None else {}
    found = Plan.of(document(change(*actions, **values), configuration=configuration))
    return found, found.changes[0]


def lines_of(*actions: str, **values: Any) -> list[str]:
    return [f"{line.sign} {'  ' * line.depth}{line.text}" for line in lines(*plan(*actions, **values))]


def policy(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements, **more})


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (1, Decimal("1.0"), []),
        (1, True, ["! x: 1 → true"]),
        (1, "1", ['! x: 1 → "1"']),
        (None, 0, ["+ x: 0"]),
        ("a", None, ['- x: "a"']),
        ("a", UNKNOWN, ['! x: "a" → (known after apply)']),
        (UNKNOWN, UNKNOWN, ["! x: (known after apply)"]),
        (Sensitive("a"), Sensitive("a"), []),
        (Sensitive("a"), Sensitive("b"), ["! x: (sensitive)"]),
        ({"a": 1, "b c": 2}, {"a": 1, "b c": {"d": 3}}, ['! x["b c"]: 2 → {"d": 3}']),
        ([1, 2, 3], [3, 1, 4], ["- x: 2", "+ x: 4"]),
        ([1, 2], [2, 1], ["! x: [1, 2] → [2, 1]"]),
        ([1, 1], [1], ["- x: 1"]),
        ([1], [1, 1], ["+ x: 1"]),
        ([Sensitive("a"), Sensitive("b")], [Sensitive("b")], ["- x: (sensitive)"]),
        ({"a": None}, {}, ['! x: {"a": null} → {}']),
        ("one\ntwo\n", "one\n2\n", ["! x:", "#   line 1", "    one", "-   two", "+   2"]),
        ("one\n", "one\r\n", ["! x:", "#   only its line breaks"]),
        ('{"a": 1}', '{"a":1}', ["# x: only the layout of its JSON"]),
        ('{"a": [1], "b": {}}', '{"a": [2], "b": {}}', ["! x: JSON", "-   a: 1", "+   a: 2"]),
        ('{"a": 1, "a": 2}', '{"a": 2}', ['! x: "{\\"a\\": 1, \\"a\\": 2}" → "{\\"a\\": 2}"']),
        ('{"a": 1.0000000000000000001}', '{"a": 1.0}', ["! x: JSON", "!   a: 1.0000000000000000001 → 1.0"]),
        ("{no json", "[neither", ['! x: "{no json" → "[neither"']),
    ],
)
def test_what_is_different(old: Json, new: Json, lines: list[str]) -> None:
    assert told(old, new) == lines


def test_objects_in_a_list_are_compared_with_those_that_they_were() -> None:
    rules = [{"port": port, "cidr": "10.0.0.0/8", "open": False} for port in (22, 80, 443)]
    assert told(
        rules, [rules[2], {**rules[0], "open": True}, {"port": 25, "cidr": "0.0.0.0/0", "open": True}]
    ) == [
        '- x[1]: {"port": 80, "cidr": "10.0.0.0/8", "open": false}',
        "! x[1].open: false → true",
        '+ x[2]: {"port": 25, "cidr": "0.0.0.0/0", "open": true}',
    ]


def test_the_only_object_in_a_list_is_the_one_that_it_was() -> None:
    assert told([{"a": 1}], [{"a": 2}]) == ["! x[0].a: 1 → 2"]


def test_a_policy_is_compared_by_its_statements() -> None:
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    more = {
        **STATEMENT,
        "Action": ["sns:Publish", "sns:*"],
        "Condition": {"Bool": {"a": "true"}},
        "Resource": "*",
    }
    assert told(policy(STATEMENT, read), policy({**read, "Effect": "Deny"}, more, Id="new")) == [
        "! x: IAM policy",
        '+   Id: "new"',
        "!   statement without a Sid: Allow → Deny",
        "      Action: s3:GetObject",
        "      Resource: *",
        "!   statement Publish: Allow",
        "      Action: sns:Publish",
        "+     Action: sns:*",
        "-     Resource: arn:a",
        "+     Resource: *",
        "+     Condition: Bool a: true",
    ]


def test_a_policy_that_comes_goes_or_is_not_known_yet_is_told_by_its_statements_too() -> None:
    said = ["  statement Publish: Allow", "    Action: sns:Publish", "    Resource: arn:a"]
    assert told(None, policy(STATEMENT)) == ["+ x: IAM policy", *(f"+ {line}" for line in said)]
    assert told(policy(STATEMENT), None) == ["- x: IAM policy", *(f"- {line}" for line in said)]
    assert told(policy(STATEMENT), UNKNOWN)[1:] == [
        *(f"- {line}" for line in said),
        "+ x: (known after apply)",
    ]


def test_what_stays_of_a_long_statement_is_only_begun() -> None:
    actions = [f"s3:Get{n}" for n in range(9)]
    many = {"Effect": "Allow", "Action": actions, "Resource": "a"}
    assert told(policy(many), policy({**many, "Resource": "b"}))[2:] == [
        "      Action: s3:Get0",
        "      Action: s3:Get1",
        "      Action: s3:Get2",
        "      Action: … 6 more that stay",
        "-     Resource: a",
        "+     Resource: b",
    ]


def test_two_long_texts_are_shown_from_where_they_begin_to_be_different() -> None:
    (old, new) = told("x" * 500 + "a", "x" * 500 + "b")
    assert old == f'- x: …{"x" * 50}a"'
    assert new == f'+ x: …{"x" * 50}b"'


def test_what_is_cut_of_a_long_value_or_text_is_said() -> None:
    (line,) = told(None, "x" * 1_000)
    assert line.endswith("x… (702 more characters)")
    assert told(None, "\n".join("abcdefgh" * 10))[-1] == "#   … 20 more lines"
    assert told("a\n" * 30_000, "b\n" * 30_000)[-1] == (
        "#   a text of 30,000 lines becomes another one of 30,000"
    )


def test_what_is_computed_or_stays_empty_is_told_last_and_only_by_name() -> None:
    before: Json = {"id": "i", "arn": None, "role": "r", "block": [{"a": None, "b": ""}]}
    after: Json = {"block": [{"a": "", "b": None}]}
    unknown = {"id": True, "arn": True, "role": True}
    values: Json = {"before": before, "after": after, "after_unknown": unknown}
    told_last = "# from null to empty or from empty to null: block[0].a, block[0].b"
    assert lines_of("update", sets=["role", "block"], **values) == [
        '! role: "r" → (known after apply)',
        "# known after apply: arn, id",
        told_last,
    ]
    assert changed(*plan("update", sets=["role", "block"], **values)) == ["block", "role"]
    assert changed(*plan("update", sets=[], **values)) == ["block"]
    # what cannot be told to be computed is not
    assert lines_of("update", **values)[:2] == [
        "+ arn: (known after apply)",
        '! id: "i" → (known after apply)',
    ]


def test_tags_that_the_provider_repeats_are_told_once() -> None:
    own = {
        "before": {"tags": {}, "tags_all": {"a": 1}},
        "after": {"tags": {"b": 2}, "tags_all": {"a": 1, "b": 2}},
    }
    assert lines_of("update", **own) == ["+ tags.b: 2"]
    inherited = {"before": {"tags": {}, "tags_all": {}}, "after": {"tags": {}, "tags_all": {"b": 2}}}
    assert lines_of("update", **inherited) == ["+ tags_all.b: 2"]


def test_of_what_comes_or_goes_only_what_is_something_is_shown() -> None:
    value: Json = {"name": "a", "none": None, "empty": [], "no": False, "text": ""}
    assert lines_of("create", sets=["role"], after=value, after_unknown={"id": True, "role": True}) == [
        '+ name: "a"',
        "+ no: false",
        "+ role: (known after apply)",
        "# known after apply: id",
    ]
    assert lines_of("delete", before=value) == ['- name: "a"', "- no: false"]


def test_what_forces_a_replacement_is_told_as_far_as_its_path_goes_through_names_and_places() -> None:
    values: Json = {"before": {"a": [{"b": 1}], "c d": {}}, "after": {"a": [{"b": 2}], "set": ["x"]}}
    paths = [
        ["a", 0, "b"],
        ["a", 0, "b"],
        ["set", "x"],
        ["c d"],
        ["a", True],
        ["a", -1],
        ["gone"],
        [],
        [["x"]],
    ]
    assert forcing(plan("delete", "create", **values, replace_paths=paths)[1]) == [
        "a[0].b",
        "set",
        '["c d"]',
        "a",
    ]


@pytest.mark.parametrize(
    ("step", "name"), [("b", "a.b"), (0, "a[0]"), ("b.c", 'a["b.c"]'), ('"', 'a["\\""]'), ("", 'a[""]')]
)
def test_an_attribute_is_named_as_terraform_writes_it(step: str | int, name: str) -> None:
    assert path("a", step) == name
