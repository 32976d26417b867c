"""What MiniStack's Cognito lacks: the post-confirmation trigger, verified e-mails, aliases, random codes.

Also that UpdateUserPool resets what it is not told.

Rules: "Post confirmation Lambda trigger" (which calls fire it), "ConfirmSignUp" and "AdminConfirmSignUp"
(API reference: errors, ForceAliasCreation), "Verifying contact information at sign-up" (the code marks the
e-mail as verified; an administrator's confirmation does not), "Customizing sign-in attributes" (a verified
alias belongs to one user), "UpdateUserPool" (what is not said is set to its default).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from ministack.core.concurrency import resource_lock
from ministack.core.responses import error_response_json
from ministack.services import cognito as service

from scripts.local_aws import post_confirmation
from scripts.local_aws.limits import Limits

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[Json], Response]

SIGN_UP = "PostConfirmation_ConfirmSignUp"
FORGOT_PASSWORD = "PostConfirmation_ConfirmForgotPassword"  # noqa: S105  a trigger source
# told by GetUserPoolMfaConfig, and not with the pool
FACTORS = (
    "EmailMfaConfiguration",
    "SmsMfaConfiguration",
    "SoftwareTokenMfaConfiguration",
    "WebAuthnConfiguration",
)
# What UpdateUserPool resets. Not the feature plan, as is documented; nor tags: the Terraform provider says
# none in this call, and they stay.
RESET = {
    "AccountRecoverySetting",
    "AdminCreateUserConfig",
    "AutoVerifiedAttributes",
    "DeletionProtection",
    "DeviceConfiguration",
    "EmailConfiguration",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "LambdaConfig",
    "MfaConfiguration",
    "Policies",
    "SmsAuthenticationMessage",
    "SmsConfiguration",
    "SmsVerificationMessage",
    "UserAttributeUpdateSettings",
    "UserPoolAddOns",
    "VerificationMessageTemplate",
}
NO_CLIENT = "CLIENT_ID_NOT_APPLICABLE"  # what Cognito puts there for an administrator's call


def install(limits: Limits) -> None:
    """Put the adapter's handlers in the place of MiniStack's, which its dispatcher looks up at each call."""
    service._send_verification_email = with_random_code(service._send_verification_email)
    service._confirm_sign_up = confirming_sign_up(service._confirm_sign_up, limits)
    service._admin_confirm_sign_up = confirming_by_admin(service._admin_confirm_sign_up, limits)
    service._confirm_forgot_password = confirming_password(service._confirm_forgot_password, limits)
    service._update_user_pool = updating_pool(service._update_user_pool)
    service._pool_out = describing_pool(service._pool_out)


def confirming_sign_up(original: Handler, limits: Limits) -> Handler:
    """ConfirmSignUp: the right code confirms the person, verifies the e-mail and fires the trigger."""

    def confirm(data: Json) -> Response:
        pool, user = _by_client(data)
        if pool is None or user is None:
            return original(data)
        with resource_lock("cognito", pool["Id"]):  # two people confirming one address: one wins
            if refusal := not_unconfirmed(user):
                return refusal
            verifies = "email" in pool.get("AutoVerifiedAttributes", []) and "email" in attributes(user)
            holder = alias_holder(pool, user) if verifies else None
            if holder and not data.get("ForceAliasCreation"):
                return refuse("AliasExistsException", "An account with the email already exists.")
            answer = original(data)
            if answer[0] != 200:
                return answer
            if holder:
                set_attribute(holder, "email_verified", "false")
            if verifies:
                set_attribute(user, "email_verified", "true")
        return fire(answer, pool, user, SIGN_UP, data, limits)

    return confirm


def confirming_by_admin(original: Handler, limits: Limits) -> Handler:
    """AdminConfirmSignUp: fires the same trigger, but no code was shown, so nothing becomes verified."""

    def confirm(data: Json) -> Response:
        pool = service._user_pools.get(data.get("UserPoolId"))
        user = service._resolve_user(pool, data.get("Username"))[0] if pool else None
        if pool is None or user is None:
            return original(data)
        with resource_lock("cognito", pool["Id"]):
            if refusal := not_unconfirmed(user):
                return refusal
            answer = original(data)
        return fire(answer, pool, user, SIGN_UP, data, limits)

    return confirm


def confirming_password(original: Handler, limits: Limits) -> Handler:
    """ConfirmForgotPassword: fires with a source of its own."""

    def confirm(data: Json) -> Response:
        pool, user = _by_client(data)
        answer = original(data)
        if pool is None or user is None:
            return answer
        return fire(answer, pool, user, FORGOT_PASSWORD, data, limits)

    return confirm


def updating_pool(original: Handler) -> Handler:
    """UpdateUserPool: what is not said gets its default, and one setting is not taken under two names."""

    def update(data: Json) -> Response:
        password = (data.get("Policies") or {}).get("PasswordPolicy") or {}
        if "TemporaryPasswordValidityDays" in password and "UnusedAccountValidityDays" in (
            data.get("AdminCreateUserConfig") or {}
        ):
            return refuse(
                "InvalidParameterException",
                "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of "
                "UnusedAccountValidityDays",
            )
        answer = original(data)
        pool = service._user_pools.get(data.get("UserPoolId"))
        if pool is None or answer[0] != 200:
            return answer
        defaults = _new_pool()
        for name in RESET - data.keys():
            pool.pop(name, None)
            if name in defaults:
                pool[name] = defaults[name]
        pool["Name"] = data.get("PoolName", pool["Name"])
        return answer

    return update


def describing_pool(original: Callable[[Json], Json]) -> Callable[[Json], Json]:
    """A temporary password's days under both names; not the factors, which MiniStack keeps with the pool."""

    def describe(pool: Json) -> Json:
        told = {name: value for name, value in original(pool).items() if name not in FACTORS}
        password = told["Policies"].get("PasswordPolicy", {})
        if "TemporaryPasswordValidityDays" in password:
            days = {"UnusedAccountValidityDays": password["TemporaryPasswordValidityDays"]}
            told["AdminCreateUserConfig"] = told["AdminCreateUserConfig"] | days
        return told

    return describe


