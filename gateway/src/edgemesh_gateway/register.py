"""Registers algorithms: code of callers, kept by the gateway, checked by the executor that runs it.

Rules: looks at the envelope here (names, sizes, digests) and never at the code: what parses or runs
it is the sandbox. What is answered is on disk. A tenant owns what it registers; its caller has the
scope WRITE, and may run what is called so.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator

import grpc
from edgemesh.compute.v1 import algorithm_pb2
from edgemesh.executor.v1 import executor_pb2

from edgemesh_gateway import passing
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.dispatch import judge
from edgemesh_gateway.endpoint import Endpoint
from edgemesh_gateway.environments import Environments
from edgemesh_gateway.programs import Programs
from edgemesh_gateway.route import Routes
from edgemesh_gateway.store import AlgorithmRecord, Conflict, Full, Store
from mesh_service import errors
from mesh_service.errors import Violation
from mesh_service.messages import parse
from mesh_service.stack import REQUEST_ID, Handler, Rpc

MOST_CODE = 1 << 20
MOST_SCHEMA = 64 << 10
MOST_DESCRIPTION = 4096
SETUP_S = 60.0
"""How long a module level may run."""
PREPARE_S = SETUP_S + 30.0
_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,54}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
WRITE = "algorithms:write"


class Registrations:
    """What AlgorithmService does with registered algorithms."""

    def __init__(
        self,
        authenticator: Authenticator,
        store: Store,
        programs: Programs,
        routes: Routes,
        environments: Environments,
        most: int,
    ) -> None:
        self._authenticator, self._store, self._programs = authenticator, store, programs
        self._routes, self._environments, self._most = routes, environments, most

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        return {
            "RegisterAlgorithm": ("unary", self._register),
            "GetAlgorithmSource": ("unary", self._source),
            "DeleteAlgorithm": ("unary", self._delete),
        }

    async def offered(self, tenant: str) -> list[algorithm_pb2.OfferedAlgorithm]:
        """All that the tenant may use; its own names hide those that others share."""
        records = await self._store.algorithms(tenant)
        own = {record.name for record in records if record.tenant == tenant}
        seen = [r for r in records if r.tenant == tenant or r.name not in own]
        newest: dict[str, AlgorithmRecord] = {}
        for record in sorted(seen, key=lambda r: r.number):
            newest[record.name] = record
        return [
            self.told(record, tenant, default=newest[record.name] is record)
            for record in sorted(seen, key=lambda r: (r.name, -r.number))
            if not self._routes.offers_name(record.name)
        ]

    async def find(self, tenant: str, name: str) -> algorithm_pb2.OfferedAlgorithm | None:
        """One of them."""
        record = await self._programs.find(tenant, name)
        if record is None:
            return None
        newest = await self._programs.find(tenant, record.name)
        default = newest is not None and newest.version == record.version
        return self.told(record, tenant, default=default)

    def told(
        self, record: AlgorithmRecord, tenant: str, *, default: bool
    ) -> algorithm_pb2.OfferedAlgorithm:
        """What a caller may know of it."""
        program = executor_pb2.Program.FromString(record.program)
        executor = self._programs.runs(record.name.partition(".")[0])
        return algorithm_pb2.OfferedAlgorithm(
            algorithm=program.algorithm,
            executor="" if executor is None else executor.name,
            default_version=default,
            registration=algorithm_pb2.Registration(
                own=record.tenant == tenant,
                shared=record.shared,
                sha256=record.sha256,
                entry_point=program.entry_point,
                environment=record.environment,
                created_ms=record.created_ms,
                limits=program.limits,
            ),
        )

    async def _register(self, raw: bytes, rpc: Rpc) -> bytes:
        caller = await self._authenticator.authenticate(rpc, WRITE)
        tenant = caller.tenant
        request = parse(algorithm_pb2.RegisterAlgorithmRequest, raw)
        rpc.notes["algorithm"] = request.name[:200]
        if violations := list(_envelope(request)):
            raise errors.InvalidRequest(violations)
        caller.demand_algorithm(request.name)
        if self._routes.offers_name(request.name):
            raise _invalid("name", "another: an executor offers it by itself")
        namespace = request.name.partition(".")[0]
        executor = self._programs.runs(namespace)
        if executor is None:
            raise self._nobody(request.name)
        endpoint = self._programs.replica(executor, namespace)
        record = await self._record(request, tenant)
        lock = await self._lock(request, record, rpc, tenant)
        prepared = await self._prepare(endpoint, _program(request, record.version, lock), rpc)
        record.program = prepared.program
        record.digest = hashlib.sha256(prepared.program).hexdigest()
        try:
            kept = await self._store.add_algorithm(record, self._most)
        except Conflict:
            raise errors.AlreadyExists(f"{record.name}@{record.version}") from None
        except Full:
            raise errors.QuotaExceeded("registered algorithms", self._most) from None
        self._programs.forget()
        return algorithm_pb2.RegisterAlgorithmResponse(
            algorithm=self.told(kept, tenant, default=True), report=prepared.report
        ).SerializeToString()

    async def _record(
        self, request: algorithm_pb2.RegisterAlgorithmRequest, tenant: str
    ) -> AlgorithmRecord:
        """What is to be kept, but for the program."""
        asked = algorithm_pb2.RegisterAlgorithmRequest()
        asked.CopyFrom(request)
        asked.version = asked.sha256 = ""
        digest = hashlib.sha256(asked.SerializeToString(deterministic=True)).hexdigest()
        version = request.version
        if not version:
            known = await self._store.versions(tenant, request.name)
            numbers = [int(r.version) for r in known if r.version.isdecimal()]
            repeated = bool(known) and known[-1].request == digest
            version = known[-1].version if repeated else str(max(numbers, default=0) + 1)
        return AlgorithmRecord(
            tenant=tenant,
            name=request.name,
            version=version,
            number=0,
            digest="",
            program=b"",
            sha256=_sha256(request.code),
            shared=request.shared,
            environment=request.environment,
            request=digest,
            created_ms=time.time_ns() // 1_000_000,
        )

    async def _lock(
        self,
        request: algorithm_pb2.RegisterAlgorithmRequest,
        record: AlgorithmRecord,
        rpc: Rpc,
        tenant: str,
    ) -> str:
        """The lock that it stands on."""
        if request.dependencies:
            made = await self._environments.make(list(request.dependencies), rpc, tenant)
            record.environment = made.id
            return made.lock
        if not request.environment:
            return ""
        found = await self._store.environment(tenant, request.environment)
        if found is None:
            raise errors.UnknownEnvironment(request.environment)
        return found.lock

    async def _prepare(
        self, endpoint: Endpoint, program: executor_pb2.Program, rpc: Rpc
    ) -> executor_pb2.PrepareProgramResponse:
        left = rpc.time_left()
        try:
            answer: object = await endpoint.prepare_program(
                executor_pb2.PrepareProgramRequest(program=program).SerializeToString(),
                timeout=PREPARE_S if left is None else min(left, PREPARE_S),
                metadata=((REQUEST_ID, rpc.request_id), *endpoint.identity),
            )
        except grpc.aio.AioRpcError as error:
            raise judge(error, endpoint, started=False) from None
        return passing.read(executor_pb2.PrepareProgramResponse, answer, endpoint.name)

    async def _source(self, raw: bytes, rpc: Rpc) -> bytes:
        caller = await self._authenticator.authenticate(rpc)
        tenant = caller.tenant
        request = parse(algorithm_pb2.GetAlgorithmSourceRequest, raw)
        caller.demand_algorithm(_named(request.name))
        record = await self._programs.find(tenant, request.name)
        offered = await self.find(tenant, request.name)
        if record is None or offered is None:
            raise errors.UnknownAlgorithm(request.name)
        return algorithm_pb2.GetAlgorithmSourceResponse(
            algorithm=offered, code=executor_pb2.Program.FromString(record.program).code
        ).SerializeToString()

    async def _delete(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        request = parse(algorithm_pb2.DeleteAlgorithmRequest, raw)
        name, _, version = _named(request.name).partition("@")
        gone = await self._store.delete_algorithm(tenant, name, version)
        self._programs.forget()
        if not gone:
            raise errors.UnknownAlgorithm(request.name)
        return algorithm_pb2.DeleteAlgorithmResponse(
            deleted=[f"{name}@{each}" for each in gone]
        ).SerializeToString()

    def _nobody(self, name: str) -> errors.MeshError:
        """No executor that is known runs such programs; one that was not seen yet may."""
        namespace = name.partition(".")[0]
        runs = sorted(self._programs.namespaces())
        if not runs:
            return errors.NotStarted(namespace, 1.0)
        return _invalid("name", f"one of the namespaces {', '.join(runs)}")


def _program(
    request: algorithm_pb2.RegisterAlgorithmRequest, version: str, lock: str
) -> executor_pb2.Program:
    return executor_pb2.Program(
        algorithm=algorithm_pb2.Algorithm(
            name=request.name,
            version=version,
            description=request.description,
            parameters_schema=request.parameters_schema,
            result_schema=request.result_schema,
            any_inputs=True,
            streams=True,
        ),
        code=request.code,
        entry_point=request.entry_point or request.name.partition(".")[2],
        lock=lock,
        limits=request.limits,
        setup_run_time_ms=request.setup_run_time_ms or int(SETUP_S * 1e3),
    )


def _envelope(request: algorithm_pb2.RegisterAlgorithmRequest) -> Iterator[Violation]:
    if not _NAME.fullmatch(request.name) or len(request.name) > 200:
        yield Violation("name", "<namespace>.<name> of [a-z0-9_], each beginning with a letter")
    if request.version and not _VERSION.fullmatch(request.version):
        yield Violation("version", "at most 54 characters of [A-Za-z0-9._-]")
    code = request.code
    if not code.strip():
        yield Violation("code", "required")
    elif len(code) > MOST_CODE or len(code.encode()) > MOST_CODE:
        yield Violation("code", f"at most {MOST_CODE} bytes as UTF-8")
    elif "\0" in code:
        yield Violation("code", f"without NUL; there is one in line {_line(code)}")
    elif request.sha256 and not _DIGEST.fullmatch(request.sha256):
        yield Violation("sha256", "64 hexadecimal digits")
    elif request.sha256 and request.sha256.lower() != _sha256(code):
        yield Violation("sha256", f"that of the code, which is {_sha256(code)}")
    if request.entry_point and not (
        request.entry_point.isidentifier() and len(request.entry_point) <= 255
    ):
        yield Violation("entry_point", "the name of a function, at most 255 characters")
    for field in ("parameters_schema", "result_schema"):
        if len(getattr(request, field)) > MOST_SCHEMA:
            yield Violation(field, f"at most {MOST_SCHEMA} characters")
    if len(request.description) > MOST_DESCRIPTION:
        yield Violation("description", f"at most {MOST_DESCRIPTION} characters")
    if request.setup_run_time_ms > SETUP_S * 1e3:
        yield Violation("setup_run_time_ms", f"at most {int(SETUP_S * 1e3)}")
    if request.environment and request.dependencies:
        yield Violation("dependencies", "empty where there is an environment")


def _line(code: str) -> int:
    return code[: code.index("\0")].count("\n") + 1


def _named(name: str) -> str:
    if not name:
        raise _invalid("name", "required: <namespace>.<name>, or with @<version>")
    return name


def _sha256(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _invalid(field: str, expected: str) -> errors.InvalidRequest:
    return errors.InvalidRequest([Violation(field, expected)])
