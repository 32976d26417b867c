"""How much a function may be told."""

from __future__ import annotations

import pytest

from tests.local_aws.conftest import Aws, refused

SOURCE = "def handler(event, context):\n    return event\n"
TOO_MUCH = ("InvalidParameterValueException", "exceeded the 4KB limit")
# {"A":"…"} is eight bytes more than the value
LARGEST = "x" * (4096 - 8)


@pytest.mark.parametrize(
    "more", [f"{LARGEST}x", f"{LARGEST[1:]}é", f'{LARGEST[1:]}"'], ids=["", "é", "quote"]
)
def test_variables_of_more_than_four_kilobytes_as_json_are_refused(aws: Aws, more: str) -> None:
    function = aws.function(SOURCE, A=LARGEST)
    with refused(*TOO_MUCH):
        aws.function(SOURCE, A=more)
    with refused(*TOO_MUCH):
        aws.functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": {"A": more}}
        )
    kept = aws.functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    assert kept == {"A": LARGEST}


def test_what_says_nothing_of_them_is_let_through(aws: Aws) -> None:
    function = aws.function(SOURCE)
    aws.functions.update_function_configuration(FunctionName=function, Timeout=7)
    assert aws.functions.get_function_configuration(FunctionName=function)["Timeout"] == 7
