"""What AWS checks of calls that make, change and show resources, where MiniStack checks otherwise.

Rules, each in the "Actions, resources, and condition keys" of its service (Service Authorization Reference):
the action of each Lambda call; the resource of what is made, of tags, and of schedules, which have their
group in their ARN; `lambda:FunctionArn`, `kms:KeySpec`, `iam:PermissionsBoundary`, and `aws:ResourceTag` of
pools and event source mappings. "Grant a user permissions to pass a role to an AWS service" (IAM User Guide):
whoever gives a role to a service needs `iam:PassRole` on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import cognito, iam, kms, lambda_svc, tagging

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """The call that is being checked.

    target: its name, in the protocols that have it in a header.
    where: what stands between service and name in an ARN.
    """

    service: str
    path: str
    target: str
    body: Json
    params: Mapping[str, Any]
    where: str

    def value(self, *names: str) -> str:
        """A parameter by the names that it has, wherever the protocol puts it."""
        for name in names:
            found = self.body.get(name) or self.params.get(name)
            if found:
                return str(found[0] if isinstance(found, list) else found)
        return ""


# Conditions are resolved where the request is no longer at hand.
REQUEST: ContextVar[Request | None] = ContextVar("local_aws_request", default=None)


def install() -> None:
    # what it maps by hand leaves out much of Lambda; this is the SDK's own list of calls
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]
    iam_actions._lambda_action = lambda_action
    iam_actions.extract_resource_arn = naming_the_resource(iam_actions.extract_resource_arn)
    iam_evaluator._resolve_condition_key = resolving(iam_evaluator._resolve_condition_key)
    iam_evaluator.enforce = passing_roles(iam_evaluator.enforce)
    tagging._RESOURCE_TAG_COLLECTORS |= {"cognito-idp": tags_of_pools, "lambda": tags_of_lambda}


def lambda_action(method: str, path: str) -> str | None:
    """The action of a Lambda call: its name, but for one."""
    operation = iam_actions._match_rest_action("lambda", method, path)
    return "InvokeFunction" if operation == "Invoke" else operation


def naming_the_resource(original: Callable[..., str]) -> Callable[..., str]:
    def resource_arn(
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        params: Mapping[str, Any],
        region: str,
        account: str,
    ) -> str:
        target = str(headers.get("x-amz-target", "")).rpartition(".")[2]
        request = Request(service, unquote(path), target, _json(body), params, f"{region}:{account}")
        REQUEST.set(request)
        found = original(service, method, path, headers, body, params, region, account)
        rule = RESOURCES.get(service)
        return (rule(request) if rule else None) or found

    return resource_arn


def of_lambda(request: Request) -> str | None:
    """Only what is made: what is there is named by the path."""
    if request.path.rstrip("/").endswith("/functions") and request.value("FunctionName"):
        return function_arn(request)
    return None


def function_arn(request: Request) -> str:
    name = request.value("FunctionName")
    return name if name.startswith("arn:") else f"arn:aws:lambda:{request.where}:function:{name}"


def of_schedule(request: Request) -> str | None:
    """`/schedules/name` → the schedule in its group; `/tags/arn` → that."""
    parts = [part for part in request.path.split("/") if part]
    if parts[:1] == ["schedules"] and len(parts) == 2:
        group = request.value("GroupName", "groupName") or "default"
        return f"arn:aws:scheduler:{request.where}:schedule/{group}/{parts[1]}"
    return tagged(request)


def tagged(request: Request) -> str | None:
    """The resource of a call on tags."""
    _, found, arn = request.path.partition("/tags/")
    return arn if found else request.value("ResourceArn") or None


def of_key(request: Request) -> str | None:
    """A call by an alias is checked on its key. AWS's own keys are there without anybody having made them."""
    alias = request.value("KeyId")
    if not alias.startswith("alias/"):
        return None
    record = kms._resolve_key(alias) or {}
    return str(record.get("Arn") or f"arn:aws:kms:{request.where}:key/{alias.replace('/', '-')}")


