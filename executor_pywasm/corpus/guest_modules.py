"""Runs in the guest: modules from a zip in memory, as if they had been installed.

Rules: prepended to a driver and run as the user's program, so it may use nothing but the guest's
standard library and what the host gave in `inputs`.
"""
# pyright: basic

from __future__ import annotations

import importlib.abc
import importlib.machinery
import io
import sys
import zipfile
from typing import Any


class Modules(importlib.abc.InspectLoader, importlib.abc.MetaPathFinder):
    """Imports from the zip `data`, before anything else."""

    root = "/modules"

    def __init__(self, data: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        self._names = set(self._zip.namelist())

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's specification, if the zip has it."""
        member = self._member(name)
        if member is None:
            return None
        origin = f"{self.root}/{member}"
        package = member.endswith("/__init__.py")
        spec = importlib.machinery.ModuleSpec(name, self, origin=origin, is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [origin.rpartition("/")[0]]
        return spec

    def get_source(self, fullname: str) -> str:
        """Its text, also for the lines of tracebacks."""
        member = self._member(fullname)
        if member is None:
            raise ImportError(fullname)
        return importlib.util.decode_source(self._zip.read(member))

    def get_code(self, fullname: str) -> Any:
        """Its compiled code."""
        return compile(self.get_source(fullname), f"{self.root}/{self._member(fullname)}", "exec")

    def is_package(self, fullname: str) -> bool:
        """Whether it is a package."""
        return (self._member(fullname) or "").endswith("/__init__.py")

    def get_data(self, path: str) -> bytes:
        """A file beside the modules."""
        try:
            return self._zip.read(str(path).removeprefix(self.root + "/"))
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", path) from None

    def _member(self, name: str) -> str | None:
        base = name.replace(".", "/")
        found = (m for m in (f"{base}/__init__.py", f"{base}.py") if m in self._names)
        return next(found, None)


def give_modules(data: bytes) -> None:
    """Make the modules in the zip `data` importable."""
    sys.meta_path.insert(0, Modules(data))
