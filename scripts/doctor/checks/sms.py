"""SMS: what the account's sandbox and its monthly spend limit let through."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC

from scripts.doctor.context import Context
from scripts.doctor.findings import Finding, broken, ok, warning
from scripts.doctor.metrics import Metric, read

NEARLY = 0.8
# "SetSMSAttributes" (Amazon SNS API Reference): an account begins with one US dollar a month
DEFAULT_LIMIT = 1.0


def sms(context: Context) -> Iterable[Finding]:
    yield from context.each("sms.sandbox", {"the account": context}, _sandbox)
    yield from context.each("sms.limit", {"the account": context}, _limit)


def _sandbox(context: Context) -> Iterable[Finding]:
    if context.client("sns").get_sms_sandbox_account_status()["IsInSandbox"]:
        yield warning(
            "sms.sandbox",
            "the account",
            "in the SMS sandbox: texts reach ten verified numbers at most, and nobody else",
            "Ask to leave it: SNS console, Text messaging (SMS).",
        )
    else:
        yield ok("sms.sandbox", "the account", "not in the SMS sandbox")


def _limit(context: Context) -> Iterable[Finding]:
    attributes = context.client("sns").get_sms_attributes(attributes=["MonthlySpendLimit"])["attributes"]
    limit = float(attributes.get("MonthlySpendLimit") or DEFAULT_LIMIT)
    # the metric grows through the month, and begins anew with it
    first = context.now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    metric = Metric("AWS/SNS", "SMSMonthToDateSpentUSD", statistic="Maximum")
    spent = read(replace(context, since=context.now - first), [metric])[metric]
    seen = f"{spent:.2f} of {limit:.2f} US dollars of this month are spent"
    step = "Raise it: SNS console, Text messaging (SMS); above what AWS has granted, Service Quotas, SNS."
    if spent >= limit:
        yield broken("sms.limit", "the account", f"{seen}: SNS sends no more texts", step)
    elif spent >= NEARLY * limit:
        yield warning("sms.limit", "the account", seen, step)
    elif limit <= DEFAULT_LIMIT:
        yield warning("sms.limit", "the account", f"{seen}: that is what an account begins with", step)
    else:
        yield ok("sms.limit", "the account", seen)
