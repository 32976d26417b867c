import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.plan_review.iam import PARTS, Statement, compare, statements

TOPIC = "arn:aws:sns:eu-west-1:111122223333:topic"
PUBLISH = {"Sid": "Publish", "Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC}
READ = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}


def document(*entries: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(entries)}


def read(*entries: Any) -> list[Statement]:
    found = statements(document(*entries))
    assert found is not None
    return found


def changes(old: list[Any], new: list[Any]) -> list[dict[str, tuple[list[str], list[str]]]]:
    """What compare finds, part by part: what goes, what comes."""
    return [
        {part: pair for part in PARTS if any(pair := (change.removed(part), change.added(part)))}
        for change in compare(read(*old), read(*new))
    ]


def test_a_statement_says_each_value_of_each_part() -> None:
    (found,) = read(
        {
            "Sid": "S",
            "Effect": "Deny",
            "Principal": {"AWS": ["a", "b"], "Service": "sns.amazonaws.com"},
            "NotAction": "iam:*",
            "Resource": [TOPIC],
            "Condition": {
                "Bool": {"aws:SecureTransport": False},
                "StringEquals": {"aws:SourceAccount": ["1", 2]},
            },
        }
    )
    assert (found.sid, found.effect) == ("S", "Deny")
    assert found.values("Principal") == {"AWS: a", "AWS: b", "Service: sns.amazonaws.com"}
    assert found.values("NotAction") == {"iam:*"}
    assert found.values("Condition") == {
        "Bool aws:SecureTransport: false",
        "StringEquals aws:SourceAccount: 1",
        "StringEquals aws:SourceAccount: 2",
    }


def test_one_statement_need_not_be_in_a_list_and_names_count_in_any_case() -> None:
    alone = {"statement": {"SID": "Publish", "effect": "Allow", "ACTION": "sns:Publish", "resource": TOPIC}}
    assert statements(alone) == read(PUBLISH)


@pytest.mark.parametrize(
    "other",
    [
        None,
        [],
        "Statement",
        {},
        {"deadLetterTargetArn": TOPIC, "maxReceiveCount": 5},
        {"Statement": "Allow"},
        {"Statement": [READ], "statement": [READ]},
        document({"Effect": "Allow"}),
        document({"Action": "s3:*"}),
        document({**READ, "Effect": "Perhaps"}),
        document({**READ, "Colour": "red"}),
        document({**READ, "action": "s3:*"}),
        document({**READ, "Action": {"s3": "*"}}),
        document({**READ, "Condition": ["Bool"]}),
        document({**READ, "Condition": {"Bool": "x"}}),
        document({**READ, "Sid": 1}),
        document(READ, "and more"),
    ],
)
def test_what_has_another_shape_is_no_policy_document(other: Any) -> None:
    assert statements(other) is None


def test_a_statement_is_known_by_its_sid() -> None:
    new = {**PUBLISH, "Action": "sqs:*", "Resource": "*", "Effect": "Deny"}
    (change,) = compare(read(READ, PUBLISH), read(new, READ))
    assert change.old
    assert change.new
    assert (change.old.sid, change.old.effect, change.new.effect) == ("Publish", "Allow", "Deny")
    assert (change.removed("Action"), change.added("Action")) == (["sns:Publish"], ["sqs:*"])


def test_a_statement_without_a_sid_is_known_by_what_it_says() -> None:
    write = {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": f"{TOPIC}/x"}
    more = {**READ, "Action": [*READ["Action"], "s3:PutObject"]}
    assert changes([READ, write], [write, more]) == [{"Action": ([], ["s3:PutObject"])}]


def test_statements_that_have_little_in_common_are_not_one_that_was_changed() -> None:
    other = {
        "Effect": "Allow",
        "Action": ["sqs:SendMessage", "sqs:ReceiveMessage"],
        "Resource": "arn:aws:sqs:x",
    }
    assert [(it.old, it.new) for it in compare(read(READ), read(other))] == [
        (None, read(other)[0]),
        (read(READ)[0], None),
    ]


def test_the_only_statement_of_a_document_is_the_one_that_it_was_if_anything_in_it_stays() -> None:
    few = {"Effect": "Allow", "Action": [f"s3:Get{n}" for n in range(5)], "Resource": TOPIC}
    (change,) = compare(read(few), read({**few, "Action": "s3:*"}))
    assert (change.kept("Resource"), change.added("Action")) == ([TOPIC], ["s3:*"])


def test_neither_order_nor_a_list_of_one_is_a_change() -> None:
    turned = {"Resource": ["*"], "Action": ["s3:ListBucket", "s3:GetObject"], "Effect": "Allow"}
    assert compare(read(READ, PUBLISH), read({**PUBLISH, "Action": ["sns:Publish"]}, turned)) == []


VALUES = st.sampled_from(["a", "b", "c", "*"])
STATEMENTS = st.lists(
    st.fixed_dictionaries(
        {"Effect": st.sampled_from(["Allow", "Deny"]), "Action": st.lists(VALUES, min_size=1)},
        optional={
            "Sid": VALUES,
            "Resource": VALUES | st.lists(VALUES),
            "Principal": VALUES | st.dictionaries(VALUES, VALUES | st.lists(VALUES)),
            "Condition": st.dictionaries(VALUES, st.dictionaries(VALUES, VALUES | st.booleans())),
        },
    ),
    max_size=6,
)


@given(STATEMENTS, STATEMENTS)
def test_each_statement_is_told_once_and_only_if_it_is_different(old: list[Any], new: list[Any]) -> None:
    before, after = read(*old), read(*new)
    found = compare(before, after)
    gone = Counter(change.old for change in found if change.old)
    come = Counter(change.new for change in found if change.new)
    # what is not told is the same on both sides, one for one
    assert Counter(before) - gone == Counter(after) - come
    assert all(change.old != change.new for change in found)
    assert compare(before, list(reversed(before))) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | VALUES,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["Statement", "Effect", "Action", "Allow", "Sid"]), inner)
        ),
    )
)
def test_anything_else_can_be_asked_too(value: Any) -> None:
    statements(value)
    statements({"Statement": value})
    statements(json.loads(json.dumps(document(value))))
