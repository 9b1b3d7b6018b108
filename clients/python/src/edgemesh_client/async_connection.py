"""A client's connection to a mesh: its options, and the channel that calls go through."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import grpc

from edgemesh_client.link import Link
from edgemesh_client.options import Options, Retries
from edgemesh_client.regions import Regions


class AsyncConnection:
    """A connection, made where it is first used."""

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        token: str | None = None,
        tls: bool | None = None,
        ca: str | Path | None = None,
        certificate: str | Path | None = None,
        certificate_key: str | Path | None = None,
        server_name: str = "",
        timeout: float = 60.0,
        retries: Retries | None = None,
    ) -> None:
        self.options = Options.settle(
            address,
            api_key=api_key,
            token=token,
            tls=tls,
            ca=ca,
            certificate=certificate,
            certificate_key=certificate_key,
            server_name=server_name,
            timeout=timeout,
            retries=retries,
        )
        self._link: Link | None = None
        self.regions = Regions()
        """The shared memory that is open."""

    @property
    def link(self) -> Link:
        """The channel, made where it is first used, in the running event loop."""
        if self._link is None:
            self._link = Link(self.options)
        return self._link

    @property
    def channel(self) -> grpc.aio.Channel:
        """For what the contract has and this client has not."""
        return self.link.channel

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the channel, and the calls on it."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()
