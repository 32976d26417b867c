"""Attributes of a resource by path: `lambda_config.*.post_confirmation`, where `*` is any key or position."""

from collections.abc import Iterator, Mapping, Sequence

from scripts.plan_review.values import UNKNOWN, Json, Unknown

# parts of a path, of which some may be "*"
Pattern = Sequence[str]
Path = tuple[str | int, ...]


def matching(value: Json, pattern: Pattern) -> Iterator[tuple[Path, Json]]:
    """Each place that the pattern names, with what is there; or one above it, if all is unknown there."""
    if isinstance(value, Unknown):
        yield tuple(pattern[:1]), value
    else:
        yield from _below(value, pattern)


def at(value: Json, path: Path) -> Json:
    """What is at a place; None if there is no such place, UNKNOWN if that is known after apply only."""
    for key in path:
        if isinstance(value, Unknown):
            return UNKNOWN
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def text(path: Path) -> str:
    return ".".join(map(str, path))


def _below(value: Json, pattern: Pattern) -> Iterator[tuple[Path, Json]]:
    if not pattern or isinstance(value, Unknown):
        yield (), value
        return
    for key, inner in _inner(value, pattern[0]):
        for rest, found in _below(inner, pattern[1:]):
            yield (key, *rest), found


def _inner(value: Json, part: str) -> Iterator[tuple[str | int, Json]]:
    if isinstance(value, Mapping):
        yield from value.items() if part == "*" else ((part, value[part]),) if part in value else ()
    elif isinstance(value, list):
        if part == "*":
            yield from enumerate(value)
        elif part.isdecimal() and part.isascii() and int(part) < len(value):
            yield int(part), value[int(part)]
