"""`python -m edgemesh_dashboard`: serve the dashboard until told to stop."""

from __future__ import annotations

import asyncio
import logging
import sys

from edgemesh_dashboard.service import serve
from edgemesh_dashboard.settings import Settings, SettingsError

REFUSED = 2


def main() -> int:
    """Serve it; returns the exit code."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return REFUSED
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(message)s")
    # Each request of ours for metrics would be a line.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
