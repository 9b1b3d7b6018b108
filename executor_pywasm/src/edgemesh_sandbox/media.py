"""What a file holds, by the end of its name.

Rules: a table of its own, the same on every machine: the standard library's reads the machine's.
"""

from __future__ import annotations

_TYPES = {
    "txt": "text/plain", "log": "text/plain", "md": "text/markdown", "csv": "text/csv",
    "tsv": "text/tab-separated-values", "html": "text/html", "css": "text/css",
    "py": "text/x-python", "json": "application/json", "jsonl": "application/jsonl",
    "geojson": "application/geo+json", "ipynb": "application/x-ipynb+json",
    "xml": "application/xml", "yaml": "application/yaml", "yml": "application/yaml",
    "toml": "application/toml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg",
    "gif": "image/gif", "svg": "image/svg+xml", "webp": "image/webp", "bmp": "image/bmp",
    "tif": "image/tiff", "tiff": "image/tiff", "ico": "image/vnd.microsoft.icon",
    "pdf": "application/pdf", "eps": "application/postscript", "zip": "application/zip",
    "gz": "application/gzip", "bz2": "application/x-bzip2", "xz": "application/x-xz",
    "tar": "application/x-tar", "parquet": "application/vnd.apache.parquet",
    "sqlite": "application/vnd.sqlite3", "db": "application/vnd.sqlite3",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "wav": "audio/wav", "mp3": "audio/mpeg", "mp4": "video/mp4",
}  # fmt: skip


def media_type(name: str) -> str:
    """The media type of a file of this name, empty if it is not known."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "")
