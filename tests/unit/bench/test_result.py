"""Whether what was measured is what was aimed at, and how it is said."""

import json

import pytest

from tests.bench.result import COLUMNS, Result, Row, amount, median, number
from tests.bench.statistics import Estimate
from tests.page import Paragraph


@pytest.mark.parametrize(
    ("ratio", "ours", "aim", "verdict"),
    [
        (0.4, 9, 0.4, "met"),
        (0.41, 0.1, 0.4, "missed"),
        (None, 3, 4, "met"),
        (None, 5, 4, "missed"),
        (0.1, 1, None, ""),
    ],
)
def test_an_aim_is_met_by_the_ratio_where_there_is_one(
    ratio: float | None, ours: float, aim: float | None, verdict: str
) -> None:
    row = Row("a", Estimate.exact(ours), "ms", ratio=(ratio and Estimate.exact(ratio)) or None, aim=aim)
    assert row.verdict == verdict
    assert str(row.cells(amount)[-1]) == verdict


def test_a_row_says_what_it_is_compared_with_and_how_sure_it_is() -> None:
    row = Row(
        *("trigger", Estimate(1.234, 1.2, 1.3), "ms", "obvious", Estimate(4, 3.9, 4.1)),
        ratio=Estimate(0.31, 0.3, 0.32),
        aim=0.4,
    )
    assert dict(zip(COLUMNS, map(str, row.cells(amount)), strict=True)) == {
        "What": "trigger",
        "Ours": "1.23 ms (1.2 to 1.3)",
        "Compared with": "obvious: 4 ms (3.9 to 4.1)",
        "Ratio": "0.31 (0.3 to 0.32)",
        "Aim": "≤ 0.4",
        "": "met",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (12.34, "12.3"), (99.96, "100"), (1234567, "1,234,567")],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_a_terminal_has_no_room_for_ranges() -> None:
    row = Row("trigger", Estimate(1.234, 1.2, 1.3), "ms", ratio=Estimate(0.31, 0.3, 0.32))
    assert list(map(str, row.cells(median))) == ["trigger", "1.23 ms", "", "0.31", "", ""]


def test_an_exact_value_has_no_range() -> None:
    assert amount(Estimate.exact(3), "calls") == "3 calls"


@pytest.mark.parametrize(("aim", "told"), [(2, []), (0.5, ["a: it is far"])])
def test_why_an_aim_is_missed_is_told_where_it_is(aim: float, told: list[str]) -> None:
    section = Result("t", [Row("a", Estimate.exact(1), "ms", aim=aim, why="it is far")]).section
    assert [block.text for block in section.blocks if isinstance(block, Paragraph)] == told


def test_a_result_is_data_with_its_verdicts() -> None:
    result = Result("t", [Row("a", Estimate.exact(1), "ms", aim=2)], data={"ms": [1, 1, 1]})
    data = json.loads(json.dumps(result.json))
    assert data["rows"][0]["verdict"] == "met"
    assert data["data"] == {"ms": [1, 1, 1]}
