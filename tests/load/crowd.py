"""The people: each signs up when they are due, and does what their mail asks for after a pause to read it."""

import heapq
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scripts.person import CONFIRMATION, VERIFICATION, WELCOME, Application, Mail
from tests.deployment import Deployment
from tests.load.journal import CONFIRMED, DUE, FAILED, OPTED_IN, SIGNED_UP, Journal, Walk
from tests.load.verdict import person

# at once: more than the emulator answers, fewer than would wear this machine out with processes of functions
CONNECTIONS = 32
# from a mail to what it asks for
READING_SECONDS = 2.0
# how often the mailbox is looked into: often enough for nobody to be late for it
LOOK_SECONDS = 0.4
# mails can be noted in another order than their times say
OVERLAP_SECONDS = 3.0
# one try for each: a call that came twice would be counted twice. Longer than the emulator's trigger may take
ONE_TRY = Config(
    retries={"total_max_attempts": 1}, read_timeout=90, connect_timeout=10, max_pool_connections=CONNECTIONS
)
# what Cognito says of somebody who had signed up, or confirmed, when an answer was lost
SIGNED_UP_BEFORE = "UsernameExistsException"
CONFIRMED_BEFORE = "NotAuthorizedException"


@dataclass(order=True)
class _Appointment:
    due: float
    order: int
    do: Callable[[float], None] = field(compare=False)


