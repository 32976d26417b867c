"""The functions: there, ready, with the package and the settings that Terraform gave them, and callable."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from scripts.doctor.checks.trigger import COGNITO, policy_of
from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, counted, listed, ok, warning
from scripts.doctor.intention import block
from scripts.doctor.policies import Verdict, judge
from scripts.functions import differ

# Below this a burst of requests is enough to throttle sign-ups. An account may begin with 10, and has 1000 in
# the end ("Lambda quotas").
FEW = 50


def functions(context: Context) -> Iterable[Finding]:
    names = {name: name for name in context.intention.functions.values()}
    found = context.each("functions.there", names, lambda name: _function(context, name))
    bad = [finding for finding in found if finding.next_step]
    yield from bad
    well = len(names) - len({finding.about for finding in bad})
    if well:
        yield ok("functions.there", f"{well} of {counted(len(names), 'function')}", "as Terraform made them")
    yield from _permissions(context)
    yield _account(context)


def _function(context: Context, name: str) -> Iterable[Finding]:
    client = context.client("lambda")
    try:
        live = client.get_function_configuration(FunctionName=name)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        yield broken("functions.there", name, "there is no such function", f"{context.make('deploy')}.")
        return
    state, update = live.get("State", "Active"), live.get("LastUpdateStatus", "Successful")
    if state == "Failed" or update == "Failed":
        reason = live.get("StateReasonCode") or live.get("LastUpdateStatusReasonCode") or "no reason given"
        yield broken(
            "functions.ready",
            name,
            f"it cannot run, or its last update failed: {reason}",
            f"{context.make('deploy')}.",
        )
    reserved = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    intended = context.intention.find("aws_lambda_function", function_name=name)
    if reserved == 0:
        yield broken(
            "functions.concurrency",
            name,
            "it is switched off: its reserved concurrency is 0, and every call is throttled",
            f"Find out why, then: aws lambda delete-function-concurrency --function-name {name}",
        )
    if intended is None:
        return
    differing = list(_differing(live, intended))
    if differing:
        yield warning(
            "functions.settings",
            name,
            f"changed since the last apply: {listed(differing)}",
            f"{context.make('plan')} shows how; {context.make('deploy')} puts it back.",
        )
    yield from _package(context, name, live, intended, as_applied=not differing)


def _differing(live: Mapping[str, Any], intended: Mapping[str, Any]) -> Iterable[str]:
    """Names of the settings that differ; a value may be nobody's business."""
    for setting, attribute in {
        "Handler": "handler",
        "MemorySize": "memory_size",
        "Role": "role",
        "Runtime": "runtime",
        "Timeout": "timeout",
    }.items():
        if live.get(setting) != intended.get(attribute):
            yield attribute
    environment = block(intended, "environment").get("variables") or {}
    actual = live.get("Environment", {}).get("Variables", {})
    yield from sorted(name for name in {*environment, *actual} if environment.get(name) != actual.get(name))


def _package(
    context: Context, name: str, live: Mapping[str, Any], intended: Mapping[str, Any], *, as_applied: bool
) -> Iterable[Finding]:
    """What runs against what was applied: the function's code, and the version that its alias leads to.

    as_applied: whether the function's settings are.
    """
    applied = intended.get("source_code_hash") or intended.get("code_sha256")
    mend = f"{context.make('deploy')} brings it to the package of this working copy."
    alias = context.intention.find("aws_lambda_alias", function_name=name)
    if live["CodeSha256"] != applied:
        yield warning("functions.package", name, "its code was changed outside Terraform", mend)
    if alias is None:
        return
    try:
        leads = context.client("lambda").get_alias(FunctionName=name, Name=alias["name"])
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        yield broken(
            "functions.alias",
            name,
            f"its alias {alias['name']} is gone: nobody can call it",
            f"{context.make('deploy')}.",
        )
        return
    version, wanted = leads["FunctionVersion"], str(alias.get("function_version"))
    shared = leads.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    if version != wanted:
        yield warning(
            "functions.alias",
            name,
            f"{alias['name']} was turned to version {version}, and {wanted} was applied: rolled back?",
            "Mend what was the reason, then " + mend,
        )
    elif shared:
        yield warning(
            "functions.alias",
            name,
            f"{alias['name']} shares its calls with version {listed(sorted(shared))}",
            "End the trial, or " + mend,
        )
    elif as_applied and live["CodeSha256"] == applied:
        called = context.client("lambda").get_function_configuration(
            FunctionName=name, Qualifier=alias["name"]
        )
        if differ(called, live):
            yield warning(
                "functions.alias",
                name,
                f"{alias['name']} leads to version {version}, which is older than what was applied: "
                "an apply was interrupted, and Terraform does not see it",
                f"{context.make('deploy')} finishes it.",
            )


def _permissions(context: Context) -> Iterable[Finding]:
    """Whether those may call a function who are to. Cognito is looked at with the trigger."""
    intended = {
        each.address: each.values
        for each in context.intention.all("aws_lambda_permission")
        if each.values["principal"] != COGNITO and each.values.get("source_arn")
    }

    def look(permission: Mapping[str, Any]) -> Iterable[Finding]:
        function = permission["function_name"].split(":function:")[-1].split(":")[0]
        policy = policy_of(context, function, permission.get("qualifier") or "")
        answer = judge(policy, permission["principal"], permission["source_arn"])
        about = f"{function} ← {permission['principal']}"
        if answer.verdict is not Verdict.ALLOWED and answer.verdict is not Verdict.UNBOUND:
            yield broken(
                "functions.permission",
                about,
                f"the call is {answer.verdict.value}",
                f"{context.make('deploy')}.",
            )
        else:
            yield ok("functions.permission", about, "may call it")

    yield from context.each("functions.permission", intended, look)


def _account(context: Context) -> Finding:
    limit = context.client("lambda").get_account_settings()["AccountLimit"]
    free = limit["UnreservedConcurrentExecutions"]
    if free < FEW:
        return warning(
            "functions.account",
            "the account",
            f"at most {free} functions run at a moment, for all that is in the account and the Region",
            "Ask for more: Service Quotas, Lambda, Concurrent executions.",
        )
    return ok("functions.account", "the account", f"up to {free} functions run at a moment")
