"""OpenAI's own client on real models: the texts and vectors are those that gRPC gives."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import openai
import pytest
from support import rpc
from support.rpc import Peer

from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("ml")

LLM, EMBEDDER = "smollm2-135m-instruct", "all-minilm-l6-v2"
GOLDEN = "The capital of France is Paris."
QUESTION: list[Any] = [
    {"role": "user", "content": "What is the capital of France? Answer with one short sentence."}
]
EXAMPLE = Layout.here().root / "clients" / "python" / "example"


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    """A mesh of its own that serves REST."""
    folder = tmp_path_factory.mktemp("openai")
    settings = {
        "ml": {"WORKERS": "1", "SPARES": "0"},
        "gateway": {"REST_PORT": "0", "DATABASE": f"sqlite:///{folder}/gateway.db"},
    }
    async with Mesh(("ml",), settings=settings) as mesh:
        yield mesh


@pytest.fixture(scope="module")
async def client(own: Mesh) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"http://{own.http('gateway')}/v1", api_key="none", timeout=60
    ) as connected:
        yield connected


@pytest.fixture
async def peer(own: Mesh) -> AsyncIterator[Peer]:
    async with rpc.connect(own.address("gateway")) as connected:
        yield connected


async def test_greedy_chat_is_golden(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=LLM, messages=QUESTION, temperature=0, logprobs=True, top_logprobs=2
    )
    (choice,) = answer.choices
    assert (choice.message.content or "").strip() == GOLDEN
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert choice.logprobs is not None
    tokens = choice.logprobs.content or []
    assert "".join(each.token for each in tokens).startswith(GOLDEN)
    for each in tokens:
        # Greedy: what was taken is the likeliest.
        assert each.top_logprobs[0].token == each.token
        assert each.logprob == pytest.approx(each.top_logprobs[0].logprob)
        assert len(each.top_logprobs) == 2


async def test_a_stream_is_the_whole_as_it_comes(client: openai.AsyncOpenAI) -> None:
    asked: dict[str, Any] = {
        "model": LLM,
        "messages": [{"role": "user", "content": "Tell a story about a lighthouse."}],
        "seed": 7,
        "max_tokens": 40,
    }
    whole: Any = await client.chat.completions.create(**asked)
    stream: Any = await client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    pieces: list[str] = []
    came: list[float] = []
    last: Any = None
    began = time.monotonic()
    async for chunk in stream:
        came.append(time.monotonic())
        pieces += [choice.delta.content or "" for choice in chunk.choices]
        last = chunk
    assert "".join(pieces) == whole.choices[0].message.content
    assert last.usage.completion_tokens == whole.usage.completion_tokens == 40
    assert whole.choices[0].finish_reason == "length"
    # One after the other: were they sent together, the first would come last.
    assert came[0] - began < (came[-1] - began) / 2


async def test_completions_are_generates(client: openai.AsyncOpenAI, peer: Peer) -> None:
    parameters = {"prompt": "The sea is", "max_tokens": 12, "temperature": 0}
    request = rpc.request("ml.generate", parameters)
    plain = json.loads((await peer.compute.Compute(request, timeout=60)).result)
    answer = await client.completions.create(
        model=LLM, prompt="The sea is", max_tokens=12, temperature=0, logprobs=0
    )
    (choice,) = answer.choices
    assert choice.text == plain["text"]
    assert choice.logprobs is not None
    assert "".join(choice.logprobs.tokens or []).startswith(choice.text)
    word = choice.text.split()[1]
    stopped = await client.completions.create(
        model=LLM, prompt="The sea is", max_tokens=12, temperature=0, stop=word
    )
    assert stopped.choices[0].text == choice.text.partition(word)[0]
    assert stopped.choices[0].finish_reason == "stop"


async def test_embeddings_are_embeds(client: openai.AsyncOpenAI, peer: Peer) -> None:
    texts = ["a lighthouse", "bread"]
    response = await peer.compute.Compute(rpc.request("ml.embed", {"texts": texts}), timeout=60)
    plain = np.frombuffer(response.outputs["embeddings"].data, "<f4").reshape(2, 384)
    for form in ("float", "base64"):
        answer = await client.embeddings.with_raw_response.create(
            model=EMBEDDER, input=texts, encoding_format=form
        )
        told = json.loads(answer.text)["data"]
        if form == "float":
            found = np.array([each["embedding"] for each in told], np.float32)
        else:
            rows = [base64.b64decode(each["embedding"]) for each in told]
            found = np.array([np.frombuffer(row, "<f4") for row in rows])
        np.testing.assert_array_equal(found, plain)
    # The client asks for base64 by itself, and unpacks it.
    vectors = await client.embeddings.create(model=EMBEDDER, input=texts)
    np.testing.assert_allclose([each.embedding for each in vectors.data], plain, rtol=1e-6)


async def test_what_a_schema_bounds_is_refused_by_name(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model=LLM, messages=QUESTION, top_p=1.5)
    assert refused.value.param == "top_p"
    with pytest.raises(openai.BadRequestError) as empty:
        await client.embeddings.create(model=EMBEDDER, input=[])
    assert empty.value.param == "input"


async def test_the_example(own: Mesh) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "openai_client.py", own.http("gateway")),
        cwd=EXAMPLE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.decode().splitlines() == [
        f"{EMBEDDER}: ml.embed",
        "magika: ml.onnx",
        "silero-vad: ml.onnx, ml.vad",
        f"{LLM}: ml.chat, ml.generate",
        f"{GOLDEN} (7 tokens)",
        "baking at home: a recipe for bread",
        "404 model_not_found: model",
    ]
