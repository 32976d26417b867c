"""What people may be answered while something goes wrong: the scenarios of the API notice all else."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.faults.lane import Lane
from tests.faults.scenarios.api import Answer, Visit

DONE = Answer(200, {})
TRY_AGAIN = Answer(503, {"error": {"code": "try_again", "message": "Please try again."}})
INTERNAL = Answer(500, {"error": {"code": "internal", "message": "Something went wrong."}})
STALE = Answer(409, {"error": {"code": "stale_version", "message": "Read them again."}})
DIED = Answer(500, {"message": "Internal Server Error"}, died=True)


def visit(*answers: Answer, **more: Any) -> Visit:
    return Visit(cast(Lane, SimpleNamespace()), answers=list(answers), **more)


@pytest.mark.parametrize("before", [(), (TRY_AGAIN,), (DIED, TRY_AGAIN)])
def test_who_is_told_to_try_again_or_is_cut_off_gets_there_in_the_end(before: tuple[Answer, ...]) -> None:
    assert visit(*before, DONE).verify() == 0


def test_a_page_says_in_words_what_others_say_with_a_code() -> None:
    page = Answer(503, "<p>Please try again.</p>")
    assert visit(page, DONE, page=True).verify() == 0
    with pytest.raises(AssertionError, match="what nobody is to be answered"):
        visit(page, DONE).verify()


@pytest.mark.parametrize("wrong", [INTERNAL, STALE, Answer(502, {}), Answer(200, INTERNAL.body)])
def test_any_other_answer_on_the_way_is_wrong(wrong: Answer) -> None:
    with pytest.raises(AssertionError, match="what nobody is to be answered"):
        visit(wrong, DONE).verify()


def test_a_refusal_that_is_named_may_be_on_the_way() -> None:
    assert visit(STALE, DONE, refusals=((409, "stale_version"),)).verify() == 0


@pytest.mark.parametrize("last", [TRY_AGAIN, DIED, STALE])
def test_who_does_not_get_there_has_lost_something(last: Answer) -> None:
    with pytest.raises(AssertionError, match="did not work in the end"):
        visit(DONE, last, refusals=((409, "stale_version"),)).verify()


@pytest.mark.parametrize("error", ["Worker process died", "Task timed out after 15.00 seconds"])
def test_only_a_function_that_was_ended_may_fail(error: str) -> None:
    def fails(message: str) -> Visit:
        lane = SimpleNamespace(
            outputs={"user_pool_client_id": "c"}, invoke=lambda *_: ({"errorMessage": message}, "Unhandled")
        )
        return Visit(cast(Lane, lane), page=True)

    died = fails(error)
    died.act()
    assert died.answers == [DIED]
    with pytest.raises(AssertionError, match="the function has failed"):
        fails("'UserID'").act()
