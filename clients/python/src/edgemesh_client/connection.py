"""What the parts of a client without an event loop share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgemesh_client.async_client import AsyncClient
    from edgemesh_client.portal import Portal


class Connection:
    """The asynchronous client, and the loop that it runs on."""

    _async: AsyncClient
    _portal: Portal
