"""The page that shows what was measured."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import altair
import pytest

from tests.page import Cell, Chart, Machine, Page, Paragraph, Section, Table

MACHINE = Machine(2, "a processor", 8 * 2**30, "3.11.9", "Linux")
AT = datetime(2026, 11, 5, 9, 7, tzinfo=UTC)
SIZES = [{"part": "ours", "kB": 3}, {"part": "others", "kB": 5}]
CHART = Chart(
    altair.Chart({"values": SIZES}).mark_line(clip=True).encode(x="kB:Q", y="part:N", color="part:N"), "Sizes"
)


def html(*blocks: Paragraph | Table | Chart) -> str:
    return Page("Title", "make it", [Section("Part", blocks)], MACHINE, AT).html()


class Seen(HTMLParser):
    """What a browser would load or run, and the identifiers of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.leads: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        self.leads += [found[name] for name in ("src", "href", "xlink:href") if name in found]
        self.ids += [found["id"]] if "id" in found else []


def test_the_page_says_on_what_when_and_how() -> None:
    text = html()
    assert "<h1>Title</h1>" in text
    assert "2 cores of a processor, 8 GiB, Python 3.11.9, Linux" in text
    assert "5 November 2026, 09:07 UTC" in text
    assert "<code>make it</code>" in text


def test_nothing_is_loaded_or_run_and_no_identifier_is_there_twice() -> None:
    seen = Seen()
    seen.feed(html(CHART, CHART))
    assert "svg" in seen.tags
    assert not seen.tags & {"script", "link", "img", "iframe", "object"}
    assert seen.leads == []
    assert seen.ids
    assert len(seen.ids) == len(set(seen.ids))


def test_a_drawing_refers_to_what_is_in_it() -> None:
    text = html(CHART, CHART)
    referred = re.findall(r"url\(#([^)]+)\)", text)
    assert referred
    assert all(f'id="{name}"' in text for name in referred)


def test_a_drawing_is_readable_on_light_and_dark() -> None:
    texts = re.findall(r"<text [^>]*>", CHART.svg)
    assert texts
    assert all('fill="currentColor"' in text for text in texts)
    assert "background" not in CHART.svg.split(">")[0]


def test_what_was_measured_is_text_and_not_markup() -> None:
    text = html(Paragraph("<b>1</b>"), Table(["<i>"], [["<u>"], [Cell("<s>", "bad")]], "<p1>"))
    for tag in ("<b>", "<i>", "<u>", "<s>", "<p1>"):
        assert tag not in text
    assert '<td class="bad">&lt;s&gt;</td>' in text


def test_columns_of_numbers_stand_to_the_right() -> None:
    table = Table(
        ["a", "b", "c", "d", "e"],
        [["x1", "1", "12.3 ms (12 to 13)", "$3", "1"], ["2", "", Cell("3%"), "≤ 4", "two"]],
    )
    assert table.numbers == [False, True, True, True, False]
    assert Table(["a"], []).numbers == [False]


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns, and a row of 1 cells"):
        Table(["a", "b"], [["1"]])


def test_the_machine_is_told_by_its_kind(tmp_path: Path) -> None:
    here = Machine.here()
    assert here.cores > 0
    assert here.memory > 2**28
    assert here.processor
    assert here.system
    Page("t", "c", []).write(tmp_path / "new" / "page.html")
    assert str(here) in (tmp_path / "new" / "page.html").read_text("utf-8")
