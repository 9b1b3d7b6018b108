"""A session: `AsyncSession`, for callers without an event loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgemesh_client.async_session import AsyncSession
from edgemesh_client.events import Event
from edgemesh_client.kinds import SessionInfo, Variable
from edgemesh_client.portal import Portal
from edgemesh_client.request import Limits
from edgemesh_client.result import Result


class Session:
    """A session by its name. The first call makes it."""

    def __init__(self, portal: Portal, session: AsyncSession) -> None:
        self._portal, self._async = portal, session

    @property
    def name(self) -> str:
        """Its name."""
        return self._async.name

    def __repr__(self) -> str:
        return f"<Session {self.name!r}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *of: object) -> None:
        self._portal.run(self._async.__aexit__(*of))

    def run(
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
        return self._portal.run(
            self._async.run(
                code,
                inputs=inputs,
                timeout=timeout,
                limits=limits,
                capabilities=capabilities,
                check=check,
            )
        )

    def stream(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> Iterator[Event]:
        """The same, telling what it prints while it does."""
        return self._portal.each(
            self._async.stream(code, inputs=inputs, timeout=timeout, check=check)
        )

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """What a function that the session has returns."""
        return self._portal.run(self._async.call(function, *args, **kwargs))

    def info(self) -> SessionInfo:
        """What it is now. Raises NotFound before its first call."""
        return self._portal.run(self._async.info())

    def inspect(self) -> list[Variable]:
        """The names that it has, with their types and sizes."""
        return self._portal.run(self._async.inspect())

    def fork(self, name: str | None = None) -> Session:
        """Another session that has all that this one has; deleted as `client.session` says."""
        return Session(self._portal, self._portal.run(self._async.fork(name)))

    def undo(self, calls: int = 1) -> SessionInfo:
        """Take back the last calls."""
        return self._portal.run(self._async.undo(calls))

    def reset(self) -> SessionInfo:
        """Make it empty again."""
        return self._portal.run(self._async.reset())

    def export(self) -> bytes:
        """All of it, for `client.import_session`, here or elsewhere. It is not encrypted."""
        return self._portal.run(self._async.export())

    def delete(self) -> None:
        """Delete it; one that is not there is none already."""
        self._portal.run(self._async.delete())
