"""One file by HTTP(S), in as many connections as it takes.

Rules: what has come is kept under the name that it is told and gone on from, also by a later run,
as long as the server says that the file is still the same (`If-Range`); a server that cannot say so
sends it anew. A try that brings something does not count against the tries that fail.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Progress = Callable[[int, int | None], None]
"""Bytes that are here, and of how many, if the server says so."""

_CHUNK = 1 << 20
_TRIES = 5
"""Tries in a row that bring nothing."""
_TIMEOUT_S = 30.0
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_TROUBLE = (OSError, http.client.HTTPException)


class NotDownloaded(Exception):
    """A file did not come."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the server said of the file of which a part is here."""

    url: str
    validator: str


def download(url: str, into: Path, progress: Progress, pause_s: float = 1.0) -> None:
    """Bring `url` to the file `into`, or the rest of it. Raises NotDownloaded, OSError.

    `pause_s`: before a second try; it doubles with each that brings nothing.
    """
    with into.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotDownloaded("another process is bringing it") from None
        failed = 0
        while True:
            before = file.tell()
            trouble = _try(url, file, into.with_name(f"{into.name}.json"), progress)
            if trouble is None:
                break
            failed = 0 if file.tell() > before else failed + 1
            if failed == _TRIES:
                raise NotDownloaded(f"after {_TRIES} tries: {trouble}")
            time.sleep(pause_s * 2**failed if failed else 0)
        file.flush()
        os.fsync(file.fileno())


def _try(url: str, file: IO[bytes], note: Path, progress: Progress) -> str | None:
    """One connection; what went wrong with it, or None when the file is whole."""
    here = file.seek(0, os.SEEK_END)
    known = _read(note)
    # Who calls this gives an HTTP(S) URL, and redirects to files are not followed.
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})  # noqa: S310
    if here and known is not None and known.url == url:
        request.add_header("Range", f"bytes={here}-")
        request.add_header("If-Range", known.validator)
    elif here:
        file.truncate(0)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            if url.startswith("https:") and not response.url.startswith("https:"):
                raise NotDownloaded("the server leads away from HTTPS")
            return _receive(response, url, file, note, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what is here is no part of what there is
            file.truncate(0)
            return "the server has fewer bytes than are here"
        if error.code not in _AGAIN:
            raise NotDownloaded(f"the server says {error.code} {error.reason}") from error
        return f"the server says {error.code} {error.reason}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except _TROUBLE as error:
        return f"{type(error).__name__}: {error}"


def _receive(
    response: http.client.HTTPResponse,
    url: str,
    file: IO[bytes],
    note: Path,
    progress: Progress,
) -> str | None:
    here = file.seek(0, os.SEEK_END)
    length = response.headers.get("Content-Length")
    if response.status == 206:
        kind, _, total = response.headers.get("Content-Range", "").partition("/")
        if not kind.startswith(f"bytes {here}-"):
            file.truncate(0)
            return f"the server sends {kind[:64]!r} where bytes from {here} on were asked for"
        size = int(total) if total.isdecimal() else None
    else:
        file.truncate(0)
        here = 0
        size = int(length) if length and length.isdecimal() else None
        _note(note, url, response)
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        here += len(chunk)
        progress(here, size)
    if size is not None and here != size:
        return f"the connection ended after {here} of {size} bytes"
    return None


def _note(note: Path, url: str, response: http.client.HTTPResponse) -> None:
    """Keep what tells this file from a later one: a strong tag, or the time of its change."""
    tag = response.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
    if validator:
        note.write_text(json.dumps({"url": url, "validator": validator}))
    else:
        note.unlink(missing_ok=True)


def _read(note: Path) -> _Known | None:
    try:
        table = json.loads(note.read_text())
        return _Known(str(table["url"]), str(table["validator"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
