import ipaddress
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import click
import pytest
import urllib3
from hypothesis import assume, given
from hypothesis import strategies as st

from scripts import environment
from scripts.environment import ROOT

URL = "http://127.0.0.1:4566"
REAL = "https://sts.eu-west-1.amazonaws.com"
MIRROR = "registry.example.org/hashicorp/aws"

ENDPOINTS = [
    "AWS_ENDPOINT_URL",
    *(
        f"AWS_ENDPOINT_URL_{service}"
        for service in ("S3", "STS", "DYNAMODB", "SNS", "COGNITO_IDENTITY_PROVIDER")
    ),
    *(
        f"{prefix}AWS_{service}_ENDPOINT"
        for prefix in ("", "TF_")
        for service in ("DYNAMODB", "IAM", "S3", "STS")
    ),
]
CREDENTIALS = [
    *(
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
    ),
    *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
]
OTHER_AWS = ["AWS_CA_BUNDLE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_USE_FIPS_ENDPOINT", "AWS_DATA_PATH"]
PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "Https_Proxy"]
HARMLESS = ["HOME", "PATH", "LANG", "LOCAL_AWS_PORT", "NO_PROXY", "XAWS_PROFILE"]

# what a variable may hold on POSIX
values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
words = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", max_size=20)
shells = st.dictionaries(
    st.one_of(
        st.sampled_from(ENDPOINTS + CREDENTIALS + OTHER_AWS + PROXIES + HARMLESS),
        st.builds("{}{}".format, st.sampled_from(["AWS_", "TF_AWS_", "AWS_ENDPOINT_URL_"]), words),
    ),
    st.one_of(values, st.just(REAL)),
    max_size=15,
)


def without_mirror() -> Any:
    """Looking for it takes time, and it is looked at below."""
    return patch.object(environment, "provider_mirror", return_value=None)


def in_a_process(code: str, shell: dict[str, str], *arguments: str) -> Any:
    """What the code prints as JSON, run with this shell's variables alone."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | shell,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@given(shells)
def test_nothing_that_a_shell_says_of_aws_survives_in_local_and_all_else_does(shell: dict[str, str]) -> None:
    with without_mirror():
        local = environment.local(URL, shell)
    assert local.endpoint_url == URL
    assert {k: v for k, v in local.variables.items() if k.startswith(("AWS_", "TF_AWS_"))} == {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": URL,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    assert not {name.lower() for name in local.variables} & {"http_proxy", "https_proxy", "all_proxy"}
    harmless = {name: value for name, value in shell.items() if name in HARMLESS}
    assert harmless.items() <= local.variables.items()


@given(shells)
def test_a_remote_environment_loses_endpoints_and_nothing_else(shell: dict[str, str]) -> None:
    with without_mirror():
        remote = environment.remote("dev", shell)
    assert remote.endpoint_url is None
    assert not set(remote.variables) & set(ENDPOINTS)
    assert not [name for name in remote.variables if name.startswith("AWS_ENDPOINT_URL")]
    assert remote.variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] == "true"
    kept = {k: v for k, v in shell.items() if k in CREDENTIALS + OTHER_AWS + PROXIES + HARMLESS}
    assert kept.items() <= remote.variables.items()


HOSTILE = {
    **dict.fromkeys(ENDPOINTS, REAL),
    **dict.fromkeys(PROXIES, "http://192.0.2.1:3128"),
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_CA_BUNDLE": "/nowhere/ca.pem",
    "AWS_DEFAULT_PROFILE": "missing",
    "AWS_PROFILE": "missing",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/real",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_USE_FIPS_ENDPOINT": "true",
}
CLIENTS_OF = """
import contextlib, json, sys
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from scripts import environment
name, url = sys.argv[1:]
reached = []
def audit(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        reached.append(arguments[1][0] if event == "socket.connect" else arguments[0])
found = (environment.local(url) if url else environment.remote(name)).activate()
once = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1)
clients = {service: found.client(service, config=once) for service in ("s3", "sts", "dynamodb", "sns")}
sys.addaudithook(audit)
if url:
    for call in (clients["sts"].get_caller_identity, clients["s3"].list_buckets):
        with contextlib.suppress(BotoCoreError):
            call()
