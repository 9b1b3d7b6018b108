"""The messages of a notebook, and what they become.

Rules: cells run on a thread of their own, so that an interrupt is heard and output is sent while
they run; everything that is sent to the reader is sent on the kernel's loop.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any, cast

import zmq
from ipykernel.kernelbase import Kernel
from traitlets import Float, Int

from edgemesh_kernel import magics
from edgemesh_kernel.notebook import Bundle, Notebook
from edgemesh_sandbox import ArtifactError, Failure, Limits, Outcome, Result

_POLL_S = 0.02
_LOST = "the session is as it was before this cell"
_VERSION = "3.15.0"


class SandboxKernel(Kernel):
    """One notebook: a session in a sandbox."""

    implementation = "edgemesh"
    implementation_version = "0.1.0"
    banner = "CPython in a sandbox: no network, no files but its own, and a session that can undo"
    language_info: dict[str, Any] = {  # noqa: RUF012 - ipykernel's way
        "name": "python",
        "version": _VERSION,
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "pygments_lexer": "python3",
        "file_extension": ".py",
    }

    cell_seconds = Float(300.0, help="How long a cell may run, 300 at most.").tag(config=True)
    memory_mib = Int(1024, help="What a session may add to its image's memory.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._notebook: Notebook | None = None
        self._parent: Any = None
        self._identity: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False
        self._may_ask = False

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, Any] | None = None,
        allow_stdin: bool = False,
        *,
        cell_meta: Any = None,
        cell_id: Any = None,
    ) -> dict[str, Any]:
        """Run one cell."""
        del store_history, user_expressions, cell_meta, cell_id
        self._begin(allow_stdin)
        try:
            notebook = await self._ready()
        except (ArtifactError, ValueError) as error:  # nothing is set up, or an option is wrong
            return self._failed(type(error).__name__, str(error), [str(error)], silent)
        if magics.is_magic(code):
            try:
                self._stream("stdout", await asyncio.to_thread(magics.run, notebook, code))
            except magics.UnknownMagic as error:
                return self._failed("UnknownMagic", str(error), [str(error)], silent)
            return self._done()

        def on_output(stream: str, text: str) -> None:
            self._call_soon(lambda: self._stream(stream, text))

        file = f"cell-{self.execution_count}.py"
        try:
            result = await asyncio.to_thread(
                notebook.run, code, file, None if silent else on_output
            )
        except ValueError as error:  # e.g. a lone surrogate: it never ran
            return self._failed(type(error).__name__, str(error), [str(error)], silent)
        if not silent:
            self._show(result)
        if result.outcome is Outcome.OK:
            return self._done()
        assert result.failure is not None
        return self._failed(*_told(result), silent)

    async def do_complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        """Names that go on what is before the cursor."""
        notebook = await self._ready()
        found: Any = await asyncio.to_thread(notebook.asked, "complete", code, cursor_pos)
        names: Any = []
        start = cursor_pos
        if isinstance(found, list):
            names, start = cast(Any, found)
        return {
            "status": "ok",
            "matches": names,
            "cursor_start": start,
            "cursor_end": cursor_pos,
            "metadata": {},
        }

    async def do_inspect(
        self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Any = ()
    ) -> dict[str, Any]:
        """What the name at the cursor is."""
        del detail_level, omit_sections
        notebook = await self._ready()
        text = await asyncio.to_thread(notebook.asked, "inspect", code, cursor_pos)
        data = {"text/plain": text} if isinstance(text, str) else {}
        return {"status": "ok", "found": bool(data), "data": data, "metadata": {}}

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Whether a console should run it, or read on."""
        notebook = await self._ready()
        status = await asyncio.to_thread(notebook.asked, "is_complete", code)
        answer = {"status": status if isinstance(status, str) else "unknown"}
        if status == "incomplete":
            answer["indent"] = "    " if code.rstrip().endswith(":") else ""
        return answer

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """End the session."""
        notebook, self._notebook = self._notebook, None
        if notebook is not None:
            notebook.stop()
            await asyncio.to_thread(notebook.close)
        return {"status": "ok", "restart": restart}

    def _send_interrupt_children(self) -> None:
        """Jupyter's interrupt, on the control channel's thread."""
        self._stopped = True
        if self._notebook is not None:
            self._notebook.stop()

    def _begin(self, allow_stdin: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self._may_ask = allow_stdin
        inherited = cast(Any, self)
        self._parent = inherited.get_parent("shell")
        self._identity = inherited._get_shell_context_var(self._shell_parent_ident)

    async def _ready(self) -> Notebook:
        if self._notebook is None:
            limits = Limits(
                run_time_ms=int(self.cell_seconds * 1e3),
                memory_bytes=self.memory_mib << 20,
                output_bytes=64 << 20,
            )
            self._notebook = await asyncio.to_thread(
                lambda: Notebook(ask=self._ask, show=self._display, limits=limits)
            )
        return self._notebook

    def _show(self, result: Result) -> None:
        """A cell's value, and the figures that it left open."""
        value: Any = result.result
        shown: Any = cast(Any, value).get("bundle") if isinstance(value, dict) else None
        if isinstance(shown, dict):
            content: dict[str, Any] = {
                "execution_count": self.execution_count,
                "data": shown,
                "metadata": {},
            }
            self._publish("execute_result", content)
        for name, tensor in result.outputs.items():
            if name.startswith("figure-") and tensor.media_type == "image/png":
                png = base64.b64encode(bytes(tensor.data)).decode()
                self._publish("display_data", {"data": {"image/png": png}, "metadata": {}})

    def _display(self, data: Bundle) -> None:
        self._call_soon(lambda: self._publish("display_data", {"data": data, "metadata": {}}))

    def _ask(self, prompt: str, secret: bool) -> str | None:
        """The reader's answer; None where nobody can be asked, or the cell is stopped."""
        if self._loop is None or not self._may_ask:
            return None
        asking = self._asking(str(prompt), bool(secret))
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()

    async def _asking(self, prompt: str, secret: bool) -> str | None:
        socket: Any = self.stdin_socket
        session: Any = self.session
        while socket.poll(0):  # what came too late for an earlier question
            socket.recv_multipart(zmq.NOBLOCK)
        content = {"prompt": prompt, "password": secret}
        session.send(socket, "input_request", content, self._parent, ident=self._identity)
        while not self._stopped:
            if socket.poll(0):
                _, reply = session.recv(socket)
                if reply is not None:
                    return str(reply["content"]["value"])
            await asyncio.sleep(_POLL_S)
        return None

    def _stream(self, name: str, text: str) -> None:
        if text:
            self._publish("stream", {"name": name, "text": text})

    def _publish(self, kind: str, content: dict[str, Any]) -> None:
        session: Any = self.session
        topic = cast(Any, self)._topic(kind)
        session.send(self.iopub_socket, kind, content, self._parent, ident=topic)

    def _call_soon(self, function: Callable[[], None]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function)

    def _done(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "execution_count": self.execution_count,
            "payload": [],
            "user_expressions": {},
        }

    def _failed(self, name: str, value: str, lines: list[str], silent: bool) -> dict[str, Any]:
        content: dict[str, Any] = {"ename": name, "evalue": value, "traceback": lines}
        if not silent:
            self._publish("error", content)
        return {"status": "error", "execution_count": self.execution_count, **content}


def _told(result: Result) -> tuple[str, str, list[str]]:
    """A failure as a notebook shows one: name, message, lines."""
    failure = result.failure
    assert failure is not None
    name, message = failure.type, failure.message
    if result.outcome is Outcome.CANCELLED:
        name, message = "KeyboardInterrupt", "the cell was interrupted"
    lines = failure.traceback.rstrip().splitlines() or [f"{name}: {message}" if message else name]
    lines += [note for note in failure.notes if note not in lines]
    lines += [f"  {_line(member)}" for member in failure.exceptions]
    if result.kept is False:
        lines.append(f"({_LOST})")
    return name, message, lines


def _line(failure: Failure) -> str:
    return f"{failure.type}: {failure.message}"
