"""Which calls of AWS a plan and a deploy make, as Terraform and the SDK tell it themselves.

`make deploy-calls` deploys to a local AWS, changes everything that can be changed, and destroys it again;
what was called meanwhile, and the IAM actions that this takes, it writes to terraform/deploy_role/calls.json.
The tests hold the policies of terraform/deploy_role to that.
"""

import json
import socket
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import botocore.session
import click
from botocore.history import BaseHistoryHandler, get_global_history_recorder

from scripts import environment
from scripts.environment import LOCAL_ACCOUNT, LOOPBACK, ROOT
from scripts.local_aws import process
from scripts.stack import Stack, plainly
from scripts.terraform import TerraformError

Json = dict[str, Any]

RECORD = ROOT / "terraform/deploy_role/calls.json"
# phase → what it was for → operation → actions
Record = dict[str, dict[str, dict[str, list[str]]]]

# the services by the id that the SDK for Go logs → by their name in botocore
_SERVICES = {
    "ApiGatewayV2": "apigatewayv2",
    "CloudWatch": "cloudwatch",
    "CloudWatch Logs": "logs",
    "Cognito Identity Provider": "cognito-idp",
    "DynamoDB": "dynamodb",
    "IAM": "iam",
    "KMS": "kms",
    "Lambda": "lambda",
    "S3": "s3",
    "SESv2": "sesv2",
    "SNS": "sns",
    "SQS": "sqs",
    "STS": "sts",
    "Scheduler": "scheduler",
}
_PREFIXES = {"apigatewayv2": "apigateway", "sesv2": "ses"}
# "Actions defined by Amazon S3", "… by AWS Lambda" (Service Authorization Reference): where they are called
# otherwise than the operation
_OTHERWISE = {
    "lambda.Invoke": "lambda:InvokeFunction",
    "s3.GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3.GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3.HeadBucket": "s3:ListBucket",
    "s3.HeadObject": "s3:GetObject",
    "s3.ListObjectsV2": "s3:ListBucket",
}
# "GetCallerIdentity" (AWS Security Token Service API Reference): nobody can be kept from it
_FREE = {"sts.GetCallerIdentity"}
# who makes something with tags needs this too
_TAGGING = {"iam": "iam:TagRole", "sqs": "sqs:TagQueue"}
_TAGS = {"tags", "userpooltags"}


@dataclass(frozen=True, order=True)
class Call:
    """One call of AWS.

    made_for: the type of resource, or the part of the project.
    operation: service and name, as botocore has them.
    """

    made_for: str
    operation: str
    actions: tuple[str, ...]


def actions_of(operation: str, request: Mapping[str, Any]) -> tuple[str, ...]:
    """The IAM actions that a call takes: its own, and those that AWS checks besides.

    Args:
        request: its parameters, as far as they are known.
    """
    service, _, name = operation.partition(".")
    prefix = _PREFIXES.get(service, service)
    model = _model(service).operation_model(name)
    if operation in _FREE or model.auth_type == "none":
        return ()
    if service == "apigatewayv2":
        # "How Amazon API Gateway works with IAM": the action is the HTTP method
        return (f"apigateway:{model.http['method']}",)
    actions = [_OTHERWISE.get(operation, f"{prefix}:{name}")]
    if "Tag" not in name and any(_is_tag(key) for key, value in request.items() if value):
        actions.append(_TAGGING.get(service, f"{prefix}:TagResource"))
    if request.get("Role") or (request.get("Target") or {}).get("RoleArn"):
        actions.append("iam:PassRole")
    return tuple(actions)


def _is_tag(key: str) -> bool:
    """`Tags`, or `Tags.member.1.Key` as the Query protocol has it."""
    return key.partition(".")[0].lower() in _TAGS


@cache
def _model(service: str) -> Any:
    session = botocore.session.get_session()
    return session.get_service_model(service)


def from_terraform(log: Iterable[str]) -> Iterator[Call]:
    """The calls in a log that Terraform has written with TF_LOG=JSON.

    Raises:
        click.ClickException: a request is not told in full, or of a service that is not known here.
    """
    for line in log:
        told: Json = json.loads(line)
        message = told.get("@message", "")
        if message.startswith("HTTP Request Sent"):
            yield _told(told)
        elif "HTTP Request Sent" in message:
            # a line of more than 64 KiB is cut in two, and nothing of it is to be had
            raise click.ClickException("A request is too long for Terraform's log; use a smaller package.")


def _told(told: Json) -> Call:
    service = _SERVICES.get(told["rpc.service"])
    if service is None:
        raise click.ClickException(f"Add {told['rpc.service']!r} to the services of scripts/deploy_calls.py.")
    operation = f"{service}.{told['rpc.method']}"
    return Call(
        _made_for(told), operation, actions_of(operation, _request(told.get("http.request.body", "")))
    )


def _made_for(told: Json) -> str:
    if told["@module"].startswith("backend"):
        return "lock" if str(told.get("aws.s3.key", "")).endswith(".tflock") else "state"
    return str(told.get("tf_resource_type") or told.get("tf_data_source_type") or "provider")


def _request(body: str) -> Json:
    try:
        found = json.loads(body or "{}")
    except ValueError:
        found = parse_qs(body)
    return found if isinstance(found, dict) else {}


class _Recorder(BaseHistoryHandler):
    """Hears what botocore tells its history."""

    def __init__(self) -> None:
        self.listens = True
        self.heard: list[tuple[str, Json]] = []

    def emit(self, event_type: str, payload: Any, source: str) -> None:
        if self.listens and (event_type, source) == ("API_CALL", "BOTOCORE"):
            self.heard.append((f"{payload['service']}.{payload['operation']}", payload["params"]))


