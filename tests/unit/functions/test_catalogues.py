"""The example catalogues: teams begin with a copy of one."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from notifications.catalogue import Category, catalogue_from
from notifications.requests import Request, parse
from notifications.sms_text import segments
from notifications.templates import FILES, TEXTS, Templates
from scripts.catalogue import EXAMPLES, SAMPLE, UNSUBSCRIBE_URL, USER, Catalogue, Sample, examples
from scripts.environment import ROOT

APPLICATIONS = [
    *("bank", "courses", "events", "game", "health"),
    *("job_board", "news", "shop", "social_network", "support_desk"),
]
TEMPLATES = sorted(EXAMPLES.glob("*/templates/*"))
VOID = {"meta", "br", "img", "hr"}


@pytest.fixture(scope="module", params=APPLICATIONS)
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return Catalogue.example(request.param)


class Page(HTMLParser):
    """A page, every element of which must be closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def categories(catalogue: Catalogue) -> dict[str, Category]:
    return dict(catalogue_from(json.dumps(dict(catalogue.categories))))


def samples(catalogue: Catalogue) -> list[Sample]:
    return [sample for sample in catalogue.samples() if sample.template in catalogue.categories]


def test_there_is_one_for_each_application() -> None:
    assert examples() == APPLICATIONS


def test_the_functions_can_read_it(catalogue: Catalogue) -> None:
    found = categories(catalogue)
    assert len(found) >= 3
    for key, category in found.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,31}", key)
        assert key != "account"
        assert category.channels
        assert 1 <= category.good_for.total_seconds() / 3600 <= 2160
        assert category.name
        assert category.description.endswith(".")


def test_it_fits_into_a_functions_environment(catalogue: Catalogue) -> None:
    account = {
        "name": "Account",
        "description": "Messages about your account.",
        "channels": [],
        "critical": True,
        "good_for_hours": 96,
    }
    everything = json.dumps({**catalogue.categories, "account": account}, separators=(",", ":"))
    # Lambda counts the environment as JSON, in which this is a text
    assert len(json.dumps(everything, ensure_ascii=False).encode()) <= 3000


def test_its_templates_are_those_of_its_categories(catalogue: Catalogue) -> None:
    assert catalogue.templates
    assert {folder.name for folder in catalogue.templates.iterdir()} == set(catalogue.categories)


@pytest.mark.parametrize("folder", TEMPLATES, ids=lambda folder: f"{folder.parts[-3]}-{folder.name}")
def test_a_template_has_every_file_and_no_other(folder: Path) -> None:
    assert {file.name for file in folder.iterdir()} == {*FILES, SAMPLE}


def test_every_channel_says_something_of_the_data(catalogue: Catalogue) -> None:
    for sample in samples(catalogue):
        assert set(sample.messages) == set(TEXTS)
        assert catalogue.templates
        data = json.loads((catalogue.templates / sample.template / SAMPLE).read_text())
        texts = [value for value in data.values() if isinstance(value, str)]
        for message in sample.messages.values():
            assert any(text in message.subject + message.text for text in texts)


def test_texts_are_whole_sentences_without_traces_of_the_template(catalogue: Catalogue) -> None:
    for sample in samples(catalogue):
        email = sample.messages["Email"]
        for text in (email.subject, *(message.text for message in sample.messages.values())):
            assert not re.search(r"[{}]|None|  +\S|\n\n\n", text), text
        assert email.subject.isascii() or sample.template in ("payment_reminders", "friends")
        assert len(email.subject) < 78


def test_an_e_mail_is_a_sound_page_that_says_what_its_text_says(catalogue: Catalogue) -> None:
    for sample in samples(catalogue):
        email = sample.messages["Email"]
        page = Page(email.html)
        assert set(page.links) == set(re.findall(r"https://\S+", email.text))
        assert (UNSUBSCRIBE_URL in page.links) is (not sample.critical)


def test_a_text_message_has_at_most_two_segments(catalogue: Catalogue) -> None:
    for sample in samples(catalogue):
        assert segments(sample.messages["SMS"].text).segments <= 2


def test_the_welcome_is_in_every_catalogue(catalogue: Catalogue) -> None:
    (welcome,) = [sample for sample in catalogue.samples() if sample.template == "welcome"]
    assert welcome.messages["Email"].text == f"Hello {USER}, your account has been successfully created!"
    assert welcome.critical


@pytest.mark.parametrize("name", ["bank", "health"])
def test_what_is_confidential_is_behind_a_sign_in(name: str) -> None:
    for sample in samples(Catalogue.example(name)):
        for message in sample.messages.values():
            assert not re.search(
                r"balance|diagnos|medicin|prescri", message.subject + message.text, re.IGNORECASE
            )


def test_the_readmes_request_is_one_that_the_shop_can_send() -> None:
    found = re.search(r"```json\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    asked = parse(found[1])
    assert isinstance(asked, Request)
    shop = Catalogue.example("shop")
    assert asked.category in shop.categories
    assert shop.templates
    for channel in TEXTS:
        Templates.of(shop.templates).render(asked.category, channel, {**asked.data, "user": asked.user})
