"""A catalogue as its team writes it: the categories, and a template for each with data to try it on."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import click

from notifications.message import Message
from notifications.templates import FILES, TEXTS, TemplateError, Templates
from scripts import environment
from scripts.environment import Environment, load_hcl

EXAMPLES = environment.TERRAFORM / "catalogues"
SAMPLE = "sample.json"
WELCOME = "welcome"
# what there is already, as a category and as a template
RESERVED = ("account", WELCOME)
# what variables.tf knows of a catalogue and of a category; Terraform drops all else without a word
KNOWN = ("templates", "categories")
KNOWN_OF_A_CATEGORY = ("name", "description", "channels", "critical", "good_for_hours")
# who gets the samples, and how they would leave
USER = "ada"
UNSUBSCRIBE_URL = "https://example.com/unsubscribe?token=sample"


@dataclass(frozen=True)
class Sample:
    """What a template says about its sample data. messages: by channel."""

    template: str
    category: str
    critical: bool
    messages: Mapping[str, Message]


@dataclass(frozen=True)
class Catalogue:
    """Categories by key, as the Terraform variable has them, and the folder of their templates."""

    categories: Mapping[str, Mapping[str, Any]]
    templates: Path | None

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """The catalogue of an environment; one without has only what is built in.

        Raises:
            click.ClickException: it is not a catalogue; the message says where it is wrong.
        """
        return cls._from(environment.settings.get("catalogue"))

    @classmethod
    def example(cls, name: str) -> Self:
        """One of the examples.

        Raises:
            click.ClickException: there is none of that name; the message lists those that there are.
        """
        if name not in examples():
            raise click.ClickException(
                f"There is no example catalogue {name!r}; use one of {', '.join(examples())}."
            )
        return cls._from(load_hcl(EXAMPLES / name / "catalogue.tfvars")["catalogue"])

    @classmethod
    def _from(cls, value: Any) -> Self:
        catalogue = _object("catalogue", value, KNOWN)
        folder = catalogue.get("templates")
        if not isinstance(folder, str | None):
            raise click.ClickException("Give catalogue.templates as one path, in quotes.")
        categories = _object("catalogue.categories", catalogue.get("categories"))
        for key, category in categories.items():
            if key in RESERVED:
                raise click.ClickException(
                    f'Give the category "{key}" of catalogue.categories another key: '
                    f"{' and '.join(RESERVED)} are the system's own."
                )
            _object(f"catalogue.categories.{key}", category, KNOWN_OF_A_CATEGORY)
        return cls(
            {key: category or {} for key, category in categories.items()},
            environment.TERRAFORM / folder if folder else None,
        )

    def samples(self) -> Iterator[Sample]:
        """The welcome and every category's template, filled in for every channel, from what is packed.

        Raises:
            click.ClickException: a file is missing or cannot be used; the message names it.
        """
        with TemporaryDirectory() as packed:
            for name, path in files_of(self.templates) if self.templates else ():
                target = Path(packed, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            yield from self._samples(Path(packed))

    def _samples(self, packed: Path) -> Iterator[Sample]:
        templates = Templates.of(packed)
        account = {"name": "Account", "critical": True}
        for template, category in {WELCOME: account, **self.categories}.items():
            for file in FILES:
                if not any((folder / template / file).is_file() for folder in templates.folders):
                    raise self._problem(f"{template}/{file}: it is missing")
            critical = bool(category.get("critical"))
            # the row of a welcome has no data
            data = self._data(template) if template != WELCOME else {}
            try:
                messages = {
                    channel: templates.render(
                        template,
                        channel,
                        {**data, "user": USER},
                        unsubscribe_url=UNSUBSCRIBE_URL if channel == "Email" and not critical else "",
                    )
                    for channel in TEXTS
                }
            except TemplateError as error:
                raise self._problem(str(error)) from None
            yield Sample(template, str(category.get("name", template)), critical, messages)

    def check(self) -> None:
        """Refuses templates that could not be sent.

        Raises:
            click.ClickException: a file is missing or cannot be used; the message names it.
        """
        for _ in self.samples():
            pass

    def _data(self, template: str) -> dict[str, Any]:
        """The sample data, its numbers as they come out of a row."""
        file = f"{template}/{SAMPLE}"
        try:
            text = Path(self.templates or "", file).read_text("utf-8")
            data = json.loads(text, parse_float=_stored)
        except OSError:
            raise self._problem(f"{file}: it is missing") from None
        except (ValueError, RecursionError) as error:
            raise self._problem(f"{file}: {error}") from None
        if not isinstance(data, dict):
            raise self._problem(f"{file}: it is no JSON object")
        return data

    def _problem(self, what: str) -> click.ClickException:
        return click.ClickException(f"In {self.templates or 'a catalogue without templates'}: {what}.")


def examples() -> list[str]:
    """The names of the example catalogues, sorted."""
    return sorted(file.parent.name for file in EXAMPLES.glob("*/catalogue.tfvars"))


def files_of(templates: Path, *above: Path) -> Iterator[tuple[str, Path]]:
    """What is packed of a folder of templates, links followed: all but samples and hidden files.

    Returns:
        Each file's name below the folder, and where it is.

    Raises:
        click.ClickException: the folder cannot be read, or holds itself.
    """
    inside = (*above, templates.resolve())
    if inside[-1] in above:
        raise click.ClickException(f"Remove {templates}: it is a link to a folder that it is in.")
    try:
        paths = list(templates.iterdir())
    except OSError:
        raise click.ClickException(
            f"catalogue.templates names a folder that is not there: {templates}."
        ) from None
    for path in paths:
        if path.name == SAMPLE or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from ((f"{path.name}/{name}", file) for name, file in files_of(path, *inside))
        elif path.is_file():
            yield path.name, path


def _object(where: str, value: Any, known: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """An object of the catalogue, or null, whose names are all known."""
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise click.ClickException(f"Give {where} as an object, in braces.")
    if known and (unknown := sorted(value.keys() - set(known))):
        raise click.ClickException(f"{where} has no {unknown[0]!r}; it knows {', '.join(known)}.")
    return value


def _stored(number: str) -> Decimal:
    """A number as DynamoDB gives it back: without trailing zeros ("Data types", DynamoDB API Reference)."""
    return Decimal(number).normalize()
