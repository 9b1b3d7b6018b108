"""What walls cost in memory: the mesh's processes beside one process that does it all.

Rules: proportional memory, so that what processes share is counted once; both hold the same plugins
(no older versions of them) and models; one worker each, and each has worked. Containers add nothing
to it that these figures miss but their first process (tini).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sysconfig
import tempfile
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc

from bench.figures import family
from bench.process import ROOT
from bench.report import Line, save
from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

EXECUTORS = ("cpp", "ml", "pywasm")
WORK: tuple[tuple[str, dict[str, object]], ...] = (
    ("cpp.random", {"shape": [9], "seed": 1}),
    ("ml.embed", {"texts": ["a lighthouse"]}),
    ("ml.generate", {"prompt": "one", "max_tokens": 3}),
    ("python.run", {"code": "import numpy\noutput = 1"}),
)
MODELS = ("all-minilm-l6-v2", "smollm2-135m-instruct")
MB = 1e6


def memory(pids: list[int]) -> float:
    """Megabytes of processes, what they share in shares."""
    found = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        found += next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return found / MB


def below(pid: int) -> list[int]:
    """A process and all that it has begun."""
    own, *children = family(pid)
    return [own, *(each for child in children for each in below(child))]


async def apart(models: Path, store: Path) -> dict[str, float]:
    """Service → megabytes. `store` is an empty folder."""
    settings = {name: {"WORKERS": "1", "SPARES": "0"} for name in EXECUTORS}
    settings["cpp"]["STORE_DIR"] = str(store)
    settings["ml"]["MODELS_DIR"] = str(models)
    async with Mesh(EXECUTORS, settings={**settings, "gateway": {"REST_PORT": "0"}}) as mesh:
        async with grpc.aio.insecure_channel(mesh.address("gateway")) as channel:
            stub = compute_pb2_grpc.ComputeServiceStub(channel)
            for algorithm, parameters in WORK:
                request = compute_pb2.ComputeRequest(
                    algorithm=algorithm, parameters=json.dumps(parameters)
                )
                answer = await stub.Compute(request, timeout=60)
                assert answer.outcome == compute_pb2.OUTCOME_OK, answer.failure
        return {name: memory(below(mesh.pid(name))) for name in (*EXECUTORS, "gateway")}


async def together(models: Path) -> float:
    """Megabytes of the one process."""
    layout = Layout.here()
    folders = [ROOT / "gateway", *(ROOT / f"executor_{name}" for name in EXECUTORS)]
    packages = Path(sysconfig.get_path("purelib")).relative_to(ROOT / "tests" / ".venv")
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "executor_ml" / ".venv" / "bin" / "python"),
        str(ROOT / "bench" / "targets" / "one_process.py"),
        str(ROOT / "executor_cpp" / ".venv" / "edgemesh" / "plugins"),
        str(models),
        str(layout.cache / "images"),
        *(str(each / ".venv" / packages) for each in folders),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"one_process.py ended with status {process.returncode}")
    return int(said) / MB


async def measure() -> list[Line]:
    """Both, one after the other."""
    cache = Layout.here().cache
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        models, store = Path(folder, "models"), Path(folder, "store")
        for name in MODELS:
            shutil.copytree(cache / "models" / name, models / name, copy_function=os.link)
        services, one = await apart(models, store), await together(models)
    whole = sum(services.values())
    for name, megabytes in services.items():
        print(f"{name:<10} {megabytes:7.0f} MB")
    print(f"{'apart':<10} {whole:7.0f} MB\n{'one':<10} {one:7.0f} MB")
    lines = [Line.most("memory apart, of one process", whole / one, "x", 1.1)]
    save("isolation", lines, megabytes={**services, "one process": one})
    return lines
