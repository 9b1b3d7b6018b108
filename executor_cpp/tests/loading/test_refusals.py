# ruff: noqa: E501 - a description a line
"""Plugins that cannot be served are refused with a reason, and harm no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.executor.v1 import executor_pb2
from loading.workshop import Executor, Workshop, put, remove, until

Start = Callable[..., Executor]
OTHER: dict[str, Any] = {"NAME": "other", "ALGORITHM": "cpp.other", "ANSWER": 7}

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "crashes as it is loaded": ({"AT_LOAD": 1}, "SIGSEGV"),
    "hangs as it is loaded": ({"AT_LOAD": 2}, "it hung as it was loaded: no answer within 3 s"),
    "exits as it is loaded": ({"AT_LOAD": 3}, "ended its process"),
    "does not open": ({"AT_LOAD": 4}, "the licence has ended"),
    "crashes in its self-test": ({"SELF_TEST": 1}, "it crashed in its self-test: SIGSEGV"),
    "hangs in its self-test": ({"SELF_TEST": 2}, "it hung in its self-test"),
    "exits in its self-test": ({"SELF_TEST": 3}, "in its self-test, with status 0"),
    "fails its self-test": ({"SELF_TEST": 4}, "OldLibrary: libfoo 2 is needed, 1 is here"),
    "needs a symbol that nobody has": ({"MISSING": 1}, "edgemesh_test_is_nowhere"),
    "speaks another interface": ({"ABI": 99}, "99"),
    "describes no JSON": ({"DESCRIPTION": "{"}, "describe"),
    "describes nothing": (
        {"DESCRIPTION": '{"name": "answer", "version": "1.0.0", "algorithms": []}'},
        "no algorithm",
    ),
    "is another than its manifest says": (
        {
            "DESCRIPTION": '{"name": "b", "version": "1", "algorithms": [{"name": "cpp.b", "version": "1"}]}'
        },
        "its manifest",
    ),
    "has a schema that is none": (
        {
            "DESCRIPTION": '{"name": "answer", "version": "1.0.0", "algorithms": [{"name": "cpp.a", "version": "1", "parameters_schema": {"type": 7}}]}'
        },
        "7 is not valid",
    ),
    "offers what another offers": ({"ALGORITHM": "cpp.other"}, "cpp.other@1, which other.so"),
}


async def refused(executor: Executor) -> executor_pb2.Plugin | None:
    for plugin in (await executor.plugins()).values():
        if plugin.file == "answer.so" and plugin.state == executor_pb2.PLUGIN_STATE_REFUSED:
            return plugin
    return None


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_one_is_refused_and_others_are_served(
    start: Start, workshop: Workshop, folder: Path, what: str
) -> None:
    macros, reason = BAD[what]
    put(workshop.make(**OTHER), folder, "other")
    executor = start(load_timeout_ms=3000 if "hangs" in what else 30_000)
    put(workshop.make(**macros), folder)
    plugin = await until(lambda: refused(executor), "it is refused")
    assert plugin is not None
    assert reason in plugin.detail
    assert not await executor.healthy("plugin/answer")
    assert await executor.healthy()
    assert await executor.answer("cpp.other") == 7
    put(workshop.make(), folder)
    await until(lambda: executor.answers(1), "a good one in its place is served")
    assert await refused(executor) is None


async def test_a_name_is_served_from_one_file(
    start: Start, workshop: Workshop, folder: Path, tmp_path: Path
) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    put(workshop.make(), folder)
    executor = start(plugins_dir=f"{folder}:{elsewhere}")
    put(workshop.make(ALGORITHM="cpp.more", ANSWER=2), elsewhere)
    plugin = await until(lambda: refused(executor), "the second is refused")
    assert plugin is not None
    assert "the plugin answer is there already" in plugin.detail
    assert str(folder / "answer.so") in plugin.detail
    assert str(elsewhere / "answer.so") in plugin.detail
    assert await executor.answer() == 1
    assert await executor.refusal("cpp.more") == grpc.StatusCode.NOT_FOUND
    remove(folder)
    await until(lambda: offers(executor, "cpp.more"), "the first has gone: the second is served")
    assert await executor.answer("cpp.more") == 2


async def offers(executor: Executor, algorithm: str) -> bool:
    plugins = (await executor.plugins()).values()
    return any(each.startswith(f"{algorithm}@") for one in plugins for each in one.algorithms)


async def test_one_that_passes_its_self_test_is_served(
    start: Start, workshop: Workshop, folder: Path
) -> None:
    put(workshop.make(SELF_TEST=5), folder)
    assert await start().answer() == 1


@pytest.mark.parametrize("known", [False, True])
async def test_one_that_was_late_is_served_when_the_machine_is_well_again(
    start: Start, workshop: Workshop, folder: Path, tmp_path: Path, known: bool
) -> None:
    """A busy machine must not cost an executor its plugins for the rest of its life."""
    well = tmp_path / "well"
    put(workshop.make(AT_LOAD=5, UNTIL=str(well)), folder)
    if known:  # as at an upgrade: it is not looked at again, and its worker is what is late
        well.touch()
        assert await start().answer() == 1
        well.unlink()
    executor = start(load_timeout_ms=1000)
    plugin = await until(lambda: refused(executor), "it is refused")
    assert plugin is not None
    assert ("no worker within 1 s" if known else "no answer within 1 s") in plugin.detail
    assert plugin.detail.endswith("it is tried again")
    assert not await executor.healthy()
    well.touch()
    await until(lambda: executor.answers(1), "it is served")
    assert await executor.healthy()
    assert await refused(executor) is None


@pytest.mark.parametrize(
    "what", ["crashes as it is loaded", "describes no JSON", "fails its self-test"]
)
async def test_what_lay_there_before_is_served_on(
    start: Start, workshop: Workshop, folder: Path, what: str
) -> None:
    put(workshop.make(), folder)
    executor = start()
    put(workshop.make(**BAD[what][0]), folder)
    await until(lambda: refused(executor), "it is refused")
    assert await executor.answer() == 1
    assert await executor.healthy("plugin/answer")


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (None, "no manifest answer.json"),
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "answer.json"),
        (b'{"manifest": 2}', "manifest"),
        (b'{"manifest": 1, "name": "../x", "version": "1", "abi_version": 1}', "name"),
        (
            b'{"manifest": 1, "name": "a", "version": "1", "abi_version": 1, "sha256": "%s"}'
            % (b"0" * 64),
            "not what its manifest says",
        ),
    ],
)
async def test_a_bad_manifest_is_named(
    start: Start, workshop: Workshop, folder: Path, manifest: bytes | None, reason: str
) -> None:
    library = workshop.make()
    (folder / "answer.so").write_bytes(library.read_bytes())
    if manifest is not None:
        (folder / "answer.json").write_bytes(manifest)
    executor = start()
    plugin = await refused(executor)
    assert plugin is not None
    assert reason in plugin.detail
    (folder / "answer.json").write_bytes(library.with_suffix(".json").read_bytes())
    await until(lambda: executor.answers(1), "with its manifest it is served")
