"""Does one peer's works, on request: `python serve.py PEER`, in that peer's environment.

Rules: lines of JSON. `{"work": …, …}` makes a work ready and warms it up, `{}` does it once;
`{"parts": {"…": milliseconds of one unit}}` or `{"error": …}` comes out. What is read in and what
comes out of each peer is the same: texts, pictures and sounds in, vectors and tokens out. Knows
nothing of the bench: no package of it is in a peer's environment.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

Do = Callable[[], dict[str, float]]
"""Does a work once: what took how many milliseconds."""


def main() -> None:
    """Answer until stdin ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints by itself is no answer
    works: dict[str, Callable[[dict[str, Any]], Do]] | None = None
    do: Do = dict
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        try:
            if works is None:
                works = importlib.import_module(f"with_{sys.argv[1]}").WORKS
            if asked:
                do = works[asked["work"]](asked)
            answer: dict[str, Any] = {"parts": do()}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=out, flush=True)
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
