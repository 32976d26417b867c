"""What MiniStack's SNS lacks: subscriptions that differ, lapse or wait, and e-mail that arrives.

Rules: "Subscribe", "ConfirmSubscription", "Unsubscribe" and "ListSubscriptions" (API reference), "Amazon SNS
email subscriptions" (a confirm mail goes out, nothing is delivered before, an unconfirmed one is deleted
after 48 hours), "Amazon SNS subscription filter policies" and "Amazon SNS endpoints and quotas"
(200 filter policies per topic), "Invoking Lambda functions with Amazon SNS notifications" (asynchronously).

Not documented, known from AWS's answers: Subscribe compares only the attributes that the call gives; a
pending subscription refuses Unsubscribe with the words below; subscribing a pending endpoint again sends
the mail again.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from ministack.core.responses import request_scope
from ministack.services import lambda_svc, ses
from ministack.services import sns as service

from scripts.local_aws.limits import Limits
from scripts.local_aws.permission import may_invoke

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[Json], Response]

EMAIL = ("email", "email-json")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PRINCIPAL = "sns.amazonaws.com"
SENDER = "no-reply@sns.amazonaws.com"
DEFAULTS = {"RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes"}
POLICIES = ("FilterPolicy", "DeliveryPolicy", "RedrivePolicy")


def install(limits: Limits, url: str) -> None:
    """Put the adapter's handlers in the place of MiniStack's; `url` is where confirm links lead."""
    service._topic_by_arn_any_scope = without_lapsed(service._topic_by_arn_any_scope, limits)
    service._subscribe = subscribing(service._subscribe, limits, url)
    service._confirm_subscription = confirm_subscription
    service._unsubscribe = unsubscribing(service._unsubscribe)
    service._set_subscription_attributes = setting(service._set_subscription_attributes, limits)
    service._list_subscriptions = hiding_pending(service._list_subscriptions)
    service._list_subscriptions_by_topic = hiding_pending(service._list_subscriptions_by_topic)
    service._fanout = with_email(service._fanout, url)
    service._deliver_to_lambda = invoke


def without_lapsed(original: Callable[[str], Json | None], limits: Limits) -> Callable[[str], Json | None]:
    """Forget unconfirmed subscriptions whose time is up, whenever their topic is looked at."""

    def topic_by_arn(topic_arn: str) -> Json | None:
        topic = original(topic_arn)
        if topic is not None:
            oldest = time.time() - limits.pending_seconds
            lapsed = [s["arn"] for s in topic["subscriptions"] if s.get("pending_since", oldest) < oldest]
            if lapsed:
                topic["subscriptions"] = [s for s in topic["subscriptions"] if s["arn"] not in lapsed]
        return topic

    return topic_by_arn


def subscribing(original: Handler, limits: Limits, url: str) -> Handler:
    """Subscribe: e-mail waits for its confirmation; an endpoint has one subscription and its attributes."""

    def subscribe(params: Json) -> Response:
        topic, error = service._get_topic(service._p(params, "TopicArn"), "sns:Subscribe")
        if error is not None:
            refused: Response = error
            return refused
        protocol, endpoint = service._p(params, "Protocol"), service._p(params, "Endpoint")
        if protocol in EMAIL and not ADDRESS.fullmatch(endpoint):
            return invalid("Email address")
        given = given_attributes(params)
        subscription = subscription_of(topic, protocol, endpoint)
        if subscription is not None:
            if differ(given, subscription["attributes"]):
                return invalid("Attributes Reason: Subscription already exists with different attributes")
        elif given.get("FilterPolicy") and policies_of(topic) >= limits.filter_policies_per_topic:
            return filter_policy_limit()
        answer = original(params)
        if protocol not in EMAIL or answer[0] != 200:
            return answer
        if subscription is None:
            subscription = subscription_of(topic, protocol, endpoint)
            assert subscription is not None  # the call above made it
            await_confirmation(subscription)
        if subscription["confirmed"]:
            return answer
        send_confirmation(subscription, url)
        wants_arn = service._p(params, "ReturnSubscriptionArn").lower() == "true"
        shown = subscription["arn"] if wants_arn else "pending confirmation"
        return result("Subscribe", f"<SubscriptionArn>{shown}</SubscriptionArn>")

    return subscribe


def await_confirmation(subscription: Json) -> None:
    subscription.update(confirmed=False, token=secrets.token_hex(32), pending_since=time.time())
    subscription["attributes"].update(PendingConfirmation="true", ConfirmationWasAuthenticated="false")


def confirm_subscription(params: Json) -> Response:
    """ConfirmSubscription, also by an unsigned link, whose topic alone names the account and the Region.

    A link followed twice answers the same subscription.
    """
    topic_arn, token = service._p(params, "TopicArn"), service._p(params, "Token")
    parts = topic_arn.split(":")
    if len(parts) != 6:
        return invalid("TopicArn")
    with request_scope(parts[4], parts[3]):
        topic, error = service._get_topic(topic_arn)
    if error is not None:
        refused: Response = error
        return refused
    for subscription in topic["subscriptions"]:
        if token and subscription.get("token") == token:
            signed_only = service._p(params, "AuthenticateOnUnsubscribe").lower() == "true"
            subscription.update(confirmed=True)
            subscription.pop("pending_since", None)
            subscription["attributes"].update(
                PendingConfirmation="false", ConfirmationWasAuthenticated=str(signed_only).lower()
            )
            arn = subscription["arn"]
            return result("ConfirmSubscription", f"<SubscriptionArn>{arn}</SubscriptionArn>")
    return invalid("Token")


def unsubscribing(original: Handler) -> Handler:
    """Unsubscribe: a pending subscription can only lapse."""

    def unsubscribe(params: Json) -> Response:
        arn = service._p(params, "SubscriptionArn")
        subscription = service._find_subscription(service._sub_arn_to_topic.get(arn, ""), arn)
        if subscription is not None and not subscription["confirmed"]:
            return invalid(
                "SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation"
            )
        return original(params)

    return unsubscribe


def setting(original: Handler, limits: Limits) -> Handler:
    """SetSubscriptionAttributes: a new filter policy counts towards the topic's limit."""

    def set_attributes(params: Json) -> Response:
        arn = service._p(params, "SubscriptionArn")
        topic_arn = service._sub_arn_to_topic.get(arn, "")
        subscription = service._find_subscription(topic_arn, arn)
        adds_policy = service._p(params, "AttributeName") == "FilterPolicy" and service._p(
            params, "AttributeValue"
        )
        if subscription and adds_policy and not subscription["attributes"].get("FilterPolicy"):
            topic = service._topic_by_arn_any_scope(topic_arn)
            if policies_of(topic) >= limits.filter_policies_per_topic:
                return filter_policy_limit()
        return original(params)

    return set_attributes


