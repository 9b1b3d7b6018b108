"""What the compiled module offers."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

__version__: str

Ask: TypeAlias = tuple[Literal["ask"], int, int, int, str, int, float | None]
"""A request waits for a slot: question, lane, priority as on the wire, tenant, bytes, seconds that
its caller still waits."""
SlotFree: TypeAlias = tuple[Literal["slot"], int]
"""A slot of a lane that somebody waits for was given back."""
Gone: TypeAlias = tuple[Literal["gone"], int]
"""The caller of a question has left."""
Failed: TypeAlias = tuple[
    Literal["failed"], int, int, int, bool, int, str, bytes, str, float | None, bool
]
"""An executor failed a request: question, lane, replica, whether it had begun, status code,
message, grpc-status-details-bin, request id, seconds that the caller still waits, whether it was
sent again already."""
Idle: TypeAlias = tuple[Literal["idle"]]
"""Nobody is inside any more; told once `drain` was called."""
Event: TypeAlias = Ask | SlotFree | Gone | Failed | Idle

Seen: TypeAlias = tuple[int, str, int, int, int, int]
"""What an answer tells of itself: outcome, what ran, microseconds that it waited for a worker and
ran, tokens read and made; zeros and an empty text where it tells nothing."""
Way: TypeAlias = tuple[tuple[int, int] | None, float, float, int, int, Seen]
"""Lane and replica that a call was sent to last, seconds that it waited for a slot and had it,
bytes of the request and of what came back, and what that tells."""
Record: TypeAlias = tuple[bool, int, float, float, str, str, str, str, str | None, str | None, Way]
"""A call that has ended: whether a stream, status code, seconds, time of the end (Unix), request
id, tenant, by what it was shown, algorithm, of a refusal the mesh's reason and message, its way."""

Identity: TypeAlias = tuple[str, str, Sequence[Sequence[str]], float | None]
"""Tenant; by what it was shown, for the audit; lists of patterns, of each of which one must fit an
algorithm; until when (Unix) it is to be believed."""

Tls: TypeAlias = tuple[bytes, bytes, bytes | None]
"""Certificate chain, its key, and the authorities of callers' certificates, which every caller then
has to show; all PEM."""

Refusal: TypeAlias = tuple[int, str, bytes, str]
"""Status code, message, google.rpc.Status serialised, reason."""

class DataPath:
    """A public port, its tables, and the questions that come from it."""

    def __init__(
        self,
        *,
        inner: Path | str,
        executors: Sequence[Sequence[tuple[str, Sequence[tuple[str, str]]]]],
        most_request: int,
        most_held: int,
        stages: Mapping[str, Refusal],
        tls: Tls | None = None,
        traced: bool = False,
    ) -> None:
        """`inner`: the unix socket of Python's own server. `executors`: the replicas of each, by
        the number of its lane: address (`host:port` or `unix:path`) and identity. `stages`: what is
        said where a deadline passes: arrival, queue, dispatch, executor, delivery. `tls`: what
        secures the public port. `traced`: whether calls that bring a trace's context go to that
        server. Until it is told otherwise it knows nobody. Raises OSError,
        ValueError.
        """

    def start(self, listeners: Iterable[int]) -> None:
        """Serve on listening sockets; their descriptors are its own from now on."""

    def stop(self, grace_s: float) -> None:
        """Take no connections, let calls end within `grace_s` seconds, and close all."""

    def fileno(self) -> int:
        """Readable when there is something to `take`, or many records."""

    def take(self) -> list[Event]:
        """What has come since the last call."""

    def records(self) -> list[Record]:
        """Calls that ended since the last call."""

    def grant(self, question: int, lane: int, replica: int) -> bool:
        """Give a claimed slot to a caller that waits; False: it has left, and the slot is free."""

    def refuse(self, question: int, code: int, message: str, details: bytes, reason: str) -> None:
        """Refuse a request that waits or failed."""

    def pass_on(self, question: int, reason: str) -> None:
        """Tell the caller what the executor said; `reason`: the mesh's in it, for the record."""

    def send_again(self, question: int, replica: int) -> bool:
        """Send a failed request once more, to that replica, holding a slot of that one's if one is
        free; False: its caller has left."""

    def set_everyone(self, everyone: Identity | None) -> None:
        """Whom everybody is; None: everybody needs an identity."""

    def set_identities(self, identities: Mapping[bytes, Identity]) -> None:
        """All identities, by the SHA-256 of a bearer, or of `certificate\\0` and a certificate in
        DER; what was learnt is forgotten."""

    def learn(self, digest: bytes, identity: Identity) -> None:
        """One more, until the next `set_identities`."""

    def set_limits(
        self,
        tenant: str,
        *,
        most_inside: int | None,
        most_bytes: int | None,
        classes: int,
        rated: bool,
        spent: bool,
    ) -> None:
        """What a tenant may: calls inside at once, bytes of a message, a bit for each Priority;
        whether each call needs a credit; whether it may do nothing for now."""

    def enter(self, tenant: str) -> bool:
        """Count a call of a tenant's in; False: it has as many as it may."""

    def leave(self, tenant: str) -> None:
        """Count it out."""

    def credit(self, tenant: str, calls: int, seconds: float) -> None:
        """So many calls may begin within the time, instead of what was left."""

    def spend(self, tenant: str) -> bool:
        """Take one of these; False: there is none."""

    def take_ran(self) -> list[tuple[str, float]]:
        """Seconds that tenants have held slots of the data path since the last call."""

    def set_tls(self, tls: Tls) -> None:
        """Secure new connections so from now on. Raises ValueError."""

    def set_routes(self, routes: Mapping[str, int]) -> None:
        """Algorithm → lane, of executors that are there."""

    def set_slots(self, lane: int, replica: int, slots: int) -> None:
        """How many requests may run at once on a replica."""

    def running(self, lane: int) -> list[int]:
        """How many do on each."""

    def answered(self, lane: int, replica: int) -> int:
        """Calls that a replica has answered."""

    def claim(self, lane: int) -> int | None:
        """Take a slot, whoever waits; gives the replica whose it is. None: none is free."""

    def claim_first(self, lane: int) -> int | None:
        """Likewise; None: none is free, or somebody waits."""

    def running_by_class(self, lane: int) -> tuple[int, int, int]:
        """How many of them its own calls have, by class: realtime, interactive, batch."""

    def give_back(self, lane: int, replica: int) -> None:
        """Give a claimed slot back."""

    def exchange(self, lane: int, replica: int, other: int) -> bool:
        """Give it back for one of another replica's; False: none of those is free."""

    def begin_waiting(self, lane: int) -> None:
        """Somebody in Python waits for a slot: nobody gets one past it."""

    def end_waiting(self, lane: int) -> None:
        """It waits no more."""

    def hold(self, size: int) -> bool:
        """Count a request's bytes in; False: they do not fit."""

    def let_go(self, size: int) -> None:
        """Count them out."""

    def held(self) -> int:
        """Bytes of all requests."""

    def inside(self) -> int:
        """Requests that were decided here and have not ended."""

    def drain(self) -> None:
        """Decide nothing from now on: all that comes goes to Python."""

def examine(pieces: Sequence[bytes]) -> tuple[str, str, int] | None:
    """Request id, algorithm and priority of a ComputeRequest that came in these pieces; None where
    Python has to look at it."""
