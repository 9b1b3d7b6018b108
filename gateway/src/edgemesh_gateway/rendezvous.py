"""Which replica a session belongs to.

Rules: highest random weight: each replica has a number that follows from the session and its own
address, and the largest has it. So every gateway says the same without asking anybody, and one
replica more or less moves the sessions of that one's share only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def home(tenant: str, session: str, addresses: Sequence[str]) -> int:
    """The number of the address that a tenant's session belongs to."""
    if len(addresses) == 1:
        return 0
    return max(range(len(addresses)), key=lambda n: _weight(tenant, session, addresses[n]))


def _weight(*parts: str) -> bytes:
    weight = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        weight.update(len(encoded).to_bytes(4, "big"))
        weight.update(encoded)
    return weight.digest()
