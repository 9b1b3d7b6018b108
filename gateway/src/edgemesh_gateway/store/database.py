"""One database: its engine, its schema, and a thread that asks it.

Rules: SQLite in WAL mode with `synchronous=FULL`: a commit that returned is on disk, whatever is
killed. Its file is made with access for its owner only. The schema is brought up to date when it is
opened, by Alembic, under a lock of the database's own; one that is newer than this gateway is
refused. Transactions run on threads, never on the loop: one for SQLite, which has one writer.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from edgemesh_gateway.store.trouble import is_full

Result = TypeVar("Result")
POSTGRES_THREADS = 8
_BUSY_MS = 10_000
_HERE = Path(__file__).parent
HEAD = max(path.name.partition("_")[0] for path in (_HERE / "versions").glob("[0-9]*_*.py"))
"""The newest version of the schema: migrations are numbered, and their files begin with it."""
_MIGRATION_LOCK = 0x65646765  # any number that nothing else of this database takes


class StoreUnusable(Exception):
    """The database cannot be used; says why, without its password."""


class Database:
    """A database that is open."""

    def __init__(self, url: str) -> None:
        """Open it and bring its schema up to date. Raises StoreUnusable."""
        try:
            parsed = make_url(url)
            self._sqlite = parsed.get_backend_name() == "sqlite"
            self._engine = _sqlite(parsed) if self._sqlite else _server(parsed)
            self.shown = parsed.render_as_string(hide_password=True)
            """Its URL, for logs."""
            with self._engine.begin() as connection:
                _migrate(connection)
        except ArgumentError as error:
            raise StoreUnusable(str(error)) from None
        except ImportError as error:
            raise StoreUnusable(f"{error}; install edgemesh-gateway[postgres]") from None
        except (SQLAlchemyError, OSError) as error:
            raise StoreUnusable(str(getattr(error, "orig", None) or error)) from None
        self.shared = not self._sqlite
        """Whether other gateways may have it open too."""
        self.writes = 0
        """Transactions that have changed something, where it is this gateway's own."""
        self.failures: Counter[str] = Counter({"away": 0, "full": 0})
        """Transactions that the database failed, by why."""
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        threads = 1 if self._sqlite else POSTGRES_THREADS
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")

    async def run(self, work: Callable[[Session], Result]) -> Result:
        """Do `work` in a transaction; it is committed when this returns. Raises what it raises."""
        loop = asyncio.get_running_loop()
        # A caller who leaves must not leave a transaction half awaited: it runs to its end.
        return await asyncio.shield(loop.run_in_executor(self._threads, self._transact, work))

    async def scrub(self) -> bool:
        """Write the file anew, without what was deleted; False: somebody else reads it now.

        A server does so by itself, in its own time: nothing is done there. Raises SQLAlchemyError.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._threads, self._scrub))

    def close(self) -> None:
        """Finish what runs, and disconnect."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()

    def _scrub(self) -> bool:
        if self.shared:
            return True
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (busy, *_) = cursor.fetchone() or (1,)
            return not busy
        except sqlite3.Error as error:
            raise OperationalError("VACUUM", None, error) from error
        finally:
            connection.close()

    def _transact(self, work: Callable[[Session], Result]) -> Result:
        try:
            with self._sessions.begin() as session:
                before = self._changes(session)
                result = work(session)
                session.flush()
                self.writes += self._changes(session) != before
                return result
        except SQLAlchemyError as error:
            self.failures["full" if is_full(error) else "away"] += 1
            raise

    def _changes(self, session: Session) -> int:
        """Rows that its connection has changed since it was made; 0 where others write, too."""
        if self.shared:
            return 0
        connection: Any = session.connection().connection.driver_connection
        return int(connection.total_changes)


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ArgumentError("a SQLite database is a file: sqlite:///<path>")
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Registered code may be a secret of its tenant's.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1e3})

    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy says when a transaction begins
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    def begin(connection: Connection) -> None:
        # At once as a writer: one that became it later could find that another was faster.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _server(url: URL) -> Engine:
    if url.get_backend_name() != "postgresql":
        raise ArgumentError("sqlite:///<path> or postgresql+psycopg://<user>@<host>/<name>")
    return create_engine(url, pool_size=POSTGRES_THREADS, pool_pre_ping=True)


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # several gateways may start at once
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
    if _version(connection) == HEAD:
        return
    # Half a second of imports, which most starts need not have.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnusable(str(error)) from None


def _version(connection: Connection) -> str | None:
    """Of the schema that is there."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version