def of_alarms(request: Request) -> str | None:
    """A call that lists alarms is checked on all of them."""
    names = request.value("Action"), request.target, request.path.rpartition("/")[2]
    return f"arn:aws:cloudwatch:{request.where}:alarm:*" if "DescribeAlarms" in names else None


def of_principal(request: Request) -> str | None:
    """A simulation is checked on whose policies it is of."""
    return request.value("PolicySourceArn") or None


RESOURCES: dict[str, Callable[[Request], str | None]] = {
    "cognito-idp": tagged,
    "dynamodb": tagged,
    "iam": of_principal,
    "kms": of_key,
    "lambda": of_lambda,
    "monitoring": of_alarms,
    "scheduler": of_schedule,
    "ses": tagged,
    "sns": tagged,
}


def resolving(original: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(key: str, context: Any) -> Any:
        value, request = original(key, context), REQUEST.get()
        if value is not None or request is None:
            return value
        kind, _, tag = key.partition("/")
        if kind.lower() == "aws:requesttag":
            return (request.body.get("UserPoolTags") or {}).get(tag)  # the one that is not called Tags
        if kind.lower() == "aws:resourcetag":  # a boundary's is not looked up
            return (tagging.resource_tags(context.resource_arn) or {}).get(tag)
        rule = CONDITIONS.get(key.lower())
        return rule(request, context.resource_arn) if rule else None

    return resolve


def boundary(request: Request, role: str) -> str | None:
    """The boundary that a call sets, or that the role has."""
    record = iam._roles.get(role.rpartition("/")[2]) or {}
    return request.value("PermissionsBoundary") or record.get("PermissionsBoundary") or None


def key_spec(request: Request, key: str) -> str | None:
    """What kind of key a call makes, or is on."""
    record = kms._keys.get(key.rpartition("/")[2]) or {}
    made = request.value("KeySpec", "CustomerMasterKeySpec")
    return record.get("KeySpec") or made or None


def function_of_mapping(request: Request, mapping: str) -> str | None:
    """Whose event source mapping a call makes, or is on."""
    record = lambda_svc._esms.get(mapping.rpartition(":")[2]) or {}
    made = function_arn(request) if request.value("FunctionName") else None
    return record.get("FunctionArn") or made


CONDITIONS: dict[str, Callable[[Request, str], str | None]] = {
    "iam:permissionsboundary": boundary,
    "kms:keyspec": key_spec,
    "lambda:functionarn": function_of_mapping,
}


def passing_roles(original: Callable[..., Any]) -> Callable[..., Any]:
    def enforce(access_key: str, action: str, service: str, region: str, **options: Any) -> Any:
        denied, request = original(access_key, action, service, region, **options), REQUEST.get()
        role = passed_role(action, request) if request else ""
        if denied or not role:
            return denied
        given_to = {"iam:PassedToService": f"{service}.amazonaws.com"}
        return original(
            access_key, "iam:PassRole", "iam", region, resource_arn=role, service_context=given_to
        )

    return enforce


def passed_role(action: str, request: Request) -> str:
    """The role that a call gives to its service."""
    if action in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"):
        return request.value("Role")
    if action in ("scheduler:CreateSchedule", "scheduler:UpdateSchedule"):
        return str((request.body.get("Target") or {}).get("RoleArn", ""))
    return ""


def tags_of_pools() -> Iterator[tuple[str, list[Json]]]:
    for pool in cognito._user_pools.values():
        yield pool["Arn"], tagging._normalise_flat(pool.get("UserPoolTags", {}))


def tags_of_lambda() -> Iterator[tuple[str, list[Json]]]:
    yield from tagging._collect_lambda()
    for uuid, mapping in lambda_svc._esms.items():
        function = mapping["FunctionArn"].split(":")
        where = f"{function[3]}:{get_account_id()}"
        yield (
            f"arn:aws:lambda:{where}:event-source-mapping:{uuid}",
            tagging._normalise_flat(mapping.get("Tags", {})),
        )


def _json(body: bytes) -> Json:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
