"""Plans that nobody would write, in Terraform's JSON: with texts that would be Markdown, and with secrets."""

import json
from typing import Any

from hypothesis import strategies as st

from scripts.plan_review.plan import ACTIONS

# in every secret there is, and in nothing else
SECRET = "s3cr3t"

NASTY = st.sampled_from(
    [
        *(
            "`",
            "``",
            "```",
            "~~~",
            "|",
            "\\|",
            "\\",
            "| a | b | c |",
            "|---|",
            "{",
            "[",
            '"',
            "'",
            "prose",
            "",
        ),
        *(
            "\n",
            "\r\n",
            "\n\n",
            "\t",
            " ",
            "\u2028",
            "\u202e",
            "\u200b",
            "\u2060",
            "\x00",
            "\x1b[31m",
            "\ud800",
        ),
        *("</details>", "<details>", "<script>", "<!--", "-->", "--", "&lt;", "&#64;", "$`a`$"),
        *("@everyone", "#1", "GH-1", "https://example.com", "www.example.com", "me@example.com"),
        *(
            "[a](https://example.com)",
            "![a](b)",
            "# a",
            "- a",
            "> a",
            "> [!NOTE]",
            "***",
            "---",
            "===",
            "1. a",
        ),
        *("    a", "🦊", "ä", "日本", "e\u0301"),
    ]
)
TEXTS = st.lists(NASTY | st.text(max_size=8), max_size=8).map("".join)
NAMES = st.sampled_from(["name", "policy", "tags", "Statement", "Effect", "Action", "id"]) | TEXTS
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON with these leaves; also JSON in texts of JSON, and policy documents."""
    parts = st.fixed_dictionaries(
        {"Effect": st.sampled_from(["Allow", "Deny"]), "Action": leaves | st.lists(leaves, max_size=3)},
        optional={"Sid": leaves, "Resource": leaves, "Principal": st.dictionaries(TEXTS, leaves, max_size=2)},
    )
    policies = st.lists(parts, max_size=3).map(lambda found: {"Version": "2012-10-17", "Statement": found})
    return st.recursive(
        leaves | policies.map(json.dumps),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(NAMES, inner, max_size=4)
            | st.dictionaries(NAMES, inner, max_size=3).map(json.dumps)
        ),
        max_leaves=12,
    )


VALUES = trees(SCALARS)
SECRETS = st.integers(0, 3).map(lambda number: f"{SECRET}-{number}")
OBJECTS = st.none() | st.dictionaries(NAMES, trees(SCALARS | SECRETS), max_size=5)


@st.composite
def sides(draw: st.DrawFn, objects: st.SearchStrategy[Any] = OBJECTS) -> dict[str, Any]:
    """Both sides of a change. Every secret in it is marked as sensitive, at one of its places at least."""
    before, after = draw(objects), draw(objects)
    marked: set[str] = set()

    def marks(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: mask for name, inner in value.items() if (mask := marks(inner))}
        if isinstance(value, list):
            return [marks(inner) for inner in value]
        if not isinstance(value, str) or SECRET not in value:
            return False
        # a text of JSON is a secret of its own
        if value in marked and draw(st.booleans()):
            return False
        marked.add(value)
        return True

    def at_all(value: Any) -> Any:
        # Terraform marks a set as a whole
        return True if draw(st.integers(0, 9)) == 0 else marks(value)

    unknown = draw(st.just(False) | st.dictionaries(NAMES, st.just(True) | VALUES, max_size=2))
    return {
        "before": before,
        "after": after,
        "after_unknown": unknown,
        "before_sensitive": at_all(before),
        "after_sensitive": at_all(after),
    }


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """One of resource_changes."""
    change = draw(sides())
    change["actions"] = list(draw(st.sampled_from(list(ACTIONS))))
    # a step into a set is the element, whatever it is
    steps = st.lists(NAMES | st.integers(-1, 3) | st.booleans() | SECRETS | VALUES, max_size=3)
    change["replace_paths"] = draw(st.none() | st.lists(steps, max_size=3))
    change["importing"] = draw(
        st.none() | st.fixed_dictionaries({}, optional={"id": TEXTS, "identity": VALUES})
    )

    def maybe(some: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
        return st.none() | some

    return {
        "address": draw(TEXTS),
        "type": draw(TEXTS),
        "name": draw(TEXTS),
        "index": draw(st.none() | st.integers() | TEXTS),
        "deposed": draw(maybe(TEXTS)),
        "previous_address": draw(maybe(TEXTS)),
        "action_reason": draw(maybe(TEXTS | st.just("replace_because_tainted"))),
        "change": change,
    }


@st.composite
def outputs(draw: st.DrawFn) -> dict[str, Any]:
    change = draw(sides(trees(SCALARS | SECRETS)))
    secret = SECRET in json.dumps([change["before"], change["after"]])
    return {
        **change,
        "actions": [draw(st.sampled_from(["create", "update", "delete", "no-op"]))],
        "before_sensitive": secret,
        "after_sensitive": secret,
    }


CHECKS = st.fixed_dictionaries(
    {
        "address": st.fixed_dictionaries({"to_display": TEXTS}),
        "status": st.sampled_from(["pass", "fail", "error"]),
        "instances": st.lists(
            st.fixed_dictionaries(
                {"problems": st.lists(st.fixed_dictionaries({"message": TEXTS}), max_size=7)}
            ),
            max_size=2,
        ),
    }
)
INVOCATIONS = st.fixed_dictionaries(
    {
        "address": TEXTS,
        "type": TEXTS,
        "lifecycle_action_trigger": st.none()
        | st.fixed_dictionaries({"triggering_resource_address": TEXTS, "action_trigger_event": TEXTS}),
    }
)
DOCUMENTS = st.fixed_dictionaries(
    {"format_version": st.just("1.2"), "planned_values": st.just({})},
    optional={
        "resource_changes": st.lists(entries(), max_size=5),
        "resource_drift": st.lists(entries(), max_size=2),
        "deferred_changes": st.lists(
            st.fixed_dictionaries({"reason": TEXTS, "resource_change": entries()}), max_size=2
        ),
        "output_changes": st.dictionaries(TEXTS, outputs(), max_size=3),
        "action_invocations": st.lists(INVOCATIONS, max_size=2),
        "checks": st.lists(CHECKS, max_size=2),
        "complete": st.booleans(),
        "errored": st.booleans(),
    },
)
