"""Modules that tenants have sent, kept in the front, so that a call may name one by its SHA-256.

Rules: lives in the front, which never looks into a module: it hashes and keeps bytes. A tenant
finds only what it has sent itself. The last used ones stay, bounded by their bytes; a restart
forgets all. The worker is told whose the call is and what the module's hash is, by which it keeps
what it has compiled.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping

from edgemesh.compute.v1 import tensor_pb2

from edgemesh_executor_pywasm.module_describe import DIGEST, MODULE, RUN, TENANT
from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.executor.completion import Completion
from mesh_service.executor.validate import Valid

_LARGE = 256 * 1024
"""From so many bytes on, hashing would keep others waiting."""


class ModuleStore:
    """Keeps modules by tenant and SHA-256."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._bytes = 0

    async def complete(self, valid: Valid, tenant: str) -> None:
        """Add the module that the request names, or keep the one that it brings.

        Raises InvalidTensor or InvalidParameter where it has neither, or names another one than it
        brings.
        """
        request = valid.request
        parameters = json.loads(request.parameters or "{}")
        named: str = parameters.get(DIGEST, "")
        data = valid.blobs.get(MODULE)
        if data is not None:
            digest = await _digest(data)
            if named and named != digest:
                raise _wrong(f"parameters.{DIGEST}", f"that of the input `{MODULE}`, {digest}")
            self._keep(tenant, digest, data)
            parameters[DIGEST] = digest
        elif MODULE not in request.inputs:
            kept = self._find(tenant, named)
            if kept is None:
                raise _missing(named)
            tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, shape=[len(kept)])
            request.inputs[MODULE].CopyFrom(tensor)
            valid.blobs[MODULE] = memoryview(kept)
        parameters[TENANT] = tenant
        request.parameters = json.dumps(parameters)

    def _find(self, tenant: str, digest: str) -> bytes | None:
        found = self._held.get((tenant, digest))
        if found is not None:
            self._held.move_to_end((tenant, digest))
        return found

    def _keep(self, tenant: str, digest: str, data: memoryview) -> None:
        if self._find(tenant, digest) is not None or data.nbytes > self._most:
            return
        self._held[tenant, digest] = bytes(data)
        self._bytes += data.nbytes
        while self._bytes > self._most:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= len(oldest)


def completions(settings: PyWasmSettings) -> Mapping[str, Completion]:
    """What the front completes."""
    return {RUN: ModuleStore(settings.kept_module_bytes)}


async def _digest(data: memoryview) -> str:
    if data.nbytes > _LARGE:
        return await asyncio.to_thread(_hash, data)
    return _hash(data)


def _hash(data: memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def _missing(named: str) -> errors.InvalidRequest:
    if named:
        expected = f"one that was sent before, as the input `{MODULE}`, and is still kept"
        return _wrong(f"parameters.{DIGEST}", expected)
    return _wrong(f"inputs.{MODULE}", f"required, unless parameters.{DIGEST} names one sent before")


def _wrong(field: str, expected: str) -> errors.InvalidRequest:
    kind = errors.InvalidTensor if field.startswith("inputs.") else errors.InvalidParameter
    return kind([Violation(field, expected)])
