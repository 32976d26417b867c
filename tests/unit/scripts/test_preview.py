import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts import environment, preview
from scripts.catalogue import Catalogue, examples

TEXTS = {
    "subject.txt": "About {{ thing }}",
    "email.txt": 'Mail about {{ thing }}{% include "footer.txt" %}',
    "email.html": '{% extends "layout.html" %}{% block body %}<p>{{ thing }}</p>{% endblock %}',
    "sms.txt": "SMS about {{ thing }}",
    "push.txt": "Push about {{ thing }}",
    "sample.json": '{"thing": "<b>\\"tea\\"</b>"}',
}
VOID = {"meta"}


class Page(HTMLParser):
    """The preview: its elements, which must be closed where they were opened, its frames and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.frames: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open += [tag] if tag not in VOID else []
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [values["href"] or ""] if "href" in values else []
        self.frames += [values] if tag == "iframe" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(autouse=True)
def _target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page goes where only the test looks."""
    monkeypatch.setattr(preview, "ROOT", tmp_path)
    monkeypatch.setattr(preview, "TARGET", tmp_path / "build/preview.html")


@pytest.fixture
def dev(configuration: Path) -> Path:
    """The folder of templates of an environment `dev` whose catalogue has a category `news`."""
    (configuration / "environments/dev/catalogue.tfvars").write_text(
        'catalogue = {\n  templates  = "texts"\n  categories = { news = { name = "The news" } }\n}\n'
    )
    folder = configuration / "texts/news"
    folder.mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


def run(*line: str) -> Result:
    return CliRunner().invoke(preview.main, line)


def shown() -> Page:
    return Page(preview.TARGET.read_text())


def test_every_template_is_on_the_page_for_every_channel(dev: Path) -> None:
    assert run("--env", "dev").exit_code == 0
    page = shown()
    assert page.ids == ["welcome", "news"]
    assert page.links == ["#welcome", "#news"]
    thing = '<b>"tea"</b>'
    for text in ("The news", *(f"{what} about {thing}" for what in ("Mail", "SMS", "Push"))):
        assert text in page.text
    assert "1 segment, 22 units of GSM-7" in page.text
    assert "b" not in page.tags


def test_an_e_mail_is_in_a_frame_that_runs_nothing(dev: Path) -> None:
    run("--env", "dev")
    welcome, news = shown().frames
    assert news["sandbox"] is None
    assert "allow" not in news
    assert "<p>&lt;b&gt;&#34;tea&#34;&lt;/b&gt;</p>" in (news["srcdoc"] or "")
    assert "https://example.com/unsubscribe" in (news["srcdoc"] or "")
    assert "Unsubscribe" not in (welcome["srcdoc"] or "")


def test_the_page_needs_nothing_from_elsewhere_and_suits_a_phone_and_the_dark(dev: Path) -> None:
    run("--env", "dev")
    text = preview.TARGET.read_text()
    assert not re.search(r"<script|<link|<img|@import|url\(", text)
    assert '<meta name="viewport" content="width=device-width' in text
    assert "prefers-color-scheme: dark" in text


def test_the_path_is_said_and_the_length_of_the_text_message(dev: Path) -> None:
    (dev / "sms.txt").write_text("x" * 161)
    lines = run("--env", "dev").stdout.splitlines()
    assert lines[-1] == "build/preview.html"
    assert re.search(r"news .*About <b>.* 2 ", next(line for line in lines if "news" in line))


@pytest.mark.parametrize("name", examples())
def test_an_example_can_be_looked_at(name: str) -> None:
    assert run("--catalogue", name).exit_code == 0
    assert len(shown().frames) == 1 + len(Catalogue.example(name).categories)


def test_make_hands_the_name_of_an_example_on() -> None:
    for name, title in {"bank": "bank", "": "local"}.items():
        assert CliRunner().invoke(preview.main, env={"PREVIEW_CATALOGUE": name}).exit_code == 0
        assert f"<h1>{title}</h1>" in preview.TARGET.read_text()


def test_an_environment_without_a_catalogue_has_the_welcome(dev: Path) -> None:
    assert run("--env", "local").exit_code == 0
    assert shown().ids == ["welcome"]


@pytest.mark.parametrize("name", environment.names())
def test_the_templates_of_each_environment_can_be_sent(name: str) -> None:
    Catalogue.of(environment.Environment(name, {}, None)).check()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("sms.txt", None, "news/sms.txt: it is missing."),
        ("sample.json", None, "news/sample.json: it is missing."),
        ("sample.json", "{", "news/sample.json: Expecting property name enclosed in double quotes: line 1"),
        ("sample.json", "[]", "news/sample.json: it is no JSON object."),
        ("push.txt", "{{ other }}", "news/push.txt, line 1: 'other' is undefined."),
        ("email.html", "{% if %}", "news/email.html, line 1: Expected an expression"),
        ("subject.txt", " ", "news/subject.txt: the text comes out empty."),
        ("sms.txt", "x" * 2000, "news/sms.txt: 2000 units of GSM-7 in 2000 bytes"),
    ],
)
def test_a_template_that_is_broken_is_named_in_one_sentence(
    dev: Path, file: str, text: str | None, said: str
) -> None:
    (dev / file).unlink()
    if text is not None:
        (dev / file).write_text(text)
    result = run("--env", "dev")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith(f"Error: In {dev.parent}: {said}")
    assert not preview.TARGET.exists()


def test_a_folder_of_templates_that_is_not_there_is_named(dev: Path) -> None:
    dev.parent.rename(dev.parent.with_name("elsewhere"))
    result = run("--env", "dev")
    assert result.exit_code == 1
    assert result.output == f"Error: catalogue.templates names a folder that is not there: {dev.parent}.\n"


def test_categories_without_templates_are_refused(dev: Path, configuration: Path) -> None:
    tfvars = configuration / "environments/dev/catalogue.tfvars"
    tfvars.write_text(tfvars.read_text().replace('"texts"', "null"))
    assert run("--env", "dev").output.startswith("Error: In a catalogue without templates: news/subject.txt")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("--catalogue", "none"), "There is no example catalogue 'none'; use one of bank, courses,"),
        (("--catalogue", "../shop"), "There is no example catalogue '../shop'"),
        (("--env", "staging"), "There is no environment 'staging'"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(dev: Path, line: tuple[str, ...], said: str) -> None:
    result = run(*line)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {said}")


def test_numbers_are_those_that_come_out_of_a_row(dev: Path) -> None:
    (dev / "sample.json").write_text(json.dumps({"thing": 12.5}).replace("12.5", "12.50"))
    run("--env", "dev")
    assert "SMS about 12.5\n" in re.sub(r"\s*\n", "\n", shown().text)
