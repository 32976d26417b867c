"""Values of a plan with what may not be shown taken out: they cannot be printed by mistake.

Terraform says beside a value which parts of it are sensitive and which are not known yet, each in a mask
of the value's own shape ("JSON Output Format", Change representation).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from numbers import Number
from typing import Any, Final

# what JSON can hold; in what is shown, also Sensitive and UNKNOWN
Json = Any
# far deeper than anything that a provider's schema nests, and well within Python's recursion
DEPTH = 100
# a text is hidden too that has a secret of so many characters in it; a shorter one is in it by chance
PART = 6
# of all of a value, of an object's attributes, of a list's or set's elements
Mask = bool | dict[str, "Mask"] | list["Mask"]


class Sensitive:
    """Stands for a sensitive value. It can be compared with another one, and tells nothing by itself."""

    __slots__ = ("_value",)

    def __init__(self, value: Json) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and same(self._value, other._value)

    # what is compared in this way can be no key; mypy takes object's __hash__ for a method
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "(sensitive)"

    def reveal(self) -> Json:
        """The value, for what does not show it."""
        return self._value


class Unknown:
    """Stands for a value that is known after apply. It is equal to nothing, not to itself either."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    # what is compared in this way can be no key; mypy takes object's __hash__ for a method
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN: Final = Unknown()


def same(one: Json, other: Json) -> bool:
    """Whether two values are the same in JSON, where true is not 1, and 1.0 is."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def shown(
    before: Json, after: Json, *, unknown: Json, before_sensitive: Json, after_sensitive: Json
) -> tuple[Json, Json]:
    """Both sides of a change with Sensitive and UNKNOWN in place of what may not or cannot be shown.

    What is sensitive on one side is so on the other: a secret that is no longer marked stays what it was.
    And a text or number that is sensitive is hidden wherever else it stands in the two: elements change
    places, and Terraform forgets some marks, as in terraform_data those of `input` in `output`.
    """
    old_mask, new_mask = _mask(before_sensitive), _mask(after_sensitive)
    new = overlaid(after, unknown)
    secrets = {*_secrets(_hidden(before, old_mask)), *_secrets(_hidden(new, new_mask))}
    mask = _either(old_mask, new_mask)
    # that there was or will be nothing at all is no secret: it is what create and destroy mean
    old, new = (side if side is None else _without(_hidden(side, mask), secrets) for side in (before, new))
    return old, new


def overlaid(value: Json, unknown: Json) -> Json:
    """The value after, into which the unknown is put: Terraform leaves it out, or writes null in a list."""
    if not _mask(unknown):
        return value
    if isinstance(unknown, Mapping) and (value is None or isinstance(value, Mapping)):
        known = value or {}
        names = (*known, *(name for name in unknown if name not in known and _mask(unknown[name])))
        return {name: overlaid(known.get(name), unknown.get(name)) for name in names}
    if isinstance(unknown, list) and (value is None or isinstance(value, list)):
        return [overlaid(element, mask) for element, mask in zip_longest(value or [], unknown)]
    return UNKNOWN


def is_hidden(value: Json, *kinds: type) -> bool:
    """Whether there is something in the value that is not shown: of these kinds, or of either."""
    if isinstance(value, Mapping | list):
        inside = value.values() if isinstance(value, Mapping) else value
        return any(is_hidden(inner, *kinds) for inner in inside)
    return isinstance(value, kinds or (Sensitive, Unknown))


def visible(text: str) -> str:
    """A text on one line, in which what cannot be seen or turns the direction of writing is escaped."""
    if text.isprintable():
        return text
    return "".join(it if it.isprintable() else it.encode("unicode_escape").decode("ascii") for it in text)


def nests_too_deeply(*values: Json) -> bool:
    """Whether a value nests deeper than DEPTH levels."""
    level: Sequence[Json] = values
    for _ in range(DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _mask(given: Json) -> Mask:
    """A mask as Terraform gives it, False if it hides nothing. Whatever else stands in it hides too."""
    if isinstance(given, Mapping):
        return {name: mask for name, inner in given.items() if (mask := _mask(inner))} or False
    if isinstance(given, list):
        masks = [_mask(inner) for inner in given]
        return masks if any(masks) else False
    return bool(given)


def _either(one: Mask, other: Mask) -> Mask:
    if not one or not other:
        return one or other
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _either(one.get(name, False), other.get(name, False)) for name in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        return [_either(*pair) for pair in zip_longest(one, other, fillvalue=False)]
    return True


def _hidden(value: Json, mask: Mask) -> Json:
    if not mask or (value is None and mask is not True):
        return value
    if isinstance(mask, dict) and isinstance(value, Mapping):
        return {name: _hidden(inner, mask.get(name, False)) for name, inner in value.items()}
    if isinstance(mask, list) and isinstance(value, list):
        return [_hidden(*pair) for pair in zip_longest(value, mask[: len(value)], fillvalue=False)]
    return Sensitive(value)


def _secrets(value: Json, *, hidden: bool = False) -> Iterator[str | Number]:
    """The texts and numbers that are in what is hidden."""
    if isinstance(value, Sensitive):
        yield from _secrets(value.reveal(), hidden=True)
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _secrets(inner, hidden=hidden)
    elif hidden and isinstance(value, str | Number) and not isinstance(value, bool) and value != "":
        yield value


def _without(value: Json, secrets: set[str | Number]) -> Json:
    if isinstance(value, Mapping):
        return {name: _without(inner, secrets) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, secrets) for inner in value]
    if isinstance(value, str):
        longer = (secret for secret in secrets if isinstance(secret, str) and len(secret) >= PART)
        return Sensitive(value) if value in secrets or any(secret in value for secret in longer) else value
    if isinstance(value, Number) and not isinstance(value, bool) and value in secrets:
        return Sensitive(value)
    return value
