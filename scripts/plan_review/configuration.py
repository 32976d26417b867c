"""What a plan's configuration says of a resource.

The source is the configuration representation in "JSON Output Format" in Terraform's documentation.
"""

import re
from collections.abc import Iterator, Mapping

from scripts.plan_review.plan import Change, Plan
from scripts.plan_review.values import Json, Sensitive

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


def provisioners(plan: Plan, change: Change) -> Json:
    """What is run when the resource is made or destroyed, as it is written."""
    return _get(block(plan, change), "provisioners")


def provider(plan: Plan, change: Change) -> Json:
    """The key of the provider's settings, e.g. aws.us for an alias; None where the plan does not tell."""
    return _get(block(plan, change), "provider_config_key")


def providers(plan: Plan) -> Json:
    """The settings of the providers, and the values of the variables that those of the root module use.

    Where one uses something else, a local say, it may be any variable: then all of them are there.
    """
    given = plan.configuration.get("provider_config")
    configured = given if isinstance(given, Mapping) else {}
    of_root = [provider for provider in configured.values() if not _get(provider, "module_address")]
    used = {reference for provider in of_root for reference in _references(_get(provider, "expressions"))}
    names = {reference.split(".")[1] for reference in used if reference.startswith("var.")}
    declared = _get(plan.configuration.get("root_module"), "variables")
    return {
        "settings": {
            key: {
                part: _get(provider, part) for part in ("full_name", "alias", "module_address", "expressions")
            }
            for key, provider in configured.items()
        },
        "variables": {
            name: Sensitive(value) if _get(_get(declared, name), "sensitive") else value
            for name, value in plan.variables.items()
            if name in names or not all(reference.startswith("var.") for reference in used)
        },
    }


def modules(change: Change) -> list[str]:
    """The names of the module calls down to the resource, from the root; without their keys."""
    return KEY.sub("", change.module).split(".")[1::2]


def _references(expressions: Json) -> Iterator[str]:
    if isinstance(expressions, Mapping):
        for name, inner in expressions.items():
            if name == "references" and isinstance(inner, list):
                yield from (reference for reference in inner if isinstance(reference, str))
            else:
                yield from _references(inner)
    elif isinstance(expressions, list):
        for inner in expressions:
            yield from _references(inner)


def _get(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, Mapping) else None
