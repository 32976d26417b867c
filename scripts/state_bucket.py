"""The S3 bucket of Terraform's state: made once for an account and Region, versioned, encrypted, private."""

import json
from typing import Any

import click
from botocore.exceptions import ClientError

from scripts.environment import Environment


def ensure(environment: Environment) -> str:
    """Makes the bucket if there is none, sees to its settings, and returns its name.

    Safe to run again, also after it was interrupted half-way: every setting is made each time.

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
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    if not environment.endpoint_url:  # the emulator is reached by plain HTTP
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(_only_by_tls(f"arn:{partition}:s3:::{name}")))
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
            f"Nothing is deployed in {environment.name!r}: make deploy ENV={environment.name}."
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


def _only_by_tls(bucket: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyByTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [bucket, f"{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
