import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import click
import pytest

from scripts import package
from scripts.catalogue import EXAMPLES
from scripts.environment import ROOT

HANDLERS = sorted(path.stem for path in (package.SOURCE / "notifications/handlers").glob("[!_]*.py"))
# boto3 and what it needs: the Lambda runtime has them (certifi: botocore takes it where it is)
RUNTIME = {"boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
BUILD = """
import os, sys
from pathlib import Path
target, source, umask, architecture = sys.argv[1:]
os.umask(int(umask, 8))
from scripts import package
templates = Path(source) / "../templates"
print(package.build(Path(target), source=Path(source), templates=templates, architecture=architecture))
"""
IMPORT = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2])
top = {n: m for n, m in sys.modules.items() if "." not in n and n not in sys.stdlib_module_names}
print(json.dumps({n: getattr(m, "__file__", None) for n, m in top.items() if n != "__main__"}))
"""


RENDER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import datetime, markupsafe, zoneinfo
from notifications.templates import Templates
zoneinfo.reset_tzpath(to=())
templates = Templates.load()
welcome = templates.render("welcome", "Email", {"user": "a<b"})
shop = templates.render("shipping", "SMS", {"order": 1, "carrier": "us", "arrives": "soon", "link": "x"})
noon = datetime.datetime(2026, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
print(json.dumps({
    "welcome": welcome.text, "html": welcome.html, "shop": shop.text, "noon": noon.isoformat(),
    "escape": markupsafe._escape_inner.__module__, "zones": len(zoneinfo.available_timezones()),
}))
"""


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The package, built from copies that differ in all that must not matter, at the same time."""
    top = tmp_path_factory.mktemp("twins")
    sources = [(package.SOURCE / "requirements.txt")]
    sources += [
        path
        for path in (package.SOURCE / "notifications").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    content = {Path("source") / p.relative_to(package.SOURCE): p.read_bytes() for p in sorted(sources)}
    shop = EXAMPLES / "shop"
    content |= {p.relative_to(shop): p.read_bytes() for p in sorted(shop.rglob("*")) if p.is_file()}

    def build(
        name: str,
        files: Iterable[Path],
        mode: int,
        umask: str,
        zone: str,
        when: int,
        architecture: str,
        **environment: str,
    ) -> Any:
        source = top / name / "source"
        for file in files:
            path = top / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[file])
            path.chmod(mode)
            os.utime(path, (when, when))
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                BUILD,
                str(top / name / "build/lambda.zip"),
                str(source),
                umask,
                architecture,
            ],
            cwd=ROOT,
            env=dict(os.environ) | {"TZ": zone, "PYTHONHASHSEED": str(when % 1000)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    stray = top / "b longer name/source/notifications/__pycache__/users.cpython-311.pyc"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"compiled")
    # what uv cannot bring is left to pip
    by_pip = {"UV_NO_CACHE": "1", "UV_OFFLINE": "1"}
    builds = [
        build("a", content, 0o644, "022", "UTC-14", 1_000_000_000, "arm64"),
        build("b longer name", reversed(content), 0o700, "077", "UTC+11", 1_700_000_001, "x86_64", **by_pip),
    ]
    for running in builds:
        out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        assert re.fullmatch(r"[0-9a-f]{64}\n", out)
    return [top / name / "build/lambda.zip" for name in ("a", "b longer name")]


@pytest.fixture(scope="module")
def unpacked(twins: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as Lambda runs it."""
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(twins[0]) as file:
        file.extractall(folder)
    return folder


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small source whose one dependency needs no download."""

    def vendor(_requirements: Path, into: Path, _architecture: str, _python: str) -> None:
        write(
            into,
            *("dependency/__init__.py", "dependency/__pycache__/x.pyc", "dependency-1.dist-info/METADATA"),
            *(f"dependency-1.dist-info/{name}" for name in package.LEFT_OUT),
            *("bin/dependency", "dependency/_fast.so", "dependency/_fast.c", "dependency/zone.tab"),
        )

    monkeypatch.setattr(package, "_vendor", vendor)
    folder = tmp_path / "source"
    write(folder, "requirements.txt", "requirements.in", "notifications/__init__.py", "notifications/a/b.py")
    return folder


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as file:
        return file.namelist()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_folder_umask_time_zone_times_modes_file_order_and_architecture_leave_no_trace(
    twins: list[Path],
) -> None:
    assert sha256(twins[0]) == sha256(twins[1])


def test_the_order_of_a_directory_listing_leaves_no_trace(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = package.build(tmp_path / "a.zip", source=source)
    forwards: Callable[..., Iterable[Path]] = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: sorted(forwards(self, pattern), reverse=True))
    backwards = package.build(tmp_path / "b.zip", source=source)
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: sorted(forwards(self, pattern)))
    assert first == backwards == package.build(tmp_path / "c.zip", source=source)


def test_every_entry_has_the_same_time_mode_and_system_and_is_stored(twins: list[Path]) -> None:
    with zipfile.ZipFile(twins[0]) as file:
        marks = {
            (e.date_time, e.external_attr >> 16, e.create_system, e.compress_type) for e in file.infolist()
        }
    assert marks == {((1980, 1, 1, 0, 0, 0), 0o100644, 3, zipfile.ZIP_STORED)}


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_from_the_package_alone(unpacked: Path, handler: str, tmp_path: Path) -> None:
    settings = {
        "API_ENDPOINT": "https://api.example.com",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "CATALOGUE": "{}",
        "CHANNEL_RATES": '{"Email": 10, "SMS": 10, "Push": 100}',
        "EMAIL_DELIVERY": "sns",
        "EVERY_HOURS": "24",
        "NOTIFICATION_TABLE": "notifications",
        "NOTIFICATION_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:topic",
        "POWERTOOLS_METRICS_NAMESPACE": "test",
        "POWERTOOLS_SERVICE_NAME": handler,
        "PUSH_APPLICATIONS": "{}",
        "RATE_TABLE": "rates",
        "REFUSED_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/refused",
        "TOKEN_KEY_ARN": "arn:aws:kms:eu-west-1:123456789012:key/1",
        "USER_POOL_ID": "eu-west-1_pool",
        "USER_TABLE": "users",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-c", IMPORT, str(unpacked), f"notifications.handlers.{handler}"],
        cwd=tmp_path,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    elsewhere = {
        name
        for name, file in json.loads(done.stdout).items()
        if file and not file.startswith(f"{unpacked}/") and not name.startswith("_")
    }
    assert elsewhere <= RUNTIME
    assert handler == "post_confirmation" or "aws_lambda_powertools" in done.stdout


def test_nothing_of_the_build_is_in_the_package(twins: list[Path]) -> None:
    unwanted = (
        r"(^|/)(__pycache__|bin|tests?|RECORD|INSTALLER|REQUESTED|WHEEL|direct_url\.json)(/|$)"
        r"|\.(pyc|so|pth|js)$"
    )
    assert [name for name in names(twins[0]) if re.search(unwanted, name)] == []


def test_our_code_names_no_arn_and_no_account(twins: list[Path]) -> None:
    with zipfile.ZipFile(twins[0]) as file:
        ours = {n: file.read(n).decode() for n in file.namelist() if n.startswith("notifications/")}
    assert len(ours) > len(HANDLERS)
    assert [name for name, text in ours.items() if re.search(r"arn:aws|\b\d{12}\b", text)] == []


def test_only_our_package_and_its_dependencies_are_packed(source: Path, tmp_path: Path) -> None:
    package.build(tmp_path / "lambda.zip", source=source)
    assert names(tmp_path / "lambda.zip") == [
        "dependency-1.dist-info/METADATA",
        "dependency/__init__.py",
        "notifications/__init__.py",
        "notifications/a/b.py",
    ]


def test_the_teams_templates_are_at_the_top_as_they_are_tried(source: Path, tmp_path: Path) -> None:
    write(tmp_path / "team", "orders/sms.txt", "orders/sample.json", "macros.jinja", ".DS_Store")
    without = package.build(tmp_path / "lambda.zip", source=source)
    assert package.build(tmp_path / "lambda.zip", source=source, templates=tmp_path / "team") != without
    assert names(tmp_path / "lambda.zip")[-2:] == ["templates/macros.jinja", "templates/orders/sms.txt"]


def test_messages_are_made_from_the_package_alone(unpacked: Path) -> None:
    """With no compiled module, and with the time zones that it brings."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", RENDER, str(unpacked)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["welcome"] == "Hello a<b, your account has been successfully created!"
    assert said["shop"] == "Your order 1 is on its way with us and should arrive soon. Follow it: x"
    assert "Hello a&lt;b," in said["html"]
    assert said["escape"] == "markupsafe._native"
    assert said["zones"] > 400
    assert said["noon"] == "2026-07-01T12:00:00+02:00"


