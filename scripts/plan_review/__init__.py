"""Reviews a saved plan of any Terraform configuration: what it would do, and whether something stops it.

`python -m scripts.plan_review` does it for the JSON of a plan, `review` for the scripts here.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console

from scripts.plan_review.fingerprint import fingerprint
from scripts.plan_review.guard import Finding, Verdict, check
from scripts.plan_review.markdown import LIMIT, markdown
from scripts.plan_review.plan import Plan
from scripts.plan_review.rules import Rules
from scripts.plan_review.terminal import show

KEY = "FINGERPRINT_KEY"


@dataclass(frozen=True)
class Review:
    """What there is to say of a plan."""

    plan: Plan
    verdict: Verdict
    key: bytes = field(default=b"", repr=False)

    @property
    def stops(self) -> Sequence[Finding]:
        """What stops the plan."""
        return self.verdict.stops

    @property
    def overridden(self) -> Sequence[Finding]:
        """What would stop it, and was allowed by name."""
        return self.verdict.overridden

    @cached_property
    def fingerprint(self) -> str:
        """Of what the plan would do: the same for the same change, wherever and whenever it is planned."""
        return fingerprint(self.plan, self.key)

    def markdown(self, *, title: str, limit: int = LIMIT) -> str:
        """For a comment on GitHub.

        limit: of its length, in UTF-16 code units.

        Raises:
            ValueError: the title is longer than 100 characters.
        """
        return markdown(
            self.plan, title=title, verdict=self.verdict, fingerprint=self.fingerprint, limit=limit
        )

    def show(self, console: Console) -> None:
        """Prints it for a terminal."""
        show(console, self.plan, self.verdict, self.fingerprint)


def review(
    plan: Mapping[str, Any] | str | bytes,
    *,
    rules: Sequence[Path] = (),
    allow: Collection[str] = (),
    key: str | None = None,
) -> Review:
    """Reviews a plan.

    Args:
        plan: what `terraform show -json` prints for it, decoded or not.
        rules: files of rules besides the built-in ones.
        allow: what the guard is to let pass: names of rules, or RULE=ADDRESS for one resource.
        key: of the fingerprint, so that nobody without it can try out what is sensitive in the plan. If it
            is not given, FINGERPRINT_KEY in the environment; without that there is none.

    Raises:
        PlanError: it is no plan that can be read.
        RulesError: a file of rules cannot be used.
    """
    read = Plan.read(plan) if isinstance(plan, str | bytes) else Plan.of(plan)
    secret = os.environ.get(KEY, "") if key is None else key
    return Review(read, check(read, Rules.load(*rules), allow), secret.encode())
