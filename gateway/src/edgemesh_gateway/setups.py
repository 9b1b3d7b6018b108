"""What the gateway looks at before it begins: folders that it writes to, certificates, memory.

Rules: those of mesh_service.setups; a database that is a server's is asked when it is opened.
"""

from __future__ import annotations

from pathlib import Path

from edgemesh_gateway.settings import GatewaySettings
from mesh_service import setups
from mesh_service.setups import BadSetup

LEAST_BYTES = 48 << 20
"""Memory that a gateway takes at the very least, before any request."""


def look(settings: GatewaySettings) -> None:
    """Look at all of it. Raises BadSetup."""
    prefix = settings.prefix()
    setups.memory(LEAST_BYTES, "a gateway", "raise the container's limit")
    if settings.native:
        setups.temporary()
    kind, _, path = settings.database_url.partition(":///")
    if settings.database is None:
        setups.writable(Path(path).parent, "EDGEMESH_CACHE", settings.cache)
    elif kind.startswith("sqlite") and path.startswith("/"):
        setups.writable(Path(path).parent, f"{prefix}DATABASE")
    if settings.job_files is not None:
        setups.writable(settings.job_files, f"{prefix}JOB_FILES")
    if settings.audit_log is not None and not settings.audit_log.exists():
        setups.writable(settings.audit_log.parent, f"{prefix}AUDIT_LOG")
    if (settings.jwt_key_set or "").startswith("https:"):
        setups.certificates(f"{prefix}JWT_KEY_SET")
    if settings.webhook_hosts:
        setups.certificates(f"{prefix}WEBHOOK_HOSTS")


def unusable(settings: GatewaySettings, why: str) -> BadSetup:
    """The database cannot be used, since `why`."""
    mend = "" if settings.database_url.startswith("sqlite") else "start it, then the gateway again"
    mend = "make room where it lies" if "full" in why else mend
    return BadSetup(f"{settings.prefix()}DATABASE", " ".join(why.split()), mend)