def hiding_pending(original: Handler) -> Handler:
    """The lists say `PendingConfirmation` where the ARN of a pending subscription would stand."""

    def list_subscriptions(params: Json) -> Response:
        for topic_arn in list(service._topics.keys()):
            service._topic_by_arn_any_scope(topic_arn)  # lets what lapsed go
        status, headers, body = original(params)
        for topic in service._topics.values():
            for subscription in topic["subscriptions"]:
                if not subscription["confirmed"]:
                    body = body.replace(
                        f"<SubscriptionArn>{subscription['arn']}</SubscriptionArn>".encode(),
                        b"<SubscriptionArn>PendingConfirmation</SubscriptionArn>",
                    )
        return status, headers, body

    return list_subscriptions


def with_email(original: Callable[..., None], url: str) -> Callable[..., None]:
    """Publish: deliver to the confirmed e-mail subscriptions whose filter policy lets the message through."""

    def fanout(
        topic_arn: str,
        message_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        message_attributes: Json | None = None,
        **fifo: str,
    ) -> None:
        original(topic_arn, message_id, message, subject, message_structure, message_attributes, **fifo)
        topic = service._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
        attributes = message_attributes or {}
        for subscription in topic["subscriptions"]:
            protocol = subscription["protocol"]
            if protocol not in EMAIL or not subscription["confirmed"]:
                continue
            text = service._resolve_message_for_protocol(message, message_structure, protocol)
            if not service._matches_filter_policy(subscription, attributes, text):
                continue
            if protocol == "email-json":
                body = service._build_envelope(topic_arn, message_id, text, subject, attributes, raw=False)
            else:
                query = urlencode({"Action": "Unsubscribe", "SubscriptionArn": subscription["arn"]})
                body = (
                    f"{text}\n\n--\nIf you wish to stop receiving notifications from this topic, "
                    f"please visit the link below to unsubscribe:\n{url}/?{query}\n"
                )
            mail(subscription, subject or "AWS Notification Message", body, "SnsNotification")

    return fanout


