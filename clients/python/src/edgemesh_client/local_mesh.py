"""A mesh of a test's own: executors and a gateway of a checkout, on free ports.

Rules: services must have been built there (`make build`). A service says by one line of JSON on
stdout that it serves; what it logs is kept in a folder, and its end is shown where it does not
start. No setting of the caller's environment reaches it, and it ends with the `with`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from edgemesh_client.errors import EdgemeshError

_START_S = 60.0
_GRACE_S = 10.0
_TAIL_LINES = 20


class StartFailed(EdgemeshError):
    """A service of a local mesh does not serve; `log` is where it says why."""

    def __init__(self, service: str, reason: str, log: Path | None = None) -> None:
        self.service, self.log = service, log
        tail = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if log else []
        super().__init__("\n".join([f"{service}: {reason}", *tail]))


class LocalMesh:
    """A gateway and executors; a context manager.

        with LocalMesh(house, {"cpp": {"PLUGINS_DIR": "build"}}) as mesh:
            client = Client(mesh.address)

    `executors`: each one's settings, without their prefix; the key "gateway" has the gateway's.
    """

    def __init__(self, house: Path, executors: Mapping[str, Mapping[str, str]]) -> None:
        self.house, self._executors = house, executors
        self.address = ""
        """host:port of the gateway."""
        self._ending = ExitStack()

    def __enter__(self) -> LocalMesh:
        with ExitStack() as starting:
            folder = starting.enter_context(tempfile.TemporaryDirectory(prefix="edgemesh-test-"))
            logs, port = Path(folder), _free_port()
            there = {}
            for name, settings in self._executors.items():
                if name == "gateway":
                    continue
                service = _Service(self.house / f"executor_{name}", name)
                own = {"GATEWAY": f"127.0.0.1:{port}"} if service.calls_gateway else {}
                there[name] = service.start(own | dict(settings), logs, starting)
            front = {
                "PORT": str(port),
                "EXECUTORS": json.dumps(there),
                "DATABASE": f"sqlite:///{folder}/gateway.db",
            }
            gateway = _Service(self.house / "gateway", "gateway")
            own = dict(self._executors.get("gateway", {}))
            self.address = gateway.start(front | own, logs, starting)
            self._ending = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()


class _Service:
    """One of a checkout's services."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self._python = name, folder / ".venv" / "bin" / "python"
        try:
            said = tomllib.loads((folder / "service.toml").read_text())
        except FileNotFoundError:
            raise StartFailed(name, f"there is none in {folder.parent}") from None
        if not self._python.exists():
            raise StartFailed(name, f"it is not built: make -C {folder.parent} build")
        self._module, self._prefix = str(said["module"]), str(said["env_prefix"])
        self.calls_gateway = bool(said.get("calls_gateway"))
        own: dict[str, str] = said.get("env", {})
        self._env = {
            key: value.replace("{service}", str(folder)).replace("{root}", str(folder.parent))
            for key, value in own.items()
        }

    def start(self, settings: Mapping[str, str], logs: Path, ending: ExitStack) -> str:
        """Start it; where it serves. Raises StartFailed."""
        kept = {"EDGEMESH_CACHE"}
        env = {k: v for k, v in os.environ.items() if not k.startswith("EDGEMESH_") or k in kept}
        env |= self._env | {self._prefix + name: value for name, value in settings.items()}
        log = logs / f"{self.name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [str(self._python), "-m", self._module],
                env=env,
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,
            )
        ending.callback(_end, process)
        said: SimpleQueue[str] = SimpleQueue()
        reader = threading.Thread(target=_read, args=(process, said), daemon=True)
        reader.start()
        try:
            address = said.get(timeout=_START_S)
        except Empty:
            raise StartFailed(self.name, f"it does not serve after {_START_S:g} s", log) from None
        if not address:
            raise StartFailed(self.name, f"it ended with {process.wait()}", log)
        return address


def _read(process: subprocess.Popen[bytes], said: SimpleQueue[str]) -> None:
    """Tell where it serves, or "" at its end; read on, so that it never waits for a reader."""
    assert process.stdout is not None
    for line in process.stdout:
        with suppress(ValueError, KeyError, TypeError):
            told = json.loads(line)
            if told["event"] == "serving":
                said.put(str(told["address"]))
    said.put("")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    with suppress(ProcessLookupError):  # its workers too
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def plugins(folders: Sequence[Path]) -> Mapping[str, str]:
    """The C++ executor's settings for plugins in these folders."""
    return {"PLUGINS_DIR": os.pathsep.join(map(str, folders)), "WORKERS": "1", "SPARES": "0"}
