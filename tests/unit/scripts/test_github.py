"""What the workflows tell GitHub, against a GitHub of a few lines that keeps comments and issues."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from scripts.github import __main__ as commands
from scripts.github import drift, review
from scripts.github.api import MAX_BODY, GitHub, GitHubError, Run
from scripts.github.review import Mark
from scripts.plan_review.markdown import header

Json = dict[str, Any]
REPOSITORY, API, GRAPHQL = (
    "example/registration",
    "https://api.example.com",
    "https://api.example.com/graphql",
)
SHA, HEAD, FINGERPRINT = "a" * 40, "b" * 40, "v1-0123abcd"
BOT = {"login": "github-actions[bot]", "type": "Bot"}
SOMEBODY = {"login": "mallory", "type": "User"}
PAGE = 2  # however many are asked for


@dataclass
class FakeGitHub:
    """Comments by issue or pull request, issues, pull requests of commits, and who has edited a comment."""

    comments: dict[int, list[Json]] = field(default_factory=dict)
    issues: list[Json] = field(default_factory=list)
    pulls: dict[str, list[Json]] = field(default_factory=dict)
    editors: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refuse: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def api(self) -> GitHub:
        client = httpx.Client(base_url=API, transport=httpx.MockTransport(self.answer))
        return GitHub(client, REPOSITORY, GRAPHQL)

    def say(self, number: int, body: str, user: Json = BOT) -> Json:
        new = next(self.ids)
        comment = {"id": new, "node_id": f"node-{new}", "body": body, "user": user}
        self.comments.setdefault(number, []).append(comment)
        return comment

    def bodies(self, number: int = 7) -> list[str]:
        return [one["body"] for one in self.comments.get(number, [])]

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        refused = self.refuse(request)
        if refused:
            return refused
        content = json.loads(request.content or b"null")
        if str(request.url) == GRAPHQL:
            editor = self.editors.get(content["variables"]["id"])
            return httpx.Response(
                200, json={"data": {"node": {"editor": {"login": editor} if editor else None}}}
            )
        assert request.url.path.startswith(f"/repos/{REPOSITORY}/"), request.url
        path = request.url.path.removeprefix(f"/repos/{REPOSITORY}/")
        return self.on(request, path, content)

    def on(self, request: httpx.Request, path: str, content: Json) -> httpx.Response:
        method = request.method
        if found := re.fullmatch(r"issues/(\d+)/comments", path):
            if method == "POST":
                return httpx.Response(201, json=self.say(int(found[1]), content["body"]))
            return self.page(request, self.comments.get(int(found[1]), []))
        if found := re.fullmatch(r"issues/comments/(\d+)", path):
            (all_of_it,) = [
                them for them in self.comments.values() if any(c["id"] == int(found[1]) for c in them)
            ]
            (comment,) = [one for one in all_of_it if one["id"] == int(found[1])]
            if method == "DELETE":
                all_of_it.remove(comment)
                return httpx.Response(204)
            comment |= content
            return httpx.Response(200, json=comment)
        if path == "issues" and method == "POST":
            issue = {"number": next(self.ids), "state": "open", "user": BOT, **content}
            self.issues.append(issue)
            return httpx.Response(201, json=issue)
        if path == "issues":
            assert request.url.params["state"] == "open"
            return self.page(request, [one for one in self.issues if one["state"] == "open"])
        if found := re.fullmatch(r"issues/(\d+)", path):
            (issue,) = [one for one in self.issues if one["number"] == int(found[1])]
            issue |= content
            return httpx.Response(200, json=issue)
        if found := re.fullmatch(r"commits/(\w+)/pulls", path):
            return self.page(request, self.pulls.get(found[1], []))
        raise AssertionError(f"{method} {path}")

    def page(self, request: httpx.Request, everything: list[Json]) -> httpx.Response:
        number = int(request.url.params.get("page", "1"))
        part = everything[PAGE * (number - 1) : PAGE * number]
        if PAGE * number >= len(everything):
            return httpx.Response(200, json=part)
        following = request.url.copy_set_param("page", str(number + 1))
        return httpx.Response(200, json=part, headers={"Link": f'<{following}>; rel="next"'})


@pytest.fixture
def github() -> FakeGitHub:
    return FakeGitHub()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run for the pull request 7."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": HEAD}, "labels": []}}))
    return Run(
        {
            "GITHUB_API_URL": API,
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_GRAPHQL_URL": GRAPHQL,
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "99",
            "GITHUB_SERVER_URL": "https://github.example.com",
            "GITHUB_SHA": SHA,
            "GITHUB_STEP_SUMMARY": str(tmp_path / "page"),
            "GITHUB_TOKEN": "not-a-token",
        }
    )


def body_of(
    run: Run, folder: Path, environment: str = "prod", *, text: str = "1 to add", **summary: Any
) -> str:
    files = folder / "review.md", folder / "review.json"
    files[0].write_text(f"{header(environment, FINGERPRINT)}\n{text}\n")
    told = {"environment": environment, "stopped": False, "fingerprint": FINGERPRINT, **summary}
    files[1].write_text(json.dumps(told))
    return review.body_of(run, environment, *files, ())


def test_a_review_becomes_one_comment_that_the_next_one_replaces(
    github: FakeGitHub, run: Run, tmp_path: Path
) -> None:
    for text in ("1 to add", "2 to add", "2 to add"):
        review.put(github.api(), 7, "prod", body_of(run, tmp_path, text=text))

    (body,) = github.bodies()
    assert "2 to add" in body
    assert "1 to add" not in body
    writes = [call.split()[0] for call in github.calls if not call.startswith("GET")]
    assert writes == ["POST", "PATCH"], "what is the same is not written again"


def test_each_environment_has_its_own_comment(github: FakeGitHub, run: Run, tmp_path: Path) -> None:
    for name in ("dev", "prod", "dev", "prod"):
        review.put(github.api(), 7, name, body_of(run, tmp_path, name, text=f"{name} changes"))

    assert [body.splitlines()[2] for body in github.bodies()] == ["dev changes", "prod changes"]


def test_only_a_comment_of_our_own_is_replaced(github: FakeGitHub, run: Run, tmp_path: Path) -> None:
    forged = f"{Mark('prod', 'v1-forged')}\nLooks fine."
    for user in (
        SOMEBODY,
        {"login": "github-actions[bot]", "type": "User"},
        {"login": "other[bot]", "type": "Bot"},
    ):
        github.say(7, forged, user)
    github.say(7, "Something else of ours.")

    review.put(github.api(), 7, "prod", body_of(run, tmp_path))

    assert github.bodies()[:-1] == [forged] * 3 + ["Something else of ours."]
    assert "1 to add" in github.bodies()[-1]


def test_of_two_comments_from_two_runs_at_once_one_is_left(
    github: FakeGitHub, run: Run, tmp_path: Path
) -> None:
    for _ in range(3):
        github.say(7, f"{Mark('prod')}\n")

    review.put(github.api(), 7, "prod", body_of(run, tmp_path))

    assert len(github.bodies()) == 1


def test_a_comment_on_a_later_page_is_found(github: FakeGitHub, run: Run, tmp_path: Path) -> None:
    for number in range(2 * PAGE + 1):
        github.say(7, f"Talk {number}", SOMEBODY)
    for _ in range(2):
        review.put(github.api(), 7, "prod", body_of(run, tmp_path))

    assert len(github.bodies()) == 2 * PAGE + 2


def test_a_plan_that_failed_takes_the_earlier_review_away(
    github: FakeGitHub, run: Run, tmp_path: Path
) -> None:
    review.put(github.api(), 7, "prod", body_of(run, tmp_path))
    nowhere = tmp_path / "none"
    review.put(github.api(), 7, "prod", review.body_of(run, "prod", nowhere, nowhere, ()))

    (body,) = github.bodies()
    assert (
        "there is no plan of [bbbbbbbb](https://github.example.com/example/registration/actions/runs/99)"
        in body
    )
    assert FINGERPRINT not in body


def test_a_review_that_is_too_long_is_on_the_page_of_the_run(run: Run, tmp_path: Path) -> None:
    fits = body_of(run, tmp_path, text="x" * (MAX_BODY - 1000))
    body = body_of(run, tmp_path, text="x" * MAX_BODY)

    assert len(fits) > MAX_BODY - 1000
    assert len(body) < 1000
    assert "too long for a comment" in body
    assert Mark("prod").of({"body": body}) == Mark("prod", FINGERPRINT)


def test_a_review_of_another_environment_is_refused(run: Run, tmp_path: Path) -> None:
    body_of(run, tmp_path, "dev")
    with pytest.raises(click.ClickException, match=r"is of 'dev', and not of 'prod'"):
        review.body_of(run, "prod", tmp_path / "review.md", tmp_path / "review.json", ())


def merged(**changes: Any) -> Json:
    return {"number": 7, "merged_at": "2026-11-25T00:00:00Z", "merge_commit_sha": SHA, **changes}


@pytest.fixture
def after_merge(github: FakeGitHub) -> FakeGitHub:
    """The pull request 7 is merged, with a review of both environments."""
    github.pulls[SHA] = [merged()]
    github.say(7, "Fine with me.", SOMEBODY)
    github.say(7, f"{Mark('dev', 'v1-dev')}\nreview")
    github.say(7, f"{Mark('prod', FINGERPRINT, ('some-rule',))}\nreview".replace("\n", "\r\n"))
    return github


def test_a_deploy_learns_the_fingerprint_that_was_reviewed(after_merge: FakeGitHub) -> None:
    assert review.reviewed(after_merge.api(), SHA, "prod") == Mark("prod", FINGERPRINT, ("some-rule",))
    assert review.reviewed(after_merge.api(), SHA, "dev").fingerprint == "v1-dev"


@pytest.mark.parametrize("editor", ["github-actions", "github-actions[bot]"])
def test_a_review_that_we_have_replaced_ourselves_counts(after_merge: FakeGitHub, editor: str) -> None:
    after_merge.editors["node-3"] = editor
    assert review.reviewed(after_merge.api(), SHA, "prod").fingerprint == FINGERPRINT


def test_a_review_that_somebody_has_changed_does_not_count(after_merge: FakeGitHub) -> None:
    after_merge.editors["node-3"] = "mallory"
    with pytest.raises(
        click.ClickException, match=r"The review of prod in #7 was changed by mallory\. Look at"
    ):
        review.reviewed(after_merge.api(), SHA, "prod")


@pytest.mark.parametrize(
    "pulls",
    [
        [],
        [merged(merged_at=None)],
        [merged(merge_commit_sha=HEAD)],
        [merged(), merged(number=8)],
    ],
    ids=["pushed", "open", "another commit of it", "two"],
)
def test_without_a_merge_there_is_no_review(after_merge: FakeGitHub, pulls: list[Json]) -> None:
    after_merge.pulls[SHA] = pulls
    with pytest.raises(click.ClickException, match=r"aaaaaaaa is not the merge of a pull request.*by hand"):
        review.reviewed(after_merge.api(), SHA, "prod")


def test_a_forged_review_is_none(after_merge: FakeGitHub) -> None:
    after_merge.comments[7] = []
    after_merge.say(7, f"{Mark('prod', FINGERPRINT)}\nreview", SOMEBODY)
    with pytest.raises(click.ClickException, match=r"#7 has no review of prod\. Look at the plan"):
        review.reviewed(after_merge.api(), SHA, "prod")


@pytest.mark.parametrize(
    "first_line",
    [
        str(Mark("prod")),
        f"{header('prod', FINGERPRINT)}\nno second line",
        "<!-- plan-review title=prod nonsense -->\n<!-- allowed -->",
        str(Mark("prod", "v1-a b")),
        str(Mark("prod", "v1-a\nYES=1")),
    ],
    ids=["none", "half", "unreadable", "two words", "two lines"],
)
def test_a_review_without_a_proper_fingerprint_lets_nothing_be_done(
    after_merge: FakeGitHub, first_line: str
) -> None:
    after_merge.comments[7][2]["body"] = f"{first_line}\nreview"
    with pytest.raises(click.ClickException, match=r"lets nothing be done to prod"):
        review.reviewed(after_merge.api(), SHA, "prod")


def test_a_review_that_lets_pass_what_is_no_rule_lets_nothing_be_done(after_merge: FakeGitHub) -> None:
    after_merge.comments[7][2]["body"] = f"{Mark('prod', FINGERPRINT, ('some-rule', '--yes'))}\nreview"
    with pytest.raises(click.ClickException, match=r"lets something pass that is no rule"):
        review.reviewed(after_merge.api(), SHA, "prod")


def test_a_plan_that_the_guard_has_stopped_has_no_fingerprint_to_apply(run: Run, tmp_path: Path) -> None:
    body = body_of(run, tmp_path, stopped=True)
    assert Mark("prod").of({"body": body}) == Mark("prod")
    assert "1 to add" in body


def test_the_labels_say_what_the_guard_may_let_pass() -> None:
    labels = ["bug", "allow: b-rule", "allow: a-rule", "allowed"]
    assert review.allowed(labels) == ("a-rule", "b-rule")
    for name in ("allow: ", "allow: a rule", "allow: --yes", "allow: $(reboot)"):
        with pytest.raises(click.ClickException, match="names no rule of the guard"):
            review.allowed([name])


def tell(github: FakeGitHub, name: str, agrees: bool, text: str = "x") -> str:
    body = f"<!-- drift {name} -->\n{text}"
    return drift.tell(github.api(), name, body, "https://run", agrees=agrees)


def test_one_issue_is_opened_changed_and_closed(github: FakeGitHub) -> None:
    assert tell(github, "prod", True) == "nothing to tell"
    assert tell(github, "prod", False) == "opened one"
    assert tell(github, "prod", False, "other") == "changed #1"
    assert tell(github, "dev", False) == "opened one"
    assert [(one["title"], one["state"], one["body"][-5:]) for one in github.issues] == [
        ("prod is not as it should be", "open", "other"),
        ("dev is not as it should be", "open", "-->\nx"),
    ]

    assert tell(github, "prod", True) == "closed 1"
    assert [(one["state"], one.get("state_reason")) for one in github.issues] == [
        ("closed", "completed"),
        ("open", None),
    ]
    assert github.bodies(1) == ["All is as it should be again: https://run"]
    assert tell(github, "prod", True) == "nothing to tell"
    assert tell(github, "prod", False) == "opened one"


def test_nobody_elses_issue_and_no_pull_request_is_touched(github: FakeGitHub) -> None:
    theirs = [
        {"number": 90, "state": "open", "user": SOMEBODY, "body": "<!-- drift prod -->\n"},
        {"number": 91, "state": "open", "user": BOT, "body": "<!-- drift prod -->", "pull_request": {}},
        {"number": 92, "state": "open", "user": BOT, "body": None},
    ]
    github.issues = [dict(one) for one in theirs]

    assert tell(github, "prod", True) == "nothing to tell"
    assert tell(github, "prod", False) == "opened one"
    assert github.issues[:3] == theirs


def issue_of(tmp_path: Path, **outcomes: str) -> str:
    (tmp_path / "review.md").write_text("1 to change")
    (tmp_path / "findings.txt").write_text("broken ``` trigger")
    return drift.body_of(
        "prod",
        "https://run",
        **{"terraform": "success", "doctor": "success", **outcomes},
        review=tmp_path / "review.md",
        findings=tmp_path / "findings.txt",
    )


def test_the_issue_says_who_disagrees_and_what_they_say(tmp_path: Path) -> None:
    terraform, doctor = issue_of(tmp_path, terraform="failure"), issue_of(tmp_path, doctor="failure")

    assert "| `make drift ENV=prod` | **not as it should be** |" in terraform
    assert "| `make doctor ENV=prod` | as it should be |" in terraform
    assert "1 to change" in terraform
    assert "trigger" not in terraform
    assert "1 to change" not in doctor
    assert "````text\nbroken ``` trigger\n````" in doctor
    assert "| `make doctor ENV=prod` | **not looked at** |" in issue_of(tmp_path, doctor="skipped")


def test_an_issue_holds_what_there_is_room_for(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("x" * MAX_BODY)
    body = drift.body_of(
        "prod",
        "https://run",
        terraform="failure",
        doctor="failure",
        review=tmp_path / "none",
        findings=tmp_path / "long.txt",
    )
    assert len(body) < MAX_BODY
    assert "There is more than an issue has room for; it is in the log." in body


def test_a_refusal_is_one_sentence(github: FakeGitHub) -> None:
    github.refuse = lambda _: httpx.Response(403, json={"message": "Resource not accessible by integration"})
    with pytest.raises(GitHubError) as refused:
        review.put(github.api(), 7, "prod", "x")
    assert refused.value.message == (
        "GitHub refused GET /repos/example/registration/issues/7/comments: 403 Resource not accessible by "
        "integration. The job's `permissions` are too few for it."
    )


def test_an_answer_that_is_no_json_is_one_sentence_too(github: FakeGitHub) -> None:
    github.refuse = lambda _: httpx.Response(502, text="<html>")
    with pytest.raises(GitHubError, match=r"^GitHub refused GET .*: 502 Bad Gateway\.$"):
        github.api().comments(7)


def test_a_github_that_is_away_is_one_sentence(github: FakeGitHub) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    github.refuse = away
    with pytest.raises(GitHubError, match=r"^GitHub could not be reached: ConnectError: no route\.$"):
        github.api().comments(7)


def test_what_graphql_does_not_say_is_no_consent(after_merge: FakeGitHub) -> None:
    after_merge.refuse = lambda request: (
        httpx.Response(200, json={"data": None, "errors": [{"message": "x"}]})
        if str(request.url) == GRAPHQL
        else None
    )
    with pytest.raises(GitHubError, match="does not say who has changed the review"):
        review.reviewed(after_merge.api(), SHA, "prod")


@pytest.fixture
def command(
    github: FakeGitHub, run: Run, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Runs a command as a step of a workflow does, in a project that has the environments local and dev."""
    monkeypatch.setattr(Run, "current", lambda: run)
    monkeypatch.setattr(Run, "github", lambda _: github.api())

    def invoke(*arguments: str, **variables: str) -> Result:
        return CliRunner(env=variables).invoke(commands.main, arguments, prog_name="github")

    return invoke


