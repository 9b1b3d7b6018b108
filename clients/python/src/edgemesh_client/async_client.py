"""The client for asyncio; `client` is the same for callers without an event loop."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, overload

import numpy.typing as npt
from edgemesh.compute.v1 import (
    algorithm_pb2,
    algorithm_pb2_grpc,
    compute_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
    session_pb2,
    session_pb2_grpc,
)

from edgemesh_client.async_accounts import AsyncAccounts
from edgemesh_client.async_holdings import PREPARING_S, AsyncHoldings
from edgemesh_client.async_job import AsyncJob
from edgemesh_client.async_plans import AsyncPlans
from edgemesh_client.async_remote import AsyncRemote
from edgemesh_client.async_session import AsyncSession
from edgemesh_client.async_shared_memory import AsyncSharedMemory
from edgemesh_client.events import Event, read_event
from edgemesh_client.job_kinds import JobInfo, JobState
from edgemesh_client.kinds import Algorithm, SessionInfo
from edgemesh_client.regions import Landing
from edgemesh_client.request import Call, Limits, Priority, make_request
from edgemesh_client.result import Result, read_result
from edgemesh_client.source import program


class AsyncClient(AsyncHoldings, AsyncAccounts, AsyncPlans):
    """A mesh, for asyncio.

        async with AsyncClient() as client:
            result = await client.compute("cpp.fft", x=array, norm="ortho")

    Options are those of `options`: an argument, or else the environment. `timeout` is each call's,
    in seconds, unless it names one; `math.inf` waits for ever. Raises ConfigurationError.
    """

    # Work

    async def compute(
        self,
        algorithm: str,
        /,
        *,
        timeout: float | None = None,
        limits: Limits | None = None,
        priority: Priority | None = None,
        session: str = "",
        capabilities: Sequence[str] = (),
        request_id: str = "",
        check: bool = True,
        parameters: Mapping[str, Any] | None = None,
        tensors: Mapping[str, Any] | None = None,
        out: Mapping[str, npt.NDArray[Any]] | None = None,
        **arguments: Any,
    ) -> Result:
        """Run an algorithm. Arrays and bytes are its inputs, all other arguments its parameters.

        One that is called like an option here goes into `parameters` or `tensors`. Outputs are
        written into the arrays of `out`, by name; with arrays of `shared_memory` by the executor
        itself. Raises AlgorithmFailed for an outcome other than OK, unless `check` is false;
        MeshError.
        """
        call = Call(limits, priority, session, capabilities, request_id)
        landing = Landing(self.regions, out or {})
        request = make_request(algorithm, call, arguments, parameters, tensors, self.regions)
        landing.ask(request)
        stub = compute_pb2_grpc.ComputeServiceStub(self.channel)
        answer = await self.link.unary(stub.Compute, request, timeout=timeout)
        result = read_result(answer, landing)
        return result.check() if check else result

    async def stream(
        self,
        algorithm: str,
        /,
        *,
        timeout: float | None = None,
        limits: Limits | None = None,
        priority: Priority | None = None,
        session: str = "",
        capabilities: Sequence[str] = (),
        request_id: str = "",
        check: bool = True,
        parameters: Mapping[str, Any] | None = None,
        tensors: Mapping[str, Any] | None = None,
        out: Mapping[str, npt.NDArray[Any]] | None = None,
        **arguments: Any,
    ) -> AsyncIterator[Event]:
        """The same, telling what happens meanwhile; the last event is the Result.

        Who stops listening ends the work.
        """
        call = Call(limits, priority, session, capabilities, request_id)
        landing = Landing(self.regions, out or {})
        request = make_request(algorithm, call, arguments, parameters, tensors, self.regions)
        landing.ask(request)
        stub = compute_pb2_grpc.ComputeServiceStub(self.channel)
        async for told in self.link.stream(stub.ComputeStream, request, timeout=timeout):
            event = read_event(told, landing)
            if event is not None:
                yield event.check() if check and isinstance(event, Result) else event

    async def run(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        stdin: str = "",
        environment: str = "",
        session: str = "",
        timeout: float | None = None,
        limits: Limits | None = None,
        capabilities: Sequence[str] = (),
        check: bool = True,
    ) -> Result:
        """Run a Python program in the sandbox, with `inputs` as its dict of that name.

        The value is the program's `output`, or else its last expression.
        """
        said = {"inputs": inputs, "stdin": stdin, "environment": environment}
        return await self.compute(
            "python.run",
            parameters={"code": code} | {name: each for name, each in said.items() if each},
            session=session,
            timeout=timeout,
            limits=limits,
            capabilities=capabilities,
            check=check,
        )

    def shared_memory(self, executor: str, size: int) -> AsyncSharedMemory:
        """So many bytes that an executor on this machine maps too; a context manager.

        Arrays in it are inputs and outputs (`out`) that no message carries.
        """
        return AsyncSharedMemory(self, executor, size)

    # Jobs

    async def submit(
        self,
        algorithm: str,
        /,
        *,
        timeout: float | None = None,
        job_timeout_s: float | None = None,
        max_attempts: int = 0,
        idempotent: bool = False,
        limits: Limits | None = None,
        priority: Priority | None = None,
        capabilities: Sequence[str] = (),
        request_id: str = "",
        webhook: str = "",
        parameters: Mapping[str, Any] | None = None,
        tensors: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> AsyncJob:
        """Have it done though nobody waits: when this returns, the job is on the mesh's disk.

        `job_timeout_s` bounds the job, waiting included. A `request_id` names it: submitted again
        it is the same job. Without one the client makes one, so that its retries are one job. A
        `webhook` is a URL that is told of its end, where the mesh's operator allows it.
        """
        call = Call(limits, priority, "", capabilities)
        request = job_pb2.SubmitJobRequest(
            request_id=request_id or uuid.uuid4().hex,
            max_attempts=max_attempts,
            timeout_ms=int(1000 * (job_timeout_s or 0)),
            idempotent=idempotent,
            webhook=job_pb2.Webhook(url=webhook) if webhook else None,
            request=make_request(algorithm, call, arguments, parameters, tensors),
        )
        stub = job_pb2_grpc.JobServiceStub(self.channel)
        answer = await self.link.unary(stub.SubmitJob, request, timeout=timeout, safe=True)
        return AsyncJob(self, JobInfo.read(answer.job))

    async def job(self, id: str) -> AsyncJob:
        """A job by its id. Raises NotFound."""
        stub = job_pb2_grpc.JobServiceStub(self.channel)
        answer = await self.link.unary(stub.GetJob, job_pb2.GetJobRequest(id=id), safe=True)
        return AsyncJob(self, JobInfo.read(answer.job))

    async def jobs(
        self, *, states: Sequence[JobState] = (), algorithm: str = "", most: int = 100
    ) -> list[JobInfo]:
        """The tenant's jobs, newest first."""
        stub, found, page = job_pb2_grpc.JobServiceStub(self.channel), list[JobInfo](), ""
        wanted = [job_pb2.JobState.Value(f"JOB_STATE_{state.value}") for state in states]
        while len(found) < most:
            request = job_pb2.ListJobsRequest(
                states=wanted,
                algorithm=algorithm,
                page_size=min(most - len(found), 1000),
                page_token=page,
            )
            answer = await self.link.unary(stub.ListJobs, request, safe=True)
            found += map(JobInfo.read, answer.jobs)
            page = answer.next_page_token
            if not page:
                break
        return found

    # Sessions

    def session(
        self, name: str | None = None, *, environment: str = "", delete: bool | None = None
    ) -> AsyncSession:
        """A session: Python that goes on from call to call; a context manager.

        One that has a name is there afterwards, for whoever comes back to it; one that has none
        is deleted at the end. `delete` says otherwise.
        """
        made = name or f"session-{uuid.uuid4().hex[:16]}"
        return AsyncSession(self, made, environment, (name is None) if delete is None else delete)

    async def sessions(self, *, executor: str = "") -> list[SessionInfo]:
        """The caller's sessions, by name."""
        stub, found, after = (
            session_pb2_grpc.SessionServiceStub(self.channel),
            list[SessionInfo](),
            "",
        )
        while True:
            request = session_pb2.ListSessionsRequest(executor=executor, after=after)
            answer = await self.link.unary(stub.ListSessions, request, safe=True)
            found += map(SessionInfo.read, answer.sessions)
            after = answer.next_after
            if not after:
                return found

    async def import_session(self, name: str, data: bytes) -> AsyncSession:
        """Make a session of what `export` has given. Raises AlreadyExists, …"""
        stub = session_pb2_grpc.SessionServiceStub(self.channel)
        request = session_pb2.ImportSessionRequest(session_id=name, data=data)
        await self.link.unary(stub.ImportSession, request)
        return self.session(name)

    # Functions

    @overload
    def remote(self, function: Callable[..., Any], /) -> AsyncRemote: ...
    @overload
    def remote(
        self,
        /,
        *,
        dependencies: Sequence[str] = (),
        timeout: float | None = None,
        limits: Limits | None = None,
        capabilities: Sequence[str] = (),
    ) -> Callable[[Callable[..., Any]], AsyncRemote]: ...
    def remote(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        dependencies: Sequence[str] = (),
        timeout: float | None = None,
        limits: Limits | None = None,
        capabilities: Sequence[str] = (),
    ) -> AsyncRemote | Callable[[Callable[..., Any]], AsyncRemote]:
        """Decorates a function: where it is called, its source runs in the sandbox.

        `dependencies` are packages of pure Python, of which an environment is made once. Raises
        SourceUnfit where the function cannot be shipped.
        """

        def made(function: Callable[..., Any]) -> AsyncRemote:
            return AsyncRemote(self, function, dependencies, timeout, limits, capabilities)

        return made if function is None else made(function)

    async def register(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str = "",
        code: str = "",
        version: str = "",
        description: str = "",
        dependencies: Sequence[str] = (),
        shared: bool = False,
        limits: Limits | None = None,
        timeout: float = PREPARING_S,
    ) -> Algorithm:
        """Make an algorithm, `python.<name>`, of a function, or of a program that has it.

        Its module level runs once; each call begins with what it left. Raises InvalidRequest with
        line and column for code that cannot be.
        """
        if function is not None:
            code = program(function)
            name = name or function.__name__.lower()
        entry = function.__name__ if function is not None else ""
        full = name if name.startswith("python.") else f"python.{name}"
        stub = algorithm_pb2_grpc.AlgorithmServiceStub(self.channel)
        request = algorithm_pb2.RegisterAlgorithmRequest(
            name=full,
            version=version,
            code=code,
            entry_point=entry,
            description=description,
            dependencies=dependencies,
            shared=shared,
            limits=make_request(full, Call(limits), {}).limits if limits else None,
        )
        answer = await self.link.unary(stub.RegisterAlgorithm, request, timeout=timeout, safe=True)
        return Algorithm.read(answer.algorithm)
