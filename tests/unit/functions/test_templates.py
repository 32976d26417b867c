from collections.abc import Callable, Mapping
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.message import Message
from notifications.templates import (
    FILES,
    MAX_BYTES,
    TEXTS,
    MissingTemplateError,
    TemplateError,
    Templates,
)

LINK = "https://example.com/unsubscribe?t=a&u=b"
SECRET = "ada@example.com"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "{% for x in range(10) %}x{% endfor %}",
    "{# comment #}",
    "Hello\r\nBcc: everyone@example.com",
    "Hello\x85\u2028\u2029\x0b\x0cworld",
    "\x00\x1b[31m\x7f",
    "\ud800 half a character",
    "x" * 5000,
    "مرحبا 你好 привет 🙂 é",
    "%s {0.__class__} ${x}",
]
hostile = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=())),
    st.text("<>&\"'{}%# \r\n\u2028ab"),
)
Write = Callable[..., Templates]


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates.load()


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """A template whose every text is the field `name`."""
    return written(tmp_path_factory.mktemp("templates"), **dict.fromkeys(FILES, "<{{ name }}>"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Makes a template `t` in a folder of its own; files that are not said have a text."""

    def make(**files: str) -> Templates:
        return written(tmp_path, **dict.fromkeys(FILES, "text") | files)

    return make


def written(folder: Path, **files: str) -> Templates:
    for name, text in files.items():
        path = folder / (f"t/{name}" if name in FILES else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Templates.of(folder)


def sms(templates: Templates, **variables: Any) -> str:
    return templates.render("t", "SMS", variables).text


def sendable(text: str) -> str:
    """A text without what no channel can send: control characters, and what is no character at all."""
    kept = [c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")]
    return "".join(kept).encode(errors="ignore").decode()


class Tags(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_welcome_is_the_sentence_and_nothing_more(templates: Templates) -> None:
    text = "Hello ada, your account has been successfully created!"
    for channel, subject in {"Email": "Account Created", "SMS": "", "Push": "Account Created"}.items():
        message = templates.render("welcome", channel, {"user": "ada"})
        assert (message.subject, message.text) == (subject, text)
        assert bool(message.html) == (channel == "Email")
        assert text in message.html or channel != "Email"


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("Email", Message("of subject.txt", "of email.txt", "of email.html", LINK)),
        ("SMS", Message("", "of sms.txt", "", LINK)),
        ("Push", Message("of subject.txt", "of push.txt", "", LINK)),
    ],
)
def test_a_channel_has_its_own_texts(write: Write, channel: str, expected: Message) -> None:
    assert write(**{file: f"of {file}" for file in FILES}).render("t", channel, {}, LINK) == expected


def test_the_teams_files_come_before_the_built_in_ones(write: Write) -> None:
    templates = write(
        **{"welcome/subject.txt": "Hi!", "layout.html": "<main>{% block body %}{% endblock %}</main>"}
    )
    message = templates.render("welcome", "Email", {"user": "ada"})
    assert message.subject == "Hi!"
    assert message.text.startswith("Hello ada")
    assert message.html.startswith("<main>")


def test_the_link_to_unsubscribe_is_in_both_texts_of_an_e_mail_if_there_is_one(write: Write) -> None:
    page = '{% extends "layout.html" %}{% block body %}text{% endblock %}'
    templates = write(**{"email.txt": 'text{% include "footer.txt" %}', "email.html": page})
    message = templates.render("t", "Email", {}, LINK)
    assert (
        message.text == f"text\n-- \nYou get this because of your notification settings.\nUnsubscribe: {LINK}"
    )
    assert f'href="{LINK.replace("&", "&amp;")}"' in message.html
    without = templates.render("t", "Email", {})
    assert without.text == "text"
    assert "Unsubscribe" not in without.html


def test_data_cannot_choose_the_link_to_unsubscribe(write: Write) -> None:
    templates = write(**{"sms.txt": "to {{ unsubscribe_url }}."})
    assert templates.render("t", "SMS", {"unsubscribe_url": "https://evil.example"}).text == "to ."
    assert (
        templates.render("t", "SMS", {"unsubscribe_url": "https://evil.example"}, LINK).text == f"to {LINK}."
    )


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (Decimal(3), "3"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.5"), "-0.5"),
        (7, "7"),
        (0.25, "0.25"),
    ],
)
def test_numbers_are_written_as_people_write_them(write: Write, number: Any, shown: str) -> None:
    assert sms(write(**{"sms.txt": "{{ n }}"}), n=number) == shown


def test_whole_numbers_of_a_row_count(write: Write) -> None:
    templates = write(**{"sms.txt": "{{ '*' * stars }}{% for i in range(items[1].n) %}{{ i }}{% endfor %}"})
    assert sms(templates, stars=Decimal(2), items=[{}, {"n": Decimal(3)}]) == "**012"


def test_a_field_is_found_before_a_method_of_the_same_name(write: Write) -> None:
    templates = write(
        **{"sms.txt": "{% for i in order.items %}{{ i }}{% endfor %}{{ order.keys() | length }}"}
    )
    assert sms(templates, order={"items": ["a", "b"]}) == "ab1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ name }}", "t/sms.txt, line 1: 'name' is undefined"),
        ("\n\n{{ order.total }}", "t/sms.txt, line 3: 'dict object' has no attribute 'total'"),
        ("{% if name %}x{% endif %}", "t/sms.txt, line 1: 'name' is undefined"),
        ("{{ order[secret] }}", "t/sms.txt, line 1: there is no such item"),
        ("{{ [secret] | map(attribute=secret) | first }}", "t/sms.txt, line 1: there is no such item"),
        ("{{ order.nothing }}", "t/sms.txt, line 1: NoneType is no text"),
        ("{{ order }}", "t/sms.txt, line 1: dict is no text"),
        ("{{ [secret] }}", "t/sms.txt, line 1: list is no text"),
        ("{{ order.values }}", "t/sms.txt, line 1: builtin_function_or_method is no text"),
        ("{{ lipsum() }}", "t/sms.txt, line 1: 'lipsum' is undefined"),
        ("{{ 1 + secret }}", "t/sms.txt, line 1: TypeError"),
        ("{{ secret.__class__ }}", "t/sms.txt, line 1: SecurityError"),
        ("{{ order.update({'a': 1}) }}", "t/sms.txt, line 1: SecurityError"),
        ("{{ order[secret]() }}", "t/sms.txt, line 1: there is no such item"),
        ("{{ secret | attr(secret) }}", "t/sms.txt, line 1: No filter named 'attr'."),
        ("{{ name | upcase }}", "t/sms.txt, line 1: No filter named 'upcase'."),
        ("{% if %}", "t/sms.txt, line 1: Expected an expression, got 'end of statement block'"),
        ("{% include 'none.txt' %}", "t/sms.txt, line 1: a file that it takes in is missing"),
        ("{% include secret %}", "t/sms.txt, line 1: a file that it takes in is missing"),
        ("{% include 'part.txt' %}", "part.txt, line 1: 'absent' is undefined"),
        ("{% extends 't/sms.txt' %}", "t/sms.txt, line 1: RecursionError"),
        ("{{ 1 / 0 }}", "t/sms.txt, line 1: ZeroDivisionError"),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "t/sms.txt, line 1: OverflowError"),
        ("{{ 'x' * 10 ** 18 }}", "t/sms.txt, line 1: MemoryError"),
        (" \n{{ order.empty }}", "t/sms.txt: the text comes out empty"),
    ],
)
def test_what_cannot_be_made_is_told_by_file_and_name_and_without_a_value(
    write: Write, text: str, said: str
) -> None:
    templates = write(**{"sms.txt": text, "part.txt": "{{ absent }}"})
    with pytest.raises(TemplateError) as caught:
        sms(templates, secret=SECRET, order={"secret": SECRET, "empty": "", "nothing": None})
    assert str(caught.value).startswith(said)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_missing_is_named(write: Write, tmp_path: Path, file: str) -> None:
    templates = write()
    (tmp_path / "t" / file).unlink()
    channel = next((channel for channel, (text, _) in TEXTS.items() if text == file), "Email")
    with pytest.raises(MissingTemplateError, match=rf"^t/{file}: it is missing$"):
        templates.render("t", channel, {})


@pytest.mark.parametrize("name", ["none", "", "..", "../t", "/etc", "t/../../t", "t\0"])
def test_a_template_that_there_is_not_is_an_error(write: Write, name: str) -> None:
    with pytest.raises(TemplateError):
        write().render(name, "SMS", {})


def test_a_channel_that_there_is_not_is_an_error(write: Write) -> None:
    with pytest.raises(TemplateError, match="no texts for such a channel"):
        write().render("t", "Fax", {})


def test_a_template_that_would_go_on_is_stopped(write: Write) -> None:
    text = "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match=f"^t/sms.txt: the text is longer than {MAX_BYTES} bytes$"):
        sms(write(**{"sms.txt": text}))


def test_a_text_message_that_sns_would_not_take_is_an_error(echo: Templates) -> None:
    assert len(sms(echo, name="x" * 1528)) == 1530
    with pytest.raises(TemplateError, match=r"^t/sms.txt: 1531 units of GSM-7") as caught:
        sms(echo, name="x" * 1529)
    assert "xxx" not in str(caught.value)


def test_a_subject_that_comes_out_empty_is_an_error(write: Write) -> None:
    with pytest.raises(TemplateError, match=r"^t/subject.txt: the text comes out empty$"):
        write(**{"subject.txt": "{{ name }}"}).render("t", "Push", {"name": "\r\n\x00 \u2028"})


def test_templates_are_compiled_once(write: Write, tmp_path: Path) -> None:
    templates = write(**{"sms.txt": "first"})
    assert sms(templates) == "first"
    (tmp_path / "t/sms.txt").write_text("second")
    assert sms(templates) == "first"


@given(name=hostile)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_data_is_never_more_than_data(echo: Templates, name: str) -> None:
    message = echo.render("t", "Email", {"name": name}, LINK)
    assert len(message.subject.splitlines()) == 1
    assert message.subject.startswith("<")
    assert message.subject.endswith(">")
    assert all(character.isprintable() or ord(character) > 0x9F for character in message.subject)
    assert message.text == f"<{sendable(name)}>"


@given(name=hostile)
def test_no_data_becomes_an_element_of_a_page(templates: Templates, name: str) -> None:
    page = Tags(templates.render("welcome", "Email", {"user": name}).html)
    assert page.tags == Tags(templates.render("welcome", "Email", {"user": "ada"}).html).tags


@given(name=hostile)
def test_data_comes_out_of_a_page_as_it_went_in(echo: Templates, name: str) -> None:
    text = echo.render("t", "Email", {"name": f"a{name}b"}).text
    html = echo.render("t", "Email", {"name": f"a{name}b"}).html
    assert "<" not in html[1:]
    assert Tags(html[1:-1].replace("\r", "")).text == text[1:-1].replace("\r", "")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | hostile,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(hostile, below, max_size=3),
    max_leaves=8,
)


@given(variables=st.dictionaries(hostile, json_values, max_size=4))
def test_whatever_the_data_is_there_is_a_message_or_a_template_error(
    echo: Templates, variables: Mapping[str, Any]
) -> None:
    for data in (variables, {**variables, "name": variables}, {"name": [*variables.values(), ""][0]}):
        try:
            said = echo.render("t", "Email", data).text
        except TemplateError as error:
            said = str(error)
        assert said.startswith(("<", "t/"))
