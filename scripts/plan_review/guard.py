"""What in a plan stops it, by rules that are data (rules.toml), and which findings were allowed by name.

A value that is known after apply only counts as what it must not be: what cannot be told is not passed over.
Where there is nothing yet that could be lost or widened, it does not stop the plan, and is named as not
judged.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from scripts.plan_review import configuration, paths
from scripts.plan_review.documents import Holders, permissions
from scripts.plan_review.permissions import Permissions, widened
from scripts.plan_review.plan import Action, Change, Plan
from scripts.plan_review.rules import AttributePath, Match, Predicate, Rule, Rules, Widening, fits
from scripts.plan_review.values import Json, Sensitive, Unknown, is_hidden, same


@dataclass(frozen=True)
class Finding:
    """What a rule has found in one resource.

    details: what it is, in words, without anything sensitive.
    unknown: whether it may be as well that there is nothing, which is known after apply only.
    """

    rule: Rule
    address: str
    details: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def override(self) -> str:
        """What allows this finding and no other."""
        return f"{self.rule.name}={self.address}"


@dataclass(frozen=True)
class Verdict:
    """What the guard says of a plan.

    stops: what stops it; overridden: what would, if it had not been allowed.
    not_judged: what could not be told, of things that are new.
    unused: the overrides that allowed nothing.
    """

    stops: tuple[Finding, ...] = ()
    overridden: tuple[Finding, ...] = ()
    not_judged: tuple[Finding, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        return not self.stops


def check(plan: Plan, rules: Rules, allowed: Collection[str] = ()) -> Verdict:
    """Goes by the rules.

    Args:
        allowed: overrides, each the name of a rule, or NAME=ADDRESS for one resource alone.
    """
    found = [*_findings(plan, rules)]
    used: set[str] = set()
    stops, overridden, not_judged = [], [], []
    for finding, is_new in found:
        names = {finding.rule.name, finding.override} & set(allowed)
        used |= names
        if finding.unknown and is_new:
            not_judged.append(finding)
        elif names:
            overridden.append(finding)
        else:
            stops.append(finding)
    unused = tuple(dict.fromkeys(name for name in allowed if name not in used))
    return Verdict(tuple(stops), tuple(overridden), tuple(not_judged), unused)


@dataclass(frozen=True)
class _Found:
    """One thing that a match has found.

    is_new: whether it is about something that the plan makes.
    """

    address: str
    detail: str = ""
    unknown: bool = False
    is_new: bool = False


def _findings(plan: Plan, rules: Rules) -> Iterator[tuple[Finding, bool]]:
    """One for each rule and resource, in the order of the rules; and whether it is about what is new."""
    in_documents = _Documents(plan, rules)
    in_values = _Values(plan)
    for rule in rules.rules:
        found: dict[tuple[str, bool, bool], dict[str, None]] = {}
        for match in rule.matches:
            looked_at = in_documents if match.test is Predicate.WIDENED else in_values
            for one in looked_at.find(match):
                details = found.setdefault((one.address, one.unknown, one.is_new and one.unknown), {})
                if one.detail:
                    details[one.detail] = None
        for (address, unknown, is_new), details in found.items():
            yield Finding(rule, address, tuple(details), unknown), is_new


class _Documents:
    """Finds in policy documents."""

    def __init__(self, plan: Plan, rules: Rules) -> None:
        self._permissions = permissions(plan, rules.sources)
        self._classes = rules.classes
        # whether a document of this kind is known is said by a rule of its own, if there is one
        self._told = {
            kind
            for rule in rules.rules
            for match in rule.matches
            if match.widening is Widening.UNKNOWN
            for kind in match.kinds
        }

    def find(self, match: Match) -> Iterator[_Found]:
        for one in self._permissions:
            if one.kind in match.kinds:
                for widening in {match.widening, *([] if one.kind in self._told else [Widening.UNKNOWN])}:
                    yield from self._in(one, match, widening)

    def _in(self, one: Permissions, match: Match, widening: Widening | None) -> Iterator[_Found]:
        for document, detail in widened(one, widening, self._classes) if widening else ():
            if _applies(match, document.change):
                where, old, new = _seen(document.change, document.path)
                if "(sensitive)" in (old, new):
                    detail = "(sensitive)"
                unknown = widening is Widening.UNKNOWN
                yield _Found(document.change.address, f"{where}: {detail}", unknown, one.is_new)


class _Values:
    """Finds in the values of attributes, or in what becomes of a resource."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._holders = Holders(plan)

    def find(self, match: Match) -> Iterator[_Found]:
        for change in self._plan.changes:
            if not _applies(match, change) or (
                match.holder is not None and self._holders.is_new(change, match.holder)
            ):
                continue
            if match.test is None:
                yield _Found(change.address, change.action)
            else:
                yield from self._in(change, match, TESTS[match.test])

    def _in(self, change: Change, match: Match, test: "Test") -> Iterator[_Found]:
        is_new = change.action is Action.CREATE
        before, after = change.before, change.planned
        for pattern in match.paths:
            places = {path: None for side in (before, after) for path, _ in paths.matching(side, pattern)}
            for place in places:
                old, new = paths.at(before, place), paths.at(after, place)
                if isinstance(new, Unknown) and self._is_left_to_aws(change, match, place, old):
                    continue
                for name, unknown in test(old, new, match):
                    yield _Found(change.address, _told(change, place, name), unknown, is_new)

    def _is_left_to_aws(self, change: Change, match: Match, place: paths.Path, old: Json) -> bool:
        """Whether a value is unknown because nobody sets it; what was there and could be lost is not."""
        is_new = match.test in (Predicate.BECOMES, Predicate.GAINS) or not _is_something(old)
        return is_new and not configuration.is_set(self._plan, change, str(place[0]))


