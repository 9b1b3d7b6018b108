"""An HTTP server of one file that cuts connections."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class File:
    """What the server has, and what it is asked for."""

    data: bytes
    tag: str = '"1"'
    """Empty: the server says nothing by which a later file could be told."""
    cut_after: int = 0
    """Bytes after which a connection ends; 0: never."""
    ranges: bool = True
    answers: list[int] = field(default_factory=list[int])
    """Statuses that come first."""
    asked: list[str] = field(default_factory=list[str])
    """Each request's Range, empty where it has none."""
    sent: int = 0
    url: str = ""


@contextmanager
def serving(file: File) -> Iterator[File]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            file.asked.append(wanted)
            if file.answers:
                self.send_response(file.answers.pop(0))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            found = re.fullmatch(r"bytes=(\d+)-", wanted)
            same = bool(file.tag) and self.headers.get("If-Range") == file.tag
            start = int(found[1]) if found and same and file.ranges else 0
            if start > len(file.data):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            rest = file.data[start:]
            self.send_response(206 if start else 200)
            if start:
                last = len(file.data) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(file.data)}")
            if file.tag:
                self.send_header("ETag", file.tag)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            part = rest[: file.cut_after] if file.cut_after else rest
            file.sent += len(part)
            self.wfile.write(part)
            if len(part) < len(rest):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    file.url = f"http://127.0.0.1:{server.server_address[1]}/model"
    try:
        yield file
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
