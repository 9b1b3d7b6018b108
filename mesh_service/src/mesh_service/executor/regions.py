"""Regions of shared memory that callers have registered, and the places in them that calls use.

Rules: a region belongs to a tenant and a user, and is looked up with both; it goes with its owner
or when it is let go, once its calls have ended; sizes are looked at again before each call, since
its owner may have shrunk it. The front never maps any of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from edgemesh.compute.v1 import compute_pb2, shared_memory_pb2, tensor_pb2

from mesh_service import errors, logs
from mesh_service.errors import Violation
from mesh_service.executor.memory_file import POSIX, Refused, open_memory
from mesh_service.executor.owner import NoOwner, Owner
from mesh_service.pool import Place, Region
from mesh_service.settings import ExecutorSettings

MOST_IN_ALL = 256
"""Regions of all tenants together: each holds two descriptors of the front."""


class Caller(NamedTuple):
    """For whom a region is kept."""

    tenant: str
    user: int


@dataclass(slots=True)
class Registered:
    """A region and what it goes with."""

    name: str
    caller: Caller
    region: Region
    start: int
    """Where it begins in its file."""
    size: int
    file: tuple[int, int]
    """Which file, so that places in two regions can be compared."""
    pid: int
    owner: Owner

    def told(self) -> shared_memory_pb2.SharedMemoryRegion:
        """What its caller may know of it."""
        return shared_memory_pb2.SharedMemoryRegion(
            name=self.name,
            size=self.size,
            owner_pid=self.pid,
            calls=self.region.calls,
            in_place=in_place(self.caller),
        )


@dataclass(slots=True)
class Taken:
    """The places that a call uses; they stay until `leave`."""

    inputs: dict[str, Place] = field(default_factory=dict[str, Place])
    outputs: dict[str, Place] = field(default_factory=dict[str, Place])
    in_place: bool = True
    """Whether the worker may let the algorithm see them."""

    def leave(self) -> None:
        """The call has ended."""
        for place in (*self.inputs.values(), *self.outputs.values()):
            place.region.leave()
        self.inputs.clear()
        self.outputs.clear()


def in_place(caller: Caller) -> bool:
    """Whether its memory is no more dangerous than its owner is already.

    Native code that checks an index and then uses it must not have it changed in between; who is
    the same user as the worker could do worse without.
    """
    return caller.user == os.geteuid()


class Regions:
    """All regions of an executor."""

    def __init__(self, settings: ExecutorSettings) -> None:
        self._settings = settings
        self._all: dict[tuple[Caller, str], Registered] = {}

    def register(
        self, request: shared_memory_pb2.RegisterSharedMemoryRequest, caller: Caller
    ) -> Registered:
        """Take a region. Raises InvalidRequest, QuotaExceeded."""
        if (caller, request.name) in self._all:
            raise _invalid("name", "one that is not registered already")
        self._check_quota(request.size, caller)
        source = request.WhichOneof("source") or "shm_name"
        folder = POSIX if source == "shm_name" else self._settings.shared_memory_dir
        if folder is None:
            raise _invalid("path", "not offered here: use shm_name")
        try:
            fd = open_memory(folder, getattr(request, source).removeprefix("/"), caller.user)
        except Refused as refused:
            raise _invalid(source, refused.expected) from None
        try:
            found = os.fstat(fd)
            if request.offset + request.size > found.st_size:
                raise _invalid("size", f"within the memory, which has {found.st_size} bytes")
            key = (caller, request.name)
            owner = Owner(request.owner_pid, caller.user, partial(self._drop, key, "owner ended"))
        except NoOwner:
            os.close(fd)
            raise _invalid("owner_pid", "a running process of the caller's user") from None
        except BaseException:
            os.close(fd)
            raise
        registered = self._all[key] = Registered(
            request.name,
            caller,
            Region(fd, request.offset + request.size),
            request.offset,
            request.size,
            (found.st_dev, found.st_ino),
            request.owner_pid,
            owner,
        )
        _log("region registered", registered)
        return registered

    def of(self, caller: Caller, name: str) -> list[Registered]:
        """A caller's regions by name; all of them if `name` is empty. Raises UnknownRegion."""
        if name:
            try:
                return [self._all[caller, name]]
            except KeyError:
                raise errors.UnknownRegion(name) from None
        own = [one for one in self._all.values() if one.caller == caller]
        return sorted(own, key=lambda one: one.name)

    def unregister(self, caller: Caller, name: str) -> list[Registered]:
        """Let go of them. Raises UnknownRegion."""
        gone = self.of(caller, name)
        for one in gone:
            self._drop((caller, one.name), "unregistered")
        return gone

    def close(self) -> None:
        """Let go of all."""
        for key in tuple(self._all):
            self._drop(key, "the executor stops")

    def take(self, request: compute_pb2.ComputeRequest, caller: Caller) -> Taken:
        """The places that a request names. Raises InvalidTensor with all that is wrong."""
        taken = Taken(in_place=in_place(caller))
        violations: list[Violation] = []
        spans: list[tuple[str, tuple[int, int], int, int]] = []
        for into, name, path, memory in _named(request, taken):
            found = self._all.get((caller, memory.region))
            if found is None:
                violations.append(Violation(f"{path}.region", "a registered region of the caller"))
            elif memory.offset + memory.size > found.size:
                expected = f"within the region, which has {found.size} bytes"
                violations.append(Violation(f"{path}.size", expected))
            elif not found.region.whole:
                violations.append(Violation(f"{path}.region", "one that has not been made smaller"))
            else:
                start = found.start + memory.offset
                into[name] = Place(found.region, start, memory.size)
                spans.append((path, found.file, start, start + memory.size))
        violations += _overlaps(spans, len(taken.inputs))
        if violations:
            raise errors.InvalidTensor(violations)
        for place in (*taken.inputs.values(), *taken.outputs.values()):
            place.region.enter()
        return taken

    def _check_quota(self, size: int, caller: Caller) -> None:
        settings = self._settings
        sizes = [one.size for one in self._all.values() if one.caller.tenant == caller.tenant]
        if len(sizes) >= settings.max_regions:
            raise errors.QuotaExceeded("regions", settings.max_regions)
        if sum(sizes) + size > settings.max_region_bytes:
            raise errors.QuotaExceeded("bytes of regions", settings.max_region_bytes)
        if len(self._all) >= MOST_IN_ALL:
            raise errors.QuotaExceeded("regions of all tenants", MOST_IN_ALL)

    def _drop(self, key: tuple[Caller, str], why: str) -> None:
        registered = self._all.pop(key)
        registered.owner.forget()
        registered.region.close()
        _log("region gone", registered, why)


