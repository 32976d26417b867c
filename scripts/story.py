"""What a command does, told step by step as it happens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console


@dataclass
class Story:
    """What has happened so far: told as it happens, and kept for a report."""

    console: Console
    steps: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:
        """Tells one step with the time that it took; what is passed to the result is told with it."""
        began = time.monotonic()
        details: list[str] = []
        done = False
        try:
            if self.console.is_terminal:
                with self.console.status(f"{what} …"):
                    yield details.append
            else:
                yield details.append
            done = True
        finally:
            seconds = time.monotonic() - began
            self.steps.append({"step": what, "ok": done, "seconds": round(seconds, 2), "details": details})
            mark = "[green]✓[/green]" if done else "[red]✗[/red]"
            self.console.print(f"{mark} {what} [dim]{seconds:5.1f} s[/dim]", highlight=False)
            for detail in details:
                self.console.print(f"    {detail}", highlight=False, markup=False, style="dim")