def invoke(endpoint: str, envelope: str, topic_arn: str, subscription_arn: str, *_more: Any) -> None:
    """A topic invokes a function that lets it, and does so as for any event: again when it fails."""
    if not may_invoke(endpoint, PRINCIPAL, topic_arn):
        return
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "EventSource": "aws:sns",
        "Sns": json.loads(envelope),
    }
    function = lambda_svc._get_func_record_for_ref(endpoint)[0]
    lambda_svc.invoke_async_with_retry(function, {"Records": [record]})


def send_confirmation(subscription: Json, url: str) -> None:
    query = urlencode(
        {
            "Action": "ConfirmSubscription",
            "TopicArn": subscription["topic_arn"],
            "Token": subscription["token"],
        }
    )
    body = (
        f"You have chosen to subscribe to the topic:\n{subscription['topic_arn']}\n\n"
        "To confirm this subscription, visit the link below "
        f"(if this was in error, no action is necessary):\n{url}/?{query}\n"
    )
    subject = "AWS Notification - Subscription Confirmation"
    mail(subscription, subject, body, "SnsSubscriptionConfirmation")


def mail(subscription: Json, subject: str, body: str, kind: str) -> None:
    """One mail to one person, in the mailbox of the topic's account and Region."""
    _arn, _partition, _sns, region, account, *_ = subscription["topic_arn"].split(":")
    with request_scope(account, region):
        ses.send_internal_email(SENDER, [subscription["endpoint"]], subject, body, type_name=kind)


def subscription_of(topic: Json, protocol: str, endpoint: str) -> Json | None:
    subscriptions: list[Json] = topic["subscriptions"]
    return next((s for s in subscriptions if (s["protocol"], s["endpoint"]) == (protocol, endpoint)), None)


def given_attributes(params: Json) -> dict[str, str]:
    """The `Attributes` map of a Subscribe call."""
    given: dict[str, str] = {}
    while key := service._p(params, f"Attributes.entry.{len(given) + 1}.key"):
        given[key] = service._p(params, f"Attributes.entry.{len(given) + 1}.value")
    return given


def differ(given: dict[str, str], existing: dict[str, str]) -> bool:
    """Whether any attribute that is given differs from what the subscription has."""
    has = DEFAULTS | existing
    return any(
        comparable(name, value) != comparable(name, has.get(name, "")) for name, value in given.items()
    )


def comparable(name: str, value: str) -> object:
    """Policies are equal when they are equal as JSON; an empty one is none."""
    if name in POLICIES:
        try:
            return json.loads(value or "{}")
        except ValueError:
            return value
    return value


def policies_of(topic: Json) -> int:
    return sum(1 for s in topic["subscriptions"] if s["attributes"].get("FilterPolicy"))


def filter_policy_limit() -> Response:
    refused: Response = service._error(
        "FilterPolicyLimitExceeded",
        "Indicates that the number of filter policies in your AWS account exceeds the limit.",
        403,
    )
    return refused


def invalid(reason: str) -> Response:
    refused: Response = service._error("InvalidParameter", f"Invalid parameter: {reason}", 400)
    return refused


def result(action: str, inner: str) -> Response:
    answer: Response = service._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>")
    return answer