@contextmanager
def recording(made_for: str) -> Iterator[list[Call]]:
    """The calls that this process makes meanwhile; they are known afterwards."""
    history, recorder = get_global_history_recorder(), _Recorder()
    history.add_handler(recorder)
    history.enable()
    calls: list[Call] = []
    try:
        yield calls
    finally:
        history.disable()
        recorder.listens = False  # one cannot be taken away
    for operation, request in recorder.heard:
        calls.append(Call(made_for, operation, actions_of(operation, request)))


def record_of(phases: Mapping[str, Iterable[Call]]) -> Record:
    """The calls by phase and by what they were for."""
    record: Record = {}
    for phase, calls in phases.items():
        for call in sorted(set(calls)):
            operations = record.setdefault(phase, {}).setdefault(call.made_for, {})
            operations[call.operation] = sorted({*operations.get(call.operation, []), *call.actions})
    return record


# What is deployed at first: e-mail by SNS. Whatever else can be chosen is in the change.
SENDER = "no-reply@example.com"
IDENTITY = {"arn": f"arn:aws:ses:eu-west-1:{LOCAL_ACCOUNT}:identity/{SENDER}", "from_address": SENDER}
AT_FIRST: Json = {"ses_identity": IDENTITY}
CHANGE: Json = {
    "api_cors_origins": ["https://app.example.com"],
    "api_throttle": {"rate": 5, "burst": 10},
    "deletion_protection": True,
    "email_delivery": "ses",
    "lambda_runtime": "python3.12",
    "log_retention_days": 3,
    "password_minimum_length": 14,
    "permissions_boundary_arn": f"arn:aws:iam::{LOCAL_ACCOUNT}:policy/boundary",
    "ses_identity": IDENTITY,
    "tags": {"Team": "recording"},
    "token_lifetimes": {"access_minutes": 30},
}


@dataclass(frozen=True)
class Recording:
    """A local AWS of its own, and a stack in it whose Terraform writes a log."""

    stack: Stack
    log: Path
    package: Path

    def plan(self, given: Json) -> list[Call]:
        """Plans with some variables, and tells what that has called."""
        self.log.unlink(missing_ok=True)
        environment = self.stack.environment
        self.stack.terraform.plan(
            out=self.stack.plan_file,
            var_files=environment.var_files,
            variables={"lambda_package_path": str(self.package), **given},
        )
        return self.told()

    def apply(self) -> list[Call]:
        """Applies that plan, and tells what that has called."""
        self.log.unlink(missing_ok=True)
        self.stack.apply()
        return self.told()

    def destroy(self) -> list[Call]:
        """Destroys everything, and tells what that has called."""
        self.log.unlink(missing_ok=True)
        environment = self.stack.environment
        self.stack.terraform.destroy(
            var_files=environment.var_files, variables={"lambda_package_path": str(self.package), **AT_FIRST}
        )
        return self.told()

    def repack(self, content: str) -> None:
        """A package of a few bytes: a request with a real one is too long for the log."""
        with zipfile.ZipFile(self.package, "w") as archive:
            archive.writestr("index.py", content)

    def told(self) -> list[Call]:
        """What the last run of Terraform has called."""
        with self.log.open(encoding="utf-8") as lines:
            return list(from_terraform(lines))


@contextmanager
def local_recording(folder: Path) -> Iterator[Recording]:
    """Starts the local AWS on a free port, and ends it."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    log = folder / "terraform.log"
    running = process.start(port, folder / "local-aws")
    try:
        local = environment.local(running.url).activate()
        variables = {**local.variables, "TF_LOG": "JSON", "TF_LOG_PATH": str(log)}
        recording = Recording(
            Stack(replace(local, variables=variables), stream=False), log, folder / "code.zip"
        )
        recording.repack("# at first")
        yield recording
    finally:
        process.stop(port, folder / "local-aws")


def record(say: Any) -> Record:
    """Deploys, changes and destroys the stack in a local AWS; takes some minutes."""
    phases: dict[str, list[Call]] = {}
    with tempfile.TemporaryDirectory() as folder, local_recording(Path(folder)) as recording:
        client = recording.stack.environment.client
        client("sesv2").create_email_identity(EmailIdentity=SENDER)
        boundary = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        }
        client("iam").create_policy(PolicyName="boundary", PolicyDocument=json.dumps(boundary))
        key = client("kms").create_key()["KeyMetadata"]["Arn"]
        recording.stack.init()
        recording.plan(AT_FIRST)
        say("create …")
        phases["create"] = recording.apply()
        say("change …")
        recording.repack("# another")
        recording.plan(CHANGE)
        phases["change"] = recording.apply()
        say("plan …")
        phases["plan"] = recording.plan(CHANGE)
        say("a customer's key …")
        recording.plan({**CHANGE, "kms_key_arn": key})
        # the local AWS has no such keys for log groups: what counts is that it was asked
        with suppress(TerraformError):
            recording.apply()
        phases["change"] += recording.told()
        say("change back …")
        recording.plan(AT_FIRST)
        phases["change"] += recording.apply()
        say("destroy …")
        phases["destroy"] = recording.destroy()
    return record_of(phases)


@click.command()
@plainly
def main() -> None:
    """Record anew which calls a plan and a deploy make."""
    found = record(lambda what: click.echo(what, err=True))
    RECORD.write_text(f"{json.dumps(found, indent=2, sort_keys=True)}\n", "utf-8")
    click.echo(f"Written to {RECORD.relative_to(ROOT)}.")


if __name__ == "__main__":
    main(prog_name="make deploy-calls")
