"""Work that is done with e-mail going out each way, side by side, in processes and emulators of their own."""

import multiprocessing
import queue
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.place import emulated

WAYS = ("ses", "sns")
ENDS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130  # as a shell says it of what Ctrl-C has ended
Tell = Callable[[object], None]


@dataclass(frozen=True)
class Over:
    """One way is done with. error: what ended it; empty when nothing did."""

    error: str = ""


def end_once() -> None:
    """Whoever asks for an end wants what was made to be taken down; asking twice does not cut that off."""

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in ENDS:
        signal.signal(number, end)


def in_an_emulator(way: str, messages: Any, work: Callable[..., None], *arguments: Any) -> None:
    """In a process of its own: deploys, works, and in the end tells that it is over."""
    end_once()
    try:
        with tempfile.TemporaryDirectory() as folder, emulated(Path(folder), as_deployed=False) as place:
            work(place.deploy(way), messages.put, *arguments)
    except KeyboardInterrupt:
        messages.put(Over("interrupted"))
    except Exception as error:
        messages.put(Over(f"{way}: {type(error).__name__}: {error}"))
    else:
        messages.put(Over())


@dataclass
class Ways:
    """Does something by each way.

    work: is given the deployed system, how to tell what came of it, and the arguments; like these it is
        handed to another process.
    process: what one of them runs.
    errors: what has ended a way before its time, once all are over. interrupted: somebody wanted an end.
    """

    ways: Sequence[str]
    work: Callable[..., None]
    arguments: Sequence[Any] = ()
    errors: list[str] = field(default_factory=list)
    interrupted: bool = False
    process: Callable[..., None] = in_an_emulator

    def told(self, cleaning_up: Callable[[], None]) -> Iterator[object]:
        """What the ways tell, as it comes, until all are over.

        Whoever is interrupted, or asked to end, has them clean up first, and says so.
        """
        context = multiprocessing.get_context("spawn")
        messages: Any = context.Queue()
        children = [
            context.Process(target=self.process, args=(way, messages, self.work, *self.arguments))
            for way in self.ways
        ]

        def end(_number: int, _frame: FrameType | None) -> None:
            self.interrupted = True
            cleaning_up()
            for child in children:
                if child.is_alive():
                    child.terminate()

        before = {number: signal.signal(number, end) for number in ENDS}
        try:
            for child in children:
                child.start()
            left = len(children)
            while left:
                try:
                    message = messages.get(timeout=5)
                except queue.Empty:
                    if not any(child.is_alive() for child in children):
                        self.errors.append("a process ended without a word")
                        break
                    continue
                if isinstance(message, Over):
                    left -= 1
                    self.errors += [message.error] if message.error else []
                else:
                    yield message
            for child in children:
                child.join()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
