"""What Jupyter must know to start the kernel."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from jupyter_client.kernelspec import KernelSpecManager

NAME = "edgemesh"
SPEC: dict[str, Any] = {
    "argv": [sys.executable, "-m", "edgemesh_kernel", "-f", "{connection_file}"],
    "display_name": "Python (edgemesh sandbox)",
    "language": "python",
    "interrupt_mode": "message",
}


def install(prefix: str | None = None) -> str:
    """Install it for this user, or below `prefix`; the folder that it is in now."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.json").write_text(json.dumps(SPEC, indent=1), encoding="utf-8")
        manager = cast(Any, KernelSpecManager())
        where = {"user": True} if prefix is None else {"prefix": prefix}
        return str(manager.install_kernel_spec(folder, NAME, **where))
