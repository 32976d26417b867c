"""Writes the tables of inputs and outputs in the Terraform READMEs from what is declared beside them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from scripts.environment import ROOT, load_hcl

# both sections, up to the next heading or the end
SECTIONS = re.compile(r"^## Inputs\n.*?(?=^## (?!Outputs\n)|\Z)", re.MULTILINE | re.DOTALL)


def stale(root: Path) -> dict[Path, str]:
    """The READMEs of a project whose tables are not what is declared → what they should be.

    Raises:
        click.ClickException: a file is no HCL, or what it declares has no type or description.
    """
    found = {}
    for readme in sorted((root / "terraform").rglob("README.md")):
        text = readme.read_text("utf-8")
        if SECTIONS.search(text) and (wanted := written(text, readme.parent)) != text:
            found[readme] = wanted
    return found


def written(readme: str, folder: Path) -> str:
    """A README with the tables of what its folder declares; all else in it stays."""
    tables = f"## Inputs\n\n{inputs(folder)}\n\n## Outputs\n\n{outputs(folder)}\n"
    section = SECTIONS.search(readme)
    if not section:
        return readme
    rest = readme[section.end() :]
    return readme[: section.start()] + tables + (f"\n{rest}" if rest else "")


def inputs(folder: Path) -> str:
    """The table of a folder's variables, in the order of the file."""
    return _table(
        ("Name", "Type", "Default", "What it is"),
        (
            (
                f"`{name}`",
                code(_of(body, "type", name, folder)),
                code(body["default"]) if "default" in body else "required",
                text(_of(body, "description", name, folder)),
            )
            for name, body in _declared(folder / "variables.tf", "variable")
        ),
    )


def outputs(folder: Path) -> str:
    """The table of a folder's outputs, in the order of the file."""
    return _table(
        ("Name", "What it is"),
        (
            (f"`{name}`", text(_of(body, "description", name, folder)))
            for name, body in _declared(folder / "outputs.tf", "output")
        ),
    )


def text(value: str) -> str:
    """A cell of text on one line, in which nothing ends the cell or is taken for HTML."""
    return " ".join(value.split()).replace("|", "\\|").replace("<", "&lt;")


def code(value: Any) -> str:
    """A cell with a value as HCL. GitHub splits cells at bars in code too."""
    return f"`{hcl(value)}`".replace("|", "\\|")


def hcl(value: Any) -> str:
    """A value of `load_hcl` as it is written, on one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{k} = {hcl(v)}' for k, v in value.items())} }}" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(hcl, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return str(value)
    if not value.startswith("${"):
        return f'"{value}"'
    # an expression, in braces that the parser puts round it; spaces as terraform fmt would have them
    expression = value.removeprefix("${").removesuffix("}")
    return re.sub(r"(?<=[^{\s])\}", " }", re.sub(r"\{(?=[^}\s])", "{ ", expression))


def _of(body: dict[str, Any], field: str, name: str, folder: Path) -> Any:
    if field not in body:
        raise click.ClickException(f"Give {name} in {folder} a {field}.")
    # a primitive type is a word, and to the parser a text
    return f"${{{body[field]}}}" if field == "type" and not body[field].startswith("${") else body[field]


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = [f"| {' | '.join(row)} |" for row in (heading, *rows)]
    if len(cells) == 1:
        return "None."
    return "\n".join([cells[0], f"|{'---|' * len(heading)}", *cells[1:]])


def _declared(path: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    blocks: list[dict[str, Any]] = load_hcl(path).get(kind, []) if path.exists() else []
    for block in blocks:
        yield from ((name, body) for name, body in block.items() if isinstance(body, dict))


@click.command()
def main() -> None:
    """Write the tables of inputs and outputs into the Terraform READMEs."""
    found = stale(ROOT)
    for readme, wanted in found.items():
        readme.write_text(wanted, "utf-8")
        click.echo(f"Written: {readme.relative_to(ROOT)}")
    if not found:
        click.echo("All tables are up to date.")


if __name__ == "__main__":
    main(prog_name="make docs")
