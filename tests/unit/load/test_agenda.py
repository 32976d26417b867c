"""Things are begun when they are due, whatever those before them take."""

import threading
import time
from collections.abc import Callable

from tests.load.crowd import Agenda

SOON = 0.05


def test_things_are_begun_when_they_are_due_and_not_in_the_order_in_which_they_were_said() -> None:
    agenda, begun, over = Agenda(1), list[tuple[str, float]](), threading.Event()
    start = time.time()
    dues = [start + SOON * number for number in (1, 2, 3)]

    def noting(name: str) -> Callable[[float], None]:
        return lambda due: begun.append((name, time.time() - due))

    agenda.at(dues[2], noting("last"))
    agenda.at(dues[0], noting("first"))
    agenda.at(dues[1], noting("then"))
    agenda.at(dues[2], lambda _: over.set())
    assert over.wait(5)
    agenda.stop()
    assert [name for name, _ in begun] == ["first", "then", "last"]
    assert all(late >= 0 for _, late in begun)
    assert [due for due, _ in agenda.late] == [*dues, dues[2]]


def test_what_takes_long_keeps_nothing_else_waiting() -> None:
    agenda, go_on, second = Agenda(2), threading.Event(), threading.Event()

    def slow(_due: float) -> None:
        go_on.wait(5)

    agenda.at(0, slow)
    agenda.at(0, lambda _: second.set())
    assert second.wait(5)
    go_on.set()
    agenda.stop()


def test_stopping_waits_for_what_has_begun_and_begins_nothing_more() -> None:
    agenda, begun, done = Agenda(1), threading.Event(), list[str]()

    def slow(_due: float) -> None:
        begun.set()
        time.sleep(SOON)
        done.append("slow")

    agenda.at(0, slow)
    agenda.at(time.time() + 60, lambda _: done.append("much later"))
    assert begun.wait(5)
    agenda.stop()
    assert done == ["slow"]


def test_how_late_the_clock_was_is_noted() -> None:
    agenda, done = Agenda(1), threading.Event()
    agenda.at(time.time() - 5, lambda _: done.set())
    assert done.wait(5)
    agenda.stop()
    assert [seconds > 4.9 for _, seconds in agenda.late] == [True]
