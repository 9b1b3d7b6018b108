"""What callers are told where what is kept cannot be read or written.

Rules: around every method, since any may ask the database; what the driver said goes to the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from edgemesh_gateway.store import trouble
from mesh_service.stack import Handler, Rpc


def told(handler: Handler, *more: type[OSError]) -> Handler:
    """A handler whose database may fail; `more`: what else is its storage's failure."""

    @wraps(handler)
    async def handle(raw: Any, rpc: Rpc) -> Any:
        try:
            return await handler(raw, rpc)
        except (SQLAlchemyError, *more) as error:
            rpc.notes["why"] = str(getattr(error, "orig", None) or error)[:256]
            raise trouble.told(error) from error

    return handle


def all_told(methods: Mapping[str, tuple[str, Handler]]) -> dict[str, tuple[str, Handler]]:
    """All methods of a service."""
    return {name: (kind, told(handler)) for name, (kind, handler) in methods.items()}
