"""`make up`: the mesh in the foreground, on its standard ports, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal

from edgemesh_local.console import Console
from edgemesh_local.mesh import Mesh
from edgemesh_local.session import Session

_COLOURS = ("cyan", "green", "yellow", "magenta")
_WIDTH = 8


class Foreground:
    """Prints what services log and what becomes of them, each line with its service's name."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._colours: dict[str, str] = {}
        self.mesh: Mesh | None = None

    def show(self, name: str, line: str) -> None:
        """A line that a service wrote."""
        self._console.line(f"{self._prefix(name)} {line}")

    def tell(self, name: str, event: str) -> None:
        """Something that became of a service."""
        if event == "serving" and self.mesh is not None:
            serving = self.mesh.serving(name)
            rest = f", REST at http://{serving.http}" if serving.http else ""
            event = (
                f"serving at {serving.address}{rest}, metrics at {serving.metrics}, "
                f"process {serving.pid}"
            )
        self._console.line(f"{self._prefix(name)} {self._console.paint(event, 'blue')}")

    def _prefix(self, name: str) -> str:
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        return self._console.paint(f"{name:<{_WIDTH}}|", colour)


async def up(session: Session) -> int:
    """Build, and run the mesh until told to stop; returns the exit code.

    Raises PortInUse, StartFailed, and what a build raises.
    """
    await session.build()
    return await run(session)


async def run(session: Session) -> int:
    """Run what has been built until told to stop. Raises PortInUse, StartFailed."""
    console = session.console
    if console.out.isatty():  # services write to us, not to the terminal itself
        os.environ.setdefault("EDGEMESH_LOG_FORMAT", "text")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    foreground = Foreground(console)
    mesh = foreground.mesh = Mesh(
        session.executors,
        ports="standard",
        inherit=True,
        layout=session.layout,
        show=foreground.show,
        tell=foreground.tell,
    )
    starting = asyncio.create_task(mesh.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        try:
            await starting
        finally:
            stopping.cancel()
        http = mesh.http("gateway")
        rest = f", REST at http://{http}" if http else ""
        console.line(f"the mesh is up at {mesh.address('gateway')}{rest}; Ctrl-C stops it")
        await stop.wait()
    console.line("stopping")
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
    await mesh.stop()
    return 0
