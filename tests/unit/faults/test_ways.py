"""Processes side by side: what they tell is heard, and none is left behind."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from tests import ways
from tests.ways import ENDS, Over, Ways, end_once


def work(system: Any, tell: Any, what: str) -> None:
    tell((system, what))
    if what == "nothing":
        raise ValueError("there is nothing to do")
    if what == "for ever":
        raise KeyboardInterrupt


def answers(way: str, messages: Any, _work: Any) -> None:
    messages.put(way)
    messages.put(Over(f"{way} failed" if way == "sns" else ""))


def vanishes(way: str, messages: Any, _work: Any) -> None:
    messages.put(way)


def waits(way: str, messages: Any, _work: Any) -> None:
    """Until it is asked to end, which takes a while."""
    end_once()
    messages.put(way)
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(1)
        messages.put(Over("interrupted"))


def cleaned_up() -> None:
    """What is shown meanwhile is of no concern here."""


@pytest.mark.parametrize(
    ("what", "error"),
    [("much", ""), ("nothing", "ses: ValueError: there is nothing to do"), ("for ever", "interrupted")],
)
def test_a_way_tells_what_it_does_and_in_the_end_what_has_ended_it(what: str, error: str) -> None:
    @contextmanager
    def emulated(_folder: Path, **_options: Any) -> Iterator[Any]:
        yield SimpleNamespace(deploy=lambda way: f"deployed by {way}")

    messages: SimpleQueue[object] = SimpleQueue()
    before = {number: signal.getsignal(number) for number in ENDS}
    with patch.object(ways, "emulated", emulated):
        ways.in_an_emulator("ses", messages, work, what)
    for number, handler in before.items():
        signal.signal(number, handler)
    assert [messages.get(), messages.get()] == [("deployed by ses", what), Over(error)]


def test_what_all_tell_is_heard_and_what_has_ended_one_is_kept() -> None:
    both = Ways(["ses", "sns"], work, process=answers)
    assert sorted(map(str, both.told(cleaned_up))) == ["ses", "sns"]
    assert (both.errors, both.interrupted) == (["sns failed"], False)


def test_a_process_that_ends_without_a_word_is_an_error() -> None:
    one = Ways(["ses"], work, process=vanishes)
    assert list(one.told(cleaned_up)) == ["ses"]
    assert one.errors == ["a process ended without a word"]


def test_who_is_asked_to_end_has_the_processes_clean_up_however_often_it_is_asked() -> None:
    both = Ways(["ses", "sns"], work, process=waits)
    begun, said = set[object](), list[str]()
    for message in both.told(lambda: said.append("cleaning up")):
        begun.add(message)
        if begun == {"ses", "sns"}:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
    assert (both.errors, both.interrupted, said) == (["interrupted"] * 2, True, ["cleaning up"] * 2)
