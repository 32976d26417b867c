"""Whether Cognito calls our function when somebody has confirmed, and may.

Nothing tells anybody when it does not: people confirm, and have neither a record nor a welcome.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, listed, ok, warning
from scripts.doctor.intention import block
from scripts.doctor.policies import Verdict, judge
from scripts.user_pool import same_function

COGNITO = "cognito-idp.amazonaws.com"
# "aws_cognito_user_pool" in the provider's documentation, and "LambdaConfigType" of the API
_OTHERS = {
    "create_auth_challenge": "CreateAuthChallenge",
    "custom_message": "CustomMessage",
    "define_auth_challenge": "DefineAuthChallenge",
    "post_authentication": "PostAuthentication",
    "pre_authentication": "PreAuthentication",
    "pre_sign_up": "PreSignUp",
    "pre_token_generation": "PreTokenGeneration",
    "user_migration": "UserMigration",
    "verify_auth_challenge_response": "VerifyAuthChallengeResponse",
}


def trigger(context: Context) -> Iterable[Finding]:
    pool = context.output("user_pool_id")
    try:
        live: Mapping[str, Any] = context.user_pool.get("LambdaConfig", {})
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        yield broken(
            "trigger.attached",
            pool,
            "there is no such user pool: nobody can sign up",
            f"{context.make('plan')} shows what else is gone. A pool and its users cannot be had back.",
        )
        return
    yield _attached(context, pool, live.get("PostConfirmation", ""))
    yield from _others(context, pool, live)
    yield _permission(context)


def _attached(context: Context, pool: str, live: str) -> Finding:
    intended = context.intention.trigger
    attach = "attach-trigger" if context.intention.outputs.get("existing_user_pool") else "deploy"
    mend = f"{context.make(attach)}, then {context.make('reconcile')} for those who confirmed meanwhile."
    if live == intended:
        return ok("trigger.attached", pool, f"calls {_name(live)} after a confirmation")
    if not live:
        return broken("trigger.attached", pool, "calls no function after a confirmation", mend)
    if same_function(live, intended):
        return warning(
            "trigger.attached",
            pool,
            f"calls {_qualified(live)}, and {_qualified(intended)} is intended",
            f"{context.make(attach)}: a roll-back would not reach it.",
        )
    return broken(
        "trigger.attached", pool, f"calls {_qualified(live)}, and {_qualified(intended)} is intended", mend
    )


def _others(context: Context, pool: str, live: Mapping[str, Any]) -> Iterable[Finding]:
    """Triggers beside ours. Terraform drops those that it does not know with the next apply."""
    known = context.intention.find("aws_cognito_user_pool", id=pool)
    if known is None:
        # the pool is somebody else's, and so are its other triggers
        return
    config: Mapping[str, Any] = block(known, "lambda_config")
    lost = [api for name, api in _OTHERS.items() if config.get(name) and not live.get(api)]
    added = [api for name, api in _OTHERS.items() if live.get(api) and not config.get(name)]
    if lost:
        yield broken(
            "trigger.others", pool, f"has lost its triggers {listed(lost)}", f"{context.make('deploy')}."
        )
    elif added:
        yield warning(
            "trigger.others",
            pool,
            f"has triggers that Terraform does not know: {listed(added)}",
            "Add them to terraform/modules/cognito: the next apply may drop them.",
        )


def _permission(context: Context) -> Finding:
    """Whether Cognito may call the function that the pool is to call."""
    about = _qualified(context.intention.trigger)
    name, _, qualifier = about.partition(":")
    pool = str(context.user_pool["Arn"])
    mend = f"{context.make('deploy')}, then {context.make('reconcile')} for those who confirmed meanwhile."
    lacks = "Cognito may not call it, and nobody who confirms is registered"
    answer = judge(policy_of(context, name, qualifier), COGNITO, pool)
    if answer.verdict is Verdict.ALLOWED:
        return ok("trigger.permission", about, "Cognito may call it for this pool")
    if answer.verdict is Verdict.UNBOUND:
        return warning(
            "trigger.permission",
            about,
            "Cognito may call it for any user pool, also of another account",
            f"{context.make('plan')}, and remove the statement that names no source.",
        )
    if answer.verdict is Verdict.OTHER_SOURCE:
        return broken(
            "trigger.permission", about, f"{lacks}: allowed for {listed(list(answer.sources))}", mend
        )
    if answer.verdict is Verdict.DENIED:
        return broken("trigger.permission", about, f"{lacks}: its policy denies it", "Remove the Deny.")
    return broken("trigger.permission", about, f"{lacks}: no statement is for it", mend)


def policy_of(context: Context, function: str, qualifier: str = "") -> str:
    """The policy of a function or of its alias; empty where it has none."""
    try:
        answer = context.client("lambda").get_policy(
            FunctionName=function, **({"Qualifier": qualifier} if qualifier else {})
        )
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return ""
    return str(answer["Policy"])


def _qualified(arn: str) -> str:
    """The name, with the version or the alias where the ARN has one."""
    return arn.split(":function:")[-1]


def _name(arn: str) -> str:
    return _qualified(arn).split(":")[0]
