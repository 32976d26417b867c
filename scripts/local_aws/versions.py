"""What a function's versions and aliases have of their own, which MiniStack gives to the function as a whole.

Rules: "Using Lambda aliases in event sources and permissions policies" (what may call an alias may call
neither the function nor its versions), "Configuring error handling settings for Lambda asynchronous
invocations" (for a function, a version or an alias), "Configuring reserved concurrency for a function" (for
all versions together), "CreateAlias" and "PublishVersion" (Lambda API reference: an alias points to a version
that there is; nothing is published that has not changed), "GetFunctionConfiguration" (the ARN is the one that
was asked for).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime as runtime
from ministack.services import lambda_svc as service

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Operation = Callable[..., Response]

# not allowed in the id of a statement: so an id with it is nobody else's
OF = "@"


def install() -> None:
    service._effective_func_record_for_qualifier = naming(service._effective_func_record_for_qualifier)
    service._create_function = publishing(service._create_function)
    service._create_alias = pointing(service._create_alias)
    service._update_alias = pointing(cooling(service._update_alias))
    service._add_permission = adding(service._add_permission)
    service._remove_permission = removing(service._remove_permission)
    service._get_policy = reading(service._get_policy)
    service.invoke_async_with_retry = retrying(service.invoke_async_with_retry)
    service._reserved_concurrency = reserving(service._reserved_concurrency)


def naming(original: Callable[..., tuple[Json | None, Json | None]]) -> Callable[..., Any]:
    """A version goes by the name that it was called by, for itself and for what is said of that name."""

    def effective(function: Json | None, qualifier: str | None) -> tuple[Json | None, Json | None]:
        record, config = original(function, qualifier)
        if not function or not record or not config or not qualifier:
            return record, config
        named = {**config, "FunctionArn": f"{function['config']['FunctionArn']}:{qualifier}"}
        return {**record, "config": named}, named

    return effective


def publishing(original: Operation) -> Operation:
    """CreateFunction: the version that is published at once is one like any other."""

    def create(data: Json) -> Response:
        answer = original(data)
        if answer[0] == 201 and data.get("Publish"):
            function = service._functions[data["FunctionName"]]
            version = function["versions"]["1"]
            version["function_revision"] = function["config"]["RevisionId"]
            version["config"]["FunctionArn"] += ":1"
        return answer

    return create


def pointing(original: Operation) -> Operation:
    """CreateAlias, UpdateAlias: refused where there is no such version."""

    def point(name: str, *arguments: Any) -> Response:
        version = arguments[-1].get("FunctionVersion")
        if version and not service._function_qualifier_exists(service._functions.get(name), version):
            refused: Response = service._function_qualifier_not_found(name, version)
            return refused
        return original(name, *arguments)

    return point


def cooling(original: Operation) -> Operation:
    """UpdateAlias: the version that it has left is not kept warm for ever, at 50 MB each."""

    def move(name: str, alias: str, data: Json) -> Response:
        function = service._functions.get(name) or {"aliases": {}}
        before = function["aliases"].get(alias, {}).get("FunctionVersion")
        answer = original(name, alias, data)
        if before not in {None, *(other["FunctionVersion"] for other in function["aliases"].values())}:
            key = runtime._worker_key(name, function["config"], before)
            with runtime._lock:
                workers = runtime._workers.pop(key, [])
                runtime._workers[key] = [worker for worker in workers if worker.in_use]
            runtime.kill_workers([worker for worker in workers if not worker.in_use])
        return answer

    return move


def adding(original: Operation) -> Operation:
    """AddPermission: the id of a statement is unique in one policy, and may be in another one again."""

    def add(name: str, data: Json, query: Json, path_qualifier: str | None = None) -> Response:
        own, given = own_id(data["StatementId"], query, path_qualifier), data["StatementId"]
        status, headers, body = original(name, {**data, "StatementId": own}, query, path_qualifier)
        return status, headers, body.replace(own.encode(), given.encode())

    return add


def removing(original: Operation) -> Operation:
    """RemovePermission: from one policy alone."""

    def remove(name: str, sid: str, query: Json, path_qualifier: str | None = None) -> Response:
        return original(name, own_id(sid, query, path_qualifier), query, path_qualifier)

    return remove


def reading(original: Operation) -> Operation:
    """GetPolicy: the one that is asked for."""

    def read(name: str, query: Json, path_qualifier: str | None = None) -> Response:
        status, headers, body = original(name, query, path_qualifier)
        if status != 200:
            return status, headers, body
        qualifier = service._qualifier_from_path_or_query(path_qualifier, query)
        answer = json.loads(body)
        policy = json.loads(answer["Policy"])
        resource = service._policy_resource_arn(name, qualifier)
        policy["Statement"] = [
            {**statement, "Sid": statement["Sid"].split(OF)[0]}
            for statement in policy["Statement"]
            if statement["Resource"] == resource
        ]
        if not policy["Statement"]:
            none: Response = service.error_response_json(
                "ResourceNotFoundException", "The resource you requested does not exist.", 404
            )
            return none
        return status, headers, json.dumps({**answer, "Policy": json.dumps(policy)}).encode()

    return read


def own_id(sid: str, query: Json, path_qualifier: str | None) -> str:
    qualifier = service._qualifier_from_path_or_query(path_qualifier, query)
    return f"{sid}{OF}{qualifier}" if qualifier else sid


def retrying(original: Callable[[Json, Json], None]) -> Callable[[Json, Json], None]:
    """A call that nobody waits for is repeated, and put aside, as is said for what was called."""

    def invoke(function: Json, event: Json) -> None:
        whole, qualifier = whole_of(function["config"])
        settings = (whole.get("event_invoke_configs") or {}).get(qualifier or "")
        original({**function, "event_invoke_config": settings, "event_invoke_configs": {}}, event)

    return invoke


def reserving(original: Callable[[Json, Json], int | None]) -> Callable[[Json, Json], int | None]:
    """All versions together may run as often as is reserved for the function."""

    def reserved(_record: Json, config: Json) -> int | None:
        return original(whole_of(config)[0], config)

    return reserved


def whole_of(config: Json) -> tuple[Json, str | None]:
    """The function with all that is not a version's, and the qualifier by which it was called."""
    arn = config["FunctionArn"]
    account, region = service._lambda_function_account_region_from_arn(arn)
    name, qualifier = service._lambda_function_name_and_qualifier_from_arn(arn)
    return service._functions.get_scoped(account, region, name) or {}, qualifier
