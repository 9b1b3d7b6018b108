"""`ml.embed` against sentence-transformers' vectors, and at its edges."""

from __future__ import annotations

import base64
import math
import os
import random
import shutil
import time
from array import array
from pathlib import Path

import pytest
from conftest import Pool, Runners, golden
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemesh_candle import Embedder, ModelError
from edgemesh_executor_ml import embed
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import Call, InvalidInput, Reply

DIMENSIONS = 384
TOLERANCE = 1e-5


def vectors(embedder: Embedder, texts: list[str], *, normalize: bool = True) -> list[array[float]]:
    job = embedder.start(texts, normalize=normalize)
    out = bytearray(job.nbytes)
    while job.step(out):
        pass
    return rows(out)


def rows(data: bytes | bytearray | memoryview) -> list[array[float]]:
    values = array("f", bytes(data))
    return [values[i : i + DIMENSIONS] for i in range(0, len(values), DIMENSIONS)]


def worst(a: array[float], b: array[float]) -> float:
    assert len(a) == len(b)
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def test_vectors_equal_the_reference(embedder: Embedder) -> None:
    reference = golden("embeddings.json")
    expected = rows(base64.b64decode(reference["vectors"]))
    for together in (vectors(embedder, reference["texts"]), None):
        for i, text in enumerate(reference["texts"]):
            got = together[i] if together else vectors(embedder, [text])[0]
            assert worst(got, expected[i]) < TOLERANCE, text


def test_vectors_that_are_not_normalized(embedder: Embedder) -> None:
    reference = golden("embeddings.json")
    expected = rows(base64.b64decode(reference["raw_vectors"]))
    got = vectors(embedder, reference["raw_texts"], normalize=False)
    assert all(worst(a, b) < TOLERANCE for a, b in zip(got, expected, strict=True))


def test_a_thousand_ragged_texts_equal_each_alone(embedder: Embedder) -> None:
    chance = random.Random(1)
    words = [
        "sun",
        "spot",
        "cycle",
        "river",
        "stone",
        "über",
        "日本",
        "model",
        "mesh",
        "token",
        "answer",
        "seven",
    ]
    texts = [" ".join(chance.choices(words, k=chance.randint(0, 30))) for _ in range(1000)]
    together = vectors(embedder, texts)
    assert len(together) == 1000
    for i in chance.sample(range(1000), 40):
        assert worst(together[i], vectors(embedder, [texts[i]])[0]) < TOLERANCE


def test_what_lies_beyond_the_longest_input_is_ignored(embedder: Embedder) -> None:
    job = embedder.start(["word " * 10_000, "word"])
    assert embedder.max_tokens == 256
    assert (job.tokens, job.truncated) == (256 + 3, 1)
    a, b = vectors(embedder, ["word " * 254, "word " * 10_000])
    assert worst(a, b) < TOLERANCE


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_any_text_has_a_vector_of_length_one(embedder: Embedder, texts: list[str]) -> None:
    for vector in vectors(embedder, texts):
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-5)


@pytest.mark.parametrize("size", [0, 4, DIMENSIONS * 4 - 1, DIMENSIONS * 4 + 4])
def test_a_buffer_of_the_wrong_size_is_refused(embedder: Embedder, size: int) -> None:
    with pytest.raises(ValueError, match="1536 bytes"):
        embedder.start(["a"]).step(bytearray(size))


def test_a_buffer_that_cannot_be_written_is_refused(embedder: Embedder) -> None:
    job = embedder.start(["a"])
    with pytest.raises(ValueError, match="writable"):
        job.step(bytes(job.nbytes))
    with pytest.raises(ValueError, match="aligned"):
        job.step(memoryview(bytearray(job.nbytes + 1))[1:])


def test_no_texts_are_no_work(embedder: Embedder) -> None:
    job = embedder.start([])
    assert job.nbytes == 0
    assert not job.step(bytearray())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"),
        ("model.safetensors", None),
        ("config.json", b"{"),
        ("config.json", b'{"model_type": "t5"}'),
        ("tokenizer.json", b"{}"),
        ("1_Pooling/config.json", b'{"pooling_mode_max_tokens": true}'),
    ],
)
def test_a_broken_folder_is_refused_by_name(
    models: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models / "all-minilm-l6-v2", folder, copy_function=os.symlink)
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    (folder / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ModelError) as caught:
        Embedder(folder)
    assert caught.value.path.endswith(name)
    assert caught.value.reason


def test_a_call_writes_into_the_fronts_memory(runner: Runners, pool: Pool) -> None:
    reply = runner.run(pool.call("ml.embed", texts=["one", "two", "three"]))
    assert reply.outcome == compute_pb2.OUTCOME_OK
    assert reply.result == {
        "model": "all-minilm-l6-v2",
        "model_version": "1",
        "dimensions": DIMENSIONS,
        "tokens": 9,
        "truncated": 0,
    }
    output = reply.outputs["embeddings"]
    assert (output.dtype, output.shape) == (tensor_pb2.DATA_TYPE_FLOAT32, (3, DIMENSIONS))
    assert output.data.nbytes == 3 * DIMENSIONS * 4


def test_nearest_meaning_is_found(embedder: Embedder) -> None:
    question, *sentences = vectors(
        embedder,
        [
            "How long is the solar cycle?",
            "Bread is baked from flour and water.",
            "Sunspots come and go in a period of about eleven years.",
            "The train leaves at noon.",
        ],
    )
    scores = [sum(a * b for a, b in zip(question, s, strict=True)) for s in sentences]
    assert scores.index(max(scores)) == 1


def test_a_caller_who_left_stops_a_large_batch(
    runner: Runners, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Call] = []

    def told(call: Call) -> Reply | None:
        asked.append(call)
        return stopped(call)

    monkeypatch.setattr(embed, "stopped", told)
    pool.cancelled.set()
    reply = runner.run(pool.call("ml.embed", texts=["word " * 200] * 1000))
    assert reply.outcome == compute_pb2.OUTCOME_CANCELLED
    assert not reply.outputs
    assert len(asked) == 1, "it went on after it was told"


def test_a_deadline_stops_a_large_batch(runner: Runners, pool: Pool) -> None:
    pool.deadline = time.monotonic()
    reply = runner.run(pool.call("ml.embed", texts=["word " * 200] * 1000))
    assert reply.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert reply.failure is not None
    assert reply.failure.limit.name == "run_time_ms"


def test_half_a_surrogate_pair_is_named(runner: Runners, pool: Pool) -> None:
    with pytest.raises(InvalidInput) as caught:
        runner.run(pool.call("ml.embed", texts=["\ud800"]))
    assert caught.value.violations == {"parameters.texts": "no unpaired surrogates"}
