"""What a gateway hop costs: direct, and through gateway, bare grpcio aio, nginx and Envoy.

All stand in front of the same executor and get the same load from the same client, in interleaved
rounds of one run; figures are medians over the rounds, and so are ratios, each within its round.
Two executors: `raw`, which answers at once, shows the hop; `front`, the real front and pool around
a runner of nothing, shows what callers get.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.process import ROOT, environment, free_port, output, running
from bench.report import Line, save
from bench.targets import proxies
from edgemesh_local.environments import interpreter

EXECUTE = "/edgemesh.executor.v1.ExecutorService/Execute"
COMPUTE = "/edgemesh.compute.v1.ComputeService/Compute"
CALLERS = (1, 16, 64)
SIZES = {"empty": 0, "1 MB": 1 << 20}
ROUNDS = 3
SECONDS = 1.0
PYTHON = str(interpreter(ROOT / "gateway"))
"""Any environment with mesh_service."""

Results = dict[str, dict[str, list[dict[str, float]]]]
"""Case → target → figures of each round."""


async def measure() -> list[Line]:
    """Measure both executors; prints their tables, gives the lines that have goals."""
    lines: list[Line] = []
    everything: dict[str, Results] = {}
    for executor in ("raw", "front"):
        async with _targets(executor) as targets:
            results = await _rounds(targets)
        everything[executor] = results
        print(_table(executor, results), flush=True)
        lines += _goals(executor, results)
    save("hop", lines, results=everything, rounds=ROUNDS, seconds=SECONDS)
    return lines


async def _rounds(targets: dict[str, tuple[str, str]]) -> Results:
    taken: Results = {}
    for _ in range(ROUNDS):
        for size_name, size in SIZES.items():
            for callers in CALLERS:
                case = taken.setdefault(f"{size_name}, {callers}", {})
                for name, (address, method) in targets.items():
                    case.setdefault(name, []).append(
                        await output(
                            "bench.load",
                            *("--address", address, "--method", method),
                            *("--callers", str(callers), "--size", str(size)),
                            *("--seconds", str(SECONDS)),
                        )
                    )
    return taken


@asynccontextmanager
async def _targets(executor: str) -> AsyncGenerator[dict[str, tuple[str, str]]]:
    """Everything started: name → address and method."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        async def start(command: list[str], port: int, **env: str) -> str:
            await stack.enter_async_context(running(command, environment(**env), port))
            return f"127.0.0.1:{port}"

        port = free_port()
        if executor == "raw":
            upstream = await start([PYTHON, "-m", "bench.targets.raw", str(port)], port)
        else:
            settings = {"PORT": str(port), "WORKERS": "2", "SPARES": "0", "LOG_LEVEL": "WARNING"}
            upstream = await start(
                [PYTHON, "-m", "bench.targets.echo"],
                port,
                **{f"EDGEMESH_ECHO_{name}": value for name, value in settings.items()},
            )
        targets = {"direct": (upstream, EXECUTE)}
        port = free_port()
        gateway = await start(
            [PYTHON, "-m", "edgemesh_gateway"],
            port,
            EDGEMESH_GATEWAY_PORT=str(port),
            EDGEMESH_GATEWAY_METRICS_PORT="0",
            EDGEMESH_GATEWAY_LOG_LEVEL="WARNING",
            EDGEMESH_GATEWAY_EXECUTORS=json.dumps(
                {{"front": "echo"}.get(executor, executor): upstream}
            ),
        )
        targets["gateway"] = (gateway, COMPUTE)
        port = free_port()
        command = [PYTHON, "-m", "bench.targets.passthrough", str(port), upstream]
        targets["grpcio aio"] = (await start(command, port), EXECUTE)
        for name, make in (("nginx", proxies.nginx), ("envoy", proxies.envoy)):
            port = free_port()
            found = make(folder, port, upstream)
            if found is None:
                print(f"{name} cannot be had here and is left out", flush=True)
            else:
                targets[name] = (await start(found, port), EXECUTE)
        yield targets


def _goals(executor: str, results: Results) -> list[Line]:
    lines: list[Line] = []
    for case, found in results.items():
        pairs = list(zip(found["gateway"], found["grpcio aio"], strict=True))
        ratio = statistics.median(gateway["per_s"] / aio["per_s"] for gateway, aio in pairs)
        what = f"{executor}, {case}: requests/s of the bare hop's"
        lines.append(Line.least(what, ratio, "x", 0.8))
        if case == "empty, 1":
            more = statistics.median(g["p50_us"] - aio["p50_us"] for g, aio in pairs) / 1e3
            lines.append(Line.most(f"{executor}, {case}: p50 over the bare hop", more, "ms", 0.15))
    return lines


def _table(executor: str, results: Results) -> str:
    names = list(next(iter(results.values())))
    lines = [
        f"hop before {executor}: p50 in ms, requests/s, share of direct's",
        f"  {'case':<10}" + "".join(f"{name:>24}" for name in names),
    ]
    for case, found in results.items():
        direct = [each["per_s"] for each in found["direct"]]
        cells: list[str] = []
        for rounds in found.values():
            p50 = statistics.median(each["p50_us"] for each in rounds) / 1e3
            rate = statistics.median(each["per_s"] for each in rounds)
            pairs = zip(rounds, direct, strict=True)
            share = statistics.median(each["per_s"] / of for each, of in pairs)
            cells.append(f"{p50:>9.2f} {rate:>7.0f} {share:>6.2f}")
        lines.append(f"  {case:<10}" + "".join(cells))
    return "\n".join(lines)
