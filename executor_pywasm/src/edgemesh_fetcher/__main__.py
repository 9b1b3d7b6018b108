"""`python -m edgemesh_fetcher CONFIG`: the fetcher's process; CONFIG is JSON, see `main`."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from edgemesh_fetcher.hosts import Hosts, read_secrets
from edgemesh_fetcher.policy import Policy
from edgemesh_fetcher.serve import Fetcher, serve
from edgemesh_fetcher.store import FileStore


def main(config: dict[str, Any]) -> None:
    """Serve. `folder`, `folder_bytes`, `uv`, `python`, `resolve_s`, the policy's fields, `http`
    (what is told of each host of programs' requests) and `secrets` (the file of their headers')."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's is for the front, which ends this
    folder = Path(config["folder"])
    hosts, secrets = config["hosts"], config["secrets"]
    policy = Policy(
        hosts=None if hosts is None else tuple(str(host).lower() for host in hosts),
        networks=tuple(ipaddress.ip_network(each) for each in config["networks"]),
        plain_http=config["plain_http"],
        max_bytes=config["max_bytes"],
        timeout_s=config["timeout_s"],
        offline=config["offline"],
    )
    serve(
        Fetcher(
            policy,
            FileStore(folder / "files", config["folder_bytes"]),
            Path(config["uv"]),
            folder / "uv",
            config["python"],
            config["resolve_s"],
            Hosts(config["http"], read_secrets(secrets and Path(secrets))),
        )
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)
