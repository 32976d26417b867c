"""A catalogue as its team writes it: the categories, and a template for each with data to try it on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import click

from notifications.message import Message
from notifications.templates import BUILT_IN, FILES, TEXTS, TemplateError, Templates
from scripts import environment
from scripts.environment import Environment, load_hcl

EXAMPLES = environment.TERRAFORM / "catalogues"
SAMPLE = "sample.json"
WELCOME = "welcome"
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
        """The catalogue of an environment; one without has only what is built in."""
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
    def _from(cls, value: Mapping[str, Any] | None) -> Self:
        value = value or {}
        folder = value.get("templates")
        return cls(value.get("categories") or {}, environment.TERRAFORM / folder if folder else None)

    def samples(self) -> Iterator[Sample]:
        """The welcome and every category's template, filled in for every channel.

        Raises:
            click.ClickException: a file is missing or cannot be used; the message names it.
        """
        if self.templates and not self.templates.is_dir():
            raise click.ClickException(
                f"catalogue.templates names a folder that is not there: {self.templates}."
            )
        folders = [self.templates] if self.templates else []
        templates = Templates.of(*folders)
        account = {"name": "Account", "critical": True}
        for template, category in {WELCOME: account, **self.categories}.items():
            for file in (*FILES, SAMPLE):
                self._find(template, file)
            critical = bool(category.get("critical"))
            variables = {**self._data(template), "user": USER}
            try:
                messages = {
                    channel: templates.render(
                        template,
                        channel,
                        variables,
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

    def _find(self, template: str, file: str) -> Path:
        for folder in (self.templates, BUILT_IN):
            if folder and (path := folder / template / file).is_file():
                return path
        raise self._problem(f"{template}/{file}: it is missing")

    def _data(self, template: str) -> dict[str, Any]:
        """The sample data, its numbers as they come out of a row."""
        try:
            data = json.loads(self._find(template, SAMPLE).read_text("utf-8"), parse_float=_stored)
        except ValueError as error:
            raise self._problem(f"{template}/{SAMPLE}: {error}") from None
        if not isinstance(data, dict):
            raise self._problem(f"{template}/{SAMPLE}: it is no JSON object")
        return data

    def _problem(self, what: str) -> click.ClickException:
        return click.ClickException(f"In {self.templates or 'a catalogue without templates'}: {what}.")


def examples() -> list[str]:
    """The names of the example catalogues, sorted."""
    return sorted(file.parent.name for file in EXAMPLES.glob("*/catalogue.tfvars"))


def _stored(number: str) -> Decimal:
    """A number as DynamoDB gives it back: without trailing zeros ("Data types", DynamoDB API Reference)."""
    return Decimal(number).normalize()
