"""Which calls of AWS a plan and a deploy make, as Terraform and the SDK tell it themselves.

`make deploy-calls` deploys the stack to a local AWS, changes what variables can change and what code might,
and destroys it again; what was called meanwhile, and the IAM actions that this takes, it writes to
terraform/deploy_role/calls.json. The tests hold the policies beside it to that.
"""

import json
import shutil
import socket
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import botocore.session
import click
from botocore.history import BaseHistoryHandler, get_global_history_recorder

from scripts import environment, state_bucket
from scripts.environment import LOCAL_ACCOUNT, LOOPBACK, ROOT, TERRAFORM, Environment
from scripts.local_aws import process
from scripts.stack import plainly
from scripts.terraform import Terraform, TerraformError

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
# "GetFunction" (AWS Lambda API Reference): it tells the tags to those alone who may list them
_BESIDES = {"lambda.GetFunction": ["lambda:ListTags"]}
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
    actions = [_OTHERWISE.get(operation, f"{prefix}:{name}"), *_BESIDES.get(operation, [])]
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


SENDER = "no-reply@example.com"
IDENTITY = {"arn": f"arn:aws:ses:eu-west-1:{LOCAL_ACCOUNT}:identity/{SENDER}", "from_address": SENDER}
BOUNDARIES = [f"arn:aws:iam::{LOCAL_ACCOUNT}:policy/boundary-{number}" for number in (1, 2)]
# What is deployed at first, and then all that can be chosen chosen otherwise.
AT_FIRST: Json = {"permissions_boundary_arn": BOUNDARIES[0], "ses_identity": IDENTITY}
CHANGED: Json = {
    "api_cors_origins": ["https://app.example.com"],
    "api_throttle": {"rate": 5, "burst": 10},
    "deletion_protection": True,
    "email_delivery": "ses",
    "lambda_runtime": "python3.12",
    "log_retention_days": 3,
    "password_minimum_length": 14,
    "permissions_boundary_arn": BOUNDARIES[1],
    "reconcile_every_hours": 24,
    "ses_identity": IDENTITY,
    "tags": {"Team": "recording"},
    "token_lifetimes": {"access_minutes": 30},
}
# What no variable changes, and a later version of the modules might: file, what is there, what comes instead.
EDITS = [
    ("modules/http_api/main.tf", '"user-pool"', '"the-user-pool"'),
    (
        "modules/http_api/main.tf",
        'payload_format_version = "2.0"',
        'payload_format_version = "2.0"\n  timeout_milliseconds = 20000',
    ),
    ("modules/http_api/main.tf", 'type = "NONE"', 'type = "NONE"\n  operation_name = "changed"'),
    ("modules/iam/main.tf", "= var.description", '= "${var.description} Changed."'),
    ("modules/iam/main.tf", '        Action    = "sts', '        Sid = "Changed"\n        Action = "sts'),
    ("modules/lambda/triggers.tf", "= var.stream.batch_window_seconds", "= 3"),
    ("modules/lambda/triggers.tf", '"Calls the function ${var.name}."', '"Calls it."'),
    ("modules/ses_feedback/main.tf", '"BOUNCE", "COMPLAINT"', '"BOUNCE", "COMPLAINT", "REJECT"'),
    (
        "modules/ses_feedback/main.tf",
        "= var.function.arn",
        '= var.function.arn\n  filter_policy = jsonencode({ changed = ["yes"] })',
    ),
    ("modules/signing_key/main.tf", '"Signs the links', '"Signs all links'),
]


