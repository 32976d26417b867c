"""Where MiniStack's IAM evaluation of SNS, SQS and Lambda calls differs from AWS's.

Rules: "Actions, resources, and condition keys for Amazon SNS" (Service Authorization Reference:
`sns:Protocol`, `sns:Endpoint`) and "AWS global condition context keys" (`aws:PrincipalArn` of a role
session is the role's ARN). On what the calls without a resource type are authorized, AWS's own denials show
("not authorized to perform: SNS:GetSubscriptionAttributes on resource: <topic ARN>"): those on a subscription
on its topic, those on a device's endpoint on its platform application, an SMS on the number itself.
Publishing to an endpoint is authorized on the endpoint. "AddPermission" (Amazon SQS API Reference): who may
make a call may make it for a batch; there is no action of that name. "Actions, resources, and condition keys
for AWS Lambda": each call on an alias is an action of its own, as is reading a function's concurrency and the
account's settings; and a function that is called by a version or an alias is authorized as that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam

# The condition keys of the Subscribe call that this request makes. They are kept apart because MiniStack
# evaluates a topic's policy a second time inside its handler, where it has no access to the request.
SUBSCRIBE_KEYS: ContextVar[Mapping[str, str] | None] = ContextVar("local_aws_subscribe_keys", default=None)

# by method, and whether an alias is named
ALIAS = re.compile(r"/functions/[^/]+/aliases(/[^/]+)?/?$")
ON_ALIAS = {
    ("POST", False): "CreateAlias",
    ("GET", False): "ListAliases",
    ("GET", True): "GetAlias",
    ("PUT", True): "UpdateAlias",
    ("DELETE", True): "DeleteAlias",
}
# by the end of the path
READS = {"account-settings": "GetAccountSettings", "concurrency": "GetFunctionConcurrency"}


def install() -> None:
    iam_actions.extract_iam_action = naming_the_action(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = naming_the_resource(iam_actions.extract_resource_arn)
    iam_actions.request_tag_context = with_subscribe_keys(iam_actions.request_tag_context)
    iam_evaluator._resolve_condition_key = resolving(iam_evaluator._resolve_condition_key)


def naming_the_action(original: Callable[..., str]) -> Callable[..., str]:
    """What a call is authorized as, where MiniStack takes it for another."""

    def action(service: str, *args: Any) -> str:
        found = original(service, *args)
        if service == "lambda" and (named := ALIAS.search(args[1])):
            return f"lambda:{ON_ALIAS[args[0], bool(named[1])]}"
        if service == "lambda" and args[0] == "GET" and (read := READS.get(args[1].rpartition("/")[2])):
            return f"lambda:{read}"
        return found.removesuffix("Batch") if service == "sqs" and found else found

    return action


def naming_the_resource(original: Callable[..., str]) -> Callable[..., str]:
    """What a call is authorized on that names no topic and no target."""

    def resource_arn(service: str, *args: Any) -> str:
        found = original(service, *args)
        params = args[4]  # after method, path, headers and body
        if service == "lambda" and args[1].endswith("/invocations"):
            qualifier = _parameter(params, "Qualifier")
            return f"{found}:{qualifier}" if qualifier else found
        if service != "sns" or found != "*":
            return found
        return (
            topic_of(_parameter(params, "SubscriptionArn"))
            or _parameter(params, "PlatformApplicationArn")
            or application_of(_parameter(params, "EndpointArn"))
            or _parameter(params, "PhoneNumber")
            or found
        )

    return resource_arn


def application_of(endpoint_arn: str) -> str:
    """`…:endpoint/GCM/name/id` → the ARN of its platform application, else as it is."""
    head, found, path = endpoint_arn.partition(":endpoint/")
    return f"{head}:app/{path.rpartition('/')[0]}" if found else endpoint_arn


def topic_of(subscription_arn: str) -> str | None:
    """`arn:aws:sns:region:account:topic:id` → the topic's ARN, else None."""
    parts = subscription_arn.split(":")
    return ":".join(parts[:6]) if len(parts) == 7 else None


def with_subscribe_keys(original: Callable[..., Any]) -> Callable[..., Any]:
    """Remember `sns:Protocol` and `sns:Endpoint` of a Subscribe call, whose keys are asked for here first."""

    def context(service: str, iam_action: str, body: bytes, params: Mapping[str, Any]) -> Any:
        if iam_action == "sns:Subscribe":
            SUBSCRIBE_KEYS.set(
                {
                    "sns:protocol": _parameter(params, "Protocol"),
                    "sns:endpoint": _parameter(params, "Endpoint"),
                }
            )
        return original(service, iam_action, body, params)

    return context


def resolving(original: Callable[..., Any]) -> Callable[..., Any]:
    """Resolve the keys that MiniStack resolves otherwise than AWS, or not at all."""

    def resolve(key: str, context: Any) -> Any:
        value = original(key, context)
        if key.lower() == "aws:principalarn":
            return role_of(value) or value
        if value is None and context.action == "sns:Subscribe":
            return (SUBSCRIBE_KEYS.get() or {}).get(key.lower())
        return value

    return resolve


def role_of(arn: str) -> str | None:
    """The ARN, path included, of the role that an assumed-role session belongs to, else None."""
    head, found, session = arn.partition(":assumed-role/")
    if not found:
        return None
    account, name = head.split(":")[4], session.split("/")[0]
    role = iam._roles.get_scoped(account, None, name) or {}
    return str(role.get("Arn") or f"arn:aws:iam::{account}:role/{name}")


def _parameter(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name, "")
    return str(value[0] if isinstance(value, list) else value)
