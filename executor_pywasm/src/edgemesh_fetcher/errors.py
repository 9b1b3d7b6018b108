"""What can go wrong on the way out.

FetchError(kind, message)
    refused       the policy forbids it: a scheme, host, address or redirect
    not_granted   a program's request is for a host that it was not granted
    too_large     more bytes than allowed
    timeout       it took longer than allowed
    mismatch      other bytes than their digest says
    unsolvable    requirements have no solution; the message is the resolver's own
    unavailable   nobody answers, or not as HTTP servers do
    offline       it is not in the cache, and nothing may be fetched
"""

from __future__ import annotations


class FetchError(Exception):
    """It was not fetched. `kind` is of the list above; `message` for whoever asked for it."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(f"{kind}: {message}")
