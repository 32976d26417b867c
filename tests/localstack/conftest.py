"""LocalStack itself, with what it can hold of the stack: the one at AWS_ENDPOINT_URL, or its core alone.

The core comes from the package index and runs without Docker and without an account. It has no Cognito, HTTP
APIs or SES v2, which are paid for, and runs no functions, DynamoDB or streams, for which it would download
more. So the modules are applied to it, and what the functions would do there the tests do with their code.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import click
import httpx
import pytest
from botocore.exceptions import ClientError

from scripts import environment
from scripts.environment import LOOPBACK, TERRAFORM, Environment
from scripts.person import wait_for
from scripts.terraform import Terraform

# as the shell had it: tests of other folders have an endpoint of their own
GIVEN = os.environ.get("AWS_ENDPOINT_URL")
PYTHON = Path(sys.prefix) / "localstack" / "bin" / "python"
READY_WITHIN_SECONDS = 60
STOPPED_WITHIN_SECONDS = 10

Say = Callable[[str], None]


@dataclass(frozen=True)
class LocalStack:
    """A running LocalStack, and what it has kept of what was sent."""

    environment: Environment

    def client(self, service: str) -> Any:
        return self.environment.client(service)

    def token(self, subscription_arn: str) -> str:
        """The token that is in the link of SNS's mail."""
        return str(self._get(f"_aws/sns/subscription-tokens/{subscription_arn}")["subscription_token"])

    def mails(self, address: str) -> list[str]:
        """What an address has received."""
        try:
            mails = self._get("_aws/ses")["messages"]
        except httpx.HTTPStatusError:
            return []  # until something is sent it knows nothing of SES
        return [mail["Body"]["text_part"] for mail in mails if address in mail["Destination"]["ToAddresses"]]

    def texts(self, number: str) -> list[str]:
        """The SMS that a number has received."""
        kept = self._get("_aws/sns/sms-messages", region=self.environment.region)["sms_messages"]
        return [text["Message"] for text in kept.get(number, [])]

    def pushes(self, endpoint_arn: str) -> list[str]:
        """What was handed to the platform for a device."""
        kept = self._get("_aws/sns/platform-endpoint-messages", region=self.environment.region)
        return [push["Message"] for push in kept["platform_endpoint_messages"].get(endpoint_arn, [])]

    def health(self) -> Any:
        return self._get("_localstack/health")

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"{self.environment.endpoint_url}/{path}"
        return httpx.get(url, params=parameters, trust_env=False, timeout=10).raise_for_status().json()


