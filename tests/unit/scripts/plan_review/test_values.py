from typing import Any

import pytest

from scripts.plan_review.values import UNKNOWN, Json, Sensitive, same, shown, visible

HIDDEN = Sensitive


def sides(before: Json, after: Json, **masks: Any) -> tuple[Json, Json]:
    given = {"unknown": {}, "before_sensitive": {}, "after_sensitive": {}, **masks}
    return shown(before, after, **given)


@pytest.mark.parametrize(
    ("before", "after", "masks", "old", "new"),
    [
        ({"a": 1, "b": 2}, None, {"before_sensitive": {"a": True}}, {"a": HIDDEN(1), "b": 2}, None),
        ("a", None, {"before_sensitive": True}, HIDDEN("a"), None),
        # on one side only
        ({"a": 1}, {"a": 2}, {"before_sensitive": {"a": True}}, {"a": HIDDEN(1)}, {"a": HIDDEN(2)}),
        # lists of other lengths
        (["a", "b", "c"], ["d"], {"before_sensitive": [False, False, True]}, ["a", "b", HIDDEN("c")], ["d"]),
        (["a"], ["b", "a"], {"before_sensitive": [True]}, [HIDDEN("a")], [HIDDEN("b"), HIDDEN("a")]),
        # masks that do not fit what they are laid on
        ({"a": [1]}, {"a": 2}, {"before_sensitive": {"a": [True]}}, {"a": [HIDDEN(1)]}, {"a": HIDDEN(2)}),
        ({"a": "text"}, None, {"before_sensitive": {"a": {"b": True}}}, {"a": HIDDEN("text")}, None),
        ({"a": None}, None, {"before_sensitive": {"a": {"b": True}}}, {"a": None}, None),
        ({"a": 1}, None, {"before_sensitive": {"a": "strange"}}, {"a": HIDDEN(1)}, None),
        # the same value elsewhere, but neither a short part of a text nor true
        (
            {"a": "long-secret", "b": True, "c": 7},
            {"d": "xlong-secretx", "e": ["long-secret"], "f": True, "g": 7, "h": 8},
            {"before_sensitive": {"a": True, "b": True, "c": True}},
            {"a": HIDDEN("long-secret"), "b": HIDDEN(True), "c": HIDDEN(7)},
            {"d": HIDDEN("xlong-secretx"), "e": [HIDDEN("long-secret")], "f": True, "g": HIDDEN(7), "h": 8},
        ),
        ({"a": "abc"}, {"b": "abcd", "c": ""}, {"before_sensitive": {"a": True}}, {"a": HIDDEN("abc")}, None),
    ],
)
def test_what_is_sensitive_is_replaced(
    before: Json, after: Json, masks: dict[str, Any], old: Json, new: Json
) -> None:
    assert sides(before, after, **masks) == (old, after if new is None else new)


def shape(value: Json) -> Json:
    """A value in which what is unknown reads so, since it is equal to nothing."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return repr(value) if value is UNKNOWN else value


@pytest.mark.parametrize(
    ("after", "unknown", "new"),
    [
        (None, {"a": True, "b": {}}, {"a": "?"}),
        ({"b": 1}, {"a": {"c": True}}, {"b": 1, "a": {"c": "?"}}),
        ({"a": [None, 1]}, {"a": [True, False]}, {"a": ["?", 1]}),
        ({"a": [{}]}, {"a": [{"b": True}]}, {"a": [{"b": "?"}]}),
        ({"a": 1}, {"a": {"b": True}}, {"a": "?"}),
        (None, True, "?"),
        (None, False, None),
    ],
)
def test_what_is_unknown_is_put_where_terraform_leaves_it_out(after: Json, unknown: Json, new: Json) -> None:
    assert str(shape(sides(None, after, unknown=unknown)[1])).replace("(known after apply)", "?") == str(new)


def test_a_secret_tells_nothing_but_whether_it_is_the_same() -> None:
    secret = Sensitive({"a": "swordfish"})
    assert repr(secret) == str(secret) == f"{secret}" == "(sensitive)"
    assert same(secret, Sensitive({"a": "swordfish"}))
    assert not same(secret, Sensitive({"a": "trout"}))
    assert not same(secret, {"a": "swordfish"})


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("as it is: ä 🦊 `|<>", "as it is: ä 🦊 `|<>"),
        ("\n\t\x00\x1b", "\\n\\t\\x00\\x1b"),
        ("\u202e\u200b\u2028\u00a0", "\\u202e\\u200b\\u2028\\xa0"),
        ("\ud800\U000e0001", "\\ud800\\U000e0001"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: str, seen: str) -> None:
    assert visible(text) == seen
