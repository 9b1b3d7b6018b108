"""Runs in the guest: modules and their data files from a zip, as if they had been installed.

Rules: prepended to a driver and run as the user's program, so it may use nothing but the guest's
standard library and what the host gave.
"""
# pyright: basic

from __future__ import annotations

import os
import sys
import zipfile


def give_modules() -> None:
    """Unpack the zip that the host gave, and begin in an empty folder."""
    sys.dont_write_bytecode = True
    with zipfile.ZipFile("/inputs/modules.zip") as archive:
        archive.extractall("/tmp/modules")
    os.mkdir("/tmp/work")
    os.chdir("/tmp/work")
    sys.path.insert(0, "/tmp/modules")
