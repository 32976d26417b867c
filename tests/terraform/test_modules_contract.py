"""Each module keeps its contract: the tests that `terraform test` runs in its folder, on a made-up AWS."""

import re
from concurrent.futures import Future

import pytest

from scripts.environment import TERRAFORM, load_hcl
from tests.terraform.conftest import MODULES, Contract

RUN = re.compile(r'^run "(\w+)" \{$(.*?)^\}$', re.MULTILINE | re.DOTALL)


def runs(module: str) -> list[tuple[str, str]]:
    """The runs of a module's tests: name and body."""
    files = (TERRAFORM / "modules" / module / "tests").glob("*.tftest.hcl")
    return [run for file in sorted(files) for run in RUN.findall(file.read_text())]


@pytest.mark.parametrize(
    ("module", "run"), [(module, name) for module in MODULES for name, _ in runs(module)]
)
def test_it_keeps(contracts: dict[str, Future[Contract]], module: str, run: str) -> None:
    status, said = contracts[module].result()[run]
    assert status == "pass", "\n".join(said)


@pytest.mark.parametrize("module", MODULES)
def test_each_rule_for_an_input_is_broken_by_a_run(module: str) -> None:
    """Once for each validation of a variable, at least."""
    refusing = [body.partition("expect_failures")[2] for _, body in runs(module)]
    variables = load_hcl(TERRAFORM / "modules" / module / "variables.tf")["variable"]
    rules = {name: body["validation"] for v in variables for name, body in v.items() if "validation" in body}
    broken = {name: sum(bool(re.search(rf"\bvar\.{name}\b", each)) for each in refusing) for name in rules}
    assert {name: count for name, count in broken.items() if count < len(rules[name])} == {}


@pytest.mark.parametrize("module", MODULES)
def test_each_input_is_given_or_asked_for_by_the_contract(module: str) -> None:
    contract = (TERRAFORM / "modules" / module / "tests/contract.tftest.hcl").read_text()
    inputs = {
        name for v in load_hcl(TERRAFORM / "modules" / module / "variables.tf")["variable"] for name in v
    }
    unseen = {name for name in inputs if not re.search(rf"\b{name}\b", contract)}
    # a description promises nothing, and what a function's role may do test_root.py sees from outside
    assert unseen - {"description", "statements"} == set()


@pytest.mark.parametrize("module", MODULES)
def test_each_output_is_promised_something(module: str) -> None:
    asserted = "\n".join(body for _, body in runs(module))
    outputs = [
        name
        for output in load_hcl(TERRAFORM / "modules" / module / "outputs.tf")["output"]
        for name in output
    ]
    assert [name for name in outputs if not re.search(rf"\boutput\.{name}\b", asserted)] == []
