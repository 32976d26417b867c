"""The user pool: whether people can sign up, and whether what Cognito mails can go out."""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, ok, warning
from scripts.doctor.intention import block


def pool(context: Context) -> Iterable[Finding]:
    live, about = context.user_pool, context.output("user_pool_id")
    known = context.intention.find("aws_cognito_user_pool", id=about) or {}

    closed = live.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly", False)
    intended = block(known, "admin_create_user_config").get("allow_admin_create_user_only")
    if closed and not known:
        yield warning(
            "pool.sign_up",
            about,
            "only an administrator makes users, and for them the trigger never runs",
            f"{context.make('reconcile')} registers them; it can also run by a schedule.",
        )
    elif closed and not intended:
        yield broken(
            "pool.sign_up",
            about,
            "only an administrator may make users: nobody can sign up",
            f"{context.make('deploy')}, or allow self-registration in the pool.",
        )
    else:
        yield ok("pool.sign_up", about, "people may sign up" if not closed else "closed, as intended")
    yield _client(context)
    yield _sender(context)
    if known:
        protected = live.get("DeletionProtection") == "ACTIVE"
        wanted = known.get("deletion_protection") == "ACTIVE"
        yield protection(context, "pool.protection", about, protected, wanted)


def protection(context: Context, check: str, about: str, live: bool, wanted: bool) -> Finding:
    """Whether something that holds people's data is protected from deletion as it should be."""
    if wanted and not live:
        return warning(
            check,
            about,
            "deletion protection has been switched off",
            f"Switch it on: {context.make('deploy')}.",
        )
    return ok(check, about, "protected from deletion" if live else "not protected from deletion, as intended")


def _client(context: Context) -> Finding:
    about = context.output("user_pool_client_id")
    try:
        context.client("cognito-idp").describe_user_pool_client(
            UserPoolId=context.output("user_pool_id"), ClientId=about
        )
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return broken(
            "pool.client",
            about,
            "there is no such app client: no application can sign anybody up or in",
            f"{context.make('deploy')}, and give the application its new id.",
        )
    return ok("pool.client", about, "the app client is there")


def _sender(context: Context) -> Finding:
    live, about = context.user_pool, context.output("user_pool_id")
    if live.get("EmailConfiguration", {}).get("EmailSendingAccount", "COGNITO_DEFAULT") == "COGNITO_DEFAULT":
        # "Quotas in Amazon Cognito": daily e-mail messages of the default sender
        return warning(
            "pool.sender",
            about,
            "Cognito sends its codes itself: 50 mails a day, and no more people can confirm",
            "For more than a trial set ses_identity; an existing pool is given its sender where it is made.",
        )
    return ok("pool.sender", about, "Cognito sends its codes by SES")
