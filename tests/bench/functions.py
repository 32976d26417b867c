"""How long each function takes to start, what the time goes to, and what bytecode would spare."""

import sys
from random import Random

import altair

from tests.bench.function import Function, Start
from tests.bench.result import Result, Row, number
from tests.bench.run import Run
from tests.bench.statistics import ratio, spread
from tests.page import Block, Chart, Paragraph, Table

ROUNDS = 7
# what a function's imports are counted with: what is in none is of the SDK, or of what that needs
OURS, STANDARD, SDK = "notifications", "standard library", "boto3 and what it needs"
CARRIED = ("aws_lambda_powertools", "jinja2", "markupsafe", "fastjsonschema", OURS)
KINDS = (SDK, STANDARD, *CARRIED)


def measure(run: Run) -> Result:
    """Starts every function in turns, with bytecode and without, until it could take its first event."""
    names = sorted(path.stem for path in (run.task / "notifications/handlers").glob("[!_]*.py"))
    run.progress.stage("functions, cold")
    rounds, chance = run.rounds or ROUNDS, Random(0)  # noqa: S311 - not a secret
    functions = [
        (name, folder, Function(name, f"notifications.handlers.{name}", folder, {}))
        for name in names
        for folder in (run.task, run.compiled)
    ]
    starts: dict[tuple[str, bool], list[Start]] = {}
    for done in range(rounds):
        run.progress.at(done, rounds)
        for name, folder, function in chance.sample(functions, len(functions)):
            starts.setdefault((name, folder == run.compiled), []).append(function.start())
    rows, imports = [], {}
    for name in names:
        plain = [1e3 * start.processor for start in starts[name, False]]
        compiled = [1e3 * start.processor for start in starts[name, True]]
        rows.append(
            Row(
                f"Start of {name}",
                *(spread(plain), "ms", "with bytecode", spread(compiled)),
                ratio=ratio(plain, compiled),
            )
        )
        imports[name] = _by_kind(Function(name, f"notifications.handlers.{name}", run.task, {}).imports())
    table = Table(
        ["Function", *KINDS],
        [[name, *(number(imports[name].get(kind, 0)) for kind in KINDS)] for name in names],
        "Milliseconds of imports, without bytecode of what the package carries; measured once",
    )
    values = [
        {"function": name, "of": kind, "ms": ms}
        for name, took in imports.items()
        for kind, ms in took.items()
    ]
    chart = (
        altair.Chart({"values": values})
        .mark_bar()
        .encode(
            altair.X("ms:Q", title="milliseconds"),
            altair.Y("function:N", title=None),
            altair.Color("of:N", title=None, sort=list(KINDS)),
        )
    )
    blocks: list[Block] = [Paragraph(_HOW), table, Chart(chart, "What the imports of each function go to")]
    return Result("All functions, cold", rows, blocks, {"imports": imports})


_HOW = (
    "The processor's time from the start of a process until it could take its first event. The zip carries "
    "no bytecode: it is the same wherever it is built, whatever Python builds it."
)


def _by_kind(took: dict[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for package, ms in took.items():
        kind = package if package in CARRIED else STANDARD if package in sys.stdlib_module_names else SDK
        found[kind] = found.get(kind, 0) + ms
    return found
