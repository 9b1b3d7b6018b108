"""The command `edgemesh`.

Rules: each module of commands hangs its own on `app` where it is imported, in the order in which
`--help` shows them.
"""

# ruff: noqa: I001
from edgemesh_client.cli import up, status, algorithms, run, bench, python, talk, models
from edgemesh_client.cli import jobs, sessions, plan, keys, accounts, doctor
from edgemesh_client.cli.app import main

__all__ = [
    "accounts", "algorithms", "bench", "doctor", "jobs", "keys", "main", "models", "plan",
    "python", "run", "sessions", "status", "talk", "up",
]  # fmt: skip
