"""The inner side of a process that is thrown away (`executor.throwaway` is the outer one).

Rules: it is called as `… PATH DESCRIPTOR`; what it finds goes to the pipe, a line of JSON at a
time, since what it looks at may write to stdout; it leaves without running anything of that again.
It imports next to nothing: somebody waits for it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

Tell: TypeAlias = Callable[[Mapping[str, Any]], None]


def main(look: Callable[[Path, Tell], Mapping[str, Any]]) -> NoReturn:
    """Look, tell what was found, leave. `look` may tell `{"stage": …}` before it goes on."""
    path, report = Path(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.set_inheritable(report, False)
    with open(report, "wb", buffering=0) as pipe:

        def tell(what: Mapping[str, Any]) -> None:
            pipe.write(f"{json.dumps(what)}\n".encode())

        tell(look(path, tell))
    os._exit(0)