@dataclass(frozen=True)
class Applied:
    """The modules as they are applied.

    name: what all their names begin with.
    """

    name: str
    terraform: Terraform
    variables: Mapping[str, str]
    localstack: LocalStack

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return self.terraform.outputs()

    @cached_property
    def _session(self) -> Any:
        """A session of the role that may publish, as a function has it."""
        sts = self.localstack.client("sts")
        try:
            role = sts.assume_role(RoleArn=self.outputs["publisher_arn"], RoleSessionName="test")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            pytest.skip(
                f"This LocalStack gives the role to Lambda alone ({code}), and nobody else may publish."
            )
        got = role["Credentials"]
        return boto3.Session(
            got["AccessKeyId"],
            got["SecretAccessKey"],
            got["SessionToken"],
            self.localstack.environment.region,
        )

    def client(self, service: str) -> Any:
        """A client with the role of the functions that send."""
        return self._session.client(service)


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Say:
    """Tells the person in front of the terminal what takes long."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def line(sentence: str) -> None:
        with capture.global_and_fixture_disabled():
            click.echo(f"\n{sentence} ", err=True, nl=False)

    return line


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory, say: Say) -> Iterator[LocalStack]:
    """A LocalStack; while there is this process sees nothing else of AWS."""
    with at(GIVEN) if GIVEN else core(tmp_path_factory.mktemp("localstack"), say) as localstack:
        health = localstack.health()
        say(f"LocalStack {health['version']} at {localstack.environment.endpoint_url}.")
        yield localstack


@pytest.fixture(scope="session")
def applied(localstack: LocalStack, tmp_path_factory: pytest.TempPathFactory, say: Say) -> Iterator[Applied]:
    """The modules, applied; nothing of them is left after the last test."""
    folder = tmp_path_factory.mktemp("modules") / "stack"
    shutil.copytree(TERRAFORM / "modules", folder / "modules")
    shutil.copy(TERRAFORM / ".terraform.lock.hcl", folder)
    shutil.copy(Path(__file__).with_name("main.tf"), folder)
    variables = {"name": f"test-{secrets.token_hex(4)}"}
    terraform = Terraform(folder, localstack.environment.variables)
    began = time.monotonic()
    say("Applying SNS, IAM, queues and key by the modules, with a log group and an alarm (about a minute) …")
    try:
        terraform.init()
        terraform.plan(out=folder / "plan", variables=variables)
        terraform.apply(folder / "plan")
        say(f"Applied in {time.monotonic() - began:.0f} s.")
        yield Applied(variables["name"], terraform, variables, localstack)
    finally:
        say("Destroying them (some seconds) …")
        terraform.destroy(variables=variables)
    assert left(localstack, variables["name"]) == []


@contextmanager
def at(url: str) -> Iterator[LocalStack]:
    """The LocalStack at a URL, which this process sees for a while."""
    with patch.dict(os.environ):
        localstack, health = LocalStack(environment.local(url).activate()), {}
        with suppress(httpx.HTTPError, ValueError):
            health = localstack.health()
        if "version" not in health:
            pytest.fail(f"There is no LocalStack at {url}.", pytrace=False)
        yield localstack


@contextmanager
def core(folder: Path, say: Say) -> Iterator[LocalStack]:
    """LocalStack's core as a process of its own, which ends with the tests."""
    if not PYTHON.exists():
        pytest.fail("LocalStack is not installed; `make test-localstack` does that.", pytrace=False)
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        port = unused.getsockname()[1]
    log = folder / "log"
    say("Starting LocalStack …")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PYTHON, "-m", "localstack.runtime.main"],
            env=settings(folder, port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        wait_for("LocalStack", lambda: answers(url, process, log), READY_WITHIN_SECONDS)
        with at(url) as localstack:
            yield localstack
    finally:
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def settings(folder: Path, port: int) -> dict[str, str]:
    """The core's whole environment ("Configuration" in the LocalStack documentation)."""
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LOCALSTACK_VOLUME_DIR": str(folder / "volume"),
        "GATEWAY_LISTEN": f"{LOOPBACK}:{port}",
        # the other server listens on every interface, whatever the line above says
        "GATEWAY_SERVER": "hypercorn",
        "DNS_ADDRESS": "0",
        # URLs of queues that need no name to be resolved, in the form that the provider knows
        "LOCALSTACK_HOST": f"{LOOPBACK}:{port}",
        "SQS_ENDPOINT_STRATEGY": "off",
        # nothing is told to anybody, and nothing is fetched
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
    }


def answers(url: str, process: subprocess.Popen[bytes], log: Path) -> bool | None:
    """True once it is there; fails when the process has ended."""
    if process.poll() is not None:
        pytest.fail(f"LocalStack ended while it was starting:\n{log.read_text()[-2000:]}", pytrace=False)
    try:
        return httpx.get(f"{url}/_localstack/health", trust_env=False, timeout=5).is_success or None
    except httpx.HTTPError:
        return None


def left(localstack: LocalStack, name: str) -> list[str]:
    """What there is with this name."""
    sns, sqs, iam, logs, cloudwatch = (
        localstack.client(service) for service in ("sns", "sqs", "iam", "logs", "cloudwatch")
    )
    return [
        *(topic["TopicArn"] for topic in sns.list_topics()["Topics"] if name in topic["TopicArn"]),
        *sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", []),
        *(role["RoleName"] for role in iam.list_roles()["Roles"] if name in role["RoleName"]),
        *(
            group["logGroupName"]
            for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
        ),
        *(alarm["AlarmName"] for alarm in cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]),
    ]
