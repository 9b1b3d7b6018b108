"""The C++ plugins that misbehave on demand, built when they are first asked for."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from edgemesh_local.layout import Layout
from edgemesh_local.service import all_services
from edgemesh_local.step import substitute

VARIABLE = "EDGEMESH_CPP_PLUGINS_DIR"


@cache
def plugins_dir() -> str:
    """PLUGINS_DIR of a cpp executor that has them beside its own plugins."""
    layout = Layout.here()
    cpp = all_services(layout.root)["cpp"]
    own = substitute(cpp.env[VARIABLE], cpp, layout)
    build = subprocess.run(
        ["bash", str(layout.root / "cpp_plugins" / "build.sh"), "--testing"],
        env=os.environ | {"EDGEMESH_CACHE": str(layout.cache)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    prefix = Path(build.stdout.splitlines()[-1])
    return f"{own}{os.pathsep}{prefix / 'testing-plugins'}"


def settings(name: str) -> dict[str, str]:
    """What an executor is started with so that the suites can run: variable without prefix."""
    return {"PLUGINS_DIR": plugins_dir()} if name == "cpp" else {}
