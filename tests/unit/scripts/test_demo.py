import io
import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from rich.console import Console

from scripts import demo
from scripts.person import NotSeenError
from scripts.story import Story
from scripts.terraform import TerraformError

RECORD = {"UserID": "ada"}
MAIL = {"to": ["ada@example.com"], "subject": "Account Created", "text": "Hello ada,\n…", "at": "now"}
REFUSAL = ClientError({"Error": {"Code": "Throttled", "Message": "Slow down"}}, "SignUp")


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.setattr(demo, "BUILD", tmp_path / "build")
    monkeypatch.setattr(demo, "REPORT", tmp_path / "build/demo.json")
    monkeypatch.setattr(
        demo, "deployed", lambda _story: (MagicMock(endpoint_url="http://127.0.0.1:1"), {"a": "b"})
    )
    return tmp_path / "build/demo.json"


@pytest.fixture
def story() -> Story:
    return Story(Console(file=io.StringIO(), width=100))


def told(story: Story) -> str:
    assert isinstance(story.console.file, io.StringIO)
    return story.console.file.getvalue()


def registering(monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any] | Exception) -> None:
    """What comes of the registration, in its one step."""

    def registered(story: Story, *_arguments: object) -> dict[str, Any]:
        with story.step("Sign up"):
            if isinstance(outcome, Exception):
                raise outcome
        return outcome

    monkeypatch.setattr(demo, "registered", registered)


def test_a_step_is_told_and_kept_with_its_time_and_details(story: Story) -> None:
    with story.step("Read the code") as tell:
        tell("[bold]ada[/bold] got 123456")
    (step,) = story.steps
    assert step.pop("seconds") >= 0
    assert step == {"step": "Read the code", "ok": True, "details": ["[bold]ada[/bold] got 123456"]}
    assert "✓ Read the code" in told(story)
    assert "[bold]ada[/bold] got 123456" in told(story)


def test_a_step_that_fails_is_told_and_kept_as_such(story: Story) -> None:
    with pytest.raises(NotSeenError), story.step("Read the code"):
        raise NotSeenError("no mail")
    assert story.steps[0]["ok"] is False
    assert "✗ Read the code" in told(story)


def test_a_demo_that_went_well_ends_with_the_record_the_mails_and_where_to_look(
    report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registering(monkeypatch, {"record": RECORD, "mails": [MAIL]})
    done = CliRunner().invoke(demo.main)
    assert done.exit_code == 0, done.output
    for words in ("UserID", "Account Created", "Hello ada,", "build/demo.json", "make outputs"):
        assert words in done.output
    written = json.loads(report.read_text())
    assert written["ok"] is True
    assert (written["outputs"], written["record"], written["mails"]) == ({"a": "b"}, RECORD, [MAIL])
    assert [step["step"] for step in written["steps"]] == ["Sign up"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NotSeenError("a mail was not seen within 15 s"), "a mail was not seen within 15 s"),
        (REFUSAL, "An error occurred (Throttled) when calling the SignUp operation: Slow down"),
        (TerraformError("apply", "Error: no"), "terraform apply failed.\nError: no"),
    ],
    ids=["not seen", "refused", "terraform"],
)
def test_a_demo_that_failed_exits_with_one_says_why_and_writes_its_report(
    report: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    registering(monkeypatch, error)
    done = CliRunner().invoke(demo.main)
    assert done.exit_code == 1
    assert done.output.endswith(f"Error: {sentence}\n")
    written = json.loads(report.read_text())
    assert written["ok"] is False
    assert written["steps"][0]["ok"] is False
