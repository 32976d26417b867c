"""In which ways policy documents would allow more than they did.

The documents that make up one holder's permissions are looked at together: a statement that only moves from
one of a role's policies to another widens nothing, and a second policy may well do. Names are compared as IAM
does, with `*` and `?` ("IAM JSON policy elements: Resource"); what IAM decides is not computed. So a finding
says that a document allows something new, not that nothing else has forbidden or allowed it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from scripts.plan_review.iam import Statement
from scripts.plan_review.plan import Action, Change
from scripts.plan_review.rules import ActionClass, Kind, Widening

# Resources whose ARN begins with their name. All others begin with their type, as in table/NAME: "Actions,
# resources, and condition keys for AWS services", Service Authorization Reference.
UNTYPED = {"execute-api", "s3", "sns", "sqs"}
EVERYBODY = {"*", "AWS: *"}
# conditions that tell who somebody is or where they come from: these operators, but on these keys, which ask
# for something that anybody can do, and with these values, which all have ("The meaning of 'public'", Amazon
# S3 User Guide). One with IfExists, ForAllValues or Null also holds for who says nothing.
TELLING = re.compile(
    r"(ForAnyValue:)?(StringEquals(IgnoreCase)?|(String|Arn)Like|ArnEquals|IpAddress|Bool)", re.I
)
ANYBODYS = re.compile(
    r"aws:(CurrentTime|EpochTime|MultiFactorAuth\w+|Referer|Requested\w+|RequestTag/.*|Resource\w+(/.*)?"
    r"|SecureTransport|TagKeys|TokenIssueTime|UserAgent)|s3:(?!DataAccessPoint)[^:]+|sns:Protocol",
    re.I,
)
ALL_OF_THEM = re.compile(r"[*?:]*|arn:[*?:]*|0\.0\.0\.0/0|::/0|false", re.I)
# operators of a condition that hold for what is *not* one of the values
NEGATED = re.compile(r"Not", re.IGNORECASE)
# those that compare texts; a weaker one of these has more values
POSITIVE = re.compile(r"(ForA\w+:)?(String|Arn|IpAddress)", re.IGNORECASE)


@dataclass(frozen=True)
class Document:
    """One policy document before and after.

    path: where in the resource it is.
    before: its statements; none if there was none.
    after: the same, or None if it is known after apply only.
    """

    change: Change
    path: tuple[str | int, ...]
    before: tuple[Statement, ...]
    after: tuple[Statement, ...] | None


@dataclass
class Permissions:
    """What one holder is given by documents of one kind.

    is_new: the holder is made by this plan, so that nothing of it can be widened.
    is_gone: it is destroyed by this plan.
    given: documents that it has after; taken: that it had before. Most are both.
    """

    kind: Kind
    is_new: bool = False
    is_gone: bool = False
    given: list[Document] = field(default_factory=list)
    taken: list[Document] = field(default_factory=list)

    def allowed_before(self) -> list[Statement]:
        return _of(self.taken, "Allow", lambda document: document.before)

    def denied_before(self) -> list[Statement]:
        return _of(self.taken, "Deny", lambda document: document.before)

    def denied_after(self) -> list[Statement]:
        return _of(self.given, "Deny", lambda document: document.after or ())

    def allowed(self) -> Iterator[tuple[Document, Statement]]:
        """What is allowed after by documents that the plan changes."""
        for document in self.given:
            if document.change.action not in (Action.NO_OP, Action.MOVE):
                for statement in document.after or ():
                    if statement.effect == "Allow":
                        yield document, statement


def widened(
    permissions: Permissions, widening: Widening, classes: Sequence[ActionClass]
) -> Iterator[tuple[Document, str]]:
    """The documents that widen the permissions in this way, each with what is new, in words."""
    match widening:
        case Widening.STAR:
            return _starred(permissions)
        case Widening.ANYONE:
            return _for_anyone(permissions)
        case Widening.PRINCIPAL:
            return _principals(permissions)
        case Widening.ACTIONS:
            return _classes_of_actions(permissions, classes)
        case Widening.CONDITION:
            return _weaker_conditions(permissions)
        case Widening.DENY:
            return _dropped_denials(permissions)
        case Widening.UNKNOWN:
            return (
                (document, "(known after apply)") for document in permissions.given if document.after is None
            )


def _starred(permissions: Permissions) -> Iterator[tuple[Document, str]]:
    kind, before = permissions.kind, permissions.allowed_before()
    for document, statement in permissions.allowed():
        starred = {
            str(action) if resource == ITSELF else f"{action} on {resource}"
            for action in _actions(statement)
            for resource in _resources(statement, kind)
            if (action.is_wide or resource.is_wide or _widens(before, kind, action, resource))
            and not any(_is_on(old, kind, action, resource) for old in before)
        }
        for text in sorted(starred):
            yield document, f"allows {text}"


def _widens(before: Sequence[Statement], kind: Kind, action: "_Names", resource: "_Names") -> bool:
    """Whether a wildcard takes in what the action was allowed on by a narrower name."""
    return "*" in resource.glob and any(
        _covers([resource], old_resource)
        for old in before
        if _covers(_actions(old), action)
        for old_resource in _resources(old, kind)
    )


def _for_anyone(permissions: Permissions) -> Iterator[tuple[Document, str]]:
    kind = permissions.kind
    before = [old for old in permissions.allowed_before() if _is_for_anyone(old)]
    for document, statement in permissions.allowed():
        if _is_for_anyone(statement):
            new = {
                str(action): None
                for action in _actions(statement)
                for resource in _resources(statement, kind)
                if not any(
                    _is_on(old, kind, action, resource) and _covers_principals(old, statement)
                    for old in before
                )
            }
            if new:
                yield document, f"allows everybody {_listed(new)}"


def _principals(permissions: Permissions) -> Iterator[tuple[Document, str]]:
    if permissions.is_new:
        return
    before = {_account(who) for old in permissions.allowed_before() for who in _principals_of(old)}
    of_all = [a for old in permissions.allowed_before() if _is_for_anyone(old) for a in _actions(old)]
    for document, statement in permissions.allowed():
        # what everybody may is what `anyone` finds
        if not _is_for_anyone(statement) and not all(_covers(of_all, a) for a in _actions(statement)):
            for who in sorted(_principals_of(statement)):
                if _account(who) not in before:
                    yield document, f"allows {who}"


def _classes_of_actions(
    permissions: Permissions, classes: Sequence[ActionClass]
) -> Iterator[tuple[Document, str]]:
    if permissions.is_new:
        return
    before = [
        (
            {_account(who) for who in _principals_of(old)},
            {found for action in _actions(old) for found in _classes(action, classes)},
        )
        for old in permissions.allowed_before()
    ]
    known = {who for principals, _ in before for who in principals}
    for document, statement in permissions.allowed():
        new: dict[str, None] = {}
        for who in sorted({_account(who) for who in _principals_of(statement)}) or [""]:
            # somebody new is what `principal` finds
            had = {
                found
                for principals, some in before
                if who not in known or principals & {who, *EVERYBODY}
                for found in some
            }
            for action in _actions(statement):
                for service, name in _classes(action, classes):
                    if not {(service, name), ("*", name)} & had:
                        new[f"allows {name} on {service}: {action}"] = None
        for text in new:
            yield document, text


def _weaker_conditions(permissions: Permissions) -> Iterator[tuple[Document, str]]:
    if permissions.is_new:
        return
    kind, before = permissions.kind, permissions.allowed_before()
    for document, statement in permissions.allowed():
        weaker = set()
        for action in _actions(statement):
            for resource in _resources(statement, kind):
                same = [
                    old
                    for old in before
                    if _meets(_actions(old), action)
                    and _meets(_resources(old, kind), resource)
                    and _covers_principals(old, statement)
                ]
                if not any(
                    _is_on(old, kind, action, resource) and _as_strict(statement, old) for old in same
                ):
                    weaker |= {condition for old in same for condition in _missing(statement, old)}
        for condition in sorted(weaker):
            yield document, f"no longer asks for {condition}"


def _dropped_denials(permissions: Permissions) -> Iterator[tuple[Document, str]]:
    if permissions.is_gone:
        return  # with the resource go its denials
    kind, after = permissions.kind, permissions.denied_after()
    if any(document.after is None for document in permissions.given):
        return  # found as unknown
    for document in permissions.taken:
        for old in document.before:
            if old.effect != "Deny":
                continue
            dropped = [
                action
                for action in _actions(old)
                for resource in _resources(old, kind)
                if not any(
                    _is_on(new, kind, action, resource)
                    and _covers_principals(new, old)
                    and _as_strict(old, new)
                    for new in after
                )
            ]
            if dropped:
                who = f" {_listed(sorted(_principals_of(old)))}" if _principals_of(old) else ""
                yield document, f"no longer denies{who} {_listed(dict.fromkeys(map(str, dropped)))}"


@dataclass(frozen=True)
class _Names:
    """A name of an action or resource, which may hold wildcards; or all but some.

    but: what is not meant, if it is all but that.
    """

    glob: str
    is_wide: bool
    but: frozenset[str] = frozenset()
    written: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"all but {_listed(sorted(self.but))}" if self.but else self.written or self.glob


# what a policy stands on
ITSELF = _Names("*", is_wide=False)
# what is in a resource, so that its policy may be on a part of it
WITHIN = re.compile(r"arn:[^:]*:s3:")


@cache
def _actions(statement: Statement) -> tuple[_Names, ...]:
    """What it is about. Names of actions count in any case."""
    but = frozenset(name.lower() for name in statement.values("NotAction"))
    named = (
        _Names(name.lower(), is_wide="*" in name or "?" in name, written=name)
        for name in statement.values("Action")
    )
    return (*sorted(named, key=str), *([_Names("*", is_wide=True, but=but)] if but else []))


@cache
def _resources(statement: Statement, kind: Kind) -> tuple[_Names, ...]:
    """What it is on.

    One that stands on a resource or role is on that, whatever it says; but a bucket's says on which objects.
    """
    identity = kind is Kind.IDENTITY
    named, but = (
        [name for name in statement.values(part) if identity or WITHIN.match(name)]
        for part in ("Resource", "NotResource")
    )
    found = {_Names(name, is_wide=identity and _is_nameless(name)) for name in named}
    if but:
        found.add(_Names("*", is_wide=True, but=frozenset(but)))
    elif not identity and len(named) < max(1, len(statement.values("Resource"))):
        found.add(ITSELF)
    return tuple(sorted(found, key=str))


def _is_nameless(arn: str) -> bool:
    """Whether no part of a resource's name is given: *, or arn:aws:dynamodb:*:*:table/*."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "*" in arn
    service, name = parts[2], [part for part in re.split("[:/]", parts[5]) if part]
    place = 0 if service in UNTYPED or len(name) < 2 else 1
    return "*" in service or not name or any(not part.strip("*?") for part in name[: place + 1])


