"""One issue for each environment that is no longer as it was deployed, or with which something is wrong."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.github.api import MAX_BODY, GitHub

# how a step of a workflow ends ("steps context" in GitHub's contexts reference), and what that says
OUTCOMES = {
    "success": "as it should be",
    "failure": "**not as it should be**",
    "cancelled": "**not looked at**",
    "skipped": "**not looked at**",
}


def body_of(
    environment: str, where: str, *, terraform: str, doctor: str, review: Path, findings: Path
) -> str:
    """What the issue says.

    Args:
        where: the address of the run.
        terraform, doctor: the outcomes of the steps that looked.
        review, findings: what they have written, if they came to that.
    """
    head = (
        f"{_mark(environment)}\n"
        f"| Looked at by | {environment} is |\n|---|---|\n"
        f"| `make drift ENV={environment}` | {OUTCOMES[terraform]} |\n"
        f"| `make doctor ENV={environment}` | {OUTCOMES[doctor]} |\n\n"
        "Somebody has changed it by hand, a deploy has stopped half-way, or something is broken: "
        f"[the run's log]({where}) says what. To have it as the code says, run the deploy workflow; to keep "
        "what was changed, change the code. This issue is closed by itself when all is as it should be.\n"
    )
    parts = []
    if doctor == "failure" and findings.is_file():
        parts.append(_folded("What the doctor found", _fenced(findings.read_text("utf-8", errors="replace"))))
    if terraform == "failure" and review.is_file():
        parts.append(
            _folded("What a deploy would change", review.read_text("utf-8", errors="replace").strip())
        )
    for part in parts:
        if len(head) + len(part) <= MAX_BODY:
            head += part
        else:
            head += "\nThere is more than an issue has room for; it is in the log.\n"
    return head


def tell(github: GitHub, environment: str, body: str, where: str, *, agrees: bool) -> str:
    """Opens, changes or closes the issue of an environment; says what was done."""
    there = [one for one in github.issues() if str(one["body"] or "").startswith(_mark(environment))]
    if agrees:
        for one in there:
            github.comment(one["number"], f"All is as it should be again: {where}")
            github.change_issue(one, state="closed", state_reason="completed")
        return f"closed {len(there)}" if there else "nothing to tell"
    if not there:
        github.open_issue(f"{environment} is not as it should be", body)
        return "opened one"
    if there[0]["body"] != body:
        github.change_issue(there[0], body=body)
    return f"changed #{there[0]['number']}"


def _mark(environment: str) -> str:
    return f"<!-- drift {environment} -->"


def _folded(title: str, text: str) -> str:
    return f"\n<details><summary>{title}</summary>\n\n{text}\n\n</details>\n"


def _fenced(text: str) -> str:
    """As it stands, whatever is in it: the fence is longer than any in the text."""
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"
