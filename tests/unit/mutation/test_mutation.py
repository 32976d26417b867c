import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation import explained
from tests.mutation.__main__ import Result
from tests.mutation.modules import MODULES, concerning, path_of
from tests.mutation.mutants import OUTSIDE, Mutant, outside, within
from tests.mutation.run import Fate, in_processes, put_in_place

SOURCE = '''
from dataclasses import dataclass

LIMIT = 3
LOW, HIGH = 4, LIMIT
log = print


@dataclass(frozen=True)
class Row:
    """A row."""

    tries: int
    most: int = 5

    @property
    def over(self) -> bool:
        return self.tries > LIMIT

    def next(self) -> int:
        return self.tries + 1


def greeting(name: str) -> str:
    log.info("greeted %s", name)
    return "Hello " + name
'''
MUTANT = Mutant("delivery", "f", "a", "b")
OTHER = Mutant("outbox", "f", "a", "b")


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """The source, loaded as a module of the functions'."""
    module = ModuleType("notifications.example")
    sys.modules[module.__name__] = module
    exec(SOURCE, vars(module))  # noqa: S102 - our own, above
    yield module
    del sys.modules[module.__name__]


def changes(mutants: list[Mutant]) -> set[tuple[str, str, str]]:
    return {(mutant.function, mutant.before, mutant.after) for mutant in mutants}


def test_functions_and_methods_are_mutated_and_what_is_logged_is_not() -> None:
    code, mutants = within("example", SOURCE)
    assert ("Row.next", "return self.tries + 1", "return self.tries - 1") in changes(mutants)
    assert ("greeting", 'return "Hello " + name', 'return "XXHello XX" + name') in changes(mutants)
    assert not any("log" in mutant.before for mutant in mutants)
    assert all(mutant.name.rpartition(".")[2] in code for mutant in mutants)


def test_a_text_in_capitals_is_no_mutant_of_its_own() -> None:
    _, mutants = within("example", SOURCE)
    assert not any("HELLO" in mutant.after for mutant in mutants)


def test_constants_defaults_and_properties_are_mutated_too() -> None:
    mutants = list(outside("example", SOURCE))
    assert (OUTSIDE, "LIMIT = 3", "LIMIT = 4") in changes(mutants)
    assert ("Row", "most: int = 5", "most: int = 6") in changes(mutants)
    assert ("Row", "return self.tries > LIMIT", "return self.tries >= LIMIT") in changes(mutants)
    assert not any("next" in mutant.statement for mutant in mutants)


@pytest.mark.parametrize(
    ("before", "expression", "changed"),
    [
        ("LIMIT = 3", "Row(4).over", False),
        ("LOW, HIGH = 4, LIMIT", "LOW * HIGH", 15),
        ("most: int = 5", "Row(1).most", 6),
        ("return self.tries > LIMIT", "Row(3).over", True),
    ],
)
def test_a_statement_takes_the_place_of_what_is_loaded(
    module: ModuleType, before: str, expression: str, changed: object
) -> None:
    (mutant,) = [
        mutant for mutant in outside("example", SOURCE) if mutant.before == before and mutant.after[-1] != "e"
    ]
    put_in_place(mutant)
    assert eval(expression, vars(module)) == changed  # noqa: S307 - our own, above


def test_a_task_that_fails_is_told_from_one_that_passes_and_one_that_is_ended() -> None:
    def work(task: str) -> bool:
        if task == "ended":
            os.kill(os.getpid(), signal.SIGVTALRM)
        if task == "raises":
            raise ValueError
        return task == "passes"

    with subprocess.Popen(["true"]) as somebody_elses:
        fates = dict(in_processes(["passes", "fails", "raises", "ended"], work, jobs=2))
        assert somebody_elses.wait() == 0
    assert fates == {
        "passes": Fate.SURVIVED,
        "fails": Fate.KILLED,
        "raises": Fate.KILLED,
        "ended": Fate.TIMED_OUT,
    }


def test_what_survives_and_is_not_explained_is_found_and_the_other_way_round() -> None:
    reasons = {MUTANT.key: "because"}
    assert explained.unexplained([MUTANT, OTHER], reasons) == [OTHER]
    assert explained.stale([OTHER], reasons, ["delivery"]) == [MUTANT.key]
    assert explained.stale([OTHER], reasons, ["outbox"]) == []
    assert explained.stale([MUTANT], reasons, ["delivery"]) == []


def test_an_explanation_is_read_as_it_is_printed(tmp_path: Path) -> None:
    mutant = Mutant("delivery", "Delivery.f", 'a = "ä" and \\n', "a = None")
    path = tmp_path / "survivors.toml"
    line = explained.entry(mutant.key)
    path.write_text(f'[[survivors]]\nreason = "why"\nmutants = [\n  {line},\n]\n')
    assert explained.read(path) == {mutant.key: "why"}
    path.write_text(f'[[survivors]]\nreason = "why"\nmutants = [{line}, {line}]\n')
    with pytest.raises(ValueError, match="twice"):
        explained.read(path)
    path.write_text('[[survivors]]\nreason = "why"\nmutants = [["delivery", "f"]]\n')
    with pytest.raises(ValueError, match="before and after"):
        explained.read(path)


def test_the_score_counts_what_was_killed_or_never_ended() -> None:
    fates = [(MUTANT, Fate.KILLED), (MUTANT, Fate.TIMED_OUT), (OTHER, Fate.SURVIVED), (OTHER, Fate.UNTESTED)]
    result = Result(["delivery", "outbox"], fates, {}, 1.0)
    assert result.rows == [
        ["delivery", "2", "1", "1", "0", "100.0 %"],
        ["outbox", "2", "0", "0", "2", "0.0 %"],
        ["all", "4", "1", "1", "2", "50.0 %"],
    ]
    assert result.unexplained == [OTHER, OTHER]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_and_the_tests_that_are_about_it_exist(module: str) -> None:
    assert path_of(module).is_file()
    assert all(path.is_file() for path in concerning(module))


def test_each_explanation_is_of_a_mutant_that_there_is() -> None:
    made = {
        mutant.key
        for module in {key[0] for key in explained.read()}
        for source in [path_of(module).read_text()]
        for mutant in [*within(module, source)[1], *outside(module, source)]
    }
    assert explained.read().keys() <= made
