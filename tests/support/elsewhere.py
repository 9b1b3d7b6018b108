"""A mesh that others started and keep, such as one in containers: its gateway, and nothing else.

Rules: EDGEMESH_TESTS_AT is where its gateway listens, EDGEMESH_TESTS_KEY what it knows callers by.
A test that reads metrics, kills or calls past the gateway has no place there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, cast

import grpc
import pytest

AT = os.environ.get("EDGEMESH_TESTS_AT", "")
"""host:port of its gateway; empty: the tests start a mesh of their own."""
KEY = os.environ.get("EDGEMESH_TESTS_KEY", "")
_OURS = frozenset({"whole", "direct"})


class Elsewhere:
    """What it has of a mesh."""

    def __init__(self, executors: Sequence[str]) -> None:
        self.executors = tuple(executors)

    def address(self, name: str) -> str:
        """The gateway's, and no other's."""
        if name != "gateway":
            pytest.skip(f"{name} can be reached through the gateway alone")
        return AT

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"{name} is for whoever started the mesh")


def apart(item: pytest.Item) -> bool:
    """Whether a test is of no use there: it calls no gateway that it is given, or needs more."""
    asked = set(cast("Any", item).fixturenames)
    near = item.get_closest_marker("same_machine") is not None
    return "gateway" not in asked or bool(asked & _OURS) or near


class _Keyed:
    """Puts the key beside every call. grpc.aio heeds one kind of an interceptor only: the first."""

    async def intercept(self, go_on: Callable[..., Any], details: Any, message: Any) -> Any:
        """Any of the four kinds of call."""
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        if "authorization" not in metadata:
            metadata.add("authorization", f"Bearer {KEY}")
        return await go_on(details._replace(metadata=metadata), message)


class _UnaryUnary(_Keyed, grpc.aio.UnaryUnaryClientInterceptor):
    intercept_unary_unary: Any = _Keyed.intercept


class _UnaryStream(_Keyed, grpc.aio.UnaryStreamClientInterceptor):
    intercept_unary_stream: Any = _Keyed.intercept


class _StreamUnary(_Keyed, grpc.aio.StreamUnaryClientInterceptor):
    intercept_stream_unary: Any = _Keyed.intercept


class _StreamStream(_Keyed, grpc.aio.StreamStreamClientInterceptor):
    intercept_stream_stream: Any = _Keyed.intercept


KEYED = (_UnaryUnary(), _UnaryStream(), _StreamUnary(), _StreamStream()) if KEY else ()
"""What a channel of a caller with a key has."""
