"""Registered programs: kept by digest, set up once, called many times.

Rules: an image follows from the code, its environment and the executor's own image, and from
nothing else: entry points and schemas may change without a new one. Two that are made at once are
made once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2
from google.protobuf.message import DecodeError
from jsonschema.exceptions import SchemaError

from edgemesh_executor_pywasm.asked import REPORT, SETUP, SIGNATURE
from edgemesh_executor_pywasm.ground.environments import Environments
from edgemesh_executor_pywasm.ground.images import Images
from edgemesh_executor_pywasm.ground.making import Maker
from edgemesh_executor_pywasm.ground.schemas import as_object, check_schemas, invalid, schema
from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service import errors
from mesh_service.executor.ground import MOST_PROGRAM
from mesh_service.executor.validate import Offer
from mesh_service.pool import WorkerPool

MOST_BYTES = 256 << 20
"""Of programs that are kept; those used longest ago are forgotten, and their gateway has them."""
_UNTOLD = "a function whose parameters can be told"


class Kept:
    """A program that can be called."""

    def __init__(self, raw: bytes, pool: WorkerPool | None) -> None:
        """Raises InvalidRequest."""
        self.digest = hashlib.sha256(raw).hexdigest()
        self.size = len(raw)
        try:
            self.program = executor_pb2.Program.FromString(raw)
            limits = self.program.limits
            self.offer = Offer(self.program.algorithm, pool, limits, self.digest)
        except (DecodeError, SchemaError, ValueError) as error:
            raise invalid("program", f"a complete Program: {error}"[:400]) from None


class Programs:
    """The programs of an executor."""

    def __init__(
        self, settings: PyWasmSettings, images: Images, maker: Maker, environments: Environments
    ) -> None:
        self._settings, self._images, self._maker = settings, images, maker
        self._environments = environments
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._size = 0
        self._making: dict[str, asyncio.Task[None]] = {}
        self._own: dict[str, Kept] = {}
        self._files: dict[str, Mapping[str, bytes]] = {}
        """What the module level of the operator's own programs finds, by their code."""

    def find(self, digest: str) -> Kept:
        """One of them. Raises UnknownProgram."""
        own = self._own.get(digest)
        if own is not None:
            return own
        kept = self._kept.get(digest)
        if kept is None:
            raise errors.UnknownProgram(digest)
        self._kept.move_to_end(digest)
        return kept

    def put(self, raw: bytes) -> Kept:
        """Keep one. Raises InvalidRequest, PayloadTooLarge."""
        if len(raw) > MOST_PROGRAM:
            raise errors.PayloadTooLarge(len(raw), MOST_PROGRAM, "program")
        kept = Kept(raw, None)
        if kept.digest not in self._kept:
            self._kept[kept.digest] = kept
            self._size += kept.size
            while self._size > MOST_BYTES and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1].size
        return kept

    async def own(
        self,
        program: executor_pb2.Program,
        files: Mapping[str, bytes],
        pool: WorkerPool,
        base: str,
    ) -> str:
        """Set up one of the operator's own; its digest. Raises InvalidRequest, NotStarted, …"""
        if files:
            self._files[program.code] = files
        try:
            prepared = await self.prepare(program, pool, base)
        except BaseException:
            self._files.pop(program.code, None)
            raise
        kept = Kept(prepared.program, None)
        self._own[kept.digest] = kept
        return kept.digest

    def disown(self, digest: str) -> None:
        """Forget one of those."""
        kept = self._own.pop(digest, None)
        if kept is not None:
            self._files.pop(kept.program.code, None)

    async def prepare(
        self, program: executor_pb2.Program, pool: WorkerPool, base: str
    ) -> executor_pb2.PrepareProgramResponse:
        """Check, complete, set up and keep one. Raises InvalidRequest, NotStarted, …"""
        check_schemas(program.algorithm)
        environment = await self._environment(program, pool, base)
        report = await self._report(program, pool, environment)
        key = await self.image(program, pool, base)
        complete = executor_pb2.Program()
        complete.CopyFrom(program)
        await self._complete(complete, key, pool)
        raw = complete.SerializeToString(deterministic=True)
        self.put(raw)
        return executor_pb2.PrepareProgramResponse(program=raw, report=report)

    async def image(self, program: executor_pb2.Program, pool: WorkerPool, base: str) -> str:
        """The key of its image, which is in memory then. Raises InvalidRequest, NotStarted, …"""
        key = image_key(program, base)
        if await self._images.load(key):
            return key
        task = self._making.get(key)
        if task is None:
            # Goes on when its caller leaves: the next one finds it.
            task = asyncio.ensure_future(self._set_up(key, program, pool, base))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        await asyncio.shield(task)
        return key

    async def _set_up(
        self, key: str, program: executor_pb2.Program, pool: WorkerPool, base: str
    ) -> None:
        most = self._settings.setup_run_time_ms
        environment = await self._environment(program, pool, base)
        place = self._images.take(environment) if environment else None
        try:
            made = await self._maker.make(
                pool,
                SETUP,
                {"code": program.code, "image": environment},
                field="code",
                inputs=self._files.get(program.code),
                image=place,
                run_time_ms=min(program.setup_run_time_ms or most, most),
            )
        finally:
            if place is not None:
                place.region.leave()
        await self._images.keep(key, made.outputs["image"])

    async def _environment(self, program: executor_pb2.Program, pool: WorkerPool, base: str) -> str:
        if not program.lock:
            return ""
        return await self._environments.ready(program.lock, pool, base)

    async def _report(
        self, program: executor_pb2.Program, pool: WorkerPool, environment: str
    ) -> algorithm_pb2.CodeReport:
        place = self._images.take(environment) if environment else None
        try:
            made = await self._maker.make(
                pool,
                REPORT,
                {"code": program.code, "image": environment},
                field="code",
                image=place,
            )
        finally:
            if place is not None:
                place.region.leave()
        told: dict[str, Any] = made.result
        if "error" in told:
            message, line, column = told["error"]
            where = f"line {line}, column {column}: " if line else ""
            raise invalid("code", f"{where}{message}")
        return algorithm_pb2.CodeReport(
            imports=told["imports"],
            missing=told["missing"],
            risky_calls=[
                algorithm_pb2.RiskyCall(call=call, line=line, column=column, remark=remark)
                for call, line, column, remark in told["calls"]
            ],
        )

    async def _complete(self, program: executor_pb2.Program, key: str, pool: WorkerPool) -> None:
        """Fill in what its signature tells. What runs is the program's: its answer is untrusted."""
        place = self._images.take(key)
        assert place is not None
        try:
            made = await self._maker.make(
                pool,
                SIGNATURE,
                {"entry_point": program.entry_point, "image": key},
                field="entry_point",
                image=place,
            )
        finally:
            place.region.leave()
        told = as_object(made.result) or {"error": _UNTOLD}
        if "error" in told:
            raise invalid("entry_point", str(told["error"])[:500])
        algorithm = program.algorithm
        try:
            if not algorithm.parameters_schema:
                algorithm.parameters_schema = schema(told["parameters"])
            if not algorithm.result_schema:
                algorithm.result_schema = schema(told["result"])
            algorithm.description = algorithm.description or str(told["description"])[:4096]
            for name, needed in told["tensors"][:1024]:
                algorithm.inputs.add(
                    name=str(name)[:128], any_rank=True, required=bool(needed), allow_empty=True
                )
        except (KeyError, TypeError, ValueError, SchemaError):
            raise invalid("entry_point", "a function whose signature is its own") from None


def image_key(program: executor_pb2.Program, base: str) -> str:
    """Under what its image is kept."""
    code = hashlib.sha256(program.code.encode()).hexdigest()
    lock = hashlib.sha256(program.lock.encode()).hexdigest()
    return hashlib.sha256(f"program:{base}:{lock}:{code}".encode()).hexdigest()


def arguments(
    parameters: dict[str, Any], inputs: dict[str, int], referred: set[str]
) -> dict[str, Any]:
    """The entry point's arguments by name: parameters, and the tensors that none refers to."""
    named = dict(parameters)
    for name, dtype in inputs.items():
        if name not in referred:
            kind = "bytes" if dtype == tensor_pb2.DATA_TYPE_BYTES else "ndarray"
            named[name] = {"$type": kind, "tensor": name}
    return named
