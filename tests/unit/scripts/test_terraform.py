import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.environment import ROOT
from scripts.person import wait_for
from scripts.terraform import Terraform, TerraformError
from tests.unit.scripts.conftest import FakeTerraform

PLAIN = """
Planning failed. Terraform encountered an error while generating this plan.


Error: Invalid value for variable

  on variables.tf line 42:
  42: variable "email_delivery" {
    ├────────────────
    │ var.email_delivery is "carrier pigeon"

Set email_delivery to "sns" or "ses".
"""
FRAMED = """There are some problems with the CLI configuration:
╷
│ Warning: Unable to open CLI configuration file
│
│ The CLI configuration file at "/nowhere" does not exist.
╵
╷
│ Error: Invalid value for variable
│
│ Set email_delivery to "sns" or "ses".
╵
"""
COMMANDS: dict[str, Callable[[Terraform], object]] = {
    "init": lambda terraform: terraform.init(),
    "validate": lambda terraform: terraform.validate(),
    "plan": lambda terraform: terraform.plan(),
    "apply": lambda terraform: terraform.apply(Path("plan")),
    "destroy": lambda terraform: terraform.destroy(),
    "output": lambda terraform: terraform.outputs(),
    "show": lambda terraform: terraform.show(Path("plan")),
    "state": lambda terraform: terraform.resources(),
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text("ab\"' ", max_size=3), below, max_size=3)
    ),
    max_leaves=5,
)


def terraform_with(fake: FakeTerraform, folder: Path, **options: Any) -> Terraform:
    return Terraform(folder, {"PATH": str(fake.bin), "ONLY": "this"}, **options)


@pytest.fixture
def terraform(fake_terraform: FakeTerraform, tmp_path: Path) -> Terraform:
    return terraform_with(fake_terraform, tmp_path)


def test_init_takes_backend_settings_from_files_and_last_from_the_mapping(
    terraform: Terraform, fake_terraform: FakeTerraform
) -> None:
    terraform.init(backend_files=[Path("/a b/backend.hcl")], backend={"bucket": "some-bucket"})
    assert fake_terraform.call["arguments"] == [
        *("init", "-input=false", "-no-color", "-reconfigure"),
        *("-backend-config=/a b/backend.hcl", "-backend-config=bucket=some-bucket"),
    ]


def test_it_runs_in_the_folder_with_the_environment_that_it_was_given_and_no_other(
    fake_terraform: FakeTerraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of the shell")
    terraform_with(fake_terraform, tmp_path, data_dir=tmp_path / "data").validate()
    call = fake_terraform.call
    assert call["folder"] == str(tmp_path)
    assert call["environment"].pop("LC_CTYPE", None) in (None, "C.UTF-8")  # Python's own, in the fake
    assert call["environment"] == {
        "PATH": str(fake_terraform.bin),
        "ONLY": "this",
        "TF_DATA_DIR": str(tmp_path / "data"),
    }


def test_the_data_stays_in_the_folder_unless_it_is_told_where(
    terraform: Terraform, fake_terraform: FakeTerraform
) -> None:
    terraform.validate()
    assert "TF_DATA_DIR" not in fake_terraform.call["environment"]


@pytest.mark.parametrize(("code", "changes"), [(0, False), (2, True)])
def test_a_plan_says_whether_there_is_anything_to_change(
    terraform: Terraform, fake_terraform: FakeTerraform, code: int, changes: bool
) -> None:
    fake_terraform.answer("plan", code=code)
    assert terraform.plan(out=Path("/some/plan"), var_files=[Path("/some/terraform.tfvars")]) is changes
    assert fake_terraform.call["arguments"] == [
        *("plan", "-input=false", "-lock-timeout=5m", "-no-color", "-detailed-exitcode"),
        *("-out=/some/plan", "-var-file=/some/terraform.tfvars"),
    ]


def test_a_plan_may_be_one_to_destroy(terraform: Terraform, fake_terraform: FakeTerraform) -> None:
    terraform.plan(destroy=True, state=Path("/some/state"))
    assert {"-destroy", "-state=/some/state"} <= set(fake_terraform.call["arguments"])


def test_a_saved_plan_is_applied_as_it_is(terraform: Terraform, fake_terraform: FakeTerraform) -> None:
    terraform.apply(Path("/some/plan"))
    assert fake_terraform.call["arguments"] == [
        *("apply", "-input=false", "-lock-timeout=5m", "-no-color", "/some/plan")
    ]


def test_destroy_asks_nobody_and_does_without_the_flag_that_terraform_dropped(
    terraform: Terraform, fake_terraform: FakeTerraform
) -> None:
    terraform.destroy(var_files=[Path("a.tfvars")])
    assert fake_terraform.call["arguments"] == [
        *("destroy", "-input=false", "-no-color", "-auto-approve", "-var-file=a.tfvars")
    ]


def test_outputs_are_their_values(terraform: Terraform, fake_terraform: FakeTerraform) -> None:
    fake_terraform.answer("output", stdout='{"names": {"sensitive": false, "value": {"a": "é"}}}')
    assert terraform.outputs() == {"names": {"a": "é"}}
    assert fake_terraform.call["arguments"] == ["output", "-no-color", "-json"]


def test_a_plan_is_shown_as_data(terraform: Terraform, fake_terraform: FakeTerraform) -> None:
    fake_terraform.answer("show", stdout='{"resource_changes": []}')
    assert terraform.show(Path("/some/plan")) == {"resource_changes": []}
    assert fake_terraform.call["arguments"] == ["show", "-no-color", "-json", "/some/plan"]


def test_resources_are_the_addresses_in_the_state(
    terraform: Terraform, fake_terraform: FakeTerraform
) -> None:
    fake_terraform.answer("state", stdout='a.b\nmodule.c["d"].e.f\n')
    assert terraform.resources() == ["a.b", 'module.c["d"].e.f']
    assert fake_terraform.call["arguments"][:2] == ["state", "list"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_failure_is_an_error_with_terraforms_own_reason(
    terraform: Terraform, fake_terraform: FakeTerraform, command: str
) -> None:
    fake_terraform.answer(command, code=1, stdout="much that was said before\n", stderr=PLAIN)
    with pytest.raises(TerraformError) as caught:
        COMMANDS[command](terraform)
    message = caught.value.message
    assert message.startswith(f"terraform {command}")
    assert "Error: Invalid value for variable" in message
    assert 'var.email_delivery is "carrier pigeon"' in message
    assert 'Set email_delivery to "sns" or "ses".' in message
    assert "said before" not in message
    assert "said before" in caught.value.output


def test_the_reason_comes_out_of_the_frame_that_a_terminal_gets() -> None:
    assert TerraformError("plan", FRAMED).message == (
        'terraform plan failed.\nError: Invalid value for variable\nSet email_delivery to "sns" or "ses".'
    )


def test_a_failure_that_names_no_error_is_told_by_its_end() -> None:
    output = "x" * 3000 + "killed"
    assert TerraformError("apply", output).message == f"terraform apply failed.\n{output[-2000:]}"


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"plan"}))
def test_two_is_success_for_a_plan_alone(
    terraform: Terraform, fake_terraform: FakeTerraform, command: str
) -> None:
    fake_terraform.answer(command, code=2)
    with pytest.raises(TerraformError):
        COMMANDS[command](terraform)


