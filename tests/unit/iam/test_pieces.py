"""The pieces of a policy, and what is left without one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.iam.aws_only import ROLES
from tests.iam.others import lacking
from tests.iam.pieces import document, pieces_of, without
from tests.iam.trial import Outcome, merged

names = st.sampled_from("abcde")
statements = st.lists(
    st.fixed_dictionaries(
        {
            "Sid": st.text("XYZ", min_size=1, max_size=3),
            "Effect": st.just("Allow"),
            "Action": st.lists(names, min_size=1, max_size=3, unique=True),
            "Resource": st.lists(names, min_size=1, max_size=3, unique=True),
        }
    ),
    max_size=3,
    unique_by=lambda statement: statement["Sid"],
)


def allowed(policy: Any) -> list[tuple[str, str, str]]:
    return sorted(
        (each.statement.removesuffix("Elsewhere"), each.action, each.resource)
        for each in pieces_of("role", policy)
    )


@given(statements)
def test_without_a_piece_all_is_allowed_but_that(said: list[dict[str, Any]]) -> None:
    policy = {"Version": "2012-10-17", "Statement": said}
    everything = allowed(policy)
    for piece in pieces_of("role", policy):
        left = allowed(without(policy, piece))
        assert sorted([*left, (piece.statement, piece.action, piece.resource)]) == everything


def test_conditions_and_what_is_left_out_stay() -> None:
    condition = {"StringEquals": {"sns:Protocol": ["email"]}}
    statement = {
        "Sid": "S",
        "Effect": "Allow",
        "Action": ["a", "b"],
        "NotResource": "x",
        "Condition": condition,
    }
    first, second = pieces_of("role", {"Statement": [statement]})
    assert first.resource == "all but x"
    assert without({"Statement": [statement]}, second) == {"Statement": [{**statement, "Action": ["a"]}]}


def test_a_policy_with_nothing_left_is_still_one() -> None:
    statement = {"Sid": "S", "Effect": "Allow", "Action": "a", "Resource": "x"}
    (piece,) = pieces_of("role", {"Statement": [statement]})
    assert '"Deny"' in document(without({"Statement": [statement]}, piece))


@pytest.mark.parametrize("wrong", [{"Effect": "Deny", "Action": "a"}, {"Effect": "Allow", "NotAction": "a"}])
def test_what_has_no_pieces_is_said_to_have_none(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no statement that allows"):
        list(pieces_of("role", {"Statement": [{"Sid": "S", "Resource": "x", **wrong}]}))


def test_what_nobody_misses_is_not_needed_and_one_way_of_two_is_enough() -> None:
    statement = {"Sid": "S", "Effect": "Allow", "Action": ["a", "b"], "Resource": "x"}
    first, second = pieces_of("role", {"Statement": [statement]})
    by_ses = [Outcome(first), Outcome(second)]
    by_sns = [Outcome(first, ("a",), "lost"), Outcome(second, wrong="it failed, and nothing was denied")]
    assert [outcome.needed for outcome in merged([*by_ses, *by_sns])] == [True, False]
    assert all(Outcome(first, page=each.page).needed for each in ROLES.values())


def test_a_policy_that_does_not_have_the_statement_is_no_policy_without_it() -> None:
    with pytest.raises(AssertionError, match="no statement Other"):
        lacking('{"Statement": [{"Sid": "S"}]}', "Other")
