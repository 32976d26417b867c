import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.plan_review.markdown import markdown
from scripts.plan_review.plan import Action, Plan, PlanError
from tests.unit.scripts.plan_review.plans import DOCUMENTS, VALUES

ADDRESS = "aws_sqs_queue.q"


def change(*actions: str, **of_the_change: Any) -> dict[str, Any]:
    """One entry of resource_changes; what the entry itself has goes in `entry`."""
    entry = of_the_change.pop("entry", {})
    masks = {"before_sensitive": False, "after_sensitive": False}
    return {
        "address": ADDRESS,
        "type": "aws_sqs_queue",
        "name": "q",
        "change": {"actions": list(actions), **masks, **of_the_change},
        **entry,
    }


def document(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"format_version": "1.2", "planned_values": {}, "resource_changes": list(changes), **more}


def refusal(text: str | bytes) -> str:
    with pytest.raises(PlanError) as refused:
        Plan.read(text)
    assert refused.value.message.isprintable()
    return refused.value.message


@pytest.mark.parametrize(
    ("actions", "more", "action"),
    [
        (["create"], {}, Action.CREATE),
        (["update"], {}, Action.UPDATE),
        (["delete", "create"], {}, Action.REPLACE),
        (["create", "delete"], {}, Action.REPLACE),
        (["create", "forget"], {}, Action.REPLACE),
        (["delete"], {}, Action.DESTROY),
        (["forget"], {}, Action.FORGET),
        (["read"], {}, Action.READ),
        (["no-op"], {}, Action.NO_OP),
        (["no-op"], {"importing": {"id": "x"}}, Action.IMPORT),
        (["no-op"], {"entry": {"previous_address": "aws_sqs_queue.old"}}, Action.MOVE),
        (["update"], {"importing": {"id": "x"}}, Action.UPDATE),
        (["delete"], {"entry": {"previous_address": "aws_sqs_queue.old"}}, Action.DESTROY),
    ],
)
def test_what_terraforms_actions_come_to(actions: list[str], more: dict[str, Any], action: Action) -> None:
    (found,) = Plan.of(document(change(*actions, **more))).changes
    assert found.action is action
    assert found.deletes is ("delete" in actions)
    assert found.create_first is (len(actions) == 2 and actions[0] == "create")


def test_an_action_that_is_not_known_is_refused_and_not_passed_over() -> None:
    assert ADDRESS in refusal(json.dumps(document(change("shred"))))


def test_what_is_imported_by_an_identity_says_so() -> None:
    (found,) = Plan.of(document(change("no-op", importing={"identity": {"b": 1, "a": "ü"}}))).changes
    assert (found.importing, found.import_id) == (True, '{"a": "ü", "b": 1}')


def test_numbers_keep_all_their_digits() -> None:
    number = "0.1000000000000000000000000001"
    text = json.dumps(document(change("create", after={"x": 0}))).replace('{"x": 0}', f'{{"x": {number}}}')
    assert Plan.read(text).changes[0].after == {"x": Decimal(number)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        (b"PK\x03\x04\xff", "not JSON"),
        ('{"format_version": NaN}', "not JSON"),
        ("[" * 100_000, "too deeply"),
        ("[]", "must be object"),
        ("{}", "format_version"),
        ('{"format_version": "0.2", "planned_values": {}}', "Terraform 1.1"),
        ('{"format_version": "2.0", "planned_values": {}}', "format_version"),
        ('{"format_version": "1.0", "values": {}}', "a state and not a plan"),
        (json.dumps(document({"address": "a"})), "resource_changes"),
        (json.dumps(document(change("create", after=json.loads("[" * 200 + "]" * 200)))), "deeper than 100"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_sentence(text: str | bytes, reason: str) -> None:
    assert reason in refusal(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(DOCUMENTS, VALUES, st.data())
def test_a_plan_that_is_spoilt_anywhere_is_refused_or_reviewed(
    it: dict[str, Any], other: Any, data: st.DataObject
) -> None:
    places: list[tuple[Any, Any]] = [(it, name) for name in it]
    for holder, name in places:
        inner = holder[name]
        if isinstance(inner, dict | list):
            places += [(inner, key) for key in (inner if isinstance(inner, dict) else range(len(inner)))]
    holder, name = data.draw(st.sampled_from(places))
    holder[name] = other
    try:
        markdown(Plan.read(json.dumps(it)), title="prod")
    except PlanError as refused:
        message = refused.message
    else:
        message = ""
    assert message.isprintable()


@given(VALUES)
def test_any_other_json_is_refused(it: Any) -> None:
    refusal(json.dumps(it))
