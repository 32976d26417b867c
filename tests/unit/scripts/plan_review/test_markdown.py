import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.plan_review.differences import Line
from scripts.plan_review.guard import Finding, Verdict
from scripts.plan_review.markdown import LEAST, LIMIT, TITLE, fence, header, length, markdown
from scripts.plan_review.plan import Plan
from scripts.plan_review.rules import Rule
from scripts.plan_review.summary import by_rule, rows
from tests.unit.scripts.plan_review.github import GITHUB, shape
from tests.unit.scripts.plan_review.plans import DOCUMENTS, SECRET, TEXTS
from tests.unit.scripts.plan_review.test_plan import ADDRESS, change, document

FINDINGS = st.lists(
    st.builds(
        Finding,
        st.builds(Rule, st.sampled_from(["one", "two"]) | TEXTS, TEXTS, TEXTS, st.just(())),
        TEXTS,
        st.lists(TEXTS, max_size=7).map(tuple),
    ),
    max_size=4,
).map(tuple)
VERDICTS = st.builds(Verdict, FINDINGS, FINDINGS, FINDINGS, st.lists(TEXTS, max_size=2).map(tuple))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(DOCUMENTS, TEXTS.map(lambda text: text[:TITLE]), VERDICTS, st.none() | TEXTS)
def test_no_text_of_a_plan_changes_the_shape_of_its_review(
    it: dict[str, Any], title: str, verdict: Verdict, fingerprint: str | None
) -> None:
    plan = Plan.of(it)
    text = markdown(plan, title=title, verdict=verdict, fingerprint=fingerprint)
    found = shape(text)
    findings = [verdict.stops, verdict.overridden, verdict.not_judged]
    items = [*map(by_rule, findings), plan.checks, verdict.unused]
    assert length(text) <= LIMIT
    assert "**Cut**" not in text
    assert found["heading_open"] == 1
    assert found["table_open"] == bool(rows(plan))
    assert found["tr_open"] == len(rows(plan)) + bool(rows(plan))
    assert found["td_open"] == 3 * len(rows(plan))
    assert found["blockquote_open"] == sum(map(bool, items)) + plan.errored + (not plan.complete)
    assert found["list_item_open"] == sum(map(len, [*items, *findings]))
    assert found["html_block"] == 1 + 2 * found["fence"]
    for never in ("html_inline", "link_open", "image", "hr", "code_block", "em_open", "s_open"):
        assert not found[never]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(DOCUMENTS)
def test_nothing_sensitive_is_shown(it: dict[str, Any]) -> None:
    assert SECRET not in markdown(Plan.of(it), title="prod")


def test_a_secret_that_is_no_longer_marked_stays_hidden() -> None:
    values = {"before": {"a": "swordfish"}, "after": {"b": "swordfish", "a": "else"}}
    masks = {"before_sensitive": {"a": True}, "after_sensitive": {}}
    text = markdown(Plan.of(document(change("update", **values, **masks))), title="prod")
    assert "swordfish" not in text
    assert "! a: (sensitive)" in text
    assert "+ b: (sensitive)" in text


def test_a_secret_inside_another_text_hides_that_text() -> None:
    values = {"before": {}, "after": {"password": "swordfish", "url": "https://ada:swordfish@example.com"}}
    masks = {"before_sensitive": {}, "after_sensitive": {"password": True}}
    text = markdown(Plan.of(document(change("update", **values, **masks))), title="prod")
    assert "swordfish" not in text
    assert "+ url: (sensitive)" in text


def test_a_step_into_a_set_is_not_shown_as_what_forces_a_replacement() -> None:
    values = {"before": {"keys": ["a", "swordfish"]}, "after": {"keys": ["b"]}}
    masks = {"before_sensitive": {"keys": True}, "after_sensitive": {"keys": True}}
    plan = Plan.of(
        document(
            change("delete", "create", **values, **masks, replace_paths=[["keys", "swordfish"], ["keys", 1]])
        )
    )
    assert "| `keys` forces it; the old one goes first |" in markdown(plan, title="prod")


def test_what_has_no_mask_is_not_shown() -> None:
    entry = change("update", before={"a": "swordfish"}, after={"a": "trout"})
    del entry["change"]["before_sensitive"]
    text = markdown(Plan.of(document(entry)), title="prod")
    assert "swordfish" not in text
    assert "trout" not in text


def test_a_line_of_a_fenced_block_cannot_close_it() -> None:
    ((opening, *_),) = [GITHUB.parse(fence([Line(" ", "```"), Line(" ", "````")]))]
    assert opening.type == "fence"
    assert opening.content == "  ```\n  ````\n"


