"""A sandbox for Python that nobody trusts: CPython in WebAssembly, started from memory images.

    from edgemesh_sandbox import Sandbox

    with Sandbox() as sandbox:
        result = sandbox.run("print('hello'); output = sum(inputs['xs'])", {"xs": [1, 2, 3]})
    assert (result.result, result.stdout) == (6, "hello\\n")

Rules: a library of its own, without a server: it knows nothing of meshes or gRPC. Every program
runs in a fresh interpreter that has NumPy, pandas and their like imported already; nothing of
one is in the next, unless it is a session, which goes on. `python -m edgemesh_sandbox.setup`
builds what it needs, once per machine.
"""

from __future__ import annotations

from edgemesh_sandbox.async_sandbox import AsyncSandbox
from edgemesh_sandbox.call import Call
from edgemesh_sandbox.errors import (
    ArtifactError,
    InputError,
    ProgramFailed,
    SandboxError,
    SessionError,
    SetupError,
    SnapshotError,
)
from edgemesh_sandbox.limits import Limits
from edgemesh_sandbox.manager import Execution, SandboxManager
from edgemesh_sandbox.result import Failure, Outcome, Result
from edgemesh_sandbox.sandbox import Sandbox
from edgemesh_sandbox.session import Inspection, Session, Variable
from edgemesh_sandbox.snapshot import Snapshot
from edgemesh_sandbox.tensor import Tensor
from edgemesh_sandbox.tools import Tools

__all__ = [
    "ArtifactError",
    "AsyncSandbox",
    "Call",
    "Execution",
    "Failure",
    "InputError",
    "Inspection",
    "Limits",
    "Outcome",
    "ProgramFailed",
    "Result",
    "Sandbox",
    "SandboxError",
    "SandboxManager",
    "Session",
    "SessionError",
    "SetupError",
    "Snapshot",
    "SnapshotError",
    "Tensor",
    "Tools",
    "Variable",
]
