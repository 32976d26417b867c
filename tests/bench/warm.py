"""How long the trigger takes, once it is warm: what the person who signs up waits for."""

from contextlib import ExitStack
from random import Random

import altair

from tests.bench.function import Warm
from tests.bench.result import Result, Row
from tests.bench.run import Run
from tests.bench.statistics import ratio, spread
from tests.bench.stub import stub
from tests.bench.triggers import BARE, OBVIOUS, OURS, emulator, event_for, share_of_the_call, triggers
from tests.page import Block, Chart, Paragraph

ROUNDS = 200
# the first call makes the connections
FIRST = 3
OF_THE_OBVIOUS, OF_THE_BARE = 0.4, 1.25


def measure(run: Run) -> Result:
    """Calls the three triggers in turns, each in a process of its own: at an emulator, and at a stub."""
    rows: list[Row] = []
    blocks: list[Block] = [Paragraph(_HOW)]
    data = {}
    for place, server in (("emulator", emulator(run)), ("stub", stub())):
        with server as url, ExitStack() as running:
            warm = {
                function.name: running.enter_context(function.warm())
                for function in triggers(run.compiled, url)
            }
            took = _in_turns(run, warm, run.rounds or ROUNDS, place)
        data[place] = took
        # at a stub all that is left is the work of the process, and there is none that anybody waits for
        aims = (OF_THE_OBVIOUS, OF_THE_BARE) if place == "emulator" else (None, None)
        for other, aim in zip((OBVIOUS, BARE), aims, strict=True):
            rows.append(
                Row(
                    f"Trigger, warm, {place}",
                    *(spread(took[OURS]), "ms", other, spread(took[other])),
                    ratio=ratio(took[OURS], took[other]),
                    aim=aim,
                    why=share_of_the_call(took),
                )
            )
        values = [{"trigger": name, "ms": ms} for name, times in took.items() for ms in times]
        blocks.append(
            Chart(
                altair.Chart({"values": values})
                .mark_boxplot(extent="min-max")
                .encode(altair.X("ms:Q", title="milliseconds"), altair.Y("trigger:N", title=None)),
                f"Time inside the handler, at the {place}",
            )
        )
    return Result("The trigger, warm", rows, blocks, data)


_HOW = (
    "Time inside the handler of a process that has answered before. The three are called in turns, in an "
    "order that changes by chance; the bare call has its items made beforehand. At the emulator its own time "
    "is most of what is measured. The stub answers at once: what is left there is what the process itself "
    "does. The range behind a time holds the middle half of the calls, the one behind a ratio is its 95 % "
    "interval."
)


def _in_turns(run: Run, warm: dict[str, Warm], rounds: int, place: str) -> dict[str, list[float]]:
    """The milliseconds of each call, by trigger."""
    run.progress.stage(f"trigger, warm, {place}")
    chance = Random(0)  # noqa: S311 - not a secret
    took: dict[str, list[float]] = {name: [] for name in warm}
    for done in range(FIRST + rounds):
        run.progress.at(done, FIRST + rounds)
        for name in chance.sample(list(warm), len(warm)):
            milliseconds = 1e3 * warm[name].call(event_for(name))
            if done >= FIRST:
                took[name].append(milliseconds)
    return took
