"""Where the system is deployed: an emulator with what AWS has before the system comes."""

import base64
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from botocore.exceptions import ClientError

import scripts.stack
from notifications.catalogue import CHANNELS
from scripts import environment, package
from scripts.deploy_role import DeployRole
from scripts.environment import LOCAL_ACCOUNT, Environment
from scripts.local_aws import process
from scripts.stack import Stack
from tests.deployment import Deployment, Row
from tests.inventory import everything, missing
from tests.without_pool import without_pool

# what the system can be deployed without, and what then is left out
POOL = {"apigatewayv2", "cognito-idp"}
SES = {"sesv2"}
SENDER = "no-reply@example.com"
# as terraform/deploy_role/local.tfvars has it
REPOSITORY = "example/registration"
LIMITS = {
    "filter_policies_per_topic": "5000",
    # on a busy machine several functions that start at once take longer than on AWS
    "trigger_seconds": "20",
}


def take_on(environment: Environment, arn: str, subject: str) -> dict[str, str]:
    """The credentials of a role, for a token as GitHub's; the emulator does not look who has signed it."""

    def part(content: Row) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    claims = {
        "iss": "https://token.actions.githubusercontent.com",
        "aud": "sts.amazonaws.com",
        "sub": subject,
    }
    answer = environment.client("sts").assume_role_with_web_identity(
        RoleArn=arn, RoleSessionName="tests", WebIdentityToken=f"{part({'alg': 'RS256'})}.{part(claims)}.none"
    )
    return dict(answer["Credentials"])


@dataclass
class Place:
    """Where the system is deployed: an emulator, and how e-mail goes out of it now.

    ours: it was started here. by_role: the system is deployed by the role for it, not by the emulator's root.
    lacks: the services that it does not have, and what it answered.
    """

    url: str
    ours: bool
    by_role: bool
    lacks: Mapping[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    way: str = ""

    @property
    def environment(self) -> Environment:
        return environment.local(self.url, {**os.environ, **self.variables})

    @property
    def stack(self) -> Stack:
        """The stack, which may be made with the role that GitHub's workflows deploy with."""
        if not self.by_role:
            return Stack(self.environment, stream=False)
        return self.stack_as("deploy", f"repo:{REPOSITORY}:environment:local")

    def stack_as(self, role: str, subject: str) -> Stack:
        """The stack for Terraform with a role of terraform/deploy_role, which a token's subject takes on."""
        environment = self.environment
        arn = f"arn:aws:iam::{LOCAL_ACCOUNT}:role/{role}-{environment.setting('name_prefix')}"
        given = take_on(environment, arn, subject)
        variables = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        return Stack(replace(environment, variables={**environment.variables, **variables}), stream=False)

    def deploy(self, way: str) -> Deployment:
        """Applies the system with e-mail going out this way, unless that is how it is."""
        self.variables["TF_VAR_email_delivery"] = way
        self.environment.activate()
        stack = self.stack
        if self.way != way:
            stack.plan()
            stack.apply()
            self.way = way
        return Deployment(stack, stack.outputs(), self.ours, self.lacks)


@contextmanager
def deploy_roles(place: Place) -> Iterator[None]:
    """What the role deploys with: the roles for GitHub's workflows, and the boundary of the stack's own."""
    if not place.by_role:
        yield
        return
    roles = DeployRole(place.environment, stream=False)
    bucket = roles.init()
    roles.plan(bucket)
    roles.apply()
    place.variables["TF_VAR_permissions_boundary_arn"] = roles.outputs()["permissions_boundary_arn"]
    yield
    roles.plan(bucket, destroy=True)
    roles.apply()


class CannotDeployError(Exception):
    """The emulator has not what the system needs; the message says what."""


@contextmanager
def emulated(
    folder: Path, given: str | None = None, *, as_deployed: bool = True, **limits: str
) -> Iterator[Place]:
    """An emulator with what AWS has before the system comes; empty after it.

    Where there are no user pools the system is deployed without; where more is missing, it cannot be.

    Args:
        folder: for what is built. given: the URL of one that runs; without, one is started.
        as_deployed: by the role that deploys, and destroyed in the end; else by the emulator's root, and
            what was made vanishes with the emulator: quicker, for what does not look at a deploy.
        limits: of the one that is started, by their names in scripts/local_aws/limits.py.

    Raises:
        CannotDeployError: the one that was given lacks too much.
    """
    extra = {f"LOCAL_AWS_{name.upper()}": value for name, value in {**LIMITS, **limits}.items()}
    port = 0 if given else free_port()
    url = given or process.start(port, extra=extra).url
    built = folder / "lambda.zip"
    with patch.dict(os.environ), patch.object(package, "TARGET", built), ExitStack() as leave_out:
        place = Place(url, ours=not given, by_role=as_deployed and not given)
        aws = place.environment.activate()
        place.lacks = missing(aws)
        try:
            assert not (place.ours and place.lacks), place.lacks
            if cannot := sorted(set(place.lacks) - POOL - SES):
                raise CannotDeployError(
                    f"{url} has no {', '.join(cannot)}: the system cannot be deployed there"
                )
            if POOL & set(place.lacks):
                root = without_pool(folder / "terraform")
                leave_out.enter_context(patch.object(scripts.stack, "TERRAFORM", root))
            identity = f"arn:aws:ses:{aws.region}:{LOCAL_ACCOUNT}:identity/{SENDER}"
            if "sesv2" not in place.lacks:
                with suppress(ClientError):
                    aws.client("sesv2").create_email_identity(EmailIdentity=SENDER)
            # some emulators want a principal of every platform; Google's has none
            credential = {"PlatformCredential": "not-a-secret", "PlatformPrincipal": "none"}
            application = aws.client("sns").create_platform_application(
                Name="app", Platform="GCM", Attributes=credential
            )
            place.variables |= {
                "TF_VAR_lambda_package_path": str(built),
                # the emulator is to set the pace
                "TF_VAR_channel_rates": json.dumps(dict.fromkeys(CHANNELS, 1000)),
                "TF_VAR_reconcile_every_hours": "24",
                "TF_VAR_api_cors_origins": json.dumps(["https://app.example.com"]),
                "TF_VAR_push_application_arns": json.dumps({"GCM": application["PlatformApplicationArn"]}),
            }
            if "sesv2" not in place.lacks:
                place.variables["TF_VAR_ses_identity"] = json.dumps({"arn": identity, "from_address": SENDER})
            before = everything(aws, place.lacks)
            with deploy_roles(place):
                stack = place.stack
                stack.package()
                stack.init()
                yield place
                if as_deployed and place.way:
                    place.environment.activate()
                    stack.plan(destroy=True)
                    stack.apply()
                    assert stack.terraform.resources() == []
            assert not as_deployed or everything(place.environment.activate(), place.lacks) == before
        finally:
            if port:
                process.stop(port)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind((environment.LOOPBACK, 0))
        return int(unused.getsockname()[1])
