"""Real worker processes in which native code is run."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from edgemesh.compute.v1 import compute_pb2

from edgemesh_executor_pywasm.walls import WALLS
from mesh_service.pool import PoolSpec, Verdict, Work, WorkerPool

EVERY = tuple(wall.name for wall in WALLS)
SECRET = "correct-horse-battery-staple"
_HERE = str(Path(__file__).parent)


class EscapedWorker:
    """One worker behind some of the walls; the front is this process."""

    def __init__(
        self, images: Path, log: Path, only: Collection[str] = EVERY, **settings: Any
    ) -> None:
        config: dict[str, Any] = {
            "images": str(images),
            "ready": True,
            "only": list(only),
            "walls": {"strict": False, "uid": 65534, **settings},
        }
        self._pool = WorkerPool(
            PoolSpec(
                target="mesh_service.executor.worker:adapt",
                config={"runner": "escaped:Escaped", "config": config},
                workers=1,
                spares=0,
                env={"PYTHONPATH": _HERE, "EDGEMESH_SECRET": SECRET, "LANG": "C.UTF-8"},
            )
        )
        self._loop = asyncio.Runner()
        self._log = log

    def __enter__(self) -> Self:
        self._log.write_text("the front's first line\n")
        kept = os.dup(2)
        try:
            with self._log.open("r+b") as file:
                file.seek(0, os.SEEK_END)
                os.dup2(file.fileno(), 2)
            self._loop.run(asyncio.wait_for(self._pool.start(), 30))
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._pool.stop())
        self._loop.close()

    def probe(self, name: str, *arguments: Any) -> Any:
        """What came of a probe: {"got": …} or {"refused": …}."""
        reply = self.request({"probe": name, "arguments": arguments})
        return json.loads(reply.result)

    def program(self, code: str, **inputs: Any) -> compute_pb2.ComputeResponse:
        """Run a program in the sandbox, as a caller does."""
        return self.request({"code": code, "inputs": inputs})

    def request(self, parameters: dict[str, Any]) -> compute_pb2.ComputeResponse:
        """Send one request to the worker."""
        request = compute_pb2.ComputeRequest(
            algorithm="python.run@1",
            parameters=json.dumps(parameters),
            limits=compute_pb2.Limits(
                run_time_ms=20_000, memory_bytes=256 << 20, output_bytes=1 << 20
            ),
        )
        return self._loop.run(self._run(Work(header=b"\0" + request.SerializeToString())))

    async def _run(self, work: Work) -> compute_pb2.ComputeResponse:
        async with self._pool.run(work) as done:
            assert done.verdict is Verdict.DONE, f"{done.verdict}: {done.detail}"
            return compute_pb2.ComputeResponse.FromString(done.header[1:])
