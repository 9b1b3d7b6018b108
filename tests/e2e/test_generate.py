"""ml.generate: tokens as they come, and the same text every time."""

from __future__ import annotations

import json
import time

import pytest
from support import rpc
from support.rpc import Peer

pytestmark = pytest.mark.needs("ml")

QUESTION = "What is the capital of France? Answer with one short sentence."
STORY = "Tell a story about a lighthouse."
GOLDEN = "The capital of France is Paris."


async def test_the_first_token_comes_before_the_last_is_computed(gateway: Peer) -> None:
    request = rpc.request(
        "ml.generate",
        {"messages": [{"role": "user", "content": STORY}], "max_tokens": 40, "temperature": 0},
    )
    came: list[float] = []
    pieces: list[str] = []
    response = None
    began = time.monotonic()
    async for event in gateway.compute.ComputeStream(request, timeout=60):
        if event.WhichOneof("event") == "token":
            came.append(time.monotonic())
            pieces.append(event.token.text)
        elif event.WhichOneof("event") == "response":
            response = event.response
    assert response is not None
    assert rpc.outcome(response) == "OK", response.failure
    assert len(came) >= 20
    assert "".join(pieces) == json.loads(response.result)["text"]
    # Tokens computed one after the other: were they sent together, the first would come last.
    assert came[0] - began < (came[-1] - began) / 2


@pytest.mark.parametrize("way", ["unary", "stream"])
async def test_greedy_text_is_golden(gateway: Peer, way: str) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    request = rpc.request("ml.generate", {"messages": messages, "max_tokens": 32, "temperature": 0})
    if way == "unary":
        response = await gateway.compute.Compute(request, timeout=60)
    else:
        events = [event async for event in gateway.compute.ComputeStream(request, timeout=60)]
        response = events[-1].response
    assert rpc.outcome(response) == "OK", response.failure
    assert json.loads(response.result)["text"].strip() == GOLDEN
