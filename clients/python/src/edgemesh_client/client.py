"""The client: `AsyncClient`'s surface, for callers without an event loop.

Rules: decides nothing. Each method is the asynchronous one's, run on the client's own event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy.typing as npt

from edgemesh_client.accounts import Accounts
from edgemesh_client.async_client import AsyncClient
from edgemesh_client.async_holdings import PREPARING_S
from edgemesh_client.async_remote import AsyncRemote
from edgemesh_client.events import Event
from edgemesh_client.holdings import Holdings
from edgemesh_client.job import Job
from edgemesh_client.job_kinds import JobInfo, JobState
from edgemesh_client.kinds import (
    Algorithm,
    SessionInfo,
)
from edgemesh_client.options import Options, Retries
from edgemesh_client.planning import Planning
from edgemesh_client.portal import Portal
from edgemesh_client.remote import Remote
from edgemesh_client.request import Limits, Priority
from edgemesh_client.result import Result
from edgemesh_client.session import Session
from edgemesh_client.shared_memory import SharedMemory


class Client(Holdings, Accounts, Planning):
    """A mesh.

        with Client() as client:
            spectrum = client.compute("cpp.fft", x=array, norm="ortho").value

    Options are those of `options`: an argument, or else the environment. `timeout` is each call's,
    in seconds, unless it names one; `math.inf` waits as long as it takes. Several threads may use
    one client. Raises ConfigurationError.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        token: str | None = None,
        tls: bool | None = None,
        ca: str | Path | None = None,
        certificate: str | Path | None = None,
        certificate_key: str | Path | None = None,
        server_name: str = "",
        timeout: float = 60.0,
        retries: Retries | None = None,
    ) -> None:
        self._async = AsyncClient(
            address,
            api_key=api_key,
            token=token,
            tls=tls,
            ca=ca,
            certificate=certificate,
            certificate_key=certificate_key,
            server_name=server_name,
            timeout=timeout,
            retries=retries,
        )
        self._portal = Portal()

    @property
    def options(self) -> Options:
        """As they were settled."""
        return self._async.options

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the channel, and the calls on it."""
        if not self._portal.closed:
            self._portal.run(self._async.close())
            self._portal.close()

    # Work

    def compute(
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
        return self._portal.run(
            self._async.compute(
                algorithm,
                timeout=timeout,
                limits=limits,
                priority=priority,
                session=session,
                capabilities=capabilities,
                request_id=request_id,
                check=check,
                parameters=parameters,
                tensors=tensors,
                out=out,
                **arguments,
            )
        )

    def stream(
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
    ) -> Iterator[Event]:
        """The same, telling what happens meanwhile; the last event is the Result.

        Who stops listening ends the work.
        """
        return self._portal.each(
            self._async.stream(
                algorithm,
                timeout=timeout,
                limits=limits,
                priority=priority,
                session=session,
                capabilities=capabilities,
                request_id=request_id,
                check=check,
                parameters=parameters,
                tensors=tensors,
                out=out,
                **arguments,
            )
        )

    def run(
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
        return self._portal.run(
            self._async.run(
                code,
                inputs=inputs,
                stdin=stdin,
                environment=environment,
                session=session,
                timeout=timeout,
                limits=limits,
                capabilities=capabilities,
                check=check,
            )
        )

    def shared_memory(self, executor: str, size: int) -> SharedMemory:
        """So many bytes that an executor on this machine maps too; a context manager.

        Arrays in it are inputs and outputs (`out`) that no message carries.
        """
        return SharedMemory(self._portal, self._async.shared_memory(executor, size))

    # Jobs

    def submit(
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
    ) -> Job:
        """Have it done though nobody waits: when this returns, the job is on the mesh's disk.

        `job_timeout_s` bounds the job, waiting included. A `request_id` names it: submitted again
        it is the same job. Without one the client makes one, so that its retries are one job. A
        `webhook` is a URL that is told of its end, where the mesh's operator allows it.
        """
        return Job(
            self._portal,
            self._portal.run(
                self._async.submit(
                    algorithm,
                    timeout=timeout,
                    job_timeout_s=job_timeout_s,
                    max_attempts=max_attempts,
                    idempotent=idempotent,
                    limits=limits,
                    priority=priority,
                    capabilities=capabilities,
                    request_id=request_id,
                    webhook=webhook,
                    parameters=parameters,
                    tensors=tensors,
                    **arguments,
                )
            ),
        )

    def job(self, id: str) -> Job:
        """A job by its id. Raises NotFound."""
        return Job(self._portal, self._portal.run(self._async.job(id)))

    def jobs(
        self, *, states: Sequence[JobState] = (), algorithm: str = "", most: int = 100
    ) -> list[JobInfo]:
        """The tenant's jobs, newest first."""
        return self._portal.run(self._async.jobs(states=states, algorithm=algorithm, most=most))

    # Sessions

    def session(
        self, name: str | None = None, *, environment: str = "", delete: bool | None = None
    ) -> Session:
        """A session: Python that goes on from call to call; a context manager.

        One that has a name is there afterwards, for whoever comes back to it; one that has none
        is deleted at the end. `delete` says otherwise.
        """
        return Session(
            self._portal, self._async.session(name, environment=environment, delete=delete)
        )

    def sessions(self, *, executor: str = "") -> list[SessionInfo]:
        """The caller's sessions, by name."""
        return self._portal.run(self._async.sessions(executor=executor))

    def import_session(self, name: str, data: bytes) -> Session:
        """Make a session of what `export` has given. Raises AlreadyExists, …"""
        return Session(self._portal, self._portal.run(self._async.import_session(name, data)))

    # Functions

    @overload
    def remote(self, function: Callable[..., Any], /) -> Remote: ...
    @overload
    def remote(
        self,
        /,
        *,
        dependencies: Sequence[str] = (),
        timeout: float | None = None,
        limits: Limits | None = None,
        capabilities: Sequence[str] = (),
    ) -> Callable[[Callable[..., Any]], Remote]: ...
    def remote(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        dependencies: Sequence[str] = (),
        timeout: float | None = None,
        limits: Limits | None = None,
        capabilities: Sequence[str] = (),
    ) -> Remote | Callable[[Callable[..., Any]], Remote]:
        """Decorates a function: where it is called, its source runs in the sandbox.

        `dependencies` are packages of pure Python, of which an environment is made once. Raises
        SourceUnfit where the function cannot be shipped.
        """

        def made(function: Callable[..., Any]) -> Remote:
            options = (dependencies, timeout, limits, capabilities)
            return Remote(self._portal, AsyncRemote(self._async, function, *options))

        return made if function is None else made(function)

    def register(
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
        return self._portal.run(
            self._async.register(
                function,
                name=name,
                code=code,
                version=version,
                description=description,
                dependencies=dependencies,
                shared=shared,
                limits=limits,
                timeout=timeout,
            )
        )
