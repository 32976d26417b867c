"""Starting, finding and stopping: only our own process, and one clear sentence for each case."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from scripts.local_aws import process, server
from scripts.local_aws.__main__ import main
from tests.local_aws.conftest import Aws, free_port, get


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "local-aws"


@pytest.fixture
def port(home: Path) -> Iterator[int]:
    number = free_port()
    yield number
    process.stop(number, home)


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    """A process that is none of our business."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield psutil.Process(child.pid)
    child.communicate(b"\n")


@dataclass(frozen=True)
class Cli:
    """The command line, with its files in a folder of the test's."""

    home: Path
    port: int

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--port", str(self.port), "--home", str(self.home)])


@pytest.fixture
def cli(home: Path, port: int) -> Cli:
    return Cli(home, port)


def record(home: Path, port: int, process_of: psutil.Process, created: float | None = None) -> None:
    """Write down that a local AWS runs as this process."""
    known = process.LocalAws(
        port=port,
        pid=process_of.pid,
        process_created=process_of.create_time() if created is None else created,
        url=server.url(port),
        log="",
        started_at="",
        start_seconds=1.0,
        idle_memory=0,
    )
    folder = server.directory(home, port)
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(json.dumps(asdict(known)))


def test_a_whole_life_on_the_command_line(cli: Cli, home: Path) -> None:
    before = cli.run("status")
    assert (before.exit_code, before.output) == (3, f"The local AWS is not running on port {cli.port}.\n")

    started = cli.run("up")
    running = process.find(cli.port, home)
    assert running is not None
    assert started.exit_code == 0
    assert started.output.startswith(f"The local AWS is ready at {running.url} (pid {running.pid}, after ")

    again = cli.run("up")
    assert (again.exit_code, again.output) == (
        0,
        f"The local AWS is already running at {running.url} (pid {running.pid}).\n",
    )

    during = cli.run("status")
    assert during.exit_code == 0
    for shown in (running.url, str(running.pid), running.started_at, " s\n", " MiB"):
        assert shown in during.output
    figures = json.loads(cli.run("status", "--json").output)
    assert figures["running"] is True
    assert (figures["pid"], figures["url"]) == (running.pid, running.url)
    assert 10 * 2**20 < figures["memory_bytes"] < 2**30
    assert 10 * 2**20 < figures["idle_memory"] < 2**30
    assert 0 < figures["start_seconds"] < 60

    ended = cli.run("down")
    assert (ended.exit_code, ended.output) == (0, f"The local AWS on port {cli.port} has ended.\n")
    assert not psutil.pid_exists(running.pid) or psutil.Process(running.pid).status() == "zombie"
    once_more = cli.run("down")
    assert (once_more.exit_code, once_more.output) == (
        0,
        f"The local AWS is not running on port {cli.port}.\n",
    )
    assert json.loads(cli.run("status", "--json").output) == {"running": False, "port": cli.port}


def test_a_taken_port_is_one_sentence(cli: Cli) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", cli.port))
        other.listen()
        refused = cli.run("up")
    assert refused.exit_code == 1
    assert refused.output.startswith(f"Port {cli.port} is taken by another program")
    assert refused.output.count("\n") == 1
    assert cli.run("status").exit_code == 3


def test_a_dead_process_leaves_a_stale_record_that_is_cleaned_up(cli: Cli, home: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    record(home, cli.port, psutil.Process(dead.pid))
    dead.wait()
    assert cli.run("status").exit_code == 3
    started = cli.run("up")
    assert started.exit_code == 0
    first, second = started.output.splitlines()
    assert first == f"Removed the stale record of a local AWS on port {cli.port} that no longer runs."
    assert second.startswith("The local AWS is ready at ")


def test_a_reused_pid_is_not_ours(home: Path, port: int, stranger: psutil.Process) -> None:
    record(home, port, stranger, created=stranger.create_time() - 100)
    assert process.find(port, home) is None
    assert process.stop(port, home) is False
    assert stranger.is_running()

    (server.directory(home, port) / "state.json").unlink(missing_ok=True)
    (server.directory(home, port)).rmdir()
    record(home, port, stranger, created=stranger.create_time() - 100)
    said: list[str] = []
    running = process.start(port, home, said.append)
    assert running.pid != stranger.pid
    assert stranger.is_running()
    assert len(said) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_an_unreadable_record_is_as_good_as_none(home: Path, port: int, text: str) -> None:
    folder = server.directory(home, port)
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(text)
    assert process.find(port, home) is None
    assert process.stop(port, home) is False


def test_two_starts_at_once_make_one_server(home: Path, port: int) -> None:
    with ThreadPoolExecutor(2) as hands:
        first, second = hands.map(lambda _: process.start(port, home), range(2))
    assert first == second


def test_stop_ends_the_functions_too(home: Path, port: int) -> None:
    aws = Aws(process.start(port, home).url)
    source = "import time\ndef handler(event, context):\n    time.sleep(event)\n"
    function = aws.function(source)
    aws.functions.invoke(FunctionName=function, Payload=b"0")
    aws.functions.invoke(FunctionName=function, Payload=b"60", InvocationType="Event")
    running = process.find(port, home)
    assert running is not None
    workers = running.workers()
    assert workers
    assert process.stop(port, home) is True
    assert all(process._has_ended(worker) for worker in workers)


def test_a_server_that_dies_at_the_start_names_its_log(home: Path, port: int) -> None:
    with pytest.raises(process.LocalAwsError, match=r"ended while it was starting.*server\.log"):
        process.start(port, home, extra={"LOCAL_AWS_TRIGGER_SECONDS": "soon"})
    log = (server.directory(home, port) / "server.log").read_text()
    assert "LOCAL_AWS_TRIGGER_SECONDS must be a number, not 'soon'." in log
    assert process.find(port, home) is None


def test_it_starts_clean_under_any_shell(home: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AUTH", "SERVICES", "GATEWAY_PORT"):
        monkeypatch.setenv(name, "somebody-elses")
    running = process.start(port, home)
    health = json.loads(get(f"{running.url}/_ministack/health"))
    assert (health["auth"], health["version"]) == ("enabled", server.PINNED)
    assert {"sns", "cognito-idp"} <= health["services"].keys()


def test_it_listens_on_loopback_alone(aws: Aws) -> None:
    port = int(aws.url.rpartition(":")[2])
    listening = [
        connection
        for process in psutil.Process().children(recursive=True)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert port in [connection.laddr.port for connection in listening]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


def test_two_servers_share_nothing(aws: Aws, hasty: Aws) -> None:
    arn = aws.sns.create_topic(Name="mine-alone")["TopicArn"]
    assert arn not in [topic["TopicArn"] for topic in hasty.sns.list_topics()["Topics"]]


def test_nothing_is_written_outside_its_own_folder(home: Path, port: int) -> None:
    written = psutil.Process(process.start(port, home).pid).environ()
    for name in ("HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR"):
        assert Path(written[name]).is_relative_to(server.directory(home, port))
    assert os.environ["HOME"] != written["HOME"]


def test_down_all_ends_those_on_every_port(cli: Cli) -> None:
    other = free_port()
    for number in (cli.port, other):
        process.start(number, cli.home)
    ended = cli.run("down", "--all")
    assert sorted(ended.output.splitlines()) == sorted(
        f"The local AWS on port {number} has ended." for number in (cli.port, other)
    )
    assert process.find(other, cli.home) is None
    assert cli.run("down", "--all").output == ""
