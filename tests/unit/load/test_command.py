"""The command: what it goes on with, what it refuses, and what it leaves behind."""

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts.local_aws import process
from scripts.local_aws.process import LocalAws
from tests.load import __main__ as command
from tests.load.journal import Journal

RUNNING = LocalAws(4999, 42, 1000.5, "http://127.0.0.1:4999", "log", "now", 1.0, 1)


@dataclass
class Emulators:
    """What runs, by port. stopped: which were ended."""

    running: dict[int, LocalAws]
    stopped: list[int]

    def find(self, port: int) -> LocalAws | None:
        return self.running.get(port)

    def stop(self, port: int) -> bool:
        self.stopped.append(port)
        return self.running.pop(port, None) is not None


@pytest.fixture
def emulators(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Emulators:
    found = Emulators({4999: RUNNING}, [])
    monkeypatch.setattr(process, "find", found.find)
    monkeypatch.setattr(process, "stop", found.stop)
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    monkeypatch.setattr(command, "JOURNAL", tmp_path / "journal.jsonl")
    return found


def journal(**started: Any) -> Journal:
    with Journal(command.JOURNAL).open() as one:
        one.write("run", run="a1b2c3", port=4999, plan={})
        if started:
            one.write("started", **started)
    return one


def test_a_run_goes_on_in_the_emulator_that_it_began_in(emulators: Emulators) -> None:
    assert command.left_running(journal(pid=42, created=1000.5)) == RUNNING


@pytest.mark.parametrize("other", [{"pid": 43, "created": 1000.5}, {"pid": 42, "created": 2000.0}])
def test_an_emulator_of_somebody_else_at_the_same_port_is_left_alone(
    emulators: Emulators, other: dict[str, Any]
) -> None:
    assert command.left_running(journal(**other)) is None


def test_where_nothing_was_begun_or_nothing_runs_there_is_nothing_to_go_on_with(emulators: Emulators) -> None:
    assert command.left_running(Journal(command.JOURNAL)) is None
    emulators.running.clear()
    assert command.left_running(journal(pid=42, created=1000.5)) is None


def test_an_interrupted_run_can_be_ended(emulators: Emulators) -> None:
    journal(pid=42, created=1000.5)
    done = CliRunner().invoke(command.main, ["--end"])
    assert (done.exit_code, emulators.stopped) == (0, [4999])
    assert not command.JOURNAL.exists()
    assert CliRunner().invoke(command.main, ["--end"]).exit_code == 0


def test_two_at_once_are_one_too_many(emulators: Emulators, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = CliRunner().invoke(command.main, ["--end"])
    assert done.exit_code == 1
    assert "wait for its end" in done.output


def test_an_emulator_that_runs_already_is_not_taken(emulators: Emulators) -> None:
    done = CliRunner().invoke(command.main, ["--port", "4999"])
    assert done.exit_code == 1
    assert "another --port" in done.output
    assert emulators.stopped == []


@pytest.mark.parametrize("wrong", [["--rate", "0"], ["--people", "-1"], ["--way", "post"], ["--factor", "1"]])
def test_a_plan_that_makes_no_sense_is_refused(emulators: Emulators, wrong: list[str]) -> None:
    assert CliRunner().invoke(command.main, wrong).exit_code == 2