credentials = clients["s3"]._request_signer._credentials
print(json.dumps({
    "endpoints": sorted({client.meta.endpoint_url for client in clients.values()}),
    "credentials": [credentials.access_key, credentials.secret_key, credentials.token],
    "reached": sorted(set(map(str, reached))),
}))
"""


def configured(home: Path) -> dict[str, str]:
    """The files of the AWS SDKs: the default profile has credentials, and endpoints of an emulator."""
    (home / "config").write_text(
        "[default]\nregion = us-west-2\nendpoint_url = http://127.0.0.1:1\nservices = emulated\n"
        "[services emulated]\ns3 =\n  endpoint_url = http://127.0.0.1:2\n"
    )
    (home / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = file\n"
    )
    return {
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "HOME": str(home),
    }


def test_clients_of_local_reach_the_emulator_alone_from_a_hostile_shell(
    tmp_path: Path, free_port: int
) -> None:
    url = f"http://127.0.0.1:{free_port}"
    found = in_a_process(CLIENTS_OF, HOSTILE | configured(tmp_path), "local", url)
    assert found == {"endpoints": [url], "credentials": ["test", "test", None], "reached": ["127.0.0.1"]}


def test_clients_of_a_remote_environment_keep_the_credentials_and_leave_every_endpoint(
    tmp_path: Path,
) -> None:
    shell = dict.fromkeys(ENDPOINTS, URL) | configured(tmp_path)
    found = in_a_process(CLIENTS_OF, shell, "dev", "")
    assert found["credentials"] == ["AKIAFILE", "file", None]
    assert len(found["endpoints"]) == 4
    assert {str(urlsplit(url).hostname).rsplit(".", 2)[-2] for url in found["endpoints"]} == {"amazonaws"}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566",
        "http://[::1]:4566",
        "http://localhost:4566",
        "http://localstack:4566",
        "http://172.17.0.2:4566",
        "https://localhost.localstack.cloud:4566",
    ],
)
def test_an_emulators_address_is_accepted(url: str) -> None:
    assert environment.local(url, {}).variables["AWS_ENDPOINT_URL"] == url


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com",
        "https://dynamodb.eu-west-1.api.aws",
        "https://S3.AMAZONAWS.COM.",
        "https://sts.cn-north-1.amazonaws.com.cn",
        "https://example.com:4566",
        "http://52.94.5.1:4566",
        "http://[2600:1f00::1]",
        pytest.param("http://[::ffff:52.94.5.1]", id="IPv4 in IPv6"),
        pytest.param("http://878544129", id="IPv4 as a number"),
        pytest.param("http://0x345e0501", id="IPv4 in hexadecimal"),
        pytest.param("http://s3。amazonaws。com", id="dots of another script"),
        pytest.param("http://localhost@s3.amazonaws.com", id="a user's name before it"),
        pytest.param("http://s3.amazonaws.com\\@127.0.0.1", id="a backslash in it"),
        pytest.param("http://[::1", id="half an address"),
        pytest.param("http://][::1", id="half an address and a bracket"),
        pytest.param("http://localhost:port", id="no port"),
        pytest.param("localhost:4566", id="no scheme"),
        pytest.param("", id="nothing"),
    ],
)
def test_any_other_address_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(click.ClickException, match="is not the address of an emulator; use a loop") as caught:
        environment.local(url, {})
    assert "\n" not in caught.value.message


@given(st.ip_addresses())
def test_no_public_address_is_accepted(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assume(not address.is_private and not address.is_loopback)
    host = f"[{address}]" if address.version == 6 else str(address)
    with pytest.raises(click.ClickException):
        environment.local(f"http://{host}:4566", {})


parts = st.sampled_from(
    [*"@\\/?#:[]%.。 ", "a", "localhost", "127.0.0.1", "::1", "52.94.5.1", "s3.amazonaws.com", "443", "0x34"]
)


@given(st.lists(parts, max_size=6).map("".join))
def test_what_is_accepted_is_no_public_host_for_the_http_client_of_the_sdk(rest: str) -> None:
    url = f"http://{rest}"
    try:
        with without_mirror():
            environment.local(url, {})
    except click.ClickException:
        return
    host = (urllib3.util.parse_url(url).host or "").strip("[]")
    assert host == str(urlsplit(url).hostname)
    assert host in ("127.0.0.1", "::1") or re.fullmatch(r"[a-z][a-z0-9]*", host)


def test_a_process_sees_the_active_environment_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "missing")
    local = environment.local(URL)
    assert local.activate() is local
    assert dict(os.environ) == dict(local.variables)
    assert local.client("sts").meta.endpoint_url == URL


def test_a_client_is_refused_while_another_environment_is_active() -> None:
    environment.local(URL).activate()
    with pytest.raises(RuntimeError, match="'dev' is not the active one"):
        environment.remote("dev").client("sts")


def test_terraform_keeps_the_data_of_environments_and_endpoints_apart() -> None:
    of = [environment.local(URL, {}), environment.local("http://127.0.0.1:4567", {})]
    of += [environment.remote(name, {}) for name in ("dev", "prod")]
    assert len({each.data_dir for each in of}) == len(of)


def test_an_unknown_environment_is_refused_with_the_names_that_there_are(configuration: Path) -> None:
    (configuration / "environments/README.md").touch()
    sentence = "There is no environment 'test'; use ENV=dev|local, or make one in terraform/environments/."
    with pytest.raises(click.ClickException) as caught:
        environment.check_name("test")
    assert caught.value.message == sentence
    assert environment.check_name("dev") == "dev"


@pytest.mark.parametrize("name", ["", ".", "..", "dev/", "../modules", "DEV"])
def test_a_path_is_no_environment(name: str) -> None:
    with pytest.raises(click.ClickException):
        environment.check_name(name)


def test_a_setting_is_that_of_the_environment_or_the_default(configuration: Path) -> None:
    dev = environment.remote("dev", {})
    (dev.folder / "terraform.tfvars").write_text('lambda_runtime = "python3.12"\naws_region = "eu-west-3"\n')
    assert dev.setting("lambda_runtime") == "python3.12"
    assert dev.setting("lambda_architecture") == "arm64"
    assert dev.region == "eu-west-3"


def test_a_setting_of_the_shell_counts_before_the_default_alone(configuration: Path) -> None:
    shell = {"TF_VAR_lambda_runtime": "python3.12", "TF_VAR_name_prefix": "other"}
    dev = environment.remote("dev", shell)
    assert dev.setting("lambda_runtime") == "python3.12"
    assert dev.setting("name_prefix") == "some-dev"


def test_a_setting_of_a_later_file_counts(configuration: Path) -> None:
    dev = environment.remote("dev", {})
    for name, region in {"catalogue": "eu-west-2", "zone": "eu-west-3"}.items():
        (dev.folder / f"{name}.tfvars").write_text(f'aws_region = "{region}"\nlambda_runtime = "{name}"\n')
    assert [file.stem for file in dev.var_files] == ["terraform", "catalogue", "zone"]
    assert (dev.region, dev.setting("lambda_runtime")) == ("eu-west-3", "zone")
    assert dev.setting("name_prefix") == "some-dev"


@pytest.mark.parametrize("line", ["", "aws_region = null\n"])
def test_a_setting_that_there_must_be_is_asked_for(configuration: Path, line: str) -> None:
    with (configuration / "variables.tf").open("a") as variables:
        variables.write('variable "aws_region" {\n  type = string\n}\n')
    dev = environment.remote("dev", {})
    tfvars = dev.folder / "terraform.tfvars"
    tfvars.write_text(f"lambda_runtime = null\n{line}")
    assert dev.setting("lambda_runtime") == "python3.13"
    with pytest.raises(click.ClickException) as caught:
        _ = dev.region
    assert caught.value.message == f"Set aws_region in {tfvars}."


def test_strings_are_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "a.tfvars").write_text(
        r'a = { b = "\"x\" is \u00e9\\", "c d" = "\"\"", e = "", f = null }' '\ng = <<E\nsay "y"\nE\n'
    )
    assert environment.load_hcl(tmp_path / "a.tfvars") == {
        "a": {"b": '"x" is é\\', "c d": '""', "e": "", "f": None},
        "g": 'say "y"',
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = {\n", "is not HCL from line 2, column 1; `terraform fmt` says more."),
        (b"a = {\n  b = 1,,\n}\n", "is not HCL from line 2, column 9; `terraform fmt` says more."),
        (b'a = "\xe9"', "is not UTF-8 at byte 5; save it as that."),
        (b"a = " + b"[" * 3000 + b"]" * 3000, "is nested too deep."),
        (None, "cannot be read: No such file or directory."),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "terraform.tfvars"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(click.ClickException) as caught:
        environment.load_hcl(file)
    assert caught.value.message == f"{file} {said}"


@pytest.mark.parametrize("name", environment.names())
def test_every_environment_has_the_settings_that_the_scripts_need(name: str) -> None:
    found = environment.Environment(name, {}, None)
    assert re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", found.region)
    assert found.setting("lambda_architecture") in ("arm64", "x86_64")
    assert re.fullmatch(r"python3\.\d+", found.setting("lambda_runtime"))
    assert found.setting("name_prefix")


def unpacked(version: str) -> Callable[[Path], None]:
    return lambda top: (top / MIRROR / version / "linux_amd64").mkdir(parents=True)


def packed(version: str) -> Callable[[Path], None]:
    def make(top: Path) -> None:
        (top / MIRROR).mkdir(parents=True)
        (top / MIRROR / f"terraform-provider-aws_{version}_linux_amd64.zip").touch()

    return make


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is said to be one of those that the mirrors here are for."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.parametrize("make", [unpacked("1.2.3"), packed("1.2.3")], ids=["unpacked", "packed"])
def test_a_mirror_for_another_platform_is_none(
    linux: None,
    configuration: Path,
    tmp_path: Path,
    make: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make(tmp_path)
    assert environment.provider_mirror(tmp_path) == tmp_path
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert environment.provider_mirror(tmp_path) is None


@pytest.mark.parametrize("make", [unpacked("1.2.3"), packed("1.2.3")], ids=["unpacked", "packed"])
@pytest.mark.parametrize("folder", ["a", "a/b/c"])
def test_a_mirror_with_the_locked_provider_is_found(
    linux: None, configuration: Path, tmp_path: Path, make: Callable[[Path], None], folder: str
) -> None:
    unpacked("1.2.2")(tmp_path / "machine" / "0")
    make(tmp_path / "machine" / folder)
    assert environment.provider_mirror(tmp_path / "machine") == tmp_path / "machine" / folder


@pytest.mark.parametrize("make", [unpacked("1.2.30"), packed("1.2.30")], ids=["unpacked", "packed"])
@pytest.mark.parametrize("folder", ["a", "a/b/c/d"])
def test_another_version_is_not_found_and_neither_is_what_lies_deep(
    linux: None, configuration: Path, tmp_path: Path, make: Callable[[Path], None], folder: str
) -> None:
    make(tmp_path / "machine" / folder)
    unpacked("1.2.3")(tmp_path / "machine/a/b/c/d")
    assert environment.provider_mirror(tmp_path / "machine") is None


def test_there_is_no_mirror_of_a_provider_that_is_not_locked(configuration: Path, tmp_path: Path) -> None:
    unpacked("1.2.3")(tmp_path / "machine")
    (configuration / ".terraform.lock.hcl").write_text("")
    assert environment.provider_mirror(tmp_path / "machine") is None


@pytest.mark.parametrize("make", [environment.remote, environment.local])
def test_terraform_is_told_of_the_mirror_unless_the_shell_says_otherwise(
    make: Callable[..., environment.Environment],
) -> None:
    with patch.object(environment, "provider_mirror", return_value=Path("/some where/providers")):
        told = make(URL, {}).variables["TF_CLI_ARGS_init"]
        kept = make(URL, {"TF_CLI_ARGS_init": "-upgrade"}).variables["TF_CLI_ARGS_init"]
    assert shlex.split(told) == ["-plugin-dir=/some where/providers"]
    assert kept == "-upgrade"


@pytest.mark.parametrize("make", [environment.remote, environment.local])
def test_a_terraform_configuration_file_is_named_only_if_it_is_there(
    make: Callable[..., environment.Environment], tmp_path: Path
) -> None:
    file = tmp_path / "terraformrc"
    assert "TF_CLI_CONFIG_FILE" not in make(URL, {"TF_CLI_CONFIG_FILE": str(file)}).variables
    file.touch()
    assert make(URL, {"TF_CLI_CONFIG_FILE": str(file)}).variables["TF_CLI_CONFIG_FILE"] == str(file)


@pytest.mark.parametrize(("shell", "setting"), [({}, "400"), ({"GOGC": "50"}, "50")])
def test_terraform_tidies_up_its_memory_seldom_unless_the_shell_says_how_often(
    shell: dict[str, str], setting: str
) -> None:
    assert environment.local(URL, shell).variables["GOGC"] == setting


def test_files_that_are_read_side_by_side_are_read_as_they_are() -> None:
    files = [environment.TERRAFORM / "modules" / name / "variables.tf" for name in ("dynamodb", "sns", "sqs")]
    alone = [environment.load_hcl(file) for file in files]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(max_workers=3) as executor:
            assert list(executor.map(environment.load_hcl, files * 2)) == alone * 2
    finally:
        sys.setswitchinterval(before)