@pytest.mark.parametrize("title", ["prod", "a-->b", "--", "ä 🦊", "\ud800", ""])
def test_a_review_is_found_again_by_its_title(title: str) -> None:
    first = markdown(Plan(), title=title, fingerprint="abc").splitlines()[0]
    assert first == header(title, "abc")
    # the fingerprint of another plan does not matter
    assert first.startswith(header(title).removesuffix("fingerprint= -->"))
    assert re.fullmatch(r"<!-- plan-review title=\S* fingerprint=abc -->", first)
    assert "-->" not in first[:-3]


def many(*actions: str, number: int, after: Any = None, **values: Any) -> list[dict[str, Any]]:
    """Changes of as many resources, each with another name."""
    return [
        change(
            *actions,
            entry={"address": f"some.{'_'.join(actions)}[{place}]"},
            after={**(after or {}), "name": f"{place}"},
            **values,
        )
        for place in range(number)
    ]


LONG: Any = {"before": {"text": "a" * 90}, "after": {"text": "b" * 90}}


@pytest.mark.parametrize("limit", [LEAST, LIMIT])
def test_what_has_no_room_is_cut_and_said_and_what_cannot_be_undone_is_kept(limit: int) -> None:
    created = {"after": {"name": "🦊" * 60}}
    changes = [
        *many("create", number=3_000, **created),
        *many("update", number=500, **LONG),
        *many("delete", number=20, before={"id": "x"}),
        *many("delete", "create", number=3, **LONG, replace_paths=[["text"]]),
    ]
    plan = Plan.of(document(*changes))
    rule = Rule("some-rule", "Says.", "Do.", ())
    text = markdown(
        plan, title="prod", verdict=Verdict(stops=(Finding(rule, "some.delete[19]"),)), limit=limit
    )
    assert limit - 500 < length(text) <= limit
    shape(text)
    assert "### prod: 20 to destroy, 3 to replace, 500 to update, 3,000 to create" in text
    assert "some-rule" in text
    assert text.count("| **destroy** |") == 20
    assert text.count("| **replace** |") == 3
    assert text.count("forces the replacement: text") == 3
    # rows leave room for what there is to say of some
    assert "<summary>update" in text or limit == LEAST
    rows_cut = 3_523 - text.count("` | ")
    details_cut = 3_523 - text.count("<details>")
    assert (
        f"> **Cut** to fit into {limit:,} characters: {rows_cut:,} of 3,523 rows, "
        f"{details_cut:,} of 3,523 lists of attributes are not shown."
    ) in text


@pytest.mark.parametrize("letter", ["x", "🦊"])
def test_a_review_is_within_the_limit_however_its_characters_are_counted(letter: str) -> None:
    changes = [
        change(
            "update",
            before={"name": letter},
            after={"name": f"{letter * 200}{n}"},
            entry={"address": f"some.thing[{n}]"},
        )
        for n in range(500)
    ]
    text = markdown(Plan.of(document(*changes)), title="prod")
    assert "**Cut**" in text
    assert LIMIT - 1_000 < len(text.encode("utf-16-le")) / 2 <= LIMIT


def test_what_the_guard_names_is_kept_before_what_it_does_not() -> None:
    plan = Plan.of(document(*many("update", number=500, **LONG)))
    rule = Rule("some-rule", "Says.", "Do.", ())
    for verdict in (
        Verdict(stops=(Finding(rule, "some.update[499]"),)),
        Verdict(overridden=(Finding(rule, "some.update[499]"),)),
    ):
        text = markdown(plan, title="prod", verdict=verdict, limit=LEAST)
        assert "<summary>update <code>some.update[499]</code></summary>" in text
        assert "<code>some.update[498]</code>" not in text


def test_what_happens_to_many_alike_is_told_once_with_all_their_addresses() -> None:
    alike = [change("update", **LONG, entry={"address": f"some.thing[{n}]"}) for n in range(3)]
    text = markdown(
        Plan.of(document(*alike, change("update", before={"a": 1}, after={"a": 2}))), title="prod"
    )
    assert text.count("<details>") == 2
    assert "<summary>update <code>some.thing[0]</code> and 2 more, all alike</summary>" in text
    assert "# the same happens to\n# some.thing[1]\n# some.thing[2]\n# and to each of them:\n- text: " in text


