"""A gateway one of whose Python threads computes half of the time, as jobs or JSON would.

EDGEMESH_GATEWAY_PORT=… python -m bench.targets.busy_gateway
"""

from __future__ import annotations

import threading
import time

from edgemesh_gateway.service import serve
from edgemesh_gateway.settings import GatewaySettings
from mesh_service import server

WORK_S = REST_S = 0.05


def compute() -> None:
    """Keep Python's lock for WORK_S at a time."""
    while True:
        until = time.perf_counter() + WORK_S
        while time.perf_counter() < until:
            pass
        time.sleep(REST_S)


if __name__ == "__main__":
    threading.Thread(target=compute, daemon=True).start()
    server.run(GatewaySettings, serve)
