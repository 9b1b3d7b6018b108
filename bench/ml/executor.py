"""ml.embed and ml.generate as the executor's own clock says, many chats at once, and what the mesh
around the crate costs a text."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc

from bench.brief import unless_brief
from bench.caller import OPTIONS, PATIENCE_S, Caller, p50, request
from bench.environments import PeerMissing
from bench.ml.processes import OURS, served
from bench.process import ROOT
from bench.report import Line
from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

CALLS = unless_brief(10, 1)
TEXT = "The quick brown fox jumps over the lazy dog, and the dog does not mind."
QUESTION = {"role": "user", "content": "Tell a story about a lighthouse."}
TOKENS = unless_brief(64, 4)
CHATS = unless_brief((1, 16, 64), (1, 16))
BATCHED = 3.0
"""How many times the tokens of one chat 16 get together."""
AROUND_MS = 2.0
ROUNDS = unless_brief(40, 2)


async def measure() -> list[Line]:
    """Embeddings of one and many texts; tokens to the first and per second, of one and of many."""
    lines: list[Line] = []
    async with Mesh(("ml",)) as mesh:
        async with grpc.aio.insecure_channel(mesh.address("ml"), options=OPTIONS) as channel:
            ml = Caller(channel)
            for texts in (1, 32):
                made = request("ml.embed", {"texts": [TEXT] * texts})
                lines.append(Line(f"embed {texts}", p50(await ml.total_ms(made, CALLS)), "ms"))
            lines += await _one_text(ml)
            lines += await _chats(ml)
        lines += await _around(mesh)
    return lines


async def _one_text(ml: Caller) -> list[Line]:
    made = request("ml.generate", {"messages": [QUESTION], "max_tokens": TOKENS})
    said = [json.loads((await ml.call(made)).result) for _ in range(5)]
    first = p50([float(each["time_to_first_token_ms"]) for each in said])
    rate = p50([float(each["tokens_per_second"]) for each in said])
    return [Line("generate: first token", first, "ms"), Line("generate: tokens", rate, "1/s")]


async def _chats(ml: Caller) -> list[Line]:
    lines: list[Line] = []
    rates: dict[int, float] = {}
    for chats in CHATS:
        each = [
            request("ml.chat", {"messages": [_question(i)], "max_tokens": TOKENS})
            for i in range(chats)
        ]
        for one in each:
            one.limits.run_time_ms = int(PATIENCE_S * 1e3)
        began = time.perf_counter()
        replies = await asyncio.gather(*(ml.call(one) for one in each))
        took = time.perf_counter() - began
        said = [json.loads(reply.result) for reply in replies]
        rates[chats] = sum(one["usage"]["completion_tokens"] for one in said) / took
        firsts = sorted(float(one["time_to_first_token_ms"]) for one in said)
        lines.append(Line(f"{chats} chats: tokens of all", rates[chats], "1/s"))
        lines.append(Line(f"{chats} chats: first token, p99", _p99(firsts), "ms"))
    ratio = rates[16] / rates[1]
    return [*lines, Line.least("16 chats: tokens, of one alone", ratio, "x", BATCHED)]


def _p99(taken: list[float]) -> float:
    """Of fewer than a hundred: the largest."""
    return taken[min(len(taken) - 1, int(len(taken) * 0.99))]


async def _around(mesh: Mesh) -> list[Line]:
    """One text through gateway and executor, and by the crate alone, in turn."""
    what = "embed 1, gateway and executor around it"
    folder = Layout.here().cache / "models" / "all-minilm-l6-v2"
    work = {"work": "embed", "model": str(folder), "texts": [TEXT]}
    pythons = {OURS: interpreter(ROOT / "executor_ml")}
    made = request("ml.embed", {"texts": [TEXT]})
    alone: list[float] = []
    through: list[float] = []
    async with (
        served(pythons, os.cpu_count() or 1) as found,
        grpc.aio.insecure_channel(mesh.address("gateway"), options=OPTIONS) as channel,
    ):
        stub = compute_pb2_grpc.ComputeServiceStub(channel)
        try:
            await found[OURS].ask(work)
            for _ in range(ROUNDS):
                alone.append((await found[OURS].ask({}))[""])
                began = time.perf_counter()
                response = await stub.Compute(made, timeout=60)
                through.append((time.perf_counter() - began) * 1e3)
                if response.outcome != compute_pb2.OUTCOME_OK:
                    raise RuntimeError(f"ml.embed through the mesh: {response.failure}")
        except PeerMissing as error:
            return [Line.none(what, error.reason)]
    more = statistics.median(through) - statistics.median(alone)
    return [Line.most(what, more, "ms", AROUND_MS)]


def _question(number: int) -> dict[str, str]:
    """One that begins like no other, so that nothing of it is known."""
    return {"role": "user", "content": f"{number} boats pass a lighthouse. Tell their story."}
