"""The load of a native client: h2load, which costs next to nothing beside what it measures.

Rules: as many connections and streams for every target; requests are gRPC's on HTTP/2, of one
message; what it counts as failed is none of its rate. Where it cannot be had it is left out.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

from bench.brief import BRIEF

CONNECTIONS, STREAMS = 4, 16
_RATE = re.compile(r"finished in [^,]+, ([\d.]+) req/s")
_FAILED = re.compile(r"(\d+) failed, (\d+) errored, (\d+) timeout")


def program() -> str | None:
    """h2load; None where it cannot be had."""
    found = shutil.which("h2load")
    if found is None and not BRIEF and os.geteuid() == 0 and shutil.which("apt-get"):
        words = ["apt-get", "install", "-y", "--no-install-recommends", "nghttp2-client"]
        subprocess.run(words, capture_output=True, check=False)
        found = shutil.which("h2load")
    return found


async def rate(
    h2load: str, folder: Path, address: str, method: str, message: bytes, seconds: float
) -> float:
    """Requests/s of one target. Raises RuntimeError when any fails."""
    body = folder / "body"
    body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    process = await asyncio.create_subprocess_exec(
        h2load,
        *("-c", str(CONNECTIONS), "-m", str(STREAMS), "-D", str(max(1, round(seconds)))),
        *("--warm-up-time", "1", "-d", str(body)),
        *("-H", "content-type: application/grpc", "-H", "te: trailers"),
        f"http://{address}{method}",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    said = out.decode()
    found, failed = _RATE.search(said), _FAILED.search(said)
    if found is None or failed is None or any(map(int, failed.groups())):
        raise RuntimeError(f"h2load of {address}: {said[-500:]}")
    return float(found[1])
