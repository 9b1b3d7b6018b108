"""Models that come and go while the executor serves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, model_pb2, model_pb2_grpc
from edgemesh.executor.v1 import executor_pb2
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from made import bert, described, gguf, put, safetensors
from served import KEPT, REFUSED, SERVING, Served, resident, served, since, unusable

WITHIN_S = 20.0  # two seconds are the goal, and a busy machine's are ten times as long


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def executor(models: Path, tmp_path: Path) -> Iterator[Served]:
    with served(models, tmp_path / "cache") as running:
        yield running


def test_a_folder_is_served_soon_after_its_last_byte(executor: Served, models: Path) -> None:
    assert executor.names() == []
    put(models / "made", bert())
    began = time.monotonic()
    told = executor.state("made", SERVING)
    assert executor.embed("made")[0] == "1"
    assert since(began) < WITHIN_S
    assert (told.name, told.version, list(told.algorithms)) == ("made", "1", ["ml.embed@1"])
    assert executor.names() == ["made", "made@stable", "made@1"]
    put(models / "with-manifest", described(bert(2), name="other", version="7"))
    began = time.monotonic()
    executor.state("with-manifest", SERVING)
    assert executor.embed("other")[0] == "7"
    assert since(began) < WITHIN_S
    assert executor.embed()[0] == "1"  # the first by name stays the default


def test_a_lone_gguf_is_served(executor: Served, models: Path) -> None:
    (models / "tiny@3.gguf").write_bytes(gguf())
    began = time.monotonic()
    told = executor.state("tiny@3.gguf", SERVING)
    request = compute_pb2.ComputeRequest(
        algorithm="ml.generate", parameters='{"prompt": "one", "max_tokens": 3, "model": "tiny@3"}'
    )
    assert '"model_version": "3"' in executor.stub.Execute(request, timeout=20).result
    assert since(began) < WITHIN_S
    assert (told.name, told.version) == ("tiny", "3")


@pytest.mark.parametrize("with_manifest", [False, True])
def test_what_is_half_copied_is_never_offered(
    executor: Served, models: Path, with_manifest: bool
) -> None:
    files = bert(feed=4096)
    weights = files["model.safetensors"]
    if with_manifest:
        # The manifest first, so that it is there all the while.
        files = dict(reversed(described(files).items()))
    put(models / "made", files | {"model.safetensors": b""})
    with (models / "made" / "model.safetensors").open("wb") as file:
        for at in range(0, len(weights), len(weights) // 5 + 1):
            assert executor.names() == []
            file.write(weights[at : at + len(weights) // 5 + 1])
            file.flush()
            if at + len(weights) // 5 + 1 < len(weights):  # it rests until it was looked at
                size = file.tell()
                told = executor.until(
                    lambda m, n=size: "made" in m and f"has {n} bytes" in m["made"].detail
                )
                assert told["made"].state == REFUSED
    executor.state("made", SERVING)
    assert executor.embed("made")[0] == "1"


def test_other_content_than_the_manifest_says_is_not_offered(
    executor: Served, models: Path
) -> None:
    files = described(bert())
    zeros = bytes(len(files["model.safetensors"]))
    put(models / "made", files | {"model.safetensors": zeros})
    executor.until(
        lambda m: "made" in m and m["made"].detail.startswith("model.safetensors has sha256 ")
    )
    (models / "made" / "model.safetensors").write_bytes(files["model.safetensors"])
    executor.state("made", SERVING)


def test_a_model_that_goes_is_withdrawn_and_its_calls_end(executor: Served, models: Path) -> None:
    (models / "tiny.gguf").write_bytes(gguf(llama__context_length=4096))
    put(models / "made", bert())
    executor.state("tiny.gguf", SERVING)
    executor.state("made", SERVING)
    request = compute_pb2.ComputeRequest(
        algorithm="ml.generate", parameters='{"prompt": "one", "max_tokens": 2000}'
    )
    events = executor.stub.ExecuteStream(request, timeout=60)
    next(events)
    (models / "tiny.gguf").unlink()
    executor.until(lambda m: "tiny.gguf" not in m)
    last = None
    for event in events:
        last = event
    assert last is not None
    assert last.response.outcome == compute_pb2.OUTCOME_OK
    with pytest.raises(grpc.RpcError) as caught:
        executor.stub.Execute(request, timeout=20)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND  # pyright: ignore
    health = health_pb2_grpc.HealthStub(executor.channel)
    asked = health_pb2.HealthCheckRequest(service="plugin/tiny")
    answer = health.Check(asked, timeout=20)  # pyright: ignore[reportAttributeAccessIssue]
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert executor.embed("made")[0] == "1"


def test_bad_models_are_refused_by_name_and_harm_nobody(executor: Served, models: Path) -> None:
    good = bert()
    tokenizer = b'{"version":"1.0","added_tokens":[],"model":{"type":"WordLevel"}}'
    bad_regex = good["tokenizer.json"].replace(
        b'{"type": "Whitespace"}',
        b'{"type":"Split","pattern":{"Regex":"(((("},"behavior":"Isolated","invert":false}',
    )
    huge = b"\x00\x00\x00\x00\x00\x00\x00\x80" + b"{}"
    nan = safetensors({"x": (1,)}, 1)
    bomb = b"GGUF\x03\0\0\0" + b"\x01" + bytes(7) + b"\x01" + bytes(7) + b"\xff" * 64
    pickled = {k: v for k, v in good.items() if k != "model.safetensors"}
    put(models / "huge", good | {"model.safetensors": huge})
    put(models / "nan", good | {"model.safetensors": nan})
    put(models / "paint", good | {"config.json": b'{"model_type": "t5"}'})
    put(models / "regex", good | {"tokenizer.json": bad_regex})
    put(models / "vocabulary", good | {"tokenizer.json": tokenizer})
    put(models / "pickle", pickled | {"pytorch_model.bin": b"\x80\x02cos\nsystem\n."})
    put(models / "leaves", described(good, files=[{"path": "../x", "bytes": 1, "sha256": ""}]))
    put(models / "nameless", described(good, name="a b"))
    (models / "bomb.gguf").write_bytes(bomb)
    (models / "whose.gguf").write_bytes(gguf(general__architecture="mamba"))
    (models / "cut.gguf").write_bytes(gguf()[:-100])
    put(models / "good", good)
    expected = {
        "huge": f"model.safetensors has a header of {1 << 63} bytes",
        "nan": "has no tensor embeddings.word_embeddings.weight",
        "paint": "t5 is not supported; there is: embed by bert, distilbert",
        "regex": "tokenizer.json: ",
        "vocabulary": "tokenizer.json: ",
        "pickle": "pytorch_model.bin is a pickle, which is never read",
        "leaves": "leaves the folder",
        "nameless": "name: 'a b' is none",
        "bomb.gguf": "has a text of 18446744073709551615 bytes",
        "whose.gguf": "generate by mamba is not supported",
        "cut.gguf": "and its tensors end at",
    }
    told = executor.until(
        lambda m: all(e in m and m[e].state == REFUSED for e in expected) and "good" in m, 40
    )
    assert {e: told[e].detail for e, why in expected.items() if why not in told[e].detail} == {}
    executor.state("good", SERVING)
    for model, entry in (("pickle", "pickle"), ("paint@1", "paint"), ("bomb", "bomb.gguf")):
        why, remedy = unusable(executor, model)
        assert expected[entry] in why
        assert remedy == f"mend {entry} in the models' folder, or take another model: good"
    assert executor.names() == ["good", "good@stable", "good@1"]
    assert executor.embed()[0] == "1"


def test_versions_lie_side_by_side_and_one_command_rolls_back(
    executor: Served, models: Path
) -> None:
    put(models / "a", described(bert(1), version="9"))
    executor.state("a", SERVING)
    first = executor.embed("made")
    put(models / "b", described(bert(5), version="10"))
    executor.state("b", SERVING)
    second = executor.embed("made")
    assert (first[0], second[0]) == ("9", "10")
    assert first[1] != second[1]
    assert executor.embed("made@9") == first
    assert executor.state("a", KEPT).version == "9"
    put(models / "c", described(bert(7), version="10"))
    assert executor.state("c", REFUSED).detail == "made@10 is there already, as b"

    pin(models, "made", "9")
    executor.state("a", SERVING)
    assert executor.embed("made") == executor.embed() == first
    pin(models, "made", "9", "--canary", "10", "--share", "50")
    executor.until(lambda m: "canary of 50 %" in m["b"].detail)
    assert executor.names() == [
        *("made", "made@stable", "made@canary", "made@10", "made@9"),
    ]
    got = Counter(executor.embed("made")[0] for _ in range(60))
    assert 5 < got["10"] < 55  # that it is not so by chance has a probability of 1e-10
    assert executor.embed("made@stable") == first
    assert executor.embed("made@canary") == second
    pin(models, "made", "newest")
    executor.state("b", SERVING)
    assert executor.embed("made") == second


def pin(models: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "edgemesh_executor_ml.pins", str(models), *arguments]
    subprocess.run(command, check=True, capture_output=True)


def test_files_that_change_are_another_model(executor: Served, models: Path) -> None:
    put(models / "made", bert(1))
    executor.state("made", SERVING)
    first = executor.embed("made")
    put(models / ".coming", bert(5))
    (models / "made").rename(models / ".gone")
    (models / ".coming").rename(models / "made")
    executor.until(lambda m: "made" in m and executor.embed("made") != first)


def test_what_was_found_outlives_a_restart(models: Path, tmp_path: Path) -> None:
    put(models / "made", described(bert()))
    with served(models, tmp_path / "cache") as running:
        first = running.embed()
    notes = sorted((tmp_path / "cache" / "ml-models").iterdir())
    assert len(notes) == 1
    changed = notes[0].stat().st_mtime_ns
    with served(models, tmp_path / "cache") as running:
        assert running.embed() == first
    assert notes[0].stat().st_mtime_ns == changed


MIB = 1 << 20
FEED = 400_000
"""Some 100 MB of weights, which lie there twice while they are loaded."""


def test_models_that_do_not_fit_side_by_side_are_served_in_turn(
    models: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        put(models / name, bert(ord(name), FEED))
    put(models / "large", bert(3, 3 * FEED))
    limit = 450
    with served(models, tmp_path / "cache", models_memory_bytes=limit * MIB) as running:
        described = running.stub.Describe(executor_pb2.DescribeRequest(), timeout=20)
        assert described.resources.memory_bytes == limit * MIB
        told = running.until(lambda m: {"a", "b", "large"} <= m.keys())
        needs = {e: int(told[e].detail.split(", ")[1].split()[0]) for e in ("a", "b")}
        assert all(limit / 2 < each < limit for each in needs.values()), needs
        assert told["large"].state == REFUSED
        assert f"{limit} MiB" in told["large"].detail
        assert "more memory than all models may take" in told["large"].detail
        vectors = {name: running.embed(name) for name in ("a", "b")}
        assert vectors["a"] != vectors["b"]
        assert running.embed("a") == vectors["a"]
        with ThreadPoolExecutor(8) as threads:
            asked = ["a", "b"] * 8
            assert list(threads.map(running.embed, asked)) == [vectors[each] for each in asked]
        told = running.until(lambda m: sum(m[e].detail.startswith("loaded") for e in "ab") == 1)
        one = resident(running.pid)
        other = "b" if told["a"].detail.startswith("loaded") else "a"
        running.embed(other)
        running.until(lambda m: sum(m[e].detail.startswith("loaded") for e in "ab") == 1)
        assert resident(running.pid) < one * 1.1


def test_kept_models_stay_and_leave_the_others_no_room(models: Path, tmp_path: Path) -> None:
    put(models / "a", bert(1))
    put(models / "b", bert(2, FEED))
    with served(
        models, tmp_path / "cache", models_memory_bytes=400 * MIB, keep_models="b"
    ) as running:
        told = running.until(lambda m: {"a", "b"} <= m.keys())
        assert told["b"].detail.startswith("loaded")
        assert running.embed() == running.embed("b")  # it is the default, too
        put(models / "c", bert(3, FEED))
        full = "that are kept, and models may take 400 MiB in all"
        told = running.until(lambda m: "c" in m and full in m["c"].detail)
        assert told["c"].state == REFUSED
        why, remedy = unusable(running, "c")
        assert full in why
        assert "EDGEMESH_ML_KEEP_MODELS" in remedy
        assert "EDGEMESH_ML_MODELS_MEMORY_BYTES" in remedy
        assert running.embed("a")[0] == "1"
        assert running.state("b", SERVING).detail.startswith("loaded")


def test_models_are_listed_loaded_and_unloaded(models: Path, tmp_path: Path) -> None:
    put(models / "a", described(bert(1), name="a", licence="MIT"))
    put(models / "b", bert(2))
    put(models / "b@2", bert(3))
    with served(models, tmp_path / "cache", keep_models="a") as running:
        service = model_pb2_grpc.ModelServiceStub(running.channel)
        listed = service.ListModels(model_pb2.ListModelsRequest(), timeout=20)
        assert [(m.name, m.version, m.loaded, m.stable, m.kept) for m in listed.models] == [
            ("a", "1", True, True, True),
            ("b", "1", False, False, False),
            ("b", "2", False, True, False),
        ]
        first = listed.models[0]
        assert (first.task, first.family, first.licence) == ("embed", "bert", "MIT")
        assert first.file_bytes == sum(len(data) for data in bert(1).values())
        assert listed.memory_bytes == first.memory_bytes < listed.memory_limit_bytes
        loaded = service.LoadModel(model_pb2.LoadModelRequest(name="b@1"), timeout=20).model
        assert (loaded.version, loaded.loaded) == ("1", True)
        assert (
            service.GetModel(model_pb2.GetModelRequest(name="b"), timeout=20).model.version == "2"
        )
        left = service.UnloadModel(model_pb2.UnloadModelRequest(name="b@1"), timeout=20).model
        assert not left.loaded
        assert running.embed("b@1")[0] == "1"
        refused: tuple[tuple[Any, Message, str], ...] = (
            (service.GetModel, model_pb2.GetModelRequest(name="bb"), "b"),
            (service.LoadModel, model_pb2.LoadModelRequest(name="b@3"), "b"),
            (service.UnloadModel, model_pb2.UnloadModelRequest(name="a"), "a@1"),
        )
        for call, request, expected in refused:
            with pytest.raises(grpc.RpcError) as caught:
                call(request, timeout=20)  # pyright: ignore[reportArgumentType]
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT  # pyright: ignore
            assert "name: a model that" in caught.value.details()  # pyright: ignore
            assert expected in caught.value.details()  # pyright: ignore
