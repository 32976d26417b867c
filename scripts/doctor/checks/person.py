"""One person: where they stand between the pool and their welcome, and why it has not come.

They are given by username and spoken of by their Cognito subject. No address and no number is shown.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from notifications.channels import sns_email
from notifications.erasure_job import erasure_id
from notifications.notification import HISTORY, MAX_ATTEMPTS, InvalidRowError, Notification, State
from notifications.preferences import InvalidPreferencesError
from notifications.registration import WELCOME_IS_GOOD_FOR
from notifications.users import User
from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, at, broken, ok, warning

# "Amazon SNS now supports faster automatic deletion of unconfirmed subscriptions" (What's New, May 2023)
LAPSES_AFTER = timedelta(hours=48)
VERIFY = "They verify it with a code (GetUserAttributeVerificationCode); then set the record's EmailVerified."
RESUME = "They resume e-mail by PUT /preferences, and are asked to opt in again."
# a row that is due for longer was passed over
LATE = timedelta(minutes=5)

# why a row ended or waits, for those who have to do something: by the first word of Reason
_REASONS = {
    "Bounce": (
        "the address does not take mail",
        "Have them correct it; then they resume e-mail by PUT /preferences.",
    ),
    "Complaint": ("they marked a mail as spam", "They resume e-mail themselves, by PUT /preferences."),
    "FilterPolicyLimitExceeded": (
        "the topic's filter policies are used up: they could not be subscribed",
        'Ask AWS for more, or write by SES: email_delivery = "ses".',
    ),
    "GaveUp": ("it was tried as often as it may be", "Mend the reason, then have it sent anew."),
    "InvalidRecord": ("their record cannot be read", "Mend the attribute that Reason names."),
    "InvalidRow": ("the row cannot be read", "Mend the attribute that Reason names."),
    "MessageRejected": (
        "SES did not take it: the identity is not verified, or it is in the sandbox",
        "See `ses`.",
    ),
    "NoSuchCategory": ("the category is not in the catalogue", "Deploy the catalogue that has it."),
    "NotSetUp": (
        "no channel that they chose is set up for them",
        "They add a device or a number, or choose e-mail.",
    ),
    "OptedOut": ("they have switched it off", "Nothing: it is their wish."),
    "RecipientGone": ("their record was gone, or another person's, when it was to be sent", "{reconcile}"),
    "Stopped": ("the channel is stopped for them", "They resume it by PUT /preferences."),
    "SubscriptionGone": (
        "their subscription lapsed before they opted in, or they ended it",
        RESUME,
    ),
    "SubscriptionNotOurs": (
        "their subscription has another filter policy than ours",
        "See their subscription.",
    ),
    "Template": ("its text cannot be rendered", "Mend the template, and deploy."),
    "TooLate": ("it waited for longer than it was worth sending", "See what it waited for, in Results."),
}


def person(context: Context) -> Iterable[Finding]:
    if not context.user:
        return
    try:
        account = context.client("cognito-idp").admin_get_user(
            UserPoolId=context.output("user_pool_id"), Username=context.user
        )
    except ClientError as error:
        if code_of(error) != "UserNotFoundException":
            raise
        yield broken(
            "person.account",
            "the person asked about",
            "nobody in the pool has this username",
            "Ask for the username that they signed up with. A deleted account is gone for good.",
        )
        return
    attributes = {each["Name"]: each["Value"] for each in account["UserAttributes"]}
    about = f"sub {attributes['sub']}"
    standing, goes_on = _account(about, account)
    yield standing
    if goes_on:
        yield from _record(context, about, account, attributes)


def _account(about: str, account: Mapping[str, Any]) -> tuple[Finding, bool]:
    """Their standing in the pool, and whether there is more to look at."""
    status, made = account["UserStatus"], account["UserCreateDate"]
    if status == "UNCONFIRMED":
        return warning(
            "person.account",
            about,
            f"signed up on {at(made)}, and has not given back the code",
            "The application sends a new one (ResendConfirmationCode); `pool` says whether it can arrive.",
        ), False
    if not account["Enabled"]:
        return warning(
            "person.account",
            about,
            "they are disabled in the pool, and cannot sign in",
            "Enable them, if they may.",
        ), True
    return ok("person.account", about, f"{status.replace('_', ' ').lower()} in the pool"), True


def _record(
    context: Context, about: str, account: Mapping[str, Any], attributes: Mapping[str, str]
) -> Iterable[Finding]:
    sub, username = attributes["sub"], account["Username"]
    job = context.outbox.get(erasure_id(sub))
    if job is not None:
        yield warning(
            "person.record",
            about,
            "they have asked to be forgotten: erase is at it",
            "Wait some minutes; if it stays, see erase's errors and its schedule.",
        )
        return
    record = context.users.record(username)
    if record is None or record.get("Sub") != sub:
        yield _missed(context, about, account, there=record is not None)
        return
    try:
        user = User.from_record(record)
    except InvalidPreferencesError as error:
        yield broken("person.record", about, f"their record cannot be used: {error}", "Mend that attribute.")
        return
    yield _address(about, user, attributes)
    for key, entry in sorted(record.get("Stopped", {}).items()):
        what, step = _explained(context, str(entry["Reason"]))
        yield warning(
            "person.stopped",
            about,
            f"{key} is stopped since {str(entry.get('At'))[:16]} ({entry['Reason']}): {what}",
            step,
        )
    yield from _welcome(context, about, user, record)
    if context.output("email_delivery") == "sns":
        yield from _subscription(context, about, user)
    else:
        yield from _suppressed(context, about, user)


def _missed(context: Context, about: str, account: Mapping[str, Any], *, there: bool) -> Finding:
    """Somebody without a record. there: an earlier person's has their username."""
    lacks = "has no record" + (": the one of this username is an earlier person's" if there else "")
    reconcile = f"{context.make('reconcile')} APPLY=1."
    if there:
        reconcile = f"{context.make('reconcile')} APPLY=1 ERASE=1 for that one, then {reconcile}"
    if account["UserStatus"] == "EXTERNAL_PROVIDER":
        return warning(
            "person.record",
            about,
            f"{lacks}, and comes from another identity provider: it may be linked with another user",
            "Nobody registers them: that is for the application to decide.",
        )
    step = f"See `trigger`, then {reconcile}" if account["Enabled"] else f"Once they are enabled: {reconcile}"
    return broken(
        "person.record", about, f"{lacks}, and so no welcome: the trigger failed, or never ran for them", step
    )


