"""An executor of made models: it generates its prompt's words, and embeds texts as lengths."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2
from fake_executor import Context, FakeExecutor, refuse

from mesh_service import errors

GENERATOR, EMBEDDER = "made-llm", "made-embedder"
SECONDARY = f"{GENERATOR}@1"
DIMENSIONS = 2


def described(name: str, model: str, **properties: Any) -> algorithm_pb2.Algorithm:
    enum = [model, f"{model}@1"]
    schema = {"properties": {"model": {"type": "string", "enum": enum}, **properties}}
    return algorithm_pb2.Algorithm(
        name=name, version="1", parameters_schema=json.dumps(schema), streams=name != "ml.embed"
    )


class MadeMl(FakeExecutor):
    """Answers as executor_ml does, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(name="ml")
        self.asked: list[dict[str, Any]] = []

    def description(self) -> executor_pb2.DescribeResponse:
        most = {"max_tokens": {"type": "integer", "maximum": 7}}
        found = super().description()
        del found.algorithms[:]
        found.algorithms.extend(
            [
                described("ml.chat", GENERATOR, **most),
                described("ml.generate", GENERATOR, **most),
                described("ml.embed", EMBEDDER),
            ]
        )
        return found

    async def ExecuteStream(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, request: compute_pb2.ComputeRequest, context: Context
    ) -> None:
        response = await self.Execute(request, context)
        sequence = 0
        for text in words(json.loads(request.parameters)):
            sequence += 1
            token = compute_pb2.TokenEvent(text=text, id=len(text), logprob=-0.5)
            await context.write(compute_pb2.ComputeEvent(sequence=sequence, token=token))
            if text == "hold":
                await self._held()
        await context.write(compute_pb2.ComputeEvent(sequence=sequence + 1, response=response))

    async def _held(self) -> None:
        self.running += 1
        try:
            await self.release.wait()
        except BaseException:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def _run(
        self, request: compute_pb2.ComputeRequest, context: Context
    ) -> compute_pb2.ComputeResponse:
        asked = json.loads(request.parameters)
        self.asked.append(asked)
        if asked.get("temperature", 0) > 100:
            wrong = errors.Violation("parameters.temperature", "100 at most")
            await refuse(context, errors.InvalidParameter([wrong]))
        response = compute_pb2.ComputeResponse(
            request_id=str(self.metadata["edgemesh-request-id"]),
            outcome=compute_pb2.OUTCOME_OK,
            algorithm=f"{request.algorithm}@1",
        )
        if request.algorithm == "ml.embed":
            response.result = json.dumps({"tokens": 5})
            response.outputs["embeddings"].CopyFrom(vectors(asked["texts"]))
            return response
        said = "".join(words(asked))
        if "crash" in said:
            response.outcome = compute_pb2.OUTCOME_CRASH
            response.failure.type, response.failure.message = "WorkerCrashed", "it died"
            return response
        result = generated(asked, said)
        if "slow" in said:
            response.outcome = compute_pb2.OUTCOME_TIMEOUT
            result["finish_reason"] = None
        chat = request.algorithm == "ml.chat"
        response.result = json.dumps(arranged(result) if chat else result)
        return response


def words(asked: dict[str, Any]) -> Iterator[str]:
    prompt = asked.get("prompt") or asked["messages"][-1]["content"]
    for number, word in enumerate(prompt.split()):
        yield f" {word}" if number else word


def generated(asked: dict[str, Any], said: str) -> dict[str, Any]:
    count = len(said.split())
    result: dict[str, Any] = {
        "text": said,
        "finish_reason": "stop",
        "model": GENERATOR,
        "model_version": "1",
        "prompt_tokens": 3,
        "cached_tokens": 2,
        "completion_tokens": count,
    }
    if asked.get("logprobs"):
        top = [{"token": "é\ufffd", "id": 1, "logprob": -2.0}][: asked["top_logprobs"]]
        result["logprobs"] = [
            {"token": word, "id": 0, "logprob": -0.5, "top_logprobs": top} for word in words(asked)
        ]
    return result


def arranged(result: dict[str, Any]) -> dict[str, Any]:
    listed = result.get("logprobs")
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": result["text"]},
        "finish_reason": result["finish_reason"],
        "logprobs": None if listed is None else {"content": listed},
    }
    return {"model": GENERATOR, "model_version": "1", "choices": [choice], "usage": result}


def vectors(texts: list[str]) -> tensor_pb2.Tensor:
    data = b"".join(struct.pack("<2f", len(text), 0.1) for text in texts)
    shape = [len(texts), DIMENSIONS]
    return tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT32, shape=shape, data=data)
