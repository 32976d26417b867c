"""A user pool that somebody else looks after: its post-confirmation trigger is changed, and nothing else.

Rules, of the Amazon Cognito API reference: "UpdateUserPool" sets to its default whatever the call does not
say, so all that "DescribeUserPool" tells is said again. Which fields there are is asked of the SDK's model of
the service: a new one is carried over, and one that this SDK does not know is a reason to stop.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from scripts.environment import Environment
from scripts.person import NotSeenError, wait_for

Json = dict[str, Any]

# what DescribeUserPool tells and UpdateUserPool does not take: none of it can be changed by that call.
# Name is told to it as PoolName.
READ_ONLY = frozenset(
    {
        "AliasAttributes",
        "Arn",
        "CreationDate",
        "CustomDomain",
        "Domain",
        "EmailConfigurationFailure",
        "EstimatedNumberOfUsers",
        "Id",
        "LastModifiedDate",
        "Name",
        "SchemaAttributes",
        "SmsConfigurationFailure",
        "Status",
        "UsernameAttributes",
        "UsernameConfiguration",
    }
)
# these change by themselves
VOLATILE = frozenset({"EstimatedNumberOfUsers", "LastModifiedDate"})
SEEN_WITHIN = 15  # seconds


@dataclass(frozen=True)
class Settings:
    """What a pool is set to.

    pool: as DescribeUserPool tells it. mfa: as GetUserPoolMfaConfig does, which tells of more factors.
    """

    pool: Mapping[str, Any]
    mfa: Mapping[str, Any]

    @property
    def function(self) -> str | None:
        """ARN of the function that is called when a person has confirmed."""
        return (self.pool.get("LambdaConfig") or {}).get("PostConfirmation") or None

    def with_function(self, arn: str | None) -> "Settings":
        """The same with another function, or with none."""
        triggers = {
            name: value
            for name, value in (self.pool.get("LambdaConfig") or {}).items()
            if name != "PostConfirmation"
        }
        if arn:
            triggers["PostConfirmation"] = arn
        return Settings({**self.pool, "LambdaConfig": triggers}, self.mfa)

    def differing(self, other: "Settings") -> list[str]:
        """What is not the same in another, sorted; what changes by itself is left out."""
        ours, theirs = self._compared(), other._compared()
        return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))

    def _compared(self) -> Json:
        lasting = {name: value for name, value in self.pool.items() if name not in VOLATILE}
        compared: Json = _said({**_without_former_names(lasting), "MFA": self.mfa})
        return compared


@dataclass
class UserPool:
    """A pool by its id.

    cognito: a boto3 client of cognito-idp. ignored: settings that may be reset, should the SDK not know them.
    """

    cognito: Any
    pool_id: str
    ignored: Collection[str] = ()
    _told: Json = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        # the SDK leaves out of an answer what it does not know, so the answer itself is looked at
        self.cognito.meta.events.register(
            "before-parse.cognito-identity-provider.DescribeUserPool", self._keep_answer
        )

    def read(self) -> Settings:
        """What the pool is set to.

        Raises:
            click.ClickException: it has a setting that this SDK does not know, and that would be lost.
            botocore.exceptions.ClientError: there is no such pool, or it may not be read.
        """
        pool = self.cognito.describe_user_pool(UserPoolId=self.pool_id)["UserPool"]
        if unknown := sorted({*_unknown(self._told["UserPool"], self._fields)} - {*self.ignored}):
            raise click.ClickException(
                f"The pool {self.pool_id} has settings that this version of boto3 does not know "
                f"({', '.join(unknown)}); to change the trigger would reset them. Update boto3 (make lock), "
                "or if they may be reset, name each with --ignore."
            )
        mfa = self.cognito.get_user_pool_mfa_config(UserPoolId=self.pool_id)
        return Settings(pool, {name: value for name, value in mfa.items() if name != "ResponseMetadata"})

    def request(self, settings: Settings) -> Json:
        """What UpdateUserPool is called with, so that the pool is set to this."""
        pool = _without_former_names(settings.pool)
        said = {
            name: value
            for name, value in pool.items()
            if name in self._fields and value not in (None, "")  # the call takes no empty text
        }
        # tags of AWS's own, as CloudFormation's, stay as they are and may not be said
        tags = {k: v for k, v in said.pop("UserPoolTags", {}).items() if not k.startswith("aws:")}
        return {
            **said,
            **({"UserPoolTags": tags} if tags else {}),
            "PoolName": settings.pool["Name"],
            "UserPoolId": self.pool_id,
        }

    def change(self, before: Settings, after: Settings) -> None:
        """Sets the pool to something else than it was when it was looked at.

        Cognito knows no condition for a change, so the pool is looked at once more just before. What somebody
        changes between that and the call is lost.

        Raises:
            click.ClickException: somebody has changed it meanwhile, and nothing was done; or it was set, and
                is not what it should be. The message names the settings.
        """
        if meanwhile := before.differing(self.read()):
            raise click.ClickException(
                f"Somebody has changed {', '.join(meanwhile)} of the pool {self.pool_id} meanwhile, so "
                "nothing was done; run this again."
            )
        self.cognito.update_user_pool(**self.request(after))

        def seen() -> Settings | None:
            now = self.read()
            return now if now.function == after.function else None

        try:
            now = wait_for("the new trigger", seen, SEEN_WITHIN, every=1)
        except NotSeenError as error:
            raise click.ClickException(f"AWS has taken the change, but {error}; run this again.") from None
        if differing := after.differing(now):
            raise click.ClickException(
                f"The trigger is set, but {', '.join(differing)} of the pool {self.pool_id} is no longer "
                "what it was: somebody has changed it at the same moment, or AWS has."
            )

    @property
    def _fields(self) -> Mapping[str, Any]:
        """The shapes of what UpdateUserPool takes."""
        operation = self.cognito.meta.service_model.operation_model("UpdateUserPool")
        fields: Mapping[str, Any] = operation.input_shape.members
        return fields

    def _keep_answer(self, response_dict: Mapping[str, Any], **_: Any) -> None:
        self._told = json.loads(response_dict["body"]) if response_dict["status_code"] == 200 else {}


def refuse_while_called(environment: Environment, outputs: Mapping[str, Any]) -> None:
    """Refuses to take away the function that a pool of somebody else calls: nobody could sign up there.

    outputs: of what is deployed; empty for nothing.

    Raises:
        click.ClickException: the pool calls it.
    """
    if not outputs.get("existing_user_pool"):
        return
    cognito = environment.client("cognito-idp")
    try:
        pool = cognito.describe_user_pool(UserPoolId=outputs["user_pool_id"])["UserPool"]
    except cognito.exceptions.ResourceNotFoundException:
        return
    if same_function(Settings(pool, {}).function, outputs["post_confirmation_arn"]):
        raise click.ClickException(
            f"The pool {pool['Id']} calls this system for everybody who signs up there; without it nobody "
            f"could; make detach-trigger ENV={environment.name} first."
        )


def refuse_to_leave(environment: Environment, planned: Mapping[str, Any]) -> None:
    """Refuses a plan after which another pool is used, as long as the one that is used now calls this system.

    planned: as `terraform show -json` tells it.

    Raises:
        click.ClickException: it does so.
    """
    changes: Mapping[str, Mapping[str, Any]] = planned.get("output_changes") or {}
    if changes.get("user_pool_id", {}).get("actions", ["no-op"]) != ["no-op"]:
        refuse_while_called(environment, {name: change["before"] for name, change in changes.items()})


def same_function(one: str | None, other: str) -> bool:
    """Whether two ARNs are of one function, whatever the version or alias behind it."""
    return one is not None and one.split(":")[:7] == other.split(":")[:7]


def _without_former_names(pool: Mapping[str, Any]) -> Json:
    """A pool's settings, each under one name.

    UnusedAccountValidityDays ("AdminCreateUserConfigType": no longer in use) is told beside the setting that
    has taken its place, and AWS refuses to be told both.
    """
    config = pool.get("AdminCreateUserConfig") or {}
    password = (pool.get("Policies") or {}).get("PasswordPolicy") or {}
    if "TemporaryPasswordValidityDays" not in password or "UnusedAccountValidityDays" not in config:
        return dict(pool)
    left = {name: value for name, value in config.items() if name != "UnusedAccountValidityDays"}
    return {**pool, "AdminCreateUserConfig": left}


def _said(value: Any) -> Any:
    """A value without what is empty in it: AWS tells that or leaves it out, and means the same."""
    if not isinstance(value, Mapping):
        return value
    parts = {name: _said(part) for name, part in value.items()}
    return {name: part for name, part in parts.items() if part not in (None, "", [], {})}


def _unknown(told: Mapping[str, Any], fields: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths in an answer of what UpdateUserPool could not be told."""
    for name, value in told.items():
        if not path and name in READ_ONLY:
            continue
        if name not in fields:
            yield f"{path}{name}"
            continue
        shape = fields[name]
        parts = value if isinstance(value, list) else [value]
        shape = shape.member if shape.type_name == "list" else shape
        for part in parts:
            if shape.type_name == "structure" and part is not None:
                yield from _unknown(part, shape.members, f"{path}{name}.")
