"""admit: may this request come in, and is its envelope whole?

Rules: looks at sizes, names and tensors' bytes against their shapes, never at elements, parameters
or the algorithm itself; all that is wrong with them is said at once. What the caller lacks a scope
for is refused by its name, whether there is such a thing or not. Its tenant's limits come last, so
that what is refused anyway takes nothing of them. Admission is a value: a Permit holds the
request and its place in the house, and gives the place back exactly once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from edgemesh.compute.v1 import compute_pb2

from edgemesh_gateway.accounting.way import Way
from edgemesh_gateway.allowance import Allowance, Own
from edgemesh_gateway.identity.caller import CAPABILITY, Caller
from edgemesh_gateway.policy import CLASSES
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
_CLASS_NAMES = {number: name for name, number in CLASSES.items()}


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
        "caller",
        "counted",
        "deadline",
        "priority",
        "program",
        "raw",
        "rpc",
        "session",
        "tenant",
        "ticket",
        "user",
        "way",
    )

    def __init__(
        self,
        admission: Admission,
        raw: bytes,
        rpc: Rpc,
        caller: Caller,
        head: compute_pb2.ComputeRequest,
        priority: int,
        user: int | None,
        counted: bool,
    ) -> None:
        self._admission: Admission | None = admission
        self.raw = raw
        """The request as it came; what an executor gets."""
        self.rpc = rpc
        self.caller = caller
        self.tenant = caller.tenant
        self.counted = counted
        """Whether it counts among its tenant's calls at once."""
        self.algorithm = head.algorithm
        self.session = head.session_id
        """The session that it belongs to; empty: none."""
        self.priority = priority
        """A compute.v1.Priority."""
        self.program: Program | None = None
        """What the executor is to run by that name; None: its own."""
        self.asks = bool(head.capabilities)
        """Whether it asks for capabilities."""
        self.ticket = ""
        """What its executor may call in the caller's name with; empty: nothing."""
        self.user = user
        """The user whose shared memory the request names; None: it names none."""
        self.way: Way | None = None
        """Where what happens to it is noted; None: nowhere."""
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
            admission.leave(len(self.raw), self.tenant if self.counted else None)

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
        allowance: Allowance | None = None,
    ) -> None:
        """`ledger`: what bounds the bytes. `user_of`: whose shared memory a call may name; None:
        nobody's. `allowance`: what tenants may; default: all.
        """
        self._allowance = allowance or Allowance(Own())
        self._user_of = user_of
        self._max_request_bytes = max_request_bytes
        self._ledger = ledger
        self.inside = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of all requests that are inside."""
        return self._ledger.held()

    def admit(
        self,
        raw: bytes,
        rpc: Rpc,
        caller: Caller,
        *,
        nested: bool = False,
        otherwise: int = compute_pb2.PRIORITY_INTERACTIVE,
    ) -> Permit:
        """Let a request in. `nested`: it is made by work of the same caller's, which waits for it.
        `otherwise`: its priority where it names none.

        Raises PayloadTooLarge, QueueFull, InvalidRequest, InvalidTensor, PermissionDenied,
        LimitReached.
        """
        size = len(raw)
        if size > self._max_request_bytes:
            raise errors.PayloadTooLarge(size, self._max_request_bytes)
        most = self._allowance.rules(caller.tenant).max_request_bytes
        if most is not None and size > most:
            raise errors.PayloadTooLarge(size, most, tenant=caller.tenant)
        if not self._ledger.hold(size):
            raise errors.QueueFull(self.inside, RETRY_FULL_S)
        try:
            return self._let_in(raw, rpc, caller, otherwise, counted=not nested)
        except BaseException:
            self._ledger.let_go(size)
            raise

    def _let_in(
        self, raw: bytes, rpc: Rpc, caller: Caller, otherwise: int, *, counted: bool
    ) -> Permit:
        head, blobs = wire.detach(raw)
        # A refusal is found by them, too.
        if stack.valid_request_id(head.request_id):
            rpc.request_id = head.request_id
        if is_algorithm(head.algorithm):
            rpc.notes["algorithm"] = head.algorithm
        if violations := list(_envelope(head)):
            raise errors.InvalidRequest(violations)
        if (head.inputs or head.outputs_to) and (violations := tensors.envelope(head, blobs)):
            raise errors.InvalidTensor(violations)
        user = self._user(head, blobs, rpc)
        priority = head.priority or otherwise
        self._demand(caller, head, priority)
        self._allowance.enter(caller.tenant, counted=counted)
        self.inside += 1
        return Permit(self, raw, rpc, caller, head, priority, user, counted)

    def _demand(self, caller: Caller, head: compute_pb2.ComputeRequest, priority: int) -> None:
        caller.demand_algorithm(head.algorithm)
        for capability in head.capabilities:
            caller.demand(f"{CAPABILITY}{capability}")
        if not self._allowance.rules(caller.tenant).allows(priority):
            named = _CLASS_NAMES[compute_pb2.Priority.ValueType(priority)]
            raise errors.PermissionDenied(f"class:{named}")

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

    def leave(self, size: int, tenant: str | None) -> None:
        """A permit's business only. `tenant`: of whose calls at once it is one."""
        self.inside -= 1
        if tenant is not None:
            self._allowance.leave(tenant)
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
