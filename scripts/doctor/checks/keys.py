"""The KMS keys: one that is switched off or waits for its deletion takes what it protects with it."""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, at, broken, ok

_USE = {
    "signing": "links to unsubscribe can be neither made nor followed",
    "data": "tables, queues, the topic and logs cannot be read or written",
}


def keys(context: Context) -> Iterable[Finding]:
    arns = {context.output("signing_key_arn"): "signing"}
    for group in context.intention.all("aws_cloudwatch_log_group"):
        # everything has the same one, and this is the resource that names none where there is none
        if group.values.get("kms_key_id"):
            arns.setdefault(group.values["kms_key_id"], "data")
    names = {f"{use} key {arn.split(':key/')[-1]}": (arn, use) for arn, use in arns.items()}
    yield from context.each("keys.state", names, lambda each: _key(context, *each))


def _key(context: Context, arn: str, use: str) -> Iterable[Finding]:
    key = arn.split(":key/")[-1]
    about = f"{use} key {key}"
    try:
        found = context.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    except ClientError as error:
        if code_of(error) != "NotFoundException":
            raise
        yield broken("keys.state", about, f"there is no such key: {_USE[use]}", f"{context.make('plan')}.")
        return
    state = found["KeyState"]
    enable = f"aws kms enable-key --key-id {key}"
    if state == "Enabled":
        yield ok("keys.state", about, "enabled")
    elif state == "PendingDeletion":
        yield broken(
            "keys.state",
            about,
            f"it is deleted for good on {at(found['DeletionDate'])}, and off until then: {_USE[use]}",
            f"aws kms cancel-key-deletion --key-id {key} && {enable}",
        )
    else:
        yield broken("keys.state", about, f"it is {state}: {_USE[use]}", enable)
