"""The guard's rules as data: what rules.toml says, and a team's own files of the same form.

What may stand in a file is told at the top of rules.toml.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

import click

from scripts.plan_review.plan import Action, Change
from scripts.plan_review.values import Json

BUILT_IN = Path(__file__).with_name("rules.toml")

E = TypeVar("E", bound=StrEnum)
# parts of a path; "*" is any key or position
AttributePath = tuple[str, ...]


class RulesError(click.ClickException):
    """A file of rules cannot be used; the message names the file, the rule and what is wrong."""


class Kind(StrEnum):
    """What a policy document is about."""

    IDENTITY = "identity"
    TRUST = "trust"
    RESOURCE = "resource"


class Predicate(StrEnum):
    """What is asked of an attribute's value before and after."""

    LOST = "lost"
    CHANGED = "changed"
    LEAVES = "leaves"
    BECOMES = "becomes"
    GAINS = "gains"
    ELEMENT_REMOVED = "element_removed"
    ELEMENT_CHANGED = "element_changed"
    WIDENED = "widened"


class Widening(StrEnum):
    """In which way policy documents allow more than before."""

    STAR = "star"
    ANYONE = "anyone"
    PRINCIPAL = "principal"
    ACTIONS = "actions"
    CONDITION = "condition"
    DENY = "deny"
    UNKNOWN = "unknown"


# what a test of values looks at if it does not say; a destroy has no values after
DEFAULT_ACTIONS = {
    Predicate.BECOMES: (Action.CREATE, Action.UPDATE, Action.REPLACE),
    Predicate.WIDENED: (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DESTROY),
}
# what a value's test has besides its paths
ARGUMENTS = {
    Predicate.LEAVES: "values",
    Predicate.BECOMES: "values",
    Predicate.ELEMENT_REMOVED: "key",
    Predicate.ELEMENT_CHANGED: "key",
    Predicate.WIDENED: "kinds",
}


@dataclass(frozen=True)
class Types:
    """Resource types by globs."""

    included: tuple[str, ...]
    excluded: tuple[str, ...] = ()

    def __contains__(self, resource_type: str) -> bool:
        return fits(resource_type, self.included) and not fits(resource_type, self.excluded)


@dataclass(frozen=True)
class Holder:
    """What a resource adds to: the other one's type, and the attribute that says which one it is."""

    type: str
    attribute: str


@dataclass(frozen=True)
class Match:
    """One way in which a rule finds something.

    where, unless: attribute paths, each with globs of its value.
    test: None if the action alone is what is found.
    paths: what is tested; empty for policy documents.
    """

    types: Types
    actions: frozenset[Action]
    where: tuple[tuple[AttributePath, tuple[str, ...]], ...] = ()
    unless: tuple[tuple[AttributePath, tuple[str, ...]], ...] = ()
    holder: Holder | None = None
    test: Predicate | None = None
    paths: tuple[AttributePath, ...] = ()
    values: tuple[Json, ...] = ()
    key: str = ""
    widening: Widening | None = None
    kinds: frozenset[Kind] = frozenset()

    def is_about(self, change: Change) -> bool:
        return change.type in self.types and change.action in self.actions


@dataclass(frozen=True)
class Rule:
    """What stops a plan.

    says: what is wrong with what was found; do: what to do about it. Each is one or two sentences.
    """

    name: str
    says: str
    do: str
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class DocumentSource:
    """Where policy documents of a kind are, and whose they are."""

    kind: Kind
    types: Types
    paths: tuple[AttributePath, ...]
    holder: Holder | None = None


@dataclass(frozen=True)
class ActionClass:
    """A class of actions, such as read, by globs of their names."""

    name: str
    actions: tuple[str, ...]


@dataclass(frozen=True)
class Rules:
    """All that the guard goes by.

    sources: the first that names an attribute counts for it; classes: the first that an action fits.
    """

    rules: tuple[Rule, ...]
    sources: tuple[DocumentSource, ...] = ()
    classes: tuple[ActionClass, ...] = ()

    @classmethod
    def load(cls, *files: Path) -> "Rules":
        """The built-in rules and those of the files. The sources and classes of a later file go first.

        Raises:
            RulesError: a file cannot be read, or says what cannot be meant.
        """
        loaded = [_file(path) for path in (BUILT_IN, *files)]
        seen: dict[str, Path] = {}
        for path, rules in loaded:
            for rule in rules.rules:
                if rule.name in seen:
                    raise RulesError(
                        f"{path}: rule {rule.name!r} is in {seen[rule.name]} already; give it another name."
                    )
                seen[rule.name] = path
        return cls(
            tuple(rule for _, rules in loaded for rule in rules.rules),
            tuple(source for _, rules in reversed(loaded) for source in rules.sources),
            tuple(action_class for _, rules in reversed(loaded) for action_class in rules.classes),
        )


