"""A statement is needed when what it is for goes wrong without it, and without it alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.iam.others import Statement


def statement(*said: str) -> Statement:
    """One whose trials say these, one after the other."""
    answers = iter(said)

    @contextmanager
    def lacking() -> Iterator[None]:
        yield

    return Statement("api", "AllowHttpApi", "the API may call", lambda: next(answers), lacking)


GOOD, BAD = "", "the API answers 500"


@pytest.mark.parametrize(
    ("said", "needed"),
    [
        ((GOOD, BAD, GOOD), True),
        # what was on its way when the statement went
        ((GOOD, GOOD, BAD, GOOD), True),
        ((GOOD, GOOD, GOOD), False),
        # a busy machine
        ((BAD, GOOD, BAD, BAD, GOOD), True),
    ],
)
def test_what_goes_wrong_without_it_alone_needs_it(said: tuple[str, ...], needed: bool) -> None:
    assert statement(*said).told().needed is needed


@pytest.mark.parametrize("said", [(BAD, BAD), (GOOD, BAD, BAD, BAD)])
def test_what_goes_wrong_with_it_too_says_nothing_of_it(said: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match="api, AllowHttpApi: the API answers 500"):
        statement(*said).told()
