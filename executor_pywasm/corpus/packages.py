"""Samples of NumPy's, pandas' and SciPy's own tests, run by pytest inside the guest.

Rules: wheels of the guest's very versions, pinned by hash, are fetched once into the cache by uv;
what is compiled in them is for another machine and is not used. pytest goes along as modules.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from edgemesh_sandbox.built import default_images_dir

MODULES = """
numpy._core.tests.test_numeric numpy._core.tests.test_indexing numpy._core.tests.test_shape_base
numpy._core.tests.test_numerictypes numpy._core.tests.test_einsum numpy._core.tests.test_records
numpy._core.tests.test_arrayprint numpy._core.tests.test_scalarmath
numpy.lib.tests.test_arraysetops numpy.lib.tests.test_function_base
numpy.lib.tests.test_nanfunctions numpy.lib.tests.test_stride_tricks numpy.linalg.tests.test_linalg
numpy.fft.tests.test_pocketfft numpy.polynomial.tests.test_polynomial numpy.ma.tests.test_extras
pandas.tests.reshape.merge.test_merge pandas.tests.reshape.concat.test_concat
pandas.tests.groupby.test_reductions pandas.tests.groupby.test_timegrouper
pandas.tests.frame.methods.test_sort_values pandas.tests.frame.methods.test_fillna
pandas.tests.frame.test_constructors
pandas.tests.strings.test_strings pandas.tests.window.test_rolling
pandas.tests.indexes.datetimes.test_date_range
scipy.special.tests.test_basic scipy.special.tests.test_gamma scipy.stats.tests.test_stats
scipy.optimize.tests.test_zeros scipy.linalg.tests.test_basic
scipy.linalg.tests.test_decomp scipy.signal.tests.test_windows scipy.interpolate.tests.test_bsplines
scipy.spatial.tests.test_kdtree scipy.fft.tests.test_helper scipy.integrate.tests.test_quadpack
scipy.sparse.linalg.tests.test_expm_multiply
""".split()  # noqa: SIM905

_LOCK = Path(__file__).with_name("packages.lock")
_TOOLS = (
    "pytest",
    "py.py",
    "_pytest",
    "pluggy",
    "iniconfig",
    "pygments",
    "hypothesis",
    "_hypothesis_pytestplugin.py",
    "_hypothesis_ftz_detector.py",
    "_hypothesis_globals.py",
    "sortedcontainers",
)


class NoSuchTests(Exception):
    """A module of `MODULES` is not in its wheel."""


class NotFetched(Exception):
    """The wheels could not be fetched."""


def fetch() -> Path:
    """The folder that the wheels are unpacked in; raises `NotFetched`."""
    key = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    folder = default_images_dir().parent / "corpus" / f"packages-{key}"
    if folder.is_dir():
        return folder
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise NotFetched("uv is not at hand; `make corpus` brings it")
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    command = [uv, "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28"]
    command += ["--link-mode", "copy", "--target", str(draft), "--requirement", str(_LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotFetched(done.stderr.strip()[-400:])
    draft.rename(folder)
    return folder


def modules(folder: Path, words: Sequence[str]) -> list[str]:
    """The modules that have one of `words` in their names, or all; raises `NoSuchTests`."""
    chosen = [name for name in MODULES if not words or any(word in name for word in words)]
    missing = [name for name in chosen if not _target(folder, name).is_file()]
    if missing:
        raise NoSuchTests(", ".join(missing))
    return chosen


def packed(folder: Path, module: str) -> bytes:
    """A zip of the module of tests, of its package's helpers for tests, and of pytest."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in (
            *_tools(folder),
            *_helpers(folder / module.partition(".")[0]),
            _target(folder, module),
        ):
            archive.write(path, path.relative_to(folder))
    return file.getvalue()


def _target(folder: Path, module: str) -> Path:
    return folder.joinpath(*module.split(".")).with_suffix(".py")


@cache
def _tools(folder: Path) -> list[Path]:
    return [p for name in _TOOLS for p in _files(folder / name) if p.suffix in (".py", ".typed")]


@cache
def _helpers(package: Path) -> list[Path]:
    """What tests import of each other, and their data where it is small."""
    tests = (p for d in package.rglob("tests") if d.is_dir() for p in _files(d))
    kept = (p for p in tests if p.suffix != ".pyc" and p.stat().st_size < 1 << 20)
    helpers = sorted({path for path in kept if _is_helper(path)})
    # NumPy's needs a compiled module of tests, which the guest has not; pandas' has its fixtures.
    return helpers if package.name == "numpy" else [package / "conftest.py", *helpers]


def _is_helper(path: Path) -> bool:
    if path.suffix == ".py":
        return not path.name.startswith("test_")
    return (
        path.suffix in (".npy", ".npz", ".json", ".csv", ".txt") and path.stat().st_size < 1 << 16
    )


def _files(path: Path) -> Iterator[Path]:
    yield from (p for p in path.rglob("*") if p.is_file()) if path.is_dir() else (path,)
