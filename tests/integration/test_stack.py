"""The deployment itself, and that the local one can reach no other."""

import os
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from scripts import package, state_bucket
from scripts.environment import ROOT
from tests.deployment import Deployment

from .conftest import ONCE

# what a shell may hold: all of it would lead to a real account, or away from the emulator
HOSTILE = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_SESSION_TOKEN": "not-a-token",
    "AWS_PROFILE": "production",
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "https://sts.eu-west-1.amazonaws.com",
    "AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.eu-west-1.amazonaws.com",
    "AWS_ENDPOINT_URL_S3": "https://s3.eu-west-1.amazonaws.com",
    "AWS_ENDPOINT_URL_STS": "https://sts.eu-west-1.amazonaws.com",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


def test_plan_after_apply_is_empty_also_after_a_rebuild(system: Deployment) -> None:
    package.TARGET.unlink()
    system.stack.package()
    assert not system.stack.plan()


@ONCE
@pytest.mark.needs("local-aws")
def test_the_local_environment_is_the_emulator_whatever_the_shell_says_about_aws(system: Deployment) -> None:
    """The plan finds what was applied, so it has looked there."""
    port = str(urlsplit(system.environment.endpoint_url or "").port)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.deploy", "plan", "--env", "local", "--detailed-exitcode"],
        cwd=ROOT,
        env={**os.environ, **HOSTILE, "LOCAL_AWS_PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes" in done.stdout


def test_the_outputs_have_the_names_that_others_build_on(system: Deployment) -> None:
    assert set(system.outputs) >= {
        "user_pool_id",
        "user_pool_client_id",
        "user_table_name",
        "notification_table_name",
        "notification_topic_arn",
        "function_alias",
        "function_names",
    }
    assert set(system.outputs["function_names"]) >= {"post_confirmation", "deliver", "sweep"}


def test_the_deployed_package_is_the_one_that_was_built(system: Deployment) -> None:
    hashes = {system.configuration(handler)["CodeSha256"] for handler in system.outputs["function_names"]}
    assert hashes == {b64encode(sha256(package.TARGET.read_bytes()).digest()).decode()}


def test_the_state_is_in_a_versioned_bucket_of_the_emulator(system: Deployment) -> None:
    bucket, s3 = state_bucket.ensure(system.environment), system.client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    keys = {o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert keys - {"registration-local/deploy-role.tfstate"} == {"registration-local/terraform.tfstate"}
