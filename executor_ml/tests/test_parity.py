"""Real models against their references: a thousand texts' vectors, a text's perplexity."""

from __future__ import annotations

import math
import struct
import time
from array import array

import pytest
from conftest import GOLDEN, Pool, Runners, golden
from edgemesh.compute.v1 import compute_pb2
from sentences import digest, sentences

from edgemesh_candle import Embedder

WIDTH = 384
LEAST_COSINE = 0.99999
MOST_OFF = 0.005
"""Of a reference's perplexity."""
LEAST_AGREEMENT = 0.95
LEAST_POSITIONS = 2000


def test_a_thousand_texts_have_the_references_vectors(embedder: Embedder) -> None:
    texts = sentences()
    file = (GOLDEN / "sentences.f16").read_bytes()
    assert file[:32] == digest(texts), "made of other texts: tests/golden/make_sentences.py"
    expected = struct.unpack(f"<{len(texts) * WIDTH}e", file[32:])
    job = embedder.start(texts)
    out = bytearray(job.nbytes)
    while job.step(out):
        pass
    ours = array("f", bytes(out))
    rows = [slice(i * WIDTH, (i + 1) * WIDTH) for i in range(len(texts))]
    cosines = [_cosine(ours[row], expected[row]) for row in rows]
    print(f"{len(cosines)} texts: cosine at least {min(cosines):.8f}")
    told = zip(cosines, texts, strict=True)
    assert [(cosine, text[:40]) for cosine, text in told if not cosine >= LEAST_COSINE] == []


def _cosine(a: array[float], b: tuple[float, ...]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def test_a_texts_perplexity_is_the_references(runner: Runners, pool: Pool) -> None:
    expected = golden("perplexity.json")
    text = (GOLDEN / "rabbit_hole.txt").read_text(encoding="utf-8")
    pool.deadline = time.monotonic() + 300  # half a minute of one processor's, and others want it
    reply = runner.run(pool.call("ml.generate", prompt=text, max_tokens=1, prompt_logprobs=1))
    assert reply.outcome == compute_pb2.OUTCOME_OK
    first, *told = reply.result["prompt_logprobs"]
    assert first is None
    assert [each["id"] for each in told] == expected["ids"][1:]
    assert len(told) >= LEAST_POSITIONS
    perplexity = math.exp(-sum(each["logprob"] for each in told) / len(told))
    same = [
        each["top_logprobs"][0]["id"] == id
        for each, id in zip(told, expected["likeliest"], strict=True)
    ]
    agreement = sum(same) / len(same)
    print(f"{len(told)} tokens: perplexity {perplexity:.4f}, {agreement:.2%} as likeliest")
    for reference in ("torch", "llama.cpp"):
        assert perplexity == pytest.approx(expected[reference], rel=MOST_OFF), reference
    assert agreement >= LEAST_AGREEMENT


def test_what_is_told_of_a_prompt_is_what_generating_it_told(runner: Runners, pool: Pool) -> None:
    """A text's own log-probabilities, and the same text read as a prompt."""
    begun = "The lighthouse keeper wrote"
    said = runner.run(
        pool.call("ml.generate", prompt=begun, max_tokens=24, logprobs=True, top_logprobs=2)
    ).result
    whole = begun + said["text"]
    reads = pool.call(
        "ml.generate", prompt=whole, max_tokens=1, prompt_logprobs=2, truncate_prompt_tokens=512
    )
    read = runner.run(reads).result["prompt_logprobs"][-len(said["logprobs"]) :]
    assert [each["id"] for each in read] == [each["id"] for each in said["logprobs"]]
    for one, other in zip(read, said["logprobs"], strict=True):
        assert one["token"] == other["token"]
        assert one["logprob"] == pytest.approx(other["logprob"], abs=1e-3)
        assert [each["id"] for each in one["top_logprobs"]] == [
            each["id"] for each in other["top_logprobs"]
        ]


def test_without_the_question_nothing_is_told_of_a_prompt(runner: Runners, pool: Pool) -> None:
    result = runner.run(pool.call("ml.generate", prompt="One, two,", max_tokens=1)).result
    assert "prompt_logprobs" not in result
    told = runner.run(
        pool.call("ml.generate", prompt="One, two,", max_tokens=1, prompt_logprobs=0)
    ).result
    assert told["cached_tokens"] == 0
    assert [each and each["top_logprobs"] for each in told["prompt_logprobs"]] == [None, [], [], []]
