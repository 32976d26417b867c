"""What is different between two values of a plan, line by line, for people to read.

Texts that hold an IAM policy or other JSON are compared by what they say. Nothing sensitive gets here: the
values are `old` and `new` of a change, in which it is replaced.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from scripts.plan_review import configuration, iam
from scripts.plan_review.plan import Change, Plan
from scripts.plan_review.values import Json, Sensitive, Unknown, nests_too_deeply, same

# how long a value may be to stand on one line with the other one, or alone; in characters
BESIDE, ALONE = 100, 300
# the lines of a text that are shown
LINES = 60
# the names that one line lists; the values of a statement's part that are shown though they stay
NAMES, CONTEXT = 6, 3
# the comparisons of an element with another that a list is worth
COMPARISONS = 10_000
# two objects that have a smaller share of what they say in common are not one that was changed
ALIKE = 0.3
# the sign of a line that names what was null and becomes empty, or the other way round
EMPTIED = "~"


@dataclass(frozen=True)
class Line:
    """One line of a comparison.

    sign: "+" comes, "-" goes, "!" is another, " " stays, "#" is a remark.
    text: may hold any character; a line break in it is not the line's end.
    """

    sign: str
    text: str
    depth: int = 0


def lines(plan: Plan, change: Change) -> Iterator[Line]:
    """What the change would do to each attribute; last, in one line each, what tells little."""
    if not isinstance(change.old, Mapping | None) or not isinstance(change.new, Mapping | None):
        yield from compare("value", change.old, change.new)
        return
    later, emptied = [], []
    for name, before, after, is_computed in _attributes(plan, change):
        if is_computed:
            later.append(name)
        elif change.old is None or change.new is None:
            sign, value = ("+", after) if change.old is None else ("-", before)
            yield from () if _is_nothing(value) else _whole(sign, name, value, 0)
        else:
            for line in compare(name, before, after):
                if line.sign == EMPTIED:
                    emptied.append(line.text)
                else:
                    yield line
    if later:
        yield Line("#", f"known after apply: {_listed(later)}")
    if emptied:
        yield Line("#", f"from null to empty or from empty to null: {_listed(emptied)}")


def changed(plan: Plan, change: Change) -> list[str]:
    """The names of the attributes that would be others, sorted.

    What is computed, and null that becomes empty, is told only if there is nothing else.
    """
    if not isinstance(change.old, Mapping) or not isinstance(change.new, Mapping):
        return []
    found = sorted(
        (is_computed or (_is_nothing(before) and _is_nothing(after)), name)
        for name, before, after, is_computed in _attributes(plan, change)
    )
    return [name for tells_little, name in found if tells_little == found[0][0]]


def _attributes(plan: Plan, change: Change) -> Iterator[tuple[str, Json, Json, bool]]:
    """The attributes that are not the same on both sides: name, before, after, and whether it is computed.

    That is one that will be known, and that nobody sets.
    """
    old, new = change.old or {}, change.new or {}
    block = configuration.block(plan, change)
    for name in sorted({**old, **new}):
        before, after = old.get(name), new.get(name)
        if not same(before, after) and not (name == "tags_all" and _is_like_tags(old, new)):
            is_set = block is None or name in (block.get("expressions") or {})
            yield path("", name), before, after, isinstance(after, Unknown) and not is_set


def _is_like_tags(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    own, all_of_them = ([*compare("", old.get(name), new.get(name))] for name in ("tags", "tags_all"))
    return own == all_of_them


def forcing(change: Change) -> list[str]:
    """The attributes that force a replacement, as far as their paths go through names and places in lists.

    A step into a set is the element itself, which may be sensitive: there, and at what is hidden, it ends.
    """
    found = []
    for steps in change.replace_paths:
        name, sides = "", [change.old, change.new]
        for step in steps:
            inside = [side[step] for side in sides if _leads(side, step)]
            if not inside:
                break
            name, sides = path(name, step), inside
        if name and name not in found:
            found.append(name)
    return found


def _leads(value: Json, step: Json) -> bool:
    if isinstance(value, Mapping):
        return isinstance(step, str) and step in value
    number = isinstance(step, int) and not isinstance(step, bool)
    return isinstance(value, list) and number and 0 <= step < len(value)


def path(name: str, step: str | int) -> str:
    """The name of an attribute or element in what has the name, as Terraform writes it."""
    if isinstance(step, int):
        return f"{name}[{step}]"
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", step):
        return f"{name}.{step}" if name else step
    return f"{name}[{_quoted(step)}]"


def text(value: Json) -> str:
    """A value on one line, as JSON where that can say it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(name)}: {text(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(text, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return str(value) if isinstance(value, Decimal | Sensitive | Unknown) else json.dumps(value)


def compare(name: str, old: Json, new: Json, depth: int = 0) -> Iterator[Line]:
    """What is different. null is nothing: what was null comes, what will be null goes."""
    if same(old, new):
        return
    found = []
    if depth == 0 and _is_nothing(old) and _is_nothing(new):
        found = [Line(EMPTIED, name)]
    elif isinstance(new, Unknown) and len(text(old)) > BESIDE:
        found = [*_whole("-", name, old, depth), Line("+", f"{name}: {new}", depth)]
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        found = [*(_policies(name, old, new, depth) or _objects(name, old, new, depth))]
    elif isinstance(old, list) and isinstance(new, list):
        found = [*_lists(name, old, new, depth)]
    elif isinstance(old, str) and isinstance(new, str):
        found = [*_texts(name, old, new, depth)]
    elif old is None or new is None:
        found = [*_whole("+" if old is None else "-", name, new if old is None else old, depth)]
    yield from found or _both(name, text(old), text(new), depth)


def _objects(name: str, old: Mapping[str, Json], new: Mapping[str, Json], depth: int) -> Iterator[Line]:
    for key in sorted({**old, **new}):
        yield from compare(path(name, key), old.get(key), new.get(key), depth)


def _lists(name: str, old: list[Json], new: list[Json], depth: int) -> Iterator[Line]:
    """What is on both sides is left out, wherever it stands; objects that are alike are compared."""
    gone, come = _unmatched(old, new)
    pairs = _alike(gone, come)
    for place, element in gone.items():
        if place not in pairs.values():
            yield from _element("-", name, place, element, depth)
    for place, element in come.items():
        if place in pairs:
            yield from compare(path(name, place), gone[pairs[place]], element, depth)
        else:
            yield from _element("+", name, place, element, depth)


def _element(sign: str, name: str, place: int, element: Json, depth: int) -> Iterator[Line]:
    # the place of a scalar tells nothing: many lists are sets
    return _whole(sign, path(name, place) if isinstance(element, Mapping | list) else name, element, depth)


def _unmatched(old: list[Json], new: list[Json]) -> tuple[dict[int, Json], dict[int, Json]]:
    """The elements that the other side does not have, by their places."""
    gone, come = dict(enumerate(old)), dict(enumerate(new))
    shown: dict[str, list[int]] = {}
    for place, element in reversed(gone.items()):
        shown.setdefault(text(element), []).append(place)
    for place, element in list(come.items()):
        # what is hidden reads the same, whatever it is; so look until one is the same
        places = shown.get(text(element), [])
        found = next((former for former in reversed(places[-100:]) if same(gone[former], element)), None)
        if found is not None:
            places.remove(found)
            del gone[found], come[place]
    return gone, come


def _alike(gone: Mapping[int, Json], come: Mapping[int, Json]) -> dict[int, int]:
    """Of each object that comes, the place of the one which it was, if it was one of those that go."""
    if len(gone) * len(come) > COMPARISONS:
        return {}
    alone = len(gone) == len(come) == 1
    before, after = (
        {place: _leaves(it) for place, it in side.items() if isinstance(it, Mapping)} for side in (gone, come)
    )
    likeness = sorted(
        (-like, place, former)
        for place, new in after.items()
        for former, old in before.items()
        if (like := len(old & new) / (len(old | new) or 1)) >= ALIKE or alone
    )
    pairs: dict[int, int] = {}
    for _, place, former in likeness:
        if place not in pairs and former not in pairs.values():
            pairs[place] = former
    return pairs


def _leaves(value: Json, name: str = "") -> set[tuple[str, str]]:
    """What an object says: the values in it, with their names. What is empty says nothing."""
    if isinstance(value, Mapping | list) and value:
        steps = value.items() if isinstance(value, Mapping) else enumerate(value)
        return {leaf for step, inner in steps for leaf in _leaves(inner, path(name, step))}
    return set() if _is_nothing(value) else {(name, text(value))}


def _texts(name: str, old: str, new: str, depth: int) -> Iterator[Line]:
    before, after = _json(old), _json(new)
    if before is not None and after is not None:
        found = _policies(name, before, after, depth)
        if found is None:
            found = [Line("!", f"{name}: JSON", depth), *compare("", before, after, depth + 1)]
        yield from found if len(found) > 1 else [Line("#", f"{name}: only the layout of its JSON", depth)]
    elif "\n" in old or "\n" in new:
        yield Line("!", f"{name}:", depth)
        yield from _limited(_text_lines(old.splitlines(), new.splitlines(), depth + 1))
    else:
        yield from _both(name, text(old), text(new), depth)


def _text_lines(old: list[str], new: list[str], depth: int) -> Iterator[Line]:
    if old == new:
        yield Line("#", "only its line breaks", depth)
    elif len(old) * len(new) > COMPARISONS * LINES:
        yield Line("#", f"a text of {len(old):,} lines becomes another one of {len(new):,}", depth)
        return
    for line in [*difflib.unified_diff(old, new, n=1, lineterm="")][2:]:
        place = re.fullmatch(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@", line)
        yield Line("#", f"line {place[1]}", depth) if place else Line(line[0], _cut(line[1:]), depth)


def _policies(name: str, old: Json, new: Json, depth: int) -> list[Line] | None:
    """The statements that are different, of what are two policy documents, or None."""
    before, after = iam.statements(old), iam.statements(new)
    if before is None or after is None:
        return None
    rest_old, rest_new = (
        {key: value for key, value in side.items() if key.lower() != "statement"} for side in (old, new)
    )
    return [
        Line("!", f"{name}: IAM policy", depth),
        *_objects("", rest_old, rest_new, depth + 1),
        *(line for change in iam.compare(before, after) for line in _statement(change, depth + 1)),
    ]


def _statement(change: iam.StatementChange, depth: int) -> Iterator[Line]:
    both = [it for it in (change.old, change.new) if it]
    sign = "!" if len(both) == 2 else "+" if change.new else "-"
    # two only where they are not the same
    sid = " → ".join(dict.fromkeys(it.sid or "without a Sid" for it in both))
    effect = " → ".join(dict.fromkeys(it.effect for it in both))
    yield Line(sign, f"statement {sid}: {effect}", depth)
    for part in iam.PARTS:
        yield from _values(" ", part, change.kept(part)[:CONTEXT], depth + 1)
        if (more := len(change.kept(part)) - CONTEXT) > 0:
            yield Line(" ", f"{part}: … {more:,} more that stay", depth + 1)
        yield from _values("-", part, change.removed(part), depth + 1)
        yield from _values("+", part, change.added(part), depth + 1)


def _values(sign: str, part: str, values: Iterable[str], depth: int) -> Iterator[Line]:
    return (Line(sign, f"{part}: {_cut(value)}", depth) for value in values)


def _whole(sign: str, name: str, value: Json, depth: int) -> Iterator[Line]:
    """All of a value that comes or goes, but what is null in it."""
    parsed = _json(value) if isinstance(value, str) else value
    one_line = text(_pruned(value))
    if (found := iam.statements(parsed)) is not None:
        yield Line(sign, f"{name}: IAM policy", depth)
        for statement in found:
            old, new = (None, statement) if sign == "+" else (statement, None)
            yield from _statement(iam.StatementChange(old, new), depth + 1)
    elif isinstance(value, str) and len(one_line) > BESIDE and isinstance(parsed, Mapping | list):
        yield Line(sign, f"{name}: JSON", depth)
        yield from _inside(sign, "", parsed, depth + 1)
    elif isinstance(value, str) and "\n" in value.strip():
        yield Line(sign, f"{name}:", depth)
        yield from _limited(Line(sign, _cut(line), depth + 1) for line in value.splitlines())
    elif isinstance(value, Mapping | list) and len(one_line) > BESIDE:
        yield from _inside(sign, name, value, depth)
    else:
        yield Line(sign, f"{name}: {_cut(one_line)}", depth)


def _inside(sign: str, name: str, value: Mapping[str, Json] | list[Json], depth: int) -> Iterator[Line]:
    for step, inner in sorted(value.items()) if isinstance(value, Mapping) else enumerate(value):
        if not _is_nothing(inner):
            yield from _whole(sign, path(name, step), inner, depth)


def _pruned(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: _pruned(inner) for name, inner in value.items() if inner is not None}
    return [_pruned(inner) for inner in value] if isinstance(value, list) else value


def _is_nothing(value: Json) -> bool:
    return value is None or value in ("", [], {})


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _both(name: str, old: str, new: str, depth: int) -> Iterator[Line]:
    if old != new and len(old) + len(new) <= BESIDE:
        yield Line("!", f"{name}: {old} → {new}", depth)
        return
    if old == new:
        # what is hidden reads the same
        yield Line("!", f"{name}: {_cut(old)}", depth)
        return
    # two long ones are shown from shortly before they begin to be different
    alike = next(
        (place for place, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]),
        min(len(old), len(new)),
    )
    start = max(0, alike - BESIDE // 2) if max(len(old), len(new)) > ALONE else 0
    for sign, value in (("-", old), ("+", new)):
        yield Line(sign, f"{name}: {'…' if start else ''}{_cut(value[start:])}", depth)


def _limited(found: Iterable[Line]) -> Iterator[Line]:
    all_of_them = list(found)
    yield from all_of_them[:LINES]
    if len(all_of_them) > LINES:
        yield Line("#", f"… {len(all_of_them) - LINES:,} more lines", all_of_them[0].depth)


def _cut(value: str) -> str:
    return value if len(value) <= ALONE else f"{value[:ALONE]}… ({len(value) - ALONE:,} more characters)"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json(value: str) -> Json:
    """What a text holds as JSON: an object or a list. None if it is something else."""
    if not value.lstrip().startswith(("{", "[")):
        return None
    try:
        found = json.loads(value, object_pairs_hook=_object, parse_float=Decimal, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return None if nests_too_deeply(found) else found


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # one that is written twice would be hidden by the other
        raise ValueError
    return found


def _refused(_constant: str) -> None:
    raise ValueError
