"""The worker's side of `edgemesh.call`: questions to the front, answers to the program.

Rules: asks and listens on the thread of the run, without any other: an answer is fetched when the
program waits for it. It checks nothing that the front checks.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from google.protobuf.message import DecodeError

from edgemesh_executor_pywasm import dtypes, questions, refusals
from edgemesh_sandbox import Tensor
from edgemesh_sandbox.outside import Ended, packed
from mesh_service.executor.call import Back
from mesh_service.pool import BackCallFailed


class Mesh:
    """What a program calls in the mesh."""

    def __init__(self, back: Back) -> None:
        self._back = back
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._open: dict[int, int] = {}
        self._dropped: set[int] = set()
        self._early: list[Ended] = []

    def start(self, number: int, asked: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Call an algorithm. Raises `ValueError`, `TypeError` for what cannot be asked."""
        request = compute_pb2.ComputeRequest(
            algorithm=asked["algorithm"],
            parameters=asked["parameters"],
            capabilities=asked["capabilities"],
            limits=compute_pb2.Limits(run_time_ms=asked["run_time_ms"]),
        )
        for name, tensor in tensors.items():
            request.inputs[name].CopyFrom(
                tensor_pb2.Tensor(
                    dtype=dtypes.TO_MESH[tensor.dtype],
                    shape=tensor.shape,
                    media_type=tensor.media_type,
                    data=bytes(tensor.data),
                )
            )
        raw = request.SerializeToString()
        if questions.HEAD.size + len(raw) > questions.MOST_BYTES:
            most = questions.MOST_BYTES - questions.HEAD.size
            why = f"the arguments have {len(raw)} bytes; a call takes at most {most}"
            self._early.append(_reply(number, refusals.refused("PAYLOAD_TOO_LARGE", why)))
            return
        left = self._back.deadline - time.monotonic()
        self._ask(number, questions.HEAD.pack(questions.CALL, number, left) + raw)

    def request(self, number: int, asked: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Send an HTTP request. Raises `ValueError`, `TypeError`, `KeyError` likewise."""
        head = json.dumps(
            {
                "method": str(asked["method"]),
                "url": str(asked["url"]),
                "headers": [[str(name), str(value)] for name, value in asked["headers"]],
                "seconds": float(asked["seconds"]),
            },
            allow_nan=False,
        ).encode()
        body = bytes(tensors["body"].data) if "body" in tensors else b""
        question = questions.REQUEST.pack(len(head)) + head + body
        if questions.HEAD.size + len(question) > questions.MOST_BYTES:
            why = f"the request has {len(question)} bytes"
            self._early.append(_reply(number, refusals.refused("PAYLOAD_TOO_LARGE", why)))
            return
        left = self._back.deadline - time.monotonic()
        self._ask(number, questions.HEAD.pack(questions.HTTP, number, left) + question)

    def forget(self, number: int) -> None:
        """Cancel a call."""
        for entry in self._waiting:
            if entry[0] == number:
                self._waiting.remove(entry)
                return
        if number in self._open.values():
            self._dropped.add(number)
            self._ask(0, questions.HEAD.pack(questions.FORGET, number, 0.0))

    def listen(self, seconds: float) -> None:
        """Wait for answers."""
        self._back.listen(seconds)

    def ended(self) -> list[Ended]:
        """Calls that have ended since."""
        ended, self._early = self._early, []
        for token, number in list(self._open.items()):
            try:
                answer = self._back.answer(token)
            except BackCallFailed:
                answer = refusals.refused(
                    "INTERNAL", "the executor failed; its log has the details"
                )
            if answer is not None:
                del self._open[token]
                if number and number not in self._dropped:
                    ended.append(_reply(number, answer))
                self._dropped.discard(number)
        while self._waiting and len(self._open) < questions.AT_ONCE:
            self._post(*self._waiting.popleft())
        return ended

    def _ask(self, number: int, question: bytes) -> None:
        if len(self._open) < questions.AT_ONCE:
            self._post(number, question)
        else:
            self._waiting.append((number, question))

    def _post(self, number: int, question: bytes) -> None:
        self._open[self._back.post(question)] = number


def _reply(number: int, answer: bytes) -> Ended:
    kind, body = answer[:1], answer[1:]
    if kind == questions.TOO_OFTEN:
        return Ended(number, b"", too_often=True)
    if kind == questions.REFUSED:
        return Ended(number, packed({"refused": refusals.told(body)}, {}))
    if kind == questions.HTTP_ANSWERED:
        return Ended(number, _served(body))
    try:
        response = compute_pb2.ComputeResponse.FromString(body)
        outputs = {name: _tensor(tensor) for name, tensor in response.outputs.items()}
    except (DecodeError, KeyError) as error:
        body = refusals.refused("INTERNAL", f"an answer that is none: {error}")[1:]
        return Ended(number, packed({"refused": refusals.told(body)}, {}))
    told = {
        "algorithm": response.algorithm,
        "outcome": compute_pb2.Outcome.Name(response.outcome).removeprefix("OUTCOME_"),
        "result": response.result or "null",
        "stdout": response.stdout,
        "stderr": response.stderr,
    }
    if response.HasField("failure"):
        failure = response.failure
        told |= {
            "type": failure.type,
            "message": failure.message,
            "notes": json.dumps([*failure.notes]),
        }
    return Ended(number, packed({"answer": told}, outputs))


def _served(answer: bytes) -> bytes:
    """What a server said, as the program reads it."""
    (length,) = questions.REQUEST.unpack_from(answer)
    at = questions.REQUEST.size
    body = answer[at + length :]
    return packed(
        {"http": json.loads(answer[at : at + length])},
        {"body": Tensor("bytes", (len(body),), body)},
    )


def _tensor(tensor: tensor_pb2.Tensor) -> Tensor:
    return Tensor(
        dtypes.TO_SANDBOX[tensor.dtype], tuple(tensor.shape), tensor.data, tensor.media_type
    )
