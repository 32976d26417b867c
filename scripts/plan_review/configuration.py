"""What a plan's configuration says of a resource.

The source is the configuration representation in "JSON Output Format" in Terraform's documentation.
"""

import re
from collections.abc import Mapping

from scripts.plan_review.plan import Change, Plan
from scripts.plan_review.values import Json

KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[^"\]]*)\]')


def block(plan: Plan, change: Change) -> Mapping[str, Json] | None:
    """The block that the resource comes from; None if there is none, or the plan does not tell."""
    module = plan.configuration.get("root_module")
    for name in modules(change):
        call = _get(_get(module, "module_calls"), name)
        module = _get(call, "module")
    resources = _get(module, "resources")
    for resource in resources if isinstance(resources, list) else []:
        mode = _get(resource, "mode") or "managed"
        if (mode, _get(resource, "type"), _get(resource, "name")) == (change.mode, change.type, change.name):
            return dict(resource)
    return None


def is_set(plan: Plan, change: Change, attribute: str) -> bool:
    """Whether the configuration sets the attribute; also true where that cannot be told."""
    found = block(plan, change)
    return found is None or _get(_get(found, "expressions"), attribute) is not None


def references(plan: Plan, change: Change, attribute: str) -> list[str]:
    """What the expression of an attribute refers to, e.g. data.aws_iam_policy_document.this.json."""
    expressions = _get(block(plan, change), "expressions")
    found = _get(_get(expressions, attribute), "references")
    return [reference for reference in found if isinstance(reference, str)] if isinstance(found, list) else []


def modules(change: Change) -> list[str]:
    """The names of the module calls down to the resource, from the root; without their keys."""
    return KEY.sub("", change.module).split(".")[1::2]


def _get(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, Mapping) else None
