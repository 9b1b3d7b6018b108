"""What is tried with environments: requirements, and wheels of an index that is up to no good."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from fetcher.servers import Index, served
from ground.executor import Executor, value
from scenario import Came, Scenario, asking

_SETUP_MS = 2_000
_LOOPBACK = {"fetch_networks": ["127.0.0.0/8"], "fetch_plain_http": True}


def _index() -> Index:
    index = Index()
    index.add("honest", {"honest.py": "X = 1"})
    index.add("old-numpy", {"old_numpy.py": ""}, requires=("numpy<2",))
    index.add("circle", {"circle.py": ""}, requires=("square",))
    index.add("square", {"square.py": ""}, requires=("circle", "honest>3"))
    index.add("native", {"native.py": ""}, tag="cp315-cp315-manylinux_2_28_x86_64")
    index.add("hidden-native", {"hidden/_fast.so": b"\x7fELF"})
    for name, code in {
        "loops": "while True: pass",
        "sleeps": "import time; time.sleep(10 ** 6)",
        "fails": "1 / 0",
        "leaves": "raise SystemExit(3)",
        "ends": "import os; os._exit(0)",
        "aborts": "import os; os.abort()",
        "grows": "x = bytearray(1 << 30)",  # at once: on a busy machine its time would end first
        "prints": "while True: print('x' * 1000)",
        "forks": "import os; os.fork()",
        "dials": "import socket; socket.create_connection(('127.0.0.1', 80))",
    }.items():
        index.add(name, {f"{name}.py": code})
    index.add("shadow", {"json/__init__.py": ""})
    index.add("shadow-site", {"sitecustomize.py": "1 / 0", "usercustomize.py": "", "os.py": ""})
    index.add("shadow-numpy", {"numpy/__init__.py": ""})
    index.add("climbs", {"../../climbs.py": ""})
    index.add("rooted", {"/etc/rooted.py": ""})
    index.add("pth", {"pth.py": "X = 1", "evil.pth": "import os; os.abort()"})
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.py", bytes(300 << 20))
    index.add("bomb", {"bomb.py": ""})
    file = next(iter(index.wheels["bomb"]))
    with zipfile.ZipFile(bomb, "a") as archive:
        for part, text in {
            "METADATA": "Metadata-Version: 2.1\nName: bomb\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
            "RECORD": "",
        }.items():
            archive.writestr(f"bomb-1.0.dist-info/{part}", text)
    index.wheels["bomb"][file] = bomb.getvalue()
    return index


class EnvironmentStage:
    """An executor with an empty cache, and its index of packages."""

    def __enter__(self) -> Self:
        self._undo = ExitStack()
        cache = Path(self._undo.enter_context(tempfile.TemporaryDirectory()))
        url = self._undo.enter_context(served(_index()))
        env = {"UV_DEFAULT_INDEX": f"{url}/simple"}
        self.executor = self._undo.enter_context(
            Executor(cache, env, setup_run_time_ms=_SETUP_MS, **_LOOPBACK)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def honest(self) -> list[str]:
        """What is wrong with an honest environment, and with the base."""
        made, _ = self.executor.environment("honest")
        code = "import honest, json\noutput = [honest.X, json.loads('[1]')]"
        found = [
            value(self.executor.execute("python.run", {"code": code, "environment": made.id})),
            value(self.executor.execute("python.run", {"code": "output = 1 + 1"})),
        ]
        return [] if found == [[1, [1]], 2] else [f"the next callers saw {json.dumps(found)}"]


def _case(name: str, dependency: str, says: str, *outcomes: str) -> Scenario[EnvironmentStage]:
    def act(stage: EnvironmentStage) -> Came:
        return asking(lambda: stage.executor.environment(dependency))

    return Scenario(name, act, outcomes or ("INVALID_REQUEST",), says)


CASES = [
    _case("a lock that cannot be solved", "old-numpy", "unsatisfiable"),
    _case("a circle that cannot be solved", "circle", "unsatisfiable"),
    _case("a version that is not there", "honest>2", "unsatisfiable"),
    _case("a package that is not there", "absent-thing", "not found in the package registry"),
    _case("an option of the resolver's", "--index-url=http://127.0.0.1:1", "dependencies"),
    _case("a file of the host's", "honest @ file:///etc/passwd", "dependencies"),
    _case("two lines in one", "honest\n--pre", "dependencies"),
    _case("native code", "native", "native 1.0 has native code"),
    _case("native code in a pure wheel", "hidden-native", "native code"),
    _case("a wheel that loops at import", "loops", "TIMEOUT"),
    _case("a wheel that sleeps at import", "sleeps", "TIMEOUT"),
    _case("a wheel that raises at import", "fails", "ZeroDivisionError"),
    _case("a wheel that exits at import", "leaves", "EXIT"),
    _case("a wheel that ends its process at import", "ends", "ended itself before its end"),
    _case("a wheel that aborts at import", "aborts", "CRASH"),
    _case("a wheel that takes all memory at import", "grows", "MEMORY_LIMIT"),
    _case("a wheel that prints for ever at import", "prints", "OUTPUT_LIMIT"),
    _case("a wheel that forks at import", "forks", ""),
    _case("a wheel that dials at import", "dials", ""),
    _case("a dependency that shadows the standard library", "shadow", "its json shadows"),
    _case("a wheel of the interpreter's own hooks", "shadow-site", "shadows"),
    _case("a wheel that shadows the image", "shadow-numpy", "shadows the image's"),
    _case("a wheel that climbs out", "climbs", "a file named"),
    _case("a wheel with a file at the root", "rooted", "a file named"),
    _case("a wheel with a .pth", "pth", "", "OK"),
    _case("a wheel that is a bomb", "bomb", "bytes"),
]
