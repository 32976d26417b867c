"""What Terraform asks a second time, since the answer was lost, gets the first answer.

On a busy machine an answer of MiniStack's is lost now and then, and the provider's SDK asks again, with the
same `amz-sdk-invocation-id`. What was to be made exists by then, and a deploy would fail by chance. Only
Terraform is answered in this way: what becomes of a function's lost answers must show.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from ministack import app

Json = dict[str, Any]
Receive = Callable[[], Awaitable[Json]]
Send = Callable[[Json], Awaitable[None]]
App = Callable[[Json, Receive, Send], Awaitable[None]]

PROVIDER = b"terraform-provider-aws"
KEPT = 500


def install() -> None:
    app.app = answering(app.app)


def answering(original: App) -> App:
    """An application that does each of Terraform's calls once, unless it failed."""
    answers: OrderedDict[bytes, asyncio.Task[list[Json]]] = OrderedDict()

    async def done(scope: Json, receive: Receive, send: Send) -> list[Json]:
        told: list[Json] = []

        async def tell(message: Json) -> None:
            told.append(message)
            # whoever asked may be gone
            with suppress(OSError):
                await send(message)

        await original(scope, receive, tell)
        return told

    async def serve(scope: Json, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers") or ())
        call = headers.get(b"amz-sdk-invocation-id", b"")
        if not call or PROVIDER not in headers.get(b"user-agent", b""):
            await original(scope, receive, send)
            return
        if before := answers.get(call):
            await asyncio.wait([before])
            if not before.exception() and before.result()[0]["status"] < 400:
                for message in before.result():
                    await send(message)
                return
        # goes on when the connection ends
        task = answers[call] = asyncio.create_task(done(scope, receive, send))
        while len(answers) > KEPT:
            answers.popitem(last=False)
        await asyncio.wait([task])
        task.result()

    return serve
