"""One HTTP GET, held to the policy at every step.

Rules: redirects are followed by hand, each held to the same; compressed transfer is not asked for,
so that bytes are bytes.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from urllib.parse import urljoin

from edgemesh_fetcher.connect import REDIRECTS, body_of, broken, checked, connect
from edgemesh_fetcher.errors import FetchError
from edgemesh_fetcher.policy import Policy

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "edgemesh-fetcher"}


def download(url: str, policy: Policy, max_bytes: int) -> Iterator[bytes]:
    """The body, piece by piece, `max_bytes` at most. Raises FetchError."""
    deadline = time.monotonic() + policy.timeout_s
    most = min(max_bytes, policy.max_bytes)
    for _ in range(policy.redirects + 1):
        parts = checked(url, policy)
        connection = connect(parts, policy, deadline)
        try:
            path = parts.path or "/"
            target = f"{path}?{parts.query}" if parts.query else path
            connection.request("GET", target, headers=_HEADERS)
            response = connection.getresponse()
            if response.status in REDIRECTS:
                url = urljoin(url, response.headers.get("Location", ""))
                continue
            if response.status != 200:
                raise FetchError("unavailable", f"{parts.hostname} answered {response.status}")
            yield from body_of(response, connection, most, deadline)
            return
        except (OSError, http.client.HTTPException) as error:
            raise broken(parts, error, deadline) from None
        finally:
            connection.close()
    raise FetchError("refused", f"more than {policy.redirects} redirects")
