"""More events than anybody can read: the page goes on to answer.

The gateway here is a small one of the test's own, that speaks the contract and streams without end.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator

import grpc
import pytest
from conftest import dashboard_with, looking, write
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc
from playwright.async_api import Browser, Locator, expect

expect.set_options(timeout=60_000)
EVENTS = 10_000
PRESSES = 5
BURST = 40
PAUSE_S = 0.02


class Pouring(compute_pb2_grpc.ComputeServiceServicer):
    """Sends BURST events each PAUSE_S, 2,000 a second, until nobody listens."""

    async def ComputeStream(
        self,
        request: compute_pb2.ComputeRequest,
        context: grpc.aio.ServicerContext[compute_pb2.ComputeRequest, compute_pb2.ComputeEvent],
    ) -> AsyncIterator[compute_pb2.ComputeEvent]:
        while True:
            for n in range(BURST):
                told = compute_pb2.OutputEvent(text=f"event {n}\n")
                yield compute_pb2.ComputeEvent(output=told)
            await asyncio.sleep(PAUSE_S)


@pytest.fixture
async def pouring() -> AsyncGenerator[str]:
    """Where such a gateway is."""
    server = grpc.aio.server()
    compute_pb2_grpc.add_ComputeServiceServicer_to_server(Pouring(), server)  # pyright: ignore[reportAbstractUsage]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_a_page_answers_while_events_pour(browser: Browser, pouring: str) -> None:
    async with (
        dashboard_with(GATEWAY=pouring, GATEWAY_METRICS="") as url,
        looking(browser, url) as page,
    ):
        await page.goto("/playground")
        await page.get_by_label("Seconds at most").fill("300")
        await write(page, "print('without end')")
        await page.get_by_role("button", name="Run").click()
        count = page.get_by_text(re.compile(r"^[\d,]+ pieces"))
        theme = page.get_by_role("button", name=re.compile("^Colours: "))
        first, began, presses = await number(count), time.monotonic(), 0
        while presses < PRESSES or await number(count) < first + EVENTS:
            before = await theme.get_attribute("aria-label")
            await theme.click()
            await expect(theme).not_to_have_attribute("aria-label", before or "")
            presses += 1
        rate = (await number(count) - first) / (time.monotonic() - began)
        print(f"{rate:,.0f} events a second, {presses} presses answered meanwhile")
        shown = await page.get_by_role("log", name="What the program prints").inner_text()
        assert re.match(r"\[[\d,]+ characters before this are not shown\]", shown)
        assert len(shown) < 21_000
        stop = page.get_by_role("button", name="Stop")
        await expect(stop).to_be_enabled()
        await stop.click()
        await expect(page.get_by_role("button", name="Run")).to_be_enabled()


async def number(count: Locator) -> int:
    """How many events are told."""
    await expect(count).to_be_visible()
    return int((await count.inner_text()).split()[0].replace(",", ""))
