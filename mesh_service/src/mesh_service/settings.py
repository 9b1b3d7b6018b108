"""A service's settings: one frozen object, read once, from a TOML file and the environment.

Rules: every field has a docstring and an effect; the environment wins over the file, the file over
defaults; a name that is not known under the service's own prefix is refused, a retired one warns;
nothing else in the house reads the environment.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mesh_service import setups

MIB = 1 << 20


class SettingsError(setups.BadSetup):
    """A setting is wrong; `variable` is what its owner knows it by."""

    def __init__(self, variable: str, expected: str) -> None:
        self.variable, self.expected = variable, expected
        super().__init__(variable, expected)


def _cache() -> Path:
    try:
        return Path.home() / ".cache" / "edgemesh"
    except RuntimeError:  # a user whom nobody has given a home, as containers have them
        who = f"user {os.geteuid()} has no home folder"
        expected = f"required, since {who}; name a folder that it may write to"
        raise SettingsError("EDGEMESH_CACHE", expected) from None


class ServiceSettings(BaseSettings):
    """What every service can be told."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True
    )

    service: ClassVar[str] = "service"
    retired: ClassVar[Mapping[str, str]] = {}
    """Retired variable → what to set instead. A retired variable warns and has no effect."""

    host: str = "127.0.0.1"
    """Address that the service binds."""
    port: int = Field(default=0, ge=0, le=65535)
    """Port that it binds; 0 takes a free one."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of Prometheus metrics, on the same address; 0 takes a free one."""
    max_request_bytes: int = Field(default=128 * MIB, ge=1024, le=1024 * MIB)
    """Largest request, in bytes; the transport's own cap lies above it."""
    drain_s: float = Field(default=30.0, ge=0, le=3600)
    """How long a stopping service waits for what runs, in seconds."""
    secret: SecretStr | None = None
    """The mesh's secret, which executors that bind beyond loopback demand of the gateway; at
    least 32 characters."""
    cache: Path = Field(
        default_factory=_cache,
        validation_alias="EDGEMESH_CACHE",
    )
    """Where models, images and built parts lie."""
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", validation_alias="EDGEMESH_LOG_FORMAT"
    )
    """`text` for people, `json` for machines; `auto`: text on a terminal."""
    traces: str = Field(default="", validation_alias="EDGEMESH_TRACES")
    """Where spans go: an OTLP collector (`http://host:4317`, gRPC), or `file:PATH`, a JSON object
    per line; empty: nowhere."""
    trace_roots: float = Field(default=0.0, ge=0, le=1, validation_alias="EDGEMESH_TRACE_ROOTS")
    """Share of the requests that come without a trace's context (`traceparent`) and are traced."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level that is logged."""

    @property
    def on_loopback(self) -> bool:
        """Whether nobody beyond this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @classmethod
    def load(cls) -> Self:
        """Read the settings. Raises BadSetup, which names the variable."""
        prefix = cls.prefix()
        known = {prefix + name.upper() for name in cls.model_fields} | {prefix + "CONFIG"}
        for variable in sorted(os.environ):
            if variable in cls.retired:
                warnings.warn(
                    f"{variable} is retired and has no effect; {cls.retired[variable]}",
                    DeprecationWarning,
                    stacklevel=2,
                )
            elif variable.startswith(prefix) and variable not in known:
                near = difflib.get_close_matches(variable, known, 1)
                raise SettingsError(
                    variable, "no such setting" + (f"; did you mean {near[0]}?" if near else "")
                )
        try:
            settings = cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            variable = name if name.startswith("EDGEMESH_") else prefix + name.upper()
            rest = ".".join(map(str, first["loc"][1:]))
            raise SettingsError(variable + (f" ({rest})" if rest else ""), first["msg"]) from None
        except OSError as error:
            variable = f"{prefix}CONFIG"
            told = setups.of(error, variable)
            raise SettingsError(variable, told.rest if told else str(error)) from None
        except (tomllib.TOMLDecodeError, ValueError) as error:
            raise SettingsError(_culprit(str(error), prefix), str(error)) from None
        settings.check()
        return settings

    def check(self) -> None:
        """Check what concerns several fields. Raises BadSetup; extend it in a subclass."""
        secret = self.secret.get_secret_value() if self.secret else None
        if secret is not None and (
            len(secret) < 32 or not (secret.isascii() and secret.isprintable())
        ):
            raise SettingsError(f"{self.prefix()}SECRET", "at least 32 printable ASCII characters")

    @classmethod
    def prefix(cls) -> str:
        """The prefix of the service's variables, e.g. `EDGEMESH_CPP_`."""
        return str(cls.model_config.get("env_prefix", ""))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order: arguments, environment, then the TOML file that `<PREFIX>CONFIG` names."""
        path = os.environ.get(cls.prefix() + "CONFIG")
        if path is None:
            return init_settings, env_settings
        if not Path(path).is_file():
            raise SettingsError(cls.prefix() + "CONFIG", f"no such file: {path}")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


class ExecutorSettings(ServiceSettings):
    """What every executor can be told."""

    workers: int = Field(default=2, ge=1, le=256)
    """Worker processes that take requests."""
    spares: int = Field(default=1, ge=0, le=16)
    """Warm worker processes that wait to take the place of one that ends."""
    tenant_workers: bool = False
    """Whether a worker process serves one tenant only, all its life. For a tenant who has none an
    idle one of another's is replaced by a fresh one, which takes the time of a process's start."""
    queue: int = Field(default=256, ge=0, le=100_000)
    """Requests that may wait for a worker; a gateway sends no more than there are slots."""
    recycle_after: int = Field(default=0, ge=0)
    """Requests after which a worker is replaced; 0: never."""
    grace_ms: int = Field(default=100, ge=0, le=10_000)
    """How long past its run time a worker may answer before it is killed."""
    default_run_time_ms: int = Field(default=10_000, ge=1)
    """Run time of a request that names none."""
    max_run_time_ms: int = Field(default=300_000, ge=1)
    """Longest run time that a request may ask for."""
    default_memory_bytes: int = Field(default=1024 * MIB, ge=MIB)
    """Memory that a request may add to its worker, when it names no limit."""
    max_memory_bytes: int = Field(default=4096 * MIB, ge=MIB)
    """Largest memory limit that a request may ask for."""
    worker_memory_bytes: int = Field(default=0, ge=0)
    """Private memory a worker may hold in all; over it the worker is replaced; 0: unlimited."""
    default_output_bytes: int = Field(default=MIB, ge=1024)
    """Bytes of stdout, stderr and result when a request names no limit."""
    max_output_bytes: int = Field(default=64 * MIB, ge=1024)
    """Largest output limit that a request may ask for."""
    max_response_bytes: int = Field(default=128 * MIB, ge=1024, le=1024 * MIB)
    """Largest response, tensors included, in bytes."""

    shared_memory: bool | None = None
    """Whether callers on this machine may register shared memory; default: when it binds loopback.
    A proxy on this machine would lend its own user to all who come through it."""
    shared_memory_dir: Path | None = None
    """Folder below which callers may name files as shared memory, beside POSIX shared memory."""
    max_regions: int = Field(default=64, ge=1, le=256)
    """Regions of shared memory that one tenant may have registered at a time."""
    max_region_bytes: int = Field(default=64 * 1024 * MIB, ge=1)
    """Bytes of all of a tenant's regions."""

    keeps_sessions: ClassVar[bool] = False
    """Whether the executor keeps sessions."""

    @property
    def lends(self) -> int:
        """Worker processes that there may be beyond `workers`, while calls wait for others."""
        return 0

    @property
    def slots(self) -> int:
        """Requests that may run at the same time."""
        return self.workers

    @property
    def memory_bytes(self) -> int:
        """Memory that its work may use, as Describe tells it; 0: not limited."""
        return 0

    @property
    def offers_shared_memory(self) -> bool:
        """Whether callers may register it."""
        return self.on_loopback if self.shared_memory is None else self.shared_memory

    def limits(self) -> dict[str, tuple[int, int]]:
        """The limits that this executor enforces: the default and the most of each.

        Where the default is 0 a run has no such limit unless it asks; the most is 0 for one that
        the executor can enforce but does not as it is set.
        """
        return {
            name: (getattr(self, f"default_{name}"), getattr(self, f"max_{name}"))
            for name in ("run_time_ms", "memory_bytes", "output_bytes")
        }

    def check(self) -> None:
        """Refuse a public address without the mesh's secret."""
        super().check()
        for name, (default, most) in self.limits().items():
            if default > most:
                variable = f"{self.prefix()}DEFAULT_{name.upper()}"
                raise SettingsError(variable, f"at most max_{name}, which is {most}")
        if not self.on_loopback and self.secret is None:
            mend = f"the gateway's own (EDGEMESH_GATEWAY_SECRET), or {self.prefix()}HOST=127.0.0.1"
            raise SettingsError(
                f"{self.prefix()}SECRET", f"required, since {self.host} is not loopback; {mend}"
            )


def _culprit(text: str, prefix: str) -> str:
    """The variable that a settings source's message names, as pydantic-settings words it."""
    marker = 'field "'
    if marker in text:
        return prefix + text.split(marker, 1)[1].split('"', 1)[0].upper()
    return prefix + "CONFIG"


def public(settings: ServiceSettings) -> dict[str, Any]:
    """The settings as JSON values, secrets masked; what a log may hold."""
    return settings.model_dump(mode="json")