def test_an_unchanged_rebuild_leaves_the_file_untouched(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "build/lambda.zip"
    first = package.build(target, source=source)
    before = target.stat()
    assert package.build(target, source=source) == first == sha256(target)
    assert (target.stat().st_mtime_ns, target.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_changed_source_replaces_the_file(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "build/lambda.zip"
    first = package.build(target, source=source)
    (source / "notifications/a/b.py").write_text("changed")
    assert package.build(target, source=source) == sha256(target) != first


def test_a_build_leaves_nothing_but_the_package(source: Path, tmp_path: Path) -> None:
    package.build(tmp_path / "build/lambda.zip", source=source)
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["lambda.zip"]


def test_a_dependency_that_is_not_what_was_pinned_is_refused_in_one_sentence(tmp_path: Path) -> None:
    pins = (package.SOURCE / "requirements.txt").read_text()
    pinned = re.search(r"^fastjsonschema==\S+", pins, re.MULTILINE)
    assert pinned
    (tmp_path / "requirements.txt").write_text(f"{pinned[0]} --hash=sha256:{'0' * 64}")
    with pytest.raises(
        click.ClickException, match=r"^The packages of requirements.txt .+DO NOT MATCH THE HASHES"
    ) as caught:
        package.build(tmp_path / "build/lambda.zip", source=tmp_path)
    assert "\n" not in caught.value.message
    assert list((tmp_path / "build").iterdir()) == []


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="Set lambda_architecture to arm64 or x86_64, not 'arm'"):
        package.build(tmp_path / "lambda.zip", architecture="arm")


@pytest.mark.parametrize(
    ("architecture", "platform", "uv_platform"),
    [
        ("arm64", "manylinux2014_aarch64", "aarch64-manylinux2014"),
        ("x86_64", "manylinux2014_x86_64", "x86_64-manylinux2014"),
    ],
)
def test_dependencies_are_those_of_the_function_and_not_of_this_machine(
    architecture: str, platform: str, uv_platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[list[str]] = []

    def run(line: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        lines.append(line)
        return subprocess.CompletedProcess(line, len(lines) % 2, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    (tmp_path / "notifications").mkdir()
    package.build(tmp_path / "lambda.zip", source=tmp_path, architecture=architecture, python="3.12")
    by_uv, by_pip = (f"{' '.join(line)} " for line in lines)
    assert f" --python-platform {uv_platform} " in by_uv
    for words in (f"--platform {platform}", "--implementation cp", "--abi cp312"):
        assert f" {words} " in by_pip
    for words in ("--python-version 3.12", "--only-binary :all:", "--require-hashes", "--no-deps"):
        assert f" {words} " in by_uv
        assert f" {words} " in by_pip


def test_pip_is_not_asked_for_what_uv_has_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Mock(return_value=subprocess.CompletedProcess([], 0, "", ""))
    monkeypatch.setattr(subprocess, "run", run)
    (tmp_path / "notifications").mkdir()
    package.build(tmp_path / "lambda.zip", source=tmp_path)
    run.assert_called_once()
