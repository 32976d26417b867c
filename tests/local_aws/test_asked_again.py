"""A call of Terraform's whose answer was lost is not done twice; anybody else's is."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from scripts.local_aws import asked_again
from scripts.local_aws.asked_again import answering

Json = dict[str, Any]
PROVIDER = b"APN/1.0 HashiCorp/1.0 Terraform/1.13 terraform-provider-aws/5.100.0"
FUNCTION = b"Boto3/1.40 Botocore/1.40"


class Service:
    """Answers each call with its number."""

    def __init__(self, statuses: Sequence[int] = ()) -> None:
        self.statuses = list(statuses)
        self.calls = 0
        self.serve = answering(self._serve)

    async def _serve(self, _scope: Json, _receive: Any, send: Any) -> None:
        self.calls += 1
        call = self.calls
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": self.statuses.pop(0) if self.statuses else 200})
        await send({"type": "http.response.body", "body": str(call).encode()})

    async def ask(self, agent: bytes = PROVIDER, call: bytes = b"a") -> str:
        told: list[Json] = []

        async def send(message: Json) -> None:
            told.append(message)

        headers = [(b"user-agent", agent), (b"amz-sdk-invocation-id", call)]
        await self.serve({"type": "http", "headers": headers}, None, send)  # type: ignore[arg-type]  # nothing is sent
        return str(told[-1]["body"].decode())


def test_what_terraform_asks_again_gets_the_first_answer() -> None:
    async def scenario(service: Service) -> list[str]:
        return [await service.ask(), await service.ask(), await service.ask(call=b"b")]

    assert asyncio.run(scenario(Service())) == ["1", "1", "2"]


def test_what_is_asked_again_before_the_answer_waits_for_it() -> None:
    async def scenario(service: Service) -> list[str]:
        return list(await asyncio.gather(service.ask(), service.ask()))

    assert asyncio.run(scenario(Service())) == ["1", "1"]


def test_a_call_whose_connection_ends_is_done_all_the_same() -> None:
    async def scenario(service: Service) -> str:
        lost = asyncio.create_task(service.ask())
        await asyncio.sleep(0)
        lost.cancel()
        return await service.ask()

    assert asyncio.run(scenario(Service())) == "1"


def test_what_failed_is_done_again() -> None:
    async def scenario(service: Service) -> list[str]:
        return [await service.ask(), await service.ask(), await service.ask()]

    assert asyncio.run(scenario(Service(statuses=[500]))) == ["1", "2", "2"]


def test_a_function_that_asks_again_is_served_again() -> None:
    async def scenario(service: Service) -> list[str]:
        return [await service.ask(FUNCTION), await service.ask(FUNCTION)]

    assert asyncio.run(scenario(Service())) == ["1", "2"]


def test_answers_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(service: Service) -> list[str]:
        return [await service.ask(call=call) for call in (b"a", b"b", b"c", b"a")]

    monkeypatch.setattr(asked_again, "KEPT", 2)
    assert asyncio.run(scenario(Service())) == ["1", "2", "3", "4"]
