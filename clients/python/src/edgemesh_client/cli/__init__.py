"""The command `edgemesh`."""

from edgemesh_client.cli import accounts, doctor, manage, plan, work
from edgemesh_client.cli.app import main

__all__ = ["accounts", "doctor", "main", "manage", "plan", "work"]
