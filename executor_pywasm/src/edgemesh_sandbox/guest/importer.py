"""The guest's library, imported from memory: at run time there is no file system.

Rules: the zip of compiled modules is kept as bytes in the image; pages of it that nobody
touches cost nothing. Resources and distributions' metadata are read from it likewise. Packages
that are put beside it (`Finder.beside`) come after it, so that they can shadow nothing of it.
"""

from __future__ import annotations

import importlib.machinery as machinery
import io
import marshal
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import InspectLoader
from importlib.metadata import Distribution, DistributionFinder, PathDistribution
from importlib.resources.abc import Traversable, TraversableResources
from importlib.util import decode_source
from types import CodeType, ModuleType
from typing import Any

_PYC_HEADER = 16
_DEFLATED = 8
_ANY_DISTRIBUTION = DistributionFinder.Context()


class Archive:
    """A zip in memory; members are found through a table, since zipfile's own is slow to open."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "rb") as file:
            self._data = file.read()
        with zipfile.ZipFile(io.BytesIO(self._data)) as archive:
            self._members = {
                i.filename: (i.compress_type, i.compress_size, i.header_offset)
                for i in archive.infolist()
            }
        self.folders = folders(self._members)
        """Every folder's name, without a slash at its end; the root is ""."""
        self._zip: zipfile.ZipFile | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def names(self) -> Iterator[str]:
        """The members' names."""
        return iter(self._members)

    def read(self, name: str) -> bytes:
        """A member's bytes."""
        method, size, at = self._members[name]
        sizes = self._data[at + 26 : at + 30]  # the local header's own lengths
        start = at + 30 + int.from_bytes(sizes[:2], "little") + int.from_bytes(sizes[2:], "little")
        data = self._data[start : start + size]
        return zlib.decompress(data, -15) if method == _DEFLATED else data

    def at(self, name: str) -> Any:
        """A member or a folder as a path."""
        if self._zip is None:
            self._zip = zipfile.ZipFile(io.BytesIO(self._data))
            self._zip.filename = self.path
        return zipfile.Path(self._zip, at=name)


def folders(names: Iterable[str]) -> set[str]:
    """The folders that files of these names lie in."""
    return {""} | {name[:at] for name in names for at, c in enumerate(name) if c == "/"}


class _Resources(TraversableResources):
    def __init__(self, archive: Archive, folder: str) -> None:
        self._archive, self._folder = archive, folder

    def files(self) -> Traversable:
        return self._archive.at(self._folder)


class _Loader(InspectLoader):
    def __init__(self, archive: Archive, member: str) -> None:
        self._archive, self._member = archive, member

    def create_module(self, spec: machinery.ModuleSpec) -> ModuleType | None:
        return None

    def get_code(self, fullname: str) -> CodeType | None:
        if self._member.endswith(".py"):
            origin = f"{self._archive.path}/{self._member}"
            return compile(self._archive.read(self._member), origin, "exec", dont_inherit=True)
        code = memoryview(self._archive.read(self._member))[_PYC_HEADER:]
        return marshal.loads(code)  # noqa: S302 - the pinned library's own

    def get_source(self, fullname: str) -> str | None:
        if self._member.endswith(".py"):
            return decode_source(self._archive.read(self._member))
        return None

    def is_package(self, fullname: str) -> bool:
        return self._member.endswith(("/__init__.pyc", "/__init__.py"))

    def get_resource_reader(self, fullname: str) -> _Resources:
        return _Resources(self._archive, self._member.rpartition("/")[0] + "/")

    def get_data(self, path: str) -> bytes:
        name = path.removeprefix(self._archive.path + "/")
        if name not in self._archive:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self._archive.read(name)


class Finder(DistributionFinder):
    """Finds modules and distributions in an archive."""

    def __init__(self, archive: Archive, suffix: str = ".pyc") -> None:
        """`suffix`: what its modules' names end with."""
        self.archive, self._suffix = archive, suffix
        self._distributions: dict[str, str] = {}
        for name in archive.names() if suffix == ".pyc" else ():
            folder = name.partition("/")[0]
            if folder.endswith(".dist-info"):
                self._distributions[_normal(folder.split("-")[0])] = folder + "/"

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> machinery.ModuleSpec | None:
        """The module's specification, if the archive has it."""
        base = fullname.replace(".", "/")
        for member in (f"{base}/__init__{self._suffix}", f"{base}{self._suffix}"):
            if member in self.archive:
                return self._spec(fullname, base, member)
        return self._namespace(fullname, base) if base in self.archive.folders else None

    def _namespace(self, fullname: str, base: str) -> machinery.ModuleSpec:
        """A package without `__init__`, e.g. `mpl_toolkits`."""
        spec = machinery.ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [f"{self.archive.path}/{base}"]
        return spec

    def _spec(self, fullname: str, base: str, member: str) -> machinery.ModuleSpec:
        loader = _Loader(self.archive, member)
        origin = f"{self.archive.path}/{member.removesuffix('c')}"
        spec = machinery.ModuleSpec(
            fullname, loader, origin=origin, is_package=loader.is_package(fullname)
        )
        spec.has_location = True
        spec.cached = None
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(f"{self.archive.path}/{base}")
        return spec

    def find_distributions(self, context: Any = _ANY_DISTRIBUTION) -> list[Distribution]:
        """The distributions of the context's name, or all."""
        wanted = context.name and _normal(context.name)
        return [
            PathDistribution(self.archive.at(folder))
            for name, folder in self._distributions.items()
            if wanted in (None, name)
        ]

    def beside(self, path: str) -> None:
        """Import from a copy of the zip `path` too, what is found nowhere before: modules from
        `.pyc`, or from `.py` where there is none."""
        archive = Archive(path)
        sys.meta_path += [Finder(archive), Finder(archive, ".py")]

    def invalidate_caches(self) -> None:
        """Nothing is cached."""


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def install(path: str) -> Archive:
    """From now on import from a copy of the zip `path` in memory, and not from the zip."""
    archive = Archive(path)
    finder = Finder(archive)
    sys.path[:] = [entry for entry in sys.path if entry != path]
    sys.path_importer_cache.clear()
    kinds = [getattr(f, "__name__", "") for f in sys.meta_path]
    at = kinds.index("PathFinder") if "PathFinder" in kinds else len(kinds)
    sys.meta_path.insert(at, finder)
    return archive


def installed() -> Archive:
    """What `install` made."""
    return next(entry.archive for entry in sys.meta_path if isinstance(entry, Finder))
