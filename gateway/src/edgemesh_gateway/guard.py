"""Identity, policy and audit, put together for one gateway, and kept up to date while it runs.

Rules: what follows a file or the database runs here, in tasks that end with the gateway; a reload
that fails keeps the old, and is told of in log, health (`policy`, `api keys`, …) and metric.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.allowance import Allowance, Book
from edgemesh_gateway.audit import Audit
from edgemesh_gateway.authenticate import Authenticator, BadKeys, read_keys
from edgemesh_gateway.identity.issued import Issued
from edgemesh_gateway.policy import BadPolicy, read_policy
from edgemesh_gateway.settings import GatewaySettings, Tls
from edgemesh_gateway.store import ComputeStore, Database, KeyStore
from edgemesh_gateway.usage import Usage
from edgemesh_gateway.watch import Unusable, Watch, Watched
from mesh_service import logs
from mesh_service.server import MeshServer
from mesh_service.settings import SettingsError

if TYPE_CHECKING:
    from edgemesh_gateway.identity.tokens import Tokens


class Guard:
    """All of it."""

    def __init__(
        self, settings: GatewaySettings, mesh: MeshServer, database: Database, book: Book
    ) -> None:
        """Raises SettingsError."""
        self._settings, self._mesh = settings, mesh
        try:
            self.audit = Audit(settings.audit_log)
        except OSError as error:
            variable = f"{settings.prefix()}AUDIT_LOG"
            raise SettingsError(variable, error.strerror or str(error)) from None
        policy = None if settings.policy is None else read_policy(settings.policy)
        self.allowance = Allowance(book, policy)
        self.usage = Usage(self.allowance, ComputeStore(database))
        self.keys = KeyStore(database)
        self.issued = Issued(self.keys)
        self._tokens = _tokens(settings)
        self.authenticator = Authenticator(
            self.allowance,
            everyone=not settings.identified,
            keys=None if settings.api_keys is None else read_keys(settings.api_keys),
            issued=self.issued,
            tokens=self._tokens,
            relayed=settings.native,
        )
        self.on_policy: Callable[[], None] = lambda: None
        """Called when another policy holds."""
        self.others: list[Watched] = []
        """Files of others, to be followed with its own."""
        self._watch = Watch(self._told)
        self._watch.on_hangup = self._reopen
        self._tasks: list[asyncio.Task[None]] = []
        self._figures = _Figures(self._watch, self.audit, self.allowance, database)
        mesh.metrics.registry.register(self._figures)
        if (tls := settings.tls()) is not None:
            self._figures.expires_s = expiry(tls)

    async def start(self, secure: Callable[[Tls], None]) -> None:
        """Read what the database has, and begin to follow what changes.

        `secure`: has new connections see other certificates.
        """
        self._watch.files = [*self._files(secure), *self.others]
        self._watch.hear()
        works = [self._watch.follow(), self.audit.follow()]
        if self._settings.policy is not None:
            await self.usage.keep()
            self.usage.look()
            works.append(self.usage.follow())
        if self._settings.identified:
            await self.issued.refresh()
            works.append(self.issued.follow())
        if self._tokens is not None and (key_set := self._tokens.keys) is not None:
            key_set.on_change = self.authenticator.keys_changed
            works.append(key_set.follow())
        self._tasks = [asyncio.create_task(_for_ever(work)) for work in works]
        for each in self._watch.files:
            await self._told(each)

    async def stop(self) -> None:
        """Follow nothing any more, and write what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._settings.policy is not None:
            self.usage.look()
            try:
                await self.usage.keep()
            except SQLAlchemyError as error:
                why = type(error).__name__
                logs.event("compute seconds not kept", level=logging.ERROR, why=why)
        self.audit.close()

    def _files(self, secure: Callable[[Tls], None]) -> Iterable[Watched]:
        settings = self._settings
        if settings.policy is not None:
            yield Watched("policy", [settings.policy], self._read_policy)
        if settings.api_keys is not None:
            yield Watched("api keys", [settings.api_keys], self._read_keys)
        if self._tokens is not None and (key_set := self._tokens.keys) is not None:
            path, keys = key_set.path, key_set

            async def look() -> None:
                await keys.refresh()
                if keys.wrong:
                    raise Unusable(keys.wrong)

            yield Watched("key set", [] if path is None else [path], look)
        pair = (settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
        if settings.tls_certificate is not None:

            def read() -> None:
                tls = settings.tls()
                assert tls is not None
                secure(tls)
                self._figures.expires_s = expiry(tls)

            yield Watched("certificates", [path for path in pair if path is not None], read)

    def _read_policy(self) -> None:
        try:
            policy = read_policy(_given(self._settings.policy))
        except BadPolicy as error:
            raise Unusable(str(error)) from None
        self.allowance.set_policy(policy)
        self.authenticator.changed()
        self.on_policy()

    def _read_keys(self) -> None:
        try:
            self.authenticator.set_keys(read_keys(_given(self._settings.api_keys)))
        except BadKeys as error:
            raise Unusable(str(error)) from None

    async def _told(self, file: Watched) -> None:
        await self._mesh.set_health(file.name, not file.bad)

    def _reopen(self) -> None:
        try:
            self.audit.reopen()
        except OSError:
            # The next write tells of it.
            return


class _Figures(Collector):
    """Reloads, the audit's losses, what limits have refused, and the database's failures."""

    def __init__(
        self, watch: Watch, audit: Audit, allowance: Allowance, database: Database
    ) -> None:
        self._watch, self._audit, self._allowance = watch, audit, allowance
        self._database = database
        self.expires_s: float | None = None
        """When the certificate that callers see expires; None: there is none."""

    def collect(self) -> Iterable[Metric]:
        """The figures now."""
        bad = GaugeMetricFamily(
            "edgemesh_reload_refused", "Files whose content is not in force", labels=["file"]
        )
        for file in self._watch.files:
            bad.add_metric([file.name], file.bad)
        yield bad
        yield CounterMetricFamily(
            "edgemesh_audit_lost", "Lines of the audit log not written", value=self._audit.lost
        )
        refused = CounterMetricFamily(
            "edgemesh_limit_refused", "Requests over a tenant's limit", labels=["limit"]
        )
        for limit, count in self._allowance.refused.items():
            refused.add_metric([limit], count)
        yield refused
        failed = CounterMetricFamily(
            "edgemesh_database_failed",
            "Transactions that the database failed: it is `away`, or its disk `full`",
            labels=["why"],
        )
        for why, count in self._database.failures.items():
            failed.add_metric([why], count)
        yield failed
        if self.expires_s is not None:
            yield GaugeMetricFamily(
                "edgemesh_certificate_expires_seconds",
                "When the certificate that callers see expires, in seconds since 1970",
                value=self.expires_s,
            )


def _tokens(settings: GatewaySettings) -> Tokens | None:
    secret, source = settings.jwt_secret, settings.jwt_key_set
    if secret is None and source is None:
        return None
    # Half a second of imports that most gateways do without.
    from edgemesh_gateway.identity.key_set import KeySet
    from edgemesh_gateway.identity.tokens import Expected, Tokens

    expected = Expected(
        settings.jwt_issuer,
        settings.jwt_audience,
        settings.jwt_leeway_s,
        settings.jwt_tenant_claim,
        settings.jwt_scopes_claim,
    )
    keys = None if source is None else KeySet(source, settings.jwt_key_set_max_age_s)
    return Tokens(expected, None if secret is None else secret.get_secret_value(), keys)


def expiry(tls: Tls) -> float:
    """When the first certificate of a chain expires, in seconds since 1970."""
    from cryptography.x509 import load_pem_x509_certificates  # dear, and only where there is TLS

    return load_pem_x509_certificates(tls[0])[0].not_valid_after_utc.timestamp()


def _given(path: Path | None) -> Path:
    assert path is not None
    return path


async def _for_ever(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:
        logs.event("a follower has ended", level=logging.ERROR, exc_info=error)
