"""Amazon Cognito with one user pool, which forgets what it is not told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from scripts.user_pool import READ_ONLY

Json = dict[str, Any]

POOL_ID = "eu-west-1_Pool"
POOL_ARN = f"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{POOL_ID}"


@dataclass
class Cognito:
    """Amazon Cognito with one pool, behind a real client: what UpdateUserPool is not told is gone.

    mishap: done to the pool at every update, beside what was asked for.
    """

    pool: Json
    mfa: Json = field(default_factory=lambda: {"MfaConfiguration": "OFF"})
    updates: list[Json] = field(default_factory=list)
    reads: int = 0
    before_read: Callable[["Cognito"], None] = lambda _: None
    mishap: Callable[["Cognito"], None] = lambda _: None

    def client(self) -> Any:
        client: Any = boto3.client(
            "cognito-idp", region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s"
        )
        client.meta.events.register("before-send.cognito-identity-provider", self._answer)
        return client

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        status, body = getattr(self, f"_{operation}")(json.loads(request.body))
        response: Any = AWSResponse(request.url, status, HTTPHeaders(), None)
        response._content = json.dumps(body).encode()
        answer: AWSResponse = response
        return answer

    def _DescribeUserPool(self, _asked: Json) -> tuple[int, Json]:
        self.reads += 1
        self.before_read(self)
        return 200, {"UserPool": self.pool}

    def _GetUserPoolMfaConfig(self, _asked: Json) -> tuple[int, Json]:
        return 200, self.mfa

    def _UpdateUserPool(self, asked: Json) -> tuple[int, Json]:
        self.updates.append(asked)
        password = asked.get("Policies", {}).get("PasswordPolicy", {})
        admin = asked.get("AdminCreateUserConfig", {})
        if "TemporaryPasswordValidityDays" in password and "UnusedAccountValidityDays" in admin:
            return 400, {
                "__type": "InvalidParameterException",
                "message": "Please use TemporaryPasswordValidityDays",
            }
        if any(tag.startswith("aws:") for tag in asked.get("UserPoolTags", {})):
            return 400, {"__type": "InvalidParameterException", "message": "aws: is reserved"}
        tags = {k: v for k, v in self.pool.get("UserPoolTags", {}).items() if k.startswith("aws:")}
        kept = {name: value for name, value in self.pool.items() if name in READ_ONLY}
        said = {name: value for name, value in asked.items() if name not in ("UserPoolId", "PoolName")}
        self.pool = kept | said | {"Name": asked["PoolName"], "LastModifiedDate": len(self.updates)}
        if tags or "UserPoolTags" in said:
            self.pool["UserPoolTags"] = tags | said.get("UserPoolTags", {})
        if "TemporaryPasswordValidityDays" in password:
            days = password["TemporaryPasswordValidityDays"]
            self.pool["AdminCreateUserConfig"] = admin | {"UnusedAccountValidityDays": days}
        self.mishap(self)
        return 200, {}


def cognito(**settings: Any) -> Cognito:
    return Cognito({"Id": POOL_ID, "Name": "theirs", "Arn": POOL_ARN, "LastModifiedDate": 0, **settings})
