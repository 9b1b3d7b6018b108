"""A mesh for callers that have no event loop: the same methods, each waited for.

    with BlockingMesh(executors=["cpp"]) as mesh:
        channel = grpc.insecure_channel(mesh.address("gateway"))

The loop runs in a thread of its own, which lives as long as the mesh.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Literal, TypeVar

from edgemesh_local.layout import Layout
from edgemesh_local.mesh import START_S, Mesh
from edgemesh_local.supervised import GRACE_S, Serving

_T = TypeVar("_T")


class BlockingMesh:
    """See Mesh, whose arguments and methods these are; a context manager."""

    def __init__(
        self,
        executors: Iterable[str] | None = None,
        *,
        ports: Literal["free", "standard"] = "free",
        settings: Mapping[str, Mapping[str, str]] | None = None,
        restart: bool = True,
        show: Callable[[str, str], None] = lambda _name, _line: None,
        tell: Callable[[str, str], None] = lambda _name, _event: None,
        layout: Layout | None = None,
    ) -> None:
        self._mesh = Mesh(
            executors,
            ports=ports,
            settings=settings,
            restart=restart,
            show=show,
            tell=tell,
            layout=layout,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mesh", daemon=True)

    def __enter__(self) -> BlockingMesh:
        self._thread.start()
        try:
            self._do(self._mesh.start())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._do(self._mesh.stop())
        finally:
            self._close()

    @property
    def executors(self) -> tuple[str, ...]:
        """The chosen executors' names."""
        return self._mesh.executors

    def address(self, name: str) -> str:
        """host:port of a service; of one that is down, what it last was."""
        return self._mesh.address(name)

    def metrics(self, name: str) -> str:
        """host:port of a service's metrics."""
        return self._mesh.metrics(name)

    def pid(self, name: str) -> int:
        """The front process of a service. Raises LookupError while it does not serve."""
        return self._mesh.pid(name)

    def starts(self, name: str) -> int:
        """How often a service's process was started."""
        return self._mesh.starts(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal a service's front process; returns its pid, for `wait_serving`."""
        return self._mesh.kill(name, number)

    def wait_serving(
        self, name: str, *, not_pid: int | None = None, timeout: float = START_S
    ) -> Serving:
        """Wait until a service serves, as another process than `not_pid`. Raises StartFailed."""
        return self._do(self._mesh.wait_serving(name, not_pid=not_pid, timeout=timeout))

    def stop_service(self, name: str, grace: float = GRACE_S) -> None:
        """Stop one service and leave it stopped."""
        self._do(self._mesh.stop_service(name, grace))

    def start_service(self, name: str) -> Serving:
        """Start a stopped service again, on the ports it had. Raises StartFailed."""
        return self._do(self._mesh.start_service(name))

    def restart(self, name: str) -> Serving:
        """Stop a service and start it again, on the ports it had. Raises StartFailed."""
        return self._do(self._mesh.restart(name))

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
