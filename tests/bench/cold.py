"""How long the trigger takes when its process has yet to start, and how much memory it then has."""

from contextlib import ExitStack
from random import Random

import altair

from tests.bench.function import Function, Start
from tests.bench.result import Result, Row
from tests.bench.run import Run
from tests.bench.statistics import ratio, spread
from tests.bench.stub import BUNDLE, stub
from tests.bench.triggers import BARE, OBVIOUS, OURS, emulator, event_for, share_of_the_call, triggers
from tests.page import Chart, Paragraph

ROUNDS = 15
OF_THE_OBVIOUS = 0.85
AS_ON_LAMBDA = "TLS, no bytecode"


def measure(run: Run) -> Result:
    """Starts the three triggers in turns: with TLS and without, with bytecode and without."""
    rounds = run.rounds or ROUNDS
    rows, data = [], {}
    with ExitStack() as running:
        plain = running.enter_context(emulator(run))
        secure = running.enter_context(stub(run.folder))
        trusted = {"AWS_CA_BUNDLE": str(run.folder / BUNDLE)}
        kinds = {
            AS_ON_LAMBDA: triggers(run.task, secure, **trusted),
            "TLS, bytecode": triggers(run.compiled, secure, **trusted),
            "emulator, no bytecode": triggers(run.task, plain),
            "emulator, bytecode": triggers(run.compiled, plain),
        }
        for kind, functions in kinds.items():
            starts = _in_turns(run, functions, rounds, kind)
            took = {name: [1e3 * start.seconds for start in those] for name, those in starts.items()}
            data[kind] = took
            rows.append(_row(f"Cold start, {kind}", took, OBVIOUS, "ms", OF_THE_OBVIOUS))
            rows.append(_row(f"Cold start, {kind}", took, BARE, "ms"))
            if kind == AS_ON_LAMBDA:
                computed = {name: [1e3 * one.processor for one in those] for name, those in starts.items()}
                held = {name: [one.memory / 1e6 for one in those] for name, those in starts.items()}
    rows.append(_row(f"Processor, {AS_ON_LAMBDA}", computed, OBVIOUS, "ms"))
    rows.append(_row("Memory after a first call", held, OBVIOUS, "MB"))
    values = [
        {"kind": kind, "trigger": name, "ms": ms}
        for kind, took in data.items()
        for name, times in took.items()
        for ms in times
    ]
    chart = (
        altair.Chart({"values": values})
        .mark_boxplot(extent="min-max")
        .encode(
            altair.X("ms:Q", title="milliseconds", scale=altair.Scale(zero=True)),
            altair.Y("trigger:N", title=None),
            altair.Row(
                "kind:N", title=None, header=altair.Header(labelAngle=0, labelAlign="left", labelOrient="top")
            ),
        )
    )
    return Result(
        "The trigger, cold",
        rows,
        [Paragraph(_HOW), Chart(chart, "From the process's start to its first answer")],
        data,
    )


_HOW = (
    "From the start of a process to its first answer: the interpreter, the imports, the clients, the first "
    "call. With TLS, as on AWS, at a stub that answers at once; without, at the emulator. boto3 has its "
    "bytecode, as it is installed. What the package carries has none, unless it says so: the zip holds none, "
    "and Lambda keeps none, since a function's folder can only be read."
)


def _row(what: str, found: dict[str, list[float]], other: str, unit: str, aim: float | None = None) -> Row:
    return Row(
        *(what, spread(found[OURS]), unit, other, spread(found[other])),
        ratio=ratio(found[OURS], found[other]),
        aim=aim,
        why=share_of_the_call(found) if aim else "",
    )


def _in_turns(run: Run, functions: list[Function], rounds: int, kind: str) -> dict[str, list[Start]]:
    run.progress.stage(f"trigger, cold, {kind}")
    chance = Random(0)  # noqa: S311 - not a secret
    starts: dict[str, list[Start]] = {function.name: [] for function in functions}
    # the first of each fills the caches of the disk
    for done in range(1 + rounds):
        run.progress.at(done, rounds)
        for function in chance.sample(functions, len(functions)):
            start = function.start(event_for(function.name))
            if done:
                starts[function.name].append(start)
    return starts
