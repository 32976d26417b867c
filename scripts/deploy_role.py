"""The roles that GitHub's workflows take on, made by an administrator, once for each environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from scripts import account, state_bucket
from scripts.environment import BUILD, TERRAFORM, Environment, load_hcl
from scripts.stack import confirm, env_option, environment_named, plainly, require_terraform
from scripts.terraform import Terraform

FOLDER = TERRAFORM / "deploy_role"
# what the roles and the stack are both told
SHARED = ("allowed_account_ids", "aws_region", "kms_key_arn", "name_prefix", "tags")


@dataclass(frozen=True)
class DeployRole:
    """What Terraform makes of terraform/deploy_role in one environment."""

    environment: Environment
    stream: bool = True

    @property
    def terraform(self) -> Terraform:
        return Terraform(FOLDER, self.environment.variables, data_dir=self._data_dir, stream=self.stream)

    @property
    def settings(self) -> Path:
        """Its own settings."""
        return FOLDER / f"{self.environment.name}.tfvars"

    def init(self) -> str:
        """Prepares Terraform, with the state beside the stack's; returns the bucket, which it makes if new.

        Raises:
            click.ClickException: the settings do not say for which repository the roles are.
        """
        if not self.settings.is_file() or "github_repository" not in load_hcl(self.settings):
            raise click.ClickException(
                f"Set github_repository in {self.settings}: owner/name of the repository that may deploy."
            )
        require_terraform()
        bucket = state_bucket.ensure(self.environment)
        self._data_dir.mkdir(parents=True, exist_ok=True)
        quiet = Terraform(FOLDER, self.environment.variables, data_dir=self._data_dir)
        key = str(Path(self._state_key).with_name("deploy-role.tfstate"))
        quiet.init(backend_files=[self._backend], backend={"bucket": bucket, "key": key})
        return bucket

    def plan(self, bucket: str, *, destroy: bool = False) -> bool:
        """Saves a plan, and says whether it would change anything."""
        given = self.environment.settings
        shared = {name: given[name] for name in SHARED if given.get(name) is not None}
        of_others = {
            "existing_user_pool_id": (given.get("existing_user_pool") or {}).get("id"),
            "ses_configuration_set": (given.get("ses_identity") or {}).get("configuration_set"),
        }
        return self.terraform.plan(
            out=self._plan_file,
            var_files=[self.settings],
            variables={
                "name_prefix": self.environment.setting("name_prefix"),
                **shared,
                **{name: value for name, value in of_others.items() if value is not None},
                "environment": self.environment.name,
                "state_bucket": bucket,
                "state_key": self._state_key,
            },
            destroy=destroy,
        )

    def apply(self) -> None:
        """Applies the saved plan."""
        self.terraform.apply(self._plan_file)

    def outputs(self) -> dict[str, Any]:
        return self.terraform.outputs()

    @property
    def _data_dir(self) -> Path:
        folder = self.environment.data_dir
        return folder.with_name(f"{folder.name}-deploy-role")

    @property
    def _plan_file(self) -> Path:
        return self._data_dir / "plan.tfplan"

    @property
    def _backend(self) -> Path:
        return self.environment.folder / "backend.hcl"

    @property
    def _state_key(self) -> str:
        """Where the stack's own state is."""
        return self.environment.state_key


@click.command()
@env_option
@click.option("--destroy", is_flag=True, help="Take them away again.")
@click.option("--yes", is_flag=True, envvar="YES", help="Do not ask.")
@plainly
def main(name: str, destroy: bool, yes: bool) -> None:
    """Make the roles that plan and deploy an environment from GitHub: show the plan, ask, apply it."""
    role = DeployRole(environment_named(name))
    account.check(role.environment)
    if not role.plan(role.init(), destroy=destroy):
        click.echo("Nothing to change.")
    else:
        confirm(name, f"Apply this plan to {name!r}?", yes)
        role.apply()
    boundary = role.outputs().get("permissions_boundary_arn")
    if boundary and role.environment.settings.get("permissions_boundary_arn") != boundary:
        click.echo(
            f"\nThe role that deploys makes only roles within a boundary. Set in "
            f'{role.environment.folder / "terraform.tfvars"}:\n  permissions_boundary_arn = "{boundary}"'
        )


if __name__ == "__main__":
    BUILD.mkdir(exist_ok=True)
    main(prog_name="make deploy-role")
