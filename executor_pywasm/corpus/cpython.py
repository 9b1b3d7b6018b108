"""The tests of CPython itself: the `test` package of the interpreter that runs this.

Rules: nothing of it is kept here; where it is not installed (Debian has it in a package of its
own, `libpython3-testsuite`) this says so. Modules are chosen by hand: those whose subject needs
no threads, sockets, processes or other programs.
"""

from __future__ import annotations

import importlib.util
import io
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

MODULES = """
abc abstract_numbers argparse array ast asyncgen atexit augassign base64 baseexception bdb binascii
binop bisect bool buffer builtin bytes bz2 calendar call charmapcodec class cmath cmd code
codeccallbacks codecs codeop collections colorsys compare compile complex configparser contains
context contextlib contextlib_async copy copyreg coroutines csv dataclasses datetime decimal
decorators defaultdict deque descr descrtut dict dictcomps dictviews difflib dis doctest
dynamic dynamicclassattribute email enum enumerate eof errno except_star exception_group
exception_hierarchy exception_variations exceptions extcall float flufl fnmatch format fractions
frame fstring funcattrs functools future_stmt gc generator_stop generators genericalias
genericclass genexps getopt gettext global grammar graphlib gzip hash hashlib heapq hmac html
htmlparser http_cookies index inspect int int_literal io ipaddress isinstance iter iterlen
itertools json keyword keywordonlyarg linecache list listcomps logging long longexp lzma marshal
math memoryio memoryview metaclass mimetypes minidom module named_expressions numeric_tower
opcodes operator optparse ordered_dict pathlib patma peepholer pep646_syntax pickle picklebuffer
pickletools pkgutil plistlib positional_only_arg posixpath pow pprint print property pulldom
pyclbr pyexpat queue quopri raise random range re reprlib richcmp sax sched scope secrets set
setcomps shelve shlex slice sort sqlite3 stat statistics strftime string string_literals
stringprep strptime strtod struct structseq subclassinit super symtable syntax sys
sys_setprofile sys_settrace tabnanny tempfile textwrap time timeit tokenize tomllib traceback
tuple type_annotations type_cache type_comments typechecks types typing ucn unary unicode
unicode_identifiers unicodedata univnewlines unpack unpack_ex unparse urllib urllib_response
urlparse userdict userlist userstring utf8source uuid warnings weakref weakset with
xml_dom_minicompat xml_etree xml_etree_c yield_from zipfile zlib zoneinfo
asyncio.test_buffered_proto asyncio.test_events asyncio.test_futures asyncio.test_futures2
asyncio.test_locks asyncio.test_pep492 asyncio.test_protocols asyncio.test_queues
asyncio.test_runners asyncio.test_taskgroups asyncio.test_tasks asyncio.test_timeouts
asyncio.test_transports asyncio.test_waitfor
importlib.test_abc importlib.test_locks importlib.test_spec importlib.test_util
""".split()  # noqa: SIM905
"""Names without their `test_`; a package stands for all of its test modules."""

SAMPLE = """
json math functools dataclasses fractions textwrap enum re generators coroutines exception_group
contextlib struct bisect heapq copy string dict tuple operator zlib hmac base64 csv collections
exceptions float list patma datetime tempfile shelve glob asyncio.test_queues asyncio.test_timeouts
""".split()  # noqa: SIM905
"""Those that the executor's own tests run: together less than a minute."""

_MENTIONED = re.compile(r"(?:from|import)\s+test(?:\.|\s+import\s+)(test_\w+)")


class NotInstalled(Exception):
    """This interpreter has no `test` package."""

    def __init__(self) -> None:
        super().__init__(
            f"{sys.executable} has no `test` package; use a Python built from source or install "
            "its test suite (Debian: libpython3-testsuite)"
        )


def folder() -> Path:
    """Where the `test` package lies; raises `NotInstalled`."""
    spec = importlib.util.find_spec("test")
    for place in (spec and spec.submodule_search_locations) or ():
        if Path(place, "support", "__init__.py").is_file() and Path(place, "test_json").is_dir():
            return Path(place)
    raise NotInstalled


def modules(tests: Path, names: Sequence[str]) -> list[str]:
    """The modules that the names stand for, as they are imported; those absent are left out."""
    found: list[str] = []
    for name in names:
        place = tests.joinpath(*_parts(name))
        if place.is_dir():
            inside = [p for p in sorted(place.rglob("test_*.py")) if "data" not in p.parts]
            found += [_dotted(tests, path) for path in inside]
            if not inside or "def test_" in _text(place / "__init__.py"):
                found.append(_dotted(tests, place))
        elif place.with_suffix(".py").is_file():
            found.append(_dotted(tests, place))
    return found


def packed(tests: Path, module: str) -> bytes:
    """A zip of the module, of what it may import and of the data files that it names."""
    target = tests.parent.joinpath(*module.split("."))
    chosen = set(_helpers(tests))
    queue = [target]
    while queue:
        for path in _sources(tests, queue.pop()):
            if path not in chosen:
                chosen.add(path)
                queue += [tests / name for name in _MENTIONED.findall(_text(path))]
    text = "".join(_text(path) for path in chosen.difference(_helpers(tests)))
    chosen |= {path for name, paths in _data(tests).items() if name in text for path in paths}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(chosen):
            archive.write(path, path.relative_to(tests.parent))
    return file.getvalue()


def _parts(name: str) -> list[str]:
    return f"test_{name}".split(".")


def _dotted(tests: Path, path: Path) -> str:
    return ".".join(path.relative_to(tests.parent).with_suffix("").parts)


def _sources(tests: Path, target: Path) -> Iterator[Path]:
    """The files of a module; of one in a package all of the package's."""
    package = target.relative_to(tests).parts[0]
    if (tests / package).is_dir():
        yield from (p for p in (tests / package).rglob("*") if _is_source(p))
    elif target.with_suffix(".py").is_file():
        yield target.with_suffix(".py")


@cache
def _helpers(tests: Path) -> list[Path]:
    support = (tests / "support").rglob("*.py")
    return [*support, *(p for p in tests.glob("*.py") if not p.name.startswith("test_"))]


@cache
def _data(tests: Path) -> dict[str, list[Path]]:
    """Data files and folders of data, by the name that a test calls them."""
    found: dict[str, list[Path]] = {}
    for path in tests.iterdir():
        if path.is_dir() and not (path / "__init__.py").exists():
            found[path.name] = [p for p in path.rglob("*") if _is_source(p)]
        elif path.is_file() and path.suffix != ".py":
            found[path.name] = [path]
    return found


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and path.stat().st_size < 4 << 20


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.suffix == ".py" else ""
