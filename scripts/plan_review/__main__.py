"""`python -m scripts.plan_review`: the review of a plan of any Terraform configuration."""

import sys
from pathlib import Path
from typing import BinaryIO, TextIO

import click
from rich.console import Console

from scripts.plan_review import KEY, review
from scripts.plan_review.markdown import TITLE

STOPPED = 3


@click.command(
    epilog=f"""Exit codes: 0, nothing stops the plan; 1, it cannot be reviewed; 2, wrong usage; 3, the guard
    stops it.

    With {KEY} in the environment the fingerprint is made with that key: then nobody without it can try out
    what is sensitive in the plan."""
)
@click.argument("plan", metavar="[PLAN_JSON]", type=click.File("rb"), default="-")
@click.option("--title", default="plan", show_default=True, help="What the plan is of, e.g. an environment.")
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of more rules, in the form of rules.toml; can be repeated.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="RULE[=ADDRESS]",
    help="What the guard is to let pass: a rule, or a rule for one resource; can be repeated.",
)
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", atomic=True),
    default="-",
    help="Where the review goes, instead of the terminal.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "text"]),
    help="Markdown for GitHub, or text for a terminal, which is what a terminal gets.",
)
@click.option("--fingerprint", "only_fingerprint", is_flag=True, help="Print the plan's fingerprint alone.")
def main(
    plan: BinaryIO,
    title: str,
    rules: tuple[Path, ...],
    allow: tuple[str, ...],
    output: TextIO,
    form: str | None,
    only_fingerprint: bool,
) -> None:
    """Review a saved plan: what it would do, and whether something stops it.

    PLAN_JSON is what `terraform show -json` prints for the plan; without it, or with -, it comes from stdin.
    """
    if len(title) > TITLE:
        raise click.UsageError(f"A --title has at most {TITLE} characters.")
    if plan.isatty():
        raise click.UsageError("Name a file, or hand on what `terraform show -json PLAN` prints.")
    reviewed = review(plan.read(), rules=rules, allow=allow)
    console = Console(file=output)
    if only_fingerprint:
        output.write(f"{reviewed.fingerprint}\n")
        return
    if (form or ("text" if console.is_terminal else "markdown")) == "text":
        reviewed.show(console)
    else:
        output.write(reviewed.markdown(title=title))
    sys.exit(STOPPED if reviewed.stops else 0)


if __name__ == "__main__":
    main(prog_name="python -m scripts.plan_review")
