"""What the API's document promises, and what of it can be asked of an answer."""

from typing import Any

import schemathesis
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from notifications.api.document import Operation, document

load_all_checks()


def modes(operation: Operation) -> list[schemathesis.GenerationMode]:
    """What can be sent: what is as documented, and what is not where there is something to get wrong."""
    takes_something = {"parameters", "requestBody"} & _entry(operation).keys()
    return [mode for mode in schemathesis.GenerationMode if takes_something or mode.is_positive]


def hold(operation: Operation, case: Any, answer: Any, headers: dict[str, str]) -> None:
    """Holds an answer to the document.

    headers: those that every request has, with the token in them.

    Raises:
        schemathesis.FailureGroup: it is not as documented.
    """
    # API Gateway knows no other method: 404. And a valid body may name what there is not
    excluded = [unsupported_method, positive_data_acceptance]
    # parameters that the document does not know are nobody's business; the token is always there
    known = {parameter["name"] for parameter in _entry(operation).get("parameters", [])}
    if not (operation.takes_json or known & set(case.query or {})):
        excluded.append(negative_data_rejection)
    case.validate_response(answer, headers=headers, excluded_checks=excluded)
    assert answer.status_code < 500


def _entry(operation: Operation) -> Any:
    return document()["paths"][operation.path][operation.method.lower()]
