"""The executor as a process, over gRPC."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from edgemesh.executor.v1 import executor_pb2, executor_pb2_grpc
from served import served


@pytest.fixture(scope="module")
def executor(
    models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[executor_pb2_grpc.ExecutorServiceStub]:
    with served(models, tmp_path_factory.mktemp("cache"), workers=1) as running:
        yield running.stub


def request(algorithm: str, **parameters: object) -> compute_pb2.ComputeRequest:
    return compute_pb2.ComputeRequest(algorithm=algorithm, parameters=json.dumps(parameters))


def test_it_describes_what_it_can_do(executor: executor_pb2_grpc.ExecutorServiceStub) -> None:
    described = executor.Describe(executor_pb2.DescribeRequest(), timeout=20)
    assert described.name == "ml"
    assert [each.name for each in described.algorithms] == [
        "ml.embed",
        "ml.onnx",
        "ml.vad",
        "ml.generate",
        "ml.chat",
        "ml.tensor",
    ]


def test_vectors_arrive_as_a_tensor(executor: executor_pb2_grpc.ExecutorServiceStub) -> None:
    response = executor.Execute(request("ml.embed", texts=["one", "two"]), timeout=20)
    assert response.outcome == compute_pb2.OUTCOME_OK
    tensor = response.outputs["embeddings"]
    assert list(tensor.shape) == [2, 384]
    assert sum(x * x for x in array("f", tensor.data)) == pytest.approx(2, abs=1e-4)


def test_tokens_arrive_one_by_one(executor: executor_pb2_grpc.ExecutorServiceStub) -> None:
    events = list(
        executor.ExecuteStream(
            request("ml.generate", prompt="Once upon a time", max_tokens=12), timeout=30
        )
    )
    assert [event.WhichOneof("event") for event in events] == ["token"] * 12 + ["response"]
    result = json.loads(events[-1].response.result)
    assert "".join(event.token.text for event in events[:-1]) == result["text"]


def test_all_that_is_told_of_a_prompt_arrives(
    executor: executor_pb2_grpc.ExecutorServiceStub,
) -> None:
    """Much more than a pipe takes at once."""
    prompt = "one two three four five " * 60
    call = request("ml.generate", prompt=prompt, max_tokens=1, prompt_logprobs=20)
    response = executor.Execute(call, timeout=60)
    result = json.loads(response.result)
    first, *told = result["prompt_logprobs"]
    assert first is None
    assert len(told) == result["prompt_tokens"] - 1
    assert "".join(each["token"] for each in told) == prompt.removeprefix("one")
    assert {len(each["top_logprobs"]) for each in told} == {20}
    assert len(response.result) > 200_000


def test_many_chats_at_once_get_what_each_gets_alone(
    executor: executor_pb2_grpc.ExecutorServiceStub,
) -> None:
    def chat(i: int) -> str:
        messages = [{"role": "user", "content": f"Say the number {i}."}]
        call = request("ml.chat", messages=messages, max_tokens=8)
        response = executor.Execute(call, timeout=110)
        return json.loads(response.result)["choices"][0]["message"]["content"]

    alone = [chat(i) for i in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(chat, range(8))) == alone


def test_a_run_time_ends_a_generation_with_its_text(
    executor: executor_pb2_grpc.ExecutorServiceStub,
) -> None:
    call = request("ml.generate", prompt="Once upon a time", max_tokens=2000)
    call.limits.run_time_ms = 700
    response = executor.Execute(call, timeout=30)
    assert response.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert json.loads(response.result)["text"]


@pytest.mark.parametrize(
    "call",
    [
        request("ml.embed", texts=[]),
        request("ml.embed", texts=["a"], model="none"),
        request("ml.generate", prompt="a", max_tokens=0),
        request("ml.generate", prompt="a", temperature=-1),
        request("ml.generate", prompt="word " * 9000),
        request("ml.generate", prompt="a", stop=["x"] * 1000),
        request("ml.chat", prompt="a"),
    ],
)
def test_what_cannot_be_run_is_refused(
    executor: executor_pb2_grpc.ExecutorServiceStub, call: compute_pb2.ComputeRequest
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        executor.Execute(call, timeout=20)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT  # pyright: ignore
