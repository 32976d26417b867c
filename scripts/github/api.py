"""GitHub's API, as one run of a workflow sees it.

The rules are those of the "Variables reference" of GitHub Actions (what a run is told) and of the pages of
the REST API on issues, issue comments, commits and pull requests.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import httpx

Json = dict[str, Any]

# whose comments and issues these are, with the token that each job is given
BOT = "github-actions[bot]"
# "body is too long (maximum is 65536 characters)"
MAX_BODY = 65536


class GitHubError(click.ClickException):
    """GitHub refused, or could not be reached; the message is one sentence."""


@dataclass(frozen=True)
class Run:
    """One run of a workflow: what GitHub tells it by environment variables and by the event's file."""

    variables: Mapping[str, str]

    @classmethod
    def current(cls) -> Run:
        return cls(dict(os.environ))

    def _told(self, name: str) -> str:
        value = self.variables.get(name)
        if not value:
            raise click.ClickException(f"{name} is not set: this is for a workflow of GitHub Actions.")
        return value

    @property
    def repository(self) -> str:
        return self._told("GITHUB_REPOSITORY")

    @property
    def sha(self) -> str:
        return self._told("GITHUB_SHA")

    @property
    def url(self) -> str:
        """Where people see this run."""
        return (
            f"{self._told('GITHUB_SERVER_URL')}/{self.repository}/actions/runs/{self._told('GITHUB_RUN_ID')}"
        )

    @cached_property
    def event(self) -> Json:
        return read_object(Path(self._told("GITHUB_EVENT_PATH")))

    @property
    def inputs(self) -> Json | None:
        """What somebody gave who runs the workflow by hand; None if nobody does."""
        if self._told("GITHUB_EVENT_NAME") != "workflow_dispatch":
            return None
        found = self.event.get("inputs")
        return found if isinstance(found, dict) else {}

    @property
    def number(self) -> int:
        """The pull request that this run is for."""
        found = self._pull_request.get("number")
        if not isinstance(found, int):
            raise _lacks("number")
        return found

    @property
    def head(self) -> str:
        """The commit that the pull request would bring."""
        head = self._pull_request.get("head")
        found = head.get("sha") if isinstance(head, dict) else None
        if not isinstance(found, str):
            raise _lacks("head")
        return found

    @property
    def labels(self) -> list[str]:
        """The names of the pull request's labels."""
        found = self._pull_request.get("labels")
        labels = found if isinstance(found, list) else [None]
        names = [label.get("name") if isinstance(label, dict) else None for label in labels]
        if not all(isinstance(name, str) for name in names):
            raise _lacks("labels")
        return [str(name) for name in names]

    @property
    def _pull_request(self) -> Json:
        found = self.event.get("pull_request")
        if not isinstance(found, dict):
            raise click.ClickException("This run is for no pull request.")
        return found

    def output(self, **values: str) -> None:
        """Sets outputs of the step."""
        for name, value in values.items():
            if re.search(r"[\x00-\x1f\ud800-\udfff]", value):
                raise click.ClickException(f"The output {name} has a control character in it.")
        self._append("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in values.items()))

    def summarise(self, text: str) -> None:
        """Shows a text on the page of the run."""
        self._append("GITHUB_STEP_SUMMARY", f"{text}\n")

    def _append(self, name: str, text: str) -> None:
        path = Path(self._told(name))
        try:
            with path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError as error:
            raise click.ClickException(f"{path} ({name}) cannot be written: {error.strerror}.") from None

    def github(self) -> GitHub:
        token = self._told("GITHUB_TOKEN")
        if not (token.isascii() and token.isprintable()):
            # it cannot be sent, and the error of who tried would show it
            raise click.ClickException("GITHUB_TOKEN is not a token of GitHub's.")
        try:
            client = httpx.Client(
                base_url=self._told("GITHUB_API_URL"),
                headers={
                    "Accept": "application/vnd.github+json",
                    "Authorization": f"Bearer {token}",
                    "X-GitHub-Api-Version": "2022-11-28",
                },
                timeout=30,
                transport=httpx.HTTPTransport(retries=3),  # of connections; what was sent is not sent again
            )
        except httpx.InvalidURL as error:
            raise click.ClickException(f"GITHUB_API_URL is no address: {error}.") from None
        return GitHub(client, self.repository, self._told("GITHUB_GRAPHQL_URL"))


@dataclass(frozen=True)
class GitHub:
    """The API of one repository."""

    client: httpx.Client
    repository: str
    graphql_url: str

    def pull_requests_of(self, sha: str) -> list[Json]:
        """The pull requests that a commit came with."""
        return list(self._pages(f"{self._repository}/commits/{sha}/pulls"))

    def comments(self, number: int) -> list[Json]:
        """Our comments on an issue or pull request, the oldest first."""
        return [one for one in self._pages(f"{self._repository}/issues/{number}/comments") if _is_ours(one)]

    def comment(self, number: int, body: str) -> None:
        self._call("POST", f"{self._repository}/issues/{number}/comments", {"body": body})

    def change_comment(self, comment: Json, body: str) -> None:
        self._call("PATCH", f"{self._repository}/issues/comments/{comment['id']}", {"body": body})

    def delete_comment(self, comment: Json) -> None:
        self._call("DELETE", f"{self._repository}/issues/comments/{comment['id']}")

    def issues(self) -> list[Json]:
        """Our open issues, the oldest first."""
        pages = self._pages(f"{self._repository}/issues", state="open", sort="created", direction="asc")
        return [one for one in pages if _is_ours(one) and "pull_request" not in one]

    def open_issue(self, title: str, body: str) -> None:
        self._call("POST", f"{self._repository}/issues", {"title": title, "body": body})

    def change_issue(self, issue: Json, **fields: str) -> None:
        self._call("PATCH", f"{self._repository}/issues/{issue['number']}", fields)

    def editor_of(self, comment: Json) -> str | None:
        """Who has changed a comment since it was written; None if nobody has.

        Who may write to the repository may change the text of anybody's comment, and it stays its author's.
        """
        query = "query($id: ID!) { node(id: $id) { ... on IssueComment { editor { login } } } }"
        question = {"query": query, "variables": {"id": comment["node_id"]}}
        match _read(self._call("POST", self.graphql_url, question)):
            case {"errors": [_, *_]}:
                pass
            case {"data": {"node": {"editor": None}}}:
                return None
            case {"data": {"node": {"editor": {"login": str(login)}}}}:
                return login
        raise GitHubError("GitHub does not say who has changed the review.")

    @property
    def _repository(self) -> str:
        return f"/repos/{self.repository}"

    def _pages(self, path: str, **parameters: str) -> Iterator[Json]:
        page: str | None = path
        query: dict[str, str] | None = {"per_page": "100", **parameters}
        while page:
            answer = self._call("GET", page, parameters=query)
            found = _read(answer)
            if not (isinstance(found, list) and all(isinstance(one, dict) for one in found)):
                raise GitHubError(f"GitHub answered GET {answer.url.path} with something else than a list.")
            yield from found
            page, query = answer.links.get("next", {}).get("url"), None  # the link has them in it

    def _call(
        self, method: str, path: str, content: Json | None = None, parameters: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            answer = self.client.request(method, path, json=content, params=parameters)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GitHubError(f"GitHub could not be reached: {type(error).__name__}: {error}.") from None
        if answer.is_success:
            return answer
        raise GitHubError(
            f"GitHub refused {method} {answer.url.path}: {answer.status_code} {_reason(answer)}."
            + (" The job's `permissions` are too few for it." if answer.status_code in (403, 404) else "")
        )


def read_object(path: Path) -> Json:
    """The JSON object in a file that GitHub, or another target, has written.

    Raises:
        click.ClickException: there is none.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise click.ClickException(f"{path} holds no JSON object.")
    return found


def _lacks(what: str) -> click.ClickException:
    return click.ClickException(f"The event of this run does not say the pull request's {what}.")


def _is_ours(one: Json) -> bool:
    author = one.get("user")
    return isinstance(author, dict) and author.get("login") == BOT and author.get("type") == "Bot"


def _read(answer: httpx.Response) -> Any:
    """What an answer says; None where it is no JSON."""
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _reason(answer: httpx.Response) -> str:
    found = _read(answer)
    message = found.get("message") if isinstance(found, dict) else None
    return str(message or answer.reason_phrase).rstrip(".")
