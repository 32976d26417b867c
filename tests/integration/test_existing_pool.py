"""A user pool that was there before: it gets the trigger, people register through it, and it is as it was."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scripts import trigger
from scripts.environment import LOCAL_ACCOUNT
from scripts.person import VERIFICATION, Application, Person
from tests.deployment import Deployment

from .conftest import ONCE

# all that AWS lets be set, as far as the emulator keeps it
SETTINGS: dict[str, Any] = {
    "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]},
    "AdminCreateUserConfig": {
        "AllowAdminCreateUserOnly": False,
        "InviteMessageTemplate": {"EmailMessage": "Hello {username}: {####}", "EmailSubject": "Come in"},
    },
    "AliasAttributes": ["email"],
    "AutoVerifiedAttributes": ["email"],
    "DeletionProtection": "ACTIVE",
    "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": True},
    "EmailVerificationMessage": "Your code is {####}, says somebody else's pool.",
    "EmailVerificationSubject": VERIFICATION,
    "LambdaConfig": {
        "CustomEmailSender": {
            "LambdaArn": f"arn:aws:lambda:eu-west-1:{LOCAL_ACCOUNT}:function:theirs",
            "LambdaVersion": "V1_0",
        },
        "KMSKeyID": f"arn:aws:kms:eu-west-1:{LOCAL_ACCOUNT}:key/theirs",
    },
    "Policies": {
        "PasswordPolicy": {"MinimumLength": 10, "RequireSymbols": False, "TemporaryPasswordValidityDays": 3}
    },
    "Schema": [{"Name": "email", "AttributeDataType": "String", "Required": True, "Mutable": True}],
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
    "UserPoolTags": {"owner": "somebody else"},
    "UserPoolTier": "PLUS",
    "UsernameConfiguration": {"CaseSensitive": False},
}
VOLATILE = {"EstimatedNumberOfUsers", "LastModifiedDate"}


@dataclass(frozen=True)
class Existing:
    """Somebody else's pool, beside the system that is to use it."""

    system: Deployment
    pool_id: str
    client_id: str

    @property
    def application(self) -> Application:
        return replace(self.system.application, client_id=self.client_id)

    def settings(self) -> dict[str, Any]:
        """All that there is to see of the pool and its factors."""
        cognito = self.system.client("cognito-idp")
        pool = cognito.describe_user_pool(UserPoolId=self.pool_id)["UserPool"]
        mfa = cognito.get_user_pool_mfa_config(UserPoolId=self.pool_id)
        del mfa["ResponseMetadata"]
        return {"mfa": mfa, **{name: value for name, value in pool.items() if name not in VOLATILE}}

    def run(self, *arguments: str) -> Result:
        done = CliRunner().invoke(trigger.main, arguments)
        assert done.exit_code == 0, done.output
        return done


@pytest.fixture
def existing(system: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Existing]:
    cognito, functions = system.client("cognito-idp"), system.functions
    pool = cognito.create_user_pool(PoolName=f"theirs-{secrets.token_hex(4)}", **SETTINGS)["UserPool"]
    cognito.set_user_pool_mfa_config(
        UserPoolId=pool["Id"], MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True}
    )
    client = cognito.create_user_pool_client(UserPoolId=pool["Id"], ClientName="web")["UserPoolClient"]
    # what modules/cognito makes, beside the permission for the system's own pool
    permission = {
        "FunctionName": system.outputs["post_confirmation_arn"],
        "StatementId": f"Allow-{pool['Name']}",
    }
    functions.add_permission(
        **permission,
        Action="lambda:InvokeFunction",
        Principal="cognito-idp.amazonaws.com",
        SourceArn=pool["Arn"],
    )
    outputs = system.outputs | {"existing_user_pool": True, "user_pool_id": pool["Id"]}
    monkeypatch.setattr(trigger, "deployed", lambda _name: (system.environment, outputs))
    yield Existing(system, pool["Id"], client["ClientId"])
    functions.remove_permission(**permission)
    cognito.update_user_pool(UserPoolId=pool["Id"], DeletionProtection="INACTIVE")
    cognito.delete_user_pool(UserPoolId=pool["Id"])


@ONCE
@pytest.mark.needs("mailbox", "trigger")
def test_people_register_through_it_and_it_is_left_as_it_was(existing: Existing) -> None:
    before = existing.settings()
    existing.run("attach")
    triggers = {
        **before["LambdaConfig"],
        "PostConfirmation": existing.system.outputs["post_confirmation_arn"],
    }
    assert existing.settings() == {**before, "LambdaConfig": triggers}

    person = Person()
    sub = existing.application.register(person)
    record = existing.system.user(person)
    assert record
    assert (record["Sub"], record["Email"]) == (sub, person.email)
    assert existing.system.welcome(sub)

    existing.run("detach")
    assert existing.settings() == before
    unknown = Person()
    existing.application.register(unknown)
    assert existing.system.user(unknown) is None
