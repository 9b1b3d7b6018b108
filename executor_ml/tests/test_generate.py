"""`ml.generate` against transformers on the same weights, and at its edges."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Pool, Runners, golden
from edgemesh.compute.v1 import compute_pb2

from edgemesh_candle import Generator, ModelError
from mesh_service.executor import InvalidInput

CASES = golden("greedy.json")
NEAR_TIE = 1e-3
"""Where the runner-up was nearer than this, another order of summation may take it."""


def parameters(prompt: str | list[dict[str, str]], **more: Any) -> dict[str, Any]:
    return {"prompt" if isinstance(prompt, str) else "messages": prompt, **more}


@pytest.mark.parametrize("case", CASES, ids=[str(i) for i in range(len(CASES))])
def test_greedy_text_equals_the_reference(runner: Runners, pool: Pool, case: Any) -> None:
    reply = runner.run(pool.call("ml.generate", **parameters(case["prompt"], max_tokens=48)))
    assert reply.outcome == compute_pb2.OUTCOME_OK
    assert reply.result["prompt_tokens"] == len(case["prompt_ids"])
    tokens = [event.token for event in pool.events]
    for i, (token, expected) in enumerate(zip(tokens, case["ids"], strict=False)):
        if token.id != expected:
            assert case["margins"][i] < NEAR_TIE, f"token {i} is not the reference's"
            return
        assert token.logprob == pytest.approx(case["logprobs"][i], abs=1e-4)
    assert reply.result["text"] == case["text"] == pool.text


@pytest.mark.parametrize("case", CASES, ids=[str(i) for i in range(len(CASES))])
def test_prompts_become_the_references_tokens(generator: Generator, case: Any) -> None:
    text = case["prompt"]
    if not isinstance(text, str):
        text = generator.chat([(m["role"], m["content"]) for m in text])
    assert generator.tokenize(text) == case["prompt_ids"]


def test_the_result_tells_what_was_done(runner: Runners, pool: Pool) -> None:
    reply = runner.run(pool.call("ml.generate", prompt="One, two,", max_tokens=5, seed=3))
    result = reply.result
    assert result["model"] == "smollm2-135m-instruct"
    assert result["finish_reason"] == "length"
    assert result["completion_tokens"] == len(pool.events) == 5
    assert result["seed"] == 3
    assert result["time_to_first_token_ms"] > 0
    assert result["tokens_per_second"] > 0


def test_the_first_token_is_told_before_the_last_is_computed(runner: Runners, pool: Pool) -> None:
    times: list[float] = []
    pool.on_event = lambda: times.append(time.perf_counter())
    runner.run(pool.call("ml.generate", prompt="Once", max_tokens=20))
    assert len(times) == 20
    assert times[-1] - times[0] > 5 * (time.perf_counter() - times[-1])


def test_events_hold_whole_characters_only(runner: Runners, pool: Pool) -> None:
    prompt = "Repeat: 🙂🙃🌍 日本語\nRepeat: 🙂🙃🌍 日本語\nRepeat:"
    reply = runner.run(pool.call("ml.generate", prompt=prompt, max_tokens=24))
    assert "🙂" in pool.text
    assert "\ufffd" not in pool.text
    assert any(not event.token.text for event in pool.events), "no character was split"
    assert reply.result["text"] == pool.text


def sampled(runner: Runners, **more: Any) -> str:
    call = Pool().call(
        "ml.generate", **{"prompt": "A list of", "max_tokens": 16, "temperature": 1.2, **more}
    )
    return runner.run(call).result["text"]


def test_the_same_seed_gives_the_same_text(runner: Runners) -> None:
    assert sampled(runner, seed=7) == sampled(runner, seed=7)
    assert len({sampled(runner, seed=seed) for seed in range(4)}) > 1
    assert sampled(runner, seed=7, top_k=1) == sampled(runner, seed=8, temperature=0)


def test_a_random_seed_is_told_and_repeats_the_text(runner: Runners, pool: Pool) -> None:
    call = {"prompt": "A list of", "max_tokens": 8, "temperature": 1}
    first = runner.run(pool.call("ml.generate", **call)).result
    again = runner.run(pool.call("ml.generate", **call, seed=first["seed"])).result
    assert again["text"] == first["text"]


def test_a_stop_text_is_never_shown(runner: Runners, pool: Pool) -> None:
    full = runner.run(Pool().call("ml.generate", prompt="1, 2, 3, 4,", max_tokens=24)).result
    stop = full["text"][6:10]
    reply = runner.run(
        pool.call("ml.generate", prompt="1, 2, 3, 4,", max_tokens=24, stop=["never", stop])
    )
    assert reply.result["finish_reason"] == "stop"
    assert reply.result["text"] == full["text"][: full["text"].index(stop)] == pool.text


def test_cancellation_is_seen_within_a_token(runner: Runners, pool: Pool) -> None:
    def leave() -> None:
        if len(pool.events) == 3:
            pool.cancelled.set()

    pool.on_event = leave
    reply = runner.run(pool.call("ml.generate", prompt="Once", max_tokens=200))
    assert reply.outcome == compute_pb2.OUTCOME_CANCELLED
    assert len(pool.events) == 3


def test_a_deadline_keeps_what_was_generated(runner: Runners, pool: Pool) -> None:
    def expire() -> None:
        if len(pool.events) == 4:
            pool.deadline = time.monotonic()

    pool.on_event = expire
    reply = runner.run(pool.call("ml.generate", prompt="Once upon", max_tokens=200))
    assert reply.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert reply.result["text"] == pool.text != ""
    assert reply.result["finish_reason"] is None
    assert reply.result["completion_tokens"] == len(pool.events) == 4


def test_a_deadline_is_seen_while_a_long_prompt_is_read(
    runner: Runners, generator: Generator, pool: Pool
) -> None:
    assert not generator.start("word " * 3000, max_tokens=1).wait(0.05)
    pool.deadline = time.monotonic()
    reply = runner.run(pool.call("ml.generate", prompt="other " * 3000))
    assert reply.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert reply.result["text"] == ""
    assert reply.result["time_to_first_token_ms"] is None


def test_calls_at_the_same_time_get_what_each_gets_alone(runner: Runners) -> None:
    prompts = [f"Number {i} is" for i in range(16)]

    def run(prompt: str) -> str:
        call = Pool().call("ml.generate", prompt=prompt, max_tokens=12)
        return runner.run(call).result["text"]

    alone = [run(prompt) for prompt in prompts]
    with ThreadPoolExecutor(len(prompts)) as threads:
        assert list(threads.map(run, prompts)) == alone


def test_a_conversation_reads_only_what_is_new(runner: Runners) -> None:
    messages = [{"role": "user", "content": "Name a colour, and say why you like it."}]
    first = runner.run(Pool().call("ml.generate", messages=messages, max_tokens=16)).result
    messages += [
        {"role": "assistant", "content": first["text"]},
        {"role": "user", "content": "And another?"},
    ]
    second = runner.run(Pool().call("ml.generate", messages=messages, max_tokens=4)).result
    assert second["cached_tokens"] >= first["prompt_tokens"]


def test_log_probabilities_are_told_when_asked_for(runner: Runners, pool: Pool) -> None:
    call = pool.call("ml.generate", prompt="One, two,", max_tokens=3, logprobs=True, top_logprobs=2)
    result = runner.run(call).result
    assert "".join(each["token"] for each in result["logprobs"]) == result["text"]
    for each in result["logprobs"]:
        best, second = each["top_logprobs"]
        assert (best["id"], best["logprob"]) == (each["id"], each["logprob"])
        assert second["logprob"] <= best["logprob"]


def test_a_repetition_penalty_changes_the_text(runner: Runners) -> None:
    call = {"prompt": "1, 1, 1, 1, 1, 1,", "max_tokens": 8}
    plain = runner.run(Pool().call("ml.generate", **call)).result["text"]
    penalised = runner.run(Pool().call("ml.generate", **call, repetition_penalty=2)).result["text"]
    assert plain != penalised


def test_a_prompt_is_truncated_when_that_is_asked(runner: Runners, pool: Pool) -> None:
    call = pool.call("ml.generate", prompt="word " * 9000, max_tokens=1, truncate_prompt_tokens=20)
    assert runner.run(call).result["prompt_tokens"] == 20


def test_calls_leave_nothing_behind_for_the_next(runner: Runners) -> None:
    call = {"prompt": "The sea is", "max_tokens": 12}
    before = runner.run(Pool().call("ml.generate", **call)).result["text"]
    runner.run(Pool().call("ml.generate", prompt="Numbers: 1 2 3 4 5 6", max_tokens=9))
    assert runner.run(Pool().call("ml.generate", **call)).result["text"] == before


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({}, "parameters.prompt", "required, or messages"),
        (
            {"prompt": "a", "messages": [{"role": "user", "content": "a"}]},
            "parameters.prompt",
            "absent where messages are given",
        ),
        ({"prompt": "word " * 9000}, "parameters.prompt", "at most 8191 tokens, not 9001"),
        (
            {"messages": [{"role": "user", "content": "word " * 9000}]},
            "parameters.messages",
            "at most 8191 tokens",
        ),
        ({"prompt": "\udfff"}, "parameters.prompt", "no unpaired surrogates"),
        ({"prompt": "a", "top_p": 0}, "parameters.top_p", "must be above 0"),
        ({"prompt": "a", "min_p": 2}, "parameters.min_p", "must be from 0 to 1"),
        (
            {"prompt": "a", "presence_penalty": 3},
            "parameters.presence_penalty",
            "must be from -2 to 2",
        ),
    ],
)
def test_what_cannot_be_run_is_named(
    runner: Runners, pool: Pool, given: dict[str, Any], field: str, expected: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        runner.run(pool.call("ml.generate", **given))
    assert list(caught.value.violations) == [field]
    assert caught.value.violations[field].startswith(expected)


def test_numbers_that_json_writes_as_floats_are_taken(runner: Runners, pool: Pool) -> None:
    reply = runner.run(pool.call("ml.generate", prompt="a", max_tokens=2.0, seed=1.0, top_k=0.0))
    assert reply.result["completion_tokens"] == 2


@pytest.mark.parametrize(
    "content", [b"", b"GGUF", b"\x00" * 4096, b"GGUF\x03\0\0\0" + b"\xff" * 64]
)
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        Generator(path)
    assert caught.value.path == str(path)
