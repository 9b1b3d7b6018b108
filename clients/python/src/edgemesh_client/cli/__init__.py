"""The command `edgemesh`."""

from edgemesh_client.cli import doctor, manage, work
from edgemesh_client.cli.app import main

__all__ = ["doctor", "main", "manage", "work"]
