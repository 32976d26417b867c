"""What an apply that was interrupted has left undone, and that it is done."""

from collections.abc import Callable

import pytest

from scripts.functions import Functions

from .lambda_functions import ALIAS, Lambda, digest

NAMES = {"api": "dev-api", "sweep": "dev-sweep"}
OLD, NEW = b"old", b"new"


@pytest.fixture
def service() -> Lambda:
    service = Lambda()
    for name in NAMES.values():
        service.release(name, OLD, Timeout=5)
    return service


@pytest.fixture
def functions(service: Lambda) -> Functions:
    return Functions.of(service, {"function_names": NAMES, "function_alias": ALIAS})


def stopped_before_the_code_was_sent(service: Lambda) -> None:
    service.put("dev-sweep", OLD, Timeout=7)


def stopped_before_the_version_was_published(service: Lambda) -> None:
    service.put("dev-sweep", NEW, Timeout=7)


def stopped_before_the_alias_was_moved(service: Lambda) -> None:
    service.put("dev-sweep", NEW, Timeout=7)
    service.wait("dev-sweep")
    service.publish_version("dev-sweep")


@pytest.mark.parametrize(
    "stopped",
    [
        stopped_before_the_code_was_sent,
        stopped_before_the_version_was_published,
        stopped_before_the_alias_was_moved,
    ],
)
def test_what_an_interrupted_apply_has_left_is_seen_and_finished(
    service: Lambda, functions: Functions, stopped: Callable[[Lambda], None]
) -> None:
    service.release("dev-api", NEW, Timeout=7)
    stopped(service)
    assert functions.unfinished() == ["sweep"]
    assert functions.unfinished(digest(NEW)) == ["sweep"]
    assert functions.finish(NEW) == ["sweep"]
    assert functions.unfinished(digest(NEW)) == []
    assert {live["Timeout"] for live in map(service.called, NAMES.values())} == {7}
    assert {function.live.package for function in functions.read()} == {digest(NEW)}


def test_code_that_was_not_even_sent_is_missed_when_one_knows_which(
    service: Lambda, functions: Functions
) -> None:
    service.release("dev-api", NEW)
    assert functions.unfinished() == []
    assert functions.unfinished(digest(NEW)) == ["sweep"]
    assert functions.finish(NEW) == ["sweep"]
    assert functions.unfinished(digest(NEW)) == []


def test_a_change_of_the_settings_alone_is_finished_too(service: Lambda, functions: Functions) -> None:
    for name in NAMES.values():
        service.release(name, NEW, Environment={"Variables": {"A": "1"}})
    service.put("dev-api", NEW, Environment={"Variables": {"A": "2"}})
    assert functions.finish(NEW) == ["api"]
    assert service.called("dev-api")["Environment"] == {"Variables": {"A": "2"}}
    assert "code of dev-api" not in service.calls


def test_what_is_finished_is_left_alone(service: Lambda, functions: Functions) -> None:
    for name in NAMES.values():
        service.release(name, NEW)
    before = service.copy()
    assert functions.finish(NEW) == []
    assert service.calls == []
    assert service.functions == before.functions


def test_after_a_roll_back_the_functions_are_not_as_they_were_deployed(
    service: Lambda, functions: Functions
) -> None:
    for name in NAMES.values():
        service.release(name, NEW)
        service.point(name, "1")
    assert functions.unfinished() == ["api", "sweep"]
