"""The S3 bucket of Terraform's state: made once for an account and Region, versioned, encrypted, private."""

import json
from typing import Any

import click
from botocore.exceptions import ClientError

from scripts.environment import Environment


def ensure(environment: Environment) -> str:
    """Makes the bucket if there is none, sees to its settings, and returns its name.

    Safe to run again, also after it was interrupted half-way: every setting is looked at each time. What is
    as it should be is left alone, so whoever may only read can run it on a bucket that is complete.

    Raises:
        botocore.exceptions.ClientError: the credentials may not do it, or the name is somebody else's.
    """
    name, account, partition = _named(environment)
    s3 = environment.client("s3")
    if not _exists(s3, name, account):
        # us-east-1 is the one Region that S3 refuses as a location ("CreateBucket")
        place = {"LocationConstraint": environment.region}
        s3.create_bucket(
            Bucket=name,
            **({"CreateBucketConfiguration": place} if environment.region != "us-east-1" else {}),
        )
    _keep_private(s3, name)
    _keep_versions(s3, name)
    _encrypt(s3, name)
    if not environment.endpoint_url:  # the emulator is reached by plain HTTP
        _refuse_plain_http(s3, name, f"arn:{partition}:s3:::{name}")
    return name


def find(environment: Environment) -> str:
    """The name of the bucket, which is looked for and left as it is.

    Raises:
        click.ClickException: there is none, so nothing was ever deployed.
        botocore.exceptions.ClientError: the credentials may not look, or the name is somebody else's.
    """
    name, account, _ = _named(environment)
    if not _exists(environment.client("s3"), name, account):
        raise click.ClickException(
            f"Nothing is deployed in {environment.name!r} in account {account}: use the credentials of "
            f"another, or make deploy ENV={environment.name}."
        )
    return name


def _named(environment: Environment) -> tuple[str, str, str]:
    """The bucket's name, its account and the partition."""
    caller = environment.client("sts").get_caller_identity()
    account, partition = caller["Account"], caller["Arn"].split(":")[1]
    return f"{environment.setting('name_prefix')}-tfstate-{account}-{environment.region}", account, partition


def _exists(s3: Any, name: str, account: str) -> bool:
    try:
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True


def _keep_private(s3: Any, name: str) -> None:
    settings = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    wanted = dict.fromkeys(settings, True)
    found = _read(s3.get_public_access_block, name, "NoSuchPublicAccessBlockConfiguration")
    if found.get("PublicAccessBlockConfiguration") != wanted:
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=wanted)


def _keep_versions(s3: Any, name: str) -> None:
    if s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def _encrypt(s3: Any, name: str) -> None:
    """Encrypts by S3's own key, unless a team has chosen another."""
    if not _read(s3.get_bucket_encryption, name, "ServerSideEncryptionConfigurationNotFoundError"):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})


def _refuse_plain_http(s3: Any, name: str, arn: str) -> None:
    """Adds the statement that refuses it to the bucket's policy, beside those of the team's own."""
    answer = _read(s3.get_bucket_policy, name, "NoSuchBucketPolicy")
    policy = json.loads(answer.get("Policy", '{"Version": "2012-10-17", "Statement": []}'))
    wanted = {
        "Sid": "OnlyByTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    found = policy["Statement"]
    statements = [found] if isinstance(found, dict) else found  # one alone needs no list
    if wanted not in statements:
        others = [statement for statement in statements if statement.get("Sid") != wanted["Sid"]]
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({**policy, "Statement": [*others, wanted]}))


def _read(get: Any, name: str, missing: str) -> dict[str, Any]:
    """A setting of the bucket; empty where S3 says, by this code, that it was never made."""
    try:
        found: dict[str, Any] = get(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == missing:
            return {}
        raise
    return found
