"""What `tritonclient` sees of a mesh, as one JSON object. Runs in that client's own environment.

python triton_client.py grpc|http HOST:PORT
"""

# pyright: basic, reportMissingImports=false
from __future__ import annotations

import importlib
import json
import sys
from queue import Queue
from typing import Any

import numpy as np
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

GRPC = sys.argv[1] == "grpc"
api: Any = importlib.import_module(f"tritonclient.{sys.argv[1]}")


def main() -> None:
    """Ask for everything."""
    client = api.InferenceServerClient(sys.argv[2])
    told = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready("cpp.fft"),
        "other_ready": client.is_model_ready("cpp.nothing"),
        "server": plain(client.get_server_metadata())["name"],
        "model": plain(client.get_model_metadata("ml.embed")),
        "index": names(client.get_model_repository_index()),
        "fft": pairs(infer(client, "cpp.fft", {"norm": "ortho"}, x=series())),
        "matmul": matmul(client),
        "embed": embed(client),
        "json": as_json(client),
        "text": text(client),
        "python": python(client),
        "unknown": failure(lambda: infer(client, "cpp.nothing", {})),
        "wrong": failure(lambda: infer(client, "cpp.fft", {"norm": "loud"}, x=series())),
        "failed": failure(lambda: infer(client, "python.run", {"code": "1 / 0"})),
        "load": failure(lambda: client.load_model("cpp.fft")),
    }
    if GRPC:
        told["stream"] = stream(client)
    print(json.dumps(told))


def given(name: str, array: np.ndarray) -> Any:
    tensor = api.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array)
    return tensor


def infer(client: Any, model: str, parameters: dict[str, Any], **arrays: np.ndarray) -> Any:
    inputs = [given(name, array) for name, array in arrays.items()]
    return client.infer(model, inputs, parameters=parameters, request_id="mine")


def series() -> np.ndarray:
    return np.array([0.0, 1.0, 0.0, -1.0])


def pairs(answer: Any) -> Any:
    return answer.as_numpy("y").tolist()


def matmul(client: Any) -> Any:
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    answer = infer(client, "cpp.matmul", {}, a=a, b=a.T.copy())
    y = answer.as_numpy("y")
    return [str(y.dtype), y.tolist()]


def embed(client: Any) -> Any:
    """Texts as a tensor of BYTES, and only one of the outputs."""
    texts = np.array([b"a lighthouse", "naïve".encode()], dtype=object)
    wanted = [api.InferRequestedOutput("embeddings")]
    answer = client.infer("ml.embed", [given("texts", texts)], outputs=wanted)
    found = answer.as_numpy("embeddings")
    return [list(found.shape), float(np.linalg.norm(found[0])), answer.as_numpy("result") is None]


def as_json(client: Any) -> Any:
    """HTTP's tensors as JSON, both ways."""
    if GRPC:
        return None
    x = api.InferInput("x", [4], "FP64")
    x.set_data_from_numpy(series(), binary_data=False)
    answer = client.infer(
        "cpp.fft", [x], outputs=[api.InferRequestedOutput("y", binary_data=False)]
    )
    return pairs(answer)


def text(client: Any) -> Any:
    prompt = np.array([b"The sea is"], dtype=object)
    answer = infer(client, "ml.generate", {"max_tokens": 4, "temperature": 0.0}, prompt=prompt)
    return json.loads(answer.as_numpy("result")[0])["completion_tokens"]


def python(client: Any) -> Any:
    """Tensors of any type and name, and what was printed."""
    code = "print('here'); output = {'y': inputs['h'] * 2, 'n': 1}"
    h = np.array([[0.5, 1.5]], np.float16)
    answer = infer(client, "python.run", {"code": code}, h=h)
    y = answer.as_numpy("y")
    response = answer.get_response(as_json=True) if GRPC else answer.get_response()
    parameters = response.get("parameters", {})
    printed = parameters.get("stdout")
    if GRPC:
        printed = printed["string_param"]
    return [str(y.dtype), y.tolist(), json.loads(answer.as_numpy("result")[0]), printed]


def stream(client: Any) -> Any:
    came: Queue[Any] = Queue()
    client.start_stream(lambda result, error: came.put((result, error)))
    for norm in ("ortho", "loud", "backward"):
        client.async_stream_infer(
            "cpp.fft", [given("x", series())], request_id=norm, parameters={"norm": norm}
        )
    told = []
    for _ in range(3):
        result, error = came.get(timeout=30)
        told.append(error.message() if error else [result.get_response().id, pairs(result)])
    client.stop_stream()
    return told


def failure(call: Any) -> Any:
    try:
        call()
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return None


def names(index: Any) -> list[str]:
    return (
        [each["name"] for each in plain(index).get("models", [])]
        if GRPC
        else [each["name"] for each in index]
    )


def plain(message: Any) -> Any:
    if not GRPC:
        return message
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(message, preserving_proto_field_name=True)


if __name__ == "__main__":
    main()