@given(
    variables=st.dictionaries(st.from_regex(r"[a-z_]+", fullmatch=True), json_values, min_size=1, max_size=3)
)
@settings(max_examples=20)
def test_variables_arrive_intact_whatever_they_hold(
    terraform_executable: FakeTerraform, variables: dict[str, Any]
) -> None:
    terraform_executable.forget()
    terraform_with(terraform_executable, terraform_executable.bin).plan(variables=variables)
    assert terraform_executable.call["variables"] == [variables]


@pytest.mark.parametrize("code", [0, 1])
def test_a_file_of_variables_is_gone_when_terraform_has_read_it(
    terraform: Terraform, fake_terraform: FakeTerraform, code: int
) -> None:
    fake_terraform.answer("destroy", code=code)
    try:
        terraform.destroy(variables={"secret": "x"})
    except TerraformError:
        assert code
    (file,) = fake_terraform.call["variable_files"]
    assert not Path(file).exists()


def test_output_goes_to_the_terminal_as_it_happens_when_streaming(
    fake_terraform: FakeTerraform, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fake_terraform.answer("plan", code=2, stdout="the plan")
    fake_terraform.answer("output", stdout="{}")
    terraform = terraform_with(fake_terraform, tmp_path, stream=True)
    terraform.plan()
    assert terraform.outputs() == {}
    assert capfd.readouterr().out == "the plan"


def test_there_is_no_colour_where_there_is_no_terminal(fake_terraform: FakeTerraform, tmp_path: Path) -> None:
    terraform_with(fake_terraform, tmp_path, stream=True).validate()
    assert "-no-color" in fake_terraform.call["arguments"]


def test_the_environment_of_the_process_is_left_alone(terraform: Terraform) -> None:
    before = dict(os.environ)
    terraform.validate()
    assert dict(os.environ) == before


INTERRUPTED = """
import sys
from pathlib import Path
from scripts.terraform import Terraform
Terraform(Path.cwd(), {"PATH": str(Path.cwd())}).validate()
"""
SLOW_TO_END = """#!/bin/sh
trap '/bin/sleep 0.6; echo ended in order > ended; exit 1' INT
echo started > started
while :; do /bin/sleep 0.05; done
"""


def test_an_interrupt_lets_terraform_end_in_order(tmp_path: Path) -> None:
    """Python's own way is to kill the child after a quarter of a second: the state lock would stay."""
    executable = tmp_path / "terraform"
    executable.write_text(SLOW_TO_END)
    executable.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for("the start", lambda: (tmp_path / "started").exists() or None, within=15, every=0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=15)
    assert (tmp_path / "ended").exists()
    assert b"KeyboardInterrupt" in errors
