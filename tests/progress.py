"""What a long program is at: one line that changes on a terminal, and elsewhere a plain line now and then."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.status import Status

EVERY_SECONDS = 10.0


@dataclass
class Progress:
    """Tells what is being done. It goes to standard error: standard output is for what was found."""

    console: Console
    status: Status | None = None
    _told: float = 0.0
    _stage: str = ""

    def stage(self, what: str) -> None:
        """A new part of the work begins: said at once."""
        self._stage, self._told = what, time.monotonic()
        if self.status:
            self.status.update(f"{what} …")
        else:
            self.console.print(f"{what} …", markup=False, highlight=False)

    def at(self, done: int, of: int) -> None:
        """How far this part is: said when nothing has been said for a while."""
        if self.status:
            self.status.update(f"{self._stage} {done}/{of} …")
        elif time.monotonic() - self._told > EVERY_SECONDS:
            self._told = time.monotonic()
            self.console.print(f"{self._stage} {done}/{of} …", markup=False, highlight=False)


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress on this terminal; plain lines where there is none, in CI and with NO_COLOR."""
    console = Console(stderr=True)
    if not console.is_terminal or os.environ.get("CI") or os.environ.get("NO_COLOR"):
        yield Progress(console)
        return
    with console.status("…") as status:
        yield Progress(console, status)
