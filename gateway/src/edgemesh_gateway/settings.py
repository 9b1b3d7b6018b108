"""The gateway's settings.

Rules: those of mesh_service.settings; a public address demands an identity, and an executor beyond
this machine the mesh's secret; files of keys, policy and certificates are read here once to refuse
bad ones at the start.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias, cast

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from edgemesh_gateway import datapath
from edgemesh_gateway.authenticate import BadKeys, read_keys
from edgemesh_gateway.policy import BadPolicy, read_policy
from edgemesh_gateway.rest import listen
from edgemesh_gateway.watch import Unusable
from edgemesh_gateway.webhooks.hosts import Hosts
from edgemesh_gateway.webhooks.secrets import BadSecrets, Secrets
from mesh_service import setups
from mesh_service.settings import MIB, ServiceSettings, SettingsError

Tls: TypeAlias = tuple[bytes, bytes, bytes | None]
"""Certificate chain, key, and authorities of callers' certificates; PEM."""

LEAST_SECRET = 32
"""Bytes of a secret that tokens are verified with."""
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


class GatewaySettings(ServiceSettings):
    """What the gateway can be told."""

    model_config = SettingsConfigDict(env_prefix="EDGEMESH_GATEWAY_")
    service: ClassVar[str] = "gateway"

    port: int = Field(default=50051, ge=0, le=65535)
    """Port that it binds; 0 takes a free one."""
    metrics_port: int = Field(default=9051, ge=0, le=65535)
    """Port of Prometheus metrics, on the same address; 0 takes a free one."""
    executors: dict[str, tuple[str, ...]] = Field(
        default={
            "cpp": ("127.0.0.1:50061",),
            "ml": ("127.0.0.1:50062",),
            "pywasm": ("127.0.0.1:50063",),
        },
        min_length=1,
    )
    """Executors: name → `host:port` or `unix:path`, or a list of these where it has several
    replicas, which share one queue. One that is not there is waited for. A session belongs to one
    of them by its address: the same list, in whatever order, for every gateway."""
    api_keys: Path | None = None
    """TOML file of API keys, by which tenants are known; takes effect when it changes."""
    identity: Literal["auto", "required"] = "auto"
    """Whether callers have to show who they are; `auto`: where there is anything by which they
    can (API_KEYS, a JWT_… key, TLS_CLIENT_CA). `required` is for keys that `edgemesh-gateway keys
    create` issues, and nothing else. A public address demands an identity."""
    jwt_secret: SecretStr | None = None
    """Secret of HS256 tokens, at least 32 bytes."""
    jwt_key_set: str | None = None
    """Public keys of RS256, ES256 and EdDSA tokens: a JWKS, by file or https:// URL."""
    jwt_key_set_max_age_s: float = Field(default=300.0, ge=10, le=86_400)
    """After how long it is read anew; one that names an unknown key has it read at once, every ten
    seconds at most."""
    jwt_issuer: str = ""
    """`iss` of every token; required with a JWT_… key."""
    jwt_audience: str = ""
    """`aud` of every token; required with a JWT_… key."""
    jwt_leeway_s: float = Field(default=10.0, ge=0, le=300)
    """By how much an issuer's clock may be off."""
    jwt_tenant_claim: str = Field(default="sub", min_length=1)
    """Claim that names the tenant."""
    jwt_scopes_claim: str = "scope"
    """Claim with the token's scopes, one text or a list; a token without it has none. Empty: a
    token may what its tenant may."""
    policy: Path | None = None
    """TOML file of what each tenant may (policy.py); takes effect when it changes."""
    audit_log: Path | None = None
    """File of who did what, one JSON object a line."""
    queue: int = Field(default=1024, ge=0, le=1_000_000)
    """Requests that may wait for a slot of one executor; over it the cheapest of them are sent
    away."""
    queue_bytes: int = Field(default=256 * MIB, ge=1024)
    """Bytes of these; one that waits alone may be larger."""
    ageing_s: float = Field(default=10.0, gt=0, le=86_400)
    """Seconds of waiting after which a class has one slot in eight beside the next higher one."""
    max_held_bytes: int = Field(default=1024 * MIB, ge=1024)
    """Bytes of all requests that run or wait; over it new ones are refused."""
    call_depth: int = Field(default=8, ge=0, le=64)
    """How deep work may call work that calls work; 0: none may call."""
    reached_at: str = ""
    """`host:port` at which executors reach this very gateway, where several stand behind one name:
    what a program calls comes back to the one that sent it. Default: executors' own `GATEWAY`."""
    retry_wait_ms: int = Field(default=500, ge=0, le=60_000)
    """How long a request that never started waits for its executor to come back, once."""

    database: str | None = None
    """Where registered algorithms, environments, jobs, digests of API keys, usage and the places of
    sessions are kept: a SQLAlchemy URL, `sqlite:///<path>` or `postgresql+psycopg://…`;
    default: `gateway/gateway.db` in the cache."""
    max_algorithms: int = Field(default=1000, ge=0, le=1_000_000)
    """Versions of registered algorithms that one tenant may have; 0: nobody registers any."""
    max_environments: int = Field(default=100, ge=0, le=100_000)
    """Environments that one tenant may have."""
    environment_timeout_s: float = Field(default=300.0, gt=0, le=3600)
    """How long making an environment may take at most, whatever its caller's deadline."""

    max_waiting_jobs: int = Field(default=100_000, ge=0, le=10_000_000)
    """Jobs of one tenant that may wait; 0: nobody submits any."""
    job_result_s: float = Field(default=86_400.0, ge=1, le=31_536_000)
    """How long a job is kept after its end, where its caller says nothing."""
    max_job_result_s: float = Field(default=604_800.0, ge=1, le=31_536_000)
    """How long it may be kept at most."""
    job_lease_s: float = Field(default=10.0, ge=0.5, le=600)
    """How long after a gateway died its jobs are taken by another, or by itself in its next life;
    the clocks of several gateways must agree within a fraction of it."""
    max_schedules: int = Field(default=100, ge=0, le=100_000)
    """Schedules that one tenant may have; 0: nobody makes any."""
    webhook_hosts: tuple[str, ...] = ()
    """Hosts that jobs' webhooks may name: `hooks.example`, `*.lab.example` for all below it, with
    `:8443` or `:*` where the port is not https's own. Only at public addresses, by https://. Empty:
    there are no webhooks."""
    webhook_internal_hosts: tuple[str, ...] = ()
    """Further such hosts, which may be at any address, those of this machine and its network too,
    and may be told by http://."""
    webhook_secrets: Path | None = None
    """TOML file of the secrets that webhooks are signed with, by tenant (webhooks/secrets.py);
    takes effect when it changes. A tenant without one has no webhooks."""
    webhook_pause_s: float = Field(default=5.0, ge=0.05, le=3600)
    """How long after its first try a webhook that failed is sent again; each time twice as long, an
    hour at most, less a random part of up to a half."""
    webhook_patience_s: float = Field(default=86_400.0, ge=1, le=2_592_000)
    """For how long after its job's end a webhook is tried."""
    job_files: Path | None = None
    """Folder of requests and results over 64 KiB; several gateways need a shared one. Default:
    `jobs` beside a SQLite database; with PostgreSQL all of it lies there."""

    request_records: int = Field(default=20_000, ge=0, le=1_000_000)
    """Ended requests of which this process can tell what became of them (`GetRequest`), about a
    kilobyte each; 0: none are kept. Gateways that share a PostgreSQL keep them there too."""
    request_record_s: float = Field(default=86_400.0, ge=1, le=31_536_000)
    """How long."""
    usage_days: int = Field(default=400, ge=1, le=36_500)
    """For how many days it is kept what tenants have used."""

    datapath: Literal["auto", "native", "python"] = "auto"
    """What moves the bytes: `native` code, with Python deciding, or `python` alone, which takes
    several times as long; `auto`: native where it was built."""

    rest_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of REST, on the same address; 0 takes a free one; default: there is none."""
    rest_max_json_bytes: int = Field(default=16 * MIB, ge=1024)
    """The largest JSON body, and message of a WebSocket; files of a form may be as large as any
    request. Reading JSON holds Python's lock for some 20 ms a megabyte."""
    rest_origins: tuple[str, ...] = ()
    """Origins whose pages may call REST from a browser, e.g. `https://lab.example`."""

    mcp: bool = True
    """Whether algorithms are tools of the Model Context Protocol too, at `/mcp` of REST's port."""

    tls_certificate: Path | None = None
    """PEM file of the certificate chain that callers see; with `tls_key` the port speaks TLS. New
    connections see the new one when it changes."""
    tls_key: Path | None = None
    """PEM file of its private key, without a passphrase."""
    tls_client_ca: Path | None = None
    """PEM file of authorities. Every caller then shows a certificate of theirs, whose subject's
    common name is its tenant unless it shows an API key or a token too."""

    shared_memory: bool | None = None
    """Whether callers on this machine may name shared memory; default: when it binds loopback and
    demands no identity. A proxy on this machine would lend its own user to all who come through
    it."""

    @field_validator("executors", mode="before")
    @classmethod
    def _one_address(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        named = cast("Mapping[str, object]", given)
        return {
            name: (found,) if isinstance(found, str) else found for name, found in named.items()
        }

    @property
    def database_url(self) -> str:
        """Where things are kept."""
        return self.database or f"sqlite:///{self.cache.absolute()}/gateway/gateway.db"

    @property
    def job_folder(self) -> Path | None:
        """Where large requests and results lie; None: in the database."""
        if self.job_files is not None or not self.database_url.startswith("sqlite"):
            return self.job_files
        return Path(self.database_url.partition(":///")[2]).parent / "jobs"

    @property
    def native(self) -> bool:
        """Whether native code moves the bytes; where all calls may be traced Python does."""
        whole = bool(self.traces) and self.trace_roots > 0
        return self.datapath != "python" and datapath.present() and not whole

    @property
    def identified(self) -> bool:
        """Whether callers have to show who they are."""
        sources = (self.api_keys, self.jwt_secret, self.jwt_key_set, self.tls_client_ca)
        return self.identity == "required" or any(source is not None for source in sources)

    def tls(self) -> Tls | None:
        """What secures the port, read now and looked at; None: no TLS. Raises Unusable."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        self.secure(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        try:
            callers = None if self.tls_client_ca is None else self.tls_client_ca.read_bytes()
            return self.tls_certificate.read_bytes(), self.tls_key.read_bytes(), callers
        except OSError as error:
            raise Unusable(str(error)) from None

    def secure(self, context: ssl.SSLContext) -> None:
        """Have a context of a server speak this TLS, for connections to come. Raises Unusable."""
        assert self.tls_certificate is not None
        try:
            # An empty passphrase: nobody is there who could be asked.
            context.load_cert_chain(self.tls_certificate, self.tls_key, password="")
        except (OSError, ValueError) as error:
            why = f"{self.tls_certificate} with {self.tls_key}: {error}"
            raise Unusable(why) from None
        if self.tls_client_ca is None:
            return
        try:
            context.load_verify_locations(self.tls_client_ca)
        except (OSError, ValueError) as error:
            raise Unusable(f"{self.tls_client_ca}: {error}") from None
        context.verify_mode = ssl.CERT_REQUIRED

    @property
    def offers_shared_memory(self) -> bool:
        """Whether callers may name it."""
        if self.shared_memory is None:
            return self.on_loopback and not self.identified
        return self.shared_memory

    def check(self) -> None:
        """Refuse what would leave the mesh open, and what cannot work. Raises BadSetup."""
        super().check()
        self._check_readable()
        for name, addresses in self.executors.items():
            if not 0 < len(addresses) == len(set(addresses)):
                raise SettingsError(
                    f"{self.prefix()}EXECUTORS ({name})", "one address, or several that differ"
                )
            for address in addresses:
                self._check_executor(name, address)
        host, _, port = self.reached_at.rpartition(":")
        if self.reached_at and (not host or not port.isdecimal()):
            raise SettingsError(
                f"{self.prefix()}REACHED_AT", f"<host>:<port>, not {self.reached_at!r}"
            )
        if self.max_held_bytes < self.max_request_bytes:
            raise SettingsError(
                f"{self.prefix()}MAX_HELD_BYTES",
                f"at least MAX_REQUEST_BYTES, {self.max_request_bytes}",
            )
        if self.job_result_s > self.max_job_result_s:
            raise SettingsError(
                f"{self.prefix()}JOB_RESULT_S", f"at most MAX_JOB_RESULT_S, {self.max_job_result_s}"
            )
        if self.datapath == "native" and not datapath.present():
            raise SettingsError(
                f"{self.prefix()}DATAPATH",
                "native: edgemesh_datapath is not installed; `make build` builds it",
            )
        self._check_tls()
        self._check_tokens()
        self._check_webhooks()
        self._check_rest()
        variable = f"{self.prefix()}API_KEYS"
        if not self.identified and not self.on_loopback:
            mend = f"or {self.prefix()}IDENTITY=required and keys by edgemesh-gateway keys create"
            raise SettingsError(variable, f"required, since {self.host} is not loopback; {mend}")
        try:
            if self.api_keys is not None:
                read_keys(self.api_keys)
        except BadKeys as error:
            raise SettingsError(variable, str(error)) from None
        try:
            if self.policy is not None:
                read_policy(self.policy)
        except BadPolicy as error:
            raise SettingsError(f"{self.prefix()}POLICY", str(error)) from None

    def _check_readable(self) -> None:
        """Refuse files that this user may not read, in words that say whose they are."""
        names = ("api_keys", "policy", "webhook_secrets", "tls_certificate", "tls_key")
        for name in (*names, "tls_client_ca"):
            path: Path | None = getattr(self, name)
            if path is not None:
                setups.readable(path, f"{self.prefix()}{name.upper()}")

    def _check_tls(self) -> None:
        variable = f"{self.prefix()}TLS_CERTIFICATE"
        if (self.tls_certificate is None) is not (self.tls_key is None):
            raise SettingsError(variable, "goes with TLS_KEY: both or neither")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise SettingsError(f"{self.prefix()}TLS_CLIENT_CA", "goes with TLS_CERTIFICATE")
        try:
            self.tls()
        except Unusable as error:
            raise SettingsError(variable, str(error)) from None

    def _check_tokens(self) -> None:
        secret = self.jwt_secret
        if secret is not None and len(secret.get_secret_value().encode()) < LEAST_SECRET:
            raise SettingsError(f"{self.prefix()}JWT_SECRET", f"at least {LEAST_SECRET} bytes")
        verified = secret is not None or self.jwt_key_set is not None
        for name, given in (("ISSUER", self.jwt_issuer), ("AUDIENCE", self.jwt_audience)):
            if bool(given) is not verified:
                expected = "required with a key of tokens" if verified else "goes with such a key"
                raise SettingsError(f"{self.prefix()}JWT_{name}", expected)
        if self.jwt_key_set is None:
            return
        from edgemesh_gateway.identity.key_set import BadKeySet, check_url, is_url, parse

        try:
            if is_url(self.jwt_key_set):
                check_url(self.jwt_key_set)
            else:
                parse(Path(self.jwt_key_set).read_bytes())
        except (BadKeySet, OSError) as error:
            raise SettingsError(f"{self.prefix()}JWT_KEY_SET", str(error)) from None

    def _check_webhooks(self) -> None:
        for name in ("webhook_hosts", "webhook_internal_hosts"):
            try:
                Hosts(getattr(self, name), ())
            except ValueError as error:
                raise SettingsError(f"{self.prefix()}{name.upper()}", str(error)) from None
        variable = f"{self.prefix()}WEBHOOK_SECRETS"
        if (self.webhook_hosts or self.webhook_internal_hosts) and self.webhook_secrets is None:
            raise SettingsError(variable, "required with WEBHOOK_HOSTS: what is told is signed")
        try:
            Secrets(self.webhook_secrets)
        except BadSecrets as error:
            raise SettingsError(variable, str(error)) from None

    def _check_rest(self) -> None:
        if self.rest_port is not None and (absent := listen.missing(self.mcp)):
            raise SettingsError(
                f"{self.prefix()}REST_PORT", f"needs the package {absent}, which is not installed"
            )
        for origin in self.rest_origins:
            if not _ORIGIN.fullmatch(origin):
                raise SettingsError(
                    f"{self.prefix()}REST_ORIGINS",
                    f"<scheme>://<host> or with :<port>, not {origin[:128]!r}",
                )

    def _check_executor(self, name: str, address: str) -> None:
        variable = f"{self.prefix()}EXECUTORS ({name})"
        if not name:
            raise SettingsError(variable, "a name must not be empty")
        if address.startswith("unix:") and len(address) > len("unix:"):
            return
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise SettingsError(variable, f"<host>:<port> or unix:<path>, not {address!r}")
        if self.secret is None and not _loopback(host.strip("[]")):
            raise SettingsError(
                f"{self.prefix()}SECRET",
                f"required, since executor {name} is not on loopback; the one that executors have",
            )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
