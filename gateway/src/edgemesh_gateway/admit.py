"""admit: may this request come in, and is its envelope whole?

Rules: looks at sizes, names and tensors' bytes against their shapes, never at elements, parameters
or the algorithm itself; all that is wrong is said at once. Admission is a value: a Permit holds the
request and its place in the house, and gives the place back exactly once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from edgemesh.compute.v1 import compute_pb2

from mesh_service import errors, stack, tensors, wire
from mesh_service.errors import Violation
from mesh_service.stack import Rpc

MOST_ALGORITHM = 255
MOST_INPUTS = 1024
MOST_CAPABILITIES = 64
MOST_NAME = 128
MOST_PARAMETERS = 4 << 20
RETRY_FULL_S = 0.5
_ALGORITHM = re.compile(r"[A-Za-z0-9._@-]+")
_PRIORITIES = frozenset(compute_pb2.Priority.values())


@dataclass(frozen=True, slots=True)
class Program:
    """Code that the gateway keeps."""

    digest: str
    """SHA-256 of `serialized`, in hex."""
    serialized: bytes
    """An executor.v1.Program."""


class Ledger(Protocol):
    """Counts the bytes of all requests that are inside."""

    def hold(self, size: int) -> bool:
        """Count bytes in; False: they do not fit."""
        ...

    def let_go(self, size: int) -> None:
        """Count them out."""

    def held(self) -> int:
        """How many there are."""
        ...


class Counted:
    """A ledger of this process's own."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    def hold(self, size: int) -> bool:
        """Count bytes in; False: they do not fit."""
        fits = self._held + size <= self._most
        self._held += size if fits else 0
        return fits

    def let_go(self, size: int) -> None:
        """Count them out."""
        self._held -= size

    def held(self) -> int:
        """How many there are."""
        return self._held


class Permit:
    """An admitted request. Use it as a context manager: leaving gives its place back."""

    __slots__ = (
        "_admission",
        "algorithm",
        "asks",
        "chose_priority",
        "deadline",
        "priority",
        "program",
        "raw",
        "rpc",
        "tenant",
        "ticket",
        "user",
    )

    def __init__(
        self,
        admission: Admission,
        raw: bytes,
        rpc: Rpc,
        tenant: str,
        head: compute_pb2.ComputeRequest,
        user: int | None,
    ) -> None:
        self._admission: Admission | None = admission
        self.raw = raw
        """The request as it came; what an executor gets."""
        self.rpc = rpc
        self.tenant = tenant
        self.algorithm = head.algorithm
        self.priority: int = head.priority or compute_pb2.PRIORITY_INTERACTIVE
        self.chose_priority = bool(head.priority)
        """Whether it named one."""
        self.program: Program | None = None
        """What the executor is to run by that name; None: its own."""
        self.asks = bool(head.capabilities)
        """Whether it asks for capabilities."""
        self.ticket = ""
        """What its executor may call in the caller's name with; empty: nothing."""
        self.user = user
        """The user whose shared memory the request names; None: it names none."""
        self.deadline = rpc.deadline
        """When the caller's patience ends, on time.monotonic(); None: never."""

    @property
    def valid(self) -> bool:
        """Whether the request is still admitted."""
        return self._admission is not None

    def release(self) -> None:
        """Give the place back; again has no effect."""
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.leave(len(self.raw))

    def __enter__(self) -> Permit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.release()


class Admission:
    """Who is in the house: counts requests and the bytes that they hold."""

    def __init__(
        self,
        max_request_bytes: int,
        ledger: Ledger,
        user_of: Callable[[Rpc], int | None] = lambda _: None,
    ) -> None:
        """`ledger`: what bounds the bytes. `user_of`: whose shared memory a call may name; None:
        nobody's.
        """
        self._user_of = user_of
        self._max_request_bytes = max_request_bytes
        self._ledger = ledger
        self.inside = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of all requests that are inside."""
        return self._ledger.held()

    def admit(self, raw: bytes, rpc: Rpc, tenant: str) -> Permit:
        """Let a request in. Raises PayloadTooLarge, QueueFull, InvalidRequest, InvalidTensor."""
        size = len(raw)
        if size > self._max_request_bytes:
            raise errors.PayloadTooLarge(size, self._max_request_bytes)
        if not self._ledger.hold(size):
            raise errors.QueueFull(self.inside, RETRY_FULL_S)
        try:
            return self._let_in(raw, rpc, tenant)
        except BaseException:
            self._ledger.let_go(size)
            raise

    def _let_in(self, raw: bytes, rpc: Rpc, tenant: str) -> Permit:
        head, blobs = wire.detach(raw)
        if violations := list(_envelope(head)):
            raise errors.InvalidRequest(violations)
        if (head.inputs or head.outputs_to) and (violations := tensors.envelope(head, blobs)):
            raise errors.InvalidTensor(violations)
        user = self._user(head, blobs, rpc)
        if head.request_id:
            rpc.request_id = head.request_id
        rpc.notes["algorithm"] = head.algorithm
        self.inside += 1
        return Permit(self, raw, rpc, tenant, head, user)

    def _user(self, head: compute_pb2.ComputeRequest, blobs: wire.Blobs, rpc: Rpc) -> int | None:
        if not tensors.in_regions(head, blobs):
            return None
        user = self._user_of(rpc)
        if user is None:
            why = "not offered here: for callers on the gateway's machine only"
            named = [f"inputs.{name}.shared_memory" for name in head.inputs if name not in blobs]
            named += [f"outputs_to.{name}" for name in head.outputs_to]
            raise errors.InvalidTensor([Violation(field, why) for field in named])
        return user

    def leave(self, size: int) -> None:
        """A permit's business only."""
        self.inside -= 1
        self._ledger.let_go(size)


def is_algorithm(text: str) -> bool:
    """Whether an algorithm may be called so."""
    return len(text) <= MOST_ALGORITHM and _ALGORITHM.fullmatch(text) is not None


def _envelope(head: compute_pb2.ComputeRequest) -> Iterator[Violation]:
    algorithm = head.algorithm
    if not algorithm:
        yield Violation("algorithm", "required: <namespace>.<name>, or with @<version>")
    elif not is_algorithm(algorithm):
        yield Violation(
            "algorithm", f"at most {MOST_ALGORITHM} characters of [A-Za-z0-9._-], one @"
        )
    if head.request_id and not stack.valid_request_id(head.request_id):
        yield Violation("request_id", f"at most {stack.MOST_ID} characters of [A-Za-z0-9._-]")
    if head.priority not in _PRIORITIES:
        yield Violation("priority", f"a Priority, not {head.priority}")
    if len(head.session_id) > MOST_NAME:
        yield Violation("session_id", f"at most {MOST_NAME} characters")
    if len(head.capabilities) > MOST_CAPABILITIES:
        yield Violation(
            "capabilities", f"at most {MOST_CAPABILITIES}, not {len(head.capabilities)}"
        )
    elif head.capabilities:
        for index, capability in enumerate(head.capabilities):
            if not 0 < len(capability) <= MOST_NAME:
                yield Violation(f"capabilities[{index}]", f"1 to {MOST_NAME} characters")
    # A character is four bytes at most.
    text = head.parameters
    if len(text) > MOST_PARAMETERS // 4 and len(text.encode()) > MOST_PARAMETERS:
        yield Violation("parameters", f"at most {MOST_PARAMETERS} bytes")
    if len(head.inputs) > MOST_INPUTS:
        yield Violation("inputs", f"at most {MOST_INPUTS}, not {len(head.inputs)}")
