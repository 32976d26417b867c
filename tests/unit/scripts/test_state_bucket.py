import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock, patch

import boto3
import click
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from scripts import environment, state_bucket
from scripts.environment import Environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCOUNT = "123456789012"  # moto's
NAME = f"some-dev-tfstate-{ACCOUNT}-eu-west-1"


@pytest.fixture
def s3() -> "Iterator[S3Client]":
    """An AWS in memory."""
    with mock_aws():
        yield boto3.client("s3", region_name="eu-west-1")


@pytest.fixture
def dev(configuration: Path) -> Environment:
    return environment.remote("dev")


def configure(environment: Environment, **values: str) -> None:
    lines = [f'{name} = "{value}"\n' for name, value in values.items()]
    (environment.folder / "terraform.tfvars").write_text("".join(lines))


def answering(monkeypatch: pytest.MonkeyPatch, arn: str) -> MagicMock:
    """Every client of every environment; `get_caller_identity` answers with this ARN."""
    client = MagicMock()
    client.get_caller_identity.return_value = {"Account": ACCOUNT, "Arn": arn}
    client.get_bucket_policy.return_value = {}
    monkeypatch.setattr(Environment, "client", lambda *_arguments: client)
    return client


def check_settings(s3: "S3Client", name: str) -> None:
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]


def test_the_bucket_is_versioned_encrypted_private_and_reached_by_tls_alone(
    dev: Environment, s3: "S3Client"
) -> None:
    assert state_bucket.ensure(dev) == NAME
    assert s3.get_bucket_location(Bucket=NAME)["LocationConstraint"] == "eu-west-1"
    check_settings(s3, NAME)


def test_it_is_made_once_and_then_left_as_it_is(dev: Environment, s3: "S3Client") -> None:
    state_bucket.ensure(dev)
    tags: Any = [{"Key": "Owner", "Value": "the team"}]
    s3.put_bucket_tagging(Bucket=NAME, Tagging={"TagSet": tags})
    assert state_bucket.ensure(dev) == NAME
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [NAME]
    assert s3.get_bucket_tagging(Bucket=NAME)["TagSet"] == tags


def test_a_bucket_that_was_made_and_left_at_that_gets_its_settings(dev: Environment, s3: "S3Client") -> None:
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    state_bucket.ensure(dev)
    check_settings(s3, NAME)


def test_a_bucket_that_is_complete_is_only_read(dev: Environment, s3: "S3Client") -> None:
    state_bucket.ensure(dev)
    calls: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
    with patch.object(Environment, "client", lambda _self, name: s3 if name == "s3" else boto3.client(name)):
        state_bucket.ensure(dev)
    assert [call for call in calls if not call.startswith(("Get", "Head"))] == []
    assert len(calls) == 5


def test_what_a_team_has_chosen_beside_it_stays(dev: Environment, s3: "S3Client") -> None:
    state_bucket.ensure(dev)
    rule: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "a-key"}}
    s3.put_bucket_encryption(Bucket=NAME, ServerSideEncryptionConfiguration={"Rules": [rule]})
    own = {
        "Sid": "Own",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/auditor"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{NAME}/*",
    }
    s3.put_bucket_policy(Bucket=NAME, Policy=json.dumps({"Version": "2012-10-17", "Statement": own}))
    state_bucket.ensure(dev)
    statements = json.loads(s3.get_bucket_policy(Bucket=NAME)["Policy"])["Statement"]
    assert [statement["Sid"] for statement in statements] == ["Own", "OnlyByTls"]
    (kept,) = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"]
    assert kept["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_us_east_1_is_no_location_and_gets_its_bucket_all_the_same(dev: Environment, s3: "S3Client") -> None:
    configure(dev, name_prefix="some-dev", aws_region="us-east-1")
    name = state_bucket.ensure(dev)
    assert name == f"some-dev-tfstate-{ACCOUNT}-us-east-1"
    assert s3.get_bucket_location(Bucket=name).get("LocationConstraint") is None


def test_an_emulators_bucket_is_reached_by_plain_http(
    configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = answering(monkeypatch, "arn:aws:iam::000000000000:root")
    state_bucket.ensure(environment.local("http://127.0.0.1:4566", {}))
    client.put_bucket_versioning.assert_called_once()
    client.put_bucket_policy.assert_not_called()


def test_the_longest_name_is_not_too_long_for_s3(dev: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, f"arn:aws:iam::{ACCOUNT}:user/a")
    configure(dev, name_prefix="p" * 24, aws_region="ap-southeast-99")
    name = state_bucket.ensure(dev)
    assert len(name) <= 63
    assert name.startswith("p" * 24)
    assert name.endswith("-ap-southeast-99")


def test_the_policy_names_the_bucket_in_its_own_partition(
    dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = answering(monkeypatch, f"arn:aws-cn:iam::{ACCOUNT}:user/a")
    name = state_bucket.ensure(dev)
    policy: dict[str, Any] = json.loads(client.put_bucket_policy.call_args.kwargs["Policy"])
    assert policy["Statement"][0]["Resource"] == [f"arn:aws-cn:s3:::{name}", f"arn:aws-cn:s3:::{name}/*"]


def test_who_only_looks_makes_and_changes_nothing(dev: Environment, s3: "S3Client") -> None:
    with pytest.raises(click.ClickException) as caught:
        state_bucket.find(dev)
    assert caught.value.message == (
        "Nothing is deployed in 'dev' in account 123456789012: use the credentials of another, "
        "or make deploy ENV=dev."
    )
    assert s3.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert state_bucket.find(dev) == NAME
    assert "Status" not in s3.get_bucket_versioning(Bucket=NAME)


@pytest.mark.parametrize("status", [301, 403])
def test_a_bucket_that_is_somebody_elses_or_elsewhere_is_left_alone(
    dev: Environment, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    client = answering(monkeypatch, f"arn:aws:iam::{ACCOUNT}:user/a")
    refusal: Any = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}
    client.head_bucket.side_effect = ClientError(refusal, "HeadBucket")
    for look in (state_bucket.find, state_bucket.ensure):
        with pytest.raises(ClientError):
            look(dev)
    assert client.head_bucket.call_args.kwargs["ExpectedBucketOwner"] == ACCOUNT
    assert not [call for call in client.method_calls if call[0].startswith(("create_", "put_"))]
