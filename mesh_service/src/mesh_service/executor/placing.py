"""Shared memory in a worker: copies out of it and into it, where the algorithm does none of it.

Rules: knows names and bytes; what lies in its place already is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgemesh.compute.v1 import compute_pb2

from mesh_service.executor.call import TensorView, too_small
from mesh_service.pool.copying import copy_all, pinned


def copied(
    request: compute_pb2.ComputeRequest, buffers: Sequence[memoryview]
) -> Sequence[memoryview]:
    """The inputs' bytes; those in shared memory as copies that nobody else can change."""
    tensors = (request.inputs[name] for name in sorted(request.inputs))
    return [
        memoryview(bytes(data)) if tensor.WhichOneof("storage") == "shared_memory" else data
        for tensor, data in zip(tensors, buffers, strict=True)
    ]


def write(outputs: Mapping[str, TensorView], places: Mapping[str, memoryview]) -> set[str]:
    """See that outputs are in their places; gives their names. Raises InvalidInput."""
    written = outputs.keys() & places.keys()
    for name in written:
        data, place = outputs[name].data.cast("B"), places[name]
        if data.nbytes > place.nbytes:
            raise too_small(name, data.nbytes, place.nbytes)
        if data.nbytes and _address(data) != _address(place):
            copy_all([(place[: data.nbytes], data)])
    return set(written)


def _address(data: memoryview) -> int:
    with pinned(data) as address:
        return address
