"""Runs as a folder (`python deploy/local/edgemesh_local`), so that nothing need be installed."""

import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from edgemesh_local.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
