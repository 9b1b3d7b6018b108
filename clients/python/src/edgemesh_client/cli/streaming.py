"""Work whose text is shown while it comes."""

from __future__ import annotations

from typing import Any

from edgemesh_client.cli.app import STATE
from edgemesh_client.events import Text, Token
from edgemesh_client.result import Result


def streamed(algorithm: str, parameters: dict[str, Any], session: str = "") -> Result:
    """The result, after its text was shown; with --json nothing is, since it is in the document."""
    last: Result | None = None
    events = STATE.client.stream(algorithm, parameters=parameters, session=session, check=False)
    for event in events:
        if isinstance(event, Result):
            last = event
        elif isinstance(event, (Text, Token)) and not STATE.output.as_json:
            STATE.output.write(event.text, stderr=isinstance(event, Text) and event.stderr)
    if last is None:
        raise AssertionError("the last event is the result")
    return last
