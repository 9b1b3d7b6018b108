"""What can go wrong, as types. Each is one line that names the cause and the mend.

    ContainersError
    ├── BadSpec            a field of what was asked for: field, expected, got
    ├── EngineAbsent       no engine answers: url, why
    ├── EngineRefused      the engine would not, for a reason that has no type here: doing, why
    ├── RuntimeUnknown     the engine has no OCI runtime of that name: runtime, known
    ├── RuntimeBroken      the program that the engine has for it does not start: program, why
    ├── ImageMissing       image
    ├── ImageUnfit         the image is for something else: image, why
    ├── SourceMissing      a volume or a folder that is to be mounted: source, target
    ├── GatewayMissing     the gateway's container: container
    ├── NameInUse          a container, network or volume of that name is not ours: name
    ├── PortInUse          address
    ├── NetworkOpen        a network of that name has a way out: network, why
    ├── NetworksExhausted  the engine has no more subnets: network
    ├── NotEnoughMemory    needed, free, total
    ├── NotThere           there are no such containers: group
    ├── AnotherSpec        what runs was made otherwise: placement, fields
    └── NotHealthy         what was started does not serve: placement, why, said

Nothing here knows the `docker` package: `translate` makes these of its errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GIB = 1 << 30


class ContainersError(Exception):
    """Everything that this package raises by itself."""


class BadSpec(ContainersError, ValueError):
    """What was asked for makes no sense."""

    def __init__(self, field: str, expected: str, got: object) -> None:
        self.field, self.expected, self.got = field, expected, got
        super().__init__(f"{field}: {expected}, not {got!r}")


class EngineAbsent(ContainersError):
    """No engine answers there."""

    def __init__(self, url: str, why: str) -> None:
        self.url, self.why = url, why
        super().__init__(f"no engine answers at {url}: {why}; start it, or set DOCKER_HOST")


class EngineRefused(ContainersError):
    """The engine says no."""

    def __init__(self, doing: str, why: str) -> None:
        self.doing, self.why = doing, why
        super().__init__(f"{doing}: the engine says: {why}")


class RuntimeUnknown(ContainersError):
    """The engine does not know that OCI runtime."""

    def __init__(self, runtime: str, known: Iterable[str]) -> None:
        self.runtime, self.known = runtime, tuple(sorted(known))
        super().__init__(
            f"the engine knows no runtime {runtime!r}, but {', '.join(self.known) or 'none'}; "
            "name it under `runtimes` in its daemon.json, and send the engine SIGHUP"
        )


class RuntimeBroken(ContainersError):
    """The engine knows the OCI runtime, and its program does not start."""

    def __init__(self, program: str, why: str) -> None:
        self.program, self.why = program, why
        super().__init__(
            f"the engine cannot start the runtime's program {program}: {why}; "
            "put it there, or correct `runtimes` in its daemon.json"
        )


class ImageMissing(ContainersError):
    """The engine has no such image, and none is fetched."""

    def __init__(self, image: str) -> None:
        self.image = image
        super().__init__(f"the engine has no image {image}: `make images` builds those of the mesh")


class ImageUnfit(ContainersError):
    """The image cannot be an executor's here."""

    def __init__(self, image: str, why: str) -> None:
        self.image, self.why = image, why
        super().__init__(f"image {image}: {why}")


class SourceMissing(ContainersError):
    """What is to be mounted is not there."""

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = source, target
        kind = "folder" if source.startswith("/") else "volume"
        mend = "start the gateway first, which fills it" if target == "/etc/edgemesh" else "make it"
        super().__init__(f"there is no {kind} {source} to be mounted at {target}: {mend}")


class GatewayMissing(ContainersError):
    """The container that is to be the gateway is not there."""

    def __init__(self, container: str) -> None:
        self.container = container
        super().__init__(
            f"there is no container {container} to be the gateway: start it, or name another"
        )


class NameInUse(ContainersError):
    """Something that a manager of this fleet has not made has the name."""

    def __init__(self, name: str, kind: str = "container") -> None:
        self.name = name
        super().__init__(
            f"a {kind} {name} is there that is not of this fleet: remove it, "
            "or give the fleet another name"
        )


class PortInUse(ContainersError):
    """Something listens where a container is to be published."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(f"{address} is in use: stop what listens there, or publish elsewhere")


class NetworkOpen(ContainersError):
    """The network is not as closed, or as open, as it has to be."""

    def __init__(self, network: str, why: str) -> None:
        self.network, self.why = network, why
        super().__init__(f"network {network} {why}: remove it, and it is made anew")


class NetworksExhausted(ContainersError):
    """The engine gives no further subnet."""

    def __init__(self, network: str) -> None:
        self.network = network
        super().__init__(
            f"the engine has no subnet left for network {network}: remove networks that nothing "
            "uses, or widen `default-address-pools` in its daemon.json"
        )


class NotEnoughMemory(ContainersError):
    """The limits of all containers together would pass the machine's memory."""

    def __init__(self, needed: int, free: int, total: int) -> None:
        self.needed, self.free, self.total = needed, free, total
        super().__init__(
            f"{_gib(needed)} of memory are asked for, and of the engine's {_gib(total)} only "
            f"{_gib(free)} are promised to nobody: less memory, fewer replicas, or overcommit"
        )


class NotThere(ContainersError):
    """There are no containers of that executor, for that tenant."""

    def __init__(self, group: str) -> None:
        self.group = group
        super().__init__(f"there are no containers of {group}: `up` starts some")


class AnotherSpec(ContainersError):
    """A container that is there was made by another specification."""

    def __init__(self, placement: str, fields: Sequence[str]) -> None:
        self.placement, self.fields = placement, tuple(fields)
        super().__init__(
            f"{placement} was made with another {', '.join(fields)}: `replace` makes it anew"
        )


class NotHealthy(ContainersError):
    """A container was started and does not serve."""

    def __init__(self, placement: str, why: str, said: str) -> None:
        self.placement, self.why, self.said = placement, why, said
        super().__init__(f"{placement}: {why}" + (f"; it said: {said}" if said else ""))


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB"