def output_of(run: Run) -> str:
    return Path(run.variables["GITHUB_OUTPUT"]).read_text()


def test_the_role_is_that_of_the_environments_account(
    command: Callable[..., Result], run: Run, configuration: Path
) -> None:
    settings = configuration / "environments/dev/terraform.tfvars"
    settings.write_text(settings.read_text().replace("[]", '["123456789012"]'))
    done = command("role", ENV="dev", ROLE="deploy")
    assert done.exit_code == 0, done.output
    assert output_of(run) == "arn=arn:aws:iam::123456789012:role/deploy-some-dev\nregion=eu-west-1\n"


def test_without_an_account_there_is_no_role(command: Callable[..., Result]) -> None:
    done = command("role", ENV="dev", ROLE="plan")
    assert done.exit_code == 1
    assert done.output.startswith("Error: Name the one account of 'dev' as allowed_account_ids in ")


def test_a_review_is_put_on_the_pull_request_and_on_the_page_of_the_run(
    command: Callable[..., Result], github: FakeGitHub, run: Run, tmp_path: Path
) -> None:
    body_of(run, tmp_path, "dev")
    files = {"REVIEW_OUTPUT": str(tmp_path / "review.md"), "REVIEW_SUMMARY": str(tmp_path / "review.json")}
    done = command("review", ENV="dev", GUARD_ALLOW="a-rule b-rule", **files)
    assert done.exit_code == 0, done.output
    (body,) = github.bodies()
    assert Mark("dev").of({"body": body}) == Mark("dev", FINGERPRINT, ("a-rule", "b-rule"))
    assert Path(run.variables["GITHUB_STEP_SUMMARY"]).read_text().strip() == body.strip()


