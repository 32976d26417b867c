"""Terraform's state: whether it can be read, is of this account, and is held by nobody."""

import json
from collections.abc import Iterable
from datetime import datetime

from botocore.exceptions import ClientError

from scripts import state_bucket
from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, at, broken, counted, ok, warning


def state(context: Context) -> Iterable[Finding]:
    yield _read(context)
    yield from _account(context)
    yield from _lock(context)


def _read(context: Context) -> Finding:
    intention = context.intention
    if intention.resources is None:
        return warning(
            "state.read",
            "Terraform's state",
            f"it cannot be compared with: {intention.why}",
            "Have these credentials read the state; --policy prints what that takes.",
        )
    return ok("state.read", "Terraform's state", counted(len(intention.resources), "resource"))


def _account(context: Context) -> Iterable[Finding]:
    account = context.client("sts").get_caller_identity()["Account"]
    deployed = str(context.output("notification_topic_arn")).split(":")[4]
    if account != deployed:
        yield broken(
            "state.account",
            "the account",
            f"these credentials are of account {account}, and the system is in {deployed}",
            "Use credentials of the right account: nothing of what follows is about the system.",
        )
    else:
        yield ok("state.account", "the account", account)


def _lock(context: Context) -> Iterable[Finding]:
    """A deploy that was killed leaves its lock, and no other can begin."""
    key = context.environment.state_key
    bucket = state_bucket.find(context.environment)
    try:
        held = context.client("s3").get_object(Bucket=bucket, Key=f"{key}.tflock")["Body"].read()
    except ClientError as error:
        if code_of(error) not in ("NoSuchKey", "404"):
            raise
        yield ok("state.lock", "the state's lock", "nobody holds it")
        return
    lock = json.loads(held)
    yield warning(
        "state.lock",
        "the state's lock",
        f"held since {at(datetime.fromisoformat(lock['Created']))}, for {lock['Operation']}",
        f"If nobody deploys at this moment: {context.make('unlock')} LOCK={lock['ID']}",
    )
