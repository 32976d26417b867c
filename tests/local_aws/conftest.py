"""A server of the tests' own, and a few hands to drive it with. Nothing here knows the system's functions."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import socket
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from scripts.local_aws import process

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sts import STSClient

Json = dict[str, Any]
ACCOUNT, REGION, PASSWORD = "000000000000", "us-east-1", "Correct-horse-7"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(4)}"


@cache
def session() -> boto3.Session:
    """One for all clients: it reads the services' large models once."""
    return boto3.Session()


class HttpError(Exception):
    """An answer that is an error, read to its end."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status


def get(url: str | urllib.request.Request) -> bytes:
    """An unsigned GET, as a browser makes it when a link is clicked. Raises HttpError."""
    try:
        with DIRECT.open(url, timeout=10) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        with error:
            raise HttpError(error.code, error.read().decode()) from None


@contextmanager
def refused(code: str, *words: str) -> Iterator[None]:
    """The call inside is refused with this code, and its message holds these words."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert all(word in error["Message"] for word in words), error["Message"]


@dataclass(frozen=True)
class Aws:
    """Clients of one server, for the root key or for a role's session."""

    url: str
    key: str = "test"
    secret: str = "test"
    token: str | None = None

    def client(self, name: str, region: str = REGION) -> Any:
        make: Any = session().client  # typed by literal names, and here the name is a value
        return make(
            name,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            aws_session_token=self.token,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    @cached_property
    def cognito(self) -> CognitoIdentityProviderClient:
        client: CognitoIdentityProviderClient = self.client("cognito-idp")
        return client

    @cached_property
    def functions(self) -> LambdaClient:
        client: LambdaClient = self.client("lambda")
        return client

    @cached_property
    def sns(self) -> SNSClient:
        client: SNSClient = self.client("sns")
        return client

    @cached_property
    def iam(self) -> IAMClient:
        client: IAMClient = self.client("iam")
        return client

    @cached_property
    def sts(self) -> STSClient:
        client: STSClient = self.client("sts")
        return client

    def mails(self, to: str) -> list[Json]:
        """All that the mailbox of this address holds, oldest first."""
        held = json.loads(get(f"{self.url}/_ministack/ses/messages"))["messages"]
        return [mail for mails in held.values() for mail in mails if to in mail["To"]]

    def code(self, to: str) -> str:
        """The code in the newest mail to this address."""
        mail = self.mails(to)[-1]
        found = re.findall(r"\b\d{6}\b", f"{mail['BodyText']} {mail['BodyHtml']}")
        assert len(found) == 1, mail
        return str(found[0])

    def role(self, policy: list[Json], path: str = "/", service: str = "lambda.amazonaws.com") -> str:
        """A role with these statements; its ARN."""
        name = unique("role")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": service, "AWS": ACCOUNT},
            "Action": "sts:AssumeRole",
        }
        arn = self.iam.create_role(
            RoleName=name,
            Path=path,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]["Arn"]
        if policy:
            document = json.dumps({"Version": "2012-10-17", "Statement": policy})
            self.iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=document)
        return arn

    def as_role(self, role_arn: str) -> Aws:
        """The same server, seen by a session of this role."""
        got = self.sts.assume_role(RoleArn=role_arn, RoleSessionName="somebody")["Credentials"]
        return Aws(self.url, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])

    def function(self, source: str, role: str | None = None, timeout: int = 30, **variables: str) -> str:
        """A Python function of one file, with `handler`; its ARN."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("main.py", source)
        arn = self.functions.create_function(
            FunctionName=unique("function"),
            Runtime="python3.12",
            Handler="main.handler",
            Role=role or self.role([]),
            Code={"ZipFile": packed.getvalue()},
            Timeout=timeout,
            Environment={"Variables": variables},
        )["FunctionArn"]
        while self.functions.get_function_configuration(FunctionName=arn)["State"] == "Pending":
            time.sleep(0.05)
        return arn

    def pool(
        self, function_arn: str | None = None, permit: bool = True, alias: bool = False, verify: bool = True
    ) -> Pool:
        """A user pool whose post-confirmation trigger is this function, which it may invoke if `permit`."""
        config: Any = {"PostConfirmation": function_arn} if function_arn else {}
        made = self.cognito.create_user_pool(
            PoolName=unique("pool"),
            LambdaConfig=config,
            AliasAttributes=["email"] if alias else [],
            AutoVerifiedAttributes=["email"] if verify else [],
        )["UserPool"]
        client = self.cognito.create_user_pool_client(
            UserPoolId=made["Id"],
            ClientName="it",
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )["UserPoolClient"]["ClientId"]
        if function_arn and permit:
            self.permit(function_arn, made["Arn"])
        return Pool(self, made["Id"], made["Arn"], client)

    def permit(
        self, function_arn: str, source_arn: str, principal: str = "cognito-idp.amazonaws.com"
    ) -> None:
        self.functions.add_permission(
            FunctionName=function_arn,
            StatementId=unique("permission"),
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source_arn,
        )


@dataclass(frozen=True)
class Pool:
    """A user pool with one public client."""

    aws: Aws
    id: str
    arn: str
    client: str

    def sign_up(self, email: str | None = None) -> Person:
        name = unique("person")
        email = email or f"{name}@example.com"
        sub = self.aws.cognito.sign_up(
            ClientId=self.client,
            Username=name,
            Password=PASSWORD,
            UserAttributes=[{"Name": "email", "Value": email}],
        )["UserSub"]
        return Person(self, name, email, sub)


@dataclass(frozen=True)
class Person:
    """Somebody who signed up."""

    pool: Pool
    name: str
    email: str
    sub: str

    def confirm(self, code: str | None = None, **more: Any) -> None:
        self.pool.aws.cognito.confirm_sign_up(
            ClientId=self.pool.client,
            Username=self.name,
            ConfirmationCode=code or self.pool.aws.code(self.email),
            **more,
        )

    def status(self) -> str:
        got = self.pool.aws.cognito.admin_get_user(UserPoolId=self.pool.id, Username=self.name)
        return got["UserStatus"]

    def attributes(self) -> dict[str, str]:
        got = self.pool.aws.cognito.admin_get_user(UserPoolId=self.pool.id, Username=self.name)
        return {a["Name"]: a.get("Value", "") for a in got["UserAttributes"]}


Serve = Callable[..., Aws]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers, each with limits of its own, and end them after the last test."""
    # Whatever the shell holds is none of these tests' business.
    changed = pytest.MonkeyPatch()
    for name in [
        n for n in os.environ if n.startswith(("AWS_", "LOCAL_AWS_")) or n.lower().endswith("_proxy")
    ]:
        changed.delenv(name)
    started: list[tuple[int, Path]] = []

    def start(**limits: str) -> Aws:
        port, home = free_port(), tmp_path_factory.mktemp("local-aws")
        started.append((port, home))
        extra = {f"LOCAL_AWS_{name.upper()}": value for name, value in limits.items()}
        return Aws(process.start(port, home, extra=extra).url)

    yield start
    for port, home in started:
        process.stop(port, home)
    changed.undo()


@pytest.fixture(scope="session")
def aws(serve: Serve) -> Aws:
    """A server with AWS's own limits."""
    return serve()


@pytest.fixture(scope="session")
def hasty(serve: Serve) -> Aws:
    """A server on which time runs out, and filter policies too."""
    return serve(trigger_seconds="1.5", pending_seconds="1.5", filter_policies_per_topic="2")
