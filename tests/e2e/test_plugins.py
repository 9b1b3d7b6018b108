"""A plugin's files come, change their default and go while the mesh is up; the gateway follows."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import grpc
import pytest
from support import arrays, rpc
from support.wait import until

from edgemesh_local.mesh import Mesh

BUILT = Path(__file__).parents[2] / "executor_cpp" / ".venv" / "edgemesh" / "plugins"


def put(name: str, folder: Path) -> None:
    """Put a plugin there: the library, then the manifest that says it is whole."""
    for suffix in (".so", ".json"):
        shutil.copy(BUILT / f"{name}{suffix}", folder / f".fresh{suffix}")
        (folder / f".fresh{suffix}").rename(folder / f"{name}{suffix}")


@pytest.mark.needs("cpp")
async def test_the_gateway_follows_what_lies_in_a_folder(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    put("random", plugins)
    settings = {"cpp": {"PLUGINS_DIR": str(plugins), "STORE_DIR": str(tmp_path / "store")}}
    numbers = rpc.request("cpp.random", {"seed": 1, "shape": [3]})
    distance = rpc.request("cpp.edit_distance", {"query": "kitten", "strings": ["sitting"]})
    async with (
        Mesh(("cpp",), settings=settings) as mesh,
        rpc.connect(mesh.address("gateway")) as peer,
    ):

        async def served() -> bool:
            try:
                response = await peer.compute.Compute(distance, timeout=10)
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                return False
            assert arrays.array(response.outputs["y"]).tolist() == [3]
            return True

        async def others() -> None:
            """Calls of another plugin's, none of which may fail meanwhile."""
            while True:
                assert rpc.outcome(await peer.compute.Compute(numbers, timeout=10)) == "OK"

        assert not await served()
        load = asyncio.create_task(others())
        put("text", plugins)
        await until(served, "cpp.edit_distance is served")
        (plugins / "text.so").unlink()

        async def gone() -> bool:
            return not await served()

        await until(gone, "cpp.edit_distance is withdrawn")
        assert not load.done()
        load.cancel()
        with pytest.raises(asyncio.CancelledError):
            await load
