"""The course of a run: what is done, in which order, and what is left of it after an interruption."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import psutil

from notifications.notification import LEASE
from notifications.rows import unmarshal
from scripts import reconcile
from scripts.catalogue import Catalogue
from scripts.ledger import Ledger
from scripts.local_aws.process import LocalAws, resident
from scripts.person import Mail
from tests.deployment import Deployment, Row
from tests.load.crowd import Crowd
from tests.load.figures import percentile
from tests.load.journal import CONFIRMED, REPAIRED, SIGNED_UP, Event, Journal
from tests.load.schedule import Step, arrivals, steps
from tests.load.verdict import Verdict, judge, person

SAMPLE_SECONDS = 1.0
# a row that a worker has left behind is taken when its lease ends, by a sweep that comes every minute
WELCOMED_WITHIN = LEASE.total_seconds() + 100.0
# fanned out from the next minute on
BROADCAST_WITHIN = 420.0
SETTLED_WITHIN = 120.0
WARM_UP_SECONDS = 5.0
SHORTEST_HOLD_SECONDS = 20.0
WARM_WITHIN = 60.0
CATEGORY = "promotions"
SEARCH, HOLD = "search", "held"


@dataclass(frozen=True)
class Plan:
    """How much load, and for how long.

    ways: how e-mail goes out, while the rate is steady and after that.
    rate, seconds: people a second while it is steady, and for how long.
    highest: the highest rate; 0 to look for it.
    first, last, factor, step_seconds: the rates that are tried then, and for how long each.
    people: how many are to have come, once the highest rate has been held.
    longest: but no longer than so many seconds.
    """

    ways: tuple[str, str] = ("sns", "ses")
    rate: float = 3.0
    seconds: float = 30.0
    highest: float = 0.0
    first: float = 8.0
    last: float = 60.0
    factor: float = 1.3
    step_seconds: float = 8.0
    people: int = 2000
    longest: float = 170.0


@dataclass(frozen=True)
class Found:
    """What there was in the end."""

    verdict: Verdict
    rows: Sequence[Row]
    mails: Sequence[Mail]


@dataclass(frozen=True)
class Course:
    """One run's phases, each of which can be gone on with. say: is told what happens, again and again."""

    run: str
    journal: Journal
    plan: Plan
    say: Callable[[str], None]

    @property
    def mark(self) -> str:
        """In every mail of the broadcast, and in no other."""
        return f"LOAD-{self.run.upper()}"

    def phase(self, crowd: Crowd, name: str, rate: float, seconds: float, part: int = 0) -> None:
        """Lets people come at a rate, and returns when the last one was due.

        part: of a phase that takes several times as long, each part after the one before.
        """
        if self.journal.last("phase", name=name, part=part) is None:
            now, before = self.journal.clock(), self.journal.last("phase", name=name)
            start = max(now, before["end"]) if before else now + 0.5
            begin = before["begin"] if before else start
            seed = f"{self.run} {name} {part}"
            self.journal.write(
                "phase", name=name, part=part, way=crowd.way, rate=rate, begin=begin, end=start + seconds
            )
            crowd.come(name, (start + moment for moment in arrivals(rate, seconds, seed)))
        there = self.journal.last("phase", name=name, part=part)
        assert there
        self.wait(lambda: self.journal.clock() >= there["end"], crowd, name, there["end"])

    def finish(self, crowd: Crowd) -> None:
        """Waits for whoever is to come still and until everybody is welcomed, or it takes too long.

        The check says who is not.
        """
        last = max((one.due[SIGNED_UP] for one in self.journal.everybody()), default=0.0)
        self.wait(lambda: self.journal.clock() > last, crowd, "those who are still to come", last)
        end = self.journal.clock() + WELCOMED_WITHIN
        self.wait(lambda: not crowd.on_their_way() or self.journal.clock() > end, crowd, "the last ones")

    def wait(self, over: Callable[[], bool], crowd: Crowd, name: str, end: float | None = None) -> None:
        while not over():
            left = f", {max(end - self.journal.clock(), 0):.0f} s" if end else ""
            self.say(
                f"{name}{left}: {len(self.journal.people)} people,"
                f" {crowd.on_their_way()} on their way, {len(crowd.welcomed)} welcomed"
            )
            time.sleep(0.25)

    def steady(self, system: Deployment) -> None:
        """A rate that is a fraction of what there is room for, until everybody is welcomed."""
        with self.stage("steady", system) as crowd:
            if crowd:
                self.warm_up(crowd, self.plan.rate)
                self.phase(crowd, "steady", self.plan.rate, self.plan.seconds)

    def search(self, system: Deployment) -> None:
        """The highest rate that is kept: one step after the other, until one is not."""
        if self.plan.highest:
            return
        with self.stage(SEARCH, system) as crowd:
            if crowd is None:
                return
            # a step that was cut off says nothing: once those are done with, it is done again, with others
            self.finish(crowd)
            self.warm_up(crowd, self.plan.first)
            for rate in steps(self.plan.first, self.plan.last, self.plan.factor):
                known = self.journal.last("step", stage=SEARCH, rate=rate)
                if (known or self._step(crowd, SEARCH, self._new_name(rate), rate))["behind"]:
                    break

    def hold(self, system: Deployment) -> None:
        """The highest rate that was kept, for longer; if that was too long for it, the one below."""
        tried = [event for event in self.journal.all("step") if event["stage"] == SEARCH]
        kept = sorted((event["rate"] for event in tried if not event["behind"]), reverse=True)
        with self.stage(HOLD, system) as crowd:
            if crowd is None:
                return
            rates = [self.plan.highest] if self.plan.highest else kept or [self.plan.first]
            before = len(self.journal.people)
            plan = self.journal.last("holding") or self.journal.write(
                "holding",
                seconds=min(
                    max((self.plan.people - before) / rates[0], SHORTEST_HOLD_SECONDS), self.plan.longest
                ),
            )
            for rate in rates:
                if self._is_held(crowd, rate, max(round(plan["seconds"] / self.plan.step_seconds), 1)):
                    self.journal.write("held", rate=rate)
                    return
                self.finish(crowd)

    def _is_held(self, crowd: Crowd, rate: float, parts: int) -> bool:
        name = f"{HOLD} {rate:g}/s"
        for part in range(parts):
            known = self.journal.last("step", name=name, part=part)
            if (known or self._step(crowd, HOLD, name, rate, part))["behind"]:
                return False
        return True

    @property
    def highest(self) -> float | None:
        """The highest rate that was held; none if none was."""
        held = self.journal.last("held")
        return float(held["rate"]) if held else None

    def warm_up(self, crowd: Crowd, rate: float) -> None:
        """The first ones after a deploy: functions are begun for them; their waiting says nothing."""
        name = f"warm-up {crowd.way.upper()}"
        self.phase(crowd, name, rate, WARM_UP_SECONDS)
        end = self.journal.clock() + WARM_WITHIN
        self.wait(lambda: not crowd.on_their_way(to_welcome=False) or self.journal.clock() > end, crowd, name)

    @contextmanager
    def stage(self, name: str, system: Deployment) -> Iterator[Crowd | None]:
        """A part of the course with a crowd, until everybody in it is done; none if it is over already."""
        if self.journal.last("done", stage=name):
            yield None
            return
        with Crowd(system, self.run, self.journal, self.mark) as crowd:
            crowd.resume()
            yield crowd
            self.finish(crowd)
            if self.repair(system):
                self.finish(crowd)
        self.journal.write("done", stage=name)

    def repair(self, system: Deployment) -> bool:
        """Lets reconciliation find whom the trigger has missed, as `make reconcile APPLY=1` does.

        The call to confirm has failed for them, and yet they are confirmed. Returns whether there are any.
        """
        failed = {
            person(self.run, one.number).username: one.number
            for one in self.journal.everybody()
            if CONFIRMED in one.failed
        }
        there = failed.keys() & confirmed_in(system) if failed else set()
        if not there:
            return False
        missed = there - {row["UserID"] for row in table(system, "user_table_name")}
        self.say(f"registering {len(missed)} people whom the trigger has missed")
        with Ledger(self.journal.path.with_suffix(".ledger")) as ledger:
            run = reconcile.Run.of(
                system.environment,
                system.outputs,
                ledger,
                reconcile.Show(quiet=True),
                apply=True,
                rate=100,
                repair_rate=1000,
                settled=timedelta(),
            )
            run.find()
            ledger.end()
        for name in there:
            self.journal.write(REPAIRED, person=failed[name], missed=name in missed)
        return True

    def _new_name(self, rate: float) -> str:
        """Of a step: those that were cut off have one too."""
        name = f"{rate:g}/s"
        tries = {event["name"] for event in self.journal.all("phase") if event["name"].startswith(name)}
        return name + f", try {len(tries) + 1}" * bool(tries)

    def _step(self, crowd: Crowd, stage: str, name: str, rate: float, part: int = 0) -> Event:
        self.phase(crowd, name, rate, self.plan.step_seconds, part)
        begin = self.journal.clock() - self.plan.step_seconds
        late = [seconds for due, seconds in list(crowd.agenda.late) if due >= begin]
        step = Step(
            rate=rate,
            seconds=self.plan.step_seconds,
            came=sum(one.due[SIGNED_UP] >= begin for one in self.journal.everybody()),
            on_their_way=crowd.on_their_way(to_welcome=False),
            late=percentile(late, 99) if late else 0.0,
            reading=crowd.pauses,
        )
        return self.journal.write(
            "step", stage=stage, name=name, part=part, behind=step.behind, **asdict(step)
        )

    def broadcast(self, system: Deployment) -> None:
        """A message to everyone, until each has a mail of it, or it takes too long."""
        with self.stage("broadcast", system) as crowd:
            if crowd is None:
                return
            asked = self.journal.last("broadcast") or self.journal.write(
                "broadcast", everyone=len(table(system, "user_table_name"))
            )
            # asked again if the answer was lost: the same request is taken once
            data = {**sample(CATEGORY), "code": self.mark}
            system.ask(CATEGORY, "everyone", id=self.mark, data=data)
            end = self.journal.clock() + BROADCAST_WITHIN
            while len(crowd.marked) < asked["everyone"] and self.journal.clock() < end:
                self.say(f"broadcast: {len(crowd.marked)} of {asked['everyone']} have their mail")
                time.sleep(0.5)

    def check(self, system: Deployment) -> Found:
        """Looks at everything there is. What is not final yet is given a little time."""
        end = self.journal.clock() + SETTLED_WITHIN
        while True:
            rows = table(system, "notification_table_name")
            mails = system.application.mailbox.all()
            verdict = judge(
                self.run,
                came={
                    person(self.run, one.number).username
                    for one in self.journal.everybody()
                    if not one.failed
                },
                confirmed=confirmed_in(system),
                records=table(system, "user_table_name"),
                rows=rows,
                mails=mails,
                broadcast=self.mark if self.journal.last("broadcast") else "",
                refused=sum(self.mark in str(letter.get("request")) for letter in system.refused()),
            )
            if not verdict.not_final or self.journal.clock() > end:
                return Found(verdict, rows, mails)
            self.say(f"{verdict.not_final} rows are not final yet")
            time.sleep(1)


