"""A saved plan as `terraform show -json` tells it: any configuration's, with any provider.

The source of what is read here is "JSON Output Format" in Terraform's documentation, format version 1.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Self

import click
import fastjsonschema

from scripts.plan_review.values import DEPTH, Json, nests_too_deeply, overlaid, shown, visible

HOW_TO = "give it what `terraform show -json PLAN` prints for a saved plan"


class PlanError(click.ClickException):
    """It is not a plan that can be read; the message says why, and quotes none of its values."""

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class Action(StrEnum):
    """What becomes of a resource: what Terraform's `actions` come to, a move and an import counted too.

    A resource that is moved or imported and also changed counts as what else is done to it.
    """

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DESTROY = "destroy"
    FORGET = "forget"
    MOVE = "move"
    IMPORT = "import"
    READ = "read"
    NO_OP = "no-op"


ACTIONS = {
    ("create",): Action.CREATE,
    ("update",): Action.UPDATE,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("create", "forget"): Action.REPLACE,
    ("forget", "create"): Action.REPLACE,
    ("delete",): Action.DESTROY,
    ("forget",): Action.FORGET,
    ("read",): Action.READ,
    ("no-op",): Action.NO_OP,
}


@dataclass(frozen=True, kw_only=True)
class Values:
    """What something is before and after.

    before, after: as Terraform gives them, with secrets; after without what is unknown. What is shown to
        people is `old` and `new`.
    after_unknown, before_sensitive, after_sensitive: masks, true where a value is that.
    """

    before: Json = field(default=None, repr=False)
    after: Json = field(default=None, repr=False)
    after_unknown: Json = field(default=False, repr=False)
    before_sensitive: Json = field(default=False, repr=False)
    after_sensitive: Json = field(default=False, repr=False)

    @property
    def old(self) -> Json:
        """The value before, with Sensitive in place of what may not be shown."""
        return self._shown[0]

    @property
    def new(self) -> Json:
        """The value after, with Sensitive and UNKNOWN in place of what may not or cannot be shown."""
        return self._shown[1]

    @cached_property
    def planned(self) -> Json:
        """The value after, with secrets, and with UNKNOWN in place of what is known after apply only."""
        return overlaid(self.after, self.after_unknown)

    @cached_property
    def _shown(self) -> tuple[Json, Json]:
        return shown(
            self.before,
            self.after,
            unknown=self.after_unknown,
            before_sensitive=self.before_sensitive,
            after_sensitive=self.after_sensitive,
        )


@dataclass(frozen=True, kw_only=True)
class Change(Values):
    """What the plan would do to one resource, or what has been done to it outside of Terraform (drift).

    actions: Terraform's own, e.g. ("create", "delete"); action: what they come to.
    module: the module's address; empty in the root.
    mode: "managed" or "data".
    index: its key under count or for_each.
    deposed: the key of a left-over object of the resource, which this is about instead of the current one.
    previous_address: what it is moved from.
    import_id: what it is imported by, an identity as JSON; empty if that is not known yet.
    replace_paths: the attributes that force the replacement. A step into a set is the element itself, so
        a path may hold what is sensitive.
    reason: Terraform's keyword for why, e.g. replace_because_tainted.
    deferred: the keyword for why it is put off to a later plan.
    """

    address: str
    type: str
    name: str
    actions: tuple[str, ...]
    module: str = ""
    mode: str = "managed"
    index: int | str | None = None
    provider: str = ""
    deposed: str | None = None
    previous_address: str | None = None
    importing: bool = False
    import_id: str = ""
    replace_paths: tuple[tuple[Json, ...], ...] = field(default=(), repr=False)
    reason: str = ""
    deferred: str = ""

    @property
    def action(self) -> Action:
        action = ACTIONS[self.actions]
        if action is Action.NO_OP and self.importing:
            return Action.IMPORT
        if action is Action.NO_OP and self.previous_address:
            return Action.MOVE
        return action

    @property
    def create_first(self) -> bool:
        """Whether a replacement is there before the old one goes."""
        return self.action is Action.REPLACE and self.actions[0] == "create"

    @property
    def deletes(self) -> bool:
        """Whether an object is deleted: destroyed, or replaced and not merely forgotten."""
        return "delete" in self.actions


@dataclass(frozen=True, kw_only=True)
class Output(Values):
    """What becomes of one output of the root module."""

    name: str
    actions: tuple[str, ...]

    @property
    def action(self) -> Action:
        return ACTIONS[self.actions]


@dataclass(frozen=True, kw_only=True)
class Invocation(Values):
    """An action block that is run: Terraform 1.14 and later. Its settings are the value after.

    trigger: the address of the resource whose change runs it; event: which change, e.g. AfterCreate.
    """

    address: str
    type: str
    trigger: str = ""
    event: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check block or condition that does not hold.

    status: "fail", or "error" if it could not be told.
    problems: its messages, from which Terraform has left out what is sensitive.
    """

    address: str
    status: str
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A saved plan.

    changes: of every resource, also of those of which nothing changes, in Terraform's order.
    drift: what was changed outside of Terraform since the last apply.
    deferred: what is put off to a later plan.
    configuration: what the plan was made from, in Terraform's configuration representation.
    variables: the values of the root module's variables, with secrets.
    complete: false if something is left out, by -target or because it is put off.
    errored: whether planning failed half-way; such a plan cannot be applied.
    """

    changes: tuple[Change, ...] = ()
    drift: tuple[Change, ...] = ()
    deferred: tuple[Change, ...] = ()
    outputs: tuple[Output, ...] = ()
    invocations: tuple[Invocation, ...] = ()
    checks: tuple[Check, ...] = ()
    configuration: Mapping[str, Json] = field(default_factory=dict, repr=False)
    variables: Mapping[str, Json] = field(default_factory=dict, repr=False)
    complete: bool = True
    errored: bool = False
    terraform_version: str = ""

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """A plan from JSON text. Numbers keep all their digits.

        Raises:
            PlanError: it is no plan that can be read.
        """
        try:
            document = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
        except RecursionError:
            raise PlanError(f"This nests too deeply to be a plan: {HOW_TO}.") from None
        except ValueError as error:
            where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            raise PlanError(f"This is not JSON{where}: {HOW_TO}.") from None
        return cls.of(document)

    @classmethod
    def of(cls, document: Json) -> Self:
        """A plan from its JSON, decoded.

        Raises:
            PlanError: it is no plan that can be read.
        """
        _check(document)
        _limit_depth(document.get("configuration"), document.get("variables"))
        return cls(
            changes=tuple(_change(entry) for entry in document.get("resource_changes") or ()),
            drift=tuple(_change(entry) for entry in document.get("resource_drift") or ()),
            deferred=tuple(
                _change(entry["resource_change"], entry.get("reason") or "unknown")
                for entry in document.get("deferred_changes") or ()
            ),
            outputs=tuple(
                Output(name=name, actions=_actions(f"output.{name}", change), **_values(change))
                for name, change in sorted((document.get("output_changes") or {}).items())
            ),
            invocations=tuple(_invocation(entry) for entry in document.get("action_invocations") or ()),
            checks=tuple(_failed_checks(document.get("checks") or ())),
            configuration=document.get("configuration") or {},
            variables={name: given.get("value") for name, given in (document.get("variables") or {}).items()},
            complete=document.get("complete") is not False,
            errored=document.get("errored") is True,
            terraform_version=document.get("terraform_version") or "",
        )


TEXT = {"type": "string"}
MAYBE = {"type": ["string", "null"]}
CHANGE = {
    "type": "object",
    "required": ["actions"],
    "properties": {
        "actions": {"type": "array", "items": TEXT},
        "importing": {"type": ["object", "null"], "properties": {"id": MAYBE}},
        "replace_paths": {"type": ["array", "null"], "items": {"type": "array"}},
    },
}
RESOURCE_CHANGE = {
    "type": "object",
    "required": ["address", "type", "name", "change"],
    "properties": {
        "address": TEXT,
        "type": TEXT,
        "name": TEXT,
        "change": CHANGE,
        "module_address": MAYBE,
        "mode": MAYBE,
        "index": {"type": ["integer", "string", "null"]},
        "provider_name": MAYBE,
        "deposed": MAYBE,
        "previous_address": MAYBE,
        "action_reason": MAYBE,
    },
}
SCHEMA = {
    "type": "object",
    "required": ["format_version"],
    "properties": {
        "format_version": TEXT,
        "terraform_version": MAYBE,
        "resource_changes": {"type": ["array", "null"], "items": RESOURCE_CHANGE},
        "resource_drift": {"type": ["array", "null"], "items": RESOURCE_CHANGE},
        "deferred_changes": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": ["resource_change"],
                "properties": {"reason": MAYBE, "resource_change": RESOURCE_CHANGE},
            },
        },
        "output_changes": {"type": ["object", "null"], "additionalProperties": CHANGE},
        "action_invocations": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": ["address", "type"],
                "properties": {
                    "address": TEXT,
                    "type": TEXT,
                    "lifecycle_action_trigger": {
                        "type": ["object", "null"],
                        "properties": {"triggering_resource_address": MAYBE, "action_trigger_event": MAYBE},
                    },
                },
            },
        },
        "configuration": {"type": ["object", "null"]},
        "variables": {"type": ["object", "null"], "additionalProperties": {"type": "object"}},
        "checks": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "properties": {
                    "address": {"type": "object", "properties": {"to_display": MAYBE}},
                    "status": MAYBE,
                    "instances": {
                        "type": ["array", "null"],
                        "items": {
                            "type": "object",
                            "properties": {
                                "problems": {
                                    "type": ["array", "null"],
                                    "items": {"type": "object", "properties": {"message": MAYBE}},
                                }
                            },
                        },
                    },
                },
            },
        },
    },
}
# an object with one of these is a plan; a state has `values` instead
OF_A_PLAN = ("resource_changes", "planned_values", "output_changes", "configuration")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check(document: Json) -> None:
    try:
        _validate()(document)
    except fastjsonschema.JsonSchemaValueException as error:
        # the rule that is broken and where, not the value
        raise PlanError(f"This is not a plan ({error.message}): {HOW_TO}.") from None
    if document["format_version"].split(".")[0] != "1":
        raise PlanError("The plan's format_version is not 1.x; make the plan with Terraform 1.1 or newer.")
    if not any(name in document for name in OF_A_PLAN):
        raise PlanError(f"This is a state and not a plan: {HOW_TO}.")


@cache
def _validate() -> Any:
    return fastjsonschema.compile(SCHEMA)


def _change(entry: Mapping[str, Any], deferred: str = "") -> Change:
    change = entry["change"]
    importing = change.get("importing")
    return Change(
        address=entry["address"],
        type=entry["type"],
        name=entry["name"],
        actions=_actions(entry["address"], change),
        module=entry.get("module_address") or "",
        mode=entry.get("mode") or "managed",
        index=entry.get("index"),
        provider=entry.get("provider_name") or "",
        deposed=entry.get("deposed"),
        previous_address=entry.get("previous_address"),
        importing=importing is not None,
        import_id=_import_id(importing or {}),
        replace_paths=tuple(tuple(path) for path in change.get("replace_paths") or ()),
        reason=entry.get("action_reason") or "",
        deferred=deferred,
        **_values(change),
    )


def _actions(address: str, change: Mapping[str, Any]) -> tuple[str, ...]:
    actions = tuple(change["actions"])
    if actions not in ACTIONS:
        # not passed over: it could be a new way to delete something
        raise PlanError(f"The plan's actions for {address!r} are not known here: {', '.join(actions)!r}.")
    return actions


def _values(change: Mapping[str, Any]) -> dict[str, Json]:
    values = {
        "before": change.get("before"),
        "after": change.get("after"),
        "after_unknown": change.get("after_unknown"),
        # Terraform gives a mask for each value; where there is none, nothing says that it may be shown
        "before_sensitive": change.get("before_sensitive", True),
        "after_sensitive": change.get("after_sensitive", True),
    }
    _limit_depth(values, change.get("replace_paths"))
    return values


def _limit_depth(*values: Json) -> None:
    if nests_too_deeply(*values):
        raise PlanError(f"The plan has a value that nests deeper than {DEPTH} levels.")


def _import_id(importing: Mapping[str, Any]) -> str:
    if importing.get("identity") is not None:
        _limit_depth(importing["identity"])
        return json.dumps(importing["identity"], sort_keys=True, ensure_ascii=False, default=str)
    return importing.get("id") or ""


def _invocation(entry: Mapping[str, Any]) -> Invocation:
    trigger = entry.get("lifecycle_action_trigger") or {}
    values = {
        "after": entry.get("config_values"),
        "after_unknown": entry.get("config_unknown"),
        "after_sensitive": entry.get("config_sensitive", True),
    }
    _limit_depth(values)
    return Invocation(
        address=entry["address"],
        type=entry["type"],
        trigger=trigger.get("triggering_resource_address") or "",
        event=trigger.get("action_trigger_event") or "",
        **values,
    )


def _failed_checks(checks: Sequence[Mapping[str, Any]]) -> list[Check]:
    return [
        Check(
            address=(check.get("address") or {}).get("to_display") or "",
            status=check["status"],
            problems=tuple(
                problem.get("message") or ""
                for instance in check.get("instances") or ()
                for problem in instance.get("problems") or ()
            ),
        )
        for check in checks
        if check.get("status") in ("fail", "error")
    ]
