"""MiniStack in the foreground, with the adapter installed: `python -m scripts.local_aws.server`.

Reads LOCAL_AWS_PORT, LOCAL_AWS_HOME and the limits (see `limits.py`) from the environment, and nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from scripts.local_aws.limits import Limits

PINNED = "1.5.33"  # the adapter replaces private functions of exactly this version
HOST = "127.0.0.1"
DEFAULT_PORT = 4566
DEFAULT_HOME = Path(__file__).resolve().parents[2] / "build" / "local-aws"
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV", "LOCAL_AWS_")


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


def directory(home: Path, port: int) -> Path:
    """Where the instance on this port keeps everything; two instances share nothing."""
    return home / str(port)


def private(home: Path, port: int) -> Path:
    """What only the server itself reads: its temporary files and the functions' code."""
    return directory(home, port) / "private"


def environment(inherited: Mapping[str, str], port: int, home: Path) -> dict[str, str]:
    """The server's whole environment, which the functions inherit: no credentials, profiles or proxies."""
    folder = private(home, port)
    kept = {name: value for name, value in inherited.items() if name.startswith(INHERITED)}
    return kept | {
        "LOCAL_AWS_PORT": str(port),
        "LOCAL_AWS_HOME": str(home),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "PERSIST_STATE": "0",
        "IOT_MTLS_ENABLED": "0",  # would listen on all interfaces
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/no-docker",  # it removes containers that it takes for its own
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
        "LAMBDA_ASYNC_RETRY_MAX_SECONDS": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        # Whatever a function's code does, it cannot reach real AWS by accident.
        "AWS_ENDPOINT_URL": url(port),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def refuse_other_versions() -> None:
    """Raises SystemExit, with one sentence, unless the pinned MiniStack is installed."""
    try:
        found = version("ministack")
    except PackageNotFoundError:
        found = "none"
    if found != PINNED:
        raise SystemExit(f"The local AWS needs ministack {PINNED} exactly, but {found} is installed.")


def main() -> None:
    """Serve until terminated. Raises SystemExit with one sentence where that is not possible."""
    refuse_other_versions()
    port = int(os.environ.get("LOCAL_AWS_PORT", DEFAULT_PORT))
    home = Path(os.environ.get("LOCAL_AWS_HOME", DEFAULT_HOME)).resolve()
    settings = environment(os.environ, port, home)
    Path(settings["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    os.environ.clear()
    os.environ.update(settings)
    try:
        limits = Limits.from_environ(settings)
    except ValueError as error:
        raise SystemExit(str(error)) from None

    # MiniStack reads its settings while it is imported, so that has to wait until they are made.
    from ministack import app

    from scripts.local_aws import (
        asked_again,
        authorization,
        cognito,
        event_source,
        function_environment,
        function_metrics,
        http_api,
        management,
        schedules,
        ses,
        simulation,
        sns,
        sns_direct,
        terraform_drift,
        versions,
    )

    cognito.install(limits)
    sns.install(limits, url(port))
    sns_direct.install()
    ses.install()
    http_api.install(url(port))
    event_source.install()
    function_environment.install(limits)
    function_metrics.install()
    authorization.install()
    management.install()
    simulation.install()
    terraform_drift.install()
    schedules.install()
    versions.install()
    asked_again.install()
    sys.argv[1:] = []  # it parses them
    app.main()


if __name__ == "__main__":
    main()