def sample(category: str) -> dict[str, Any]:
    """What the local environment's example says in a category."""
    folder = Catalogue.example("shop").templates
    assert folder
    return dict(json.loads((folder / category / "sample.json").read_text()))


def confirmed_in(system: Deployment) -> set[str]:
    """The usernames of those who are confirmed, by the user pool."""
    pages = system.client("cognito-idp").get_paginator("list_users").paginate(UserPoolId=system.pool)
    return {user["Username"] for page in pages for user in page["Users"] if user["UserStatus"] == "CONFIRMED"}


def table(system: Deployment, output: str) -> list[Row]:
    """Everything in a table, by the output that has its name."""
    pages = system.dynamodb.get_paginator("scan").paginate(
        TableName=system.outputs[output], ConsistentRead=True
    )
    return [unmarshal(item) for page in pages for item in page["Items"]]


@contextmanager
def sampling(journal: Journal, aws: LocalAws) -> Iterator[None]:
    """Notes the memory of the emulator, of its functions and of this process, and how busy they are."""
    stopped = threading.Event()
    server, here = psutil.Process(aws.pid), psutil.Process()
    for process in (server, here):
        process.cpu_percent()
    psutil.cpu_percent()

    def run() -> None:
        while not stopped.wait(SAMPLE_SECONDS):
            workers = aws.workers()
            journal.write(
                "sample",
                emulator=resident(server),
                functions=sum(resident(worker) for worker in workers),
                processes=len(workers),
                generator=resident(here),
                emulator_cpu=server.cpu_percent() / 100,
                generator_cpu=here.cpu_percent() / 100,
                machine_cpu=psutil.cpu_percent() / 100,
            )

    thread = threading.Thread(target=run, daemon=True, name="samples")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