def test_what_was_reviewed_is_an_output(
    command: Callable[..., Result], after_merge: FakeGitHub, run: Run
) -> None:
    done = command("reviewed", ENV="prod")
    assert done.exit_code == 0, done.output
    assert output_of(run) == f"fingerprint={FINGERPRINT}\nrules=some-rule\n"


def by_hand(run: Run, **inputs: str) -> None:
    assert isinstance(run.variables, dict)
    run.variables["GITHUB_EVENT_NAME"] = "workflow_dispatch"
    Path(run.variables["GITHUB_EVENT_PATH"]).write_text(json.dumps({"inputs": inputs}))


def test_who_deploys_by_hand_names_the_plan_that_they_have_looked_at(
    command: Callable[..., Result], github: FakeGitHub, run: Run
) -> None:
    by_hand(run, environment="prod", fingerprint=f" {FINGERPRINT}", allow="a-rule b-rule=x.y")
    done = command("reviewed", ENV="prod")
    assert done.exit_code == 0, done.output
    assert output_of(run) == f"fingerprint={FINGERPRINT}\nrules=a-rule b-rule=x.y\n"
    assert github.calls == []


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"environment": "prod"},
        {"environment": "prod", "fingerprint": ""},
        {"environment": "prod", "fingerprint": "any"},
        {"environment": "dev", "fingerprint": FINGERPRINT},
    ],
    ids=["nothing", "no plan", "an empty one", "none that there can be", "another environment"],
)
def test_who_deploys_by_hand_and_names_no_plan_deploys_nothing(
    command: Callable[..., Result], after_merge: FakeGitHub, run: Run, inputs: dict[str, str]
) -> None:
    by_hand(run, **inputs)
    done = command("reviewed", ENV="prod")
    assert done.exit_code == 1
    assert "Give prod and the fingerprint of its plan" in done.output
    assert not Path(run.variables["GITHUB_OUTPUT"]).exists()


