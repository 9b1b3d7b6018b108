"""What a gateway hop costs: direct, and through both of the gateway's data paths, bare grpcio aio,
nginx and Envoy; and what it costs while a thread of the gateway's Python computes.

All stand in front of the same executor and get the same load from the same client, in interleaved
rounds of one run; figures are medians over the rounds, and so are ratios, each within its round.
A native client's rates (h2load) tell what a hop can do that its callers cannot.
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

from bench import native_client
from bench.brief import unless_brief
from bench.load import request
from bench.process import ROOT, environment, free_port, output, running
from bench.report import Line, save
from bench.targets import proxies
from edgemesh_local.environments import interpreter

EXECUTE = "/edgemesh.executor.v1.ExecutorService/Execute"
COMPUTE = "/edgemesh.compute.v1.ComputeService/Compute"
CALLERS = unless_brief((1, 16, 64), (16,))
SIZES = {"empty": 0, "1 MB": 1 << 20}
ROUNDS, SECONDS = unless_brief((3, 1.0), (1, 0.1))
GATEWAY, SLOW, BUSY = "gateway", "in Python", "busy"
"""The gateway as it is, one whose bytes Python moves, and one whose Python computes meanwhile."""
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
            native = await _native(targets) if executor == "raw" else {}
        everything[executor] = results
        print(_table(executor, results), flush=True)
        lines += _goals(executor, results)
        lines += _native_goals(native)
    save("hop", lines, results=everything, rounds=ROUNDS, seconds=SECONDS)
    return lines


async def _rounds(targets: dict[str, tuple[str, str]]) -> Results:
    taken: Results = {}
    for _ in range(ROUNDS):
        for size_name, size in SIZES.items():
            for callers in CALLERS:
                case = taken.setdefault(f"{size_name}, {callers}", {})
                for name, (address, method) in targets.items():
                    if name == BUSY and size:
                        continue
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
        name = {"front": "echo"}.get(executor, executor)
        for target, module, datapath in (
            (GATEWAY, "edgemesh_gateway", "native"),
            (SLOW, "edgemesh_gateway", "python"),
            (BUSY, "bench.targets.busy_gateway", "native"),
        ):
            port = free_port()
            gateway = await start(
                [PYTHON, "-m", module],
                port,
                EDGEMESH_GATEWAY_PORT=str(port),
                EDGEMESH_GATEWAY_METRICS_PORT="0",
                EDGEMESH_GATEWAY_LOG_LEVEL="WARNING",
                EDGEMESH_GATEWAY_DATAPATH=datapath,
                EDGEMESH_GATEWAY_EXECUTORS=json.dumps({name: upstream}),
            )
            targets[target] = (gateway, COMPUTE)
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


async def _native(targets: dict[str, tuple[str, str]]) -> dict[str, float]:
    """Requests/s of a native client, by target; empty where there is none."""
    h2load = native_client.program()
    if h2load is None:
        print("h2load cannot be had here and is left out", flush=True)
        return {}
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for name, (address, method) in targets.items():
                rate = await native_client.rate(
                    h2load, Path(folder), address, method, request(0), SECONDS
                )
                taken.setdefault(name, []).append(rate)
    return {name: statistics.median(rates) for name, rates in taken.items()}


def _native_goals(rates: dict[str, float]) -> list[Line]:
    lines = [Line(f"raw, native client: {name}", rate, "/s") for name, rate in rates.items()]
    for other in ("nginx", "envoy"):
        if other in rates:
            what = f"raw, native client: requests/s of {other}'s"
            lines.append(Line.least(what, rates[GATEWAY] / rates[other], "x", 1.0))
    return lines


def _goals(executor: str, results: Results) -> list[Line]:
    lines: list[Line] = []
    for case, found in results.items():
        what = f"{executor}, {case}"
        share = _ratio(found, GATEWAY, "direct")
        if executor == "raw" and case != "empty, 1":
            lines.append(Line.least(f"{what}: requests/s of direct's", share, "x", 0.75))
        else:
            lines.append(Line(f"{what}: requests/s of direct's", share, "x"))
        if case == "empty, 16" and executor == "raw":
            for other in ("nginx", "envoy"):
                if other in found:
                    ratio = _ratio(found, GATEWAY, other)
                    line = Line.least(f"{what}: requests/s of {other}'s", ratio, "x", 1.0)
                    lines.append(line)
        if case == "empty, 1":
            hop = _added(found, GATEWAY)
            if "nginx" in found and executor == "raw":
                goal = _added(found, "nginx")
                lines.append(Line.most(f"{what}: p50 added, to nginx's", hop, "ms", goal))
            else:
                lines.append(Line(f"{what}: p50 added", hop, "ms"))
        if BUSY in found and executor == "raw":
            p99 = statistics.median(each["p99_us"] for each in found[BUSY]) / 1e3
            name = f"{what}: p99 while Python computes"
            single = case == "empty, 1"
            lines.append(Line.most(name, p99, "ms", 5.0) if single else Line(name, p99, "ms"))
    return lines


def _ratio(found: dict[str, list[dict[str, float]]], name: str, of: str) -> float:
    pairs = zip(found[name], found[of], strict=True)
    return statistics.median(one["per_s"] / other["per_s"] for one, other in pairs)


def _added(found: dict[str, list[dict[str, float]]], name: str) -> float:
    """What a hop adds to direct's p50, in ms."""
    pairs = zip(found[name], found["direct"], strict=True)
    return statistics.median(one["p50_us"] - other["p50_us"] for one, other in pairs) / 1e3


def _table(executor: str, results: Results) -> str:
    names = list(max(results.values(), key=len))
    lines = [
        f"hop before {executor}: p50 in ms, requests/s, share of direct's",
        f"  {'case':<10}" + "".join(f"{name:>24}" for name in names),
    ]
    for case, found in results.items():
        direct = [each["per_s"] for each in found["direct"]]
        cells: list[str] = []
        for name in names:
            if not (rounds := found.get(name)):
                cells.append(f"{'-':>24}")
                continue
            p50 = statistics.median(each["p50_us"] for each in rounds) / 1e3
            rate = statistics.median(each["per_s"] for each in rounds)
            pairs = zip(rounds, direct, strict=True)
            share = statistics.median(each["per_s"] / of for each, of in pairs)
            cells.append(f"{p50:>9.2f} {rate:>7.0f} {share:>6.2f}")
        lines.append(f"  {case:<10}" + "".join(cells))
    return "\n".join(lines)
