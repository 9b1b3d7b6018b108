"""A checkout that builds in seconds: our own packages by their names, with next to nothing in them.

The environments, wheels, steps and processes are real; what is built and started is small.
"""

from __future__ import annotations

from pathlib import Path

from conftest import free_port

from edgemesh_local.layout import Layout

_FAKE = Path(__file__).with_name("fake_service.py")
_PACKAGE = Path(__file__).parents[1] / "edgemesh_local"


def furnish(layout: Layout) -> None:
    """Fill the checkout: protos, mesh_service, a gateway, the executor `one`, tests and demo."""
    _package(layout.root / "protos", "edgemesh-protos", "edgemesh", source="")
    for folder in ("edgemesh/compute", "edgemesh/compute/v1"):
        (layout.root / "protos" / folder).mkdir()
    (layout.root / "protos" / "edgemesh" / "compute" / "v1" / "compute_pb2.py").touch()
    _package(layout.root / "mesh_service", "mesh-service", "mesh_service")
    for name in ("gateway", "one"):
        _service(layout, name)
    _client(layout)


def _package(folder: Path, name: str, package: str, source: str = "src/") -> Path:
    (folder / source / package).mkdir(parents=True)
    (folder / source / package / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
        f'[tool.hatch.build.targets.wheel]\npackages = ["{source}{package}"]\n'
    )
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (folder / lock).write_text(locked("iniconfig"))
    return folder / source / package


def _service(layout: Layout, name: str) -> None:
    folder = layout.root / (name if name == "gateway" else f"executor_{name}")
    prefix = f"EDGEMESH_{name.upper()}_"
    package = _package(folder, f"edgemesh-{name}", f"edgemesh_{name}")
    (package / "__main__.py").write_text(
        f"import runpy, sys\nsys.argv = ['', '{prefix}']\nrunpy.run_path({str(_FAKE)!r})\n"
    )
    (package.parent / "grpc.py").touch()  # beside it, and so importable as it is
    toml = (
        f'name = "{name}"\nmodule = "edgemesh_{name}"\nenv_prefix = "{prefix}"\n'
        f"port = {free_port()}\nmetrics_port = {free_port()}\n"
    )
    if name == "one":
        toml += (
            'brings = ["cp", "{service}/inside", "{out}/brought"]\n'
            '[needs]\ntools = { git = "1.0" }\n'
            '[[steps]]\nname = "part"\ninputs = ["executor_one/pyproject.toml"]\n'
            'command = ["sh", "-c", "echo run >>runs; mkdir -p $0; echo a >$0/part", '
            '"{cache}/parts/{key}"]\nproduces = ["{cache}/parts/{key}/part"]\n'
            '[[steps]]\nname = "inside"\nin_environment = true\n'
            'inputs = ["executor_one/pyproject.toml"]\n'
            'command = ["{python}", "-c", "import edgemesh_one; open(\'inside\', \'w\')"]\n'
            'produces = ["{service}/inside"]\n'
            '[[tests]]\nname = "own check"\ncommand = ["sh", "-c", "echo $GREETING; exit $CODE"]\n'
            'env = { GREETING = "1 passed", CODE = "0" }\n'
        )
    (folder / "service.toml").write_text(toml)


def _client(layout: Layout) -> None:
    (layout.local / "edgemesh_local").symlink_to(_PACKAGE)
    for module in ("grpc.py", "numpy.py", "pytest.py"):
        (layout.local / module).touch()
    for folder in (layout.root / "tests", layout.root / "demo", layout.local):
        folder.mkdir(exist_ok=True)
        (folder / "requirements.lock").write_text(locked("iniconfig"))
    (layout.root / "tests" / "requirements-triton.lock").write_text(locked("iniconfig"))
    client = layout.root / "clients" / "python"
    (client / "src" / "edgemesh_client").mkdir(parents=True)
    (client / "src" / "edgemesh_client" / "__init__.py").touch()
    (client / "requirements-dev.lock").write_text(locked("iniconfig"))
    (layout.local / "lint.lock").write_text(locked("iniconfig"))
    (layout.root / "demo" / "run.py").write_text(
        "import socket, sys\nhost, port = sys.argv[1].split(':')\n"
        "socket.create_connection((host, int(port)))\nprint('the demo reached', host)\n"
    )


def locked(*names: str) -> str:
    """Entries of the real lock of this folder's tests, hashes included."""
    text = (Layout.here().local / "requirements.lock").read_text().replace("\\\n", "")
    return "\n".join(
        line for line in text.splitlines() if line.split("==")[0] in names and "==" in line
    )
