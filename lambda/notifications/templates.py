"""What a notification says: the texts of a template, filled in.

A template is a folder of texts: `subject.txt`, `email.txt`, `email.html`, `sms.txt` and `push.txt`. The
team's own folders are looked in first, then the built-in ones, file by file: a team may bring a welcome
or a layout of its own. The templates are the team's; the data is anybody's, and is never more than data.
"""

import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifications.message import Message
from notifications.sms_text import TooLongError, segments

TEAM = Path(__file__).parents[1] / "templates"
BUILT_IN = Path(__file__).parent / "texts"

SUBJECT = "subject.txt"
HTML = "email.html"
# channel → its text, and whether a subject goes with it
TEXTS = {"Email": ("email.txt", True), "SMS": ("sms.txt", False), "Push": ("push.txt", True)}
FILES = (SUBJECT, HTML, *(file for file, _ in TEXTS.values()))

# SNS takes 256 KB (Amazon SNS API Reference, "Publish"), and a text of that length has gone wrong anyway
MAX_BYTES = 200_000
# all that SNS takes (Amazon SNS FAQs, "What type of data can be passed as a message?")
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# a header or a title has one line, however the data would like to continue it
_BREAKS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class TemplateError(Exception):
    """A text cannot be made; the message names its file and what is missing, and never a value."""


class MissingTemplateError(TemplateError):
    """There is no such file: the version of the code that has the template may be another one."""


class _TextError(jinja2.TemplateRuntimeError):
    """What came out cannot be sent; the message holds no value."""


@dataclass(frozen=True)
class Templates:
    """The texts in some folders; the first that has a file gives it."""

    folders: tuple[Path, ...]

    @classmethod
    def load(cls) -> Self:
        """The team's templates in the package, then the built-in ones."""
        return cls.of(TEAM)

    @classmethod
    def of(cls, *folders: Path) -> Self:
        """The templates in these folders, then the built-in ones."""
        return cls((*folders, BUILT_IN))

    def render(
        self, template: str, channel: str, variables: Mapping[str, Any], unsubscribe_url: str = ""
    ) -> Message:
        """The message of a template on a channel.

        Args:
            template: the name of its folder.
            channel: Email, SMS or Push.
            variables: what the texts may use, by name.
            unsubscribe_url: what the texts find under that name, whatever the variables say.

        Raises:
            MissingTemplateError: a file is missing.
            TemplateError: one is no template, uses what there is not, comes out empty, or is longer than the
                channel takes.
        """
        if channel not in TEXTS:
            raise TemplateError("There are no texts for such a channel.")
        values = {name: _plain(value) for name, value in variables.items()}
        values["unsubscribe_url"] = unsubscribe_url
        name, has_subject = TEXTS[channel]
        text = self._text(f"{template}/{name}", values)
        if channel == "SMS":
            try:
                segments(text)
            except TooLongError as error:
                raise TemplateError(f"{template}/{name}: {error}") from None
        return Message(
            subject=self._text(f"{template}/{SUBJECT}", values, one_line=True) if has_subject else "",
            text=text,
            html=self._text(f"{template}/{HTML}", values) if channel == "Email" else "",
            unsubscribe_url=unsubscribe_url,
        )

    @cached_property
    def _environment(self) -> jinja2.Environment:
        return _Environment(self.folders)

    def _text(self, file: str, values: dict[str, Any], *, one_line: bool = False) -> str:
        try:
            text = _joined(self._environment.get_template(file).generate(values))
        except jinja2.TemplateNotFound as error:
            if error.name == file:
                raise MissingTemplateError(f"{file}: it is missing") from None
            # the name of another file may have been put together from data
            raise TemplateError(f"{self._place(error, file)}: a file that it takes in is missing") from None
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"{error.name or file}, line {error.lineno}: {error.message}") from None
        except (jinja2.UndefinedError, _TextError) as error:
            raise TemplateError(f"{self._place(error, file)}: {error.message}") from None
        except Exception as error:
            # what these say may hold a value: of the data, or its representation
            raise TemplateError(f"{self._place(error, file)}: {type(error).__name__}") from None
        text = _UNSENDABLE.sub("", text)
        text = (_BREAKS.sub(" ", text) if one_line else text).strip()
        if not text:
            raise TemplateError(f"{file}: the text comes out empty")
        return text

    def _place(self, error: Exception, file: str) -> str:
        """Where a template failed: the innermost file of the folders that the error went through."""
        place = file
        for frame, line in traceback.walk_tb(error.__traceback__):
            path = Path(frame.f_code.co_filename)
            for folder in self.folders:
                if path.is_relative_to(folder):
                    place = f"{path.relative_to(folder).as_posix()}, line {line}"
        return place


class _Environment(ImmutableSandboxedEnvironment):
    """Templates that can only read, and only what they are given."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        super().__init__(
            loader=jinja2.FileSystemLoader(folders),
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=jinja2.StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        # a field that was forgotten must not be found among Jinja's own names
        self.globals = {name: self.globals[name] for name in ("namespace", "range")}
        # its errors name what it looked for, which may be a value
        del self.filters["attr"]

    def getattr(self, obj: Any, attribute: str) -> Any:
        # `order.items` is the field of that name and not a method of dictionaries
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        found = super().getitem(obj, argument)
        if isinstance(found, jinja2.Undefined):
            return self.undefined(hint="there is no such item")
        return found


def _shown(value: Any) -> Any:
    """What `{{ value }}` writes. A list, or nothing at all, is not what anybody wants to read."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, str | int | float | jinja2.Undefined):
        return value
    raise _TextError(f"{type(value).__name__} is no text")


def _joined(pieces: Iterable[str]) -> str:
    """The pieces as one text. A template that would go on for ever is stopped at the limit."""
    kept: list[str] = []
    left = MAX_BYTES
    for piece in pieces:
        kept.append(piece)
        left -= len(piece.encode(errors="replace"))
        if left < 0:
            raise _TextError(f"the text is longer than {MAX_BYTES} bytes")
    return "".join(kept)


def _plain(value: Any) -> Any:
    """A value as templates see it: whole numbers, which DynamoDB gives as Decimal, are int."""
    if isinstance(value, Mapping):
        return {key: _plain(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal) and value.is_finite() and value.as_tuple().exponent in range(200):
        return int(value)
    return value
