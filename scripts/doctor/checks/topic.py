"""The topic of e-mail by SNS: who may publish to it, and how much room its filter policies leave."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, counted, ok, warning
from scripts.doctor.policies import same

# "Amazon SNS endpoints and quotas": filter policies per topic
QUOTA = 200
NEARLY = 0.8
# What stands in the place of an ARN. One that was ended is listed for up to 72 hours ("How do I recreate a
# "Deleted" Amazon SNS topic subscription?", AWS re:Post)
PENDING, DELETED = "PendingConfirmation", "Deleted"
# confirmed subscriptions that are read one by one; more than that there can be only by a raised quota
MOST = 2 * QUOTA
# of those that get everything so many are named
NAMED = 10


def topic(context: Context) -> Iterable[Finding]:
    arn, sns = context.output("notification_topic_arn"), context.client("sns")
    name = arn.split(":")[-1]
    try:
        attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    except ClientError as error:
        if code_of(error) != "NotFound":
            raise
        yield broken(
            "topic.there",
            name,
            "there is no such topic, and with it all subscriptions are gone",
            f"{context.make('deploy')} makes a new one; people are asked to opt in again.",
        )
        return
    yield _policy(context, name, attributes)
    if context.output("email_delivery") != "sns":
        yield ok("topic.filter_policies", name, "not used: e-mail goes out by SES")
        return
    there = [
        subscription
        for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        for subscription in page["Subscriptions"]
        if subscription["SubscriptionArn"] != DELETED
    ]
    yield from _subscriptions(context, name, there)


def _policy(context: Context, name: str, attributes: Mapping[str, str]) -> Finding:
    intended = context.intention.find("aws_sns_topic_policy", arn=attributes["TopicArn"])
    if intended and not same(json.loads(attributes.get("Policy") or "{}"), json.loads(intended["policy"])):
        return broken(
            "topic.policy",
            name,
            "its policy is not the one that Terraform made: others may publish or subscribe, or we may not",
            f"{context.make('deploy')}.",
        )
    return ok("topic.policy", name, "only the functions that send may publish and subscribe")


def _subscriptions(context: Context, name: str, there: list[Mapping[str, Any]]) -> Iterable[Finding]:
    pending = sum(subscription["SubscriptionArn"] == PENDING for subscription in there)
    confirmed = [s["SubscriptionArn"] for s in there if s["SubscriptionArn"] != PENDING]
    open_ones: list[str] = []

    def look(arn: str) -> Iterable[Finding]:
        try:
            found = context.client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        except ClientError as error:
            if code_of(error) != "NotFound":
                raise
            # it was ended since it was listed
            return ()
        if "recipient" not in json.loads(found.get("FilterPolicy") or "{}"):
            open_ones.append(arn)
        return ()

    yield from _unread(
        context.each("topic.subscriptions", {arn: arn for arn in confirmed[:MOST]}, look),
        len(confirmed[MOST:]),
    )
    for arn in sorted(open_ones)[:NAMED]:
        yield broken(
            "topic.subscriptions",
            arn,
            "it has no filter policy on the recipient, and gets everybody's messages",
            f"aws sns unsubscribe --subscription-arn {arn}",
        )
    if more := len(open_ones[NAMED:]):
        yield broken(
            "topic.subscriptions",
            counted(more, "more subscription"),
            "without a filter policy on the recipient, like those above",
            "End those above, and look again.",
        )
    # a pending one has its policy already
    used = len(there) - len(open_ones)
    seen = f"{used} of {QUOTA} used, {pending} of them by people who have not opted in"
    step = 'Ask AWS for more, or write by SES: email_delivery = "ses".'
    if used > QUOTA:
        # more than there are to begin with: how many there may be is not for SNS to tell
        yield warning(
            "topic.filter_policies",
            name,
            f"{seen} to begin with: AWS has given more",
            f"See how many: Service Quotas, SNS, Filter policies per topic. {step}",
        )
    elif used == QUOTA:
        yield broken("topic.filter_policies", name, f"{seen}: nobody new can be subscribed", step)
    elif used >= NEARLY * QUOTA:
        yield warning("topic.filter_policies", name, seen, step)
    else:
        yield ok("topic.filter_policies", name, seen)


def _unread(found: list[Finding], beyond: int) -> Iterable[Finding]:
    """What could not be looked at, once for each reason. beyond: how many nobody has tried to look at."""
    for one, number in Counter(replace(each, about="") for each in found).items():
        yield replace(one, about=counted(number, "subscription"))
    if beyond:
        yield warning(
            "topic.subscriptions",
            counted(beyond, "more subscription"),
            f"not looked at: only the first {MOST} are",
            'So many people are for SES: email_delivery = "ses".',
        )
