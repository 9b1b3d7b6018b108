"""What the gateway keeps: registered algorithms, environments, sessions' places, keys' digests, how
long tenants have computed and what they used, jobs, what is owed to their webhooks, schedules and
chains.

Rules: SQLAlchemy is spoken here and nowhere else; what a caller was told is on disk by then, since
every method commits before it returns; nothing blocks the loop. SQLite is the default, in a file
that belongs to one gateway; PostgreSQL by URL serves several.
"""

from edgemesh_gateway.store.account_store import AccountStore
from edgemesh_gateway.store.chain_store import ChainStore
from edgemesh_gateway.store.compute import ComputeStore
from edgemesh_gateway.store.database import Database, StoreUnusable
from edgemesh_gateway.store.erasure import ErasureStore
from edgemesh_gateway.store.job_store import JobStore
from edgemesh_gateway.store.keys import KeyStore
from edgemesh_gateway.store.records import (
    AlgorithmRecord,
    EnvironmentRecord,
    KeyRecord,
    SessionRecord,
)
from edgemesh_gateway.store.schedule_store import ScheduleStore
from edgemesh_gateway.store.store import Conflict, Full, Store
from edgemesh_gateway.store.webhook_store import WebhookStore

__all__ = [
    "AccountStore",
    "AlgorithmRecord",
    "ChainStore",
    "ComputeStore",
    "Conflict",
    "Database",
    "EnvironmentRecord",
    "ErasureStore",
    "Full",
    "JobStore",
    "KeyRecord",
    "KeyStore",
    "ScheduleStore",
    "SessionRecord",
    "Store",
    "StoreUnusable",
    "WebhookStore",
]