# what it finds in a value before and after: the name of an element, or nothing more than that it did; and
# whether that is because the value is unknown
Test = Callable[[Json, Json, Match], Iterator[tuple[str, bool]]]


def _lost(old: Json, new: Json, _: Match) -> Iterator[tuple[str, bool]]:
    if _is_something(old) and not _is_something(new):
        yield "", isinstance(new, Unknown)


def _changed(old: Json, new: Json, _: Match) -> Iterator[tuple[str, bool]]:
    if _is_something(old) and not same(old, new):
        yield "", is_hidden(new)


def _leaves(old: Json, new: Json, match: Match) -> Iterator[tuple[str, bool]]:
    if _is_one_of(old, match.values) and not _is_one_of(new, match.values):
        yield "", isinstance(new, Unknown)


def _becomes(old: Json, new: Json, match: Match) -> Iterator[tuple[str, bool]]:
    wanted = [_plain(value) for value in match.values]
    if not fits(_plain(old), wanted) and (isinstance(new, Unknown) or fits(_plain(new), wanted)):
        yield "", isinstance(new, Unknown)


def _gains(old: Json, new: Json, _: Match) -> Iterator[tuple[str, bool]]:
    had, has = (side if isinstance(side, list) else [] for side in (old, new))
    for element in [new] if isinstance(new, Unknown) else has:
        if not any(same(element, one) for one in had):
            yield _plain(element), isinstance(element, Unknown)


def _element_removed(old: Json, new: Json, match: Match) -> Iterator[tuple[str, bool]]:
    has = _by_key(new, match.key)
    # an element that is unknown may be any of them
    unknown = isinstance(new, Unknown) or any(isinstance(name, Unknown) for name, _ in has)
    for name, _ in _by_key(old, match.key):
        if name not in [other for other, _ in has]:
            yield _plain(name), unknown


def _element_changed(old: Json, new: Json, match: Match) -> Iterator[tuple[str, bool]]:
    has = _by_key(new, match.key)
    for name, element in _by_key(old, match.key):
        found = [other for key, other in has if same(key, name)]
        if found and not any(same(_pruned(element), _pruned(other)) for other in found):
            yield _plain(name), any(map(is_hidden, found))


TESTS: Mapping[Predicate, Test] = {
    Predicate.LOST: _lost,
    Predicate.CHANGED: _changed,
    Predicate.LEAVES: _leaves,
    Predicate.BECOMES: _becomes,
    Predicate.GAINS: _gains,
    Predicate.ELEMENT_REMOVED: _element_removed,
    Predicate.ELEMENT_CHANGED: _element_changed,
}


def _applies(match: Match, change: Change) -> bool:
    """Whether the match is about this resource and what becomes of it."""
    if change.mode != "managed" and change.action is not Action.READ:
        return False
    side = change.planned if change.before is None else change.before
    return (
        match.is_about(change)
        and all(_holds(side, path, globs, if_unknown=True) for path, globs in match.where)
        and not any(_holds(side, path, globs, if_unknown=False) for path, globs in match.unless)
    )


def _holds(side: Json, path: AttributePath, globs: tuple[str, ...], *, if_unknown: bool) -> bool:
    return any(
        if_unknown if isinstance(value, Unknown) else fits(_plain(value), globs)
        for _, value in paths.matching(side, path)
    )


def _plain(value: Json) -> str:
    """A value as a glob sees it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _is_something(value: Json) -> bool:
    """Whether it is a value: neither null nor empty. What is unknown may be nothing."""
    return not isinstance(value, Unknown) and value not in (None, "", [], {})


def _is_one_of(value: Json, values: tuple[Json, ...]) -> bool:
    return any(same(value, one) for one in values)


def _by_key(value: Json, key: str) -> list[tuple[Json, Json]]:
    """The elements of a list or set of blocks, each with what it is known by."""
    elements = value if isinstance(value, list) else []
    return [(paths.at(element, (key,)), element) for element in elements]


def _pruned(value: Json) -> Json:
    """Without what is null or empty: a provider writes the one or the other."""
    if isinstance(value, Mapping):
        return {name: _pruned(inner) for name, inner in value.items() if inner not in (None, "", [], {})}
    return [_pruned(inner) for inner in value] if isinstance(value, list) else value


def _told(change: Change, place: paths.Path, element: str) -> str:
    """What becomes of a value, in words."""
    where, old, new = _seen(change, place)
    sides = (paths.at(side, place) for side in (change.old, change.new))
    if "(sensitive)" in (old, new) or any(is_hidden(side, Sensitive) for side in sides):
        return where
    if element:
        return f"{where}: {element}"
    return where if old is None or new is None else f"{where}: {old} → {new}"


def _seen(change: Change, place: paths.Path) -> tuple[str, str | None, str | None]:
    """A place and the values there, as far as they may be shown; None for what is no scalar."""
    shortest, seen = place, list[str | None]()
    for side in (change.old, change.new):
        value, above = side, place
        for depth, key in enumerate(place):
            if isinstance(value, Sensitive):
                above = place[:depth]
                break
            value = paths.at(value, (key,))
        shortest = min(shortest, above, key=len)
        seen.append(None if isinstance(value, Mapping | list) else _plain(value) or '""')
    return paths.text(shortest), seen[0], seen[1]
