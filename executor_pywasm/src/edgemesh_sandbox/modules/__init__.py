"""WebAssembly modules that nobody trusts: `wasm.run` of the executor, as a library.

    from edgemesh_sandbox.modules import ModuleCall, ModuleRunner

    with ModuleRunner() as runner:
        runner.run(Path("add.wasm").read_bytes(), ModuleCall("add", [2, 3])).result   # 5

Rules: those of the sandbox: a fresh instance per call, a machine in memory, limits, outcomes.
"""

from edgemesh_sandbox.modules.features import Features
from edgemesh_sandbox.modules.imports import HOST_FUNCTIONS
from edgemesh_sandbox.modules.runner import ModuleCall, ModuleRunner

__all__ = ["HOST_FUNCTIONS", "Features", "ModuleCall", "ModuleRunner"]