def test_what_the_labels_allow_is_an_output(command: Callable[..., Result], run: Run) -> None:
    event = Path(run.variables["GITHUB_EVENT_PATH"])
    event.write_text(json.dumps({"pull_request": {"labels": [{"name": "allow: some-rule"}]}}))
    assert command("allowed").exit_code == 0
    assert output_of(run) == "rules=some-rule\n"


@pytest.mark.parametrize(
    ("outcomes", "issues"),
    [
        (("success", "success"), 0),
        (("success", "failure"), 1),
        (("failure", "success"), 1),
        (("skipped", "skipped"), 1),
    ],
)
def test_drift_is_told_unless_both_agree(
    command: Callable[..., Result], github: FakeGitHub, outcomes: tuple[str, str], issues: int
) -> None:
    done = command("drift", ENV="dev", DRIFT_OUTCOME=outcomes[0], DOCTOR_OUTCOME=outcomes[1])
    assert done.exit_code == 0, done.output
    assert len(github.issues) == issues


def test_outside_of_a_workflow_it_says_so() -> None:
    done = CliRunner(env={"GITHUB_EVENT_PATH": ""}).invoke(commands.main, ["allowed"])
    assert done.exit_code == 1
    assert done.output == "Error: GITHUB_EVENT_PATH is not set: this is for a workflow of GitHub Actions.\n"


def test_an_output_is_one_line(run: Run) -> None:
    with pytest.raises(click.ClickException, match="control character"):
        run.output(name="a\nb=c")


def test_the_request_is_what_github_wants(run: Run) -> None:
    client = run.github().client
    assert client.headers["Authorization"] == "Bearer not-a-token"
    assert client.headers["Accept"] == "application/vnd.github+json"
    assert str(client.base_url) == API
