"""Runs `deliver` on rows: `python -m tests.bench.deliver_rows`, in a process of its own.

The function finds what Lambda would give it in the environment. Each line of standard input is a round: a
JSON object with rows as they stand in the table, and how many to hand over at once. Its answer is a line with
the seconds that the handler took for all of them.
"""

import json
import sys
import time
from types import SimpleNamespace
from typing import Any

CONTEXT: Any = SimpleNamespace(
    function_name="deliver",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:deliver",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 180_000,
)


def events(rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """What the stream would hand over ("Using AWS Lambda with Amazon DynamoDB")."""
    records = [
        {
            "eventID": str(number),
            "eventName": "INSERT",
            "dynamodb": {
                "Keys": {"NotificationID": row["NotificationID"]},
                "NewImage": row,
                "SequenceNumber": str(number),
            },
        }
        for number, row in enumerate(rows)
    ]
    return [{"Records": records[start : start + size]} for start in range(0, len(records), size)]


def main() -> None:
    # what the function prints and logs is no answer
    answers, sys.stdout = sys.stdout, sys.stderr
    from notifications.handlers import deliver

    for line in sys.stdin:
        wanted = json.loads(line)
        made = events(wanted["rows"], wanted["size"])
        began = time.perf_counter()
        for event in made:
            left = deliver.handler(event, CONTEXT)
            assert left == {"batchItemFailures": []}, left
        seconds = time.perf_counter() - began
        print(json.dumps(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main()
