"""Runs tests against mutants: each mutant in a process of its own, forked from one that has all in memory."""

import gc
import os
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from enum import StrEnum
from inspect import signature
from io import StringIO
from mmap import mmap
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from scripts.environment import BUILD
from tests.mutation.modules import PACKAGE, concerning, path_of
from tests.mutation.mutants import OUTSIDE, Mutant
from tests.progress import Progress

T = TypeVar("T")
# of one test: so much and so many times what it takes without a mutant
GRACE_SECONDS, GRACE_TIMES = 3, 10
# a loop without an end may also fill the memory
MEMORY = 4 * 2**30


# of a test in the memory that processes share
_NUMBER = struct.Struct("I")


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    UNTESTED = "untested"


Seen = Callable[[Mutant, Fate], None]


class TestsFailedError(Exception):
    """The tests do not pass, or not be run, without a mutant: nothing can be said of any."""


def run(modules: Mapping[str, str], mutants: Sequence[Mutant], jobs: int, told: Progress, seen: Seen) -> None:
    """Runs mutants, each against those tests of its module that come through its function.

    modules: the code that holds the mutants of functions, by module. seen: is told what became of each.

    Raises:
        TestsFailedError: the tests do not pass as the code is.
    """
    files = sorted({file for module in modules for file in concerning(module)})
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        tree = _tree(Path(folder), modules)
        loop = _Loop(mutants, jobs, told, seen)
        code = pytest.main(_arguments(tree, files), plugins=[loop])
    if code != pytest.ExitCode.OK or loop.error:
        raise TestsFailedError(loop.error or f"pytest ended with {code}")


def in_processes(tasks: Iterable[T], passes: Callable[[T], bool], jobs: int) -> Iterator[tuple[T, Fate]]:
    """Does each task in a process of its own, so many at once: whether the tests pass, or never end."""
    running: dict[int, T] = {}

    def next_one() -> tuple[T, Fate]:
        process, status = _first_to_end(running)
        task = running.pop(process)
        if os.WIFSIGNALED(status):
            return task, Fate.TIMED_OUT
        return task, Fate.SURVIVED if os.WEXITSTATUS(status) == 0 else Fate.KILLED

    gc.collect()
    gc.freeze()
    try:
        for task in tasks:
            while len(running) >= jobs:
                yield next_one()
            if process := os.fork():
                running[process] = task
            else:
                _child(passes, task)
        while running:
            yield next_one()
    finally:
        for process in running:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _first_to_end(processes: Iterable[int]) -> tuple[int, int]:
    """One of these processes that has ended, and its status. Others' children are left to them."""
    while True:
        for process in processes:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                return ended, status
        time.sleep(0.005)


def _child(passes: Callable[[T], bool], task: T) -> None:
    passed = False
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for all that the process does
        passed = passes(task)
    finally:
        os._exit(0 if passed else 1)


def _allow(seconds: float) -> None:
    """Ends this process if what follows takes longer: its own time, or, where it sleeps, anybody's."""
    allowed = GRACE_SECONDS + GRACE_TIMES * seconds
    signal.setitimer(signal.ITIMER_VIRTUAL, allowed)
    signal.setitimer(signal.ITIMER_REAL, 10 * allowed)


def _tree(folder: Path, modules: Mapping[str, str]) -> Path:
    """A copy of the package with other modules in it."""
    shutil.copytree(PACKAGE, folder / PACKAGE.name)
    for module, code in modules.items():
        path = path_of(module, folder / PACKAGE.name)
        path.unlink()
        path.write_text(code)
    return folder


def _arguments(tree: Path, files: Iterable[Path]) -> list[str]:
    options = ["addopts=", f"pythonpath={tree} ."]
    return [
        "--import-mode=importlib",
        "-qq",
        "-x",
        "-s",
        *("-p", "no:cacheprovider"),
        # it leaves a file open, which is an error in the next run of one process
        *("-p", "no:terraform"),
        *(argument for option in options for argument in ("-o", option)),
        *map(str, files),
    ]


