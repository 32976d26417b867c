"""The policy documents of a plan, and whose they are."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from scripts.plan_review import configuration, iam, paths
from scripts.plan_review.permissions import Document, Permissions
from scripts.plan_review.plan import Action, Change, Plan
from scripts.plan_review.rules import DocumentSource, Holder, Kind
from scripts.plan_review.values import Json, Unknown, is_hidden

POLICY_DOCUMENT = "aws_iam_policy_document"
# what one of its statements has → what it is called in a policy document
STATEMENT = {
    "sid": "Sid",
    "effect": "Effect",
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}
# what its documents may be merged from; they are looked at only if there is nothing of these
MERGED = ("override_json", "override_policy_documents", "source_json", "source_policy_documents")
# what others call a resource by; there cannot be two with the same
NAMES = ("arn", "bucket", "function_name", "id", "key_id", "name", "url")

Key = tuple[str | int | None, ...]


class Holders:
    """What the resources of a plan add to: whether it was there before, and whether it stays."""

    def __init__(self, plan: Plan) -> None:
        self._names: dict[tuple[str, Action], set[str]] = {}
        self._plan = plan
        self._replaced = [change for change in plan.changes if change.action is Action.REPLACE]
        for change in plan.changes:
            if change.action in (Action.CREATE, Action.DESTROY):
                self._names.setdefault((change.type, change.action), set()).update(_names(change))

    def is_new(self, change: Change, holder: Holder | None) -> bool:
        """Whether what the resource adds to is made by the same plan."""
        if holder is None:
            return change.action is Action.CREATE
        name = paths.at(change.planned if change.before is None else change.before, (holder.attribute,))
        if isinstance(name, Unknown):
            return not self._may_be_replaced(change, holder)
        # one that goes at another address and comes back by the same name was there
        made, gone = (self._names.get((holder.type, it), set()) for it in (Action.CREATE, Action.DESTROY))
        return isinstance(name, str) and name in made - gone

    def _may_be_replaced(self, change: Change, holder: Holder) -> bool:
        """Whether a name becomes known because what has it is made anew, and not because it is new."""
        found = configuration.references(self._plan, change, holder.attribute)
        prefix = f"{holder.type}."
        named = {re.split(r"[.\[]", it[len(prefix) :])[0] for it in found if it.startswith(prefix)}
        return any(
            other.type == holder.type
            and (not named or (other.module == change.module and other.name in named))
            for other in self._replaced
        )

    def is_gone(self, change: Change, holder: Holder | None) -> bool:
        """Whether what the resource adds to is destroyed by the same plan."""
        if holder is None:
            return change.action is Action.DESTROY
        name = paths.at(change.before, (holder.attribute,))
        return isinstance(name, str) and name in self._names.get((holder.type, Action.DESTROY), ())


def permissions(plan: Plan, sources: Sequence[DocumentSource]) -> list[Permissions]:
    """What each holder is given, before and after."""
    found: dict[Key, Permissions] = {}
    holders = Holders(plan)
    for change in plan.changes:
        seen: set[paths.Path] = set()
        for number, source in enumerate(sources):
            if change.type not in source.types or change.mode != "managed":
                continue
            before, after = _whose(change, source.holder)
            for document in _documents(plan, change, source):
                if document.path in seen:
                    continue
                seen.add(document.path)
                for whose, role in ((before, "taken"), (after, "given")):
                    if whose is not None:
                        owner = found.setdefault((number, *whose), Permissions(source.kind))
                        getattr(owner, role).append(document)
                        owner.is_new |= holders.is_new(change, source.holder)
                        owner.is_gone |= holders.is_gone(change, source.holder)
    return list(found.values())


def _documents(plan: Plan, change: Change, source: DocumentSource) -> Iterator[Document]:
    """The documents of one resource."""
    before, after = change.before, change.planned
    places = {
        path: None
        for pattern in source.paths
        for side in (before, after)
        for path, _ in paths.matching(side, pattern)
    }
    for path in places:
        old = _statements(paths.at(before, path), source.kind)
        new = _statements(paths.at(after, path), source.kind)
        old = old or ()  # what could not be read allows nothing that is known of
        if new is None and not configuration.is_set(plan, change, str(path[0])):
            new = old  # AWS sets what the configuration does not
        elif new is None:
            new = _deferred(plan, change, str(path[0]))
        if new is None or old or new:
            yield Document(change, path, old, new)


def _statements(value: Json, kind: Kind) -> tuple[iam.Statement, ...] | None:
    """The statements in an attribute's value; None if they are not known."""
    if isinstance(value, Unknown):
        return None
    if not isinstance(value, str) or not value.strip():
        return ()
    try:
        found = iam.statements(json.loads(value))
    except (ValueError, RecursionError):
        found = None
    if found is None:
        # an attribute of this name may hold something else, except on what IAM itself keeps
        return () if kind is Kind.RESOURCE else None
    return tuple(found)