def _address(about: str, user: User, attributes: Mapping[str, str]) -> Finding:
    if user.email != attributes.get("email", ""):
        return warning(
            "person.record",
            about,
            "their record has another address than the pool, and mail goes to that",
            "Set Email of the record to the pool's address, if it is verified.",
        )
    return ok("person.record", about, "there, with the pool's address")


def _welcome(context: Context, about: str, user: User, record: Mapping[str, Any]) -> Iterable[Finding]:
    row = context.outbox.get(f"welcome#{user.sub}")
    if row is None:
        registered = datetime.fromisoformat(record["RegisteredAt"])
        if context.now - registered > WELCOME_IS_GOOD_FOR + HISTORY:
            yield ok(
                "person.welcome", about, "its row has reached the end of its time: they registered long ago"
            )
        else:
            yield broken(
                "person.welcome",
                about,
                "they have a record, and no welcome was ever asked for, or its row was deleted",
                "Write to them: make notify, in a category of the catalogue.",
            )
        return
    state, reason = str(row.get("State")), str(row.get("Reason", ""))
    if state not in set(State):
        yield broken(
            "person.welcome", about, "the row's State is none that there is", "Mend it, or delete the row."
        )
        return
    try:
        parsed = Notification.from_row(row) if "DueAt" in row else None
    except InvalidRowError as error:
        yield broken("person.welcome", about, f"the row cannot be read: {error}", "Mend that attribute.")
        return
    if State(state).final:
        yield _ended(context, about, State(state), reason, row)
    else:
        yield _waits(context, about, State(state), reason, parsed)


def _ended(context: Context, about: str, state: State, reason: str, row: Mapping[str, Any]) -> Finding:
    if state is State.SENT:
        taken = ", ".join(
            f"{target} at {str(result.get('At'))[:16]} UTC"
            for target, result in sorted(row.get("Results", {}).items())
            if result.get("State") == State.SENT
        )
        return ok("person.welcome", about, f"SENT: taken by {taken or 'the service'}")
    what, step = _explained(context, reason)
    level = warning if state in (State.SKIPPED, State.CANCELLED) else broken
    return level("person.welcome", about, f"{state} ({reason}): {what}", step)


