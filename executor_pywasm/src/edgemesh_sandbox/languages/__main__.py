"""Makes what languages need and is not there: `python -m edgemesh_sandbox.languages [--ruby]`.

Rules: run at set-up, never on a request's path; JavaScript takes some seconds, Ruby about a minute
of processor time. Says in one line what failed and exits with 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgemesh_sandbox.built import default_images_dir
from edgemesh_sandbox.cache import locked, sweep
from edgemesh_sandbox.errors import SandboxError
from edgemesh_sandbox.languages.javascript import JavaScript
from edgemesh_sandbox.languages.program import make
from edgemesh_sandbox.languages.ruby import Ruby
from edgemesh_sandbox.progress import step

_RECIPES = {language.recipe.name: language.recipe for language in (JavaScript, Ruby)}
_KEPT = dict.fromkeys(_RECIPES, 4)
"""How many of each are kept: those of other checkouts and versions that may still be in use."""


def main() -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m edgemesh_sandbox.languages")
    parser.add_argument("--ruby", action="store_true", help="also Ruby; needs npm")
    parser.add_argument("--images", type=Path, default=default_images_dir(), help="where they lie")
    given = parser.parse_args()
    try:
        with locked(given.images):
            for name in _RECIPES if given.ruby else ("javascript",):
                with step(f"making {name}"):
                    make(given.images, _RECIPES[name])
            sweep(given.images, _KEPT)
    except (SandboxError, OSError) as error:
        print(f"languages: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
