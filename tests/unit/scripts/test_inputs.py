"""Whatever a script is given: one sentence, and an exit code that says so. No traceback, and no secret."""

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock, patch

import click
import httpx
import pytest
from botocore.exceptions import NoCredentialsError
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from notifications.requests import Request
from notifications.rows import marshal
from scripts import notify, rollback, trigger
from scripts.environment import ROOT, Environment
from scripts.functions import Function, Version
from scripts.github.api import GitHub, Run
from scripts.ledger import Ledger, LedgerError
from scripts.local_aws import process
from scripts.local_aws.limits import Limits
from tests.strategies import JSON, Json, damaged, damaged_rows

from .conftest import FakeTerraform

SECRET = "s3cr3t"
# what is started by its name, and needs no AWS, Terraform or tool but those that the tests stand in for
COMMANDS: dict[str, str] = {
    "scripts.demo": "main",
    "scripts.deploy": "main",
    "scripts.deploy_calls": "main",
    "scripts.deploy_role": "main",
    "scripts.docs": "main",
    "scripts.doctor": "main",
    "scripts.github": "main",
    "scripts.lint": "main",
    "scripts.local_aws": "main",
    "scripts.notify": "main",
    "scripts.plan_review": "main",
    "scripts.preview": "main",
    "scripts.reconcile": "main",
    "scripts.rollback": "main",
    "scripts.smoke_test": "main",
    "scripts.stack": "main",
    "scripts.trigger": "main",
}
# run by the command above it, and not by people
OTHERS = {"scripts.local_aws.server"}


def entry_points() -> set[str]:
    """The modules that can be started."""
    found = set()
    for file in (ROOT / "scripts").rglob("*.py"):
        if '\nif __name__ == "__main__":' in file.read_text("utf-8"):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found.add(".".join(parts[:-1] if parts[-1] == "__main__" else parts))
    return found


def test_every_script_that_can_be_started_is_tried_here() -> None:
    assert entry_points() == set(COMMANDS) | OTHERS
    started = re.findall(r"\$\(RUN\) (scripts\.\w+)", (ROOT / "Makefile").read_text("utf-8"))
    assert set(started) <= set(COMMANDS)


def command_of(module: str) -> click.Command:
    found = import_module(
        module
        if module not in ("scripts.doctor", "scripts.github", "scripts.local_aws", "scripts.plan_review")
        else f"{module}.__main__"
    )
    command: click.Command = getattr(found, COMMANDS[module])
    return command


def leaves(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The commands that do something, and the words that choose them."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from leaves(below, *path, name)
    else:
        yield path, command


ALL = [(module, path, leaf) for module in COMMANDS for path, leaf in leaves(command_of(module))]

# what a shell can hand on: no NUL, and bytes that are no UTF-8 as half characters
WORDS = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12
) | st.sampled_from(
    ["", "-", "--", "@", "@/", "@/dev/null", "{}", "[", "NaN", "nan", "inf", "-1", "1e400", "9" * 5000,
     "\udcff", "\u202e", "../../etc", "local", "dev", "$(id)", "[red]x[/]", "{{x}}", "1",
     "2026-06-01T08:00:00+02:00"]
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn, leaf: click.Command) -> tuple[list[str], dict[str, str]]:
    """A command line, and variables of the environment."""
    line: list[str] = []
    variables: dict[str, str] = {}
    for parameter in leaf.params:
        chosen = draw(st.sampled_from(["absent", "absent", "line", "variable"]))
        kind = parameter.type
        values = st.sampled_from(sorted(kind.choices)) | WORDS if isinstance(kind, click.Choice) else WORDS
        if parameter.name == "name":
            # most of the time there is such an environment, or there would be nothing more to see
            chosen, values = "line", st.sampled_from(["dev", "dev", "dev", "local"]) | WORDS
        flag = isinstance(parameter, click.Option) and parameter.is_flag
        if chosen == "line":
            words = [] if flag else [draw(values)]
            line += [parameter.opts[0], *words] if isinstance(parameter, click.Option) else words
        elif chosen == "variable" and isinstance(parameter.envvar, str):
            variables[parameter.envvar] = draw(WORDS)
    return line, variables


