"""What a database's failure means to a caller.

Rules: the driver's own words go to the log, never to a caller.
"""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mesh_service import errors

RETRY_S = 2.0
_POSTGRES_FULL = "53100"


def told(error: SQLAlchemyError | OSError) -> errors.MeshError:
    """StorageFull where the disk is full, StoreAway otherwise."""
    if is_full(error):
        return errors.StorageFull(RETRY_S)
    return errors.StoreAway(RETRY_S)


def is_full(error: SQLAlchemyError | OSError) -> bool:
    """Whether it failed since there was no room on a disk."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    return getattr(cause, "sqlstate", None) == _POSTGRES_FULL
