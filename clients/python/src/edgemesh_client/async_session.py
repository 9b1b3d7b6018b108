"""A session: Python that goes on from call to call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edgemesh.compute.v1 import session_pb2, session_pb2_grpc

from edgemesh_client.errors import NotFound
from edgemesh_client.events import Event
from edgemesh_client.kinds import SessionInfo, Variable
from edgemesh_client.request import Limits
from edgemesh_client.result import Result

if TYPE_CHECKING:
    from edgemesh_client.async_client import AsyncClient


class AsyncSession:
    """A session by its name. The first call makes it."""

    def __init__(self, client: AsyncClient, name: str, environment: str, delete: bool) -> None:
        self._client, self.name = client, name
        self._environment, self._delete = environment, delete

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._delete:
            await self.delete()

    async def run(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        limits: Limits | None = None,
        capabilities: Sequence[str] = (),
        check: bool = True,
    ) -> Result:
        """Run a piece of Python where the last has ended."""
        return await self._client.run(
            code,
            inputs=inputs,
            environment=self._environment,
            session=self.name,
            timeout=timeout,
            limits=limits,
            capabilities=capabilities,
            check=check,
        )

    def stream(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> AsyncIterator[Event]:
        """The same, telling what it prints while it does."""
        said = {"inputs": inputs, "environment": self._environment}
        return self._client.stream(
            "python.run",
            parameters={"code": code} | {name: each for name, each in said.items() if each},
            session=self.name,
            timeout=timeout,
            check=check,
        )

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """What a function that the session has returns."""
        said = {"code": "", "function": function, "args": list(args), "kwargs": kwargs}
        if self._environment:
            said["environment"] = self._environment
        return (await self._client.compute("python.call", parameters=said, session=self.name)).value

    async def info(self) -> SessionInfo:
        """What it is now. Raises NotFound before its first call."""
        request = session_pb2.GetSessionRequest(session_id=self.name)
        answer = await self._client.link.unary(self._stub.GetSession, request, safe=True)
        return SessionInfo.read(answer.session)

    async def inspect(self) -> list[Variable]:
        """The names that it has, with their types and sizes."""
        request = session_pb2.InspectSessionRequest(session_id=self.name)
        answer = await self._client.link.unary(self._stub.InspectSession, request, safe=True)
        return [Variable.read(each) for each in answer.variables]

    async def fork(self, name: str | None = None) -> AsyncSession:
        """Another session that has all that this one has; deleted as `client.session` says."""
        fork = self._client.session(name)
        request = session_pb2.ForkSessionRequest(session_id=self.name, fork_id=fork.name)
        await self._client.link.unary(self._stub.ForkSession, request)
        return fork

    async def undo(self, calls: int = 1) -> SessionInfo:
        """Take back the last calls."""
        request = session_pb2.UndoSessionRequest(session_id=self.name, calls=calls)
        answer = await self._client.link.unary(self._stub.UndoSession, request)
        return SessionInfo.read(answer.session)

    async def reset(self) -> SessionInfo:
        """Make it empty again."""
        request = session_pb2.ResetSessionRequest(session_id=self.name)
        answer = await self._client.link.unary(self._stub.ResetSession, request, safe=True)
        return SessionInfo.read(answer.session)

    async def export(self) -> bytes:
        """All of it, for `client.import_session`, here or elsewhere. It is not encrypted."""
        request = session_pb2.ExportSessionRequest(session_id=self.name)
        return (await self._client.link.unary(self._stub.ExportSession, request, safe=True)).data

    async def delete(self) -> None:
        """Delete it; one that is not there is none already."""
        request = session_pb2.DeleteSessionRequest(session_id=self.name)
        with suppress(NotFound):
            await self._client.link.unary(self._stub.DeleteSession, request, safe=True)

    @property
    def _stub(self) -> session_pb2_grpc.SessionServiceAsyncStub:
        return session_pb2_grpc.SessionServiceStub(self._client.channel)
