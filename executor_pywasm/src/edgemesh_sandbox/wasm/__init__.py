"""The little of the WebAssembly binary format that memory images need.

Rules: knows bytes only, neither Wasmtime nor Python images. Everything read is checked
(`WasmFormatError`); everything written is a valid module. Follows the core specification,
chapter 5 (binary format).
"""

from edgemesh_sandbox.wasm.memory import data_pages, memory_module, page_runs
from edgemesh_sandbox.wasm.names import function_names
from edgemesh_sandbox.wasm.sections import Section, SectionId, WasmFormatError, sections
from edgemesh_sandbox.wasm.split import SplitModule, split

__all__ = [
    "Section",
    "SectionId",
    "SplitModule",
    "WasmFormatError",
    "data_pages",
    "function_names",
    "memory_module",
    "page_runs",
    "sections",
    "split",
]