def fire(answer: Response, pool: Json, user: Json, source: str, data: Json, limits: Limits) -> Response:
    """Call the pool's function after a call that succeeded; the user stays confirmed whatever it says."""
    function_arn = (pool.get("LambdaConfig") or {}).get("PostConfirmation")
    if answer[0] != 200 or not function_arn:
        return answer
    sent = post_confirmation.event(
        source=source,
        pool_id=pool["Id"],
        user_name=user["Username"],
        client_id=data.get("ClientId", NO_CLIENT),
        attributes=attributes(user),
        metadata=data.get("ClientMetadata"),
    )
    try:
        post_confirmation.call(function_arn, pool["Arn"], sent, limits)
    except post_confirmation.TriggerError as error:
        return refuse(error.code, str(error))
    return answer


def not_unconfirmed(user: Json) -> Response | None:
    status = user.get("UserStatus")
    if status == "UNCONFIRMED":
        return None
    return refuse("NotAuthorizedException", f"User cannot be confirmed. Current status is {status}")


def refuse(code: str, message: str) -> Response:
    refusal: Response = error_response_json(code, message, 400)
    return refusal


def alias_holder(pool: Json, user: Json) -> Json | None:
    """The other user whose verified e-mail is this one's address, where the pool takes it as an alias."""
    if "email" not in (pool.get("AliasAttributes") or []):
        return None
    email = attributes(user)["email"].lower()
    others: list[Json] = [other for other in pool["_users"].values() if other is not user]
    for other in others:
        held = attributes(other)
        verified = str(held.get("email_verified", "")).lower() == "true"
        if verified and held.get("email", "").lower() == email:
            return other
    return None


def with_random_code(original: Callable[..., Any]) -> Callable[..., Any]:
    """Every mail with a code carries a new one, which MiniStack's own checks then compare."""

    def send(pool: Json, username: str, attrs: Json, _code: str, attribute_name: str = "email") -> Any:
        code = f"{secrets.randbelow(10**6):06}"
        user = service._resolve_user(pool, username)[0]
        user["_reset_code" if attribute_name == "password" else "_confirmation_code"] = code
        return original(pool, username, attrs, code, attribute_name=attribute_name)

    return send


def attributes(user: Json) -> dict[str, str]:
    found: dict[str, str] = service._attr_list_to_dict(user.get("Attributes", []))
    return found


def set_attribute(user: Json, name: str, value: str) -> None:
    user["Attributes"] = service._merge_attributes(user["Attributes"], [{"Name": name, "Value": value}])


def _new_pool() -> Json:
    """A pool as it is when nothing is said of it."""
    made = json.loads(service._create_user_pool({"PoolName": "defaults"})[2])["UserPool"]
    pool: Json = service._user_pools.pop(made["Id"])
    return pool


def _by_client(data: Json) -> tuple[Json | None, Json | None]:
    pool, _pool_id = service._pool_for_client(data.get("ClientId"))
    return pool, service._resolve_user(pool, data.get("Username"))[0] if pool else None