def _waits(context: Context, about: str, state: State, reason: str, row: Notification | None) -> Finding:
    """What a row waits for, and whether anybody will come to it."""
    if row is None:
        return broken(
            "person.welcome",
            about,
            f"{state}, and due at no time: only the stream could have taken it",
            "Set its DueAt to 1 and its DueShard, and sweep takes it.",
        )
    when = f"{row.due_at:%Y-%m-%d %H:%M:%S} UTC"
    if context.now - row.due_at >= LATE:
        return broken(
            "person.welcome",
            about,
            f"{state}, due since {when}, and nobody takes it",
            "See `rows` and `schedules`.",
        )
    if state is State.QUEUED:
        return ok("person.welcome", about, f"QUEUED: it was just written; sweep takes it at {when}")
    if state is State.DEFERRED:
        return ok("person.welcome", about, f"DEFERRED ({reason}): it goes out at {when}")
    if state is State.RETRY:
        ours = reason.partition(": ")[0] in _REASONS
        return warning(
            "person.welcome",
            about,
            f"RETRY ({reason}): tried {row.attempts} of {MAX_ATTEMPTS} times, again at {when}",
            _explained(context, reason)[1]
            if ours
            else "See what that service says, in `ses`, `topic` and `sms`.",
        )
    if reason == "EmailNotVerified":
        return warning(
            "person.welcome",
            about,
            "WAITING_OPT_IN (EmailNotVerified): nobody has shown that the address is theirs",
            VERIFY,
        )
    lapses = row.created_at + LAPSES_AFTER
    return warning(
        "person.welcome",
        about,
        f"WAITING_OPT_IN ({reason}): asked to opt in since {at(row.created_at)}; "
        f"that lapses about {at(lapses)}",
        "They follow the link in the mail of Amazon SNS; it may be among the spam.",
    )


def _explained(context: Context, reason: str) -> tuple[str, str]:
    """What a reason means, and what to do. One that is not ours is an error's name."""
    word, _, of = reason.partition(": ")
    if word == "Stopped" and of in _REASONS:
        word = of
    what, step = _REASONS.get(
        word, ("the service refused it", "Look the error up; mend it, and have it sent anew.")
    )
    return what, step.format(reconcile=f"{context.make('reconcile')}.")


def _subscription(context: Context, about: str, user: User) -> Iterable[Finding]:
    if not user.subscription_arn:
        if sns_email.STOP_KEY not in user.stopped:
            yield warning(
                "person.subscription",
                about,
                "they have not been subscribed yet: that is done when the first mail is to go out",
                "See their welcome.",
            )
        return
    try:
        found = context.client("sns").get_subscription_attributes(SubscriptionArn=user.subscription_arn)
    except ClientError as error:
        if code_of(error) != "NotFound":
            raise
        yield warning(
            "person.subscription",
            about,
            "their subscription is gone: it lapsed before they opted in, or they ended it",
            RESUME,
        )
        return
    attributes = found["Attributes"]
    anew = f"aws sns unsubscribe --subscription-arn {user.subscription_arn} ; then: {RESUME}"
    if attributes["Endpoint"].lower() != user.email.lower():
        yield warning(
            "person.subscription",
            about,
            "their subscription is of another address than their record",
            "Nothing: with the next mail it is moved, and they are asked to opt in again.",
        )
    elif json.loads(attributes.get("FilterPolicy") or "null") != json.loads(
        sns_email.filter_policy(user.email)
    ):
        yield broken(
            "person.subscription",
            about,
            "its filter policy is not theirs: nothing is sent by it, or everybody's messages are",
            anew,
        )
    elif attributes.get("PendingConfirmation") == "true":
        yield warning(
            "person.subscription",
            about,
            "it waits for their opt-in",
            "They follow the link in the mail of Amazon SNS; it may be among the spam.",
        )
    else:
        yield ok("person.subscription", about, "opted in, with their own filter policy")


def _suppressed(context: Context, about: str, user: User) -> Iterable[Finding]:
    if not user.email_verified:
        # said with what waits for it
        yield warning(
            "person.address",
            about,
            "nobody has shown the address to be theirs, by their record: SES is not asked to write to it",
            VERIFY,
        )
        return
    try:
        found = context.client("sesv2").get_suppressed_destination(EmailAddress=user.email)
    except ClientError as error:
        if code_of(error) != "NotFoundException":
            raise
        yield ok("person.address", about, "verified, and not on SES's suppression list")
        return
    entry = found["SuppressedDestination"]
    yield warning(
        "person.address",
        about,
        f"on SES's suppression list since {at(entry['LastUpdateTime'])} ({entry['Reason']}): "
        "SES takes mail to it and delivers none",
        "Once it takes mail again: aws sesv2 delete-suppressed-destination --email-address <their address>",
    )
