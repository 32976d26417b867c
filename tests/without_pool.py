"""The system without user pool and HTTP API, for an emulator that has neither: LocalStack's free image.

Everything else of the root module stays as it is. What calls the trigger and the API is then for the tests.
"""

import json
import shutil
from pathlib import Path

from scripts.environment import TERRAFORM, load_hcl

REGION = "eu-west-1"
POOL = f"{REGION}_example"
# by module, what its outputs say of things that are not there
MADE_UP: dict[str, dict[str, object]] = {
    "cognito": {
        "issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}",
        "post_confirmation_arn": None,
        "user_pool_arn": f"arn:aws:cognito-idp:{REGION}:000000000000:userpool/{POOL}",
        "user_pool_client_ids": ["client"],
        "user_pool_id": POOL,
    },
    "http_api": {"api_endpoint": "https://api.example.com"},
}


def without_pool(into: Path) -> Path:
    """A copy of the root module in which the two modules take what they are given and make nothing of it.

    Raises:
        KeyError: a module has an output that MADE_UP does not know.
    """
    shutil.copytree(TERRAFORM, into, ignore=shutil.ignore_patterns(".terraform", "terraform.tfstate*"))
    for module, made_up in MADE_UP.items():
        folder = into / "modules" / module
        variables = [name for one in load_hcl(folder / "variables.tf")["variable"] for name in one]
        outputs = [name for one in load_hcl(folder / "outputs.tf")["output"] for name in one]
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "main.tf").write_text(
            "\n".join(
                [
                    *(f'variable "{name}" {{\n  type    = any\n  default = null\n}}\n' for name in variables),
                    *(f'output "{name}" {{\n  value = {json.dumps(made_up[name])}\n}}\n' for name in outputs),
                ]
            )
        )
    return into
