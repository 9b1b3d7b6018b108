"""Memory that an executor maps too: which arrays lie in it, and where.

Rules: an array is sent by its place where all of it lies in a region of the executor that serves
the algorithm, in C order and 16 bytes aligned; any other is sent as bytes. Where an answer is to be
written is said by an array (`out`): it gives memory, the answer its dtype and shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from edgemesh.compute.v1 import compute_pb2, tensor_pb2

from edgemesh_client.errors import Undecodable, ValueUnfit
from edgemesh_client.values import array_of, from_tensor

_ALIGNED = 16


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Memory that is registered with an executor."""

    name: str
    namespaces: frozenset[str]
    """Of algorithms that may use it."""
    memory: npt.NDArray[np.uint8]

    @property
    def start(self) -> int:
        """Its address in this process."""
        return _address(self.memory)


@dataclass(slots=True)
class Regions:
    """A client's regions."""

    all: list[Region] = field(default_factory=list[Region])

    def place(self, algorithm: str, value: object) -> tensor_pb2.SharedMemory | None:
        """Where in memory of the algorithm's executor an array lies; None: elsewhere."""
        if not self.all or not isinstance(value, np.ndarray):
            return None
        array: npt.NDArray[Any] = value
        if not array.flags.c_contiguous or not array.nbytes or array.dtype.byteorder == ">":
            return None
        namespace, start = algorithm.partition(".")[0], _address(array)
        for region in self.all:
            offset = start - region.start
            within = offset >= 0 and offset + array.nbytes <= region.memory.nbytes
            if within and namespace in region.namespaces and offset % _ALIGNED == 0:
                return tensor_pb2.SharedMemory(region=region.name, offset=offset, size=array.nbytes)
        return None

    def at(self, place: tensor_pb2.SharedMemory) -> npt.NDArray[np.uint8]:
        """The bytes of a place. Raises Undecodable."""
        for region in self.all:
            if region.name == place.region:
                return region.memory[place.offset : place.offset + place.size]
        raise Undecodable(f"an output lies in a region that is not there: {place.region!r:.100}")


@dataclass(frozen=True, slots=True)
class Landing:
    """Where the outputs of one call go: arrays by output."""

    regions: Regions
    out: Mapping[str, npt.NDArray[Any]]

    def __post_init__(self) -> None:
        for name, array in self.out.items():
            right = isinstance(array, np.ndarray) and array.flags.c_contiguous  # pyright: ignore[reportUnnecessaryIsInstance]
            if not right or not array.flags.writeable:
                raise ValueUnfit(f"out {name!r}", "is no array in C order that may be written to")

    def ask(self, request: compute_pb2.ComputeRequest) -> None:
        """Say in the request what may be written to its place."""
        for name, array in self.out.items():
            place = self.regions.place(request.algorithm, array)
            if place is not None:
                request.outputs_to[name].CopyFrom(place)

    def take(self, response: compute_pb2.ComputeResponse) -> dict[str, npt.NDArray[Any]]:
        """The outputs that lie in the caller's memory now. Raises ValueUnfit, Undecodable."""
        landed = dict[str, npt.NDArray[Any]]()
        for name, tensor in response.outputs.items():
            if tensor.WhichOneof("storage") == "shared_memory":
                landed[name] = array_of(tensor, self.regions.at(tensor.shared_memory))
            elif name in self.out:
                landed[name] = _copied(name, tensor, self.out[name])
            if name in landed and _same(landed[name], self.out.get(name)):
                landed[name] = self.out[name]
        return landed


def _copied(name: str, tensor: tensor_pb2.Tensor, out: npt.NDArray[Any]) -> npt.NDArray[Any]:
    answer = from_tensor(tensor)
    if isinstance(answer, bytes):
        raise ValueUnfit(f"out {name!r}", "is an array, and the output is bytes")
    if answer.nbytes > out.nbytes:
        given = f"has {out.nbytes:,} bytes, and the output {answer.nbytes:,}"
        raise ValueUnfit(f"out {name!r}", given)
    flat = out.reshape(-1).view(np.uint8)[: answer.nbytes]
    there = flat.view(answer.dtype).reshape(answer.shape)
    np.copyto(there, answer)
    return there


def _same(landed: npt.NDArray[Any], out: npt.NDArray[Any] | None) -> bool:
    return out is not None and (landed.dtype, landed.shape) == (out.dtype, out.shape)


def _address(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
