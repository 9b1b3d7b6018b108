"""Runs what the front asks of a worker to make images: see `asked`.

Rules: each is one run of the sandbox, under the limits of its call like a caller's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgemesh.compute.v1 import compute_pb2, tensor_pb2

from edgemesh_executor_pywasm import guest
from edgemesh_executor_pywasm.asked import ENVIRONMENT, FACTS, REPORT, SETUP, SIGNATURE
from edgemesh_sandbox import Limits, ProgramFailed, Result, Sandbox, Snapshot, Tensor
from mesh_service.executor import Call, Reply, TensorView

FILE = "main.py"
"""What a program is called in tracebacks."""


class Preparing:
    """Runs them. `told` makes a reply of a result, as the runner does for callers' own."""

    def __init__(self, sandbox: Sandbox, told: Callable[[Result, compute_pb2.Limits], Reply]):
        self._sandbox, self._told = sandbox, told
        # Read now: behind the walls a worker need not find files.
        self._sources = {
            name: guest.source(name) for name in ("facts", "packages", "report", "signature")
        }
        self.algorithms: Mapping[str, Callable[[Call, Snapshot | None], Reply]] = {
            FACTS: self._facts,
            REPORT: lambda call, on: self._ask("report", call, on),
            SIGNATURE: lambda call, on: self._ask("signature", call, on),
            ENVIRONMENT: self._environment,
            SETUP: self._setup,
        }

    def run(self, call: Call, on: Snapshot | None) -> Reply:
        """One of them."""
        return self.algorithms[call.algorithm](call, on)

    def _facts(self, call: Call, on: Snapshot | None) -> Reply:
        reply = self._ask("facts", call, on)
        if reply.result is not None:
            reply.result["image"] = self._sandbox.image
        return reply

    def _ask(self, source: str, call: Call, on: Snapshot | None) -> Reply:
        result = self._sandbox.run(
            self._sources[source],
            call.parameters,
            limits=_limits(call),
            deadline=call.deadline,
            cancelled=call.cancelled,
            on=on,
            wire=True,
        )
        return self._told(result, call.limits)

    def _environment(self, call: Call, on: Snapshot | None) -> Reply:
        wheels = call.inputs["wheels"]
        inputs = {
            "names": call.parameters["names"],
            "wheels": Tensor("bytes", wheels.shape, wheels.data),
        }
        return self._image(self._sources["packages"], inputs, call, on, "packages.py")

    def _setup(self, call: Call, on: Snapshot | None) -> Reply:
        files = {
            name: Tensor("bytes", tensor.shape, tensor.data) for name, tensor in call.inputs.items()
        }
        return self._image(call.parameters["code"], files, call, on, FILE)

    def _image(
        self,
        code: str,
        inputs: Mapping[str, object],
        call: Call,
        on: Snapshot | None,
        file: str,
    ) -> Reply:
        try:
            snapshot = self._sandbox.snapshot(
                code,
                inputs,
                on=on,
                file=file,
                limits=_limits(call),
                deadline=call.deadline,
                cancelled=call.cancelled,
            )
        except ProgramFailed as failed:
            return self._told(failed.result, call.limits)
        data = snapshot.to_bytes()
        image = call.allocate(len(data))
        image[:] = data
        view = TensorView(tensor_pb2.DATA_TYPE_BYTES, (len(data),), image)
        return Reply(result={"image": self._sandbox.image}, outputs={"image": view})


def _limits(call: Call) -> Limits:
    return Limits(
        run_time_ms=call.limits.run_time_ms,
        memory_bytes=call.limits.memory_bytes,
        output_bytes=call.limits.output_bytes,
        files_bytes=call.limits.files_bytes,
    )
