"""A runner in a worker process: the pool's bytes to calls, and replies to bytes.

Rules: the front's word is trusted, so nothing is checked twice; tensors are never copied here.

A work's header is one flag byte (1: events are wanted) and a ComputeRequest without tensor bytes;
its buffers are the inputs' bytes in the order of their sorted names, its places those of the
request's `outputs_to`, likewise. A reply's header is one kind
byte and either a ComputeResponse without tensor bytes (RESPONSE; its buffers likewise sorted by
name, but for those that were written to places; STATEFUL: and, as the last buffer, what a session's
call has changed) or a JSON object of field → expectation (REFUSAL; UNUSABLE: of the session).
"""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2

from mesh_service import pool
from mesh_service.executor import placing
from mesh_service.executor.call import (
    AlgorithmFailure,
    Call,
    InvalidInput,
    PoolCall,
    Reply,
    Runner,
    SessionOf,
    TensorView,
    UnusableSession,
)

RESPONSE = b"\x00"
REFUSAL = b"\x01"
STATEFUL = b"\x02"
UNUSABLE = b"\x03"
STREAMING = 1
COPYING = 2
STANDING = 4
SESSION = 8
"""The flags: events are wanted; the algorithm must not see shared memory itself; the last buffer is
what the work stands on; the work is of a session, whose `SESSION_HEAD` follows."""
SESSION_HEAD = struct.Struct("<16sQ?")
"""Which state of a session the work goes on from: its number, and how many calls are behind it; and
whether all of what comes of it is wanted, not only what has changed."""
MOST_MESSAGE = 64 * 1024


def adapt(config: Mapping[str, Any]) -> pool.Handler:
    """The pool's target: `config` is {"runner": "module:Class", "config": {…}}."""
    module, _, name = str(config["runner"]).partition(":")
    make = cast(
        Callable[[Mapping[str, Any]], Runner], getattr(importlib.import_module(module), name)
    )
    return _Adapter(make(config["config"]))


class _Adapter:
    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.rest: Callable[[], None] | None = getattr(runner, "rest", None)

    def describe(self) -> bytes:
        algorithms = self._runner.describe()
        walls = [
            executor_pb2.Wall(name=wall.name, stands=wall.stands, detail=wall.detail)
            for wall in getattr(self._runner, "walls", ())
        ]
        build: executor_pb2.Build | None = getattr(self._runner, "build", None)
        described = executor_pb2.DescribeResponse(algorithms=algorithms, walls=walls, build=build)
        return described.SerializeToString()

    def __call__(self, call: pool.Call) -> pool.Reply:
        flags, at, session = call.header[0], 1, None
        if flags & SESSION:
            at += SESSION_HEAD.size
            number, calls, whole = SESSION_HEAD.unpack_from(call.header, 1)
            session = SessionOf(number, calls, whole, call.call)
        request = compute_pb2.ComputeRequest.FromString(call.header[at:])
        copying = bool(flags & COPYING)
        buffers, image = call.buffers, None
        if flags & STANDING:
            buffers, image = buffers[:-1], buffers[-1]
        buffers = placing.copied(request, buffers) if copying else buffers
        inputs = {
            name: TensorView(tensor.dtype, tuple(tensor.shape), data, tensor.media_type)
            for (name, tensor), data in zip(sorted(request.inputs.items()), buffers, strict=True)
        }
        places = dict(zip(sorted(request.outputs_to), call.places, strict=True))
        parameters: dict[str, Any] = json.loads(request.parameters or "{}")
        try:
            reply = self._runner.run(
                Call(
                    cast(PoolCall, call),
                    request,
                    parameters,
                    inputs,
                    bool(flags & STREAMING),
                    {} if copying else places,
                    session=session,
                    image=image,
                )
            )
            if places:
                written = placing.write(reply.outputs, places)
                return _pack(reply, written)
        except UnusableSession as error:
            return pool.Reply(UNUSABLE + json.dumps([error.expected, error.found]).encode())
        except InvalidInput as error:
            return pool.Reply(REFUSAL + json.dumps(error.violations).encode())
        except AlgorithmFailure as error:
            reply = Reply(
                outcome=compute_pb2.OUTCOME_EXCEPTION,
                failure=compute_pb2.Failure(
                    type=error.type[:256],
                    message=error.message[:MOST_MESSAGE],
                    traceback=error.traceback[:MOST_MESSAGE],
                ),
            )
        return _pack(reply)

    def close(self) -> None:
        self._runner.close()


def _pack(reply: Reply, written: Collection[str] = ()) -> pool.Reply:
    """`written`: the outputs that are in their places."""
    response = compute_pb2.ComputeResponse(
        outcome=reply.outcome,
        failure=reply.failure,
        stdout=reply.stdout,
        stderr=reply.stderr,
        result="" if reply.result is None else json.dumps(reply.result, allow_nan=False),
        usage=compute_pb2.Usage(
            fuel=reply.fuel,
            peak_memory_bytes=reply.peak_memory_bytes,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            stages=[compute_pb2.Stage(name=name, us=us) for name, us in reply.stages.items()],
        ),
    )
    buffers: list[pool.Buffer] = []
    for name, output in sorted(reply.outputs.items()):
        response.outputs[name].CopyFrom(
            tensor_pb2.Tensor(
                dtype=cast(tensor_pb2.DataType.ValueType, output.dtype),
                shape=output.shape,
                media_type=output.media_type,
            )
        )
        if name in written:
            response.outputs[name].shared_memory.size = output.data.nbytes
        else:
            buffers.append(output.data)
    if reply.state is not None:
        return pool.Reply(STATEFUL + response.SerializeToString(), [*buffers, reply.state])
    return pool.Reply(RESPONSE + response.SerializeToString(), buffers)
