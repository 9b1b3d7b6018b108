"""Jobs accepted durably per second, on SQLite and on PostgreSQL, and done per second meanwhile.

A gateway process over an executor of one trivial algorithm; callers submit at once. PostgreSQL is
one of our own on a socket in a folder, with its defaults: each commit is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from edgemesh.compute.v1 import compute_pb2, job_pb2, job_pb2_grpc

from bench.brief import unless_brief
from bench.report import Line, save
from edgemesh_local.mesh import Mesh

CALLERS = 64
SECONDS = unless_brief(10.0, 0.5)
GOALS = {"SQLite": 500.0, "PostgreSQL": 1000.0}
_WORK = compute_pb2.ComputeRequest(algorithm="python.run", parameters='{"code": "output = 1"}')


@contextlib.contextmanager
def postgres() -> Generator[str | None]:
    """A server of our own; its URL, or None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="edgemesh-bench-"))
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:  # it does not run as root
        shutil.chown(folder, "postgres", "postgres")
        owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
    data = folder / "data"
    initialise = [found[-1] / "initdb", "-D", data, "-U", "mesh", "--auth=trust"]
    subprocess.run(initialise, check=True, capture_output=True, **owner)
    options = [f"-cunix_socket_directories={folder}", "-clisten_addresses="]
    process = subprocess.Popen(
        [found[-1] / "postgres", "-D", data, *options], stderr=subprocess.PIPE, text=True, **owner
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "ready to accept" in line:
            break
    try:
        yield f"postgresql+psycopg://mesh@/postgres?host={folder}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _desk(url: str) -> AsyncGenerator[Any]:
    settings = {"gateway": {"DATABASE": url, "MAX_WAITING_JOBS": "1000000"}}
    async with (
        Mesh(("pywasm",), settings=settings) as mesh,
        grpc.aio.insecure_channel(mesh.address("gateway")) as channel,
    ):
        yield job_pb2_grpc.JobServiceStub(channel)


async def _rates(url: str) -> tuple[float, float]:
    """Accepted and done per second."""
    asked = job_pb2.SubmitJobRequest(request=_WORK)
    async with _desk(url) as stub:
        accepted: list[str] = []
        began = time.perf_counter()

        async def submit() -> None:
            while time.perf_counter() - began < SECONDS:
                accepted.append((await stub.SubmitJob(asked)).job.id)

        await asyncio.gather(*(submit() for _ in range(CALLERS)))
        took = time.perf_counter() - began
        done, token = 0, ""
        wanted = job_pb2.ListJobsRequest(states=[job_pb2.JOB_STATE_SUCCEEDED], page_size=1000)
        while True:
            wanted.page_token = token
            page = await stub.ListJobs(wanted)
            done, token = done + len(page.jobs), page.next_page_token
            if not token:
                return len(accepted) / took, done / took


async def measure() -> list[Line]:
    """Both databases."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        for name, url in (("SQLite", f"sqlite:///{folder}/jobs.db"), ("PostgreSQL", server)):
            what = f"{name}: jobs accepted durably, {CALLERS} callers"
            if url is None:
                lines.append(Line.none(what, "PostgreSQL is not installed"))
                continue
            accepted, done = await _rates(url)
            lines.append(Line.least(what, accepted, "/s", GOALS[name]))
            lines.append(Line(f"{name}: … and done meanwhile", done, "/s"))
    save("jobs", lines, callers=CALLERS, seconds=SECONDS)
    return lines
