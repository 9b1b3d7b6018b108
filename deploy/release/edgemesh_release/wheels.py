"""The Python packages of an image, and what they are licensed under.

Rules: which, a hashed lock says; what of them, an environment that is made of it as an image's is,
and thrown away. What the lock has for other systems only is not installed, so not shipped. Their
own texts stay in an image, in each one's dist-info.
"""

from __future__ import annotations

import re
import sys
from email import message_from_bytes, message_from_string
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from edgemesh_release.failure import ReleaseError
from edgemesh_release.part import Part
from edgemesh_release.uv import run

_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?(.+)")
_MOST = 60


def wheels(lock: Path) -> list[Part]:
    """What an environment made of `lock` holds. Raises ReleaseError."""
    with TemporaryDirectory() as folder:
        run(["venv", "--python", sys.executable, folder])
        run(["pip", "sync", "--python", folder, "--require-hashes", str(lock)])
        path = [str(each) for each in Path(folder).glob("lib/python3*/site-packages")]
        found = list(distributions(path=path))
        parts = [Part(each.name, each.version, _licence(_metadata(each))) for each in found]
    return sorted(parts, key=lambda part: _plain(part.name))


def guest(library: Path) -> list[Part]:
    """The packages in the sandbox's own library, a zip. Raises ReleaseError."""
    if not library.is_file():
        raise ReleaseError(f"{library} is not there: run make build")
    parts = list[Part]()
    with ZipFile(library) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".dist-info/METADATA"):
                said = message_from_bytes(archive.read(name))
                parts.append(Part(str(said["Name"]), str(said["Version"]), _licence(said)))
    return sorted(parts, key=lambda part: part.name.lower())


def _licence(said: Message) -> str:
    if said["License-Expression"]:
        return str(said["License-Expression"])
    classes = [
        match[1].removesuffix(" License")
        for line in said.get_all("Classifier") or []
        if (match := _CLASSIFIER.fullmatch(str(line)))
    ]
    if classes:
        return ", ".join(classes)
    first = str(said["License"] or "").strip().split("\n")[0]
    return first if 0 < len(first) <= _MOST else "see its text"


def _metadata(found: Distribution) -> Message:
    return message_from_string(found.read_text("METADATA") or "")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