class _Loop:
    """In place of pytest's own loop: each test once, to see what it comes through, then the mutants."""

    def __init__(self, mutants: Sequence[Mutant], jobs: int, told: Progress, seen: Seen) -> None:
        self.error = ""
        self._mutants, self._jobs, self._told, self._seen = mutants, jobs, told, seen
        self._tests: list[pytest.Item] = []
        self._seconds: dict[pytest.Item, float] = {}
        self._through: dict[str, list[pytest.Item]] = defaultdict(list)
        # by function: how many of its mutants a test has killed
        self._kills: dict[tuple[str, str], Counter[pytest.Item]] = defaultdict(Counter)
        self._killer = mmap(-1, _NUMBER.size * max(len(mutants), 1))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._tests = session.items
        self.error = "the tests cannot be collected" if session.testsfailed else self._look(session.items)
        if self.error:
            return True
        self._told.stage("Mutants")
        for done, (number, fate) in enumerate(in_processes(self._numbers(), self._passes, self._jobs), 1):
            mutant = self._mutants[number]
            if fate is Fate.KILLED:
                (test,) = _NUMBER.unpack_from(self._killer, _NUMBER.size * number)
                self._kills[mutant.module, mutant.function][self._tests[test]] += 1
            self._seen(mutant, fate)
            self._told.at(done, len(self._mutants))
        return True

    def _numbers(self) -> Iterator[int]:
        for number, mutant in enumerate(self._mutants):
            if self._about(mutant):
                yield number
            else:
                self._seen(mutant, Fate.UNTESTED)

    def _look(self, tests: Sequence[pytest.Item]) -> str:
        """Runs each test without a mutant; the name of one that fails, if one does."""
        self._told.stage("Tests without a mutant")
        set_mutant_under_test("stats")
        nowhere = StringIO()  # loggers keep it
        # back to the first at the end: what all tests share stays set up
        for done, (test, following) in enumerate(zip(tests, [*tests[1:], tests[0]], strict=True), 1):
            state()._stats.clear()
            began = time.monotonic()
            with redirect_stdout(nowhere):
                passed = _run(test, following)
            if not passed:
                return f"{test.nodeid} fails"
            self._seconds[test] = time.monotonic() - began
            for function in state()._stats:
                self._through[function].append(test)
            self._told.at(done, len(tests))
        return ""

    def _about(self, mutant: Mutant) -> list[pytest.Item]:
        """The tests of a mutant: those first that killed others of its function, then the quick ones."""
        files = concerning(mutant.module)
        kills = self._kills[mutant.module, mutant.function]
        tests = self._through[mutant.tested_as] if mutant.name else self._seconds
        return sorted(
            (test for test in tests if test.path in files),
            key=lambda test: (-kills[test], self._seconds[test]),
        )

    def _passes(self, number: int) -> bool:
        mutant = self._mutants[number]
        tests = self._about(mutant)
        if mutant.statement:
            set_mutant_under_test("")
            put_in_place(mutant)
        else:
            set_mutant_under_test(mutant.name)
        for test, following in zip(tests, [*tests[1:], None], strict=True):
            _allow(self._seconds[test])
            if not _run(test, following):
                _NUMBER.pack_into(self._killer, _NUMBER.size * number, self._tests.index(test))
                return False
        return True


def _run(test: pytest.Item, following: pytest.Item | None) -> bool:
    return not any(report.failed for report in runtestprotocol(test, log=False, nextitem=following))


def put_in_place(mutant: Mutant) -> None:
    """Runs a mutant's statement where the original ran, for everybody who has taken that from there."""
    module = sys.modules[f"notifications.{mutant.module}"]
    owner = module if mutant.function == OUTSIDE else getattr(module, mutant.function)
    made: dict[str, Any] = {}
    # what cannot even be made is as good as a test that fails
    exec(compile(mutant.statement, "mutant", "exec", dont_inherit=True), dict(vars(module)), made)  # noqa: S102
    made.pop("__annotations__", None)
    assert made, "the statement makes nothing"
    for name, value in made.items():
        _replace(module, owner, name, value)


def _replace(module: ModuleType, owner: Any, name: str, made: Any) -> None:
    original = vars(owner)[name]
    if owner is module:
        for other in list(sys.modules.values()):
            if other.__name__.startswith(("notifications", "tests")) and vars(other).get(name) is original:
                setattr(other, name, made)
        return
    setattr(owner, name, made)
    if not isinstance(original, property):
        create = vars(owner)["__init__"]
        given = [each for each in signature(create).parameters.values() if each.default is not each.empty]
        create.__defaults__ = tuple(made if each.name == name else each.default for each in given)
