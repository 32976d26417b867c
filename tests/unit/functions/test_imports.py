"""What a cold start pays for."""

import os
import subprocess
import sys
from pathlib import Path

LAMBDA = Path(__file__).parents[3] / "lambda"
ENVIRONMENT = {
    "PYTHONPATH": str(LAMBDA),
    "USER_TABLE": "users",
    "NOTIFICATION_TABLE": "notifications",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": os.devnull,
    # of the API
    "CATALOGUE": "{}",
    "EMAIL_DELIVERY": "sns",
    "RATE_TABLE": "rates",
    "TOKEN_KEY_ARN": "arn",
}
DELIVERY = (
    "aws_lambda_powertools",
    "notifications.delivery",
    "notifications.channels",
    "notifications.outbox",
)


def start(before: str, after: str, function: str = "post_confirmation") -> list[str]:
    """Starts a function, with some code before it; the words that the code after it prints."""
    code = f"{before}\nimport notifications.handlers.{function}\n{after}"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_trigger_imports_nothing_that_it_does_not_use() -> None:
    loaded = start("import sys", "print(*sys.modules)")
    assert "notifications.registration" in loaded
    assert [name for name in loaded if name.startswith(DELIVERY)] == []


def test_the_api_starts_without_what_only_its_page_needs() -> None:
    loaded = start("import sys", "print(*sys.modules)", "api")
    assert "notifications.api.unsubscribe" in loaded
    assert "jinja2" not in loaded


def test_the_trigger_looks_into_the_folder_of_no_service_that_it_does_not_call() -> None:
    watch = """
import sys
seen = set()
sys.addaudithook(lambda event, of: seen.add(of[0]) if event == "os.listdir" else None)
"""
    folders = [Path(name).parts for name in start(watch, "print(*filter(None, seen))")]
    services = {parts[parts.index("data") + 1] for parts in folders if "data" in parts[:-1]}
    assert services == {"dynamodb"}


def test_what_a_function_has_loaded_is_not_looked_through_for_garbage_and_what_comes_after_is() -> None:
    kept, rest, enabled = start(
        "import gc", "print(gc.get_freeze_count(), len(gc.get_objects()), gc.isenabled())"
    )
    assert int(kept) > 20 * int(rest)
    assert enabled == "True"