def _deferred(plan: Plan, change: Change, attribute: str) -> tuple[iam.Statement, ...] | None:
    """What is known of a document that Terraform puts together when the plan is applied.

    In a data source that is read then, what it says is there already, but for the parts that are unknown.
    """
    prefix = f"data.{POLICY_DOCUMENT}."
    found = configuration.references(plan, change, attribute)
    names = {
        re.split(r"[.\[]", reference[len(prefix) :])[0] for reference in found if reference.startswith(prefix)
    }
    if len(names) != 1 or not all(reference.startswith((prefix, "each", "count")) for reference in found):
        return None
    sources = [
        other
        for other in plan.changes
        if (other.mode, other.type, other.name, other.module)
        == ("data", POLICY_DOCUMENT, *names, change.module)
    ]
    same = [other for other in sources if other.index == change.index] if len(sources) > 1 else sources
    # without what is sensitive in it: what is found in it is told
    return _assembled(same[0].new) if len(same) == 1 else None


def _assembled(document: Json) -> tuple[iam.Statement, ...] | None:
    """The statements of the data source aws_iam_policy_document."""
    entries = paths.at(document, ("statement",))
    if any(paths.at(document, (name,)) for name in MERGED) or not isinstance(entries, list):
        return None
    found = iam.statements({"Statement": [_entry(entry) for entry in entries]})
    return None if found is None else tuple(found)


def _entry(entry: Json) -> Json:
    """A statement as a policy document has it; a part that says nothing that can be read makes it none."""
    if not isinstance(entry, Mapping) or any(
        is_hidden(entry.get(name))
        for name in ("effect", "actions", "not_actions", "not_resources", "condition")
    ):
        return None
    said = {name: _told(entry[part]) for part, name in STATEMENT.items() if entry.get(part)}
    for part, name in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        if entry.get(part):
            said[name] = _principals(entry[part])
    if entry.get("condition"):
        said["Condition"] = _conditions(entry["condition"])
    return {"Effect": "Allow", **said}


def _principals(blocks: Json) -> Json:
    if not isinstance(blocks, list):
        return str(blocks)
    who: dict[str, list[Json]] = {}
    for one in blocks:
        names = _told(paths.at(one, ("identifiers",)))
        of_type = who.setdefault(str(_told(paths.at(one, ("type",)))), [])
        of_type.extend(names if isinstance(names, list) else [names])
    return who["*"] if list(who) == ["*"] else who


def _conditions(blocks: Json) -> Json:
    found: dict[str, dict[str, Json]] = {}
    for one in blocks if isinstance(blocks, list) else []:
        keys = found.setdefault(str(paths.at(one, ("test",))), {})
        keys[str(paths.at(one, ("variable",)))] = paths.at(one, ("values",))
    return found


def _told(value: Json) -> Json:
    if isinstance(value, list):
        return [_told(inner) for inner in value]
    return str(value) if is_hidden(value) else value


def _whose(change: Change, holder: Holder | None) -> tuple[Key | None, Key | None]:
    """Who holds what the resource says before and after; None where there is no resource."""
    alone: Key = (change.address, change.deposed)
    old, new = (
        alone
        if holder is None
        else ("", name)
        if isinstance(name := paths.at(side, (holder.attribute,)), str)
        else None
        for side in (change.before, change.planned)
    )
    had, has = change.before is not None, change.planned is not None
    return (old or alone if had else None), (new or old or alone if has else None)


def _names(change: Change) -> Iterator[str]:
    for side in (change.before, change.planned):
        for name in NAMES:
            if isinstance(value := paths.at(side, (name,)), str):
                yield value
