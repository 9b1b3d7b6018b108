"""Who is let in by which key, and which files of keys are refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2
from fake_executor import FakeExecutor
from house import eventually, house, refused, request

from edgemesh_gateway.authenticate import BadKeys, read_keys

KEYS = {"physics": "key-of-physics", "chemistry": "key-of-chemistry"}


def entry(tenant: str, key: str) -> str:
    return f'[[keys]]\ntenant = "{tenant}"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n'


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    path.write_text("".join(entry(tenant, key) for tenant, key in KEYS.items()))
    return path


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_key_names_its_tenant(fake: FakeExecutor, keys: Path, scheme: str) -> None:
    async with house({"fake": fake.port}, api_keys=keys) as gate:
        for tenant, key in KEYS.items():
            answer = await gate.compute.Compute(
                request(), metadata=(("authorization", f"{scheme} {key}"),), timeout=20
            )
            seen = json.loads(answer.result)
            assert seen["edgemesh-tenant"] == tenant
            assert "authorization" not in seen


async def test_every_refusal_is_the_same(fake: FakeExecutor, keys: Path) -> None:
    digest = hashlib.sha256(KEYS["physics"].encode()).hexdigest()
    wrong = [
        (),
        (("authorization", "Bearer "),),
        (("authorization", "Bearer wrong"),),
        (("authorization", f"Bearer {KEYS['physics']} "),),
        (("authorization", f"Bearer {digest}"),),
        (("authorization", f"Basic {KEYS['physics']}"),),
        (("authorization", KEYS["physics"]),),
        (("edgemesh-tenant", "physics"),),
        (("x-api-key", KEYS["physics"]),),
    ]
    async with house({"fake": fake.port}, api_keys=keys) as gate:
        said: set[tuple[object, ...]] = set()
        for metadata in wrong:
            calls = (
                gate.compute.Compute(request(), metadata=metadata, timeout=20),
                gate.compute.Compute(request(algorithm="no.such"), metadata=metadata, timeout=20),
                gate.algorithms.ListAlgorithms(
                    algorithm_pb2.ListAlgorithmsRequest(), metadata=metadata, timeout=20
                ),
                gate.algorithms.GetAlgorithm(
                    algorithm_pb2.GetAlgorithmRequest(name="a.b"), metadata=metadata, timeout=20
                ),
            )
            for call in calls:
                refusal = await refused(call)
                assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
                said.add((refusal.reason, refusal.message, *refusal.metadata))
        assert len(said) == 1
        assert not fake.began


async def test_a_file_takes_effect_when_it_changes(fake: FakeExecutor, keys: Path) -> None:
    async with house({"fake": fake.port}, api_keys=keys) as gate:

        async def opens(key: str) -> bool:
            given = (("authorization", f"Bearer {key}"),)
            try:
                await gate.compute.Compute(request(), metadata=given, timeout=20)
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAUTHENTICATED  # noqa: PT017
                return False
            return True

        assert await opens(KEYS["physics"])
        keys.write_text(entry("biology", "key-of-biology"))
        async with asyncio.timeout(20):
            while await opens(KEYS["physics"]):
                pass
        assert await opens("key-of-biology")
        keys.write_text("[[keys]]")
        figures = gate.mesh.metrics.registry.get_sample_value
        await eventually(lambda: figures("edgemesh_reload_refused", {"file": "api keys"}) == 1)
        assert await opens("key-of-biology")


def test_keys_are_read(keys: Path) -> None:
    assert sorted(read_keys(keys).values()) == sorted(KEYS)


BAD: dict[str, tuple[str, str]] = {
    "not TOML": ('[[keys]]\ntenant = "a\n', "line 2"),
    "nothing": ("", "at least one"),
    "no list": ("keys = 3", "at least one"),
    "other things": ("[admins]\na = 1\n", "admins"),
    "no table": ('keys = ["secret"]', "number 1: a table"),
    "no tenant": (f'{entry("a", "k")}[[keys]]\nsha256 = "{"0" * 64}"\n', "number 2: tenant"),
    "empty tenant": (entry("", "k"), "number 1: tenant"),
    "tenant with a blank": (entry("a b", "k"), "number 1: tenant"),
    "no digest": ('[[keys]]\ntenant = "a"\n', "number 1 (a): sha256"),
    "the key itself": ('[[keys]]\ntenant = "a"\nsha256 = "hunter2"\n', "number 1 (a): sha256"),
    "twice": (entry("a", "k") + entry("b", "k"), "number 2: sha256 is there already"),
    "more": (entry("a", "k") + "admin = true\n", "number 1 (a): only tenant and sha256"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_say_where(tmp_path: Path, what: str) -> None:
    content, expected = BAD[what]
    path = tmp_path / "keys.toml"
    path.write_text(content)
    with pytest.raises(BadKeys) as refusal:
        read_keys(path)
    assert str(path) in str(refusal.value)
    assert expected in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadKeys, match="No such file"):
        read_keys(tmp_path / "absent.toml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(BadKeys):
        read_keys(tmp_path / "binary")
