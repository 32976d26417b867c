"""The document and the code are one."""

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from notifications import api
from notifications.api.app import OPERATIONS, PAGES
from notifications.api.document import document, operations
from notifications.tokens import MAX_LENGTH

from .api import Api
from .conftest import Clock, Tables


def test_the_document_is_valid() -> None:
    validate(dict(document()))


def test_what_is_documented_is_what_is_done() -> None:
    assert sorted(operation.name for operation in operations()) == sorted(OPERATIONS)


def test_every_documented_route_is_registered_and_no_other(tables: Tables, clock: Clock) -> None:
    app: Any = Api(tables, clock).app
    registered = {
        (route.method[0] if isinstance(route.method, (list, tuple)) else route.method, route.path)
        for route in [*app._static_routes, *app._dynamic_routes]
    }
    documented = {
        (operation.method, operation.path.replace("{", "<").replace("}", ">")) for operation in operations()
    }
    assert registered == documented


def test_only_the_link_in_a_mail_works_without_signing_in() -> None:
    assert {op.path for op in operations() if not op.signed_in} == {"/unsubscribe"}
    assert {op.name for op in operations() if not op.signed_in} == PAGES


def test_a_token_is_documented_as_long_as_it_may_be() -> None:
    lengths = [
        entry["parameters"][0]["schema"]["maxLength"]
        for entry in document()["paths"]["/unsubscribe"].values()
    ]
    assert lengths == [MAX_LENGTH, MAX_LENGTH]


def test_the_route_that_an_emulator_keeps_for_itself_is_not_used() -> None:
    assert "/health" not in document()["paths"]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.name)
def test_every_error_that_an_operation_may_give_is_documented(operation: Any) -> None:
    responses = set(document()["paths"][operation.path][operation.method.lower()]["responses"])
    assert {"429", "500", "503"} <= responses
    if operation.signed_in:
        assert "401" in responses
    if operation.takes_json:
        assert {"400", "413", "415"} <= responses


def test_every_code_of_an_error_is_documented() -> None:
    sources = "".join(path.read_text() for path in Path(*api.__path__).glob("*.py"))
    codes = set(re.findall(r'ApiError\(\s*\d+, "(\w+)"', sources))
    # API Gateway answers the first two in the API's stead; the last is for routes that are not there
    documented = [*re.findall(r"`(\w+)`", str(document())), "unauthorized", "too_many_requests", "not_found"]
    assert codes - set(documented) == set()
