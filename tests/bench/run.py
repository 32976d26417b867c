"""What every section of a run is given."""

from dataclasses import dataclass
from pathlib import Path

from tests.progress import Progress


@dataclass(frozen=True)
class Run:
    """One run of `make bench`.

    folder: for what is made on the way; removed after it. rounds: how often to do what is timed; None leaves
    it to the section.
    """

    folder: Path
    progress: Progress
    rounds: int | None = None
