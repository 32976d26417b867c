"""What comes in from outside: any JSON, and what is nearly right.

The nearly right finds more: it gets past the first check. `damaged` takes an example of a documented shape
and breaks it in a few places, as an operator's hand, an older version or a sender's mistake would.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

Json = Any

# half a character, none, turned around, of four bytes, in two forms, a line's end, and what templates and
# paths make something of
ODD_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "\ud800",
        "\u202eadA",
        "\U0001f984",
        "a\u0308",
        "\u00e4",
        "line\r\nbreak",
        "{{ user }}",
        "${jndi}",
        "../../etc",
        "NaN",
        "null",
        "-1",
        "1e400",
        "a" * 3000,
        # times: without a zone, before there are any, after there are any
        "2026-11-25T12:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ]
)
TEXTS = st.text(max_size=20) | ODD_TEXTS
# beyond what a float, DynamoDB and a date hold
ODD_NUMBERS = st.sampled_from([0, -1, 2**31, 2**63, 10**40, -(10**40), 10**400, 1e308, -0.0, 1e-200])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ODD_NUMBERS
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS


def _deep(value: Json) -> Json:
    """A value far below."""
    for _ in range(60):
        value = [value]
    return value


JSON = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=12,
) | SCALARS.map(_deep)

# a value of DynamoDB's, as its stream and its API give them ("AttributeValue" of the API Reference)
DYNAMODB_NUMBERS = st.integers(-(10**37), 10**37).map(str) | st.sampled_from(
    ["0", "-0", "0.5", "1E+125", "-1E+125", "1E-130", "9" * 38, "253402300800000", "-62135596800001"]
)
STORABLE_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | ODD_TEXTS.filter(
    lambda text: "\ud800" not in text
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_DYNAMODB_SCALARS = (
    STORABLE_TEXTS.map(lambda text: {"S": text})
    | DYNAMODB_NUMBERS.map(lambda number: {"N": number})
    | st.booleans().map(lambda flag: {"BOOL": flag})
    | st.just({"NULL": True})
    | st.binary(min_size=1, max_size=8).map(lambda raw: {"B": raw})
    | st.lists(NAMES, min_size=1, max_size=3, unique=True).map(lambda texts: {"SS": texts})
)
DYNAMODB = st.recursive(
    _DYNAMODB_SCALARS,
    lambda below: (
        st.lists(below, max_size=3).map(lambda values: {"L": values})
        | st.dictionaries(NAMES, below, max_size=3).map(lambda values: {"M": values})
    ),
    max_leaves=6,
)

_OF_INDEXES = {
    "DueAt": DYNAMODB_NUMBERS.map(lambda number: {"N": number}),
    **dict.fromkeys(
        ("DueShard", "UserID", "CreatedAt"), STORABLE_TEXTS.filter(bool).map(lambda text: {"S": text})
    ),
}


@st.composite
def damaged(draw: st.DrawFn, example: Json, values: st.SearchStrategy[Json] = JSON, most: int = 3) -> Json:
    """An example with up to `most` places taken out, replaced, added to or repeated."""
    broken = copy.deepcopy(example)
    for _ in range(draw(st.integers(0, most))):
        holders = [holder for holder in _holders(broken) if holder]
        if not holders:
            return draw(values)
        holder = draw(st.sampled_from(holders))
        place = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
        match draw(st.sampled_from(["replace", "remove", "add", "swap"])):
            case "replace":
                holder[place] = draw(values)
            case "remove":
                del holder[place]
            case "add" if isinstance(holder, dict):
                holder[draw(NAMES)] = draw(values)
            case "add":
                holder.insert(place, draw(values))
            case "swap":
                # a value of the right kind in the wrong place
                other = draw(st.sampled_from(holders))
                holder[place] = copy.deepcopy(draw(st.sampled_from(list(_values(other)))))
    return broken


@st.composite
def damaged_rows(draw: st.DrawFn, row: Mapping[str, Json], key: str) -> dict[str, Json]:
    """A row of DynamoDB's with attributes that are not what they were, as the table can hold it.

    What an index needs has its type: DynamoDB refuses the row otherwise.
    """
    broken = copy.deepcopy(dict(row))
    for name in draw(st.lists(st.sampled_from(sorted(set(row) - {key})), max_size=3, unique=True)):
        if draw(st.booleans()):
            del broken[name]
        else:
            values = _OF_INDEXES.get(name)
            broken[name] = draw(DYNAMODB | _within(broken[name]) if values is None else values)
    return broken


@st.composite
def _within(draw: st.DrawFn, value: Mapping[str, Json]) -> Json:
    """A value of DynamoDB's with one that it holds replaced; a scalar stays."""
    broken = copy.deepcopy(value)
    holders = [holder for holder in _holders(broken) if holder and not _is_a_value(holder)]
    if holders:
        holder = draw(st.sampled_from(holders))
        place = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
        if draw(st.booleans()):
            holder[place] = draw(DYNAMODB)
        else:
            del holder[place]
    return broken


def _is_a_value(holder: Json) -> bool:
    return isinstance(holder, dict) and set(holder) <= {"S", "N", "BOOL", "NULL", "B", "SS", "NS", "M", "L"}


def _holders(value: Json) -> Iterator[Json]:
    """The value's dictionaries and lists, at any depth."""
    if isinstance(value, dict | list):
        yield value
        for inner in _values(value):
            yield from _holders(inner)


def _values(holder: Json) -> Iterator[Json]:
    yield from holder.values() if isinstance(holder, dict) else holder