def check(result: Result, *, secrets: tuple[str, ...] = (SECRET,)) -> None:
    """It ended as a command does, and said why."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    if result.exit_code in (1, 2):
        assert result.output.strip(), "it says why"
    for secret in secrets:
        assert secret not in result.output


@pytest.fixture
def alone(terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Runs a command where there is no AWS and nothing can be changed."""
    terraform.answer("show", stdout=json.dumps(PLAN))
    no_credentials = MagicMock(side_effect=NoCredentialsError())
    monkeypatch.setattr(Environment, "client", no_credentials)
    monkeypatch.setattr(process, "find", lambda *_: None)
    monkeypatch.setattr(process, "stop", lambda *_: False)
    monkeypatch.setattr(process, "start", MagicMock(side_effect=process.LocalAwsError("Port 1 is taken.")))
    for place in ("scripts.lint.run", "scripts.docs.stale"):
        module, _, name = place.rpartition(".")
        monkeypatch.setattr(import_module(module), name, lambda *_: {})
    preview = import_module("scripts.preview")
    monkeypatch.setattr(preview, "TARGET", tmp_path / "preview.html")
    monkeypatch.setattr(preview, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    environment = {"AWS_SECRET_ACCESS_KEY": SECRET, "GITHUB_TOKEN": SECRET, "FINGERPRINT_KEY": SECRET}

    def run(
        command: click.Command, line: list[str], variables: dict[str, str] | None = None, stdin: str = ""
    ) -> Result:
        kept = {**os.environ, **environment, **(variables or {})}
        with patch.dict(os.environ, clear=True):
            os.environ.update({k: v for k, v in kept.items() if "\x00" not in v})
            return CliRunner().invoke(command, line, input=stdin)

    return run


few = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=max(6, settings().max_examples // 15),
)


@pytest.mark.parametrize(
    ("module", "path", "leaf"), ALL, ids=[" ".join((module, *path)) for module, path, _ in ALL]
)
def test_no_command_line_breaks_a_script(
    alone: Callable[..., Result], module: str, path: tuple[str, ...], leaf: click.Command
) -> None:
    @few
    @given(call=calls(leaf))
    def holds(call: tuple[list[str], dict[str, str]]) -> None:
        line, variables = call
        check(alone(command_of(module), [*path, *line], variables))

    holds()


# what they read


@pytest.fixture
def github(
    alone: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Runs a command of the workflows' with an event, files and answers of GitHub's."""

    def run(line: list[str], event: str, answer: str, files: dict[str, bytes]) -> Result:
        for name, content in {"event.json": event.encode(errors="surrogateescape"), **files}.items():
            (tmp_path / name).write_bytes(content)
        client = httpx.Client(
            base_url="https://api.example.com",
            transport=httpx.MockTransport(lambda _: httpx.Response(200, text=answer)),
        )
        monkeypatch.setattr(
            Run, "github", lambda _: GitHub(client, "team/it", "https://api.example.com/graphql")
        )
        told = {
            "GITHUB_API_URL": "https://api.example.com",
            "GITHUB_EVENT_NAME": "workflow_dispatch" if "by-hand" in line else "push",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_REPOSITORY": "team/it",
            "GITHUB_RUN_ID": "1",
            "GITHUB_SERVER_URL": "https://example.com",
            "GITHUB_SHA": "0" * 40,
            "GITHUB_STEP_SUMMARY": str(tmp_path / "page"),
        }
        return alone(command_of("scripts.github"), [word for word in line if word != "by-hand"], told)

    return run


EVENT = {
    "pull_request": {"number": 7, "head": {"sha": "0" * 40}, "labels": [{"name": "allow: a-rule"}]},
    "inputs": {"environment": "dev", "fingerprint": "v1-abc", "allow": "a-rule"},
}
SUMMARY = {"environment": "dev", "changes": True, "stopped": False, "fingerprint": "v1-abc"}
COMMENT = {
    "id": 1,
    "node_id": "n",
    "number": 7,
    "body": "<!-- drift dev -->",
    "user": {"login": "github-actions[bot]", "type": "Bot"},
    "merged_at": "2026-11-25T12:00:00Z",
    "merge_commit_sha": "0" * 40,
}
OUTCOMES = ["--terraform", "failure", "--doctor", "failure"]


def texts(values: st.SearchStrategy[Json]) -> st.SearchStrategy[str]:
    """Values as JSON, and what is none."""
    return values.map(json.dumps) | st.text(max_size=5) | st.just("[" * 20_000) | st.just("9" * 5000)


@few
@given(
    line=st.sampled_from(
        [["allowed"], ["review", "--env", "dev"], ["reviewed", "--env", "dev"],
         ["by-hand", "reviewed", "--env", "dev"], ["drift", "--env", "dev", *OUTCOMES]]
    ),
    event=texts(JSON | damaged(EVENT)),
    answer=texts(JSON | damaged([COMMENT])),
    summary=texts(JSON | damaged(SUMMARY)),
    review=st.binary(max_size=20),
)  # fmt: skip
@example(line=["allowed"], event="", answer="[]", summary="{}", review=b"")
@example(line=["reviewed", "--env", "dev"], event="{}", answer="{}", summary="", review=b"")
@example(line=["review", "--env", "dev"], event=json.dumps(EVENT), answer="[]", summary="[]", review=b"\xff")
def test_no_event_file_or_answer_breaks_what_the_workflows_run(
    github: Callable[..., Result], line: list[str], event: str, answer: str, summary: str, review: bytes
) -> None:
    files = {
        "review.md": review,
        "findings.txt": review,
        "review.json": summary.encode(errors="surrogateescape"),
    }
    check(github(line, event, answer, files))


@pytest.mark.parametrize("token", [f"{SECRET}\n", f"{SECRET}\u00e4"])
def test_a_token_that_cannot_be_sent_is_not_shown(
    alone: Callable[..., Result], tmp_path: Path, token: str
) -> None:
    (tmp_path / "event.json").write_text("{}")
    told = {
        "GITHUB_API_URL": "http://127.0.0.1:1",
        "GITHUB_GRAPHQL_URL": "http://127.0.0.1:1",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": "team/it",
        "GITHUB_SHA": "0" * 40,
        "GITHUB_TOKEN": token,
    }
    result = alone(command_of("scripts.github"), ["reviewed", "--env", "dev"], told)
    check(result)
    assert "GITHUB_TOKEN" in result.output


PLAN: Json = {
    "format_version": "1.2",
    "terraform_version": "1.10.0",
    "complete": True,
    "resource_changes": [
        {
            "address": "aws_sqs_queue.q",
            "mode": "managed",
            "type": "aws_sqs_queue",
            "name": "q",
            "provider_name": "aws",
            "change": {
                "actions": ["update"],
                "before": {"name": "q", "password": SECRET},
                "after": {"name": "r", "password": SECRET},
                "after_unknown": {},
                "before_sensitive": {"password": True},
                "after_sensitive": {"password": True},
            },
        }
    ],
}


@few
@given(
    plan=texts(JSON | damaged(PLAN)),
    rules=st.text(max_size=40)
    | st.sampled_from(
        ['[[rule]]\nname = "x"', "[rules]", "[[rules]]", "rule = 1", 'x = "\\ud800"', "[" * 5000]
    ),
    form=st.sampled_from(["markdown", "text"]),
)
def test_no_plan_or_rule_breaks_its_review(
    alone: Callable[..., Result], tmp_path: Path, plan: str, rules: str, form: str
) -> None:
    (tmp_path / "rules.toml").write_bytes(rules.encode(errors="surrogateescape"))
    for more in ([], ["--rules", str(tmp_path / "rules.toml")]):
        # where a damage takes the mark of what is sensitive away, it is no secret
        check(alone(command_of("scripts.plan_review"), ["--format", form, *more], stdin=plan), secrets=())


@few
@given(
    outputs=texts(
        JSON | damaged({"user_pool_id": "p", "function_names": {"api": "f"}, "user_table_name": "t"})
    ),
)
def test_no_outputs_break_doctor(alone: Callable[..., Result], tmp_path: Path, outputs: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_bytes(outputs.encode(errors="surrogateescape"))
    check(alone(command_of("scripts.doctor"), ["--env", "dev", "--outputs", str(file), "--json"]))


HCL = st.sampled_from(
    ['"x"', "5", "null", "[]", "{}", '["1"]', "{ templates = 5 }", '{ templates = "no" }',
     '{ categories = { orders = { channels = ["Email"], name = 5 } } }', '{ categories = { "../.." = {} } }',
     '{ categories = { "a\\u0000" = {} } }', '{ categories = [] }', "var.x", '"${x}"', "<<EOT\nx\nEOT"]
)  # fmt: skip


@few
@given(
    settings_=st.dictionaries(
        st.sampled_from(
            ["aws_region", "name_prefix", "allowed_account_ids", "catalogue", "lambda_runtime", "tags"]
        ),
        HCL,
    ),
    backend=st.sampled_from(['key = "k"', "key = 5", "", "key = [", 'region = "eu-west-1"']),
    line=st.sampled_from(
        [("scripts.preview",), ("scripts.deploy", "plan"), ("scripts.stack", "package"),
         ("scripts.github", "role"), ("scripts.deploy_role",), ("scripts.trigger", "attach"),
         ("scripts.doctor", "--policy")]
    ),
)  # fmt: skip
@example(settings_={"allowed_account_ids": "5"}, backend="", line=("scripts.github", "role"))
@example(
    settings_={"allowed_account_ids": '["1"]', "aws_region": '"x"'},
    backend="",
    line=("scripts.github", "role"),
)
def test_no_settings_break_a_script(
    alone: Callable[..., Result],
    configuration: Path,
    settings_: dict[str, str],
    backend: str,
    line: tuple[str, ...],
) -> None:
    folder = configuration / "environments/dev"
    (folder / "terraform.tfvars").write_text(
        "".join(f"{name} = {value}\n" for name, value in settings_.items())
    )
    (folder / "backend.hcl").write_text(backend)
    module, *words = line
    more = ["--role", "plan"] if words == ["role"] else []
    check(alone(command_of(module), [*words, "--env", "dev", *more]))


RECORD = {
    "port": 4566,
    "pid": 1,
    "process_created": 1.0,
    "url": "http://127.0.0.1:4566",
    "log": "server.log",
    "started_at": "2026-11-25T12:00:00+00:00",
    "start_seconds": 1.0,
    "idle_memory": 1,
}


@few
@given(record=texts(JSON | damaged(RECORD)))
@example(record=json.dumps(RECORD | {"pid": "1"}))
@example(record=json.dumps(RECORD | {"process_created": "now"}))
@example(record="[" * 20_000)
def test_no_record_of_a_local_aws_breaks_the_search_for_it(tmp_path: Path, record: str) -> None:
    folder = tmp_path / "4566"
    folder.mkdir(exist_ok=True)
    (folder / "state.json").write_bytes(record.encode(errors="surrogateescape"))
    assert process.find(4566, tmp_path) is None


@given(st.dictionaries(st.sampled_from(["LOCAL_AWS_TRIGGER_SECONDS", "LOCAL_AWS_TRIGGER_ATTEMPTS"]), WORDS))
@example({"LOCAL_AWS_TRIGGER_SECONDS": "nan"})
@example({"LOCAL_AWS_TRIGGER_ATTEMPTS": "-1"})
def test_a_limit_is_a_number_or_is_named(variables: dict[str, str]) -> None:
    try:
        limits = Limits.from_environ(variables)
    except ValueError as error:
        said = str(error)
    else:
        said = "LOCAL_AWS_ must be a number"
        assert 0 <= limits.trigger_seconds < float("inf")
        assert limits.trigger_attempts >= 0
    assert said.startswith("LOCAL_AWS_")
    assert "must be a number" in said


@few
@given(
    values=st.dictionaries(
        st.sampled_from(["begun_at", "wanted", "records", "place", "listed"]),
        WORDS.filter(lambda word: "\udcff" not in word) | st.just("{}"),
    ),
    raw=st.none() | st.binary(max_size=50),
)
@example(values={"wanted": "{}", "begun_at": "yesterday"}, raw=None)
@example(values={"wanted": "{}", "begun_at": "2026-11-25T12:00:00"}, raw=None)
@example(values={}, raw=b"no database at all, and longer than its head of sixteen bytes" * 10)
def test_a_ledger_that_cannot_be_read_is_begun_anew_or_named(
    tmp_path: Path, values: dict[str, str], raw: bytes | None
) -> None:
    path = tmp_path / "ledger"
    path.unlink(missing_ok=True)
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    if raw is not None:
        path.write_bytes(raw)
    said = str(path)
    try:
        with Ledger(path) as ledger:
            ledger._set(**values)
            ledger.resume({}, now)
            assert ledger.verdicts() == {}
            assert int(ledger.get("records") or 0) >= 0
    except LedgerError as error:
        said = str(error)
    assert str(path) in said


def test_a_ledger_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger(tmp_path)


DIGEST = "d" * 64
ROW = {
    "NotificationID": "app#1",
    "State": "SENT",
    "Reason": "",
    "RequestedAt": "2026-11-25T12:00:00.000Z",
    "Digest": DIGEST,
    "DueAt": 1,
    "Count": 2,
    "Results": {"Email": {"State": "SENT"}},
}


@few
@given(
    row=damaged_rows(marshal(ROW), "NotificationID"),
    letter=texts(JSON | damaged({"message_id": "1", "reason": {}})),
)
@example(row=marshal(ROW | {"DueAt": Decimal("1E+125")}), letter="{}")
@example(row=marshal(ROW | {"RequestedAt": "soon"}), letter="{}")
@example(row=marshal(ROW | {"Results": {"Email": {"State": 1}}}), letter="{}")
def test_no_row_or_letter_breaks_who_follows_a_request(row: Json, letter: str) -> None:
    dynamodb = MagicMock()
    dynamodb.get_item.return_value = {"Item": row}
    asked = MagicMock(spec=Request, key="1", digest=DIGEST)
    post = notify.Post(MagicMock(), dynamodb, "queue", "refused", "table")
    seen = post.row(asked, datetime(2026, 11, 25, 12, tzinfo=UTC))
    if seen:
        notify._tell(seen, put_off=False, timeout=1)
        json.dumps(notify._told("1", "1", seen))
    notify._refusal({"MessageId": "2", "Body": letter}, "1")


@given(note=WORDS | WORDS.map(lambda word: rollback.NOTE.format(after=word, until=word)))
@example(note=rollback.NOTE.format(after="then", until="now"))
@example(note=rollback.NOTE.format(after="2026-11-25", until="2026-11-26"))
def test_no_description_of_an_alias_breaks_a_roll_back(note: str) -> None:
    versions = tuple(Version(str(n), f"{n}" * 64, datetime(2026, 11, n, tzinfo=UTC)) for n in (1, 2))
    function = Function("api", "f", "live", versions, versions[1], weighted=False, note=note, revision="r")
    assert rollback.choose([function]).package == "1" * 64


@few
@given(kept=texts(JSON | damaged({"function": "arn"})))
@example(kept="{}")
@example(kept="no")
def test_what_a_pool_called_before_is_known_or_asked_for(kept: str) -> None:
    s3 = MagicMock()
    s3.exceptions.NoSuchKey = KeyError
    s3.get_object.return_value = {"Body": io.BytesIO(kept.encode(errors="surrogateescape"))}
    before = trigger.Before(s3, "bucket", "key")
    said = before.place
    try:
        assert isinstance(before.function(), str | None)
    except click.ClickException as error:
        said = error.message
    assert before.place in said
