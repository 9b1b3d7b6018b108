"""Models in Python: what lies in the folder is served while it lies there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from edgemesh.compute.v1 import tensor_pb2
from edgemesh.executor.v1 import executor_pb2, executor_pb2_grpc

from edgemesh_sandbox.built import Built
from ground.executor import Executor, Refusal, value

SCALED = """
import numpy as np

def load(folder):
    print("loaded")
    return np.load(folder / "weights.npy")

def forward(weights, x: np.ndarray, times: int = 1) -> dict:
    'Scale by the weights.'
    weights += 1
    return {"y": x * weights * times, "sum": float(weights.sum())}
"""
_PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    put_scaled(folder / "scaled", 2.0)
    return folder


@pytest.fixture(scope="module")
def executor(
    built: Built, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Executor]:
    assert built
    with Executor(tmp_path_factory.mktemp("cache"), models_dir=models) as running:
        yield running


def put_scaled(folder: Path, weight: float) -> None:
    folder.mkdir(exist_ok=True)
    np.save(folder / ".weights.npy", np.full(3, weight))
    (folder / ".weights.npy").rename(folder / "weights.npy")
    (folder / "model.py").write_text(SCALED)


def told(executor: Executor) -> executor_pb2.DescribeResponse:
    with grpc.insecure_channel(executor.address) as channel:
        stub: Any = executor_pb2_grpc.ExecutorServiceStub(channel)
        return stub.Describe(executor_pb2.DescribeRequest(), timeout=_PATIENCE_S)


def until(executor: Executor, holds: Callable[[executor_pb2.DescribeResponse], Any]) -> Any:
    """What holds of it in the end, as it describes itself."""
    with grpc.insecure_channel(executor.address) as channel:
        stub: Any = executor_pb2_grpc.ExecutorServiceStub(channel)
        for each in stub.WatchDescribe(executor_pb2.WatchDescribeRequest(), timeout=_PATIENCE_S):
            if found := holds(each.description):
                return found
    raise AssertionError("it ended")


def plugin(description: executor_pb2.DescribeResponse, file: str, state: int) -> Any:
    return [each for each in description.plugins if each.file == file and each.state == state]


def serving(executor: Executor, file: str) -> None:
    state = executor_pb2.PLUGIN_STATE_SERVING
    until(executor, lambda description: plugin(description, file, state))


def refused(executor: Executor, file: str) -> str:
    state = executor_pb2.PLUGIN_STATE_REFUSED
    found: str = until(executor, lambda d: plugin(d, file, state))[0].detail
    return found


def array(*values: float) -> tensor_pb2.Tensor:
    data = np.array(values, dtype=np.float64).tobytes()
    dtype = tensor_pb2.DATA_TYPE_FLOAT64
    return tensor_pb2.Tensor(dtype=dtype, shape=[len(values)], data=data)


def test_it_is_loaded_once_and_each_call_begins_there(executor: Executor) -> None:
    for _ in range(3):
        response = executor.execute("python.scaled", {"times": 2}, inputs={"x": array(1, 2, 3)})
        assert value(response) == {"sum": 9.0}
        assert np.frombuffer(response.outputs["y"].data).tolist() == [6.0, 12.0, 18.0]
        assert response.stdout == ""


def test_it_describes_itself(executor: Executor) -> None:
    (algorithm,) = [a for a in told(executor).algorithms if a.name == "python.scaled"]
    assert algorithm.description == "Scale by the weights."
    assert '"times"' in algorithm.parameters_schema
    assert "weights" not in algorithm.parameters_schema
    assert [spec.name for spec in algorithm.inputs] == ["x"]
    with pytest.raises(grpc.RpcError) as caught:
        executor.execute("python.scaled", {"times": "2"}, inputs={"x": array(1)})
    assert list(Refusal(caught.value).fields) == ["parameters.times"]
    with pytest.raises(grpc.RpcError) as caught:
        executor.execute("python.scaled", {})
    assert list(Refusal(caught.value).fields) == ["inputs.x"]


def test_one_that_comes_is_served_one_that_goes_is_not(executor: Executor, models: Path) -> None:
    (models / "adds.py").write_text("def forward(a: int, b: int) -> int: return a + b")
    serving(executor, "adds.py")
    assert value(executor.execute("python.adds", {"a": 2, "b": 3})) == 5
    (models / "adds.py").unlink()
    until(executor, lambda d: not [each for each in d.plugins if each.file == "adds.py"])
    with pytest.raises(grpc.RpcError) as caught:
        executor.execute("python.adds", {"a": 2, "b": 3})
    assert Refusal(caught.value).reason == "UNKNOWN_ALGORITHM"


def test_a_changed_one_takes_the_place_of_the_one_before(executor: Executor, models: Path) -> None:
    (models / "says.py").write_text("def forward(): return 1")
    serving(executor, "says.py")
    (before,) = plugin(told(executor), "says.py", executor_pb2.PLUGIN_STATE_SERVING)
    (models / "says.py").write_text("def forward(): return 2")
    until(
        executor,
        lambda d: [p for p in d.plugins if p.file == "says.py" and p.sha256 != before.sha256],
    )
    assert value(executor.execute("python.says", {})) == 2
    (models / "says.py").write_text("def forward(: return 3")  # which does not, and 2 goes on
    assert "line 1, column 13" in refused(executor, "says.py")
    assert value(executor.execute("python.says", {})) == 2


def test_its_files_are_part_of_it(executor: Executor, models: Path) -> None:
    before = plugin(told(executor), "scaled", executor_pb2.PLUGIN_STATE_SERVING)
    put_scaled(models / "scaled", 10.0)
    until(
        executor,
        lambda d: plugin(d, "scaled", executor_pb2.PLUGIN_STATE_SERVING) not in ([], before),
    )
    response = executor.execute("python.scaled", {}, inputs={"x": array(1, 1, 1)})
    assert value(response) == {"sum": 33.0}


def test_versions_stand_side_by_side(executor: Executor, models: Path) -> None:
    for version in ("1", "2"):
        (models / f"twice@{version}.py").write_text(f"def forward(): return {version}")
        serving(executor, f"twice@{version}.py")
    assert value(executor.execute("python.twice@1", {})) == 1
    assert value(executor.execute("python.twice", {})) == 2
    (models / "twice.py").write_text("def forward(): return 3")
    assert "twice@1 is there already, as twice@1.py" in refused(executor, "twice.py")


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("none", "x = 1", "TypeError: a model has a function forward(...)"),
        ("fails", "def load(): 1 / 0\ndef forward(m): ...", 'File "main.py", line 1, in load'),
        ("hangs", "def load():\n    while True: pass\ndef forward(m): ...", "TIMEOUT"),
        ("Wrong-Name", "def forward(): ...", "its name 'Wrong-Name' is none"),
        ("run@", "def forward(a, /): ...", "can be given by name"),
    ],
)
def test_what_is_no_model_is_refused_and_others_serve(
    built: Built, models: Path, tmp_path: Path, name: str, code: str, said: str
) -> None:
    assert built
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / f"{name}.py").write_text(code)
    (folder / "good.py").write_text("def forward(): return 1")
    with Executor(tmp_path, models_dir=folder, setup_run_time_ms=2000) as running:
        assert said in refused(running, f"{name}.py")
        serving(running, "good.py")
        assert value(running.execute("python.good", {})) == 1


def test_the_executors_own_names_cannot_be_taken(executor: Executor, models: Path) -> None:
    (models / "run.py").write_text("def forward(): return 'taken'")
    serving(executor, "run.py")
    assert value(executor.execute("python.run", {"code": "1 + 1"})) == 2


def test_it_survives_a_restart_without_its_image(built: Built, tmp_path: Path) -> None:
    assert built
    (tmp_path / "models").mkdir()
    put_scaled(tmp_path / "models" / "scaled", 1.0)
    for _ in range(2):
        with Executor(tmp_path, models_dir=tmp_path / "models") as running:
            serving(running, "scaled")
            response = running.execute("python.scaled", {}, inputs={"x": array(1, 1, 1)})
            assert value(response) == {"sum": 6.0}
            for image in (tmp_path / "programs").iterdir():
                image.unlink()