def _is_on(statement: Statement, kind: Kind, action: _Names, resource: _Names) -> bool:
    """Whether a statement is about all of this action on all of this resource."""
    return _covers(_actions(statement), action) and _covers(_resources(statement, kind), resource)


def _covers(names: Iterable[_Names], one: _Names) -> bool:
    """Whether what one names is among what the names name."""
    return any(_covers_one(name, one) for name in names)


def _meets(names: Iterable[_Names], one: _Names) -> bool:
    """Whether something is among what the names name and also what one names."""
    return any(
        _overlap(name.glob, one.glob)
        and not any(_matches(but, one.glob) for but in name.but)
        and not any(_matches(but, name.glob) for but in one.but)
        for name in names
    )


def _covers_one(wide: _Names, one: _Names) -> bool:
    if one.but:
        return wide.glob == "*" and all(any(_matches(b, but) for b in one.but) for but in wide.but)
    if wide.but and any(_overlap(but, one.glob) for but in wide.but):
        return False
    return _matches(wide.glob, one.glob)


@cache
def _matches(glob: str, name: str) -> bool:
    """Whether a name, which may hold wildcards itself, is all within a glob."""
    return bool(_pattern(glob).fullmatch(name))


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    # a `?` is not as much as a `*`
    first, *parts = (
        "".join("[^*]" if letter == "?" else re.escape(letter) for letter in part)
        for part in re.split(r"\*+", glob)
    )
    # each part is taken where it comes first, so that nothing is tried twice
    found = "".join(f"(?>.*?{part})" for part in parts[:-1])
    return re.compile(f"{first}{found}.*{parts[-1]}" if parts else first, re.DOTALL)


