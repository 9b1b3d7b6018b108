"""An executor for the tests: a real front and real workers around work that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2
from pydantic_settings import SettingsConfigDict

from mesh_service import setups
from mesh_service.executor import (
    AlgorithmFailure,
    Call,
    InvalidInput,
    Part,
    Plan,
    Reply,
    TensorView,
    serve,
)
from mesh_service.settings import ExecutorSettings
from mesh_service.setups import BadSetup

DOES = '{"type":"object","properties":{"do":{"type":"string"}},"additionalProperties":false}'

MANY = '{"type":"object","properties":{"do":{"type":"array"},"at_once":{"type":"integer"}}}'


@dataclass
class Wall:
    """What a runner tells of what confines it."""

    name: str
    stands: bool
    detail: str


class SampleRunner:
    """Does what the parameter `do` says."""

    walls = (Wall("moat", True, "deep"), Wall("gate", False, "no wood"))

    def __init__(self, config: Mapping[str, Any]) -> None:
        if config["broken"]:
            raise RuntimeError("cannot load")
        if config["unfit"] == "signal":
            os.kill(os.getpid(), signal.SIGILL)
        if config["unfit"]:
            raise BadSetup("sample", config["unfit"], "take another")

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        spec = algorithm_pb2.TensorSpec(
            name="x", dtypes=[tensor_pb2.DATA_TYPE_UINT8], shape=[-1], required=True
        )
        return [
            algorithm_pb2.Algorithm(
                name="sample.echo", version="1", inputs=[spec], outputs=[spec], idempotent=True
            ),
            algorithm_pb2.Algorithm(name="sample.hold", version="1", inputs=[spec], outputs=[spec]),
            algorithm_pb2.Algorithm(name="sample.do", version="1", parameters_schema=DOES),
            algorithm_pb2.Algorithm(
                name="sample.many",
                version="1",
                parameters_schema=MANY,
                any_inputs=True,
                idempotent=True,
            ),
            algorithm_pb2.Algorithm(name="sample.do", version="2", parameters_schema=DOES),
        ]

    def run(self, call: Call) -> Reply:
        if call.algorithm == "sample.echo":
            x = call.inputs["x"]
            memory = call.place("x", x.data.nbytes) or call.allocate(x.data.nbytes)
            memory[:] = x.data
            return Reply(outputs={"x": TensorView(x.dtype, x.shape, memory)})
        if call.algorithm == "sample.hold":
            return self.hold(call)
        call.output("stdout", "begun\n")
        return getattr(self, call.parameters.get("do", "nothing"))(call)

    def close(self) -> None:
        """Nothing is held."""

    def nothing(self, call: Call) -> Reply:
        return Reply(result={"version": call.version, "limits": call.limits.run_time_ms})

    def events(self, call: Call) -> Reply:
        call.token("he", 7, -0.5)
        call.progress(0.5, "half")
        call.output("stderr", "done\n")
        return Reply(stdout="begun\n", stderr="done\n", result=[1, 2**60])

    def flood(self, call: Call) -> Reply:
        for number in range(30_000):
            call.progress(number / 30_000)
            call.output("stdout", f"{number}\n")
        return Reply(stdout="told")

    def raise_failure(self, call: Call) -> Reply:
        raise AlgorithmFailure("ValueError", "no such thing", "line 1")

    def refuse(self, call: Call) -> Reply:
        raise InvalidInput({"inputs.x": "something else"})

    def fault(self, call: Call) -> Reply:
        raise KeyError("a secret of ours")

    def size(self, call: Call) -> Reply:
        time.sleep(0.05)
        x = call.inputs["x"]
        return Reply(result=x.data.nbytes, outputs={"x": x}, stdout=f"{os.getpid()}\n")

    def hang(self, call: Call) -> Reply:
        while True:
            time.sleep(0.01)

    def wait(self, call: Call) -> Reply:
        call.cancelled.wait(call.run_time_s)
        failure = compute_pb2.Failure(type="TimeLimit", message="over")
        return Reply(outcome=compute_pb2.OUTCOME_TIMEOUT, failure=failure, stdout="begun\n")

    def hold(self, call: Call) -> Reply:
        """Says in the place that it has it, and waits for the next byte to be set."""
        x = call.inputs["x"]
        memory = call.place("x", x.data.nbytes)
        assert memory is not None
        memory[0] = ord("!")
        while not memory[1]:
            time.sleep(0.001)
        memory[:] = x.data
        return Reply(outputs={"x": TensorView(x.dtype, x.shape, memory)})

    def die(self, call: Call) -> Reply:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError

    def grow(self, call: Call) -> Reply:
        held = []
        while True:
            held.append(bytearray(os.urandom(1 << 20)))

    def not_json(self, call: Call) -> Reply:
        return Reply(result=float("nan"))

    def lie(self, call: Call) -> Reply:
        return Reply(
            outputs={"x": TensorView(tensor_pb2.DATA_TYPE_FLOAT64, (9,), memoryview(b"12345678"))}
        )


class Many:
    """`sample.many`: one `sample.do` for each of the parameter's words, with the inputs."""

    def split(self, request: compute_pb2.ComputeRequest) -> tuple[Sequence[Part], int]:
        given = json.loads(request.parameters)
        parts = [Part("sample.do@2", {"do": do}, sorted(request.inputs)) for do in given["do"]]
        return parts, given.get("at_once", 0)

    def join(
        self,
        request: compute_pb2.ComputeRequest,
        answers: Sequence[compute_pb2.ComputeResponse | None],
    ) -> Any:
        return [a and [a.outcome, json.loads(a.result or "null")] for a in answers]


class SampleSettings(ExecutorSettings):
    """Settings of the tests' executor."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_SAMPLE_")
    service: ClassVar[str] = "sample"
    broken: bool = False
    """Workers cannot start."""
    unfit: str = ""
    """Why no worker ever could; `signal`: its processor has not the instructions."""
    lacks: bool = False
    """Whether a part of it cannot work."""


def fit(settings: SampleSettings) -> Mapping[str, str]:
    """Look at what it stands on."""
    setups.writable(settings.cache / "sample", "EDGEMESH_CACHE", settings.cache)
    return {"well": "it is dry"} if settings.lacks else {}


def main() -> None:
    serve(
        SampleSettings,
        Plan(
            runner="sample:SampleRunner",
            version="1.0",
            config=lambda settings: {"broken": settings.broken, "unfit": settings.unfit},
            fans={"sample.many": Many()},
            env=lambda _: {"PYTHONPATH": os.environ["PYTHONPATH"]},
            fit=fit,
        ),
    )


if __name__ == "__main__":
    main()
