"""`python -m scripts.local_aws up|status|down`: the local AWS in the background."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from scripts.local_aws import process, server

MIB = 1024 * 1024
NOT_RUNNING = 3  # what `service … status` answers too

port_option: Callable[..., click.Command] = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=server.DEFAULT_PORT,
    envvar="LOCAL_AWS_PORT",
    show_default=True,
    show_envvar=True,
    help="Where it listens, on 127.0.0.1 only.",
)


def _usable(_context: click.Context, _parameter: click.Parameter, home: Path) -> Path:
    """The folder, if there can be one of that name."""
    try:
        home.is_dir()
    except OSError as error:
        raise click.BadParameter(f"{error.strerror}.") from None
    return home


home_option: Callable[..., click.Command] = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=server.DEFAULT_HOME,
    envvar="LOCAL_AWS_HOME",
    callback=_usable,
    show_envvar=True,
    help="Where it keeps its log and its record; build/local-aws if not given.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A local AWS in the background, with nothing to sign up for."""


@main.command()
@port_option
@home_option
def up(port: int, home: Path) -> None:
    """Start it, and wait until it answers."""
    if running := process.find(port, home):
        click.echo(f"The local AWS is already running at {running.url} (pid {running.pid}).")
        return
    console = Console(stderr=True)
    try:
        if console.is_terminal:
            with console.status(f"Starting the local AWS on port {port} …"):
                running = process.start(port, home, say=console.print)
        else:
            running = process.start(port, home, say=lambda sentence: click.echo(sentence, err=True))
    except process.LocalAwsError as error:
        click.echo(error, err=True)
        sys.exit(1)
    click.echo(
        f"The local AWS is ready at {running.url} (pid {running.pid}, after {running.start_seconds:.1f} s)."
    )


@main.command()
@port_option
@home_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(port: int, home: Path, as_json: bool) -> None:
    """Say whether it runs, since when and with how much memory; exits 3 if it does not."""
    running = process.find(port, home)
    if running is None:
        if as_json:
            click.echo(json.dumps({"running": False, "port": port}))
        else:
            click.echo(f"The local AWS is not running on port {port}.")
        sys.exit(NOT_RUNNING)
    memory, workers = running.memory(), running.workers()
    functions = sum(process.resident(worker) for worker in workers)
    if as_json:
        figures = {"memory_bytes": memory, "functions": len(workers), "functions_memory_bytes": functions}
        click.echo(json.dumps({"running": True, **asdict(running), **figures}))
        return
    click.echo(
        f"The local AWS is running at {running.url}\n"
        f"  pid      {running.pid}, since {running.started_at}, started in {running.start_seconds:.1f} s\n"
        f"  memory   {memory / MIB:.0f} MiB ({running.idle_memory / MIB:.0f} MiB idle, after the start),"
        f" and {functions / MIB:.0f} MiB in {len(workers)} warm functions\n"
        f"  log      {running.log}\n"
        f"  mailbox  {running.url}/_ministack/ses/messages"
    )


@main.command()
@port_option
@home_option
@click.option("--all", "every", is_flag=True, help="Those on all ports.")
def down(port: int, home: Path, every: bool) -> None:
    """End it, with all that it holds."""
    for one in process.ports(home) if every else [port]:
        try:
            ended = process.stop(one, home)
        except process.LocalAwsError as error:
            click.echo(error, err=True)
            sys.exit(1)
        if ended or not every:
            click.echo(
                f"The local AWS {'on' if ended else 'is not running on'} port {one}{' has ended' * ended}."
            )


if __name__ == "__main__":
    main(prog_name="python -m scripts.local_aws")
