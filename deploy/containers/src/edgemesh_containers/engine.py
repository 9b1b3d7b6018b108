"""A Docker engine, by what a manager needs of it.

Rules: decides nothing, keeps nothing; every error is one of ours. The manager sees it through
`Engine`, which the tests' engine in memory has, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, cast

import docker
from docker.errors import NotFound
from docker.utils import kwargs_from_env

from edgemesh_containers.names import LABEL_FLEET, Group
from edgemesh_containers.seen import Container, Facts, Image, Network
from edgemesh_containers.translate import translated

DEFAULT_URL = "unix:///var/run/docker.sock"
SAID = 20
"""Lines of a log that are read to find what a container said last."""


class Engine(Protocol):
    """What a manager asks of an engine. Everything raises ContainersError."""

    def facts(self) -> Facts:
        """What it is."""
        ...

    def promised_bytes(self) -> int:
        """The memory limits of all containers that run, together."""
        ...

    def image(self, name: str) -> Image:
        """An image that it has. Raises ImageMissing."""
        ...

    def has_source(self, source: str) -> bool:
        """Whether there is a volume of that name; of a path, as far as this machine can tell."""
        ...

    def networks_of(self, container: str) -> frozenset[str] | None:
        """Names of those that a container is in, whoever made it; None: there is no such one."""
        ...

    def containers(self, fleet: str) -> list[Container]:
        """A fleet's, also those that have ended, by their names."""
        ...

    def container(self, id: str) -> Container | None:
        """One of them, as it is now."""
        ...

    def create(self, arguments: Mapping[str, Any]) -> str:
        """Make a container, and give its id. Raises NameInUse, RuntimeUnknown, …"""
        ...

    def start(self, id: str) -> None:
        """Start it. Raises PortInUse, …"""
        ...

    def stop(self, id: str, timeout_s: int) -> None:
        """Ask it to end, and kill it when the time is over."""
        ...

    def rename(self, id: str, name: str) -> None:
        """Give it another name."""
        ...

    def delete(self, id: str) -> None:
        """Remove it, be it running or not; none is there afterwards."""
        ...

    def said(self, id: str) -> str:
        """The last line of its log."""
        ...

    def network(self, name: str) -> Network | None:
        """A network."""
        ...

    def create_network(self, arguments: Mapping[str, Any]) -> None:
        """Make one. Raises NetworksExhausted, …"""
        ...

    def delete_network(self, name: str) -> None:
        """Remove it; none is there afterwards."""
        ...

    def join(self, network: str, container: str, aliases: list[str]) -> None:
        """Bring a container into a network."""
        ...

    def leave(self, network: str, container: str) -> None:
        """Take it out, if it is in."""
        ...

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make one. One of that name that is there stays as it is."""
        ...

    def volumes(self, fleet: str) -> dict[str, Group]:
        """A fleet's, and whose they are."""
        ...

    def delete_volume(self, name: str) -> None:
        """Remove it, and what is in it."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class DockerEngine:
    """The engine at a URL, by default where DOCKER_HOST says."""

    def __init__(self, url: str | None = None) -> None:
        """Raises EngineAbsent."""
        self.url = url or str(kwargs_from_env().get("base_url") or DEFAULT_URL)
        with translated("connect", url=self.url):
            self._client = docker.DockerClient(base_url=url) if url else docker.from_env()
            self._client.ping()
        self._api = self._client.api

    def __enter__(self) -> DockerEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def facts(self) -> Facts:
        """What `docker info` says."""
        with self._doing("look at the engine"):
            return Facts.read(cast("Mapping[str, Any]", self._client.info()))

    def promised_bytes(self) -> int:
        """Also of containers that are nobody's of ours; those without a limit count nothing."""
        with self._doing("look at what runs"):
            running = self._client.containers.list(ignore_removed=True)
            return sum(int(each.attrs["HostConfig"].get("Memory") or 0) for each in running)

    def image(self, name: str) -> Image:
        """What `docker image inspect` says."""
        with self._doing(f"look at image {name}", image=name):
            return Image.read(self._client.images.get(name).attrs)

    def has_source(self, source: str) -> bool:
        """A path is looked for here where the engine is reached by a socket of this machine; one on
        another machine says itself that it is not there.
        """
        if source.startswith("/"):
            return not self.url.startswith("unix:") or Path(source).exists()
        with self._doing(f"look at volume {source}"):
            return _there(lambda: self._client.volumes.get(source))

    def networks_of(self, container: str) -> frozenset[str] | None:
        """Also of one that does not run."""
        with self._doing(f"look at container {container}"):
            try:
                attrs = self._client.containers.get(container).attrs
            except NotFound:
                return None
        return frozenset((attrs.get("NetworkSettings") or {}).get("Networks") or {})

    def containers(self, fleet: str) -> list[Container]:
        """What `docker inspect` says of each."""
        with self._doing("look at the containers"):
            found = self._client.containers.list(
                all=True, filters={"label": f"{LABEL_FLEET}={fleet}"}, ignore_removed=True
            )
            return sorted((Container.read(each.attrs) for each in found), key=lambda c: c.name)

    def container(self, id: str) -> Container | None:
        """What `docker inspect` says of one."""
        with self._doing(f"look at container {id}"):
            try:
                return Container.read(self._client.containers.get(id).attrs)
            except NotFound:
                return None

    def create(self, arguments: Mapping[str, Any]) -> str:
        """As `docker create` does; no image is fetched."""
        name, image = str(arguments["name"]), str(arguments["image"])
        with self._doing(f"make container {name}", image=image):
            return str(self._api.create_container(**arguments)["Id"])

    def start(self, id: str) -> None:
        """As `docker start` does."""
        with self._doing(f"start container {id[:12]}"):
            self._api.start(id)

    def stop(self, id: str, timeout_s: int) -> None:
        """As `docker stop` does."""
        with self._doing(f"stop container {id[:12]}"):
            self._api.stop(id, timeout=timeout_s)

    def rename(self, id: str, name: str) -> None:
        """As `docker rename` does."""
        with self._doing(f"rename container {id[:12]} to {name}"):
            self._api.rename(id, name)

    def delete(self, id: str) -> None:
        """As `docker rm --force` does."""
        with self._doing(f"remove container {id[:12]}"):
            _there(lambda: self._api.remove_container(id, force=True))

    def said(self, id: str) -> str:
        """The last line that is not empty, of both streams."""
        with self._doing(f"read the log of container {id[:12]}"):
            log = self._api.logs(id, tail=SAID)
        lines = log.decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def network(self, name: str) -> Network | None:
        """The one that has exactly this name."""
        with self._doing(f"look at network {name}"):
            for each in self._client.networks.list(names=[name], greedy=True):
                if each.name == name:
                    return Network.read(each.attrs)
        return None

    def create_network(self, arguments: Mapping[str, Any]) -> None:
        """As `docker network create` does."""
        name = str(arguments["name"])
        with self._doing(f"make network {name}", network=name):
            self._api.create_network(**arguments)

    def delete_network(self, name: str) -> None:
        """As `docker network rm` does."""
        with self._doing(f"remove network {name}"):
            _there(lambda: self._api.remove_network(name))

    def join(self, network: str, container: str, aliases: list[str]) -> None:
        """As `docker network connect` does."""
        with self._doing(f"bring {container} into network {network}"):
            self._api.connect_container_to_network(container, network, aliases=aliases)

    def leave(self, network: str, container: str) -> None:
        """As `docker network disconnect` does; one that is not in it is no error."""
        if network not in (self.networks_of(container) or ()):
            return
        with self._doing(f"take {container} out of network {network}"):
            self._api.disconnect_container_from_network(container, network)

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """As `docker volume create` does."""
        with self._doing(f"make volume {name}"):
            self._client.volumes.create(name, labels=dict(labels))

    def volumes(self, fleet: str) -> dict[str, Group]:
        """What `docker volume ls` says."""
        with self._doing("look at the volumes"):
            found = self._client.volumes.list(filters={"label": f"{LABEL_FLEET}={fleet}"})
        return {str(each.name): Group.read(each.attrs.get("Labels") or {}) for each in found}

    def delete_volume(self, name: str) -> None:
        """As `docker volume rm` does."""
        with self._doing(f"remove volume {name}"):
            self._api.remove_volume(name)

    def _doing(self, what: str, *, image: str = "", network: str = "") -> Any:
        return translated(what, url=self.url, image=image, network=network)


def _there(look: Any) -> bool:
    """Whether what is looked for, or removed, is there."""
    try:
        look()
    except NotFound:
        return False
    return True
