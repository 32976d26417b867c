"""Writes down every call to AWS that a process makes: what was asked, answered, and what DynamoDB charges.

It uses nothing but the SDK: the functions' package takes it along for a run (see `system.py`). DynamoDB is
asked to say what each call consumes, which changes nothing else of its answer.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.client
from botocore.exceptions import ClientError


def install(folder: str) -> Callable[[], None]:
    """Records the calls of all clients into a file of this process's in a folder; returns what ends that."""
    path = Path(folder) / f"{os.getpid()}.jsonl"
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    # where all calls of all clients meet; it has no type
    clients: Any = botocore.client.BaseClient
    original: Callable[..., Any] = clients._make_api_call

    def call(client: Any, operation: str, request: dict[str, Any]) -> Any:
        service = client.meta.service_model.service_name
        if (
            "ReturnConsumedCapacity"
            in client.meta.service_model.operation_model(operation).input_shape.members
        ):
            request = {**request, "ReturnConsumedCapacity": "INDEXES"}
        entry = {"function": function, "service": service, "operation": operation, "request": request}
        began = time.time()
        try:
            answer = original(client, operation, request)
        except ClientError as error:
            write(entry, began, error=error.response["Error"]["Code"])
            raise
        write(entry, began, answer={name: answer[name] for name in answer if name != "ResponseMetadata"})
        return answer

    def write(entry: dict[str, Any], began: float, **came_of_it: Any) -> None:
        entry = {**entry, "at": began, "seconds": time.time() - began, **came_of_it}
        with path.open("a") as file:
            file.write(json.dumps(entry, default=str) + "\n")

    def end() -> None:
        clients._make_api_call = original

    clients._make_api_call = call
    return end
