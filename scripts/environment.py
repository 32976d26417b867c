"""What a command may reach: one environment's folder, variables and AWS endpoint.

`local` gets a closed set of variables: nothing that the shell says about AWS survives, so that it
cannot reach a real account. Every other environment keeps the shell's credentials and loses every
endpoint override, so that it cannot reach the emulator.
"""

import ipaddress
import os
import platform
import re
import shlex
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import click
import hcl2
from hcl2.utils import SerializationOptions
from lark.exceptions import UnexpectedInput

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
TERRAFORM = ROOT / "terraform"
ENVIRONMENTS = TERRAFORM / "environments"

LOCAL = "local"
LOCAL_ACCOUNT = "000000000000"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Environment:
    """One environment: its folder under terraform/environments and what its commands see.

    variables: the whole process environment for Terraform and for boto3.
    endpoint_url: where AWS is, for an emulator; None for AWS itself.
    """

    name: str
    variables: Mapping[str, str]
    endpoint_url: str | None

    @property
    def folder(self) -> Path:
        return ENVIRONMENTS / self.name

    @property
    def data_dir(self) -> Path:
        """Terraform's working data, apart for each environment and endpoint."""
        suffix = f"-{urlsplit(self.endpoint_url).port}" if self.endpoint_url else ""
        return BUILD / "terraform" / f"{self.name}{suffix}"

    @property
    def var_files(self) -> list[Path]:
        """Its *.tfvars: terraform.tfvars, then the others by name. A later one's value counts."""
        first = self.folder / "terraform.tfvars"
        return [first, *sorted(set(self.folder.glob("*.tfvars")) - {first})]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The values of the environment's *.tfvars."""
        return {name: value for file in self.var_files for name, value in load_hcl(file).items()}

    def setting(self, name: str) -> str:
        """The value that the root module's variable has here, as Terraform takes it.

        From its *.tfvars, else from the shell's TF_VAR_…, else its default.

        Raises:
            click.ClickException: it has neither; the message names it.
        """
        value = self.settings.get(name, self.variables.get(f"TF_VAR_{name}"))
        if value is None:
            declared: list[dict[str, Any]] = load_hcl(TERRAFORM / "variables.tf")["variable"]
            value = next((v[name].get("default") for v in declared if name in v), None)
        if value is None:
            raise click.ClickException(f"Set {name} in {self.folder / 'terraform.tfvars'}.")
        return str(value)

    @property
    def allowed_account_ids(self) -> list[str]:
        """The accounts that it may be deployed to; none where its *.tfvars do not say.

        Raises:
            click.ClickException: they say something else than account ids.
        """
        found = self.settings.get("allowed_account_ids") or []
        if not (isinstance(found, list) and all(isinstance(account, str) for account in found)):
            raise click.ClickException(
                f"Give allowed_account_ids in {self.folder / 'terraform.tfvars'} as a list of texts."
            )
        return found

    @property
    def state_key(self) -> str:
        """Where its state is in the bucket.

        Raises:
            click.ClickException: its backend settings do not say.
        """
        backend = self.folder / "backend.hcl"
        key = load_hcl(backend).get("key")
        if not (isinstance(key, str) and key):
            raise click.ClickException(f"Set key in {backend}: where the state is in its bucket.")
        return key

    @property
    def region(self) -> str:
        return self.setting("aws_region")

    def activate(self) -> "Environment":
        """From here on this process, and what it starts, sees this environment and nothing else."""
        os.environ.clear()
        os.environ.update(self.variables)
        return self

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client for the environment, which must be the active one."""
        if os.environ.get("AWS_ENDPOINT_URL") != self.endpoint_url:
            raise RuntimeError(f"the environment {self.name!r} is not the active one")
        session: Any = boto3.Session(region_name=self.region)
        return session.client(service, **options)


def local(url: str, shell: Mapping[str, str] = os.environ) -> Environment:
    """The local environment at an emulator's address, whatever the shell says about AWS.

    Raises:
        click.ClickException: the address is not one that an emulator can have.
    """
    _refuse_real_aws(url)
    variables = {
        k: v for k, v in shell.items() if not k.startswith(("AWS_", "TF_AWS_")) and k.lower() not in _PROXIES
    }
    variables |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return Environment(LOCAL, _terraform_settings(variables), url)


def remote(name: str, shell: Mapping[str, str] = os.environ) -> Environment:
    """An environment on AWS, with the shell's credentials and never an endpoint of the shell's."""
    variables = {k: v for k, v in shell.items() if not _ENDPOINTS.fullmatch(k)}
    variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    return Environment(name, _terraform_settings(variables), None)


def names() -> list[str]:
    """The environments that have a folder, sorted."""
    return sorted(folder.name for folder in ENVIRONMENTS.iterdir() if folder.is_dir())


def check_name(name: str) -> str:
    """The name, if there is such an environment.

    Raises:
        click.ClickException: there is none; the message lists those that there are.
    """
    if name not in names():
        raise click.ClickException(
            f"There is no environment {name!r}; use ENV={'|'.join(names())}, "
            f"or make one in {ENVIRONMENTS.relative_to(ROOT)}/."
        )
    return name


# nothing more than this: clients disagree on where the host is in any other address
_ADDRESS = re.compile(
    r"https?://(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?/?"
)
# Python's names for machines → those of Terraform's platforms
_GO_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_PROXIES = {"http_proxy", "https_proxy", "all_proxy"}
# of the SDKs, and the older ones of Terraform's S3 backend and AWS provider ("Custom Service Endpoints")
_ENDPOINTS = re.compile(r"AWS_ENDPOINT_URL.*|(TF_)?AWS_(DYNAMODB|IAM|S3|STS)_ENDPOINT")
# the parser is one for the process, and takes the pieces of two files for those of one
_PARSING = threading.Lock()
_AS_DATA = SerializationOptions(
    with_comments=False, explicit_blocks=False, preserve_heredocs=False, strip_string_quotes=True
)


def load_hcl(path: Path) -> dict[str, Any]:
    """An HCL file as data: its strings as what they say, and not as they are written.

    Raises:
        click.ClickException: it cannot be read; the message names the file and the place.
    """
    try:
        text = path.read_text("utf-8")
        with _PARSING:
            return dict(hcl2.loads(text, serialization_options=_AS_DATA))
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is not UTF-8 at byte {error.start}; save it as that.") from None
    except UnexpectedInput as error:
        raise click.ClickException(
            f"{path} is not HCL from line {error.line}, column {error.column}; `terraform fmt` says more."
        ) from None
    except RecursionError:
        raise click.ClickException(f"{path} is nested too deep.") from None


def _refuse_real_aws(url: str) -> None:
    parts = _ADDRESS.fullmatch(url)
    host = (parts["v6"] or parts["host"]).lower() if parts and int(parts["port"] or 0) <= 65535 else ""
    try:
        address = ipaddress.ip_address(host)
        allowed = address.is_loopback or address.is_private
    except ValueError:
        # a name without a dot is a container's; LocalStack's own name resolves to loopback
        name = re.fullmatch(r"[a-z][a-z0-9_-]*", host)  # a number would be an address in disguise
        allowed = bool(name) or host == "localhost.localstack.cloud"
    if not allowed:
        raise click.ClickException(
            f"{url!r} is not the address of an emulator; use a loopback address such as http://{LOOPBACK}:4566."
        )


def _terraform_settings(variables: Mapping[str, str]) -> dict[str, str]:
    settings = {**variables, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    # these live for seconds: a third of their time would go into tidying up memory ("A Guide to the Go GC")
    settings.setdefault("GOGC", "400")
    config = settings.get("TF_CLI_CONFIG_FILE")
    if config and not Path(config).is_file():
        del settings["TF_CLI_CONFIG_FILE"]  # Terraform warns about it in every command
    mirror = provider_mirror()
    if mirror and "TF_CLI_ARGS_init" not in settings:
        settings["TF_CLI_ARGS_init"] = f"-plugin-dir={shlex.quote(str(mirror))}"
    return settings


def provider_mirror(top: Path = Path("/")) -> Path | None:
    """A folder not far below the top that holds the locked AWS provider, so that nothing need be downloaded.

    Where there is none, `terraform init` downloads the provider as usual. The layout is that of
    "Provider Installation" in Terraform's CLI configuration documentation.
    """
    lock = (TERRAFORM / ".terraform.lock.hcl").read_text()
    locked = re.search(r'provider "(.+/hashicorp/aws)" \{\s+version\s+= "([^"]+)"', lock)
    if not locked:
        return None
    source, version = locked.groups()
    machine = platform.machine().lower()
    here = f"{platform.system().lower()}_{_GO_MACHINES.get(machine, machine)}"
    for found in _folders_named(source.split("/", maxsplit=1)[0], top, depth=4):
        provider = found.parent / source
        if (provider / version / here).is_dir() or any(provider.glob(f"*_{version}_{here}.zip")):
            return found.parent
    return None


def _folders_named(name: str, top: Path, depth: int) -> Iterator[Path]:
    """Folders of this name at most so deep below the top, on the top's own file system."""
    device = top.stat().st_dev

    def walk(folder: Path, left: int) -> Iterator[Path]:
        try:
            below = [e for e in os.scandir(folder) if e.is_dir(follow_symlinks=False)]
        except OSError:
            return
        for entry in below:
            if entry.name == name:
                yield Path(entry.path)
            elif left > 1:
                try:
                    same_device = entry.stat(follow_symlinks=False).st_dev == device
                except OSError:
                    continue
                if same_device:
                    yield from walk(Path(entry.path), left - 1)

    yield from walk(top, depth)
