"""The docker package's errors → ours.

Rules: the one place that reads what an engine says. Its messages are no interface, so they are read
last, where its status says too little; what is not understood stays EngineRefused, in its words.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

import requests
from docker.errors import APIError, DockerException, ImageNotFound

from edgemesh_containers import errors

_PORT = re.compile(
    r"Bind for (?P<bind>\S+) failed: port is already allocated"
    r"|listen (?:tcp|udp)\w* (?P<listen>\S+): bind: address already in use"
    r"|failed to bind host port (?:for )?(?P<host>[^\s:]+:\d+)"
)
_NAME = re.compile(r'name "/?(?P<name>[^"]+)" is already in use')
_RUNTIME = re.compile(
    r"(?:[Uu]nknown runtime specified|invalid runtime name:?)\s*(?P<name>[^\s\"]+)"
)
_PROGRAM = re.compile(r"fork/exec (?P<program>/\S+): (?P<why>[^:]+)")
_SUBNETS = re.compile(r"non-overlapping IPv4 address pool|predefined address pools .*subnetted")
_SOURCE = re.compile(r"bind source path does not exist: (?P<path>\S+)")


@contextmanager
def translated(doing: str, *, url: str = "", image: str = "", network: str = "") -> Generator[None]:
    """Raise a ContainersError for what the docker package raises inside.

    `doing`: what was to be done; the others: what it was about.
    """
    try:
        yield
    except ImageNotFound:
        raise errors.ImageMissing(image or doing) from None
    except APIError as error:
        raise of(doing, str(error.explanation or error), network) from error
    except (DockerException, requests.exceptions.RequestException, OSError) as error:
        raise errors.EngineAbsent(url, absent(error)) from error


def of(doing: str, said: str, network: str = "") -> errors.ContainersError:
    """What an engine's refusal means."""
    if found := _PORT.search(said):
        return errors.PortInUse(next(each for each in found.groups() if each))
    if found := _NAME.search(said):
        return errors.NameInUse(found["name"])
    if found := _RUNTIME.search(said):
        # Which it knows is asked before anything is made: here it changed its mind in between.
        return errors.RuntimeUnknown(found["name"], ())
    if found := _PROGRAM.search(said):
        return errors.RuntimeBroken(found["program"], found["why"])
    if _SUBNETS.search(said):
        return errors.NetworksExhausted(network or doing)
    if found := _SOURCE.search(said):
        return errors.SourceMissing(found["path"], "its place")
    return errors.EngineRefused(doing, " ".join(said.split()))


def absent(error: BaseException) -> str:
    """Why nobody answers, without the layers that it went through."""
    deepest: BaseException = error
    while (below := deepest.__cause__ or deepest.__context__) is not None:
        deepest = below
    if isinstance(deepest, OSError) and deepest.strerror:
        return deepest.strerror
    return str(error)
