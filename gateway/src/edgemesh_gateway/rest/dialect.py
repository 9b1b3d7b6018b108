"""In which words a caller is told what was wrong: a table by paths.

Rules: what was wrong is `problem`'s, here it is only said in the words of those who ask.
"""

from __future__ import annotations

from starlette.responses import Response

from edgemesh_gateway.rest import answers, inference
from edgemesh_gateway.rest.openai import errors as openai
from edgemesh_gateway.rest.problem import Problem

_DIALECTS = (("/v1/", openai.refused), ("/v2", inference.refused))


def refused(path: str, found: Problem) -> Response:
    """The answer of a path to a problem."""
    for beginning, told in _DIALECTS:
        if path.startswith(beginning):
            return told(found)
    return answers.refused(found)
