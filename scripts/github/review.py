"""The review of a plan as a comment on its pull request, and what a deploy learns from it after the merge.

There is one comment for each environment. Its first two lines, which GitHub does not show, say for which,
with the fingerprint of the plan, and what the guard was told to let pass; no program reads anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import click

from scripts.github.api import BOT, MAX_BODY, GitHub, Json, Run, read_object
from scripts.plan_review.markdown import header, length

LABEL = "allow: "
_RULE = re.compile(r"[a-z][a-z0-9_-]*")
_FINGERPRINT = re.compile(r"v[0-9]+-[A-Za-z0-9_-]+")
_FINGERPRINT_TOLD = re.compile(r"fingerprint=(\S*) -->$")
_ALLOWED_TOLD = re.compile(r"^<!-- allowed( .*)? -->$")


@dataclass(frozen=True)
class Mark:
    """The first two lines of a comment.

    fingerprint: of the plan, if it may be applied: not if there was none, or the guard has stopped it.
    allowed: the guard's rules that it was to let pass.
    """

    environment: str
    fingerprint: str = ""
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        allowed = " ".join(("allowed", *self.allowed))
        return f"{header(self.environment, self.fingerprint)}\n<!-- {allowed} -->"

    def of(self, comment: Json) -> Mark | None:
        """The mark of a comment, if it is one for this environment."""
        first, second, *_ = [*str(comment.get("body") or "").splitlines()[:2], "", ""]
        if not first.startswith(header(self.environment).partition("fingerprint=")[0]):
            return None
        fingerprint, allowed = _FINGERPRINT_TOLD.search(first), _ALLOWED_TOLD.search(second)
        if not (fingerprint and allowed):
            return Mark(self.environment)
        return Mark(self.environment, unquote(fingerprint[1]), tuple((allowed[1] or "").split()))


def allowed(labels: list[str]) -> tuple[str, ...]:
    """The guard's rules that a pull request's labels let pass: "allow: some-rule".

    Raises:
        click.ClickException: a label names something that no rule can be called.
    """
    rules = sorted(name.removeprefix(LABEL).strip() for name in labels if name.startswith(LABEL))
    for rule in rules:
        if not _RULE.fullmatch(rule):
            raise click.ClickException(f"The label {LABEL + rule!r} names no rule of the guard.")
    return tuple(rules)


def body_of(run: Run, environment: str, review: Path, summary: Path, allowed: tuple[str, ...]) -> str:
    """The comment: the review, or that there is none. Without a summary the plan has failed.

    Raises:
        click.ClickException: the summary is of another environment.
    """
    where = f"[{run.head[:8]}]({run.url})"
    if not (review.is_file() and summary.is_file()):
        return f"{Mark(environment)}\n**{environment}**: there is no plan of {where}; its log says why.\n"
    match read_object(summary):
        case {"environment": str(name), "stopped": bool(stopped), "fingerprint": str(fingerprint)}:
            pass
        case _:
            raise click.ClickException(f"{summary} is not what make plan-review has written.")
    if name != environment:
        raise click.ClickException(f"{summary} is of {name!r}, and not of {environment!r}.")
    mark = Mark(environment, "" if stopped else fingerprint, allowed)
    # the review's own first line has the fingerprint whether or not it may be applied
    text = review.read_text("utf-8", errors="replace").partition("\n")[2].rstrip("\n")
    body = f"{mark}\n{text}\n\nof {where}\n"
    if length(body) <= MAX_BODY:
        return body
    return f"{mark}\n**{environment}**: the review is too long for a comment; it is on the page of {where}.\n"


def put(github: GitHub, number: int, environment: str, body: str) -> None:
    """Puts the comment on the pull request, in the place of the one that is there."""
    there = [one for one in github.comments(number) if Mark(environment).of(one)]
    if not there:
        github.comment(number, body)
        return
    if there[0]["body"] != body:
        github.change_comment(there[0], body)
    for one in there[1:]:  # of two runs at once
        github.delete_comment(one)


def given(inputs: Json, environment: str) -> Mark:
    """What somebody has looked at who runs the deploy by hand.

    Raises:
        click.ClickException: they name no plan of this environment.
    """
    fingerprint = str(inputs.get("fingerprint") or "").strip()
    if inputs.get("environment") != environment or not _FINGERPRINT.fullmatch(fingerprint):
        raise click.ClickException(
            f"Give {environment} and the fingerprint of its plan, as make plan-review ENV={environment} "
            f"tells it, and not {fingerprint!r}."
        )
    return Mark(environment, fingerprint, tuple(str(inputs.get("allow") or "").split()))


def reviewed(github: GitHub, sha: str, environment: str) -> Mark:
    """What was reviewed of the plan that a commit is to bring to an environment.

    Raises:
        click.ClickException: nothing was, or it may not be applied; the message says what to do.
    """
    instead = (
        f"Look at the plan (make plan-review ENV={environment}), and run this workflow by hand with "
        "its fingerprint."
    )
    merged = [
        one for one in github.pull_requests_of(sha) if one["merged_at"] and one["merge_commit_sha"] == sha
    ]
    if len(merged) != 1:
        raise click.ClickException(
            f"{sha[:8]} is not the merge of a pull request, so no review belongs to it. {instead}"
        )
    number = merged[0]["number"]
    comments = [(one, mark) for one in github.comments(number) if (mark := Mark(environment).of(one))]
    if not comments:
        raise click.ClickException(f"#{number} has no review of {environment}. {instead}")
    comment, mark = comments[0]
    if not _FINGERPRINT.fullmatch(mark.fingerprint):
        raise click.ClickException(
            f"The review in #{number} lets nothing be done to {environment}. {instead}"
        )
    editor = github.editor_of(comment)
    if editor not in (None, BOT, BOT.removesuffix("[bot]")):
        raise click.ClickException(
            f"The review of {environment} in #{number} was changed by {editor}. {instead}"
        )
    if not all(_RULE.fullmatch(rule) for rule in mark.allowed):
        raise click.ClickException(f"The review in #{number} lets something pass that is no rule. {instead}")
    return mark
