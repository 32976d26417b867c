import re
from pathlib import Path

import pytest

from scripts.plan_review.plan import Action
from scripts.plan_review.rules import BUILT_IN, Kind, Predicate, Rule, Rules, RulesError

RULE = """
[[rule]]
name = "mine"
says = "Something is wrong."
do = "Put it right."
"""
MATCH = """
[[rule.match]]
types = ["aws_*"]
"""


def load(tmp_path: Path, text: str) -> Rules:
    file = tmp_path / "team.toml"
    file.write_text(text)
    return Rules.load(file)


def test_a_team_adds_its_own(tmp_path: Path) -> None:
    rules = load(
        tmp_path,
        RULE
        + MATCH
        + 'leaves = ["a.*.b"]\nvalues = ["x", 1, true]\nwhere = { name = ["prod-*"], "tags.Team" = ["a"] }\n'
        + '[[document]]\nkind = "resource"\ntypes = ["acme_*"]\nattributes = ["rules"]\n'
        + '[[action_class]]\nname = "fly"\nactions = ["acme:Fly*"]\n',
    )

    rule = rules.rules[-1]
    (match,) = rule.matches
    assert (rule.name, rule.says, rule.do) == ("mine", "Something is wrong.", "Put it right.")
    assert match.test is Predicate.LEAVES
    assert match.paths == (("a", "*", "b"),)
    assert match.values == ("x", 1, True)
    assert match.actions == {Action.UPDATE, Action.REPLACE}
    assert dict(match.where) == {("name",): ("prod-*",), ("tags", "Team"): ("a",)}
    assert "aws_sns_topic" in match.types
    # so that it can say something else of what the built-in file names
    assert rules.sources[0].kind is Kind.RESOURCE
    assert rules.classes[0].name == "fly"
    assert len(rules.rules) == len(Rules.load().rules) + 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[rule", "team.toml is not TOML: "),
        ("x = 1", "team.toml: 'x' is not known here."),
        ("rule = 1", "team.toml: 'rule' is written as [[rule]]."),
        ("[rule]\nname = 'x'", "team.toml: 'rule' is written as [[rule]]."),
        ("[[rule]]", "team.toml: rule 1: 'name' is missing."),
        ("[[rule]]\nname = 'x'", "team.toml: rule 'x': 'says' is missing."),
        ("[[rule]]\nname = 'x'\nsays = ''", "team.toml: rule 'x': 'says' is a text, and not empty."),
        (
            "[[rule]]\nname = 'a=b'",
            "rule 'a=b': a name is of letters, digits, - and _: it is typed in an override.",
        ),
        (RULE, "team.toml: rule 'mine': has no [[rule.match]]."),
        (RULE + "colour = 'red'" + MATCH + "lost = ['a']", "rule 'mine': 'colour' is not known here."),
        (RULE + MATCH, "rule 'mine': match 1: 'actions' is missing."),
        (RULE + "[[rule.match]]\nactions = ['destroy']", "rule 'mine': match 1: 'types' is missing."),
        (
            RULE + MATCH + "actions = ['delete']",
            "rule 'mine': match 1: 'actions' is of: create update replace",
        ),
        (RULE + MATCH + "actions = []", "'actions' is of: "),
        (RULE + MATCH + "vanishes = ['a']\nactions = ['update']", "match 1: 'vanishes' is not known here."),
        (
            RULE + MATCH + "lost = ['a']\nchanged = ['a']",
            "match 1: has lost and changed; make them two matches.",
        ),
        (RULE + MATCH + "lost = 'a'", "match 1: 'lost' is a list of texts, and not empty."),
        (RULE + MATCH + "lost = ['a..b']", "match 1: 'lost' has the path 'a..b', of which a part is empty."),
        (RULE + MATCH + "leaves = ['a']", "match 1: 'values' is missing."),
        (
            RULE + MATCH + "leaves = ['a']\nvalues = [{}]",
            "'values' is a list of texts, numbers, true or false",
        ),
        (RULE + MATCH + "lost = ['a']\nvalues = [1]", "match 1: 'values' is not known here."),
        (RULE + MATCH + "element_removed = ['a']", "match 1: 'key' is missing."),
        (RULE + MATCH + "lost = ['a']\nwhere = 'x'", "match 1: 'where' is a table: { … = … }."),
        (
            RULE + MATCH + "lost = ['a']\nwhere = { x = 'y' }",
            "match 1: where: 'x' is a list of texts, and not empty.",
        ),
        (RULE + MATCH + "lost = ['a']\nholder = { type = 'x' }", "match 1: holder: 'attribute' is missing."),
        (RULE + "[[rule.match]]\nwidened = 'star'", "match 1: 'kinds' is missing."),
        (
            RULE + "[[rule.match]]\nwidened = 'stars'\nkinds = ['trust']",
            "match 1: 'widened' is of: star anyone ",
        ),
        (
            RULE + "[[rule.match]]\nwidened = 'star'\nkinds = ['all']",
            "'kinds' is of: identity trust resource.",
        ),
        (RULE + MATCH + "widened = 'star'\nkinds = ['trust']", "match 1: 'types' is not known here."),
        ("[[document]]\nkind = 'x'", "team.toml: document 1: 'kind' is of: identity trust resource."),
        ("[[action_class]]\nname = 'x'\nactions = [1]", "action_class 1: 'actions' is a list of texts"),
        (
            (RULE + MATCH + "lost = ['a']").replace("mine", "data-destroyed"),
            f"team.toml: rule 'data-destroyed' is in {BUILT_IN} already; give it another name.",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_file_and_rule(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(RulesError, match=re.escape(complaint)) as refused:
        load(tmp_path, text)

    assert refused.value.message.startswith(str(tmp_path / "team.toml"))
    assert "\n" not in refused.value.message


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")

    with pytest.raises(RulesError, match=r"missing\.toml cannot be read: No such file"):
        Rules.load(tmp_path / "missing.toml")
    with pytest.raises(RulesError, match=r"latin\.toml is not UTF-8 at byte 5; save it as that"):
        Rules.load(tmp_path / "latin.toml")


def test_two_files_may_not_have_the_same_rule(tmp_path: Path) -> None:
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(RULE + MATCH + "lost = ['a']")

    with pytest.raises(RulesError, match=r"two\.toml: rule 'mine' is in .*one\.toml already"):
        Rules.load(tmp_path / "one.toml", tmp_path / "two.toml")


@pytest.mark.parametrize("rule", Rules.load().rules, ids=lambda rule: str(rule.name))
def test_a_built_in_rule_says_what_is_wrong_and_what_to_do(rule: Rule) -> None:
    for text in (rule.says, rule.do):
        assert text.endswith(".")
        assert len(text) < 260
