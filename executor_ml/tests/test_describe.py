"""What Describe tells of the native code that workers compute with."""

from __future__ import annotations

from pathlib import Path

from edgemesh.executor.v1 import executor_pb2
from served import served

import edgemesh_candle


def test_describe_tells_what_computes(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with served(tmp_path / "models", tmp_path / "cache", threads=1) as executor:
        watch = executor.stub.WatchDescribe(executor_pb2.WatchDescribeRequest(), timeout=20)
        told = next(answer.description for answer in watch if answer.description.HasField("build"))
        watch.cancel()
    assert edgemesh_candle.kernels() in {"avx512", "avx2", "portable"}
    assert told.build == executor_pb2.Build(
        level=edgemesh_candle.BUILD,
        kernels=edgemesh_candle.kernels(),
        threads=1,
        devices=["cpu"],
    )
    assert not told.resources.devices  # accelerators alone