@cache
def _overlap(one: str, other: str) -> bool:
    """Whether there is a name that is within both globs."""
    if not {*one} & {*"*?"}:
        return _matches(other, one)
    if not {*other} & {*"*?"}:
        return _matches(one, other)
    reached, todo = set(), [(0, 0)]
    while todo:
        here, there = todo.pop()
        if (here, there) in reached:
            continue
        reached.add((here, there))
        mine, others = one[here : here + 1], other[there : there + 1]
        if mine == "*":
            todo += [(here + 1, there)] + ([(here, there + 1)] if others else [])
        if others == "*":
            todo += [(here, there + 1)] + ([(here + 1, there)] if mine else [])
        if mine and others and (mine == others or "?" in (mine, others)):
            todo.append((here + 1, there + 1))
    return (len(one), len(other)) in reached


def _classes(action: _Names, classes: Sequence[ActionClass]) -> list[tuple[str, str]]:
    """The service and the classes of which an action, which may hold wildcards, can be."""
    service = action.glob.partition(":")[0]
    found = []
    for action_class in classes:
        globs = [glob.lower() for glob in action_class.actions]
        if any(_overlap(glob, action.glob) for glob in globs):
            found.append(("*" if set(service) & set("*?") else service, action_class.name))
        if any(_matches(glob, action.glob) for glob in globs):
            break
    return found


