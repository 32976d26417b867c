"""E-mail by SES: the account, the identity, and whether we hear of what bounces."""

import json
from collections.abc import Iterable, Mapping

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, ok, warning

NEARLY = 0.8
HEARD = {"BOUNCE", "COMPLAINT"}


def ses(context: Context) -> Iterable[Finding]:
    by_ses = context.output("email_delivery") == "ses"
    # Cognito's codes go out from the same one
    identity = (
        context.output("ses_identity_arn") if by_ses else context.intention.outputs.get("ses_identity_arn")
    )
    if not by_ses and not identity:
        yield ok("ses.account", "SES", "not used")
        return
    yield from _account(context, by_ses)
    if identity:
        yield from _identity(context, identity.split(":identity/")[1])
    if by_ses:
        yield from _events(context)


def _account(context: Context, by_ses: bool) -> Iterable[Finding]:
    account = context.client("sesv2").get_account()
    if not account.get("SendingEnabled", True) or account.get("EnforcementStatus") == "SHUTDOWN":
        yield broken(
            "ses.sending",
            "the account",
            "SES sends nothing: sending is paused for the account",
            "See the reason in the SES console, Account dashboard and Reputation metrics, and answer AWS.",
        )
    elif account.get("EnforcementStatus", "HEALTHY") != "HEALTHY":
        yield warning(
            "ses.sending",
            "the account",
            f"SES has it under {account['EnforcementStatus']}: too much bounces, or is complained of",
            "See Reputation metrics in the SES console, before sending is paused.",
        )
    else:
        yield ok("ses.sending", "the account", "SES sends")
    if not account.get("ProductionAccessEnabled", True):
        yield warning(
            "ses.sandbox",
            "the account",
            "in the sandbox: mail reaches verified addresses alone, and 200 a day",
            "Ask for production access: SES console, Account dashboard.",
        )
    else:
        yield ok("ses.sandbox", "the account", "not in the sandbox")
    yield from _quota(context, account.get("SendQuota", {}), by_ses)


def _quota(context: Context, quota: Mapping[str, float], by_ses: bool) -> Iterable[Finding]:
    most, sent = quota.get("Max24HourSend", -1), quota.get("SentLast24Hours", 0)
    if most >= 0:  # -1 is without limit
        seen = f"{sent:.0f} of {most:.0f} mails in 24 hours"
        step = "Ask for more: Service Quotas, SES, Sending quota. Rows wait and are tried again meanwhile."
        if sent >= most:
            yield broken("ses.quota", "the account", seen, step)
        elif sent >= NEARLY * most:
            yield warning("ses.quota", "the account", seen, step)
        else:
            yield ok("ses.quota", "the account", seen)
    rate = _wanted_rate(context)
    if by_ses and rate and 0 < quota.get("MaxSendRate", 0) < rate:
        yield warning(
            "ses.rate",
            "the account",
            f"SES takes {quota['MaxSendRate']:g} mails a second, and channel_rates lets {rate:g} go",
            "Lower channel_rates, or ask for more: Service Quotas, SES, Sending rate.",
        )


def _wanted_rate(context: Context) -> float:
    for function in context.intention.all("aws_lambda_function"):
        for block in function.values.get("environment") or ():
            if rates := (block.get("variables") or {}).get("CHANNEL_RATES"):
                return float(json.loads(rates).get("Email", 0))
    return 0


def _identity(context: Context, name: str) -> Iterable[Finding]:
    try:
        live = context.client("sesv2").get_email_identity(EmailIdentity=name)
    except ClientError as error:
        if code_of(error) != "NotFoundException":
            raise
        yield broken(
            "ses.identity",
            name,
            "there is no such identity: no mail goes out",
            "Make it and verify it in SES.",
        )
        return
    if not live.get("VerifiedForSendingStatus"):
        yield broken(
            "ses.identity",
            name,
            f"it is not verified ({live.get('VerificationStatus', 'PENDING')}): no mail goes out",
            "Publish the DNS records that SES gave (domain), or follow the link in its mail (address).",
        )
    else:
        yield ok("ses.identity", name, "verified")
    dkim = live.get("DkimAttributes", {})
    if live.get("IdentityType") != "EMAIL_ADDRESS" and dkim and dkim.get("Status") not in (None, "SUCCESS"):
        yield warning(
            "ses.dkim",
            name,
            f"DKIM is {dkim['Status']}: more of the mail ends as spam",
            "Publish the three CNAME records that SES gives for it.",
        )


def _events(context: Context) -> Iterable[Finding]:
    """The way of a bounce: configuration set → topic → function."""
    destination = context.intention.find("aws_sesv2_configuration_set_event_destination")
    if destination is None:
        return
    name, client = destination["configuration_set_name"], context.client("sesv2")
    mend = f"{context.make('deploy')}."
    try:
        options = client.get_configuration_set(ConfigurationSetName=name).get("SendingOptions", {})
        there = client.get_configuration_set_event_destinations(ConfigurationSetName=name)
    except ClientError as error:
        if code_of(error) != "NotFoundException":
            raise
        yield broken("ses.events", name, "there is no such configuration set: no mail goes out", mend)
        return
    if not options.get("SendingEnabled", True):
        yield broken(
            "ses.paused",
            name,
            "the configuration set is paused: no mail goes out",
            "Switch sending on in SES.",
        )
    topic = destination["event_destination"][0]["sns_destination"][0]["topic_arn"]
    hears = any(
        each.get("Enabled")
        and set(each.get("MatchingEventTypes", ())) >= HEARD
        and each.get("SnsDestination", {}).get("TopicArn") == topic
        for each in there["EventDestinations"]
    )
    if not hears:
        yield broken("ses.events", name, "nobody hears of bounces and complaints, and AWS counts them", mend)
        return
    yield from _told(context, name, topic, mend)


def _told(context: Context, name: str, topic: str, mend: str) -> Iterable[Finding]:
    wanted = context.intention.find("aws_sns_topic_subscription", topic_arn=topic)
    endpoints = {
        subscription["Endpoint"]
        for page in context.client("sns")
        .get_paginator("list_subscriptions_by_topic")
        .paginate(TopicArn=topic)
        for subscription in page["Subscriptions"]
    }
    if wanted and wanted["endpoint"] not in endpoints:
        yield broken("ses.events", name, "bounces are published, and no function is subscribed to them", mend)
    else:
        yield ok("ses.events", name, "bounces and complaints reach the function feedback")