def test_details_of_one_resource_leave_room_for_others_and_say_what_is_cut() -> None:
    for long in ("x", "x" * 90):
        values = {"before": {f"name{n}": long for n in range(2_000)}, "after": {}}
        text = markdown(Plan.of(document(change("update", **values))), title="prod")
        assert length(text) < 10_000
        there = text.count("\n- name")
        assert there <= 150
        assert f"# … {2_000 - there:,} more lines\n```" in text


def test_a_name_that_is_too_long_says_how_much_of_it_is_cut() -> None:
    text = markdown(Plan.of(document(change("create", entry={"address": "x" * 3_000}))), title="prod")
    assert f"`{'x' * 1_000}… (2,000 more characters)`" in text


def test_a_rule_with_many_findings_leaves_room_for_others_and_says_how_many_there_are() -> None:
    rules = [Rule(name, "Says.", "Do.", ()) for name in ("one", "two")]
    stops = tuple(Finding(rule, f"some.resource[{n}]") for rule in rules for n in range(1_000))
    text = markdown(Plan(), title="prod", verdict=Verdict(stops=stops))
    more = [1_000 - shown.count("some.resource[") for shown in text.split("**two**")]
    assert [int(n) for n in re.findall(r"and (\d+) more", text)] == more


def test_of_a_finding_what_the_row_says_too_is_left_out() -> None:
    rule = Rule("some-rule", "Says.", "Do `this`.", ())
    stops = (Finding(rule, "some.thing", ("destroy",)), Finding(rule, "some.other", ("replace", "a: b → c")))
    text = markdown(Plan(), title="prod", verdict=Verdict(stops=stops))
    assert "> - **some-rule**: Says. Do `this`.\n>   - `some.thing`\n>   - `some.other`: `a: b → c`\n" in text


def test_every_row_is_there_before_what_happens_to_attributes() -> None:
    replaced = many("delete", "create", number=300, **LONG, replace_paths=[["text"]])
    text = markdown(Plan.of(document(*replaced, *many("create", number=100))), title="prod")
    assert text.count("\n| create |") == 100
    assert "> **Cut** to fit into 65,536 characters: " in text
    assert " rows" not in text.split("**Cut**")[1].splitlines()[0]


def test_a_title_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="100 characters"):
        markdown(Plan(), title="x" * (TITLE + 1))


def test_a_plan_that_changes_nothing_says_so() -> None:
    assert markdown(Plan.of(document(change("no-op"))), title="prod").splitlines()[1:] == [
        "### prod: no changes"
    ]


def test_what_else_happens_is_said() -> None:
    entry = change("create", after={}, entry={"address": "some.later"})
    plan = Plan.of(
        document(
            change("update", **LONG, importing={"id": "x"}, entry={"previous_address": "some.where"}),
            change("create", "forget", **LONG, entry={"action_reason": "replace_because_tainted"}),
            change(
                "delete", before={}, entry={"deposed": "00c0ffee", "action_reason": "because_of_the_moon"}
            ),
            errored=True,
            complete=False,
            output_changes={
                "url": {"actions": ["update"], **LONG, "before_sensitive": 0, "after_sensitive": 0}
            },
            deferred_changes=[{"reason": "absent_prereq", "resource_change": entry}],
            resource_drift=[
                change("delete", before={"a": 1}),
                change("update", before={"a": 1}, after={"a": 1}),
            ],
            action_invocations=[
                {
                    "address": "action.aws_lambda_invoke.x",
                    "type": "aws_lambda_invoke",
                    "lifecycle_action_trigger": {
                        "triggering_resource_address": "some.thing",
                        "action_trigger_event": "AfterCreate",
                    },
                }
            ],
        )
    )
    text = markdown(plan, title="prod")
    assert [row for row in text.splitlines() if row.startswith("|")][2:] == [
        f"| **destroy** | `{ADDRESS}` | the left-over object `00c0ffee`; `because_of_the_moon` |",
        f"| **replace** | `{ADDRESS}` | it is tainted; the new one comes first; "
        "the old one stays, unmanaged |",
        f"| update | `{ADDRESS}` | `text`; moved from `some.where`; imported as `x` |",
        "| run | `action.aws_lambda_invoke.x` | `AfterCreate` of `some.thing` |",
        "| deferred | `some.later` | `absent_prereq` |",
        f"| drift | `{ADDRESS}` | it is gone |",
    ]
    assert (
        "### prod: 1 to destroy, 1 to replace, 1 to update, 1 to run, 1 output to change, 1 put off, "
        "1 changed outside of Terraform\n"
    ) in text
    assert "Planning failed half-way" in text
    assert "leaves something out" in text
    assert "<summary>outputs</summary>" in text
