"""The executor's settings: EDGEMESH_PYWASM_*, and a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, IPvAnyNetwork, SecretStr
from pydantic_settings import SettingsConfigDict

from edgemesh_executor_pywasm.capabilities import FILES, HTTP, is_known
from edgemesh_executor_pywasm.http_host import HttpHost, capability
from mesh_service.executor.capabilities import covered
from mesh_service.settings import MIB, ExecutorSettings, SettingsError


class PyWasmSettings(ExecutorSettings):
    """What the Python executor can be told."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_PYWASM_")
    service: ClassVar[str] = "pywasm"

    images_dir: Path | None = None
    """Where `python -m edgemesh_sandbox.setup` put the images; `images` in the cache by default."""
    image: Literal["base", "slim"] = "base"
    """What is imported already: `base`: everything; `slim`: the standard library and NumPy."""
    metered: bool = False
    """Whether requests may set `limits.fuel`, for which the workers load a second code module:
    build it with `python -m edgemesh_sandbox.setup --metered`."""
    stack_bytes: int = Field(default=32 * MIB, ge=4 * MIB, le=64 * MIB)
    """What nested calls of a guest may take of the native stack."""
    table_elements: int = Field(default=100_000, ge=10_000, le=10_000_000)
    """The most that a guest's table may grow to."""
    default_run_time_ms: int = Field(default=30_000, ge=1, le=300_000)
    """Run time of a request that names none."""
    max_run_time_ms: int = Field(default=60_000, ge=1, le=300_000)
    """Longest run time that a request may ask for."""
    default_memory_bytes: int = Field(default=256 * MIB, ge=32 * MIB, le=3072 * MIB)
    """Memory that a request may add to its worker, when it names no limit."""
    max_memory_bytes: int = Field(default=512 * MIB, ge=32 * MIB, le=3072 * MIB)
    """Largest memory limit that a request may ask for; a guest has 4 GiB in all."""
    default_cpu_ms: int = Field(default=0, ge=0, le=300_000)
    """CPU time of a request that names none; 0: the run time alone bounds it."""
    max_cpu_ms: int = Field(default=300_000, ge=1, le=300_000)
    """Most CPU time that a request may ask for."""
    default_fuel: int = Field(default=0, ge=0, lt=1 << 63)
    """Fuel of a request that names none, where `metered`; 0: none is counted."""
    max_fuel: int = Field(default=1 << 50, ge=1, lt=1 << 63)
    """Most fuel that a request may ask for, where `metered`."""
    default_files_bytes: int = Field(default=64 * MIB, ge=0, le=1024 * MIB)
    """What a program may store in files when its request names no limit; beside its memory."""
    max_files_bytes: int = Field(default=256 * MIB, ge=0, le=1024 * MIB)
    """Largest such limit that a request may ask for."""
    warm_instance: bool = True
    """Whether a worker makes the next interpreter ready between calls; costs about 2 MiB a worker,
    and spares a call a millisecond."""

    keeps_sessions: ClassVar[bool] = True

    session_dir: Path | None = None
    """Where sessions are kept, encrypted; one executor at a time has it. By default a folder of the
    port's in `sessions` in the cache; where the port is any free one, a folder that goes with the
    executor."""
    session_key: SecretStr | None = None
    """The key that they are encrypted with: 64 hexadecimal digits. By default one that is made at
    the first start and lies beside them, readable by the executor's user alone."""
    session_ttl_s: float = Field(default=86_400.0, ge=0)
    """How long a session is kept that nothing uses, in seconds; 0: always."""
    session_awake_bytes: int = Field(default=128 * MIB, ge=0, le=4096 * MIB)
    """What the sessions that one worker has awake may take; others are woken when they are used."""
    max_sessions: int = Field(default=1_000, ge=0, le=1_000_000)
    """Sessions that one tenant may have."""
    max_sessions_bytes: int = Field(default=4096 * MIB, ge=MIB)
    """What they may take on disk together."""
    max_session_bytes: int = Field(default=512 * MIB, ge=MIB, le=1024 * MIB)
    """What one call may change of a session, and a session may have grown by, on disk."""

    image_memory_bytes: int = Field(default=512 * MIB, ge=MIB)
    """Memory that images of registered algorithms and environments may hold in the front."""
    image_disk_bytes: int = Field(default=4096 * MIB, ge=0)
    """Disk that they may hold below the cache; those used longest ago go first."""
    setup_run_time_ms: int = Field(default=60_000, ge=1, le=300_000)
    """Longest run time of a registered algorithm's module level, and of a package's import."""

    models_dir: Path | None = None
    """Folder in which each `.py`, and each folder with a `model.py`, is a model; default: `models`
    in the cache."""

    offline: bool = False
    """Whether nothing is fetched: environments are made of what is in the cache."""
    packages: list[str] | None = None
    """Names of the packages that environments may have, dependencies too; default: any."""
    fetch_hosts: list[str] | None = None
    """Hosts that may be fetched from, one that begins with a dot with all below it; default: those
    that the resolver's index names."""
    fetch_networks: tuple[IPvAnyNetwork, ...] = ()
    """Networks that may be fetched from although they are not public, e.g. that of a package index
    of one's own."""
    fetch_plain_http: bool = False
    """Whether http without TLS is allowed, to addresses of `fetch_networks` only."""
    fetch_max_bytes: int = Field(default=64 * MIB, ge=1024)
    """Largest file that is fetched."""
    fetch_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """How long fetching one file, or resolving requirements, may take."""
    fetch_disk_bytes: int = Field(default=1024 * MIB, ge=0)
    """Disk that what was fetched may hold below the cache."""
    wasm_features: tuple[
        Literal["threads", "gc", "exceptions", "memory64", "relaxed_simd"], ...
    ] = ()
    """Proposals of WebAssembly that modules of `wasm.run` may use beside the standard's."""
    max_module_bytes: int = Field(default=32 * MIB, ge=1024, le=256 * MIB)
    """Largest module that is taken."""
    compiled_bytes: int = Field(default=256 * MIB, ge=0, le=4096 * MIB)
    """What a worker keeps of compiled modules, the last used ones."""
    kept_module_bytes: int = Field(default=64 * MIB, ge=0, le=4096 * MIB)
    """What the front keeps of modules that tenants have sent, to be named by their SHA-256."""
    gateway: str = ""
    """The gateway's `host:port`, where programs' calls go in; without it none can be granted."""
    capabilities: tuple[str, ...] = ("call:*", "candle", "files:*", "http:*")
    """What requests may ask for their programs (JSON): `call:*`, `call:cpp.*`, `call:ml.embed`,
    `candle`, `files:*`, `files:<name>`, `http:*`, `http:<host>`; nothing is granted that is not
    asked for."""
    http: dict[str, HttpHost] = Field(default_factory=dict[str, HttpHost])
    """Hosts that programs may speak with by HTTP (JSON), where `capabilities` has `http:<host>` or
    `http:*`: `{"api.example.org": {"headers": {"Authorization": "Bearer {token}"}}}`. A name may
    have a port; one that begins with a dot means all below it. See `HttpHost`."""
    http_secrets: Path | None = None
    """A TOML file of `name = "value"`: what `{name}` in these headers stands for. Only the process
    that sends the requests reads it, when it starts."""
    http_max_bytes: int = Field(default=4 * MIB, ge=1024, le=8 * MIB)
    """Largest body of such a request, and of its answer."""
    http_timeout_s: float = Field(default=30.0, gt=0, le=300)
    """How long such a request may take, redirects included."""
    files: dict[str, Path] = Field(default_factory=dict[str, Path])
    """Folders whose files programs may read below /inputs/files/<name>, by name (JSON), where
    `capabilities` has `files:<name>` or `files:*`. Workers read them when they start."""
    default_calls: int = Field(default=1_000, ge=1, le=1 << 30)
    """Calls that a program may make, when its request names no limit."""
    max_calls: int = Field(default=100_000, ge=1, le=1 << 30)
    """Most calls that a request may ask for."""
    call_workers: int = Field(default=8, ge=0, le=64)
    """Worker processes beyond `workers` that are started while programs wait for calls of programs:
    these would wait for each other otherwise."""

    walls: Literal["strict", "best"] = "best"
    """What happens where a wall around a worker cannot be raised: `strict` does not start, `best`
    tells it and starts."""
    worker_uid: int = Field(default=65534, ge=0, lt=1 << 31)
    """User and group that workers become where the executor runs as root and that user can read
    the images and the executor's own Python; 0: they stay root, without its privileges."""

    @property
    def lends(self) -> int:
        """Those of `call_workers`."""
        return self.call_workers

    @property
    def granted(self) -> list[str]:
        """What requests may ask for as things are."""
        own = [f"{FILES}{name}" for name in sorted(self.files)]
        own += sorted({capability(name) for name in self.http})
        return [
            *(
                name
                for name in self.capabilities
                if self.gateway and not name.startswith((FILES, HTTP))
            ),
            *(name for name in own if covered(self.capabilities, name)),
        ]

    def check(self) -> None:
        """Refuse names of capabilities that nobody knows, and an address that is none."""
        super().check()
        for name in self.capabilities:
            if not is_known(name):
                raise SettingsError(
                    f"{self.prefix()}CAPABILITIES",
                    f"call:*, call:<namespace>.*, call:<algorithm>, candle, files:<name> or "
                    f"http:<host>, not {name!r}",
                )
        for name, folder in self.files.items():
            if not is_known(f"{FILES}{name}") or not folder.is_dir():
                raise SettingsError(
                    f"{self.prefix()}FILES", f"name → folder; {name!r}: {folder} is none"
                )
        for name, told in self.http.items():
            if wrong := told.wrong(name):
                raise SettingsError(f"{self.prefix()}HTTP", f"{name!r}: {wrong}")
        if self.http_secrets is not None and not self.http_secrets.is_file():
            raise SettingsError(f"{self.prefix()}HTTP_SECRETS", f"a file, not {self.http_secrets}")
        host, _, port = self.gateway.rpartition(":")
        if self.gateway and (not host or not port.isdecimal()):
            raise SettingsError(f"{self.prefix()}GATEWAY", f"<host>:<port>, not {self.gateway!r}")

    def limits(self) -> dict[str, tuple[int, int]]:
        """Those of every executor, and CPU time, fuel and files."""
        own = {
            "cpu_ms": (self.default_cpu_ms, self.max_cpu_ms),
            "files_bytes": (self.default_files_bytes, self.max_files_bytes),
            "calls": (self.default_calls, self.max_calls),
        }
        fuel = {"fuel": (self.default_fuel, self.max_fuel)} if self.metered else {}
        return super().limits() | own | fuel

    def runner_config(self) -> dict[str, Any]:
        """What the workers' runner is made with."""
        images = self.images_dir or self.cache / "images"
        return {
            "images": str(images.absolute()),
            "ready": self.warm_instance,
            "image": self.image,
            "metered": self.metered,
            "stack_bytes": self.stack_bytes,
            "table_elements": self.table_elements,
            "awake_bytes": self.session_awake_bytes,
            "modules": {
                "features": list(self.wasm_features),
                "module_bytes": self.max_module_bytes,
                "cache_bytes": self.compiled_bytes,
            },
            "capabilities": self.granted,
            "files": {name: str(folder.absolute()) for name, folder in self.files.items()},
            "walls": {"strict": self.walls == "strict", "uid": self.worker_uid},
        }

    @property
    def models(self) -> Path:
        """The folder of models in force."""
        return self.models_dir or self.cache / "models"

    def sessions_folder(self) -> Path | None:
        """Where sessions are kept; None: where they go with the executor."""
        if self.session_dir is not None:
            return self.session_dir
        return self.cache / "sessions" / f"{self.service}-{self.port}" if self.port else None

    def key(self) -> bytes | None:
        """The key that is set. Raises SettingsError for what is none."""
        if self.session_key is None:
            return None
        try:
            key = bytes.fromhex(self.session_key.get_secret_value())
        except ValueError:
            key = b""
        if len(key) != 32:
            raise SettingsError(f"{self.prefix()}SESSION_KEY", "64 hexadecimal digits")
        return key

    def worker_environment(self) -> dict[str, str]:
        """What the workers' environment differs in: behind their walls they can write no figures
        of which lines have run."""
        return {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}
