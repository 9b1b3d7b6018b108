"""A world's files and what is open of them, as bytes.

    length of the description (4 bytes, little-endian)
    description: JSON
        nodes    [number, kind, named, writable, accessed, changed, created, parent, name, size,
                  version] of each, a folder before what lies in it
        open     [number, node, readable, writable, append, offset, listing] of each descriptor
        last     the last number that a node was given
    the files' bytes, in the order of the nodes

Rules: what is read is a stranger's: every number, name and size is looked at, nothing is made
before its size was found to fit, and the tree is one that the guest itself could have made.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, cast

from edgemesh_sandbox.errors import SnapshotError
from edgemesh_sandbox.wasi.clocks import GuestClock
from edgemesh_sandbox.wasi.descriptors import ROOT, Descriptor, Descriptors
from edgemesh_sandbox.wasi.errors import WasiError
from edgemesh_sandbox.wasi.files import INPUTS, MOST_NAME, FileSystem
from edgemesh_sandbox.wasi.nodes import MOST_NODES, File, Folder, Node, Null

_LENGTH = struct.Struct("<I")
_FOLDER, _FILE, _NULL = "dfn"
_MOST_LISTING = 100_000
_MOST = 1 << 63
_FIELDS = (int, str, bool, bool, int, int, int, int, str, int, int)
_OPEN_FIELDS = (int, int, bool, bool, bool, int, list)
_ROOTS = ("tmp", "outputs", "inputs", "dev")


def clocks(text: bytes) -> dict[str, int]:
    """The clocks of a state. Raises `SnapshotError`."""
    value = _object(text, "its clocks")
    for names in ({"monotonic", "wall", "cpu"}, {"elapsed", "asked"}):
        if value.keys() == names and all(type(n) is int and 0 <= n < _MOST for n in value.values()):
            return cast(dict[str, int], value)
    raise _wrong("its clocks are none")


def write(files: FileSystem, descriptors: Descriptors, known: bytes = b"") -> bytes:
    """Files and descriptors as bytes; `known` itself where they have not changed since."""
    places: dict[Node, tuple[int, str]] = {files.root: (0, "")}
    _below(files, places)
    opened: list[Any] = []
    for number, descriptor in descriptors.items():
        listing = [(name, node) for name, node in descriptor.listing]
        for node in (descriptor.node, *(node for _, node in listing)):
            if node not in places:
                places[node] = (0, "")
        opened.append(
            [
                number,
                descriptor.node.number,
                descriptor.readable,
                descriptor.writable,
                descriptor.append,
                descriptor.offset,
                [[name, node.number] for name, node in listing],
            ]
        )
    nodes = [
        [
            node.number,
            _NULL if isinstance(node, Null) else _FILE if isinstance(node, File) else _FOLDER,
            node.named,
            _writable(node),
            node.accessed,
            node.changed,
            node.created,
            *place,
            node.size,
            node.version if isinstance(node, File) else 0,
        ]
        for node, place in places.items()
    ]
    described = json.dumps({"nodes": nodes, "open": opened, "last": files.numbers}).encode()
    head = _LENGTH.pack(len(described)) + described
    if known.startswith(head):
        return known
    return b"".join([head, *(node.data for node in places if isinstance(node, File))])


def read(data: bytes, clock: GuestClock, nbytes: int) -> tuple[FileSystem, Descriptors]:
    """What `write` wrote, with room for `nbytes` in all. Raises `SnapshotError`."""
    try:
        return _read(data, clock, nbytes)
    except WasiError:
        raise _wrong("a file lies, or is open, where none can be") from None


def _read(data: bytes, clock: GuestClock, nbytes: int) -> tuple[FileSystem, Descriptors]:
    if len(data) < _LENGTH.size:
        raise _wrong("it ends before its description")
    (length,) = _LENGTH.unpack_from(data)
    at = _LENGTH.size + length
    if at > len(data):
        raise _wrong("its description is longer than all of it")
    described = _object(data[_LENGTH.size : at], "its description")
    if described.keys() != {"nodes", "open", "last"}:
        raise _wrong("its description has other fields")
    rows = _rows(described["nodes"], _FIELDS, 4 * MOST_NODES, "nodes")
    last: Any = described["last"]
    if type(last) is not int or not 0 <= last < _MOST:
        raise _wrong("the last number is none")
    files = FileSystem(clock, nbytes, {})
    nodes: dict[int, Node] = {}
    for row in rows:
        number, kind, size = row[0], row[1], row[9]
        if number in nodes or not 0 < number <= last:
            raise _wrong("two nodes have one number")
        content = b""
        if kind == _FILE:
            content = data[at : at + size]
            if len(content) != size:
                raise _wrong("it ends before its files do")
            at += size
        nodes[number] = _node(files, nodes, row, content)
    if at != len(data):
        raise _wrong("something follows its files")
    if not nodes or next(iter(nodes.values())) is not files.root:
        raise _wrong("it has no root")
    files.numbers = last
    descriptors = Descriptors(files)
    for number, node, readable, writable, append, offset, listing in _rows(
        described["open"], _OPEN_FIELDS, 2048, "what is open"
    ):
        there = _known(nodes, node)
        if (isinstance(there, Folder) and writable) or not 0 <= offset < _MOST:
            raise _wrong("a descriptor is none")
        if number == ROOT and there is not files.root:
            raise _wrong("the root is another folder")
        if isinstance(there, File) and writable and not there.writable:
            raise _wrong("what is read-only is open for writing")
        opened = Descriptor(there, readable=readable, writable=writable, append=append)
        opened.offset = offset
        opened.listing = [
            (name, _known(nodes, which))
            for name, which in _rows(listing, (str, int), _MOST_LISTING, "a listing")
        ]
        descriptors.reopen(number, opened)
    return files, descriptors


def _node(files: FileSystem, nodes: dict[int, Node], row: list[Any], content: bytes) -> Node:
    number, kind, named, writable, accessed, changed, created, above, name, _, version = row
    if not all(0 <= moment < _MOST << 1 for moment in (accessed, changed, created, version)):
        raise _wrong("a node's times are none")
    parent = nodes.get(above) if above else None
    if not nodes:
        node: Node = files.root
    else:
        node = _placed(files, parent, name, kind, named, writable, number, content, bool(above))
    node.number, node.named = number, named
    node.accessed, node.changed, node.created = accessed, changed, created
    if isinstance(node, File):
        node.version = version
    return node


def _placed(
    files: FileSystem,
    parent: Node | None,
    name: str,
    kind: str,
    named: bool,
    writable: bool,
    number: int,
    content: bytes,
    lies: bool,
) -> Node:
    if lies:
        if not isinstance(parent, Folder) or not named:
            raise _wrong("a node lies in no folder")
        if name in ("", ".", "..") or "/" in name or "\0" in name or not _encodes(name):
            raise _wrong("a node has no name")
        there = parent.entries.get(name)
        if parent is files.root and name in _ROOTS:
            if not isinstance(there, Folder) or kind != _FOLDER:
                raise _wrong(f"/{name} is no folder")
            return there  # made already, with its rights
        if there is not None and not isinstance(there, Null):
            raise _wrong("two nodes have one name")
    quota = files.quota if writable and kind != _NULL else None
    if quota is not None:
        quota.take_node()
    if kind == _FOLDER:
        node: Node = Folder(number, 0, parent if isinstance(parent, Folder) else None, quota)
    elif kind == _NULL:
        node = Null(number, 0)
    elif kind == _FILE:
        if quota is not None:
            quota.take(len(content))
        node = File(number, 0, bytearray(content) if writable else content, quota)
    else:
        raise _wrong("a node is of no kind")
    if lies:
        assert isinstance(parent, Folder)
        if quota is not None and parent.quota is None:
            raise _wrong("a node is writable where nothing is")
        parent.entries[name] = node
    return node


def _below(files: FileSystem, places: dict[Node, tuple[int, str]]) -> None:
    """Add every node with its place; what lies in /inputs is another call's affair."""
    pending, inputs = [files.root], files.root.entries[INPUTS]
    while pending:
        above = pending.pop()
        if above is inputs:
            continue
        for name, node in above.entries.items():
            places[node] = (above.number, name)
            if isinstance(node, Folder):
                pending.append(node)


def _writable(node: Node) -> bool:
    return node.writable if isinstance(node, File) else cast(Folder, node).quota is not None


def _known(nodes: dict[int, Node], number: int) -> Node:
    node = nodes.get(number)
    if node is None:
        raise _wrong("something is open that is not there")
    return node


def _rows(value: Any, fields: tuple[type, ...], most: int, what: str) -> Iterator[list[Any]]:
    rows = cast(list[Any], value) if isinstance(value, list) else None
    if rows is None or len(rows) > most:
        raise _wrong(f"{what}: no list of at most {most}")
    for row in rows:
        parts = cast(list[Any], row) if isinstance(row, list) else []
        if len(parts) != len(fields) or any(
            type(part) is not kind for part, kind in zip(parts, fields, strict=True)
        ):
            raise _wrong(f"{what}: one is not as it must be")
        yield parts


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong(f"{what} is no JSON") from None
    if not isinstance(value, dict):
        raise _wrong(f"{what} is no object")
    return cast(dict[str, Any], value)


def _encodes(name: str) -> bool:
    try:
        return len(name.encode()) <= MOST_NAME
    except UnicodeEncodeError:
        return False


def _wrong(reason: str) -> SnapshotError:
    return SnapshotError("files", "a world's files and clocks", reason)
