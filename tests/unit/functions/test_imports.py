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
}
DELIVERY = (
    "aws_lambda_powertools",
    "notifications.delivery",
    "notifications.channels",
    "notifications.outbox",
)


def test_the_trigger_imports_nothing_that_it_does_not_use() -> None:
    code = "import sys, notifications.handlers.post_confirmation; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "notifications.registration" in loaded
    assert [name for name in loaded if name.startswith(DELIVERY)] == []
