"""Shows what every template of a catalogue says about its sample data, as one page to look at."""

from collections.abc import Sequence
from pathlib import Path

import click
import jinja2
from rich.console import Console
from rich.table import Column, Table

from notifications.sms_text import segments
from scripts.catalogue import Catalogue, Sample, examples
from scripts.environment import BUILD, LOCAL, ROOT, Environment, check_name

TARGET = BUILD / "preview.html"


def page(title: str, samples: Sequence[Sample]) -> str:
    """The page: self-contained, with each e-mail in a frame that runs nothing."""
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return jinja.get_template("preview.html").render(title=title, samples=samples, segments=segments)


@click.command(context_settings={"auto_envvar_prefix": "PREVIEW"})
@click.option("--env", "name", default=LOCAL, show_default=True, envvar="ENV", help="The environment.")
@click.option("--catalogue", metavar="NAME", help=f"An example in place of it: {', '.join(examples())}.")
def main(name: str, catalogue: str | None) -> None:
    """Render every template of an environment's catalogue with its sample data into build/preview.html."""
    if catalogue:
        title, chosen = catalogue, Catalogue.example(catalogue)
    else:
        title, chosen = name, Catalogue.of(Environment(check_name(name), {}, None))
    samples = list(chosen.samples())
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page(title, samples), "utf-8")
    table = Table(Column("Template"), Column("Subject"), Column("SMS segments", justify="right"), title=title)
    for sample in samples:
        length = segments(sample.messages["SMS"].text)
        table.add_row(sample.template, sample.messages["Email"].subject, str(length.segments))
    Console().print(table)
    click.echo(TARGET.relative_to(ROOT))


if __name__ == "__main__":
    main(prog_name="python -m scripts.preview")
