"""The tables of a README say what is declared, whatever its words are, and leave the rest of it alone."""

from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from scripts import docs
from scripts.environment import ROOT

VARIABLES = """
variable "name" {
  description = "What it is called: <prefix>|<suffix>."
  type        = string
  nullable    = false
}

variable "sizes" {
  description = <<-EOT
    How large they are,
    each.
  EOT
  type = map(object({
    width  = number
    height = optional(number, 2)
    tags   = optional(map(string), {})
  }))
  default = {}
}

variable "mixed" {
  description = "Many kinds."
  type        = any
  default     = { on = true, off = false, none = null, list = ["a|b", 1], sum = 1.5 }

  validation {
    condition     = var.mixed != null
    error_message = "Give it."
  }
}
"""
INPUTS = r"""| Name | Type | Default | What it is |
|---|---|---|---|
| `name` | `string` | required | What it is called: &lt;prefix>\|&lt;suffix>. |
| `sizes` | `map(object({ width = number, height = optional(number, 2), tags = optional(map(string), {}) }))` | `{}` | How large they are, each. |
| `mixed` | `any` | `{ on = true, off = false, none = null, list = ["a\|b", 1], sum = 1.5 }` | Many kinds. |"""  # noqa: E501 - a row of a table
README = "# It\n\nWords.\n\n## Inputs\n\nOld.\n\n## Outputs\n\nOld.\n\n## Words\n\n- more\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "terraform"
    folder.mkdir()
    (folder / "variables.tf").write_text(VARIABLES)
    (folder / "README.md").write_text(README)
    return folder


def test_the_tables_are_what_is_declared_and_the_rest_stays(folder: Path, tmp_path: Path) -> None:
    wanted = README.replace("## Inputs\n\nOld.", f"## Inputs\n\n{INPUTS}").replace("Old.", "None.")
    assert docs.stale(tmp_path) == {folder / "README.md": wanted}
    (folder / "README.md").write_text(wanted)
    assert docs.stale(tmp_path) == {}


def test_tables_at_the_end_end_the_file(folder: Path) -> None:
    short = README.partition("\n## Words")[0]
    assert docs.written(short, folder).endswith("## Outputs\n\nNone.\n")


def test_a_readme_without_tables_gets_none(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").write_text("# It\n\nSee Inputs.\n")
    assert docs.stale(tmp_path) == {}


@pytest.mark.parametrize("field", ["type", "description"])
def test_what_is_not_said_is_asked_for(folder: Path, tmp_path: Path, field: str) -> None:
    said = {"type": "string", "description": '"It."'}
    del said[field]
    lines = "".join(f"  {name} = {value}\n" for name, value in said.items())
    (folder / "variables.tf").write_text(f'variable "it" {{\n{lines}}}\n')
    with pytest.raises(click.ClickException, match=rf"Give it in .* a {field}\."):
        docs.stale(tmp_path)


@given(st.text())
def test_no_words_end_a_cell_or_a_table(words: str) -> None:
    table = f"| a | b |\n|---|---|\n| {docs.text(words)} | end |"
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(table)
    assert rendered.count("<td>") == 2
    assert "<td>end</td>" in rendered


def test_the_tables_of_the_project_are_up_to_date() -> None:
    assert docs.stale(ROOT) == {}, "run make docs"
