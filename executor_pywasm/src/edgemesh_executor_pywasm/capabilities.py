"""What programs may be granted here: the names, and what each of them opens.

    call:<algorithm>     edgemesh.call of it; `call:cpp.*` of all of a namespace, `call:*` of all
    candle               import candle: tensors of ml.tensor, models of ml.embed
    http:<host>          edgemesh.http to that host of the operator's setting `http`
    files:<name>         the files of the operator's folder <name>, below /inputs/files/<name>

Rules: the operator's setting is an allow-list; a request picks from it. What a grant opens is asked
here alone, by the front: never by a worker of itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mesh_service.executor.capabilities import covers

_NAME = re.compile(
    r"call:(?:[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?|\*)|candle|http:(?:\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\*)"
    r"|files:(?:[A-Za-z0-9_-]{1,64}|\*)"
)
_CANDLE = ("ml.tensor", "ml.embed")
FILES = "files:"
CALL = "call:"
HTTP = "http:"


def is_known(name: str) -> bool:
    """Whether this is a capability's name."""
    return _NAME.fullmatch(name) is not None


def may_call(grants: Iterable[str], algorithm: str) -> bool:
    """Whether one of the grants opens that algorithm (its name, with or without a version)."""
    name = algorithm.partition("@")[0]
    return any(
        name in _CANDLE if grant == "candle" else covers(grant, CALL + name) for grant in grants
    )


def calls(grants: Iterable[str]) -> bool:
    """Whether anything outside can be asked with them."""
    return any(grant == "candle" or grant.startswith((CALL, HTTP)) for grant in grants)
