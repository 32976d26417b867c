"""Which package a roll-back goes to, and that all functions end on it whatever comes in between."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import click
import pytest
from botocore.exceptions import EndpointConnectionError
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from scripts import rollback
from scripts.functions import Functions
from scripts.rollback import SHORT, choose, move

from .lambda_functions import ALIAS, Lambda, digest

NAMES = {"api": "dev-api", "deliver": "dev-deliver", "sweep": "dev-sweep"}
OLDEST, OLD, GOOD, BAD, WORSE = (name.encode() for name in ("oldest", "old", "good", "bad", "worse"))


def deployed(*codes: bytes) -> Lambda:
    """A stack that was deployed with one package after the other."""
    service = Lambda()
    for code in codes:
        deploy(service, code)
    return service


def deploy(service: Lambda, code: bytes) -> None:
    for name in NAMES.values():
        service.release(name, code)


def functions(service: Lambda) -> Functions:
    return Functions.of(service, {"function_names": NAMES, "function_alias": ALIAS})


def roll_back(service: Lambda, wanted: str | None = None) -> str:
    """Rolls back, and returns the package that it went to."""
    target = choose(functions(service).read(), wanted)
    move(functions(service), target)
    return target.package


def runs(service: Lambda) -> set[str]:
    """The packages that the functions run."""
    return {function.live.package for function in functions(service).read()}


def test_every_function_goes_to_its_own_newest_version_with_the_package_before() -> None:
    service = deployed(OLD, GOOD)
    service.release(NAMES["api"], GOOD, Timeout=15)
    deploy(service, BAD)
    service.release(NAMES["sweep"], BAD, Timeout=60)
    assert roll_back(service) == digest(GOOD)
    assert service.live() == {NAMES["api"]: "3", NAMES["deliver"]: "2", NAMES["sweep"]: "2"}


def test_versions_follow_each_other_as_numbers() -> None:
    service = deployed(GOOD)
    for timeout in range(9):
        service.release(NAMES["api"], GOOD, Timeout=timeout)
    deploy(service, BAD)
    roll_back(service)
    assert service.live()[NAMES["api"]] == "10"


def test_twice_goes_back_no_further() -> None:
    service = deployed(OLD, GOOD, BAD)
    roll_back(service)
    before = service.aliases
    assert roll_back(service) == digest(GOOD)
    assert service.aliases == before
    assert len(service.calls) == len(NAMES)


def test_what_was_rolled_back_from_is_not_gone_back_to() -> None:
    service = deployed(OLD, GOOD, BAD)
    roll_back(service)
    deploy(service, WORSE)
    target = choose(functions(service).read())
    assert (target.package, target.passed_over) == (digest(GOOD), (digest(BAD),))
    roll_back(service)
    assert runs(service) == {digest(GOOD)}


def test_however_many_do_no_good_it_goes_back_to_the_one_that_did() -> None:
    service = deployed(OLD, GOOD)
    for number in range(20):
        deploy(service, f"bad {number}".encode())
        assert roll_back(service) == digest(GOOD)
    # made anew from the source as it was
    deploy(service, GOOD)
    assert roll_back(service) == digest(OLD)


def test_a_package_that_was_gone_back_to_by_name_is_the_one_that_ran_before() -> None:
    service = deployed(OLDEST, OLD, GOOD, BAD)
    roll_back(service, digest(OLD))
    deploy(service, WORSE)
    assert roll_back(service) == digest(OLD)


def test_what_was_deployed_after_a_roll_back_is_gone_back_to() -> None:
    service = deployed(GOOD, BAD)
    roll_back(service)
    deploy(service, OLD)
    deploy(service, WORSE)
    assert roll_back(service) == digest(OLD)


def test_of_a_package_that_was_deployed_twice_the_last_time_counts() -> None:
    service = deployed(GOOD, BAD, GOOD)
    assert roll_back(service) == digest(BAD)


@pytest.mark.parametrize("moved", range(4))
def test_an_apply_that_stopped_half_way_is_undone(moved: int) -> None:
    service = deployed(OLD, GOOD)
    for name in list(NAMES.values())[:moved]:
        service.release(name, BAD)
    wanted = GOOD if moved else OLD
    assert roll_back(service) == digest(wanted)
    assert runs(service) == {digest(wanted)}


@pytest.mark.parametrize("stops", range(3))
@pytest.mark.parametrize("lost", [False, True], ids=["the call", "the answer"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, EndpointConnectionError(endpoint_url="https://x")])
def test_interrupted_anywhere_it_is_finished_by_running_it_again(
    stops: int, lost: bool, error: type[BaseException] | BaseException
) -> None:
    service = deployed(OLD, GOOD, BAD)
    whole = service.copy()

    def stop(name: str) -> None:
        if name == list(NAMES.values())[stops]:
            raise error

    setattr(service, "after" if lost else "before", stop)
    with pytest.raises((KeyboardInterrupt, click.ClickException)) as stopped:
        roll_back(service)
    if isinstance(stopped.value, click.ClickException):
        assert stopped.value.message.startswith(
            f"{stops} of 3 functions were moved, {list(NAMES)[stops]} could"
        )
    service.before = service.after = lambda _name: None
    assert roll_back(service) == roll_back(whole)
    assert service.live() == whole.live()


def test_an_answer_that_was_lost_and_asked_for_again_is_no_conflict() -> None:
    """The SDK asks again by itself, and the first call has changed the revision."""
    service = deployed(GOOD, BAD)
    service.before = lambda name: service.point(name, "1")
    roll_back(service)
    assert runs(service) == {digest(GOOD)}


def test_an_alias_that_somebody_else_moves_meanwhile_is_left_to_them_and_said() -> None:
    service = deployed(GOOD, BAD)

    def deploys(name: str) -> None:
        if name == NAMES["deliver"]:
            service.release(name, WORSE)

    service.before = deploys
    with pytest.raises(click.ClickException, match="Somebody else has moved deliver at the same time"):
        roll_back(service)
    assert service.live()[NAMES["deliver"]] == "3"


def test_one_that_moves_them_forward_behind_it_is_seen_too() -> None:
    service = deployed(GOOD, BAD)

    def deploys(name: str) -> None:
        if name == NAMES["sweep"]:
            service.point(NAMES["api"], "2")

    service.after = deploys
    with pytest.raises(click.ClickException, match="Somebody else has moved api at the same time"):
        roll_back(service)


def test_calls_that_are_shared_out_between_versions_all_go_to_the_one() -> None:
    service = deployed(GOOD, BAD)
    for name in NAMES.values():
        service.point(name, "1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    roll_back(service)
    assert all(
        alias["RoutingConfig"] == {"AdditionalVersionWeights": {}} for alias in service.aliases.values()
    )


def test_a_function_that_is_newer_than_the_package_stays() -> None:
    service = deployed(GOOD)
    service.release("dev-api", BAD)
    service.release("dev-deliver", BAD)
    service.functions["dev-sweep"] = [{}]
    service.release("dev-sweep", BAD)
    assert roll_back(service) == digest(GOOD)
    assert service.live() == {NAMES["api"]: "1", NAMES["deliver"]: "1", NAMES["sweep"]: "1"}
    assert runs(service) == {digest(GOOD), digest(BAD)}


@pytest.mark.parametrize("codes", [(GOOD,), (GOOD, GOOD)])
def test_without_an_earlier_package_nothing_is_changed(codes: tuple[bytes, ...]) -> None:
    service = deployed(*codes)
    with pytest.raises(click.ClickException, match=r"^There is no earlier package to go back to; nothing"):
        roll_back(service)
    assert service.calls == []


def test_a_package_is_chosen_by_the_beginning_of_its_hash_also_forward() -> None:
    service = deployed(OLD, GOOD, BAD)
    assert roll_back(service, digest(OLD)[:4].upper()) == digest(OLD)
    assert roll_back(service, digest(BAD)) == digest(BAD)
    # who went forward to it again has changed their mind about it
    deploy(service, WORSE)
    assert roll_back(service) == digest(BAD)


@pytest.mark.parametrize("wanted", ["nothing", digest(GOOD)[:-1] + "x", digest(WORSE)])
def test_a_package_that_there_is_not_is_said_with_those_that_there_are(wanted: str) -> None:
    with pytest.raises(click.ClickException) as refused:
        choose(functions(deployed(OLD, GOOD)).read(), wanted)
    assert f"{digest(GOOD)[:SHORT]} (2026-01-01 00:06 UTC), {digest(OLD)[:SHORT]} (" in refused.value.message


def test_a_beginning_that_fits_several_is_refused() -> None:
    service = Lambda()
    same = [code for number in range(100) if digest(code := str(number).encode())[0] == "a"]
    for code in same[:2]:
        deploy(service, code)
    with pytest.raises(click.ClickException, match="'a' fits 2"):
        choose(functions(service).read(), "a")


@dataclass
class Site:
    """The environment `dev`, its stack and its functions, as far as the command needs them."""

    service: Lambda
    deployed: dict[str, Any]

    def client(self, service: str) -> Lambda:
        assert service == "lambda"
        return self.service

    def init(self, *, new: bool) -> None:
        assert not new

    def outputs(self) -> dict[str, Any]:
        return self.deployed

    def run(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(rollback.main, ["--env", "dev", *arguments])
        assert done.exit_code == code, done.output
        return done.output


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    site = Site(deployed(OLD, GOOD, BAD), {"function_names": NAMES, "function_alias": ALIAS})
    monkeypatch.setattr(rollback, "environment_named", lambda _name, *, start: start or site)
    monkeypatch.setattr(rollback, "Stack", lambda _environment, *, stream: stream or site)
    return site


def test_it_shows_what_it_does_and_says_what_is_next(site: Site) -> None:
    output = site.run("--yes")
    assert runs(site.service) == {digest(GOOD)}
    assert f"To package {digest(GOOD)[:SHORT]} of 2026-01-01 00:06 UTC" in output
    row = rf"api +│ 3 +│ {digest(BAD)[:SHORT]} +│ 2 "
    assert re.search(row, output)
    assert f"Package {digest(GOOD)[:SHORT]} runs." in output
    assert "make deploy ENV=dev moves them forward: mend the package first." in output
    assert f"make rollback ENV=dev PACKAGE={digest(BAD)[:SHORT]} goes to that one again." in output

    calls = list(site.service.calls)
    assert f"Package {digest(GOOD)[:SHORT]} runs already; nothing was changed." in site.run("--yes")
    assert site.service.calls == calls


def test_it_says_what_it_passes_over_and_how_to_go_there_all_the_same(site: Site) -> None:
    site.run("--yes")
    deploy(site.service, WORSE)
    bad = digest(BAD)[:SHORT]
    output = site.run("--dry-run")
    assert f"Package {bad} is passed over, since it was rolled back from; PACKAGE={bad} goes there." in output
    site.run("--yes", "--package", bad)
    assert runs(site.service) == {digest(BAD)}


def test_forward_again_there_is_nothing_to_mend(site: Site) -> None:
    site.run("--yes")
    output = site.run("--yes", "--package", digest(BAD))
    assert runs(site.service) == {digest(BAD)}
    assert "mend" not in output
    assert {alias["Description"] for alias in site.service.aliases.values()} == {""}


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)], ids=["nobody to ask", "dry run"])
def test_nothing_is_changed_that_nobody_has_said_yes_to(site: Site, arguments: tuple[str, ...]) -> None:
    output = site.run(*arguments, code=0 if arguments else 1)
    assert ("Nothing was changed." if arguments else "say YES=1") in output
    assert site.service.calls == []


def test_functions_without_versions_are_said_in_one_sentence(site: Site) -> None:
    del site.deployed["function_alias"]
    output = site.run("--yes", code=1)
    assert output == (
        "Error: The functions that are deployed have no versions yet; make deploy gives them theirs.\n"
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deploy"), st.integers(0, 3), st.integers(0, 3)),
        st.tuples(st.just("settings"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("forward"), st.just(0), st.just(0)),
        st.tuples(st.just("roll back"), st.integers(0, 3), st.just(0)),
    ),
    max_size=12,
)


def stop_after(moved: int) -> Callable[[str], None]:
    left = iter(range(moved))

    def stop(_name: str) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return stop


@given(STEPS, st.integers(0, 3))
def test_after_whatever_history_all_end_on_one_package_and_again_changes_nothing(
    steps: list[tuple[str, int, int]], moved: int
) -> None:
    """Deploys, each of them of any package and interrupted anywhere, and roll-backs likewise."""
    service = deployed(b"0")
    names = list(NAMES.values())
    for step, number, reached in steps:
        if step == "deploy":
            for name in names[:reached]:
                service.release(name, str(number).encode())
        elif step == "settings":
            service.put(names[number], b"0", Timeout=number)
            service.wait(names[number])
            service.publish_version(names[number])
        elif step == "forward":
            service.forward()
        else:
            interrupted(service, number)
    whole = service.copy()
    try:
        goal = roll_back(whole)
    except click.ClickException as refusal:
        assert "no earlier package" in refusal.message  # noqa: PT017 - there may be one or not
        return
    has = {function.handler for function in functions(whole).read() if function.newest(goal)}
    assert {f.live for f in functions(whole).read() if f.handler in has} == {
        f.newest(goal) for f in functions(whole).read() if f.handler in has
    }
    done = whole.copy()
    assert roll_back(done) == goal
    assert done.aliases == whole.aliases
    interrupted(service, moved)
    assert roll_back(service) == goal
    assert service.live() == whole.live()


def interrupted(service: Lambda, moved: int) -> None:
    """A roll-back that is stopped after so many functions, if there are as many to move."""
    service.after = stop_after(moved)
    with suppress(KeyboardInterrupt, click.ClickException):
        roll_back(service)
    service.after = lambda _name: None