@dataclass(frozen=True)
class Recording:
    """A stack in a local AWS of its own, made of a copy of the configuration.

    folder: the copy, and what Terraform and the local AWS write.
    """

    environment: Environment
    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "terraform"

    @property
    def _terraform(self) -> Terraform:
        variables = {**self.environment.variables, "TF_LOG": "JSON", "TF_LOG_PATH": str(self._log)}
        return Terraform(self.configuration, variables, data_dir=self.folder / "data")

    @property
    def _log(self) -> Path:
        return self.folder / "terraform.log"

    @property
    def _plan(self) -> Path:
        return self.folder / "plan.tfplan"

    @property
    def _package(self) -> Path:
        return self.folder / "code.zip"

    def init(self) -> None:
        shutil.copytree(TERRAFORM, self.configuration, ignore=shutil.ignore_patterns(".terraform"))
        backend = {"bucket": state_bucket.ensure(self.environment)}
        self._terraform.init(backend_files=[self.environment.folder / "backend.hcl"], backend=backend)

    def repack(self, content: str) -> None:
        """A package of a few bytes: a request with a real one is too long for the log."""
        with zipfile.ZipFile(self._package, "w") as archive:
            archive.writestr("index.py", content)

    def edit(self) -> None:
        """Changes the code of the modules."""
        for name, old, new in EDITS:
            file = self.configuration / name
            text = file.read_text("utf-8")
            if old not in text:
                raise click.ClickException(f"{name} has no {old!r} any more; correct EDITS.")
            file.write_text(text.replace(old, new), "utf-8")

    def plan(self, given: Json, *, destroy: bool = False) -> list[Call]:
        """Plans with some variables, and tells what that has called."""
        self._log.unlink(missing_ok=True)
        with recording("state bucket") as calls:
            state_bucket.ensure(self.environment)
        self._terraform.plan(
            out=self._plan,
            var_files=self.environment.var_files,
            variables={"lambda_package_path": str(self._package), **given},
            destroy=destroy,
        )
        return calls + self._told()

    def apply(self) -> list[Call]:
        """Applies that plan, and tells what that has called.

        What the local AWS does not know it refuses, and it counts all the same: it was called.
        """
        self._log.unlink(missing_ok=True)
        with suppress(TerraformError):
            self._terraform.apply(self._plan)
        return self._told()

    def _told(self) -> list[Call]:
        with self._log.open(encoding="utf-8") as lines:
            return list(from_terraform(lines))


@contextmanager
def local_recording(folder: Path) -> Iterator[Recording]:
    """Starts the local AWS on a free port, with what the account has before the stack, and ends it."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    running = process.start(port, folder / "local-aws")
    try:
        local = environment.local(running.url).activate()
        local.client("sesv2").create_email_identity(EmailIdentity=SENDER)
        anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [anything]})
        for arn in BOUNDARIES:
            local.client("iam").create_policy(PolicyName=arn.rpartition("/")[2], PolicyDocument=policy)
        yield Recording(local, folder)
    finally:
        process.stop(port, folder / "local-aws")


def existing_pool(aws: Environment) -> Json:
    """A pool that the stack can be given."""
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="existing", UsernameAttributes=["email"])["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="app")["UserPoolClient"]["ClientId"]
    return {"id": pool, "client_ids": [client]}


def record(say: Callable[[str], None]) -> Record:
    """Deploys, changes and destroys the stack in a local AWS; takes some minutes."""
    phases: dict[str, list[Call]] = {}

    def apply(phase: str, given: Json, *, destroy: bool = False) -> None:
        say(f"{phase} …")
        made.plan(given, destroy=destroy)
        phases.setdefault(phase, []).extend(made.apply())

    with tempfile.TemporaryDirectory() as folder, local_recording(Path(folder)) as made:
        made.init()
        made.repack("# at first")
        say("plan, with a pool that there is already …")
        of_others = made.plan({**AT_FIRST, "existing_user_pool": existing_pool(made.environment)})
        apply("create", AT_FIRST)
        made.repack("# another")
        apply("change", CHANGED)
        say("plan …")
        phases["plan"] = of_others + made.plan(CHANGED)
        made.edit()
        apply("change", {**CHANGED, "tags": {}})
        # apart, since log groups take no key here, and what uses one is then not changed either
        key = made.environment.client("kms").create_key()["KeyMetadata"]["Arn"]
        apply("change", {**CHANGED, "kms_key_arn": key})
        apply("change", AT_FIRST)
        apply("destroy", AT_FIRST, destroy=True)
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
