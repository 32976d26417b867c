"""Where MiniStack's IAM evaluation of SNS calls differs from AWS's.

Rules: "Actions, resources, and condition keys for Amazon SNS" (Service Authorization Reference:
`sns:Protocol`, `sns:Endpoint`) and "AWS global condition context keys" (`aws:PrincipalArn` of a role
session is the role's ARN). That Get-, SetSubscriptionAttributes and Unsubscribe are authorized on the topic
is what AWS's own denials show ("not authorized to perform: SNS:GetSubscriptionAttributes on resource:
<topic ARN>"); the reference names no resource type for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam

# The condition keys of the Subscribe call that this request makes. They are kept apart because MiniStack
# evaluates a topic's policy a second time inside its handler, where it has no access to the request.
SUBSCRIBE_KEYS: ContextVar[Mapping[str, str] | None] = ContextVar("local_aws_subscribe_keys", default=None)


def install() -> None:
    iam_actions.extract_resource_arn = naming_the_topic(iam_actions.extract_resource_arn)
    iam_actions.request_tag_context = with_subscribe_keys(iam_actions.request_tag_context)
    iam_evaluator._resolve_condition_key = resolving(iam_evaluator._resolve_condition_key)


def naming_the_topic(original: Callable[..., str]) -> Callable[..., str]:
    """A call that names only a subscription is authorized on its topic."""

    def resource_arn(service: str, *args: Any) -> str:
        found = original(service, *args)
        if service != "sns" or found != "*":
            return found
        # The arguments are method, path, headers, body, query parameters, region, account.
        return topic_of(_parameter(args[4], "SubscriptionArn")) or found

    return resource_arn


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
