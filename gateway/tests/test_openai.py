"""OpenAI's own client against a gateway over made models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
from house import House, eventually, house, http
from made_ml import EMBEDDER, GENERATOR, SECONDARY, MadeMl
from test_authenticate import KEYS, entry

HELLO: list[Any] = [{"role": "user", "content": "hello there"}]


@pytest.fixture
async def made() -> AsyncIterator[MadeMl]:
    executor = MadeMl()
    await executor.start()
    yield executor
    await executor.stop()


@pytest.fixture
async def gate(made: MadeMl) -> AsyncIterator[House]:
    async with house({"ml": made.port}, rest_port=0, queue=1) as running:
        yield running


def connect(gate: House, key: str = "none", **options: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"http://{gate.mesh.http_address}/v1", api_key=key, timeout=20, **options
    )


@pytest.fixture
async def client(gate: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with connect(gate, max_retries=0) as connected:
        yield connected


async def test_chat(client: openai.AsyncOpenAI, made: MadeMl) -> None:
    answer = await client.chat.completions.create(
        model=GENERATOR,
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "hello "}, *_parts("there")]},
        ],
        max_completion_tokens=5,
        temperature=0.5,
        top_p=0.9,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        seed=3,
        stop="\n",
        logprobs=True,
        top_logprobs=1,
        user="someone",
        n=1,
        extra_body={"top_k": 4, "chat_template_kwargs": {"x": 1}},
    )
    assert made.asked == [
        {
            "model": GENERATOR,
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "hello there"},
            ],
            "max_tokens": 5,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 4,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
            "seed": 3,
            "stop": ["\n"],
            "logprobs": True,
            "top_logprobs": 1,
            "chat_template_kwargs": {"x": 1},
        }
    ]
    (choice,) = answer.choices
    assert choice.message.content == "hello there"
    assert choice.finish_reason == "stop"
    assert answer.system_fingerprint == f"{GENERATOR}@1"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (3, 5)
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 2
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    second = choice.logprobs.content[1]
    assert (second.token, second.logprob, second.bytes) == (" there", -0.5, list(b" there"))
    # Half a character is no text, and its bytes are not known.
    assert (second.top_logprobs[0].logprob, second.top_logprobs[0].bytes) == (-2.0, None)
    assert answer.id.startswith("chatcmpl-")


def _parts(text: str) -> list[Any]:
    return [{"type": "text", "text": text}]


async def test_what_is_left_out_is_as_openai_has_it(
    client: openai.AsyncOpenAI, made: MadeMl
) -> None:
    await client.chat.completions.create(model=SECONDARY, messages=HELLO, tools=[], seed=None)
    await client.completions.create(model=GENERATOR, prompt=["hello"])
    # As many tokens as the algorithm's schema has; of a prompt sixteen.
    assert made.asked[0] == {
        "model": SECONDARY,
        "messages": HELLO,
        "max_tokens": 7,
        "temperature": 1,
    }
    assert made.asked[1] == {
        "model": GENERATOR,
        "prompt": "hello",
        "max_tokens": 16,
        "temperature": 1,
    }


async def test_chat_streams(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=GENERATOR,
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
        logprobs=True,
    )
    chunks = [chunk async for chunk in stream]
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    *pieces, last = chunks
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 2
    assert all(chunk.usage is None for chunk in pieces)
    assert pieces[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in pieces] == ["", "hello", " there", None]
    assert [chunk.choices[0].finish_reason for chunk in pieces] == [None, None, None, "stop"]
    told = pieces[2].choices[0].logprobs
    assert told is not None
    assert told.content is not None
    assert [(each.token, each.logprob) for each in told.content] == [(" there", -0.5)]


async def test_a_stream_ends_with_done(gate: House) -> None:
    body = {"model": GENERATOR, "prompt": "one two", "stream": True}
    async with http(gate.mesh) as web:
        text = (await web.post("/v1/completions", json=body)).text
    events = [each.removeprefix("data: ") for each in text.split("\n\n")]
    assert events[-2:] == ["[DONE]", ""]
    assert len(events) == 5
    assert not any('"usage"' in each for each in events)


async def test_completions(client: openai.AsyncOpenAI, made: MadeMl) -> None:
    answer = await client.completions.create(
        model=GENERATOR, prompt="one two", max_tokens=4, logprobs=1, stop=["a", "b"]
    )
    (choice,) = answer.choices
    assert (choice.text, choice.finish_reason) == ("one two", "stop")
    assert made.asked[0]["stop"] == ["a", "b"]
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == ["one", " two"]
    assert choice.logprobs.text_offset == [0, 3]
    assert choice.logprobs.top_logprobs == [{"é\ufffd": -2.0}] * 2
    stream = await client.completions.create(
        model=GENERATOR,
        prompt="one two",
        stream=True,
        logprobs=0,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].text for c in chunks[:-1]) == "one two"
    told = chunks[1].choices[0].logprobs
    assert told is not None
    assert (told.tokens, told.text_offset) == ([" two"], [3])
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


@pytest.mark.parametrize("form", ["float", "base64", None], ids=str)
async def test_embeddings(client: openai.AsyncOpenAI, form: Any) -> None:
    given = {} if form is None else {"encoding_format": form}
    answer = await client.embeddings.create(model=EMBEDDER, input=["a", "abc"], **given)
    found = [each.embedding for each in answer.data]
    if form == "base64":
        assert found == ["AACAP83MzD0=", "AABAQM3MzD0="]
    else:
        assert found == [[1, pytest.approx(0.1)], [3, pytest.approx(0.1)]]
    assert (answer.usage.prompt_tokens, answer.model) == (5, EMBEDDER)


async def test_models(client: openai.AsyncOpenAI) -> None:
    listed = [model async for model in client.models.list()]
    assert sorted(model.id for model in listed) == [EMBEDDER, GENERATOR]
    assert (await client.models.retrieve(SECONDARY)).id == SECONDARY
    with pytest.raises(openai.NotFoundError) as refused:
        await client.models.retrieve("no/such")
    assert refused.value.code == "model_not_found"


async def test_a_synchronous_client(gate: House) -> None:
    def talk() -> tuple[str, str]:
        with openai.OpenAI(
            base_url=f"http://{gate.mesh.http_address}/v1", api_key="none", timeout=20
        ) as client:
            asked: dict[str, Any] = {"model": GENERATOR, "messages": HELLO}
            create = cast(Any, client.chat.completions).create
            whole = create(**asked)
            pieces = [
                str(chunk.choices[0].delta.content or "") for chunk in create(**asked, stream=True)
            ]
            return str(whole.choices[0].message.content), "".join(pieces)

    assert await asyncio.to_thread(talk) == ("hello there", "hello there")


async def test_a_conversation_goes_on_with_what_came(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=GENERATOR, messages=HELLO)
    said: Any = answer.choices[0].message
    again = await client.chat.completions.create(model=GENERATOR, messages=[*HELLO, said])
    assert again.choices[0].message.content == "hello there"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"n": 2}, "n"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"logit_bias": {"1": 1}}, "logit_bias"),
    ({"reasoning_effort": "high"}, "reasoning_effort"),
    ({"extra_body": {"nonsense": 1}}, "nonsense"),
    ({"top_logprobs": 1}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 1, "stream": True}, "top_logprobs"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens"),
    ({"temperature": 101}, "temperature"),
    ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "messages[0].name"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"model": EMBEDDER}, "model"),
]


@pytest.mark.parametrize(("given", "param"), REFUSED, ids=lambda each: str(each)[:40])
async def test_what_is_not_offered_is_refused_by_name(
    client: openai.AsyncOpenAI, made: MadeMl, given: dict[str, Any], param: str
) -> None:
    asked: dict[str, Any] = {"model": GENERATOR, "messages": HELLO} | given
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(**asked)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
    assert param in refused.value.message
    assert "parameters." not in refused.value.message


async def test_token_ids_are_no_texts(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.embeddings.create(model=EMBEDDER, input=[1, 2])
    assert (refused.value.param or "").startswith("input")
    with pytest.raises(openai.BadRequestError) as refused:
        await client.completions.create(model=GENERATOR, prompt=["a", "b"])
    assert refused.value.param == "prompt"


async def test_an_unknown_model_is_not_found(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await client.chat.completions.create(model="gpt-7", messages=HELLO)
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
    assert GENERATOR in refused.value.message
    with pytest.raises(openai.NotFoundError) as missing:
        await client.responses.create(model=GENERATOR, input="x")
    assert missing.value.code == "no_such_path"


@pytest.mark.parametrize("stream", [False, True])
async def test_work_that_crashes_is_an_error_of_the_servers(
    client: openai.AsyncOpenAI, stream: bool
) -> None:
    crash: list[Any] = [{"role": "user", "content": "crash"}]
    asked: dict[str, Any] = {"model": GENERATOR, "messages": crash, "stream": stream}
    with pytest.raises(openai.APIError) as failed:
        [_ async for _ in cast(Any, await client.chat.completions.create(**asked))]
    assert failed.value.code == "crash"
    assert "WorkerCrashed: it died" in failed.value.message
    assert isinstance(failed.value, openai.InternalServerError) is not stream


async def test_a_text_that_ran_out_of_time_is_cut(gate: House) -> None:
    body = {"model": GENERATOR, "prompt": "slow going"}
    async with http(gate.mesh) as web:
        answer = await web.post("/v1/completions", json=body)
    assert answer.headers["edgemesh-outcome"] == "TIMEOUT"
    (choice,) = answer.json()["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("slow going", "length")


async def test_who_leaves_a_stream_ends_the_work(client: openai.AsyncOpenAI, made: MadeMl) -> None:
    hold: list[Any] = [{"role": "user", "content": "hold on"}]
    asked: dict[str, Any] = {"model": GENERATOR, "messages": hold, "stream": True}
    stream: Any = await cast(Any, client.chat.completions).create(**asked)
    async for chunk in stream:
        if chunk.choices[0].delta.content == "hold":
            break
    await eventually(lambda: made.running == 1)
    await stream.close()
    await eventually(lambda: made.cancelled == 1)


async def test_keys_rates_and_scopes(made: MadeMl, tmp_path: Path) -> None:
    keys, policy = tmp_path / "keys.toml", tmp_path / "policy.toml"
    keys.write_text("".join(entry(tenant, key) for tenant, key in KEYS.items()))
    policy.write_text(
        '[tenants.physics]\nscopes = ["ml.embed", "ml.chat"]\nrate = "1/hour"\n'
        '[tenants.chemistry]\nscopes = ["ml.embed"]\n'
    )
    given: dict[str, Any] = {"model": GENERATOR, "messages": HELLO}
    async with house({"ml": made.port}, rest_port=0, api_keys=keys, policy=policy) as gate:
        async with connect(gate, "wrong") as stranger:
            with pytest.raises(openai.AuthenticationError) as unknown:
                await stranger.chat.completions.create(**given)
            assert unknown.value.code == "invalid_api_key"
        async with connect(gate, KEYS["physics"], max_retries=0) as physics:
            await physics.chat.completions.create(**given)
            with pytest.raises(openai.RateLimitError) as limited:
                await physics.chat.completions.create(**given)
            assert limited.value.code == "rate_limit_exceeded"
            assert 0 < int(limited.value.response.headers["retry-after"]) <= 3600
        async with connect(gate, KEYS["chemistry"]) as chemistry:
            assert [model.id async for model in chemistry.models.list()] == [EMBEDDER]
            with pytest.raises(openai.PermissionDeniedError):
                await chemistry.chat.completions.create(**given)


async def test_a_page_of_another_site_is_refused_in_these_words(gate: House) -> None:
    async with http(gate.mesh, Origin="https://evil.example") as web:
        answer: httpx.Response = await web.get("/v1/models")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_refused"
