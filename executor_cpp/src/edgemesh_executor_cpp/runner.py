"""The C++ executor's runner: calls of the mesh to calls of a plugin, and back.

Rules: nothing is checked twice and no tensor is copied; a plugin that polls for cancellation ends
its call by itself when the time is up, one that does not costs the worker.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, cast

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2

from edgemesh_cpp_host import Plugin, PluginCancelled, PluginFailure, PluginInvalidInput, Run
from edgemesh_executor_cpp import describe
from mesh_service.executor import AlgorithmFailure, Call, InvalidInput, Reply, TensorView

SPOILED = 70
"""Exit status of a worker whose process a plugin has changed."""


class CppRunner:
    """Runs the algorithms of the plugin that a worker has loaded."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config`: `plugin`, a path, and `threads`. Raises PluginLoadError."""
        self._plugin = Plugin(config["plugin"])
        self._threads = int(config["threads"])

    def describe(self) -> list[algorithm_pb2.Algorithm]:
        """What the plugin offers. Raises BadDescription."""
        return describe.algorithms(self._plugin.describe())

    def run(self, call: Call) -> Reply:
        """Run one call. Raises AlgorithmFailure, InvalidInput."""
        printed = _Printed(call)

        def stop() -> bool:
            return call.cancelled.is_set() or time.monotonic() >= call.deadline

        try:
            run = self._plugin.run(
                call.algorithm,
                json.dumps(call.parameters),
                call.inputs,
                call.allocate,
                version=call.version,
                cancelled=stop,
                progress=call.progress if call.streaming else None,
                print=printed.add,
                place=call.place,
                threads=self._threads,
                memory_bytes=call.limits.memory_bytes,
                run_time_s=call.run_time_s,
            )
            return _reply(run, printed)
        except PluginInvalidInput as error:
            raise InvalidInput(error.fields) from error
        except PluginFailure as error:
            raise AlgorithmFailure(error.type, error.message) from error
        except PluginCancelled:
            if call.cancelled.is_set():
                failure = compute_pb2.Failure(type="Cancelled", message="the caller has gone")
                return _stopped(compute_pb2.OUTCOME_CANCELLED, failure, printed)
            failure = _limit("TimeLimit", "run_time_ms", call.limits.run_time_ms)
            return _stopped(compute_pb2.OUTCOME_TIMEOUT, failure, printed)
        except _OutputLimit:
            failure = _limit("OutputLimit", "output_bytes", call.limits.output_bytes)
            return _stopped(compute_pb2.OUTCOME_OUTPUT_LIMIT, failure, printed)

    def rest(self) -> None:
        """End a process that a plugin has not left as it was; its answer is on its way."""
        if changed := self._plugin.spoiled:
            print(f"the plugin changed {changed}: this process ends", file=sys.stderr)
            os._exit(SPOILED)

    def close(self) -> None:
        """Close the plugin."""
        self._plugin.close()


class _OutputLimit(Exception):
    """The plugin has printed, or answered in JSON, more than it may."""


class _Printed:
    """What a plugin prints: told as it comes, and kept for the reply, within the limit."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._left: int = call.limits.output_bytes
        self._texts: dict[str, list[str]] = {"stdout": [], "stderr": []}

    def add(self, stream: str, text: str) -> None:
        """Take a text. Raises _OutputLimit."""
        self.count(text)
        self._texts[stream].append(text)
        self._call.output(cast(Literal["stdout", "stderr"], stream), text)

    def count(self, text: str) -> None:
        """Take it off what is left. Raises _OutputLimit."""
        self._left -= len(text.encode())
        if self._left < 0:
            raise _OutputLimit

    def of(self, stream: str) -> str:
        """All of a stream."""
        return "".join(self._texts[stream])


def _reply(run: Run, printed: _Printed) -> Reply:
    printed.count(run.result or "")
    return Reply(
        result=None if run.result is None else json.loads(run.result),
        outputs={
            name: TensorView(output.dtype, output.shape, output.data, output.media_type)
            for name, output in run.outputs.items()
        },
        stdout=printed.of("stdout"),
        stderr=printed.of("stderr"),
    )


def _limit(type: str, name: str, value: int) -> compute_pb2.Failure:
    return compute_pb2.Failure(
        type=type,
        message=f"the work passed its {name} of {value}",
        limit=compute_pb2.Limit(name=name, value=value),
    )


def _stopped(
    outcome: compute_pb2.Outcome.ValueType, failure: compute_pb2.Failure, printed: _Printed
) -> Reply:
    return Reply(
        outcome=outcome,
        failure=failure,
        stdout=printed.of("stdout"),
        stderr=printed.of("stderr"),
    )
