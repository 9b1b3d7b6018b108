"""The dashboard's settings: one frozen object, read once, from a TOML file and the environment.

Rules: every field has a docstring and an effect; the environment wins over the file, the file over
defaults; a name that is not known under EDGEMESH_DASHBOARD_ is refused. No key is a setting: each
user gives their own.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "EDGEMESH_DASHBOARD_"
CONFIG = f"{PREFIX}CONFIG"
MIB = 1 << 20


class SettingsError(Exception):
    """A setting is wrong; `variable` is what its owner knows it by."""

    def __init__(self, variable: str, expected: str) -> None:
        self.variable, self.expected = variable, expected
        super().__init__(f"{variable}: {expected}")


class Settings(BaseSettings):
    """What the dashboard can be told."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    host: str = "127.0.0.1"
    """Address that it binds. Beyond loopback every user must give a key that the gateway knows, and
    it must be reached by TLS."""
    port: int = Field(default=8090, ge=0, le=65535)
    """Port that it binds; 0 takes a free one."""
    gateway: str = "127.0.0.1:50051"
    """Where the gateway is: host:port, or https://host:port."""
    ca: Path | None = None
    """PEM of the authorities that the gateway's certificate is of."""
    gateway_metrics: str = "127.0.0.1:9051"
    """host:port of the gateway's metrics; empty: none, so that load and queues are not shown."""
    executor_metrics: dict[str, str] = Field(default_factory=dict[str, str])
    """host:port of executors' metrics by their names, for workers: {"cpp": "127.0.0.1:9061"}."""
    certificate: Path | None = None
    """PEM of its own certificate, for TLS."""
    certificate_key: Path | None = None
    """PEM of that certificate's key."""
    tls_at_proxy: bool = False
    """Whether a proxy before it speaks TLS, so that it may bind beyond loopback without."""
    hosts: tuple[str, ...] = ()
    """Names that its users reach it by, beside loopback's: a request for another is refused."""
    session_s: float = Field(default=8 * 3600.0, ge=60)
    """After how long unused a user's key is forgotten, in seconds."""
    max_upload_bytes: int = Field(default=16 * MIB, ge=1024, le=1024 * MIB)
    """Largest file that a user may give it, in bytes."""
    trace_url: str = ""
    """Where a trace can be looked at, with {trace_id} in it; empty: ids are no links."""
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
        """Read the settings. Raises SettingsError, which names the variable."""
        known = {PREFIX + name.upper() for name in cls.model_fields} | {CONFIG}
        for variable in sorted(os.environ):
            if variable.startswith(PREFIX) and variable not in known:
                near = difflib.get_close_matches(variable, known, 1)
                raise SettingsError(
                    variable, "no such setting" + (f"; did you mean {near[0]}?" if near else "")
                )
        try:
            settings = cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = PREFIX + str(first["loc"][0] if first["loc"] else "").upper()
            rest = ".".join(map(str, first["loc"][1:]))
            raise SettingsError(name + (f" ({rest})" if rest else ""), first["msg"]) from None
        except (OSError, tomllib.TOMLDecodeError, ValueError) as error:
            raise SettingsError(_culprit(str(error)), str(error)) from None
        settings.check()
        return settings

    def check(self) -> None:
        """Check what concerns several fields. Raises SettingsError."""
        if (self.certificate is None) != (self.certificate_key is None):
            raise SettingsError(f"{PREFIX}CERTIFICATE_KEY", "a certificate and its key go together")
        if not (self.on_loopback or self.certificate or self.tls_at_proxy):
            raise SettingsError(
                f"{PREFIX}CERTIFICATE",
                f"required, since {self.host} is not loopback and keys must not cross a network in "
                "the clear; or TLS_AT_PROXY",
            )
        if self.trace_url and "{trace_id}" not in self.trace_url:
            raise SettingsError(f"{PREFIX}TRACE_URL", "a URL with {trace_id} in it")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order: arguments, environment, then the TOML file that CONFIG names."""
        path = os.environ.get(CONFIG)
        if path is None:
            return init_settings, env_settings
        if not Path(path).is_file():
            raise SettingsError(CONFIG, f"no such file: {path}")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


def _culprit(text: str) -> str:
    """The variable that a settings source's message names, as pydantic-settings words it."""
    marker = 'field "'
    if marker in text:
        return PREFIX + text.split(marker, 1)[1].split('"', 1)[0].upper()
    return CONFIG
