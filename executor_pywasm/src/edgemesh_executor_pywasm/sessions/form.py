"""As much of a snapshot's form as the front must know of bytes that a caller sends it.

Rules: the form is `edgemesh_sandbox.snapshot`'s, which alone reads all of it, in a worker; the
front imports no native code, so it looks at headers and checksums, and refuses what is no snapshot
at all.
"""

from __future__ import annotations

import hashlib
import struct

from mesh_service import errors
from mesh_service.errors import Violation

_MAGIC, _VERSION = b"EMSNAP\r\n", 1
_HEADER = struct.Struct("<8sHH32sQIIQIQQ")
_CHECKSUM = 32


def check(data: bytes) -> None:
    """Look at snapshots one after another.

    Raises InvalidRequest for what is none, UnusableSession for another version of the form.
    """
    view = memoryview(data)
    at, images = 0, set[bytes]()
    while at < len(view):
        head = view[at : at + _HEADER.size]
        if len(head) < _HEADER.size or bytes(head[: len(_MAGIC)]) != _MAGIC:
            raise _wrong("what ExportSession has given; these bytes begin otherwise")
        _, version, _, image, *_, stored = _HEADER.unpack(head)
        if version != _VERSION:
            raise errors.UnusableSession(f"version {_VERSION}", f"version {version}")
        images.add(image)
        end = at + _HEADER.size + stored
        if end + _CHECKSUM > len(view):
            raise _wrong("what ExportSession has given; these bytes end too early")
        if hashlib.sha256(view[at:end]).digest() != bytes(view[end : end + _CHECKSUM]):
            raise _wrong("what ExportSession has given; these bytes are damaged")
        at = end + _CHECKSUM
    if len(images) != 1:
        raise _wrong("snapshots of one image, one or more")


def _wrong(expected: str) -> errors.InvalidRequest:
    return errors.InvalidRequest([Violation("data", expected)])
