"""Texts of different calls are encoded together, and no call notices it of another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Pool
from edgemesh.compute.v1 import compute_pb2
from made import put
from test_rerank import cross_encoder

from edgemesh_candle import Embedder, Reranker, TextTooLong
from edgemesh_executor_ml import embed
from edgemesh_executor_ml.manifest import load
from edgemesh_executor_ml.prompts import Prompts
from mesh_service.executor import Reply

CALLERS = 32
TEXTS = [f"{i} " + "where is the station, and when " * (i % 7) for i in range(CALLERS)]


def vectors(embedder: Embedder, texts: list[str]) -> bytes:
    job = embedder.start(texts)
    out = bytearray(job.nbytes)
    while job.step(out):
        pass
    return bytes(out)


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What they give, begun in the same moment."""
    begin = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        begin.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as callers:
        return list(callers.map(run, calls))


def test_many_callers_get_what_each_gets_alone_in_fewer_passes(embedder: Embedder) -> None:
    alone = [vectors(embedder, [text]) for text in TEXTS]
    batches, sequences = embedder.encoded
    assert at_once([lambda t=text: vectors(embedder, [t]) for text in TEXTS]) == alone
    assert embedder.encoded[1] - sequences == CALLERS
    assert embedder.encoded[0] - batches < CALLERS


def test_a_lone_call_waits_for_nobody(embedder: Embedder) -> None:
    for _ in range(3):
        batches, sequences = embedder.encoded
        vectors(embedder, ["yes"])
        assert embedder.encoded == (batches + 1, sequences + 1)


def test_a_call_that_has_begun_is_waited_for_and_one_that_has_gone_is_not(
    embedder: Embedder,
) -> None:
    coming = embedder.start(["it has begun, and has not come"])

    def seconds() -> float:
        began = time.perf_counter()
        vectors(embedder, ["yes"])
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) >= 0.002
    del coming
    batches = embedder.encoded[0]
    vectors(embedder, ["yes"])
    assert embedder.encoded[0] == batches + 1


def test_pairs_of_many_callers_score_as_alone(tmp_path: Path) -> None:
    reranker = Reranker(put(tmp_path / "cross", cross_encoder()))

    def scores(query: str) -> list[float]:
        job = reranker.start(query, ["one two", "two", "up warm one"])
        while job.step():
            pass
        return job.scores()

    queries = ["one", "two one", "warm up", "up", "one two one", "two"] * 3
    alone = [scores(query) for query in queries]
    batches = reranker.encoded[0]
    assert at_once([lambda q=query: scores(q) for query in queries]) == alone
    assert reranker.encoded[0] - batches <= len(queries)


def test_one_that_fails_and_one_that_leaves_touch_no_other(
    embedder: Embedder, models: Path
) -> None:
    manifest, none = load(models / "all-minilm-l6-v2"), Prompts()

    def call(pool: Pool, *texts: str) -> Reply:
        asked = pool.call("ml.embed", texts=list(texts))
        return embed.run(asked, manifest, embedder, none)

    def too_long() -> str:
        with pytest.raises(TextTooLong) as caught:
            embedder.start(["sea " * 1000], truncate=False)
        return str(caught.value)

    def leaves() -> Reply:
        pool = Pool()
        pool.cancelled.set()
        return call(pool, *TEXTS * 20)

    def late() -> Reply:
        return call(Pool(deadline=time.monotonic()), *TEXTS * 20)

    alone = [bytes(call(Pool(), text).outputs["embeddings"].data) for text in TEXTS]
    good = [lambda t=text: call(Pool(), t) for text in TEXTS]
    *replies, gone, over, error = at_once([*good, leaves, late, too_long])
    assert [bytes(reply.outputs["embeddings"].data) for reply in replies] == alone
    assert gone.outcome == compute_pb2.OUTCOME_CANCELLED
    assert over.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert "tokens long" in error
    batches = embedder.encoded[0]
    vectors(embedder, ["yes"])  # nobody waits, and nobody is waited for
    assert embedder.encoded[0] == batches + 1
