"""The contract's reference: a page for each `.proto`, with the comments that state it.

Rules: comments are read from the compiler's own description of the files; where a comment is, so is
its text. What is indented in one is shown as it stands.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from textwrap import dedent
from typing import Any

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

from edgemesh_docs.tables import plain, table

PACKAGES = {"compute": "edgemesh/compute/v1", "executor": "edgemesh/executor/v1"}
"""By the folder of their pages: what clients speak, and what executors do."""
_FILE_COMMENT = (descriptor_pb2.FileDescriptorProto.SYNTAX_FIELD_NUMBER,)
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_FIELDS, _NESTED, _VALUES, _METHODS = 2, 3, 2, 2
_SCALARS = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in descriptor_pb2.FieldDescriptorProto.Type.items()
}


class NotCompiled(Exception):
    """The compiler refused the contract."""


@dataclass(frozen=True, slots=True)
class _Page:
    """One file, where its types' anchors are, and its comments by their place."""

    file: descriptor_pb2.FileDescriptorProto
    anchors: dict[str, str]
    comments: dict[tuple[int, ...], str]


def pages(root: Path) -> Iterator[tuple[str, str]]:
    """Each page's place below the reference, and its text. Raises NotCompiled."""
    described = _described(root / "protos")
    places = {
        file.name: f"{folder}/{Path(file.name).stem}.md"
        for folder, package in PACKAGES.items()
        for file in described
        if file.name.startswith(package)
    }
    anchors = {
        full: (places[file.name], short)
        for file in described
        if file.name in places
        for full, short in _types(file)
    }
    for file in described:
        if file.name in places:
            place = places[file.name]
            seen = {
                full: (f"#{short}" if there == place else f"{_way(place, there)}#{short}")
                for full, (there, short) in anchors.items()
            }
            comments = {
                tuple(each.path): each.leading_comments or each.trailing_comments
                for each in file.source_code_info.location
            }
            yield place, "\n".join(_text(_Page(file, seen, comments)))


def _described(protos: Path) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    names = sorted(
        path.relative_to(protos).as_posix()
        for package in PACKAGES.values()
        for path in (protos / package).glob("*.proto")
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "described"
        status = protoc.main(
            [
                "protoc",
                f"--proto_path={protos}",
                f"--proto_path={files('grpc_tools') / '_proto'}",
                "--include_source_info",
                f"--descriptor_set_out={out}",
                *names,
            ]
        )
        if status:
            raise NotCompiled(f"protoc ended with {status}")
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file


def _way(here: str, there: str) -> str:
    """The relative link between two pages of the contract."""
    folder, _, name = there.partition("/")
    return name if here.startswith(f"{folder}/") else f"../{there}"


def _types(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Full names of a file's messages and enumerations, and their anchors."""

    def walk(within: str, kinds: Any) -> Iterator[tuple[str, str]]:
        for kind in kinds.message_type if within == "" else kinds.nested_type:
            name = f"{within}{kind.name}"
            yield f".{file.package}.{name}", name
            yield from walk(f"{name}.", kind)
        for kind in kinds.enum_type:
            yield f".{file.package}.{within}{kind.name}", f"{within}{kind.name}"

    yield from walk("", file)


def _text(page: _Page) -> Iterator[str]:
    file = page.file
    yield f"# {Path(file.name).name}\n"
    yield f"`package {file.package}`\n"
    yield from _prose(page.comments.get(_FILE_COMMENT, ""))
    for number, service in enumerate(file.service):
        yield f"## {service.name} {{ #{service.name} }}\n"
        yield from _prose(page.comments.get((_SERVICES, number), ""))
        for at, method in enumerate(service.method):
            yield f"### {method.name} {{ #{service.name}.{method.name} }}\n"
            asked = _arrow(page, method.input_type, method.client_streaming)
            told = _arrow(page, method.output_type, method.server_streaming)
            yield f"{asked} → {told}\n"
            yield from _prose(page.comments.get((_SERVICES, number, _METHODS, at), ""))
    if file.message_type:
        yield "## Messages\n"
    for number, message in enumerate(file.message_type):
        yield from _message(page, message, (_MESSAGES, number), "")
    for number, enum in enumerate(file.enum_type):
        yield from _enum(page, enum, (_ENUMS, number), "")


def _arrow(page: _Page, name: str, streams: bool) -> str:
    return ("stream of " if streams else "") + _linked(page, name)


def _linked(page: _Page, name: str) -> str:
    short = name.removeprefix(f".{page.file.package}.").removeprefix(".")
    return f"[`{short}`]({page.anchors[name]})" if name in page.anchors else f"`{short}`"


def _message(
    page: _Page, message: descriptor_pb2.DescriptorProto, at: tuple[int, ...], within: str
) -> Iterator[str]:
    name = f"{within}{message.name}"
    yield f"### {name} {{ #{name} }}\n"
    yield from _prose(page.comments.get(at, ""))
    maps = {
        f".{page.file.package}.{name}.{kind.name}": kind
        for kind in message.nested_type
        if kind.options.map_entry
    }
    rows = [
        (
            f"`{field.name}`",
            _kind(page, field, maps),
            str(field.number),
            _line(page.comments.get((*at, _FIELDS, number), "")),
        )
        for number, field in enumerate(message.field)
    ]
    if rows:
        yield table(("field", "is", "number", "means"), rows) + "\n"
    for number, kind in enumerate(message.nested_type):
        if not kind.options.map_entry:
            yield from _message(page, kind, (*at, _NESTED, number), f"{name}.")
    for number, enum in enumerate(message.enum_type):
        yield from _enum(page, enum, (*at, 4, number), f"{name}.")


def _kind(
    page: _Page,
    field: descriptor_pb2.FieldDescriptorProto,
    maps: dict[str, descriptor_pb2.DescriptorProto],
) -> str:
    if field.type_name in maps:
        key, value = maps[field.type_name].field
        return f"map of {_kind(page, key, {})} to {_kind(page, value, {})}"
    name = _linked(page, field.type_name) if field.type_name else f"`{_SCALARS[field.type]}`"
    many = field.label == descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
    return f"list of {name}" if many else name


def _enum(
    page: _Page, enum: descriptor_pb2.EnumDescriptorProto, at: tuple[int, ...], within: str
) -> Iterator[str]:
    name = f"{within}{enum.name}"
    yield f"### {name} {{ #{name} }}\n"
    yield from _prose(page.comments.get(at, ""))
    rows = [
        (f"`{value.name}`", str(value.number), _line(page.comments.get((*at, _VALUES, n), "")))
        for n, value in enumerate(enum.value)
    ]
    yield table(("value", "number", "means"), rows) + "\n"


def _line(comment: str) -> str:
    return plain(" ".join(comment.split()))


def _prose(comment: str) -> Iterator[str]:
    """A comment's paragraphs, and what is indented in it as it stands."""
    lines = [line.removeprefix(" ") for line in comment.rstrip().split("\n")]
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        if not paragraph.strip():
            continue
        if all(line.startswith("  ") for line in paragraph.split("\n")):
            yield f"```text\n{dedent(paragraph)}\n```\n"
        else:
            yield f"{plain(paragraph)}\n"
