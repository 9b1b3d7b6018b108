"""What the gateway keeps: registered algorithms, environments, sessions' places, keys' digests, how
long tenants have computed, and jobs.

Rules: SQLAlchemy is spoken here and nowhere else; what a caller was told is on disk by then, since
every method commits before it returns; nothing blocks the loop. SQLite is the default, in a file
that belongs to one gateway; PostgreSQL by URL serves several.
"""

from edgemesh_gateway.store.compute import ComputeStore
from edgemesh_gateway.store.database import Database, StoreUnusable
from edgemesh_gateway.store.job_store import JobStore
from edgemesh_gateway.store.keys import KeyStore
from edgemesh_gateway.store.records import (
    AlgorithmRecord,
    EnvironmentRecord,
    KeyRecord,
    SessionRecord,
)
from edgemesh_gateway.store.store import Conflict, Full, Store

__all__ = [
    "AlgorithmRecord",
    "ComputeStore",
    "Conflict",
    "Database",
    "EnvironmentRecord",
    "Full",
    "JobStore",
    "KeyRecord",
    "KeyStore",
    "SessionRecord",
    "Store",
    "StoreUnusable",
]
