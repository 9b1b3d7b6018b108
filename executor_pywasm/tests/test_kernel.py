"""The Jupyter kernel, spoken to as notebooks do: a real kernel process, and its real messages."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import pytest_asyncio
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from edgemesh_kernel.spec import NAME, install

EXAMPLE = Path(__file__).parents[1] / "examples" / "notebook.ipynb"
PATIENCE_S = 60


class Reader:
    """Somebody at a notebook."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def run(self, code: str, answer: str | None = None) -> list[dict[str, Any]]:
        """Run a cell; what came of it, in its order, the reply last."""
        sent = self.client.execute(code, allow_stdin=answer is not None)
        found: list[dict[str, Any]] = []
        while True:
            if answer is not None and await self.client.stdin_channel.msg_ready():
                question = await self.client.get_stdin_msg(timeout=PATIENCE_S)
                found.append({"asked": question["content"]["prompt"]})
                self.client.input(answer)
                answer = None
            try:
                message = await self.client.get_iopub_msg(timeout=0.05 if answer else PATIENCE_S)
            except Exception:
                if answer is None:
                    raise
                continue
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind not in ("status", "execute_input"):
                found.append({"kind": kind, **content})
        return [*found, await self.asked(sent)]

    async def said(self, code: str) -> str:
        """What a cell printed and shows as its value."""
        *shown, reply = await self.run(code)
        assert reply["status"] == "ok", reply
        return "".join(
            each["text"] if each["kind"] == "stream" else each["data"]["text/plain"]
            for each in shown
        )

    async def asked(self, sent: str) -> dict[str, Any]:
        """The reply to what was sent."""
        while True:
            reply = await self.client.get_shell_msg(timeout=PATIENCE_S)
            if reply["parent_header"].get("msg_id") == sent:
                return reply["content"]


@pytest.fixture(scope="module")
def kernel_name(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The kernel as its own command installs it, in a folder of the tests'."""
    prefix = tmp_path_factory.mktemp("jupyter")
    folder = Path(install(str(prefix)))
    assert folder == prefix / "share" / "jupyter" / "kernels" / NAME
    return str(folder.parent)


@pytest.fixture
def specs(kernel_name: str) -> KernelSpecManager:
    return KernelSpecManager(kernel_dirs=[kernel_name])


@pytest_asyncio.fixture
async def reader(specs: KernelSpecManager) -> AsyncGenerator[Reader]:
    manager = AsyncKernelManager(kernel_name=NAME, kernel_spec_manager=specs)
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=PATIENCE_S)
        yield Reader(client)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()


async def test_cells_share_a_session(reader: Reader) -> None:
    assert await reader.said("x = 20\nprint('made')") == "made\n"
    assert await reader.said("x += 1\nx * 2") == "42"
    assert await reader.said("_ + 1") == "43"
    assert await reader.said("import sys; sys.platform") == "'wasi'"


async def test_any_value_is_shown(reader: Reader) -> None:
    *_, shown, reply = await reader.run("import pandas as pd\npd.DataFrame({'a': [1]})")
    assert reply["status"] == "ok"
    assert shown["kind"] == "execute_result"
    assert "<table" in shown["data"]["text/html"]
    assert await reader.said("class Mine:\n    pass\nMine") == "<class '__main__.Mine'>"
    assert await reader.said("display(3)") == "3"
    assert await reader.said("None") == ""


async def test_a_figure_is_shown_once(reader: Reader) -> None:
    drawn = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    *_, figure, reply = await reader.run(drawn)
    assert reply["status"] == "ok"
    assert figure["kind"] == "display_data"
    assert figure["data"]["image/png"].startswith("iVBOR")
    assert [each.get("kind") for each in await reader.run("1")] == ["execute_result", None]


async def test_an_error_shows_the_cell_s_own_lines(reader: Reader) -> None:
    await reader.said("def half(n):\n    return n / 0")
    *_, error, reply = await reader.run("half(3)")
    assert (reply["status"], reply["ename"]) == ("error", "ZeroDivisionError")
    text = "\n".join(error["traceback"])
    assert "return n / 0" in text
    assert "half(3)" in text
    assert "_edgemesh" not in text
    assert await reader.said("1 + 1") == "2"


async def test_an_interrupt_ends_the_cell_and_not_the_session(reader: Reader) -> None:
    await reader.said("x = 1")
    sent = reader.client.execute("x = 2\nprint('here', flush=True)\nwhile True: pass")
    while True:
        message = await reader.client.get_iopub_msg(timeout=PATIENCE_S)
        if message["msg_type"] == "stream":
            break
    control = reader.client.session.msg("interrupt_request", {})
    reader.client.control_channel.send(control)
    reply = await reader.asked(sent)
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    assert await reader.said("x") == "1"


async def test_input_asks_the_reader(reader: Reader) -> None:
    question, shown, reply = await reader.run("input('who? ')", answer="Ada")
    assert question == {"asked": "who? "}
    assert shown["data"]["text/plain"] == "'Ada'"
    assert reply["status"] == "ok"
    *_, reply = await reader.run("input()")
    assert reply["ename"] == "EOFError"


async def test_a_cell_can_be_undone(reader: Reader) -> None:
    await reader.said("x = 1")
    await reader.said("x = 2")
    assert "as it was" in await reader.said("%undo")
    assert await reader.said("x") == "1"
    assert "x  int" in await reader.said("%who")
    await reader.said("%reset")
    *_, reply = await reader.run("x")
    assert reply["ename"] == "NameError"
    *_, reply = await reader.run("%time")
    assert reply["ename"] == "UnknownMagic"


async def test_an_editor_is_answered(reader: Reader) -> None:
    await reader.said("counted = [1]")
    found = await reader.asked(reader.client.complete("counted.app", 11))
    assert found["matches"] == ["counted.append("]
    assert (found["cursor_start"], found["cursor_end"]) == (0, 11)
    told = await reader.asked(reader.client.inspect("counted", 3))
    assert "Type: list" in told["data"]["text/plain"]
    whole = await reader.asked(reader.client.is_complete("for i in x:"))
    assert (whole["status"], whole["indent"]) == ("incomplete", "    ")
    assert (await reader.asked(reader.client.is_complete("1 +")))["status"] == "invalid"
    assert (await reader.asked(reader.client.is_complete("1 + 1")))["status"] == "complete"


async def test_a_notebook_runs_headless(specs: KernelSpecManager) -> None:
    notebook = nbformat.read(EXAMPLE, as_version=4)
    manager = AsyncKernelManager(kernel_name=NAME, kernel_spec_manager=specs)
    client = NotebookClient(notebook, km=manager, timeout=PATIENCE_S)
    await client.async_execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    kinds = {output.output_type for output in outputs}
    assert kinds == {"stream", "execute_result", "display_data"}
    assert any("image/png" in output.get("data", {}) for output in outputs)
    last = outputs[-1]["data"]["text/plain"]
    assert last == "'four cells, one session'"


def test_the_specification_names_this_python() -> None:
    from edgemesh_kernel.spec import SPEC

    assert SPEC["argv"][0] == sys.executable
    assert SPEC["interrupt_mode"] == "message"