def _named(
    request: compute_pb2.ComputeRequest, taken: Taken
) -> Iterator[tuple[dict[str, Place], str, str, tensor_pb2.SharedMemory]]:
    for name, tensor in request.inputs.items():
        if tensor.WhichOneof("storage") == "shared_memory":
            yield taken.inputs, name, f"inputs.{name}.shared_memory", tensor.shared_memory
    outputs: Mapping[str, tensor_pb2.SharedMemory] = request.outputs_to
    for name, memory in outputs.items():
        yield taken.outputs, name, f"outputs_to.{name}", memory


def _overlaps(
    spans: list[tuple[str, tuple[int, int], int, int]], inputs: int
) -> Iterator[Violation]:
    """Outputs' places that lie in other places; those come behind the inputs'."""
    for number, (path, file, start, stop) in enumerate(spans[inputs:], inputs):
        for other, its_file, its_start, its_stop in spans[:number]:
            if file == its_file and start < its_stop and its_start < stop:
                yield Violation(path, f"apart from {other}")


def _invalid(name: str, expected: str) -> errors.InvalidRequest:
    return errors.InvalidRequest([Violation(name, expected)])


def _log(event: str, one: Registered, why: str = "") -> None:
    logs.event(
        event,
        level=logging.INFO,
        region=one.name,
        tenant=one.caller.tenant,
        user=one.caller.user,
        owner=one.pid,
        bytes=one.size,
        **({"why": why} if why else {}),
    )
