"""Makes this Python into the one that every program starts from.

Rules: it runs once, while the image is made, with the library's files still there; afterwards
nothing may hold a descriptor, unwritten output, or a random number.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
from typing import Any

from . import eventloop, files, heap, importer

_WARMING_PROGRAMS = (
    "print(2 + 2)",
    "import numpy as np\nprint(np.arange(10).sum())\noutput = {'a': np.arange(3), 'b': 1}",
    "output = inputs",
    "def f(n):\n    return 1 // n\nf(0)",
    "import datetime as d\nx = {1: (2.5, {3}), 'n': float('nan'), 'd': d.datetime(2026, 1, 1)}\nx",
    "import pandas as pd\npd.DataFrame({'a': [1, 2], 's': ['x', None]})",
    "output = object()",
    "raise ExceptionGroup('g', [ValueError('v')])",
    "import sys\nsys.exit(3)",
    "syntax error",
    "",
)

_WARMING_INPUTS = {"x": [1, 2], "t": {"$type": "tuple", "items": [1]}}


def take_library(path: str) -> None:
    """Copy the zip `path` into memory and import from there; the file is not needed any more."""
    importer.install(path)


def prepare(library: str, *, science: bool) -> None:
    """Import and warm everything, install the runtime, and tell the host where to find it.

    What lies unpacked below `library` is taken into memory too.
    """
    import _host  # the guest's door to its host

    try:
        facts = _prepare(library, science)
    except Exception as error:  # stderr is the program's by now
        facts = {"problems": [f"{type(error).__name__}: {error}"]}
    with contextlib.suppress(OSError):  # the host listens, but does not reply
        _host.call(json.dumps(facts).encode())


def _prepare(library: str, science: bool) -> dict[str, Any]:
    archive = importer.installed()
    plots = "matplotlib/mpl-data"
    files.Files(archive, files.unpack(f"{library}/{plots}", plots)).install()
    eventloop.install()
    if science:
        import matplotlib

        matplotlib.use("agg")
    from . import warmup

    missing = warmup.import_all(science=science)
    for _ in range(3):
        warmup.use(science=science)
    gc.collect()
    ballast = heap.fill_holes()
    block, states, serving = _install(ballast, science)
    gc.collect()
    problems = [*_open_files(), *(f"cannot import {name}" for name in missing)]
    immortal = heap.immortalize()
    serving.rearm()
    gc.freeze()
    from . import arrays

    facts = {
        "block": arrays.address_of(block.memory),
        "random_states": states,
        "ballast": len(ballast),
        "immortal": immortal,
        "modules": len(sys.modules),
        "problems": problems,
    }
    for name in [name for name in sys.modules if name.partition(".")[0] == "_edgemesh"]:
        del sys.modules[name]
    return facts


def _install(ballast: list[bytes], science: bool) -> tuple[Any, list[tuple[int, int]], Any]:
    """Put the runtime in the place of the reactor's own handler of turns, and warm it.

    Gives the block, where the random generators' states lie, and the runtime.
    """
    import atexit

    import _host
    import _reactor

    from . import candle, console, eventloop, mesh, randomness, runtime, tools, web

    block = console.Block(_host.call)
    calls = tools.Calls(_host.call)
    given = tools.Tools(calls)
    eventloop.attend(calls)
    modules: dict[str, Any] = {"edgemesh": tools.module(given), "edgemesh.tools": given}
    modules["edgemesh.http"] = web.module(calls)
    modules["edgemesh"].__dict__.update(mesh.names(calls), http=modules["edgemesh.http"])
    modules["candle"] = candle.module(modules["edgemesh"].call)
    sys.modules.update(modules)
    serving = runtime.Runtime(block, given)
    programs = [p for p in _WARMING_PROGRAMS if science or "pandas" not in p]
    for program in programs * 8:
        request = {"code": program, "stdin": "", "inputs": _WARMING_INPUTS, "tensors": []}
        serving.call(json.dumps(request).encode())
    for program in ("x = 1", "x + 1", "output = x\n1 / 0") * 4:
        request = {"code": program, "stdin": "", "inputs": {}, "tensors": [], "file": "cell.py"}
        serving.call(json.dumps(request).encode())
    serving.forget()
    block.clear()
    states = randomness.states()
    atexit._clear()  # what libraries registered is not the program's
    os.environ.clear()
    os.environ.update(HOME="/tmp", TMPDIR="/tmp", LANG="C.UTF-8")  # noqa: S108 - the guest's
    os.chdir("/tmp")  # noqa: S108
    # The host's `turn` is bound to this function object, so its code is exchanged.
    _reactor._edgemesh_call, _reactor._edgemesh_ballast = serving.call, ballast
    _reactor.turn.__code__ = _turn.__code__
    return block, states, serving


def _turn(source: bytes, environ: object) -> tuple[int, bool]:
    return _edgemesh_call(source), False  # type: ignore[name-defined]  # noqa: F821


def _open_files() -> list[str]:
    return [
        f"left open: {type(o).__name__} {getattr(o, 'name', '')}"
        for o in gc.get_objects()
        if isinstance(o, io.FileIO) and not o.closed and o.fileno() > 2
    ]
