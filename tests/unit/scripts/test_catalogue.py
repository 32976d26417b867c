import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.templates import FILES
from scripts import catalogue, environment
from scripts.catalogue import Catalogue, files_of
from scripts.environment import Environment

NEWS = 'catalogue = {\n  templates = "texts"\n  categories = {\n    news = { name = "The news" }\n  }\n}\n'
TEXT = "{% from 'macros.jinja' import shout %}{{ shout(thing) }}"


def of(tfvars: str | bytes) -> Catalogue:
    """The catalogue that an environment has with these settings."""
    dev = Environment("dev", {}, None)
    dev.var_files[0].write_bytes(tfvars if isinstance(tfvars, bytes) else tfvars.encode())
    return Catalogue.of(dev)


def refusal(tfvars: str | bytes) -> str:
    with pytest.raises(click.ClickException) as caught:
        of(tfvars)
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.fixture
def texts(configuration: Path) -> Path:
    """A folder of templates as links make it, with a file that all of them use."""
    folder, elsewhere = configuration / "texts", configuration / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "macros.jinja").write_text("{% macro shout(what) %}{{ what }}!{% endmacro %}")
    (folder / "news").symlink_to(elsewhere)
    for name in (*FILES, "more.txt"):
        (elsewhere / name).write_text(TEXT)
    (elsewhere / "sample.json").write_text('{"thing": "tea"}')
    return folder


def test_what_is_packed_is_all_but_samples_and_hidden_files_links_followed(texts: Path) -> None:
    (texts / ".git").mkdir()
    (texts / ".git/config").touch()
    (texts / "gone").symlink_to(texts / "nowhere")
    assert sorted(name for name, _ in files_of(texts)) == [
        "macros.jinja",
        *(f"news/{name}" for name in sorted([*FILES, "more.txt"])),
    ]


def test_templates_are_tried_with_what_is_packed_alone(texts: Path) -> None:
    assert [sample.messages["SMS"].text for sample in of(NEWS).samples()][1] == "tea!"
    (texts / "news/sms.txt").write_text('{% include "news/sample.json" %}')
    with pytest.raises(click.ClickException, match=r"news/sms.txt, line 1: a file that it takes in is missi"):
        of(NEWS).check()


def test_a_folder_that_holds_itself_is_refused(texts: Path) -> None:
    (texts / "news/again").symlink_to(texts)
    with pytest.raises(
        click.ClickException, match=r"^Remove .+/again: it is a link to a folder that it is in"
    ):
        of(NEWS).check()


def test_a_link_to_a_folder_beside_it_is_none_to_itself(texts: Path) -> None:
    (texts / "newer").symlink_to(texts / "news")
    assert "newer/sms.txt" in dict(files_of(texts))


def test_a_welcome_of_the_teams_is_tried_without_data_as_it_is_sent(texts: Path) -> None:
    (texts / "welcome").mkdir()
    (texts / "welcome/sms.txt").write_text("Hello {{ user }}")
    of(NEWS).check()
    (texts / "welcome/sample.json").write_text('{"plan": "gold"}')
    (texts / "welcome/sms.txt").write_text("Hello {{ user }}, you have {{ plan }}")
    with pytest.raises(click.ClickException, match=r"welcome/sms.txt, line 1: 'plan' is undefined"):
        of(NEWS).check()


@pytest.mark.parametrize("key", ["account", "welcome"])
def test_what_the_system_has_itself_is_no_category(configuration: Path, key: str) -> None:
    assert refusal(NEWS.replace("news", key)) == (
        f'Give the category "{key}" of catalogue.categories another key: '
        "account and welcome are the system's own."
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("templats = 1", "catalogue has no 'templats'; it knows templates, categories."),
        (
            "categories = { news = { critcal = true } }",
            "catalogue.categories.news has no 'critcal'; it knows name, description, channels, critical, "
            "good_for_hours.",
        ),
        ('categories = ["news"]', "Give catalogue.categories as an object, in braces."),
        ('categories = { news = "x" }', "Give catalogue.categories.news as an object, in braces."),
        ('templates = ["texts"]', "Give catalogue.templates as one path, in quotes."),
    ],
)
def test_a_slip_in_a_catalogue_is_named(configuration: Path, line: str, said: str) -> None:
    assert refusal(f"catalogue = {{\n  {line}\n}}\n") == said


def test_a_catalogue_that_is_none_is_refused(configuration: Path) -> None:
    assert refusal('catalogue = "shop"') == "Give catalogue as an object, in braces."


def test_null_is_as_good_as_nothing(configuration: Path) -> None:
    for tfvars in ("", "catalogue = null", "catalogue = {\n  categories = null\n  templates = null\n}"):
        assert of(tfvars) == Catalogue({}, None)


def test_the_names_that_are_known_are_those_of_the_terraform_variable() -> None:
    declared = (environment.TERRAFORM / "variables.tf").read_text()
    block = declared.partition('variable "catalogue"')[2].partition("validation")[0]
    names = re.findall(r"^ +(\w+) += (?!object)(?:optional|string)", block, re.MULTILINE)
    assert names == [*catalogue.KNOWN, *catalogue.KNOWN_OF_A_CATEGORY]


words = st.sampled_from(
    [
        *'{}[]="\\,:#\n ',
        "catalogue",
        "categories",
        "templates",
        "news",
        "name",
        "null",
        "true",
        "1e3",
        "${",
        "<<E\n",
    ]
)
values = st.recursive(
    st.sampled_from(["null", "true", "1", '"a"', "[]", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from([*catalogue.KNOWN, "name", "1", '"a b"']), inner, max_size=3).map(
            lambda pairs: f"{{{', '.join(f'{key} = {value}' for key, value in pairs.items())}}}"
        )
    ),
)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An environment `dev` with nothing in it."""
    folder = tmp_path_factory.mktemp("environments")
    (folder / "dev").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(environment, "ENVIRONMENTS", folder)
        yield


@given(st.lists(words, max_size=12).map("".join) | values.map("catalogue = {}".format))
def test_whatever_stands_there_is_a_catalogue_or_refused(dev: None, tfvars: str) -> None:
    with suppress(click.ClickException):
        of(tfvars)
