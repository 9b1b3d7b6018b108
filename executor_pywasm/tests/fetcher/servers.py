"""Servers on this machine, for what fetches."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

Handler = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def served(answer: Handler) -> Generator[str]:
    """A server whose every request is answered by `answer`; its URL, without a slash at the end."""

    class Requests(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - their names there

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(
    request: http.server.BaseHTTPRequestHandler,
    body: bytes,
    status: int = 200,
    **headers: str,
) -> None:
    """Answer with these bytes."""
    request.send_response(status)
    for name, value in ({"Content_Length": str(len(body))} | headers).items():
        if value:
            request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


def wheel(
    name: str,
    files: Mapping[str, str | bytes],
    version: str = "1.0",
    tag: str = "py3-none-any",
    requires: tuple[str, ...] = (),
) -> tuple[str, bytes]:
    """A wheel: the name of its file, and its bytes."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
        archive.writestr(zipfile.ZipInfo(f"{info}/METADATA"), metadata)
        archive.writestr(zipfile.ZipInfo(f"{info}/WHEEL"), f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "")
    return f"{stem}-{tag}.whl", out.getvalue()


class Index:
    """A package index of wheels that are made here."""

    def __init__(self) -> None:
        self.wheels: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        """Paths, in their order."""

    def add(self, name: str, files: Mapping[str, str | bytes], **options: object) -> None:
        """Have a wheel; see `wheel`."""
        file, data = wheel(name, files, **options)  # type: ignore[arg-type]
        self.wheels.setdefault(name, {})[file] = data

    def __call__(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        kind, _, rest = request.path.strip("/").partition("/")
        if kind == "simple" and rest in self.wheels:
            links = "".join(
                f'<a href="/files/{rest}/{file}#sha256={hashlib.sha256(data).hexdigest()}">'
                f"{file}</a>\n"
                for file, data in self.wheels[rest].items()
            )
            page = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
            send(request, page, Content_Type="text/html")
            return
        name, _, file = rest.partition("/")
        data = self.wheels.get(name, {}).get(file)
        if kind == "files" and data is not None:
            send(request, data)
        else:
            send(request, b"", 404)
