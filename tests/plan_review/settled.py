"""What a plan would leave behind, as a state file, without any AWS.

A plan of changes needs something to change. This takes a plan that makes everything, and writes the state
that there would be after it: what the plan knows, and made-up identities for what only AWS would know.
"""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
ACCOUNT = "123456789012"


def settled(plan: Json) -> Json:
    """A state in Terraform's format 4, after a plan in its JSON representation."""
    unknown = {change["address"]: change["change"]["after_unknown"] for change in plan["resource_changes"]}
    return {
        "version": 4,
        "terraform_version": plan["terraform_version"],
        "serial": 1,
        "lineage": "settled",
        "outputs": {},
        "resources": [
            _resource(resource, module, unknown[resource["address"]])
            for module, resource in _resources(plan["planned_values"]["root_module"])
            if resource["mode"] == "managed"
        ],
    }


def _resources(module: Json) -> Iterator[tuple[str, Json]]:
    for resource in module.get("resources", []):
        yield module.get("address", ""), resource
    for child in module.get("child_modules", []):
        yield from _resources(child)


def _resource(resource: Json, module: str, unknown: Json) -> Json:
    made_up = {name: _identity(resource, name) for name, is_unknown in unknown.items() if is_unknown is True}
    instance = {
        "schema_version": resource["schema_version"],
        "attributes": _attributes(resource["type"], {**made_up, **resource.get("values", {})}),
        "sensitive_attributes": list(_marked(resource["sensitive_values"])),
    }
    if "index" in resource:
        instance["index_key"] = resource["index"]
    found = {
        "mode": "managed",
        "type": resource["type"],
        "name": resource["name"],
        "provider": f'provider["{resource["provider_name"]}"]',
        "instances": [instance],
    }
    return {**found, "module": module} if module else found


def _attributes(resource_type: str, values: Json) -> Json:
    if resource_type != "terraform_data":
        return values
    # what may be of any type is written together with its type
    return values | {
        name: {"value": values[name], "type": _type(values[name])}
        for name in ("input", "output", "triggers_replace")
        if values.get(name) is not None
    }


def _type(value: Any) -> Any:
    """A value's type in cty's JSON."""
    if isinstance(value, dict):
        return ["object", {key: _type(inner) for key, inner in value.items()}]
    if isinstance(value, list):
        return ["tuple", [_type(inner) for inner in value]]
    return {bool: "bool", str: "string", type(None): "dynamic"}.get(type(value), "number")


def _identity(resource: Json, attribute: str) -> Any:
    """What others may refer to; whatever else is computed stays null, which a plan takes as it is."""
    if attribute == "tags_all":
        return {}
    name = str(resource.get("values", {}).get("name") or re.sub(r"\W+", "-", resource["address"]))
    if attribute == "id":
        return name
    if attribute == "arn" or attribute.endswith("_arn"):
        service = resource["type"].split("_")[1]
        return f"arn:aws:{service}:eu-west-1:{ACCOUNT}:{name}"
    return None


def _marked(sensitive: Any, path: tuple[Json, ...] = ()) -> Iterator[list[Json]]:
    """The paths that are marked as sensitive, as a state names them: of blocks, and of maps in them."""
    if sensitive is True:
        yield list(path)
    elif isinstance(sensitive, list):
        for position, below in enumerate(sensitive):
            step = {"type": "index", "value": {"value": position, "type": "number"}}
            yield from _marked(below, (*path, step))
    elif isinstance(sensitive, dict):
        in_map = bool(path) and path[-1]["type"] == "get_attr"
        for key, below in sensitive.items():
            step = {"type": "index", "value": {"value": key, "type": "string"}}
            yield from _marked(below, (*path, step if in_map else {"type": "get_attr", "value": key}))
