"""What tenants have used, added up until it is written.

Rules: knows no database and no clock. Only what reached an executor counts, so that names are
those of algorithms that there are. What could not be written is put back, and nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from edgemesh_gateway.accounting.happened import Happened


class Used(NamedTuple):
    """So much."""

    calls: int = 0
    failed: int = 0
    compute_us: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Of(NamedTuple):
    """Whose, and of what."""

    day: str
    tenant: str
    algorithm: str


class Book:
    """It."""

    def __init__(self) -> None:
        self._new: dict[tuple[str, str, str], list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._new)

    def add(self, one: Happened) -> None:
        """Count a request that has ended."""
        if not one.executor:
            return
        seen = one.seen
        of = one.day, one.tenant, one.algorithm.partition("@")[0]
        sums = self._new.get(of)
        if sums is None:
            sums = self._new[of] = [0] * len(Used._fields)
        # One by one, in the order of Used: each call pays for this.
        sums[0] += 1
        sums[1] += not one.well
        sums[2] += round(one.executor_s * 1e6)
        sums[3] += one.received
        sums[4] += one.sent
        sums[5] += seen.input_tokens
        sums[6] += seen.output_tokens

    def take(self) -> dict[Of, Used]:
        """What is new; it is the taker's to write."""
        new, self._new = self._new, {}
        return {Of(*of): Used(*sums) for of, sums in new.items()}

    def put_back(self, used: Mapping[Of, Used]) -> None:
        """It was not written."""
        for of, more in used.items():
            sums = self._new.setdefault(of, [0] * len(more))
            self._new[of] = [mine + theirs for mine, theirs in zip(sums, more, strict=True)]

    def erase(self, tenant: str) -> None:
        """Forget all of a tenant's."""
        self._new = {of: sums for of, sums in self._new.items() if of[1] != tenant}
