"""`ml.rerank` on a small cross-encoder; `encoder_families.rs` has the scores of transformers."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import Pool
from edgemesh.compute.v1 import compute_pb2
from made import HIDDEN, bert, put, safetensors
from served import SERVING, served

from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.runner import MlRunner
from mesh_service.executor import InvalidInput

DOCUMENTS = ["one", "two", "warm up", "one two", "up"]


def cross_encoder(labels: int = 1, **config: Any) -> dict[str, bytes]:
    """The files of one."""
    files = bert(3, architectures=["BertForSequenceClassification"], **config)
    weights = files["model.safetensors"]
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    shapes = {f"bert.{name}": tuple(tensor["shape"]) for name, tensor in header.items()}
    shapes |= {
        "bert.pooler.dense.weight": (HIDDEN, HIDDEN),
        "bert.pooler.dense.bias": (HIDDEN,),
        "classifier.weight": (labels, HIDDEN),
        "classifier.bias": (labels,),
    }
    return files | {"model.safetensors": safetensors(shapes, 3)}


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> MlRunner:
    folder = put(tmp_path_factory.mktemp("models") / "order", cross_encoder())
    return MlRunner({"folder": str(folder), "manifest": asdict(derive(folder))})


def results(reranker: MlRunner, **parameters: Any) -> list[dict[str, Any]]:
    call = Pool().call("ml.rerank", **({"query": "one", "documents": DOCUMENTS} | parameters))
    reply = reranker.run(call)
    assert reply.outcome == compute_pb2.OUTCOME_OK
    return reply.result["results"]


def test_documents_are_sorted_by_score(reranker: MlRunner) -> None:
    told = results(reranker)
    scores = [each["score"] for each in told]
    assert sorted(each["index"] for each in told) == list(range(len(DOCUMENTS)))
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)
    assert all(set(each) == {"index", "score"} for each in told)
    assert results(reranker, top_n=2) == told[:2]
    with_text = results(reranker, return_documents=True, top_n=1)
    assert with_text == [told[0] | {"document": DOCUMENTS[told[0]["index"]]}]


def test_each_document_gets_the_score_that_it_gets_alone(reranker: MlRunner) -> None:
    for each in results(reranker):
        alone = results(reranker, documents=[DOCUMENTS[each["index"]]])[0]["score"]
        assert each["score"] == pytest.approx(alone, abs=1e-6)


def test_scores_are_probabilities_or_raw(reranker: MlRunner) -> None:
    raw = {each["index"]: each["score"] for each in results(reranker, raw_scores=True)}
    for each in results(reranker):
        assert each["score"] == pytest.approx(1 / (1 + math.exp(-raw[each["index"]])), abs=1e-6)


def test_equal_documents_keep_their_order(reranker: MlRunner) -> None:
    told = results(reranker, documents=["up", "one", "up", "up"])
    assert [each["index"] for each in told if each["index"] != 1] == [0, 2, 3]


def test_the_result_tells_what_was_read(reranker: MlRunner, pool: Pool) -> None:
    call = pool.call("ml.rerank", query="one", documents=["two", "one " * 40])
    result = reranker.run(call).result
    assert (result["model"], result["model_version"]) == ("order", "1")
    assert (result["tokens"], result["truncated"]) == (5 + 16, 1)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"query": "\ud800"}, "parameters.query"),
        ({"documents": ["one", "\ud800"]}, "parameters.documents[1]"),
    ],
)
def test_half_a_surrogate_pair_is_named(
    reranker: MlRunner, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        results(reranker, **given)
    assert caught.value.violations == {field: "no unpaired surrogates"}


def test_a_caller_who_left_stops_it(reranker: MlRunner, pool: Pool) -> None:
    pool.cancelled.set()
    call = pool.call("ml.rerank", query="one", documents=["one two up"] * 1000)
    assert reranker.run(call).outcome == compute_pb2.OUTCOME_CANCELLED


def test_the_front_serves_it_and_refuses_what_has_several_labels(tmp_path: Path) -> None:
    models = tmp_path / "models"
    put(models / "order", cross_encoder())
    put(models / "several", cross_encoder(3))
    with served(models, tmp_path / "cache") as executor:
        told = executor.until(
            lambda m: {"order", "several"} <= m.keys() and m["order"].state == SERVING
        )
        assert list(told["order"].algorithms) == ["ml.rerank@1"]
        assert "one label is supported" in told["several"].detail
        request = compute_pb2.ComputeRequest(
            algorithm="ml.rerank", parameters=json.dumps({"query": "one", "documents": ["two"]})
        )
        response = executor.stub.Execute(request, timeout=20)
        assert json.loads(response.result)["results"][0]["index"] == 0
        request.parameters = json.dumps({"query": "one", "documents": []})
        with pytest.raises(grpc.RpcError) as caught:
            executor.stub.Execute(request, timeout=20)
        assert "parameters.documents" in caught.value.details()  # pyright: ignore
