"""Every RPC of the gateway, asked what nobody would ask: each answer says what was wrong.

An answer is OK or an error of the mesh's with its reason, never INTERNAL or UNKNOWN; nothing is
logged as a fault of ours; and the gateway serves on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import fuzzing
import grpc
import pytest
from fake_executor import FakeExecutor
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from house import House, Refusal, answered, house
from test_tenants import as_, keys_file

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "30"))
SEED = int(os.environ.get("FUZZ_SEED", "20261129"))
AT_ONCE = 16
TIMEOUT_S = 20.0
NEVER = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
POLICY = '[tenants.physics]\nscopes = ["*", "admin"]\n'


@pytest.fixture
async def gate(fake: FakeExecutor, tmp_path: Path) -> AsyncIterator[House]:
    """One of which an admin may ask anything."""
    (tmp_path / "policy.toml").write_text(POLICY)
    fake.program_namespaces = ("python",)
    await fake.offer("fake.echo", "python.run", slots=8)
    async with house(
        {"fake": fake.port},
        api_keys=keys_file(tmp_path / "keys.toml"),
        policy=tmp_path / "policy.toml",
        max_request_bytes=1 << 20,
    ) as running:
        yield running


def methods(gate: House) -> Iterator[tuple[str, MethodDescriptor]]:
    """All that are served, by what they are called on the wire."""
    pool = descriptor_pool.Default()
    for name in sorted(gate.mesh.handlers):
        service, _, method = name.partition("/")
        yield name, pool.FindServiceByName(service).methods_by_name[method]


async def ask(gate: House, name: str, method: MethodDescriptor, raw: bytes) -> str:
    """What is wrong with the answer; empty: nothing."""
    channel: Any = gate.channel
    options = {"metadata": as_("physics"), "timeout": TIMEOUT_S}
    try:
        if method.client_streaming:
            async for _ in channel.stream_stream(f"/{name}")(iter([raw]), **options):
                pass
        elif method.server_streaming:
            async for _ in channel.unary_stream(f"/{name}")(raw, **options):
                pass
        else:
            await channel.unary_unary(f"/{name}")(raw, **options)
    except grpc.aio.AioRpcError as error:
        if not answered(error):
            return f"no details: {error.code()} {error.details()!r}"
        refusal = Refusal(error)
        if refusal.code in NEVER or not refusal.reason:
            return f"{refusal.code} {refusal.reason} {refusal.message!r}"
    return ""


async def test_every_answer_says_what_was_wrong(
    gate: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    found: list[str] = []
    places = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, method: MethodDescriptor, number: int) -> None:
        chance = random.Random(f"{SEED} {name} {number}")
        made = fuzzing.message(method.input_type, chance)
        raw = made.SerializeToString()
        if number % 2:
            raw = fuzzing.mutated(raw, chance)
        async with places:
            wrong = await ask(gate, name, method, raw)
        if wrong:
            found.append(f"{name} number {number}: {wrong}; {raw[:300]!r}")

    asked = list(methods(gate))
    assert len(asked) > 50
    await asyncio.gather(
        *(one(name, method, number) for name, method in asked for number in range(ROUNDS))
    )
    assert not found, f"{len(found)}:\n" + "\n".join(found[:20])
    faults = [record for record in caplog.records if record.exc_info]
    assert not faults, faults[0].exc_text or faults[0]
    wanted: Any = gate.channel
    await wanted.unary_unary("/edgemesh.compute.v1.ComputeService/Compute")(
        b"\x12\x09fake.echo", metadata=as_("physics"), timeout=TIMEOUT_S
    )