class Agenda:
    """Does things when they are due, on threads.

    late: by how many seconds the clock's hand was, each time, with when it should have been.
    """

    def __init__(self, threads: int, clock: Callable[[], float] = time.time) -> None:
        self.late: list[tuple[float, float]] = []
        self._clock = clock
        self._order = itertools.count()
        self._heap: list[_Appointment] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._pool = ThreadPoolExecutor(threads)
        self._hand = threading.Thread(target=self._run, daemon=True, name="agenda")
        self._hand.start()

    def at(self, due: float, do: Callable[[float], None]) -> None:
        with self._changed:
            heapq.heappush(self._heap, _Appointment(due, next(self._order), do))
            self._changed.notify()

    def stop(self) -> None:
        """Begins nothing any more, and waits for what has begun."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._hand.join()
        self._pool.shutdown(cancel_futures=True)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and (
                    not self._heap or (wait := self._heap[0].due - self._clock()) > 0
                ):
                    self._changed.wait(wait if self._heap else None)
                if self._stopped:
                    return
                one = heapq.heappop(self._heap)
            self.late.append((one.due, self._clock() - one.due))
            self._pool.submit(one.do, one.due)


class Crowd:
    """People who register with a deployed system, and the mailbox that all of them read.

    welcomed: when each first was, in seconds since 1970. marked: when mails with the mark of a broadcast were
    sent. Both as the mails say.
    """

    def __init__(
        self,
        system: Deployment,
        run: str,
        journal: Journal,
        mark: str = "",
        reading: float = READING_SECONDS,
    ) -> None:
        self.welcomed: dict[int, float] = {}
        self.marked: list[float] = []
        self.mark = mark
        self.run = run
        self.journal = journal
        self.way = system.way
        self.reading = reading
        self.agenda = Agenda(CONNECTIONS)
        environment = system.environment
        self._application = Application(
            environment.client("cognito-idp", config=ONE_TRY),
            system.application.client_id,
            system.application.mailbox,
        )
        self._browser = httpx.Client(
            trust_env=False, timeout=30, limits=httpx.Limits(max_connections=CONNECTIONS)
        )
        self._name = re.compile(rf"load-{run}-(\d{{6,}})@")
        self._seen: dict[str, float] = {}
        self._newest = 0.0
        self._stopped = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True, name="mailbox")

    def __enter__(self) -> "Crowd":
        # who had been welcomed before is so from the first
        self._look()
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._reader.join()
        self.agenda.stop()
        self._browser.close()

    def come(self, phase: str, moments: Iterable[float]) -> None:
        """Lets one person come at each moment, in seconds since 1970."""
        for number, due in enumerate(moments, len(self.journal.people)):
            self.journal.write(DUE, person=number, phase=phase, due=due)
            self.agenda.at(due, partial(self._sign_up, number))

    def resume(self) -> None:
        """Goes on with those who have not signed up, each when they are due.

        Those who have are gone on with by their mail, which is still in the mailbox.
        """
        for course in self.journal.everybody():
            if SIGNED_UP not in course.done:
                self.agenda.at(course.due[SIGNED_UP], partial(self._sign_up, course.number))

    @property
    def pauses(self) -> float:
        """The seconds that everybody takes to read, as long as they are on their way."""
        return self.reading * (2 if self.way == "sns" else 1)

    def on_their_way(self, *, to_welcome: bool = True) -> int:
        """How many are due and not at the end, but for those whom an error has stopped.

        to_welcome: until the welcome; else, by SNS, until the opt-in, after which the sweep lets them wait.
        """
        now = self.journal.clock()

        def is_at_the_end(course: Walk) -> bool:
            if self.way == "sns" and not to_welcome:
                return OPTED_IN in course.done
            return course.number in self.welcomed

        return sum(
            course.due[SIGNED_UP] <= now and not course.failed and not is_at_the_end(course)
            for course in self.journal.everybody()
        )

    def _read(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        # the emulator is busy now and then; the next look sees what this one has not
        with suppress(httpx.HTTPError):
            for mail in self._application.mailbox.since(self._newest - OVERLAP_SECONDS):
                if mail.message_id not in self._seen:
                    self._seen[mail.message_id] = mail.at
                    self._newest = max(self._newest, mail.at)
                    self._take(mail)
        oldest = self._newest - 2 * OVERLAP_SECONDS
        self._seen = {key: at for key, at in self._seen.items() if at >= oldest}

    def _take(self, mail: Mail) -> None:
        found = self._name.match(mail.to[0])
        course = self.journal.people.get(int(found[1])) if found else None
        if course is None:
            return
        number, due = course.number, mail.at + self.reading
        if mail.subject == WELCOME:
            self.welcomed.setdefault(number, mail.at)
        elif mail.subject == VERIFICATION and CONFIRMED not in course.done:
            code = re.search(r"\b(\d{6})\b", mail.text)
            if code:
                self.agenda.at(due, partial(self._confirm, number, code[1]))
        elif mail.subject == CONFIRMATION and OPTED_IN not in course.done:
            link = re.search(r"https?://\S+ConfirmSubscription\S+", mail.text)
            if link:
                self.agenda.at(due, partial(self._opt_in, number, link[0]))
        elif self.mark and self.mark in mail.text:
            self.marked.append(mail.at)

    def _sign_up(self, number: int, due: float) -> None:
        def call() -> None:
            self._application.sign_up(person(self.run, number))

        self._do(number, SIGNED_UP, due, call, SIGNED_UP_BEFORE)

    def _confirm(self, number: int, code: str, due: float) -> None:
        def call() -> None:
            self._application.confirm(person(self.run, number), code)

        self._do(number, CONFIRMED, due, call, CONFIRMED_BEFORE)

    def _opt_in(self, number: int, link: str, due: float) -> None:
        def call() -> None:
            self._browser.get(link).raise_for_status()

        self._do(number, OPTED_IN, due, call)

    def _do(
        self, number: int, step: str, due: float, call: Callable[[], None], done_before: str = ""
    ) -> None:
        before = False
        try:
            call()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            before = code == done_before
            if not before:
                self._fail(number, step, due, code)
                return
        except (BotoCoreError, httpx.HTTPError) as error:
            self._fail(number, step, due, type(error).__name__)
            return
        self.journal.write(step, person=number, due=due, before=before)

    def _fail(self, number: int, step: str, due: float, reason: str) -> None:
        self.journal.write(FAILED, person=number, step=step, due=due, reason=reason)
