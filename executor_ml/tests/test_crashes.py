"""Models that crash or take too much memory take no other along, and are loaded again."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, model_pb2, model_pb2_grpc
from made import bert, gguf, put
from served import REFUSED, SERVING, Served, served, unusable

FEED = 400_000
"""Each token of such a model takes 1.6 MB while it is read."""
TOGETHER = 4
MIB = 1 << 20


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def request(algorithm: str, memory: int = 0, **parameters: Any) -> compute_pb2.ComputeRequest:
    limits = compute_pb2.Limits(memory_bytes=memory)
    text = json.dumps(parameters)
    return compute_pb2.ComputeRequest(algorithm=algorithm, parameters=text, limits=limits)


@contextmanager
def others(executor: Served, model: str) -> Iterator[list[int]]:
    """Calls of another model, one after another from each of some callers, until the body ends.

    All of them are right, and in one process; the body gets their process, once for each.
    """
    expected = executor.embed(model)
    over, pids = threading.Event(), list[int]()

    def call() -> None:
        while not over.is_set():
            asked = request("ml.embed", model=model, texts=["one"])
            response = executor.stub.Execute(asked, timeout=60)
            assert response.outcome == compute_pb2.OUTCOME_OK, response
            assert response.outputs["embeddings"].data == expected[1]
            pids.append(response.usage.worker_pid)

    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(call) for _ in range(3)]
        try:
            yield pids
        finally:
            over.set()
        for each in calls:
            each.result()
    assert len(set(pids)) == 1


def test_a_model_that_is_killed_takes_no_other_along(models: Path, tmp_path: Path) -> None:
    put(models / "made", bert())
    (models / "tiny.gguf").write_bytes(gguf(llama__context_length=4096, llama__block_count=24))
    with served(models, tmp_path / "cache", concurrency=TOGETHER) as executor:
        executor.until(lambda m: {"made", "tiny.gguf"} <= m.keys())
        short = request("ml.generate", prompt="one", max_tokens=3)
        long = request("ml.generate", prompt="one", max_tokens=2048)
        pid = executor.stub.Execute(short, timeout=60).usage.worker_pid
        with others(executor, "made") as pids:
            running = [executor.stub.ExecuteStream(long, timeout=60) for _ in range(TOGETHER)]
            for events in running:
                assert next(events).token.id >= 0
            os.kill(pid, signal.SIGSTOP)  # none of them ends before it is killed
            waiting = [executor.stub.Execute.future(short, timeout=60) for _ in range(3)]
            executor.embed("made")  # by then they have come, too
            os.kill(pid, signal.SIGKILL)
            for events in running:
                last = list(events)[-1].response
                assert last.outcome == compute_pb2.OUTCOME_CRASH
                assert last.failure.signal == signal.SIGKILL
                assert f"the worker process {pid} ended by SIGKILL" in last.failure.message
            for call in waiting:
                response = call.result()
                assert response.outcome == compute_pb2.OUTCOME_OK, response
                assert response.usage.worker_pid not in (0, pid)
            so_far = len(pids)
            again = executor.stub.Execute(short, timeout=60)
            assert again.outcome == compute_pb2.OUTCOME_OK
            assert again.usage.worker_pid not in (0, pid)
            while len(pids) < so_far + 10:
                executor.embed("made")
        assert pids[0] != pid


def test_one_that_passes_its_memory_takes_no_other_along(models: Path, tmp_path: Path) -> None:
    put(models / "made", bert())
    put(models / "wide", bert(2, FEED))
    with served(models, tmp_path / "cache", concurrency=TOGETHER) as executor:
        executor.state("wide", SERVING)
        executor.state("made", SERVING)
        expected = executor.embed("wide")
        much = request("ml.embed", 32 * MIB, model="wide", texts=["one two " * 7] * 256)
        little = request("ml.embed", 64 * MIB, model="wide", texts=["one"])
        with others(executor, "made"):
            guilty = executor.stub.Execute.future(much, timeout=60)
            beside = executor.stub.Execute.future(little, timeout=60)
            failed, innocent = guilty.result(), beside.result()
            assert failed.outcome == compute_pb2.OUTCOME_MEMORY_LIMIT, failed
            assert (failed.failure.limit.name, failed.failure.limit.value) == (
                "memory_bytes",
                32 * MIB,
            )
            assert innocent.outcome == compute_pb2.OUTCOME_OK, innocent
            assert innocent.outputs["embeddings"].data == expected[1]
            assert executor.embed("wide") == expected


def test_what_cannot_be_opened_is_told_by_name_and_harms_nobody(
    models: Path, tmp_path: Path
) -> None:
    put(models / "a", bert(1))
    put(models / "b", bert(2, FEED))
    with served(models, tmp_path / "cache") as executor:
        executor.state("a", SERVING)
        assert executor.state("b", SERVING).detail.startswith("not loaded")
        service = model_pb2_grpc.ModelServiceStub(executor.channel)
        load = model_pb2.LoadModelRequest(name="b")
        with others(executor, "a"), kills_what_starts(executor):
            why, remedy = unusable(executor, "b")
            assert why == "it cannot be opened: the worker ended with signal SIGKILL"
            assert "see that its files are whole" in remedy
            with pytest.raises(grpc.RpcError, match=r"cannot be opened: .*SIGKILL"):
                service.LoadModel(load, timeout=20)
        assert executor.embed("b")[0] == "1"
        service.UnloadModel(model_pb2.UnloadModelRequest(name="b"), timeout=20)
        (models / "b" / "model.safetensors").write_bytes(b"torn")
        executor.state("b", REFUSED)
        why, remedy = unusable(executor, "b")
        assert why.startswith("it was refused: model.safetensors")
        assert remedy == "mend b in the models' folder, or take another model: a"


@contextmanager
def kills_what_starts(executor: Served) -> Iterator[None]:
    """Kill each process that the executor starts, as a machine without memory would."""
    known, over = children(executor.pid), threading.Event()

    def kill() -> None:
        while not over.is_set():
            for pid in children(executor.pid) - known:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    with ThreadPoolExecutor(1) as thread:
        killing = thread.submit(kill)
        try:
            yield
        finally:
            over.set()
        killing.result()


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
