"""Environments, as the executor makes them, from an index on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from fetcher.servers import Index, served

from edgemesh_sandbox.built import Built
from ground.executor import Executor, Refusal, value

LOOPBACK = {"fetch_networks": ["127.0.0.0/8"], "fetch_plain_http": True}


def filled() -> Index:
    index = Index()
    index.add("leaf", {"leaf/__init__.py": "from . import part\nX = 1", "leaf/part.py": "Y = 2"})
    index.add("stem", {"stem.py": "import leaf, numpy\nZ = leaf.X + 2"}, requires=("leaf", "numpy"))
    index.add("native", {"native.py": ""}, tag="cp315-cp315-manylinux_2_28_x86_64")
    index.add("loops", {"loops.py": "while True: pass"})
    index.add("fails", {"fails.py": "1 / 0"})
    index.add("shadow", {"json/__init__.py": ""})
    index.add("old-numpy", {"old_numpy.py": ""}, requires=("numpy<2",))
    index.add(
        "lazy",
        {
            "lazy/__init__.py": "def go():\n    from . import late\n    return late.W",
            "lazy/late.py": "W = 5",
        },
    )
    return index


@pytest.fixture(scope="module")
def index() -> Iterator[tuple[Index, str]]:
    one = filled()
    with served(one) as url:
        yield one, url


@pytest.fixture(scope="module")
def executor(
    built: Built, index: tuple[Index, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Executor]:
    env = {"UV_DEFAULT_INDEX": f"{index[1]}/simple"}
    with Executor(
        tmp_path_factory.mktemp("cache"), env, setup_run_time_ms=3000, **LOOPBACK
    ) as running:
        yield running


def run(executor: Executor, code: str, environment: str) -> compute_pb2.ComputeResponse:
    return executor.execute("python.run", {"code": code, "environment": environment})


def test_an_environments_packages_are_imported_already(executor: Executor) -> None:
    made, stages = executor.environment("stem")
    assert [(each.name, each.version) for each in made.packages] == [
        ("leaf", "1.0"),
        ("stem", "1.0"),
    ]
    assert [each.name for each in made.from_image] == ["numpy"]
    assert stages[0] == "resolve"
    assert stages[-1] == "import"
    code = (
        "import sys; before = 'leaf.part' in sys.modules\nimport stem, leaf\n"
        "import importlib.metadata as m\n"
        "output = [before, stem.Z, m.version('leaf'), leaf.__file__]"
    )
    before, z, version, file = value(run(executor, code, made.id))
    assert (before, z, version) == (True, 3, "1.0")
    assert file.endswith("leaf/__init__.py")
    response = executor.execute("python.run", {"code": "import leaf"})
    assert response.failure.type == "ModuleNotFoundError"


def test_the_same_again_is_found(executor: Executor) -> None:
    first, _ = executor.environment("leaf")
    again, stages = executor.environment("leaf")
    assert (again.id, stages) == (first.id, ["resolve", "resolve"])


def test_nothing_of_one_call_is_in_the_next(executor: Executor) -> None:
    made, _ = executor.environment("leaf")
    code = "import leaf\noutput = leaf.X\nleaf.X += 1"
    assert [value(run(executor, code, made.id)) for _ in range(3)] == [1, 1, 1]
    assert value(
        run(executor, "output = sorted(k for k in globals() if k[0] != '_')", made.id)
    ) in (
        ["inputs"],
        ["inputs", "output"],
    )


def test_what_is_imported_late_is_there(executor: Executor) -> None:
    made, _ = executor.environment("lazy")
    assert value(run(executor, "import lazy\noutput = lazy.go()", made.id)) == 5


@pytest.mark.parametrize(
    ("dependency", "said"),
    [
        ("native", "native 1.0 has native code: it has no wheel of pure Python. The image offers"),
        ("loops", "TIMEOUT"),
        ("fails", "ZeroDivisionError: division by zero (package fails)"),
        ("shadow", "its json shadows the standard library's"),
        ("old-numpy", "unsatisfiable"),
        ("leaf>2", "unsatisfiable"),
        ("absent-thing", "not found in the package registry"),
    ],
)
def test_what_cannot_be_an_environment_is_refused_and_the_next_is_served(
    executor: Executor, dependency: str, said: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        executor.environment(dependency)
    refusal = Refusal(caught.value)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refusal.fields) == ["dependencies"]
    assert said in refusal.fields["dependencies"]
    assert executor.environment("leaf")[0].id


def test_an_unknown_environment(executor: Executor) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        run(executor, "1", "0" * 64)
    refusal = Refusal(caught.value)
    assert (refusal.reason, refusal.metadata) == (
        "UNKNOWN_ENVIRONMENT",
        {"environment": "0" * 64},
    )


def test_a_program_stands_on_an_environment(executor: Executor) -> None:
    made, _ = executor.environment("stem")
    program = executor.prepare("import stem\ndef f(): return stem.Z", lock=made.lock).program
    assert value(executor.call(executor.put(program))) == 3


def test_an_environment_is_made_of_its_lock_alone_and_offline_of_the_cache(
    built: Built, tmp_path: Path
) -> None:
    with served(filled()) as url:
        env = {"UV_DEFAULT_INDEX": f"{url}/simple"}
        with Executor(tmp_path, env, **LOOPBACK) as running:
            made, _ = running.environment("stem")
    for image in (tmp_path / "programs").iterdir():
        image.unlink()
    with Executor(tmp_path, env, offline=True, **LOOPBACK) as running:
        again, _ = running.environment(lock=made.lock)
        assert again.id == made.id
        assert value(run(running, "import stem\noutput = stem.Z", made.id)) == 3
        with pytest.raises(grpc.RpcError) as caught:
            running.environment("native")
        assert Refusal(caught.value).code in (
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.UNAVAILABLE,
        )


def test_an_operators_list(built: Built, tmp_path: Path, index: tuple[Index, str]) -> None:
    env = {"UV_DEFAULT_INDEX": f"{index[1]}/simple"}
    with Executor(tmp_path, env, packages=["stem"], **LOOPBACK) as running:
        for dependency in ("leaf", "stem"):  # stem's own dependency is not on it
            with pytest.raises(grpc.RpcError) as caught:
                running.environment(dependency)
            said = "; ".join(Refusal(caught.value).fields.values())
            assert "not leaf: it is not on the operator's list" in said


def test_a_host_that_may_not_be_fetched_from(
    built: Built, tmp_path: Path, index: tuple[Index, str]
) -> None:
    env = {"UV_DEFAULT_INDEX": f"{index[1]}/simple"}
    with Executor(tmp_path, env, fetch_hosts=["files.test"], **LOOPBACK) as running:
        with pytest.raises(grpc.RpcError) as caught:
            running.environment("leaf")
        assert "not on the operator's list of hosts" in str(Refusal(caught.value).fields)
    assert "leaf" not in os.listdir(tmp_path)