def fits(text: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _file(path: Path) -> tuple[Path, Rules]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RulesError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise RulesError(f"{path} is not UTF-8 at byte {error.start}; save it as that.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError(f"{path} is not TOML: {error}.") from None
    top = _Table(document, str(path))
    rules = Rules(
        tuple(_rule(table) for table in top.tables("rule")),
        tuple(_source(table) for table in top.tables("document")),
        tuple(
            ActionClass(table.text("name"), table.texts("actions")) for table in top.tables("action_class")
        ),
    )
    top.nothing_else()
    return path, rules


def _rule(table: "_Table") -> Rule:
    name = table.text("name")
    table.where = f"{table.where.rpartition(':')[0]}: rule {name!r}"
    if not name.replace("-", "").replace("_", "").isalnum():
        table.fail("a name is of letters, digits, - and _: it is typed in an override")
    rule = Rule(name, table.text("says"), table.text("do"), tuple(_match(m) for m in table.tables("match")))
    if not rule.matches:
        table.fail("has no [[rule.match]]")
    table.nothing_else()
    return rule


def _match(table: "_Table") -> Match:
    tests = [test for test in Predicate if test in table]
    if len(tests) > 1:
        table.fail(f"has {tests[0]} and {tests[1]}; make them two matches")
    test = tests[0] if tests else None
    default = DEFAULT_ACTIONS.get(test, (Action.UPDATE, Action.REPLACE)) if test else None
    widened = test is Predicate.WIDENED
    match = Match(
        # whose documents they are is said by [[document]]
        types=Types(("*",)) if widened else table.types(),
        actions=frozenset(table.one_of("actions", Action, default)),
        where=table.globs("where"),
        unless=table.globs("unless"),
        holder=table.holder(),
        test=test,
        paths=() if test is None or widened else table.paths(test.value),
        values=table.values("values") if ARGUMENTS.get(test or Predicate.LOST) == "values" else (),
        key=table.text("key") if ARGUMENTS.get(test or Predicate.LOST) == "key" else "",
        widening=table.one_of("widened", Widening)[0] if widened else None,
        kinds=frozenset(table.one_of("kinds", Kind)) if widened else frozenset(),
    )
    table.nothing_else()
    return match


def _source(table: "_Table") -> DocumentSource:
    source = DocumentSource(
        table.one_of("kind", Kind)[0], table.types(), table.paths("attributes"), table.holder()
    )
    table.nothing_else()
    return source


class _Table:
    """A table of a file: takes what is asked for, and complains of whatever else there is.

    where: the file, and what in it this is.
    """

    def __init__(self, given: Mapping[str, Any], where: str) -> None:
        self.where = where
        self._left = dict(given)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def fail(self, what: str) -> None:
        raise RulesError(f"{self.where}: {what}.")

    def nothing_else(self) -> None:
        if self._left:
            self.fail(f"{sorted(self._left)[0]!r} is not known here")

    def tables(self, name: str) -> Iterator["_Table"]:
        given = self._left.pop(name, [])
        if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
            self.fail(f"{name!r} is written as [[{name}]]")
        for number, entry in enumerate(given, 1):
            yield _Table(entry, f"{self.where}: {name} {number}")

    def text(self, name: str) -> str:
        given = self._take(name)
        if not isinstance(given, str) or not given.strip():
            self.fail(f"{name!r} is a text, and not empty")
        return str(given)

    def texts(self, name: str) -> tuple[str, ...]:
        given = self._take(name)
        if not isinstance(given, list) or not given or not all(isinstance(g, str) and g for g in given):
            self.fail(f"{name!r} is a list of texts, and not empty")
        return tuple(given)

    def values(self, name: str) -> tuple[Json, ...]:
        given = self._take(name)
        if (
            not isinstance(given, list)
            or not given
            or not all(isinstance(g, str | bool | int | float) for g in given)
        ):
            self.fail(f"{name!r} is a list of texts, numbers, true or false, and not empty")
        return tuple(given)

    def one_of(self, name: str, known: type[E], default: Sequence[E] | None = None) -> list[E]:
        if name not in self and default is not None:
            return list(default)
        given = self._take(name)
        found = [given] if isinstance(given, str) else given
        if not isinstance(found, list) or not found or not all(g in list(known) for g in found):
            self.fail(f"{name!r} is of: {' '.join(known)}")
        return [known(g) for g in found]

    def paths(self, name: str) -> tuple[AttributePath, ...]:
        return tuple(self._path(name, text) for text in self.texts(name))

    def types(self) -> Types:
        return Types(self.texts("types"), self.texts("except") if "except" in self else ())

    def globs(self, name: str) -> tuple[tuple[AttributePath, tuple[str, ...]], ...]:
        if name not in self:
            return ()
        table = self._inner(name)
        return tuple((self._path(name, path), table.texts(path)) for path in list(table._left))

    def holder(self) -> Holder | None:
        if "holder" not in self:
            return None
        table = self._inner("holder")
        holder = Holder(table.text("type"), table.text("attribute"))
        table.nothing_else()
        return holder

    def _inner(self, name: str) -> "_Table":
        given = self._take(name)
        if not isinstance(given, dict):
            self.fail(f"{name!r} is a table: {{ … = … }}")
        return _Table(given, f"{self.where}: {name}")

    def _path(self, name: str, text: str) -> AttributePath:
        parts = tuple(text.split("."))
        if not all(parts):
            self.fail(f"{name!r} has the path {text!r}, of which a part is empty")
        return parts

    def _take(self, name: str) -> Any:
        if name not in self._left:
            self.fail(f"{name!r} is missing")
        return self._left.pop(name)
