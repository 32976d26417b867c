"""What was deployed before an address changed is found again: a plan moves it, and destroys nothing."""

import json
import shutil
from pathlib import Path

from scripts import environment
from scripts.environment import TERRAFORM
from scripts.terraform import Terraform
from tests.terraform.conftest import OFFLINE, UNREACHABLE, Json

CALL = """
module "user_pool" {
  source      = "./modules/cognito"
  name_prefix = "pool"
}
"""


def test_a_pool_is_still_the_same_one(tmp_path: Path) -> None:
    shutil.copytree(TERRAFORM / "modules", tmp_path / "modules")
    (tmp_path / "main.tf").write_text(OFFLINE + CALL)
    variables = {
        **environment.local(UNREACHABLE).variables,
        "AWS_REGION": "eu-west-1",
        "TF_CLI_ARGS_plan": "-refresh=false",
    }
    state, plan = tmp_path / "before.tfstate", tmp_path / "tfplan"
    # with what cannot be changed: else it would be replaced for that
    pool = {
        "id": "eu-west-1_pool",
        "name": "pool",
        "arn": "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_pool",
        "endpoint": "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool",
        "alias_attributes": ["email"],
        "username_configuration": [{"case_sensitive": False}],
    }
    client = {"id": "client", "name": "pool-app", "user_pool_id": "eu-west-1_pool", "generate_secret": False}
    resources = [
        deployed("module.user_pool", "aws_cognito_user_pool", "this", pool),
        deployed("module.user_pool", "aws_cognito_user_pool_client", "app", client),
    ]
    state.write_text(
        json.dumps({"version": 4, "serial": 1, "lineage": "l", "outputs": {}, "resources": resources})
    )

    terraform = Terraform(tmp_path, variables)
    terraform.init()
    terraform.plan(state=state, out=plan)
    changes = terraform.show(plan)["resource_changes"]

    assert {change["previous_address"]: change["address"] for change in changes} == {
        f"module.user_pool.{name}": f"module.user_pool.{name}[0]"
        for name in ("aws_cognito_user_pool.this", "aws_cognito_user_pool_client.app")
    }
    assert {action for change in changes for action in change["change"]["actions"]} <= {"no-op", "update"}


def deployed(module: str, kind: str, name: str, attributes: Json) -> Json:
    """A resource as it is in a state."""
    return {
        "module": module,
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }
