"""IAM policy documents, known by their shape, compared statement by statement.

The source is "Grammar of the IAM JSON policy language" in the IAM User Guide.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from scripts.plan_review.values import Json

# what a statement may have besides its Sid and Effect, in the order in which it is shown
PARTS = ("Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
NAMES = {name.lower(): name for name in ("Sid", "Effect", *PARTS)}
# two statements that have a smaller share of what they say in common are not one that was changed
ALIKE = 0.3
# unless they are the only ones, and say a single thing both
ALONE = 0.01


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document.

    says: each value of each part, e.g. ("Action", "sns:Publish"). A principal reads
        "Service: sns.amazonaws.com" or "*", a condition "StringEquals aws:SourceAccount: 111122223333".
    """

    sid: str
    effect: str
    says: frozenset[tuple[str, str]]

    def values(self, part: str) -> set[str]:
        return {value for name, value in self.says if name == part}

    def likeness(self, other: "Statement") -> float:
        """The share of what the two say that is the same, from 0 to 1."""
        return len(self.says & other.says) / (len(self.says | other.says) or 1)


@dataclass(frozen=True)
class StatementChange:
    """A statement that comes (old is None), goes (new is None), or is not what it was."""

    old: Statement | None
    new: Statement | None

    def kept(self, part: str) -> list[str]:
        """The values of the part that stay, sorted."""
        return sorted(self.old.values(part) & self.new.values(part)) if self.old and self.new else []

    def removed(self, part: str) -> list[str]:
        """The values of the part that are there no more, sorted."""
        return _without(self.old, self.new, part)

    def added(self, part: str) -> list[str]:
        """The values of the part that were not there, sorted."""
        return _without(self.new, self.old, part)


def statements(document: Json) -> list[Statement] | None:
    """The statements of a policy document, or None if it is something else.

    It is one by its shape: an object with one or more statements under `Statement`, each of which has an
    Effect, an Action or NotAction, and nothing that the grammar does not know. Names count in any case.
    """
    if not isinstance(document, Mapping):
        return None
    found = [value for name, value in document.items() if name.lower() == "statement"]
    if len(found) != 1:
        return None
    try:
        return [_statement(entry) for entry in (found[0] if isinstance(found[0], list) else found)]
    except _NoStatementError:
        return None


def compare(old: Sequence[Statement], new: Sequence[Statement]) -> list[StatementChange]:
    """What is different, in the order of the new document; then what goes, in the order of the old.

    Statements belong together that are the same, else that have the same Sid, else that are most alike.
    """
    pairs = dict(_pairs(old, new))
    kept = set(pairs.values())
    changes = [
        *(StatementChange(old[pairs[place]] if place in pairs else None, it) for place, it in enumerate(new)),
        *(StatementChange(it, None) for place, it in enumerate(old) if place not in kept),
    ]
    return [change for change in changes if change.old != change.new]


def _pairs(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[tuple[int, int]]:
    """The places in the new and in the old document of the statements that belong together."""
    left_old, left_new = dict(enumerate(old)), dict(enumerate(new))
    by: tuple[Callable[[Statement], Hashable], ...] = (lambda it: it, lambda it: it.sid)
    for key in by:
        places = {key(it): place for place, it in left_old.items()}
        for place, it in list(left_new.items()):
            if key(it) and (former := places.pop(key(it), None)) is not None:
                del left_new[place], left_old[former]
                yield place, former
    # the only one that is left may well be what the other one was
    enough = ALIKE if len(left_old) + len(left_new) > 2 else ALONE
    likeness = sorted(
        (-before.likeness(after), place, former)
        for place, after in left_new.items()
        for former, before in left_old.items()
    )
    for unlike, place, former in likeness:
        if -unlike >= enough and place in left_new and former in left_old:
            del left_new[place], left_old[former]
            yield place, former


class _NoStatementError(Exception):
    """The grammar does not know this."""


def _statement(entry: Json) -> Statement:
    named = {NAMES.get(name.lower(), ""): value for name, value in _items(entry)}
    if "" in named or len(named) < len(entry):
        raise _NoStatementError
    sid, effect = named.pop("Sid", ""), named.pop("Effect", None)
    actions = {"Action", "NotAction"} & named.keys()
    if not isinstance(sid, str) or effect not in ("Allow", "Deny") or not actions:
        raise _NoStatementError
    says = frozenset((part, text) for part, value in named.items() for text in _values(part, value))
    return Statement(sid, effect, says)


def _values(part: str, value: Json) -> Iterator[str]:
    """A part's values, each as a text."""
    if part.endswith("Principal") and isinstance(value, Mapping):
        for kind, who in value.items():
            yield from (f"{kind}: {name}" for name in _texts(who))
    elif part == "Condition":
        for operator, keys in _items(value):
            for key, wanted in _items(keys):
                # one without a value is one, too: nothing fits it
                yield from (f"{operator} {key}: {text}" for text in [*_texts(wanted)] or [""])
    else:
        yield from _texts(value)


def _items(value: Json) -> Iterator[tuple[str, Json]]:
    if not isinstance(value, Mapping):
        raise _NoStatementError
    yield from value.items()


def _texts(value: Json) -> Iterator[str]:
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, bool):
            yield "true" if text else "false"
        elif isinstance(text, str | int | float | Decimal):
            yield str(text)
        else:
            raise _NoStatementError


def _without(one: Statement | None, other: Statement | None, part: str) -> list[str]:
    return sorted((one.values(part) if one else set()) - (other.values(part) if other else set()))
