"""What is kept of a run, and how it goes on after it was cut off."""

from dataclasses import dataclass
from pathlib import Path

from tests.load.journal import CONFIRMED, DUE, FAILED, REPAIRED, SIGNED_UP, Journal


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def journal(path: Path, clock: Clock) -> Journal:
    read = Journal.read(path)
    read.clock = clock
    return read


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "journal.jsonl"
    with journal(path, clock).open() as first:
        first.write(DUE, person=0, phase="steady", due=99.0)
        clock.now = 101
        first.write(SIGNED_UP, person=0, due=99.0)
        # flushed: whoever is killed now has it all the same
        again = Journal.read(path)
    assert again.people == first.people
    assert again.people[0].done == {SIGNED_UP: 101}


def test_a_line_that_was_cut_off_is_left_out_and_written_over(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "journal.jsonl"
    with journal(path, clock).open() as first:
        first.write(DUE, person=0, phase="steady", due=99.0)
    with path.open("a") as file:
        file.write('{"event": "due", "person": 1, "pha')
    with journal(path, clock).open() as second:
        assert list(second.people) == [0]
        second.write(DUE, person=1, phase="steady", due=99.5)
    assert list(Journal.read(path).people) == [0, 1]


def test_a_step_that_failed_and_then_was_done_has_not_failed(tmp_path: Path) -> None:
    one = journal(tmp_path / "journal.jsonl", Clock())
    one.write(DUE, person=0, phase="steady", due=99.0)
    one.write(FAILED, person=0, step=CONFIRMED, due=99.5, reason="ReadTimeoutError")
    assert one.people[0].failed == {CONFIRMED: "ReadTimeoutError"}
    one.write(CONFIRMED, person=0, due=99.5)
    assert one.people[0].failed == {}
    one.write(FAILED, person=0, step=CONFIRMED, due=99.5, reason="UserLambdaValidationException")
    one.write(REPAIRED, person=0, missed=True)
    assert one.people[0].failed == {}


def test_who_was_to_come_still_comes_as_much_later_as_nobody_was_at_work(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "journal.jsonl"
    with journal(path, clock).open() as first:
        first.write("phase", name="over", part=0, way="ses", rate=1, begin=80.0, end=90.0)
        first.write("phase", name="steady", part=0, way="ses", rate=1, begin=95.0, end=99.0)
        first.write("phase", name="steady", part=1, way="ses", rate=1, begin=95.0, end=120.0)
        first.write(DUE, person=0, phase="steady", due=99.0)
        first.write(DUE, person=1, phase="steady", due=110.0)
    clock.now = 160
    with journal(path, clock).open() as second:
        second.resume()
        # once
        second.resume()
    assert second.gaps == [(100.0, 160)]
    assert {number: one.due[SIGNED_UP] for number, one in second.people.items()} == {0: 99.0, 1: 170.0}
    ends = {(event["name"], event["part"]): event["end"] for event in second.all("phase")}
    assert ends == {("over", 0): 90.0, ("steady", 0): 99.0, ("steady", 1): 180.0}
    assert Journal.read(path).people == second.people


def test_what_was_not_cut_off_is_not_put_off(tmp_path: Path) -> None:
    one = Journal(tmp_path / "journal.jsonl", Clock())
    one.write(DUE, person=0, phase="steady", due=110.0)
    one.resume()
    assert (one.gaps, one.people[0].due) == ([], {SIGNED_UP: 110.0})


def test_the_newest_event_of_a_kind_counts(tmp_path: Path) -> None:
    one = journal(tmp_path / "journal.jsonl", Clock())
    one.write("step", rate=5, behind="")
    one.write("step", rate=6, behind="the generator")
    found = one.last("step", rate=5)
    assert found
    assert found["behind"] == ""
    assert one.last("step", rate=7) is None