def _principals_of(statement: Statement) -> set[str]:
    return statement.values("Principal") | {f"all but {who}" for who in statement.values("NotPrincipal")}


def _account(principal: str) -> str:
    """A principal. An account is the same by number and by its root's ARN: "AWS JSON policy elements"."""
    found = re.fullmatch(r"AWS: (?:arn:[\w-]+:iam::)?(\d{12})(?::root)?", principal)
    return f"AWS: {found[1]}" if found else principal


def _is_for_anyone(statement: Statement) -> bool:
    return bool(statement.values("Principal") & EVERYBODY or statement.values("NotPrincipal")) and not any(
        _tells_who(test, values) for test, values in _conditions(statement).items()
    )


def _tells_who(test: str, values: set[str]) -> bool:
    operator, _, key = test.partition(" ")
    return bool(TELLING.fullmatch(operator)) and not (
        ANYBODYS.fullmatch(key) or any(ALL_OF_THEM.fullmatch(value) for value in values)
    )


def _covers_principals(wide: Statement, one: Statement) -> bool:
    mine, others = ({_account(who) for who in _principals_of(it)} for it in (wide, one))
    if wide.values("NotPrincipal") and one.values("NotPrincipal"):
        return mine <= others  # fewer exceptions
    return bool(mine & EVERYBODY) or others <= mine


def _conditions(statement: Statement) -> dict[str, set[str]]:
    """Operator and key → values."""
    found: dict[str, set[str]] = {}
    for text in statement.values("Condition"):
        test, _, value = text.partition(": ")
        found.setdefault(test, set()).add(value)
    return found


def _as_strict(statement: Statement, other: Statement) -> bool:
    """Whether the statement's conditions hold only where the other's do."""
    return not _missing(statement, other)


def _missing(statement: Statement, other: Statement) -> list[str]:
    """The conditions of the other that the statement does not have, nor a stricter one in its place."""
    mine = _conditions(statement)
    return [
        f"{test}: {_listed(sorted(values))}"
        for test, values in _conditions(other).items()
        if test not in mine or not _stricter(test, mine[test], values)
    ]


def _stricter(test: str, values: set[str], others: set[str]) -> bool:
    operator = test.partition(" ")[0]
    if NEGATED.search(operator):
        return others <= values
    if re.search("Like|Arn", operator, re.IGNORECASE):
        return all(any(_matches(other, value) for other in others) for value in values)
    return values <= others if POSITIVE.match(operator) else values == others


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _of(
    documents: Iterable[Document], effect: str, side: Callable[[Document], Iterable[Statement]]
) -> list[Statement]:
    return [statement for document in documents for statement in side(document) if statement.effect == effect]
